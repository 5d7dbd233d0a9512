import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Socket } from "../../dashboard/web/common/socket.js";

// What of a browser the socket needs.
class Line {
  static CONNECTING = 0;
  static OPEN = 1;
  static all = [];
  readyState = 0;
  sent = [];
  constructor(url) {
    this.url = url;
    Line.all.push(this);
  }
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.readyState = 3;
  }
  open() {
    this.readyState = 1;
    this.onopen();
  }
  say(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }
  /** Greets a page of whose requests so many were taken. */
  welcome(taken = 0) {
    this.open();
    this.say({ type: "welcome", run_key: "key", tab: "tab" });
    this.say({ type: "taken", request: taken });
  }
  lose(code = 1006) {
    this.readyState = 3;
    this.onclose({ code });
  }
  get asked() {
    return this.sent.filter(({ type }) => type !== "hello").map(({ type, request }) => `${type} ${request ?? ""}`.trim());
  }
}

const noop = () => {};
const memory = new Map();
const storage = { getItem: (key) => memory.get(key) ?? null, setItem: (key, value) => memory.set(key, value), removeItem: (key) => memory.delete(key) };
Object.assign(globalThis, {
  WebSocket: Line,
  window: { sessionStorage: storage },
  document: { hidden: false, addEventListener: noop, removeEventListener: noop },
  location: { href: "http://here/" },
  addEventListener: noop,
  removeEventListener: noop,
});

const { window } = globalThis;
/** Lets a time pass, tick by tick. */
const pass = (ms) => {
  for (let passed = 0; passed < ms; passed += 250) mock.timers.tick(250);
};

let links = [];
let full = 0;
const handlers = { message: noop, frame: noop, link: (link) => links.push(link), full: () => full++ };
const newest = () => Line.all.at(-1);

beforeEach(() => {
  Line.all = [];
  [links, full] = [[], 0];
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
});

test("what is pressed before there is a connection is sent once there is one", () => {
  const socket = new Socket("token", handlers, "live");
  socket.send({ type: "play" });
  newest().open();
  socket.send({ type: "outer_step" });
  assert.deepEqual(newest().asked, []); // the server may yet say that it does not know the page
  newest().say({ type: "welcome", run_key: "key", tab: "tab" });
  newest().say({ type: "taken", request: 0 });
  assert.deepEqual(newest().asked, ["play 1", "outer_step 2"]);
});

test("what is pressed while the connection is lost is sent once, in order, when it is back", () => {
  const socket = new Socket("token", handlers, "live");
  newest().welcome();
  newest().lose();
  socket.send({ type: "outer_step" });
  socket.send({ type: "reset" });
  mock.timers.tick(600);
  newest().welcome();
  assert.deepEqual(newest().asked, ["outer_step 1", "reset 2"]);
  newest().say({ type: "taken", request: 1 });
  newest().say({ type: "taken", request: 2 });
  newest().lose();
  mock.timers.tick(600);
  newest().welcome(2);
  assert.deepEqual(newest().asked, []);
  assert.deepEqual(links, ["open", "lost", "open", "lost", "open"]);
});

test("a page whose place another socket has taken does not take it back", () => {
  new Socket("token", handlers, "live");
  newest().welcome();
  newest().lose(4409);
  mock.timers.tick(60_000);
  assert.equal(Line.all.length, 1);
  assert.deepEqual(links, ["open", "lost"]);
});

test("what went out over a connection that was dead already is sent again, and nothing that arrived", () => {
  const socket = new Socket("token", handlers, "live");
  newest().welcome();
  for (const type of ["play", "outer_step", "pause"]) socket.send({ type });
  assert.equal(newest().asked.length, 3);
  newest().lose();
  mock.timers.tick(600);
  newest().welcome(2); // the third did not arrive
  assert.deepEqual(newest().asked, ["pause 3"]);
});

