import assert from "node:assert/strict";
import { test } from "node:test";

import { MOST, Waiting, isRequest } from "../../dashboard/web/common/waiting.js";

const set = (changes, drag = null) => ({ type: "set", changes, drag });
const asked = (waiting) => waiting.all.map(({ request: _, ...message }) => message);

function waitingFor(...messages) {
  const waiting = new Waiting();
  for (const message of messages) waiting.add(message);
  return waiting;
}

test("what is asked for is kept in order, under numbers that grow", () => {
  const presses = ["play", "outer_step", "outer_step", "pause", "reset"].map((type) => ({ type }));
  const waiting = waitingFor(...presses);
  assert.deepEqual(asked(waiting), presses);
  assert.deepEqual(waiting.all.map(({ request }) => request), [1, 2, 3, 4, 5]);
});

test("the later value of a dial takes the place of the earlier one, and of no other dial", () => {
  const waiting = waitingFor(set({ alpha: 0.1, beta: 0.2 }, 7), { type: "undo" }, set({ alpha: 0.3 }, 8), set({ alpha: 0.4 }, 8));
  assert.deepEqual(asked(waiting), [set({ beta: 0.2 }, 7), { type: "undo" }, set({ alpha: 0.4 }, 8)]);
});

test("of a choice only the newest counts", () => {
  const waiting = waitingFor({ type: "metric", metric: "loss" }, { type: "own_points", text: "1 2" }, { type: "reset" }, { type: "metric", metric: "accuracy" }, { type: "own_points", text: "1 2\n3 4" });
  assert.deepEqual(asked(waiting), [{ type: "reset" }, { type: "metric", metric: "accuracy" }, { type: "own_points", text: "1 2\n3 4" }]);
});

test("what the server took is forgotten, and the rest stays", () => {
  const waiting = waitingFor({ type: "play" }, { type: "outer_step" }, { type: "pause" });
  waiting.taken(2);
  assert.deepEqual(waiting.all, [{ type: "pause", request: 3 }]);
  waiting.taken(0); // another server, which took none of this page's
  assert.deepEqual(waiting.all, [{ type: "pause", request: 3 }]);
});

test("there is a bound, which a slider that is dragged does not reach", () => {
  const waiting = new Waiting();
  for (let move = 0; move < 10 * MOST; move++) assert.notEqual(waiting.add(set({ alpha: move })), null);
  for (let press = 1; press < MOST; press++) assert.notEqual(waiting.add({ type: "outer_step" }), null);
  assert.equal(waiting.all.length, MOST);
  assert.equal(waiting.add({ type: "outer_step" }), null);
  assert.equal(waiting.all.length, MOST);
  assert.notEqual(waiting.add(set({ alpha: 1 })), null); // takes the place of another
});

test("each page's requests have a sender of their own", () => {
  assert.notEqual(new Waiting().sender, new Waiting().sender);
});

test("what a connection says of itself is no request", () => {
  assert.deepEqual(["ack", "visible", "pause_hidden", "play", "set", "freeze"].filter((type) => !isRequest({ type })), ["ack", "visible", "pause_hidden"]);
});
