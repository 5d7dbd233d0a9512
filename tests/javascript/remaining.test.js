import assert from "node:assert/strict";
import { test } from "node:test";

import { Remaining } from "../../dashboard/web/sweeps/remaining.js";

test("how long it takes is known after a while, follows the speed, and is forgotten where there is more to do", () => {
  const remaining = new Remaining();
  assert.deepEqual([remaining.seconds(10_000, 10), remaining.seconds(9900, 11)], [NaN, NaN]);
  assert.equal(remaining.seconds(9700, 13), 97); // 100 a second
  for (let at = 14; at <= 60; at++) remaining.seconds(9700 - 200 * (at - 13), at);
  assert.equal(remaining.seconds(200, 60.2), 200 / ((9700 - 200 * 27 - 200) / (60.2 - 40))); // 200 a second lately
  assert.ok(Number.isNaN(remaining.seconds(20_000, 61)));
});

test("work that is done in lumps makes no jumps", () => {
  const remaining = new Remaining();
  const said = [];
  for (let at = 0; at <= 60; at++) said.push(remaining.seconds(6000 - 300 * Math.floor(at / 3), at)); // 100 a second, all three seconds
  for (const [i, seconds] of said.slice(10).entries()) assert.ok(Math.abs(seconds - (60 - (i + 10))) <= 5 + 0.15 * (60 - i), `${i}: ${seconds}`);
});

test("while nothing is done, nobody knows", () => {
  const remaining = new Remaining();
  for (let at = 0; at < 30; at++) assert.ok(Number.isNaN(remaining.seconds(100, at)));
});
