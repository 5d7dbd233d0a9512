// Saved moments: stepping through them, removing one, and what is read of what the tab kept.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fate, read, restored, stepped, without } from "../../dashboard/web/live/moments.js";

/** @param {string} name */
const moment = (name) => ({ name, step: 1, address: "v=1", view: { chart: "path", metric: /** @type {const} */ ("loss"), task: null, draw: 0 }, sight: { presents: false, large: { slots: [1], newest: 0 }, k: null } });
const all = ["a", "b", "c"].map(moment);

test("a clicker begins at the first, goes on one by one and stays at the ends", () => {
  assert.equal(stepped({ all, at: null }, 1), 0);
  assert.equal(stepped({ all, at: null }, -1), 2);
  assert.equal(stepped({ all, at: 1 }, 1), 2);
  assert.equal(stepped({ all, at: 2 }, 1), 2);
  assert.equal(stepped({ all, at: 0 }, -1), 0);
  assert.equal(stepped({ all: [], at: null }, 1), null);
});

test("what is left without one of them is opened where it was", () => {
  assert.deepEqual(without({ all, at: 2 }, 0), { all: all.slice(1), at: 1 });
  assert.deepEqual(without({ all, at: 0 }, 2), { all: all.slice(0, 2), at: 0 });
  assert.deepEqual(without({ all, at: 1 }, 1), { all: [all[0], all[2]], at: null });
});

test("one that was removed comes back where it was, and leaves the others as they are by now", () => {
  const renamed = { ...all[2], name: "another name" };
  const removed = { moment: all[1], place: 1, wasOpen: true };
  assert.deepEqual(restored({ all: [all[0], renamed], at: null }, removed), { all: [all[0], all[1], renamed], at: 1 });
  assert.deepEqual(restored({ all: [all[0], renamed], at: 1 }, removed), { all: [all[0], all[1], renamed], at: 2 });
  assert.deepEqual(restored({ all: [all[0], renamed], at: 0 }, { ...removed, wasOpen: false }), { all: [all[0], all[1], renamed], at: 0 });
});

test("a moment that was opened is said once: of the run that is there, or of the one that was trained up to it, and of none that comes later", () => {
  const state = { run: "a", step: 40, then: null, playing: false, computing: false };
  const opening = { from: "a", there: null, step: 12 };
  assert.equal(fate(opening, { ...state, playing: true }), "awaited");
  assert.equal(fate(opening, { ...state, then: 12 }), "shown");
  assert.equal(fate({ ...opening, step: 40 }, state), "shown");
  assert.equal(fate(opening, { ...state, run: "b", step: 3, playing: true }), "awaited");
  assert.equal(fate(opening, { ...state, run: "b", step: 12, computing: true }), "awaited");
  const trained = { ...state, run: "b", step: 12 };
  assert.equal(fate(opening, trained), "trained");
  assert.equal(fate({ ...opening, there: "b" }, trained), "trained");
  assert.equal(fate({ ...opening, there: "b" }, { ...trained, run: "c" }), "gone"); // somebody reset it on its way
  assert.equal(fate({ ...opening, there: "b" }, { ...trained, run: "a" }), "gone"); // or brought the run before back
});

test("what the tab kept is read back, and what is nothing of ours is nothing", () => {
  assert.deepEqual(read(JSON.stringify({ all, at: 1 })), { all, at: 1 });
  for (const text of [null, "", "{}", '{"all": [1], "at": 0}', '{"all": [{"name": 3}]}']) assert.deepEqual(read(text), { all: [], at: null });
});
