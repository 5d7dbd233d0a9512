import assert from "node:assert/strict";
import { test } from "node:test";

import { roomyTicks } from "../../dashboard/web/common/ticks.js";

const DECADES = Array.from({ length: 13 }, (_, i) => i - 6);
const TICKS = DECADES.flatMap((exponent) => [1, 1.5, 2, 3, 5, 7].map((factor) => Number(`${factor}e${exponent}`)));
const roomy = (range, room) => roomyTicks(TICKS, TICKS.map(String), range, room);

test("all ticks of a narrow range are kept where there is room", () => {
  assert.deepEqual(roomy([0, 1], 10).tickvals, [1, 1.5, 2, 3, 5, 7, 10]);
});

test("less room leaves 1, 2, 5, then 1, 3, then the decades", () => {
  assert.deepEqual(roomy([0, 1], 5).tickvals, [1, 2, 5, 10]);
  assert.deepEqual(roomy([-1, 1], 5).tickvals, [0.1, 0.3, 1, 3, 10]);
  assert.deepEqual(roomy([-2, 2], 5).tickvals, [0.01, 0.1, 1, 10, 100]);
});

test("more decades than there is room for are named every second, every third, ...", () => {
  assert.deepEqual(roomy([-6, 6], 7).tickvals, [1e-6, 1e-4, 0.01, 1, 100, 1e4, 1e6]);
  assert.deepEqual(roomy([-6, 6], 5).tickvals, [1e-6, 1e-3, 1, 1e3, 1e6]);
});

test("every tick keeps its text, and at least three may stand", () => {
  const { tickvals, ticktext } = roomy([-6, 6], 0);
  assert.deepEqual(ticktext, tickvals.map(String));
  assert.ok(tickvals.length >= 1 && tickvals.length <= 3);
});
