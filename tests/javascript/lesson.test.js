import assert from "node:assert/strict";
import { test } from "node:test";

import { goingOn, lessonQuery, progressed, standing } from "../../dashboard/web/live/lesson.js";
import { between, nice, placed, ticksOf } from "../../dashboard/web/live/prediction_axis.js";

const LINEAR = { low: 0, high: 100, logarithmic: false };
const LOG = { low: 0.001, high: 1, logarithmic: true };

test("a place on an axis and the number there belong together", () => {
  for (const axis of [LINEAR, LOG]) for (const at of [0, 0.25, 0.5, 1]) assert.ok(Math.abs(placed(axis, between(axis, at)) - at) < 1e-12);
  assert.equal(placed(LOG, 0.1).toFixed(6), "0.666667");
  assert.deepEqual([placed(LINEAR, -3), placed(LINEAR, 300), placed(LOG, 0)], [0, 1, 0]);
});

test("numbers are short, and never beyond the axis", () => {
  assert.deepEqual([nice(51.4, LINEAR), nice(0.123456, LOG), nice(0.0001, LOG), nice(400, LINEAR)], [51, 0.12, 0.001, 100]);
});

test("ticks are powers of ten, or even places", () => {
  assert.deepEqual(ticksOf(LOG), [0.001, 0.01, 0.1, 1]);
  assert.deepEqual(ticksOf({ low: 2, high: 8, logarithmic: true }), [2, 8]);
  assert.deepEqual(ticksOf(LINEAR), [0, 25, 50, 75, 100]);
});

test("nobody goes back in what is done", () => {
  const first = progressed({}, { name: "a", step: 3, steps: 4, done: true, seed: 0 });
  assert.deepEqual(first, { a: { step: 3, steps: 4, done: true } });
  assert.deepEqual(progressed(first, { name: "a", step: 0, steps: 4, done: true, seed: 0 }), first);
  assert.deepEqual(progressed({}, { name: "a", step: 1, steps: 4, done: true, seed: 0 }).a, { step: 1, steps: 4, done: false });
});

test("a lesson goes on with the random numbers with which it was begun, and others begin at its first step", () => {
  const seeded = progressed({}, { name: "a", step: 2, steps: 4, done: true, seed: 2 });
  assert.equal(standing(seeded.a), "at step 3 of 4, with the random numbers of seed 2");
  assert.equal(goingOn("a", seeded.a), "?lesson=a&seed=2");
  const usual = progressed(seeded, { name: "a", step: 0, steps: 4, done: false, seed: 0 });
  assert.equal(standing(usual.a), "at step 1 of 4");
  assert.equal(goingOn("a", usual.a), "?lesson=a");
  assert.equal(standing(progressed({ a: { step: 3, steps: 4, done: true } }, { name: "a", step: 0, steps: 4, done: false, seed: 1 }).a), "done");
  assert.deepEqual([standing(undefined), goingOn("b", undefined)], ["", "?lesson=b"]);
});

test("an address names the lesson, its step from one on, and another seed", () => {
  assert.equal(lessonQuery({ name: "over-the-edge", step: 2, seed: 0 }), "?lesson=over-the-edge&step=3");
  assert.equal(lessonQuery({ name: "over-the-edge", step: 0, seed: 4 }), "?lesson=over-the-edge&step=1&seed=4");
});
