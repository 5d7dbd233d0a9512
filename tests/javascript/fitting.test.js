import assert from "node:assert/strict";
import { test } from "node:test";

import { pictureLayout } from "../../dashboard/web/common/picture.js";
import { axisName, fewTicks, nameColumns, nameMarks, nameZones, placeLevels } from "../../dashboard/web/live/fitting.js";
import { Traces } from "../../dashboard/web/live/traces.js";

const along = (size) => ({ size, before: 50, behind: 10 });

test("an axis is named as far as it has room: whole, without its brackets, or not at all", () => {
  const name = "outer step <sub>t</sub> (held-out)";
  assert.deepEqual([400, 150, 60].map((size) => axisName(name, 12, along(size))), [name, "outer step <sub>t</sub>", ""]);
  assert.equal(axisName("", 12, along(400)), "");
});

test("an axis has as many ticks as fit, at least two and no more than the figure asks for", () => {
  assert.deepEqual([1000, 200, 10].map((length) => fewTicks({ nticks: 7 }, [0, 1], length, 32).nticks), [7, 6, 2]);
  assert.deepEqual([400, 100, 60].map((length) => fewTicks({}, [0, 1], length, 20).nticks), [10, 5, 3]); // Plotly names five at least
  const steps = (length) => fewTicks({ dtick: 2 }, [-0.2, 20.2], length, 20).dtick;
  assert.deepEqual([400, 150, 60, 10].map(steps), [2, 4, 10, 100]);
  assert.deepEqual([200, 80, 30].map((length) => fewTicks({ dtick: 0.2 }, [0, 1], length, 20).dtick), [0.2, 0.5, 1]);
});

test("columns are named whole, or short, or some of them and the last", () => {
  const named = (length, texts) => {
    const columns = texts.map((text, at) => ({ name: "column", text, x: at + 0.5 }));
    nameColumns(columns, [0, texts.length], length, 10);
    return columns.flatMap(({ text, visible }) => (visible ? [text] : []));
  };
  const layers = ["conv 1", "conv 2", "conv 3", "head"];
  assert.deepEqual(named(200, layers), layers);
  assert.deepEqual(named(120, layers), ["c1", "c2", "c3", "head"]);
  assert.deepEqual(named(60, layers), ["c2", "head"]);
  assert.deepEqual(named(10, layers), ["head"]);
  assert.deepEqual(named(10, []), []);
});

test("zones are named where a mark has room between their names", () => {
  const shown = (length) => {
    const annotations = [{ name: "zone", text: "beyond the limit", x: 0.5 }, { name: "mark", text: "alpha", x: 1 }];
    nameZones(annotations, length, 10);
    return annotations.map(({ visible }) => visible);
  };
  assert.deepEqual([shown(200), shown(60)], [[true, undefined], [false, undefined]]);
});

test("the newest mark is named first; an older one only where it does not run into it, and none outside", () => {
  const mark = (x, text = "alpha") => ({ name: "mark", x, text });
  const marks = [mark(10), mark(49), mark(50), mark(120), { name: "other", x: 50, text: "" }];
  nameMarks(marks, [0, 100], 1000, 10);
  assert.deepEqual(marks.map(({ visible }) => visible), [true, false, true, false, undefined]);
  assert.equal(marks[2].xanchor, "left");
  const late = [mark(99, "a long name of a change that many will read")];
  nameMarks(late, [0, 100], 1000, 10);
  assert.deepEqual([late[0].xanchor, late[0].visible], ["right", true]); // on the line's left, where it has room
});

const FIGURE = {
  data: [{ line: { color: "red", width: 2 } }, { marker: { color: "blue", size: 6 }, legendgroup: "b" }],
  layout: { meta: { traces: ["a", "b"], palette: { theta_0: "blue", theta_N: "green" } } },
};

