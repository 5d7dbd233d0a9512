import assert from "node:assert/strict";
import { test } from "node:test";

import { Remaining } from "../../dashboard/web/sweeps/remaining.js";

test("how long it takes is known after a while, follows the speed, and is forgotten where there is more to do", () => {
  const remaining = new Remaining();
  assert.deepEqual([remaining.seconds(1000, 10), remaining.seconds(900, 11)], [NaN, NaN]);
  assert.equal(remaining.seconds(700, 13), 7); // 100 a second
  assert.equal(remaining.seconds(650, 14), 6.5);
  assert.equal(remaining.seconds(100, 16), 100 / 150); // 200 a second lately
  assert.ok(Number.isNaN(remaining.seconds(2000, 17)));
});
