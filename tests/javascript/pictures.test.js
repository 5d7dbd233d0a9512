import assert from "node:assert/strict";
import { test } from "node:test";

import { confusion } from "../../dashboard/web/live/matrices.js";
import { arrange, predicted } from "../../dashboard/web/live/pictures.js";

test("a confusion matrix counts every image once: its class the row, the answer the column, no number the last", () => {
  assert.deepEqual(confusion([0, 0, 1, 2, 2], [0, 1, 1, -1, 2], 3), [
    [1, 1, 0, 0],
    [0, 1, 0, 0],
    [0, 0, 1, 1],
  ]);
});

test("the most probable class is predicted, none where something is not a number", () => {
  assert.deepEqual([[0.2, 0.5, 0.3], [0.5, 0.5], [1, NaN]].map((p) => predicted(Float32Array.from(p))), [1, 0, -1]);
});

const TASK = { width: 600, height: 300, ways: 5, shots: 5, queries: 5, text: 12 };

test("a task of five classes stands whole, in rows that its place has room for", () => {
  const found = arrange(TASK);
  assert.deepEqual([found.shots, found.queries, found.blocks * found.rows >= 5], [5, 5, true]);
  assert.ok(found.rowHeight * found.rows <= 300);
  assert.ok(found.lines * (found.size + 3) <= found.rowHeight + 3);
  assert.ok((found.columns[0] + found.columns[1]) * found.size <= found.blockWidth);
});

test("more room makes images larger, to a limit", () => {
  const sizes = [0.5, 1, 2, 10].map((scale) => arrange({ ...TASK, width: 600 * scale, height: 300 * scale }).size);
  assert.deepEqual(sizes, sizes.toSorted((a, b) => a - b));
  assert.equal(sizes.at(-1), 96);
});

test("of many images only as many are shown as can be seen", () => {
  const found = arrange({ ...TASK, ways: 20, shots: 20, queries: 15 });
  assert.ok(found.size >= 14 || (found.shots === 1 && found.queries === 1));
  assert.ok(found.shots < 20);
});

test("many classes stand in blocks side by side", () => {
  const { blocks, rows } = arrange({ ...TASK, ways: 20, shots: 1, queries: 1, height: 160 });
  assert.ok(blocks > 1 && blocks * rows >= 20);
});

test("classes stay where they are while a question above takes some height, and until it is worth the change", () => {
  const wide = { width: 494, ways: 5, shots: 1, queries: 3, text: 12 };
  const rows = ({ blocks, lines, wide }) => [blocks, lines, wide];
  const before = arrange({ ...wide, height: 171 });
  const asked = arrange({ ...wide, height: 127 }, before);
  assert.notDeepEqual(rows(arrange({ ...wide, height: 127 })), rows(before)); // as it would stand without a before
  assert.deepEqual(rows(asked), rows(before));
  assert.ok(asked.size >= 14 && asked.rowHeight * asked.rows <= 127);
  assert.deepEqual(arrange({ ...wide, height: 171 }, asked), before); // the question is closed
  const low = arrange({ ...wide, height: 80 }, before); // images that say nothing are not kept
  assert.deepEqual(rows(low), rows(arrange({ ...wide, height: 80 })));
  for (const other of [{ width: 700 }, { ways: 3 }, { queries: 5 }, { text: 16 }]) {
    const room = { ...wide, height: 127, ...other };
    assert.deepEqual(arrange(room, before), arrange(room));
  }
});

test("without room nothing is drawn", () => {
  assert.equal(arrange({ ...TASK, width: 20, height: 10 }).size, 0);
});
