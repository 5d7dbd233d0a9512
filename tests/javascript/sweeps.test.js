// What the sensitivity screen says and marks, made of numbers alone.

import assert from "node:assert/strict";
import { test } from "node:test";

import { choices } from "../../dashboard/web/sweeps/axes.js";
import { counts } from "../../dashboard/web/sweeps/header.js";
import { atPlace, frozenRows, frozenTexts, laneTexts, mapTexts, marks, meanTexts, selectedCurves, wrapped } from "../../dashboard/web/sweeps/marking.js";
import { short } from "../../dashboard/web/common/format.js";
import { VERDICT, differenceCell, differenceWords, first, groupWords, seedWords, valueWords, verdict } from "../../dashboard/web/sweeps/standing.js";
import { compared } from "../../dashboard/web/sweeps/table.js";

const AXES = [
  { name: "alpha", title: "alpha", symbol: "α", values: [0.01, 0.1] },
  { name: "beta", title: "beta", symbol: "β", values: [] },
  { name: "order", title: "order", symbol: "order", values: ["first", "second", null] },
];
const VIEW = { x: "alpha", y: "beta", slices: { order: "second" }, metric: "loss", color: "alpha", over: "best", colors: "clipped" };

const choice = (view, label, axes = AXES) => choices(axes, view).find((each) => each.label === label);

test("the axes of a map exchange their places where one is asked for that the other has", () => {
  assert.deepEqual(choice(VIEW, "across").change("beta"), { x: "beta", y: "alpha" });
  assert.deepEqual(choice(VIEW, "across").change("order"), { x: "order", y: "beta" });
  assert.deepEqual(choice(VIEW, "up").change("alpha"), { y: "alpha", x: "beta" });
  assert.deepEqual(choice(VIEW, "up").change(""), { y: null, x: "alpha" });
  assert.deepEqual(choice({ ...VIEW, y: null }, "up").change("alpha"), { y: "alpha", x: "alpha" });
});

test("every other axis with a list of values has one of them, or the best", () => {
  const { chosen, options, change } = choice(VIEW, "order");
  assert.deepEqual([chosen, options], ["1", [["", "best"], ["0", "first"], ["1", "second"], ["2", "none"]]]);
  assert.deepEqual(change("0"), { slices: { order: "first" } });
  assert.deepEqual(change(""), { slices: { order: null } });
  assert.equal(choice({ ...VIEW, slices: {} }, "order").chosen, "");
  assert.deepEqual(choices(AXES, { ...VIEW, x: "order" }).map(({ label }) => label), ["across", "up", "colour of curves", "over the others", "colours", "α"]);
  assert.deepEqual(choices(AXES.slice(0, 1), { ...VIEW, y: null }), []); // a single axis leaves no choice
});

test("what stands for settings that share a place is a choice where some do, and how results are coloured where there is a map", () => {
  assert.equal(choice(VIEW, "over the others"), undefined); // the only other axis has a value
  const all = { ...VIEW, slices: {} };
  assert.deepEqual(choice(all, "over the others").change("mean"), { over: "mean" });
  assert.deepEqual(choice({ ...all, over: "mean" }, "order").options[0], ["", "mean"]);
  assert.deepEqual(choice(all, "colours").options.map(([value]) => value), ["clipped", "whole", "quantiles"]);
  assert.equal(choice({ ...all, y: null }, "colours"), undefined);
});

test("over an axis that changes the held-out tasks there is a lowest or a highest, and no best", () => {
  const axes = AXES.map((axis) => ({ ...axis, changes_tasks: axis.name === "order" }));
  const all = { ...VIEW, slices: {} };
  const options = (view, label) => choice(view, label, axes).options[0];
  assert.deepEqual([options(all, "over the others"), options(all, "order")], [["best", "lowest"], ["", "lowest"]]);
  assert.deepEqual(options({ ...all, metric: "accuracy" }, "order"), ["", "highest"]);
  assert.deepEqual(options({ ...all, over: "mean" }, "order"), ["", "mean"]);
});

