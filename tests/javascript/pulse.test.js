import assert from "node:assert/strict";
import { test } from "node:test";

import { pulse } from "../../dashboard/web/common/pulse.js";

test("the dot of what goes on changes every 0.8 s while frames come, and is set no oftener", () => {
  const set = /** @type {string[]} */ ([]);
  const dataset = new Proxy(/** @type {DOMStringMap} */ ({}), {
    set(held, name, value) {
      set.push(value);
      return Reflect.set(held, name, value);
    },
  });
  for (let now = 0; now < 3200; now += 100) pulse({ dataset }, now);
  assert.deepEqual(set, ["0", "1", "0", "1"]);
  pulse({ dataset }, 3210); // a frame after a pause of any length finds it lit or dim, never stuck
  assert.equal(dataset.pulse, "0");
});
