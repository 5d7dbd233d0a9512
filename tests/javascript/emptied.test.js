// A trace that loses its points, which is not animated.

import assert from "node:assert/strict";
import { test } from "node:test";
import { isEmptied } from "../../dashboard/web/common/emptied.js";

test("a trace has lost its points where it was drawn with some, and gets none", () => {
  assert.equal(isEmptied({ x: [1, 2] }, { x: new Float32Array() }), true);
  assert.equal(isEmptied({ x: [1, 2] }, {}), true);
  assert.equal(isEmptied({ x: [1, 2] }, { x: [1] }), false);
  assert.equal(isEmptied({ x: [] }, { x: [] }), false);
  assert.equal(isEmptied({}, {}), false);
});
