import assert from "node:assert/strict";
import test from "node:test";

import { place, withPoint } from "../../dashboard/web/live/points.js";

const plot = /** @type {PlotlyNode} */ (/** @type {unknown} */ ({
  layout: { margin: { l: 50, r: 10, t: 5, b: 40 }, xaxis: { range: [-5, 5] }, yaxis: { range: [-4, 4] } },
  getBoundingClientRect: () => ({ left: 100, right: 360, top: 200, bottom: 345 }),
}));

test("a click is a place on the axes, and nothing beside them", () => {
  assert.deepEqual(place(plot, { clientX: 150, clientY: 305 }), [-5, -4]);
  assert.deepEqual(place(plot, { clientX: 250, clientY: 255 }), [0, 0]);
  assert.deepEqual(place(plot, { clientX: 350, clientY: 205 }), [5, 4]);
  assert.equal(place(plot, { clientX: 140, clientY: 255 }), null);
  assert.equal(place(plot, { clientX: 250, clientY: 320 }), null);
});

test("a point is written as those before it", () => {
  assert.equal(withPoint("", [1.234, -0.5]), "1.23, -0.5\n");
  assert.equal(withPoint("x, y\n1, 2", [3, 4]), "x, y\n1, 2\n3, 4\n");
  assert.equal(withPoint("1\t2\n", [0.5, 4]), "1\t2\n0.5\t4\n");
  assert.equal(withPoint("-4; 1,2\n0; -3\n", [1.5, -2]), "-4; 1,2\n0; -3\n1,5; -2\n");
  assert.equal(withPoint("1 2\n", [3, 4]), "1 2\n3 4\n");
});
