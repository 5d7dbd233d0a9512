// Where the arrow keys lead among a chart's points, and what is said there.

import assert from "node:assert/strict";
import { test } from "node:test";

import { led, lines, said, spot } from "../../dashboard/web/common/reading.js";

const CHART = {
  title: "Loss",
  axisTitles: () => ({ x: "outer step", y: "query loss (MSE)" }),
  traces: () => [
    { name: "before (θ<sub>0</sub>)", x: [0, 10, 20, 30], y: [4, 3, NaN, 2] },
    { name: "hidden", x: [0], y: [1], hidden: true },
    { name: "after", x: [9, 19], y: [1.5, 0.00012] },
    { name: "empty", x: [], y: [] },
  ],
};
const SHADES = {
  title: "Landscape",
  rows: () => ({ head: ["series", "x", "y", "value"], rows: [["support", 0, -1, 5], ["support", 1, -1, 6], ["support", 0, 1, 7], ["support", 1, 1, 8], ["query", 0, 0, 9]] }),
};

/** What is said on a walk by these keys. */
function walk(chart, ...keys) {
  const all = lines(chart);
  let at = null;
  return keys.map((key) => {
    const before = at;
    at = led(all, at, key);
    return said(all, at, before);
  });
}

test("the series are those that have points and are not hidden", () => {
  assert.deepEqual(lines(CHART).map(({ name, points }) => [name, points.length]), [["before (θ_0)", 3], ["after", 2]]);
});

test("the first key leads to the first point, left and right to its neighbours and no farther, and a series is named once", () => {
  assert.deepEqual(walk(CHART, "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"), [
    "before (θ_0): outer step 0, query loss (MSE) 4 (1 of 3)",
    "outer step 10, query loss (MSE) 3 (2 of 3)",
    "outer step 30, query loss (MSE) 2 (3 of 3)",
    "outer step 30, query loss (MSE) 2 (3 of 3)",
    "outer step 10, query loss (MSE) 3 (2 of 3)",
  ]);
});

test("up and down lead to the nearest x of another series", () => {
  assert.deepEqual(walk(CHART, "End", "ArrowDown", "ArrowDown", "ArrowUp", "Home"), [
    "before (θ_0): outer step 30, query loss (MSE) 2 (3 of 3)",
    "after: outer step 19, query loss (MSE) 1.2e-4 (2 of 2)",
    "outer step 19, query loss (MSE) 1.2e-4 (2 of 2)",
    "before (θ_0): outer step 10, query loss (MSE) 3 (2 of 3)",
    "outer step 0, query loss (MSE) 4 (1 of 3)",
  ]);
});

test("PageDown leaps over ten points", () => {
  const x = Array.from({ length: 25 }, (_, i) => i);
  const long = { ...CHART, traces: () => [{ name: "a", x, y: x }] };
  assert.match(walk(long, "Home", "PageDown", "PageDown", "PageDown", "PageUp").at(-1), /outer step 14, .* \(15 of 25\)/);
});

test("a picture in shades is read row by row, the highest first", () => {
  assert.deepEqual(walk(SHADES, "ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown"), [
    "support, y 1: x 0, value 7 (1 of 2)",
    "x 1, value 8 (2 of 2)",
    "support, y −1: x 1, value 6 (2 of 2)",
    "query, y 0: x 0, value 9 (1 of 1)",
  ]);
});

test("series of one name are told apart, so that none is passed over", () => {
  const twice = { ...CHART, traces: () => [1, 2, 3].map((y) => ({ name: "trail", x: [0], y: [y] })) };
  assert.deepEqual(walk(twice, "Home", "ArrowDown", "ArrowDown").map((words) => words.split(":")[0]), ["trail", "trail (2)", "trail (3)"]);
});

test("what stands in a column is said by its word, and up and down keep its number", () => {
  const columned = { ...CHART, column: (/** @type {number} */ x) => ["body", "head"][x], traces: () => ["a", "b"].map((name) => ({ name, x: [0, 1], y: [0.1, 0.2] })) };
  assert.match(walk(columned, "End", "ArrowDown").at(-1), /^b: outer step head, .* 0\.2 \(2 of 2\)/);
});

test("other keys are none of the reader's, and without points no key leads anywhere", () => {
  assert.equal(led(lines(CHART), null, "p"), undefined);
  assert.equal(led(lines(CHART), null, "Tab"), undefined);
  assert.equal(led([], null, "ArrowRight"), null);
});

test("a line that is gone, as after a reset, leads to the first point; one that became shorter to its last", () => {
  const all = lines(CHART);
  assert.deepEqual(led(all, { line: "ghost", point: 5 }, "ArrowRight"), { line: "before (θ_0)", point: 0 });
  assert.deepEqual(led(all, { line: "after", point: 90 }, "ArrowLeft"), { line: "after", point: 0 });
  assert.equal(said(all, { line: "ghost", point: 5 }), "");
});

test("a point has its place on linear and on logarithmic axes, and none outside of them", () => {
  const plot = { clientWidth: 260, clientHeight: 145, layout: { margin: { l: 50, r: 10, t: 5, b: 40 }, xaxis: { range: [0, 100] }, yaxis: { type: "log", range: [-2, 2] } } };
  assert.deepEqual(spot(plot, 50, 1), { left: 150, top: 55 });
  assert.deepEqual(spot(plot, 0, 0.01), { left: 50, top: 105 });
  assert.equal(spot(plot, 101, 1), null);
  assert.equal(spot(plot, 50, 0), null);
  assert.equal(spot(plot, NaN, 1), null);
});
