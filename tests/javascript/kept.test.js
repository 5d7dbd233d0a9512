import assert from "node:assert/strict";
import { test } from "node:test";

import { entries, lookAt, withLook } from "../../dashboard/web/sweeps/kept.js";

const AXES = [{ name: "alpha", title: "Inner step size α", symbol: "α", values: [0.01, 0.1] }];
const VIEW = { x: "alpha", y: null, slices: {}, metric: "loss", color: "alpha", over: "best", colors: "clipped" };
const LOOK = { view: VIEW, pins: [1, 0], charts: ["rank", "pins"] };
const entry = (/** @type {string} */ name) => ({ name, axes: AXES, look: LOOK });

test("a sweep is looked at as it was, whatever was looked at in between", () => {
  const kept = entries(JSON.stringify(withLook(withLook([], entry("one")), entry("two"))));
  assert.deepEqual(kept.map(({ name }) => name), ["two", "one"]);
  assert.deepEqual(lookAt(kept, "one", AXES), LOOK);
  assert.equal(lookAt(kept, "three", AXES), null);
});

test("another sweep that has the name by now is looked at afresh", () => {
  assert.equal(lookAt([entry("one")], "one", [{ ...AXES[0], values: [0.01, 0.2] }]), null);
});

test("the newest look at a sweep counts, and old ones go", () => {
  const newest = { ...entry("one"), look: { ...LOOK, pins: [] } };
  const kept = withLook([entry("two"), entry("one")], newest);
  assert.deepEqual(kept, [newest, entry("two")]);
  const many = Array.from({ length: 20 }, (_, i) => entry(`sweep ${i}`)).reduce(withLook, []);
  assert.equal(many.length, 8);
  assert.equal(many[0].name, "sweep 19");
});

test("a text that is none of ours keeps nothing", () => {
  for (const text of [null, "", "{", "3", "null", "[null, 3, {}]", '[{"name": "one", "look": {"view": {}}}]']) assert.deepEqual(entries(text), []);
});
