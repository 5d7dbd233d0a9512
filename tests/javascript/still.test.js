import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Still } from "../../dashboard/web/common/still.js";

const page = new EventTarget();
globalThis.addEventListener = page.addEventListener.bind(page);

let root, done, still;
beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  root = Object.assign(new EventTarget(), { closest: (selector) => (selector.split(", ").includes(root.kind) ? root : null), kind: "button" });
  done = [];
  still = new Still(root);
});

const down = () => root.dispatchEvent(new Event("pointerdown"));
const act = (name) => still.then(() => done.push(name));

test("what comes while a button is pressed waits for the click, and stays in order", () => {
  act("before");
  down();
  act("one");
  act("two");
  assert.deepEqual(done, ["before"]);
  page.dispatchEvent(new Event("pointerup"));
  assert.deepEqual(done, ["before"]); // the click comes first
  mock.timers.tick(0);
  assert.deepEqual(done, ["before", "one", "two"]);
  act("after");
  assert.equal(done.at(-1), "after");
});

test("a button that is kept down does not stop the page", () => {
  down();
  act("waits");
  mock.timers.tick(999);
  assert.deepEqual(done, []);
  mock.timers.tick(1);
  assert.deepEqual(done, ["waits"]);
});

test("who drags a slider sees what comes of it", () => {
  root.kind = "input";
  down();
  act("at once");
  assert.deepEqual(done, ["at once"]);
});
