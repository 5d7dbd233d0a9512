import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { ReadingTime } from "../../dashboard/web/common/reading_time.js";

let place, done;
beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  place = Object.assign(new EventTarget(), { hidden: false });
  done = 0;
});
afterEach(() => mock.timers.reset());

const begin = (options = {}) => new ReadingTime(1000, () => (done += 1), { place, ...options });
const move = () => place.dispatchEvent(new Event("pointermove"));
const hide = (hidden) => {
  place.hidden = hidden;
  place.dispatchEvent(new Event("visibilitychange"));
};

test("what answers somebody has its time at once", () => {
  begin({ asked: true });
  mock.timers.tick(999);
  assert.equal(done, 0);
  mock.timers.tick(1);
  assert.equal(done, 1);
});

test("what was not asked for stays until somebody comes, and then as long as reading takes", () => {
  begin();
  mock.timers.tick(600_000);
  assert.equal(done, 0);
  move();
  mock.timers.tick(500);
  move(); // who is there does not begin anew
  mock.timers.tick(499);
  assert.equal(done, 0);
  mock.timers.tick(1);
  assert.equal(done, 1);
});

test("somebody who is there from the start is waited for no longer than reading takes", () => {
  begin();
  mock.timers.tick(300);
  move();
  mock.timers.tick(700);
  assert.equal(done, 1);
});

test("while the page is hidden nobody reads, whoever was there before", () => {
  begin({ asked: true });
  mock.timers.tick(900);
  hide(true);
  mock.timers.tick(600_000);
  assert.equal(done, 0);
  hide(false);
  mock.timers.tick(999);
  assert.equal(done, 0);
  mock.timers.tick(1);
  assert.equal(done, 1);
});

test("where something else has to be said it takes its time and no longer", () => {
  begin().hurry();
  mock.timers.tick(1000);
  assert.equal(done, 1);

  const late = begin();
  mock.timers.tick(5000);
  late.hurry();
  assert.equal(done, 2);
});

test("ended, it calls nobody", () => {
  begin({ asked: true }).end();
  move();
  hide(false);
  mock.timers.tick(5000);
  assert.equal(done, 0);
});