test("a mean says of how many settings it is, how far it is known, and what is not in it", () => {
  const unknown = [NaN, NaN];
  const places = [
    [2, 1, 4, 2, 1, 0, 1.9, 2.1, 1.5, 3], [NaN, NaN, NaN, 0, 0, 3, ...unknown, ...unknown],
    [5, 5, 5, 1, 0, 0, 4.5, 5.5, ...unknown],
  ];
  assert.deepEqual(meanTexts({ x: [0, 1, 2], customdata: Float32Array.from(places.flat()) }, short, 3), [
    "mean 2 of 2 settings, from 1 to 4<br>1.9 to 2.1 over tasks<br>1.5 to 3 over 3 seeds<br>1 diverged, not in the mean",
    "no setting is finished here<br>3 not finished, pruned or left out",
    "mean 5 of one setting<br>4.5 to 5.5 over tasks",
  ]);
});

test("all settings of a place are found, whatever came of them", () => {
  const places = { x: [0, 0, 1], y: [5, 5, 5], customdata: Float32Array.of(3, 4, 5) };
  assert.deepEqual([atPlace(places, 0, 5), atPlace(places, 1, 5), atPlace(places, 0, 6)], [[3, 4], [5], []]);
  assert.deepEqual(atPlace({ ...places, y: [1, 2, 3] }, 0, null), [3, 4]);
});

test("progress is said in counts, and time only where it is known", () => {
  const count = { size: 30, diverged: 2, pruned: 0, refused: 1 };
  assert.equal(counts(count, 12, 40.2), "12 of 30 · 2 diverged · 1 left out · 41 s left");
  assert.equal(counts({ ...count, pruned: 3 }, 12, 100), "12 of 30 · 2 diverged · 3 pruned · 1 left out · 2 min left");
  assert.equal(counts({ size: 1200, diverged: 0, pruned: 0, refused: 0 }, 1200, NaN), "1,200 of 1,200");
});

test("rows are sorted either way, and what is missing comes last in both", () => {
  const sorted = (falling) => [0.3, null, 0.1, NaN, 0.2].sort((a, b) => compared(a, b, falling));
  assert.deepEqual(sorted(false).slice(0, 3), [0.1, 0.2, 0.3]);
  assert.deepEqual(sorted(true).slice(0, 3), [0.3, 0.2, 0.1]);
  assert.deepEqual(["second", "first"].sort((a, b) => compared(a, b, false)), ["first", "second"]);
});

const PLACES = { x: Float32Array.of(1, 2, 3), y: Float32Array.of(10, 20, 30), customdata: Float32Array.of(7, 8, 9) };
const lines = (number) => [`α < ${number}`, "λ_max"];

test("marks stand where their settings are, and nowhere where those are not on the map", () => {
  assert.deepEqual(marks(PLACES, [[9, "A"], [5, "B"], [7, "C"]]), { x: [3, 1], y: [30, 10], text: ["A", "C"] });
  assert.deepEqual(marks({}, [[9, "A"]]), { x: [], y: [], text: [] });
});

test("the selected curves are those of the selected settings alone", () => {
  assert.deepEqual(selectedCurves([PLACES, {}, PLACES], new Set([8])), { x: [2, 2], y: [20, 20] });
});

test("hover texts name the setting, and act as no markup", () => {
  assert.deepEqual(mapTexts({ ...PLACES, customdata: Float32Array.of(7) }, lines), ["α &lt; 7<br>λ<sub>max</sub>"]);
  assert.deepEqual(laneTexts({ ...PLACES, customdata: Float32Array.of(7) }, (number) => lines(number)[0]), ["α &lt; 7<br>outer step 1: 10"]);
  assert.deepEqual([mapTexts({}, lines), laneTexts({}, lines)], [[], []]);
});

