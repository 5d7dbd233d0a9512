// A chart of the sensitivity screen: a Plotly node that is made once, fed with numbers, and drawn again whole, a few times a second.

import { Card } from "../common/card.js";
import { el, known, perFrame, plotly, rich } from "../common/dom.js";
import { isEmptied } from "../common/emptied.js";
import { pictureLayout } from "../common/picture.js";
import { roomyTicks } from "../common/ticks.js";

/** @import { Format } from "../common/card.js" */
/** @import { Figure, Ranges } from "../common/protocol.js" */

/** @typedef {number[] | Float32Array} Values */

/**
 * What a trace is filled with. Numbers come in frames, those of a heat map row by row; texts, and how opaque a curve is, are the page's own.
 *
 * @typedef {{ x?: Values, y?: Values, z?: Float32Array, customdata?: Float32Array, "marker.color"?: Float32Array, "marker.size"?: Float32Array, "error_y.array"?: Float32Array, "error_y.arrayminus"?: Float32Array,
 *   text?: string[], opacity?: number }} Numbers
 */

/** @type {readonly (keyof Numbers)[]} */
const OWN = ["x", "y", "text", "opacity"]; // what the page itself puts into traces while nothing comes from the server
const AT_ONCE = { mode: "immediate", transition: { duration: 0 }, frame: { duration: 0, redraw: false } };
const MOST_AT_ONCE = 2000; // points of a trace that are drawn together with new axes, in one task of the browser
const CONFIG = { displayModeBar: false, doubleClick: false, responsive: false, showTips: false };
const HEAT_MAPS = ".heatmaplayer";
const TICK_PX = 26; // from one tick of a log axis to the next, at least

export class Plot {
  id;
  title = "";
  card;
  node;
  /** @type {Set<string>} */
  hidden = new Set();
  shown = true;
  onDrawn = () => {};
  /** @type {Figure | null} */
  #figure = null;
  /** @type {Record<string, Numbers>} By the names of the traces. */
  #arrays = {};
  /** @type {[number, number] | null} */
  #shape = null;
  /** @type {Ranges} */
  #ranges = {};
  #made = false;
  #stale = true; // something is to be drawn whole
  #size = ""; // in which it was drawn
  #revision = 0;
  /** @type {Set<string>} Traces of which there is something that is not drawn yet. */
  #undrawn = new Set();
  #listeners;
  #named;
  #told;
  #tip = el("div", { class: "maml-under", hidden: true, "aria-hidden": "true" }); // what keys say, the card's reader does

