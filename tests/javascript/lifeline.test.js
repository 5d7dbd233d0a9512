import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Lifeline } from "../../dashboard/web/common/lifeline.js";

const page = new EventTarget();
const document = Object.assign(new EventTarget(), { hidden: false });
Object.assign(globalThis, {
  document,
  addEventListener: page.addEventListener.bind(page),
  removeEventListener: page.removeEventListener.bind(page),
});

let said, lifeline;
beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setInterval", "Date"], now: 1_000_000 });
  document.hidden = false;
  said = [];
  lifeline = new Lifeline({ ask: () => said.push("ask"), silent: () => said.push("silent"), woke: () => said.push("woke") });
});
afterEach(() => lifeline.destroy());

/** Lets a time pass, tick by tick: the mocked clock stands still while it calls several. */
const pass = (ms) => {
  for (let passed = 0; passed < ms; passed += 250) mock.timers.tick(250);
};

/** A connection that has told all that it begins with. */
const settled = () => {
  lifeline.watch();
  lifeline.settle();
};

/** Time in which a page could do nothing, of which its clock tells afterwards. */
const sleep = (ms) => {
  mock.timers.setTime(Date.now() + ms);
  pass(250);
};

test("where nothing comes it asks, and after a second without an answer says that nobody is there", () => {
  settled();
  pass(750);
  assert.deepEqual(said, []);
  pass(250);
  assert.deepEqual(said, ["ask"]);
  pass(750);
  assert.deepEqual(said, ["ask"]);
  pass(250);
  assert.deepEqual(said, ["ask", "silent"]);
});

test("where something comes it does not ask", () => {
  settled();
  for (let second = 0; second < 20; second++) {
    pass(500);
    lifeline.hear();
  }
  assert.deepEqual(said, []);
});

test("whoever answers is there", () => {
  settled();
  for (let second = 0; second < 20; second++) {
    pass(1250);
    lifeline.hear();
  }
  assert.equal(said.includes("silent"), false);
  assert.equal(said.length, 20);
});

test("of a slow server the answer is awaited for longer, and later no more", () => {
  settled();
  pass(1000);
  pass(750);
  lifeline.hear(); // after 0.75 s: for three times as long
  pass(1000);
  pass(2000);
  assert.deepEqual(said, ["ask", "ask"]);
  pass(250);
  assert.deepEqual(said, ["ask", "ask", "silent"]);
  lifeline.hear();
  for (let second = 0; second < 240; second++) {
    pass(500);
    lifeline.hear();
  }
  said = [];
  pass(2000);
  assert.deepEqual(said, ["ask", "silent"]);
});

test("a new connection may be silent for longer until it has told all that it begins with", () => {
  lifeline.watch();
  pass(7750);
  assert.deepEqual(said, []);
  pass(250);
  assert.deepEqual(said, ["silent"]);
});

test("without a connection it neither asks nor complains", () => {
  settled();
  lifeline.rest();
  pass(60_000);
  assert.deepEqual(said, []);
});

test("a page that wakes asks at once, and does not judge by what it could not hear", () => {
  settled();
  pass(1000);
  said = [];
  sleep(60_000);
  assert.deepEqual(said, ["ask", "woke"]);
  pass(750);
  assert.deepEqual(said, ["ask", "woke"]);
  pass(250);
  assert.deepEqual(said, ["ask", "woke", "silent"]);
});

test("time in which the page was busy counts as little", () => {
  settled();
  pass(1000);
  sleep(1500);
  assert.deepEqual(said, ["ask"]);
});

for (const [name, target] of Object.entries({ online: page, pageshow: page, resume: document, visibilitychange: document }))
  test(`it asks at once on ${name}, and no more once it has ended`, () => {
    settled();
    target.dispatchEvent(new Event(name));
    assert.deepEqual(said, ["ask", "woke"]);
    lifeline.destroy();
    target.dispatchEvent(new Event(name));
    pass(5000);
    assert.deepEqual(said, ["ask", "woke"]);
  });

test("a hidden page asks seldom", () => {
  document.hidden = true;
  document.dispatchEvent(new Event("visibilitychange"));
  settled();
  pass(9750);
  assert.deepEqual(said, []);
  pass(250);
  assert.deepEqual(said, ["ask"]);
});