test("names of levels stay in the chart and off each other", () => {
  const placed = (highest, lowest, length = 140) => {
    const levels = [{ y: highest, yanchor: "bottom" }, { y: lowest, yanchor: "top" }].map((level) => ({ name: "level", text: "a<br>1", ...level }));
    placeLevels(levels, [0, 1], { length, above: 20 }, 10); // each is 28 high
    return levels.map(({ yshift }) => Math.round(yshift));
  };
  assert.deepEqual(placed(0.7, 0.5), [-3, 3]); // each at its line
  assert.deepEqual(placed(1, 0.5), [-8, 3]); // from 20 above the axis to 8 below its end, where its line is
  assert.deepEqual(placed(1, 0.98), [-8, -5]); // and the other one below it
  assert.deepEqual(placed(0.5, 0, 40), [8, 28]); // not into the names of ticks
  assert.deepEqual(placed(2, 0.5), [undefined, 3].map((shift) => Math.round(shift))); // a line that is not shown has no name to move
});

test("numbers that are the old ones change nothing", () => {
  const traces = new Traces();
  assert.deepEqual([traces.set("a", "x", [1, NaN]), traces.set("a", "x", [1, NaN]), traces.set("a", "x", [1])], [true, false, true]);
  traces.drawn();
  assert.equal(traces.isChanged, false);
  traces.paint("a", "theta_N");
  traces.drawn();
  traces.paint("a", "theta_N");
  assert.deepEqual([traces.isChanged, traces.isMoved], [false, true]);
});

test("what is new has the places of its traces; colours come only where one is another", () => {
  const traces = new Traces();
  traces.set("b", "y", [3]);
  assert.deepEqual(traces.changes(FIGURE.layout.meta, FIGURE.data), { places: [1], data: { x: [[]], y: [[3]] } });
  traces.paint("a", "theta_N");
  assert.deepEqual(traces.changes(FIGURE.layout.meta, FIGURE.data).data["line.color"], ["green", undefined]);
});

test("a figure is filled at the size of the page; another run has neither its numbers nor its colours", () => {
  const traces = new Traces();
  traces.set("a", "x", [1]);
  traces.paint("a", "theta_N");
  const [a, b] = traces.fill(FIGURE, 1.5, new Set(["b"]));
  assert.deepEqual([a, b.marker, b.visible], [{ line: { color: "green", width: 3 }, x: [1], y: [], visible: true }, { color: "blue", size: 9 }, false]);
  traces.forget();
  assert.deepEqual([traces.points("a"), traces.fill(FIGURE, 1, new Set())[0].line.color], [{ x: [], y: [] }, "green"]);
  traces.clear();
  assert.equal(traces.fill(FIGURE, 1, new Set())[0].line.color, "red");
});

test("what a trace is painted with is the other scheme's where that is shown", () => {
  const traces = new Traces();
  traces.set("a", "x", [1]);
  traces.paint("a", "theta_N");
  const dark = { ...FIGURE, layout: { meta: { ...FIGURE.layout.meta, palette: { theta_0: "pale blue", theta_N: "pale green" } } } };
  for (const [figure, color] of [[FIGURE, "green"], [dark, "pale green"], [FIGURE, "green"]]) {
    assert.equal(traces.fill(figure, 1, new Set())[0].line.color, color);
    assert.equal(traces.changes(figure.layout.meta, figure.data).data["line.color"][0], color);
  }
});

test("a picture has a title and a legend on the page's colour, and leaves the chart as it is", () => {
  const layout = { margin: { l: 50, r: 10, t: 8, b: 40 }, meta: { palette: { page: "#fff" } }, showlegend: false };
  const { margin, showlegend, paper_bgcolor, title } = pictureLayout(layout, "Loss");
  assert.deepEqual([margin, showlegend, paper_bgcolor, title.text], [{ l: 66, r: 10, t: 90, b: 50 }, true, "#fff", "Loss"]);
  assert.deepEqual([layout.margin.l, layout.showlegend], [50, false]);
});
