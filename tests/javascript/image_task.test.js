import assert from "node:assert/strict";
import { test } from "node:test";

import { ImageTask } from "../../dashboard/web/live/image_task.js";

// Two classes, an image of 2 x 1 pixels of each to adapt to and one to judge; two of three kernels of 1 x 1; theta_0 and theta_1.
const FLOATS = Float32Array.of(
  ...[0.75, 0.25, 0.75, 0.25], // theta_0 takes both query images for A
  ...[0.75, 0.25, 0.25, 0.75],
  ...[1, -2, 3, -2], // the kernels with theta_0, with theta_1
  ...[0, 0], // eight bytes
);
const header = (more = {}) => ({
  steps: { count: 2, num_inner_steps: 1, support_loss: [1, 0.5], query_loss: [1, 0.5], accuracy: [0.5, 1] },
  images: {
    ...{ shape: [1, 1, 2], ink: true, names: ["alpha", ""], ways: 2, support_labels: [0, 1], query_labels: [0, 1] },
    ...{ probabilities: 0, filters: 8, filters_shape: [2, 1, 1, 1], units: [4, 7], num_units: 3, pixels: 12, ...more },
  },
});
const task = new ImageTask({ header: header(), floats: FLOATS }, null);

test("answers are read off the step that is looked at, or between two", () => {
  assert.deepEqual([...task.shares(1, 0)], [0.75, 0.25]);
  assert.deepEqual([...task.shares(1, 0.5)], [0.5, 0.5]);
  assert.deepEqual([task.matrix(0), task.matrix(1)], [
    { title: "θ_0: 50% right", counts: [[1, 0, 0], [1, 0, 0]] },
    { title: "θ_1: 100% right", counts: [[1, 0, 0], [0, 1, 0]] },
  ]);
});

test("pixels that a frame does not bring are those of the frame before", () => {
  assert.equal(task.pixels.length, 8);
  const next = new ImageTask({ header: header({ pixels: undefined }), floats: FLOATS }, task);
  assert.equal(next.pixels, task.pixels);
});

test("what is pointed at is said in words", () => {
  const at = { x: 0, y: 0, width: 1, height: 1 };
  assert.deepEqual(task.words({ kind: "image", query: 1, ...at }, 0, 0), ["true B, predicted A: wrong", "A 75%  B 25%"]);
  assert.deepEqual(task.words({ kind: "image", query: 0, ...at }, 1, 1), ["true A, predicted A: right", "alpha", "A 75%  B 25%"]);
  assert.deepEqual(task.words({ kind: "cell", matrix: 1, truth: 1, answer: -1, count: 2, all: 3, ...at }, 1, 1), ["true B, answered with no number", "2 of 3, θ_1"]);
  assert.deepEqual(task.words({ kind: "filter", panel: 2, filter: 0, ...at }, 1, 1), ["filter 5", "length 1, moved by 2"]);
});

test("the kernels that are drawn are named, as few as they are", () => {
  assert.equal(task.which(), "2 of the first layer's 3 kernels: those that 1 inner step moves most");
  const still = new ImageTask({ header: header({ filters: 0, probabilities: 0, num_units: 3 }), floats: new Float32Array(14) }, null);
  assert.equal(still.which(), "The first 2 of the first layer's 3 kernels; inner steps move none of them");
  assert.equal(new ImageTask({ header: header({ num_units: 2 }), floats: FLOATS }, null).which(), "");
  assert.deepEqual(task.panels(1).map(({ title, kernels, scale }) => [title, [...kernels], scale]), [
    ["θ_0", [1, -2], 3],
    ["θ_1", [3, -2], 3],
    ["θ_1 − θ_0", [2, 0], 2],
  ]);
});

test("the table has the rows of what is looked at", () => {
  assert.deepEqual(task.rows("images", 1).rows, [[1, "A", "A", 0.75, 0.25], [2, "B", "B", 0.25, 0.75]]);
  assert.deepEqual(task.rows("confusion", 1).rows.at(-1), [1, "B", 0, 1, 0]);
  assert.deepEqual(task.rows("filters", 1).rows, [[5, 1, 1, 1, 1, 3], [8, 1, 1, 1, -2, -2]]);
});

test("of query images whose classes nobody knows there is nothing to count", () => {
  const open = new ImageTask({ header: header({ query_labels: [-1, -1] }), floats: FLOATS }, null);
  assert.match(open.why("confusion"), /Nobody knows the classes/);
  assert.deepEqual([open.why("images"), open.rows("confusion", 1).rows], ["", []]);
  assert.deepEqual(open.words({ kind: "image", query: 0, x: 0, y: 0, width: 1, height: 1 }, 0, 0), ["predicted A", "A 75%  B 25%"]);
});
