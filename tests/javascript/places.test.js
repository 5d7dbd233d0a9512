// Which cards of presenter mode are large, and where they stand.

import assert from "node:assert/strict";
import { test } from "node:test";

import { USUAL, enlarged, grid, shown } from "../../dashboard/web/live/places.js";

test("a chosen card takes the older one's place, and the other one stays where it is", () => {
  const first = enlarged(USUAL, 3, 2);
  assert.deepEqual(first, { slots: [3, 2], newest: 0 });
  assert.deepEqual(enlarged(first, 5, 2), { slots: [3, 5], newest: 1 });
});

test("one that is large already stays alone, and gets company again", () => {
  const alone = enlarged(USUAL, 2, 2);
  assert.deepEqual(alone, { slots: [2], newest: 0 });
  assert.deepEqual(enlarged(alone, 4, 2), { slots: [2, 4], newest: 1 });
});

test("where one has room the newest is shown, and a run with fewer charts shows what it has", () => {
  assert.deepEqual(shown(USUAL, 5, 1), [2]);
  assert.deepEqual(shown({ slots: [1, 5], newest: 1 }, 4, 2), [1]);
  assert.deepEqual(shown({ slots: [5], newest: 0 }, 4, 2), [1]);
  assert.deepEqual(enlarged(USUAL, 4, 1), { slots: [4], newest: 0 });
});

/** @param {string} area */
const cells = (area) => area.split(" / ").map(Number);

test("no two cards stand in one place, and together they fill the grid", () => {
  for (const beside of [true, false]) {
    for (const count of [2, 3, 4, 5, 6]) {
      for (const large of [[1], [2, 1], [1, count]]) {
        if (new Set(large).size < large.length) continue;
        const { template, areas } = grid(large, count, beside);
        const strip = count - large.length;
        const rows = beside ? Math.max(strip, 1) : strip ? 2 : 1;
        const columns = beside ? large.length + (strip ? 1 : 0) : large.length * Math.max(strip, 1);
        const taken = areas.flatMap((area) => {
          const [top, left, bottom, right] = cells(area);
          const last = bottom < 0 ? rows + 1 : bottom;
          return Array.from({ length: (last - top) * (right - left) }, (_, at) => `${top + Math.floor(at / (right - left))},${left + (at % (right - left))}`);
        });
        assert.equal(new Set(taken).size, taken.length, `${template} ${areas}`);
        assert.equal(taken.length, rows * columns, `${template} ${areas}`);
      }
    }
  }
});
