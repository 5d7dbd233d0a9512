// What a live chart's traces hold: points, shades and colours by number.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Traces } from "../../dashboard/web/live/traces.js";

const figure = { data: [{ type: "heatmap" }, { type: "scatter", marker: { size: 2 } }], layout: { meta: { traces: ["shades", "dots"], palette: {} } } };

/** @param {Record<string, Record<string, number[]>>} numbers */
function filled(numbers) {
  const traces = new Traces();
  for (const [name, values] of Object.entries(numbers)) for (const [what, list] of Object.entries(values)) traces.set(name, what, Float32Array.from(list));
  return traces;
}

test("shades come in rows, and what is no number is a gap", () => {
  const traces = filled({ shades: { x: [0, 1, 2], y: [0, 1], z: [1, 2, 3, 4, NaN, 6] } });
  const [shades] = traces.fill(figure, 1, new Set());
  assert.deepEqual(shades.z, [[1, 2, 3], [4, null, 6]]);
  assert.deepEqual(traces.changes(figure.layout.meta, figure.data).data.z, [shades.z]);
  assert.equal(traces.isMoved, false);
});

test("colours by number go into the marker, which the figure keeps its own of", () => {
  const traces = filled({ dots: { x: [0, 1], y: [2, 3], "marker.color": [5, 6] } });
  const [, dots] = traces.fill(figure, 2, new Set());
  assert.deepEqual([...dots.marker.color], [5, 6]);
  assert.equal(dots.marker.size, 4);
  assert.equal(figure.data[1].marker.color, undefined);
});

test("sizes by number grow with the picture, drawn anew and changed alike", () => {
  const traces = filled({ dots: { x: [0, 1], y: [2, 3], "marker.size": [4, 10] } });
  assert.deepEqual(traces.fill(figure, 2, new Set())[1].marker.size, [8, 20]);
  assert.deepEqual(traces.changes(figure.layout.meta, figure.data).data["marker.size"], [[8, 20]]);
});

test("a trace beside one with sizes, shades or texts by number keeps its own", () => {
  const traces = filled({ shades: { x: [0], y: [1], "marker.size": [4], text: [1], z: [2] }, dots: { x: [0], y: [1] } });
  const { data } = traces.changes(figure.layout.meta, figure.data);
  for (const what of ["marker.size", "text", "z"]) assert.equal(data[what][1], undefined); // Plotly leaves that alone
  assert.deepEqual(data["marker.size"][0], [4]);
});

test("of points alone nothing but their places changes", () => {
  const traces = filled({ dots: { x: [0, 1], y: [2, 3] } });
  assert.equal(traces.isMoved, true);
  assert.deepEqual(Object.keys(traces.changes(figure.layout.meta, figure.data).data), ["x", "y"]);
});

test("a text is its number in words", () => {
  const traces = filled({ dots: { x: [0, 1], y: [2, 3], text: [4, 12] } });
  assert.deepEqual(traces.fill(figure, 1, new Set())[1].text, ["4", "12"]);
  assert.deepEqual(traces.changes(figure.layout.meta, figure.data).data.text, [["4", "12"]]);
});

test("a trace that has another name keeps it, and says so once", () => {
  const traces = filled({ dots: { x: [0], y: [1] } });
  traces.rename("dots", "ghost 1: α 0.02");
  assert.equal(traces.isMoved, false);
  assert.deepEqual(traces.changes(figure.layout.meta, figure.data).data.name, ["ghost 1: α 0.02"]);
  traces.drawn();
  traces.rename("dots", "ghost 1: α 0.02");
  assert.equal(traces.isChanged, false);
  traces.clear();
  assert.equal(traces.fill(figure, 1, new Set())[1].name, "ghost 1: α 0.02");
});

test("a trace has emptied where it was drawn with points and its new numbers are none", () => {
  const names = ["shades", "dots"];
  const drawn = [{ x: [], y: [] }, { x: [0, 1], y: [2, 3] }];
  const traces = filled({ dots: { x: [0, 1], y: [2, 3] } });
  assert.equal(traces.hasEmptied(names, drawn), false);
  traces.drawn();
  traces.set("dots", "x", new Float32Array());
  traces.set("dots", "y", new Float32Array());
  assert.equal(traces.hasEmptied(names, drawn), true);
  assert.equal(traces.hasEmptied(names, [drawn[0], drawn[0]]), false); // nothing of it is drawn
  traces.drawn();
  assert.equal(traces.hasEmptied(names, drawn), false); // nothing new
});
