import assert from "node:assert/strict";
import { test } from "node:test";

import { pieces } from "../../dashboard/web/common/pieces.js";
import { commaSeparated, picked, points } from "../../dashboard/web/common/rows.js";

const count = (n) => Float32Array.from({ length: n }, (_, i) => i);
const chart = (...traces) => ({ title: "Loss of θ<sub>N</sub>", traces: () => traces, axisTitles: () => ({ x: "outer step", y: "loss" }) });

test("a short series is shown whole, without the points that are no numbers", () => {
  const found = picked(chart({ name: "θ<sub>0</sub>", x: [0, 1, NaN, 3], y: [5, NaN, 7, 8] }));
  assert.deepEqual(found, { caption: "Loss of θ_N: 2 of 2 points", head: ["series", "outer step", "loss"], rows: [["θ_0", 0, 5], ["θ_0", 3, 8]] });
});

test("long series share the rows evenly, and each keeps its first and its last point", () => {
  const { caption, rows } = picked(chart({ name: "a", x: count(1001), y: count(1001) }, { name: "b", x: count(5000), y: count(5000) }));
  assert.equal(caption, "Loss of θ_N: 200 of 6001 points");
  for (const [name, last] of [["a", 1000], ["b", 4999]]) {
    const steps = rows.filter(([series]) => series === name).map(([, x]) => x);
    assert.deepEqual([steps.length, steps[0], steps.at(-1)], [100, 0, last]);
    const gaps = steps.slice(1).map((x, i) => x - steps[i]);
    assert.ok(Math.max(...gaps) - Math.min(...gaps) <= 1);
  }
});

test("a series without points has no row", () => {
  assert.deepEqual(picked(chart({ name: "empty", x: [], y: [] }, { name: "one", x: [1], y: [2] })).rows, [["one", 1, 2]]);
});

test("a chart's own rows are cut to as many as can be read", () => {
  const rows = Array.from({ length: 500 }, (_, i) => [i]);
  const found = picked({ ...chart(), rows: () => ({ caption: "own", head: ["n"], rows }) });
  assert.deepEqual([found.caption, found.rows.length, found.rows.at(-1)], ["own", 200, [199]]);
});

test("a CSV file has all points, and quotes in names are doubled", () => {
  const all = points(chart({ name: 'a "b"', x: count(300), y: count(300) }));
  assert.equal(all.rows.length, 300);
  assert.equal(commaSeparated({ head: ["series", "x"], rows: [['a "b", c', 1.5]] }), '"series","x"\n"a ""b"", c",1.5\n');
});

test("names that look like markup or symbols stay, in the table and to the letter in the file; symbols have their index", () => {
  const titles = () => ({ x: "N<sub>eval</sub>", y: "θ<sub>0</sub> &amp; more" });
  const named = { ...chart({ name: "&lt;b&gt; &amp; θ_0", x: [1], y: [2] }), axisTitles: titles };
  const { head, rows } = picked(named);
  assert.deepEqual(head, ["series", "N_eval", "θ_0 & more"]);
  assert.deepEqual(pieces(rows[0][0]), [{ plain: rows[0][0] }]);
  assert.equal(commaSeparated(points(named)), '"series","N_eval","θ_0 & more"\n"<b> & θ_0",1,2\n');
});

test("what lies in a column is told by what stands under it", () => {
  const columned = { ...chart({ name: "by layer", x: [1, 6.46, 7.46], y: [0.1, 0.2, 0.3] }), column: (/** @type {number} */ x) => ({ 6: "hidden 1", 7: "head" })[Math.floor(x)] };
  assert.deepEqual(picked(columned).rows, [["by layer", 1, 0.1], ["by layer", "hidden 1", 0.2], ["by layer", "head", 0.3]]);
});