test("a cell of the frozen map says what adapting came to there", () => {
  const cells = { x: [-2, -1], y: [1, 5], customdata: Float32Array.of(0.5, 0.25, 0, 0.5, NaN, NaN, 1, 1) };
  assert.deepEqual(frozenTexts(cells, short), [
    "α 0.01, 1 inner step: 0.5 ± 0.25<br>0.0% of the tasks diverged, the loss rose on 50.0%",
    "α 0.1, 5 inner steps: diverged<br>100.0% of the tasks diverged, the loss rose on 100.0%",
  ]);
});

test("the frozen map's rows have its numbers, and say diverged where there are none", () => {
  const cells = { x: [-2, -1], y: [3, 3], customdata: Float32Array.of(0.5, 0.25, 0, 0.125, NaN, NaN, 1, 0) };
  assert.deepEqual(frozenRows(cells, "Frozen θ_0").rows, [["Frozen θ_0", 0.01, 3, 0.5, 0.25, 0, 0.125], ["Frozen θ_0", 0.1, 3, "diverged", NaN, 1, 0]]);
});

const STANDING = { reference: 12, best: 12, compared: 20, has_common_tasks: true, alike: 20, objective: "loss", num_seeds: 3, seeds: 0 };
const SETTING = { value: 0.5, over_tasks: 0.03, over_seeds: 0.1, difference: 0.031, difference_over_tasks: 0.02, difference_over_seeds: 0.06, verdict: VERDICT.same };

test("a value has an interval over tasks and one over seeds, each said to be what it is", () => {
  assert.equal(valueWords(SETTING, STANDING), "loss 0.5 ± 0.03 over tasks, ± 0.1 over 3 seeds");
  assert.equal(valueWords({ ...SETTING, over_seeds: NaN }, { ...STANDING, num_seeds: 1, objective: "accuracy" }), "accuracy 50.0% ± 3.0% over tasks");
  assert.equal(seedWords(Float32Array.of(0.5, 0.25, NaN), STANDING), "its seeds: 0.5, 0.25, diverged");
  assert.equal(seedWords(Float32Array.of(0.5), { ...STANDING, num_seeds: 1 }), null);
});

test("a paired difference says from whom, over what, and what is told", () => {
  assert.equal(differenceWords(SETTING, STANDING), "+0.031 ± 0.02 over tasks, ± 0.06 over 3 seeds from the best (12), paired: not told apart");
  assert.equal(differenceWords({ ...SETTING, difference: -0.031, verdict: VERDICT.better }, { ...STANDING, reference: 3 }), "−0.031 ± 0.02 over tasks, ± 0.06 over 3 seeds from A (3), paired: better, by how the seeds of all settings scatter");
  assert.equal(differenceWords({ ...SETTING, verdict: VERDICT.reference }, STANDING), "the best");
  assert.equal(differenceWords({ ...SETTING, verdict: VERDICT.unknown }, STANDING), null);
  assert.equal(differenceWords({ ...SETTING, difference: NaN, verdict: VERDICT.worse }, STANDING), "beside the best (12): worse");
  const elsewhere = { ...SETTING, difference: NaN, verdict: VERDICT.otherTasks };
  assert.match(differenceWords(elsewhere, STANDING) ?? "", /^judged on other held-out tasks/);
  assert.deepEqual([verdict(elsewhere, STANDING), differenceCell(elsewhere, STANDING)], ["other tasks", "–"]);
});

test("a verdict that the intervals beside it do not let expect says what it knows more", () => {
  const far = { ...SETTING, difference_over_seeds: 0.01 };
  assert.match(differenceWords({ ...far, verdict: VERDICT.worse }, STANDING), /paired: worse$/);
  assert.match(differenceWords({ ...SETTING, verdict: VERDICT.worse }, STANDING), /paired: worse, by how the seeds of all settings scatter$/);
  assert.match(differenceWords(far, STANDING), /paired: not told apart, among 20 settings$/);
  assert.match(differenceWords({ ...SETTING, difference_over_seeds: NaN }, { ...STANDING, num_seeds: 1 }), /this training is not told apart, among 20 trainings; one seed/);
});

