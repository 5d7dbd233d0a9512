// A run's state as the page of a class shows it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { whereabouts } from "../../dashboard/web/class/strip.js";
import { ENDED, OTHERS_RUN, ended, inClass } from "../../dashboard/web/live/class.js";

/** @import { ClassState } from "../../dashboard/web/class/protocol.js" */
/** @import { State } from "../../dashboard/web/live/protocol.js" */

const DIALS = ["alpha", "beta", "num_inner_steps"];
const trains = /** @type {State} */ (/** @type {unknown} */ ({ step: 248, playing: true, computing: true, status: { kind: "running", sentence: "" }, locked: {}, invitation: "Drag α, β and N and see what changes." }));
const told = (/** @type {Partial<ClassState>} */ changes) => /** @type {ClassState} */ ({ type: "class", teaches: false, dials: "teacher", ...changes });

test("who has the dials can turn them, and nobody else of the class but the teacher", () => {
  for (const mayTurn of [null, told({ teaches: true }), told({ dials: "mine" })]) assert.deepEqual(inClass(trains, mayTurn).locked, {});
  const locked = Object.fromEntries(DIALS.map((dial) => [dial, OTHERS_RUN]));
  for (const dials of /** @type {const} */ (["teacher", "student", "away"])) assert.deepEqual(inClass(trains, told({ dials })).locked, locked);
});

test("when the class has ended the run stands where it was last seen, and nothing can be turned", () => {
  const { step, playing, computing, status, locked, invitation } = ended(trains);
  assert.deepEqual([step, playing, computing, status.kind, invitation], [248, false, false, "ended", ""]);
  assert.deepEqual(locked, Object.fromEntries(DIALS.map((dial) => [dial, ENDED])));
});

test("that the run goes on without its teacher is said of one that trains alone", () => {
  const away = told({ here: false, follows: true });
  assert.match(whereabouts(away, true), /stays open, and its run goes on\.$/);
  assert.match(whereabouts(away, false), /stays open\.$/);
});
