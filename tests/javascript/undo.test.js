// What the Undo button offers after a restart, and after ghosts were removed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { undoable } from "../../dashboard/web/live/undo.js";

const quiet = { left: 0, before: null, removals: 0, removed: null };
const restarted = { ...quiet, left: 1, before: 120 };
const removed = { ...restarted, removals: 1, removed: "Ghost 2" };

test("what happened before the page was opened is not offered", () => {
  assert.equal(undoable(null, null, removed), null);
});

test("a restart is offered, and then a removal in its place", () => {
  const first = undoable(null, quiet, restarted);
  assert.deepEqual([first?.type, first?.title], ["undo", "Bring the run before the restart back, at outer step 120 (u)"]);
  assert.equal(undoable(first, restarted, restarted), first);
  const second = undoable(first, restarted, removed);
  assert.deepEqual([second?.type, second?.title], ["restore_ghosts", "Bring back: Ghost 2 (u)"]);
  assert.equal(undoable(second, removed, { ...removed }), second);
});

test("nothing is offered that cannot be done any more", () => {
  const offered = undoable(null, restarted, removed);
  assert.equal(undoable(offered, removed, { ...removed, removed: null }), null);
  assert.equal(undoable(undoable(null, quiet, restarted), restarted, { ...restarted, before: null }), null);
});

test("a restart of a few steps is nothing to bring back", () => {
  assert.equal(undoable(null, quiet, { ...quiet, left: 1 }), null);
});