test("of one seed nothing is claimed of the setting", () => {
  const one = { ...STANDING, num_seeds: 1 };
  const setting = { ...SETTING, difference_over_seeds: NaN };
  assert.equal(differenceWords({ ...setting, verdict: VERDICT.worse }, one), "+0.031 ± 0.02 over tasks from the best (12), paired: this training is worse; one seed, so that nothing is claimed of the setting");
  assert.equal(differenceWords({ ...setting, verdict: VERDICT.reference }, one), "the best; one seed, so that nothing is claimed of the setting");
  assert.equal(groupWords(4, one), "Not told apart from the best: 4 of 20 trainings, corrected for 19 comparisons. One seed: nothing is claimed of the settings.");
  assert.equal(groupWords(4, STANDING), "Not told apart from the best: 4 of 20 settings, corrected for 19 comparisons.");
  assert.equal(groupWords(4, { ...STANDING, reference: 3 }), "Not told apart from A: 4 of 20 settings, corrected for 19 comparisons.");
});

test("of settings that are judged on different held-out tasks none is called the best", () => {
  const across = { ...STANDING, has_common_tasks: false, alike: 5 };
  const reference = { ...SETTING, verdict: VERDICT.reference };
  assert.equal(verdict(reference, across), "lowest");
  assert.equal(verdict(reference, { ...across, objective: "accuracy" }), "highest");
  assert.equal(verdict(reference, { ...across, reference: 3 }), "A");
  assert.equal(differenceWords(reference, across), "the lowest, of settings that are judged on different held-out tasks");
  assert.equal(differenceWords(SETTING, across), "+0.031 ± 0.02 over tasks, ± 0.06 over 3 seeds from the lowest (12), paired: not told apart");
  assert.equal(groupWords(4, across), "Not told apart from the lowest: 4 of 5 settings with its held-out tasks, corrected for 19 comparisons.");
  assert.equal(groupWords(4, { ...across, reference: 3 }), "Not told apart from A: 4 of 5 settings with its held-out tasks, corrected for 19 comparisons.");
  assert.equal(first(across), "lowest"); // which the heading of the differences has
});

test("a narrow cell has the interval over seeds, or with one seed over tasks, and accuracies differ by points", () => {
  assert.equal(differenceCell(SETTING, STANDING), "+0.031 ± 0.06");
  assert.equal(differenceCell({ ...SETTING, difference_over_seeds: 0.0314 }, STANDING), "+0.031 ± 0.031");
  assert.equal(differenceCell({ ...SETTING, difference_over_seeds: NaN }, { ...STANDING, num_seeds: 1 }), "+0.031 ± 0.02");
  assert.equal(differenceCell({ ...SETTING, verdict: VERDICT.reference }, STANDING), "–");
  assert.equal(differenceCell({ ...SETTING, difference: -0.021 }, { ...STANDING, objective: "accuracy" }), "−2.1 ± 6.0");
  assert.equal(verdict({ ...SETTING, verdict: VERDICT.worse }, STANDING), "worse");
  assert.equal(verdict({ ...SETTING, verdict: VERDICT.same }, STANDING), "unclear"); // a loss ten times as high may not be told apart: not "same"
});

test("what stands under the pointer is wrapped where words end", () => {
  assert.deepEqual(wrapped("α 0.1 · N 5"), ["α 0.1 · N 5"]);
  const parts = wrapped("+0.133 ± 0.108 over tasks, ± 0.146 over 3 seeds from the best (8), paired: not told apart");
  assert.deepEqual(parts, ["+0.133 ± 0.108 over tasks, ± 0.146 over 3 seeds from the", "best (8), paired: not told apart"]);
});
