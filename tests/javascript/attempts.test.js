import assert from "node:assert/strict";
import { test } from "node:test";

import { attempted } from "../../dashboard/web/common/attempts.js";

const failing = (/** @type {number} */ times) => {
  const tried = { count: 0 };
  return { tried, action: async () => {
    if (tried.count++ < times) throw new Error(`attempt ${tried.count}`);
    return "done";
  } };
};

test("what works is done once", async () => {
  const { tried, action } = failing(0);
  assert.deepEqual([await attempted(action, [1, 1]), tried.count], ["done", 1]);
});

test("what fails is done once more after each wait, until it works", async () => {
  const { tried, action } = failing(2);
  assert.deepEqual([await attempted(action, [1, 1]), tried.count], ["done", 3]);
});

test("the last failure is told", async () => {
  const { tried, action } = failing(5);
  await assert.rejects(attempted(action, [1, 1]), /attempt 3/);
  assert.equal(tried.count, 3);
});
