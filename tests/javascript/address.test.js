import assert from "node:assert/strict";
import { test } from "node:test";

import { Address, addressOf, awaitsFirstChoice, forOthers } from "../../dashboard/web/live/address.js";
import { readout } from "../../dashboard/web/live/words.js";

const HERE = { protocol: "http:", hostname: "localhost", port: "8501", origin: "http://localhost:8501", pathname: "/", search: "?old", hash: "" };

test("an address has the set-up, the step that the run is at, and the changes behind it", () => {
  assert.equal(addressOf("a=1&b=2", 0, HERE), "http://localhost:8501/?a=1&b=2");
  assert.equal(addressOf("a=1&t=5.alpha.2", 7, HERE), "http://localhost:8501/?a=1&at=7&t=5.alpha.2");
  assert.equal(addressOf("a=1", 7, { ...HERE, hash: "#x" }, "http://10.0.0.3"), "http://10.0.0.3/?a=1&at=7#x");
  assert.equal(addressOf(null, 7, HERE), "http://localhost:8501/?old"); // nothing is known yet
});

/** @param {Record<string, string>} dataset */
const documentOf = (dataset) => Object.assign(new EventTarget(), { documentElement: { dataset } });

test("behind the first minute the address keeps no set-up until somebody leaves it, so that a reload shows it again", (run) => {
  const written = /** @type {string[]} */ ([]);
  run.mock.timers.enable({ apis: ["setTimeout"] });
  const dataset = /** @type {Record<string, string>} */ ({ mamlOpening: "" });
  const page = documentOf(dataset);
  Object.assign(globalThis, { location: { ...HERE, search: "" }, document: page, addEventListener() {}, removeEventListener() {} });
  Object.assign(globalThis, { history: { state: null, replaceState: (/** @type {null} */ _, /** @type {string} */ __, /** @type {string} */ to) => written.push(to.split("?")[1]) } });
  const address = new Address(() => 0, () => true);
  address.state(/** @type {any} */ ({ share: "a=1", run: "one", playing: false, reach: null }));
  run.mock.timers.tick(5000);
  assert.deepEqual(written, []);
  delete dataset.mamlOpening;
  page.dispatchEvent(new Event("maml-begin"));
  assert.deepEqual(written, ["a=1"]);
  address.destroy();
  page.dispatchEvent(new Event("maml-begin"));
  assert.deepEqual(written, ["a=1"]);
  assert.equal(awaitsFirstChoice({ mamlOpening: "" }, { search: "?a=1" }), false); // opened again, from the page itself
});

test("the address is written at once for another run, and once a second for what goes on changing", (run) => {
  const written = /** @type {string[]} */ ([]);
  run.mock.timers.enable({ apis: ["setTimeout"] });
  const pass = (/** @type {number} */ ms) => run.mock.timers.tick(ms);
  Object.assign(globalThis, { location: HERE, document: documentOf({}), addEventListener() {}, removeEventListener() {} });
  Object.assign(globalThis, { history: { state: null, replaceState: (/** @type {null} */ _, /** @type {string} */ __, /** @type {string} */ to) => written.push(to.split("?")[1]) } });
  const address = new Address(() => 0, () => true);
  const state = (/** @type {string} */ share, key = "one") => address.state(/** @type {any} */ ({ share, run: key, playing: false, reach: null }));
  state("a=1");
  assert.deepEqual(written, ["a=1"]);
  for (const alpha of [2, 3, 4]) state(`a=${alpha}`), pass(100);
  assert.deepEqual(written, ["a=1"]);
  pass(700);
  assert.deepEqual(written, ["a=1", "a=4"]); // the newest
  state("a=5"), pass(10);
  state("a=6", "another");
  assert.deepEqual(written, ["a=1", "a=4", "a=6"]);
  pass(3000);
  assert.deepEqual(written, ["a=1", "a=4", "a=6", "a=6"]); // with the step that it has come to meanwhile
  address.destroy();
});

test("others get this machine's address in its network, where the page's own leads them nowhere", () => {
  assert.deepEqual(forOthers(null, HERE), { origin: HERE.origin });
  assert.deepEqual(forOthers({ local_only: true, lan: null }, { ...HERE, hostname: "maml.org" }), { origin: HERE.origin });
  const reached = forOthers({ local_only: false, lan: "192.168.1.5" }, HERE);
  assert.equal(reached.origin, "http://192.168.1.5:8501");
  assert.match(reached.note, /its network, 192\.168\.1\.5,/);
  assert.equal(forOthers({ local_only: false, lan: "fd00::1" }, { ...HERE, port: "", hostname: "[::1]" }).origin, "http://[fd00::1]");
});

test("where nobody else can come by, the note says what would let them in", () => {
  assert.match(forOthers({ local_only: true, lan: null }, HERE).note, /Only this machine can open localhost\. To let others in, .*--host 0\.0\.0\.0/);
  assert.match(forOthers({ local_only: false, lan: null }, { ...HERE, hostname: "127.0.0.1" }).note, /in no network/);
});

test("the newest numbers are said in the run's metric, and what is not known is left out", () => {
  const numbers = { steps_per_s: 3, step_ms: 12.34, training: 0.5, before: 1, after: 0.25, held_out_step: 1220 };
  assert.equal(readout({ numbers, metric: "loss", step: 1220 }, true), "training 0.5  ·  held-out 1 → 0.25  ·  12.3 ms a step");
  assert.equal(readout({ numbers: { ...numbers, step_ms: null, after: null }, metric: "accuracy", step: 1220 }, true), "training 50.0%  ·  held-out 100.0% → not finite");
  assert.equal(readout({ numbers: { steps_per_s: null, step_ms: null, training: null, before: null, after: null, held_out_step: null }, metric: "loss", step: 0 }, true), "");
});

test("where a run stands, numbers of an earlier outer step say which it is", () => {
  const numbers = { steps_per_s: null, step_ms: null, training: 0.5, before: 1, after: 0.25, held_out_step: 1220 };
  assert.equal(readout({ numbers, metric: "loss", step: 1234 }, true), "training 0.5  ·  held-out at step 1,220 1 → 0.25");
  assert.equal(readout({ numbers, metric: "loss", step: 1234 }, false), "training 0.5  ·  held-out 1 → 0.25");
});