  /**
   * @param {string} id
   * @param {object} options
   * @param {{ [Name in "plotly_click" | "plotly_selected"]?: (event: PlotlyEvents[Name]) => void }} [options.listeners]
   * @param {() => import("../common/rows.js").Rows} [options.rows] What the card's table shows.
   * @param {(x: number) => number} [options.across] Where an x of these rows lies along the axis.
   * @param {(number: number) => string} [options.named] Whose a curve is, by its number, where a trace has those of several settings.
   * @param {(point: PlotlyPoint) => string[]} [options.told] What is said of a point of a trace whose points Plotly says nothing of.
   * @param {() => string} [options.of] The name of the sweep that it shows.
   * @param {boolean} [options.hasKeys] It can be read with the arrow keys by itself.
   */
  constructor(id, { listeners = {}, rows, across, named, told, of, hasKeys = false } = {}) {
    this.id = id;
    this.#listeners = listeners;
    this.#named = named;
    this.#told = told;
    this.rows = rows;
    this.across = across;
    this.of = of;
    this.hasKeys = hasKeys;
    this.card = new Card(this);
    this.node = /** @type {PlotlyNode} */ (/** @type {HTMLElement} */ (this.card.plot));
    const draw = perFrame(() => this.#draw());
    this.draw = () => {
      this.#stale = true;
      draw();
    };
    this.mark = perFrame(() => this.#mark());
    new ResizeObserver(() => this.#resize()).observe(this.node);
  }

  /**
   * New looks: the numbers of the old ones do not belong to them, unless only the theme changed.
   *
   * @param {Figure} figure
   */
  look(figure, { keepNumbers = false } = {}) {
    this.#figure = figure;
    this.title = figure.layout.meta.title;
    if (!keepNumbers) {
      this.#arrays = {};
      this.#ranges = {};
    }
    this.card.describe(figure);
    this.draw();
  }

  get palette() {
    return this.#figure?.layout.meta.palette ?? null;
  }

  /** Names of the traces, as they lie. */
  get names() {
    return this.#figure?.layout.meta.traces ?? [];
  }

  /**
   * @template {keyof Numbers} What
   * @param {string} trace
   * @param {What} what
   * @param {Numbers[What]} values
   */
  set(trace, what, values) {
    const numbers = (this.#arrays[trace] ??= {});
    if (!OWN.includes(what) || !alike(numbers[what], values)) this.#undrawn.add(trace);
    numbers[what] = values;
  }

  /**
   * @param {string} trace
   * @returns {Numbers}
   */
  array(trace) {
    return this.#arrays[trace] ?? {};
  }

  /**
   * The numbers of the trace that Plotly has at a place.
   *
   * @param {number} place
   */
  arrayAt(place) {
    return this.array(this.names[place]);
  }

  /** @param {[number, number]} rowsAndColumns */
  shape(rowsAndColumns) {
    this.#shape = rowsAndColumns;
  }

  /**
   * What the axes and the colours span; returns whether that is something else than before.
   *
   * @param {Ranges} ranges
   */
  range(ranges) {
    const before = JSON.stringify(this.#ranges);
    this.#ranges = ranges;
    return JSON.stringify(ranges) !== before;
  }

  /** @param {boolean} shown */
  show(shown) {
    const was = this.shown;
    this.shown = shown;
    this.card.root.hidden = !shown;
    if (shown && !was) this.#stale ? this.draw() : this.mark(); // as it was hidden, but for marks
  }

  #draw() {
    if (!this.#figure || !this.shown || !window.Plotly || !this.node.isConnected) return;
    const layout = structuredClone(this.#figure.layout);
    layout.font.family = getComputedStyle(this.node).fontFamily;
    layout.showlegend = false; // the card has it as buttons
    layout.datarevision = ++this.#revision;
    layout.selections = [];
    for (const [axis, range] of Object.entries(this.#ranges)) {
      if (axis === "coloraxis") Object.assign(known(layout.coloraxis), { cmin: range[0], cmax: range[1] });
      else layout[/** @type {"xaxis" | "yaxis"} */ (axis)].range = [...range];
    }
    const { type, range, tickvals, ticktext } = layout.yaxis;
    if (type === "log") Object.assign(layout.yaxis, roomyTicks(known(tickvals), known(ticktext), range, this.node.clientHeight / TICK_PX));
    const data = this.#figure.data.map((trace, place) => this.#filled(trace, this.arrayAt(place)));
    this.#undrawn.clear();
    this.#stale = false;
    const isLong = !this.#made && data.some(({ x }) => (x?.length ?? 0) > MOST_AT_ONCE);
    const first = isLong ? data.map((trace) => ({ ...trace, x: [], y: [], z: [] })) : data;
    const drawn = this.#made ? plotly().react(this.node, data, layout, CONFIG) : plotly().newPlot(this.node, first, layout, CONFIG);
    if (isLong) this.draw(); // the points, in the next frame
    if (!this.#made) {
      this.#made = true;
      const { plotly_click, plotly_selected } = this.#listeners;
      if (plotly_click) this.node.on("plotly_click", plotly_click);
      if (plotly_selected) this.node.on("plotly_selected", plotly_selected);
      if (this.#told) this.#listenToPointer(this.#told);
    }
    this.#size = sizeOf(this.node);
    this.card.refresh();
    Promise.resolve(drawn).then(() => this.onDrawn());
  }

  /** Into the room that it has, where that is another one than before it was hidden. */
  #resize() {
    if (!this.#made || this.node.clientWidth === 0 || sizeOf(this.node) === this.#size) return;
    this.#size = sizeOf(this.node);
    plotly().Plots.resize(this.node);
    if (this.#figure?.layout.yaxis.type === "log") this.draw(); // its ticks need other room
  }

  /** Puts what the page itself has set since the last drawing on the screen, without drawing the rest again: of thousands of settings that takes a fifth of a second. */
  #mark() {
    if (!this.#made || !this.#figure || !this.shown) return;
    const places = [...this.names.keys()].filter((place) => this.#undrawn.has(this.names[place]));
    if (places.some((place) => isEmptied(this.node.data[place], this.arrayAt(place)))) return void this.#draw();
    this.#undrawn.clear();
    const faded = places.filter((place) => this.arrayAt(place).opacity !== undefined);
    const moved = places.filter((place) => !faded.includes(place));
    if (faded.length) plotly().restyle(this.node, { opacity: faded.map((place) => this.arrayAt(place).opacity) }, faded);
    if (!moved.length) return;
    // From the lowest that moved on, all: Plotly puts what it animates on top of what it does not.
    const traces = [...this.names.keys()].slice(moved[0]);
    const data = traces.map((place) => {
      const { x = [], y = [], text } = this.arrayAt(place);
      return text ? { x, y, text } : { x, y };
    });
    const layers = this.#kept();
    plotly()
      .animate(this.node, { data, traces }, AT_ONCE)
      .catch(() => {}) // an interrupted one is followed by a newer one
      .then(() => layers?.disconnect());
  }

  /**
   * Watches that the cells stay: Plotly takes the layer of all heat maps off the chart where it animates other traces. It is back before anything is seen.
   * A layer that is back already stays where it is: moved once more, it would be seen as taken off, by this watch or another one, without end.
   */
  #kept() {
    if (!this.#figure?.data.some(({ type }) => type === "heatmap")) return null;
    const layers = new MutationObserver((changes) => {
      for (const { target, removedNodes, nextSibling } of changes) {
        for (const layer of removedNodes) {
          if (!(layer instanceof Element) || layer.isConnected || !layer.matches(HEAT_MAPS)) continue;
          target.insertBefore(layer, nextSibling?.parentNode === target ? nextSibling : target.firstChild);
        }
      }
    });
    layers.observe(this.node, { childList: true, subtree: true });
    return layers;
  }

  /**
   * Whether a trace is there and has a text at each of its points.
   *
   * @param {string} trace
   */
  writes(trace) {
    return this.#figure?.data[this.names.indexOf(trace)]?.hoverinfo === "text";
  }

  /** @param {(point: PlotlyPoint) => string[]} told */
  #listenToPointer(told) {
    this.card.root.append(this.#tip);
    this.node.on("plotly_hover", ({ points, event }) => {
      const point = points.find(({ fullData }) => fullData?.hoverinfo === "none");
      this.#tip.hidden = !point;
      if (!point) return;
      this.#tip.replaceChildren(...told(point).map((line) => el("div", {}, ...rich(line))));
      const { left, top, width } = this.card.root.getBoundingClientRect();
      const [x, y] = [event.clientX - left, event.clientY - top];
      this.#tip.style.left = `${Math.max(4, Math.min(x + 14, width - this.#tip.offsetWidth - 4))}px`;
      this.#tip.style.top = `${Math.max(4, y - this.#tip.offsetHeight - 14)}px`;
    });
    this.node.on("plotly_unhover", () => (this.#tip.hidden = true));
  }

  /**
   * @param {PlotlyTrace} trace
   * @param {Numbers} numbers
   * @returns {PlotlyTrace}
   */
  #filled(trace, { x = [], y = [], z, text, opacity, "marker.color": color, "error_y.array": array, "error_y.arrayminus": arrayminus }) {
    /** @type {PlotlyTrace} */
    const filled = { ...trace, x, y, visible: !this.hidden.has(trace.legendgroup ?? "") };
    if (z) filled.z = rowsOf(z, this.#shape);
    if (text) filled.text = text;
    if (opacity !== undefined) filled.opacity = opacity;
    if (trace.type === "scatter") filled.selectedpoints = null;
    if (color) filled.marker = /** @type {PlotlyMarker} */ ({ ...trace.marker, color: /** @type {unknown} */ (color) });
    if (array) filled.error_y = { ...trace.error_y, array, arrayminus };
    return filled;
  }

  // --- What the card needs ---

  /** @param {string} group */
  toggle(group) {
    const shown = this.hidden.delete(group);
    if (!shown) this.hidden.add(group);
    this.draw();
    return shown;
  }

  unzoom() {}

  /**
   * The series of a chart that has no rows of its own.
   *
   * @returns {import("../common/rows.js").Series[]}
   */
  traces() {
    if (this.rows) return [];
    return (this.node.data ?? []).flatMap(({ type, meta, name = "", x = [], y = [], visible }, place) => {
      if (type !== "scatter" || meta === "not data") return [];
      /** @type {import("../common/rows.js").Series} */
      const series = { name, x: /** @type {Values} */ (x), y: /** @type {Values} */ (y), hidden: visible === false };
      const { customdata } = this.arrayAt(place);
      return customdata && this.#named ? apart(series, customdata, this.#named) : [series];
    });
  }

  axisTitles() {
    const { xaxis, yaxis } = this.node.layout ?? {};
    return { x: xaxis?.title?.text || "x", y: yaxis?.title?.text || "y" };
  }

  /**
   * The chart as a picture, with its title and Plotly's own legend, on the page's colour.
   *
   * @param {Format} format
   */
  async picture(format) {
    const layout = pictureLayout(this.node.layout, this.title);
    return plotly().toImage({ data: this.node.data.flatMap(named), layout }, { format, width: 1000, height: 720, scale: 2 });
  }
}

/**
 * The curves of a trace one by one, each under the name of its setting.
 *
 * @param {import("../common/rows.js").Series} series
 * @param {Float32Array} numbers Of the setting that a point is of.
 * @param {(number: number) => string} named
 * @returns {import("../common/rows.js").Series[]}
 */
function apart({ x, y, hidden }, numbers, named) {
  return [...new Set(numbers)].map((number) => {
    const [from, to] = [numbers.indexOf(number), numbers.lastIndexOf(number) + 1];
    return { name: named(number), x: Array.from(x).slice(from, to), y: Array.from(y).slice(from, to), hidden };
  });
}

/** @type {Record<string, string>} Marks with an area, for those that have none. */
const FRAMED = { "x-thin": "square-x", "line-ew": "square" };

/**
 * A trace and its entry in Plotly's legend: a mark that is drawn on cells has the cells' colour behind it there too.
 *
 * @param {PlotlyTrace} trace
 */
function named(trace) {
  const { name, marker, fillcolor, showlegend, x } = trace;
  if (trace.mode !== "markers" || !fillcolor || showlegend === false || !x?.length) return [trace];
  const symbol = FRAMED[marker?.symbol ?? ""];
  const entry = { type: "scatter", x: [null], y: [null], name, mode: "markers", marker: { ...marker, symbol, size: 12, color: fillcolor } };
  return [{ ...trace, showlegend: false }, entry];
}

/** @param {HTMLElement} node */
const sizeOf = ({ clientWidth, clientHeight }) => `${clientWidth} ${clientHeight}`;

/**
 * Whether two of what traces are filled with are the same.
 *
 * @param {Numbers[keyof Numbers]} before
 * @param {Numbers[keyof Numbers]} after
 */
function alike(before, after) {
  if (before === after) return true;
  if (before === undefined || after === undefined || typeof before === "number" || typeof after === "number") return false;
  return before.length === after.length && Array.prototype.every.call(before, (value, i) => value === after[i]);
}

/**
 * @param {Float32Array} values
 * @param {[number, number] | null} shape
 */
function rowsOf(values, shape) {
  if (!shape || shape[0] * shape[1] !== values.length) return [];
  const [rows, columns] = shape;
  return Array.from({ length: rows }, (_, row) => Array.from(values.subarray(row * columns, (row + 1) * columns), (v) => (Number.isNaN(v) ? null : v)));
}