test("the socket to a server that was started again goes on with what waits", () => {
  const socket = new Socket("old", handlers, "live");
  newest().welcome();
  socket.send({ type: "play" });
  newest().say({ type: "taken", request: 1 });
  newest().lose();
  socket.send({ type: "outer_step" });
  mock.timers.tick(600);
  newest().open();
  newest().say({ type: "gone" });
  socket.send({ type: "pause" });
  const [before] = Line.all[0].sent;
  assert.equal(socket.of("old"), socket);
  socket.of("new");
  newest().welcome();
  assert.equal(newest().sent[0].sender, before.sender);
  assert.deepEqual(newest().asked, ["outer_step 2", "pause 3"]);
});

test("what a connection says of itself is neither kept nor numbered", () => {
  const socket = new Socket("token", handlers, "live");
  socket.send({ type: "ack", frame: 1 });
  newest().welcome();
  socket.send({ type: "ack", frame: 2 });
  assert.deepEqual(newest().asked, ["ack"]);
  newest().lose();
  mock.timers.tick(600);
  newest().welcome();
  assert.deepEqual(newest().asked, []);
});

test("what is too much to keep is said", () => {
  const socket = new Socket("token", handlers, "live");
  for (let press = 0; press < 101; press++) socket.send({ type: "outer_step" });
  assert.equal(full, 1);
  newest().welcome();
  assert.equal(newest().asked.length, 100);
});

test("beside a line on which nobody answers another one is laid, and takes its place once it is there", () => {
  const socket = new Socket("token", handlers, "live");
  newest().welcome();
  const [silent] = Line.all;
  pass(1000);
  assert.deepEqual(silent.asked, ["ping"]);
  socket.send({ type: "play" });
  pass(1000);
  assert.deepEqual(links, ["open", "lost"]);
  assert.equal(silent.readyState, 1); // it may be only slow
  newest().welcome();
  assert.equal(silent.readyState, 3);
  assert.deepEqual(newest().asked, ["play 1"]);
  assert.deepEqual(links, ["open", "lost", "open"]);
  assert.equal(silent.onmessage, null); // what it may still say is not heard
  assert.equal(silent.onclose, null);
});

test("a line that was only slow stays, and the other one says nothing", () => {
  new Socket("token", handlers, "live");
  newest().welcome();
  pass(2000);
  const [slow, other] = Line.all;
  slow.say({ type: "pong" });
  assert.deepEqual([slow.readyState, other.readyState], [1, 3]);
  assert.deepEqual(other.sent, []);
  assert.deepEqual(links, ["open", "lost", "open"]);
  pass(750);
  assert.equal(Line.all.length, 2);
});

test("a line that does not come about is given up, and tried anew soon however often", () => {
  new Socket("token", handlers, "live");
  for (let attempt = 1; attempt < 12; attempt++) {
    assert.equal(Line.all.length, attempt);
    assert.equal(newest().readyState, 0);
    pass(2750);
  }
  newest().welcome();
  assert.deepEqual(links, ["lost", "open"]);
});

test("after a silence of the line Streamlit opens its own anew, but not where it has done so already", async () => {
  const answered = mock.method(globalThis, "fetch", () => Promise.resolve());
  globalThis.CloseEvent = Event;
  for (const isSame of [true, false]) {
    let ended = 0;
    window.mamlStream = Object.assign(new EventTarget(), { readyState: 1, close: noop });
    window.mamlStream.addEventListener("close", () => ended++);
    const socket = new Socket("token", handlers, "live");
    newest().welcome();
    pass(2000);
    if (!isSame) window.mamlStream = Object.assign(new EventTarget(), { readyState: 1, close: noop });
    newest().welcome();
    for (let turn = 0; turn < 20; turn++) await null;
    assert.equal(ended, isSame ? 1 : 0);
    socket.close();
  }
  assert.equal(answered.mock.callCount(), 6);
  delete window.mamlStream;
});
