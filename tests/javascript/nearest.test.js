import assert from "node:assert/strict";
import { test } from "node:test";

import { nearest } from "../../dashboard/web/sweeps/nearest.js";

// 7 8 9
// 4 5 6
// 1 2 3
const NUMBERS = [1, 2, 3, 4, 5, 6, 7, 8, 9];
const X = NUMBERS.map((n) => (n - 1) % 3);
const Y = NUMBERS.map((n) => Math.floor((n - 1) / 3) * 100);
const from = (number, direction) => nearest(NUMBERS, X, Y, number, direction);

test("on a grid an arrow leads to the neighbour, whatever the axes' units", () => {
  assert.deepEqual([from(5, [1, 0]), from(5, [-1, 0]), from(5, [0, 1]), from(5, [0, -1])], [6, 4, 8, 2]);
});

test("at the edge it stays", () => {
  assert.deepEqual([from(3, [1, 0]), from(9, [0, 1])], [3, 9]);
});

test("from nowhere, or from what is not shown, it leads to the first", () => {
  assert.deepEqual([from(null, [1, 0]), from(42, [1, 0])], [1, 1]);
});

test("the straighter way wins over the shorter", () => {
  assert.equal(nearest([1, 2, 3], [0, 4, 1], [0, 0, 1], 1, [1, 0]), 2);
});
