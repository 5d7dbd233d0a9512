import assert from "node:assert/strict";
import { test } from "node:test";

import { between } from "../../dashboard/web/live/between.js";

const ROWS = [Float32Array.of(0, 10), Float32Array.of(1, 20), Float32Array.of(2, 0)];

test("at a whole step stands that row itself, behind the last one the last", () => {
  assert.equal(between(ROWS, 1), ROWS[1]);
  assert.equal(between(ROWS, 1.0005), ROWS[1]);
  assert.equal(between(ROWS, 2.7), ROWS[2]);
});

test("between two steps every number is as far on its way as the place is", () => {
  assert.deepEqual([...between(ROWS, 0.5)], [0.5, 15]);
  assert.deepEqual([...between(ROWS, 1.25)], [1.25, 15]);
});
