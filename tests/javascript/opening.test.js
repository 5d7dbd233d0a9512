import assert from "node:assert/strict";
import { test } from "node:test";

import { likeliest, verdict } from "../../dashboard/web/opening/guess.js";
import { between, duration, mean, pathOf, scale, stepAt, timeOf } from "../../dashboard/web/opening/moving.js";

test("a task begins at step 0, comes to every step, and ends at the last", () => {
  assert.equal(stepAt(0, 3), 0);
  for (const step of [0, 1, 2, 3]) assert.equal(stepAt(timeOf(step), 3), step);
  assert.equal(stepAt(duration(3), 3), 3);
});

test("the steps never go back, and rest at each whole one", () => {
  const times = Array.from({ length: 500 }, (_, i) => (i * duration(3)) / 499);
  const steps = times.map((time) => stepAt(time, 3));
  for (let i = 1; i < steps.length; i++) assert.ok(steps[i] >= steps[i - 1]);
  for (const step of [0, 1, 2, 3]) assert.ok(steps.filter((at) => at === step).length > 20, `step ${step}`);
});

test("half a step is halfway between two curves, and the last one stays as it is", () => {
  const curves = [
    [0, 2],
    [1, 0],
  ];
  assert.deepEqual(between(curves, 0.5), [0.5, 1]);
  assert.deepEqual(between(curves, 1), [1, 0]);
});

test("paths, scales and means", () => {
  assert.equal(pathOf([0, 1], [0, 1], scale([0, 1], [0, 600]), scale([-1, 1], [100, 0])), "M0.0 50.0L600.0 0.0");
  assert.equal(mean([1, 2, 6]), 3);
});

test("the verdict says what both said, and whether they were right", () => {
  const question = { examples: [], query: "", right: 2, before: [0.1, 0.7, 0.2], after: [0.05, 0.05, 0.9] };
  assert.equal(likeliest(question.after), 2);
  assert.equal(verdict(question, 2), "You said C, and so it is. The network, before it saw the examples: B, with 70%. After one step on the five examples: C, with 90%, which is right.");
  assert.match(verdict({ ...question, after: question.before }, 0), /^You said A; it is C\..*B, with 70%, which is wrong\.$/);
});
