// The row of ghosts: what their lines are called, and where the focus goes when one is removed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { heir, traceNames } from "../../dashboard/web/live/ghosts.js";

test("a line is called by its ghost's number and name, whatever its place", () => {
  const ghost = { dash: "solid", sentence: "", shown: true };
  const ghosts = [
    { ...ghost, number: 4, trace: "ghost_3", name: "α 0.02" },
    { ...ghost, number: 5, trace: "ghost_0", name: "the same settings" },
  ];
  assert.deepEqual(traceNames(ghosts), { ghost_3: "ghost 4: α 0.02", ghost_0: "ghost 5: the same settings" });
});

test("the focus goes to the next ghost, or to the one before", () => {
  assert.equal(heir([1, 2, 3], [1, 3], 2), 3);
  assert.equal(heir([1, 2, 3], [1, 2], 3), 2);
  assert.equal(heir([2, 3], [2, 3], 2), 2);
  assert.equal(heir([1], [], 1), null);
});
