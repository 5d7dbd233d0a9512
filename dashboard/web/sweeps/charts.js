// The charts of the sensitivity screen: a sweep's map and curves, alpha beside its limit, its pinned settings side by side, and the frozen map.

import { percent, short } from "../common/format.js";
import { forPlotly, fromPlotly } from "../common/pieces.js";
import { Plot } from "./figure.js";
import { atPlace, frozenRows, frozenTexts, laneTexts, mapTexts, marks, meanTexts, selectedCurves, wrapped } from "./marking.js";
import { nearest } from "./nearest.js";
import { LETTERS } from "./pins.js";

/** @import { Figure, Figures, Frame } from "../common/protocol.js" */
/** @import { SweepFrame } from "./protocol.js" */
/** @import { Store } from "./store.js" */

// Traces with something of the page's own: on the map, on the curves and on the frozen map.
const SETTINGS = "settings";
const MEANS = "means"; // in their place, where a cell is of several settings
const SELECTED = "selected";
const PINNED = "pinned";
const CELLS = "cells";

const COLOR = "color_"; // begins the name of a colour's trace

const FAINT = 0.22; // opacity of the other curves where some are selected

export class SweepCharts {
  map;
  rank;
  lanes;
  edge;
  frozen;
  pins;
  #store;
  /** @type {Record<string, { light: Figure, dark: Figure }>} */
  #figures = {};
  /** @type {"light" | "dark"} */
  #theme = "light";

  /**
   * @param {Store} store
   * @param {object} options
   * @param {(event: PlotlyEvents["plotly_click"]) => void} options.clicked
   * @param {(event: PlotlyEvents["plotly_selected"]) => void} options.boxed
   * @param {() => string} options.of The name of the sweep.
   * @param {() => void} options.drawn Called when a map is on the screen.
   */
  constructor(store, { clicked, boxed, of, drawn }) {
    this.#store = store;
    const listeners = { plotly_click: clicked, plotly_selected: boxed };
    const told = (/** @type {PlotlyPoint} */ point) => this.#under(point);
    const named = (/** @type {number} */ number) => `${number}: ${forPlotly(this.#store.lines(number)[0])}`;
    this.map = new Plot("map", { listeners, rows: () => store.rows(of()), told, of, hasKeys: true });
    this.frozen = new Plot("frozen", { rows: () => frozenRows(this.frozen.array(CELLS), fromPlotly(this.frozen.title)), across: Math.log10 });
    this.rank = new Plot("rank", { listeners, told, of });
    this.lanes = new Plot("lanes", { listeners, named, of });
    this.edge = new Plot("sweep_edge", { listeners, named, of });
    this.pins = new Plot("pins", { of });
    this.map.node.tabIndex = 0;
    for (const plot of [this.map, this.frozen]) plot.onDrawn = drawn;
  }

  /** In the order in which they stand. */
  get all() {
    return [this.map, this.rank, this.frozen, ...this.curves, this.pins];
  }

  /** Those with a point for each setting. */
  get places() {
    return [this.map, this.rank];
  }

  /** Those with a curve for each setting. */
  get curves() {
    return [this.lanes, this.edge];
  }

  /** Those on which the page marks what is selected or pinned. */
  get marked() {
    return [...this.places, ...this.curves];
  }

  get palette() {
    return this.map.palette ?? this.frozen.palette;
  }

  draw() {
    for (const plot of this.all) plot.draw();
  }

  /** @param {Figures} figures */
  looks({ light, dark }) {
    for (const plot of this.all) {
      if (!light[plot.id]) continue;
      this.#figures[plot.id] = { light: light[plot.id], dark: dark[plot.id] };
      plot.look(this.#figures[plot.id][this.#theme]);
    }
  }

  /** @param {"light" | "dark"} theme */
  recolor(theme) {
    if (theme === this.#theme) return;
    this.#theme = theme;
    for (const plot of this.all) {
      const figure = this.#figures[plot.id]?.[theme];
      if (figure) plot.look(figure, { keepNumbers: true });
    }
  }

  /**
   * The numbers of a frame; returns which charts have new ones, to be drawn.
   *
   * @param {Frame<SweepFrame>} frame
   */
  frame({ header, floats }) {
    /** @type {Set<Plot>} */
    const touched = new Set();
    for (const [id, trace, what, offset, size] of header.arrays) {
      const plot = this.#plot(id);
      plot.set(trace, what, floats.subarray(offset, offset + size));
      touched.add(plot);
    }
    for (const [id, shape] of Object.entries(header.shapes)) this.#plot(id).shape(shape);
    for (const [id, ranges] of Object.entries(header.ranges)) {
      const plot = this.#plot(id);
      if (plot.range(ranges) || plot.writes(SETTINGS)) touched.add(plot); // what is said of a setting may be another
    }
    for (const [id, text] of Object.entries(header.summaries)) this.#plot(id).card.summary(text);
    for (const [id, text] of Object.entries(header.subtitles)) this.#plot(id).card.subtitle(text);
    return touched;
  }

  /** @param {string} id */
  #plot(id) {
    const plot = this.all.find((each) => each.id === id);
    if (!plot) throw new Error(`the server sends numbers of a chart ${id}, which this screen does not have`);
    return plot;
  }

  /**
   * What is said of the point under the pointer.
   *
   * @param {Set<Plot>} touched Charts with new numbers.
   * @param {boolean} accuracies Whether the frozen map shows accuracies.
   */
  hover(touched, accuracies) {
    const lines = (/** @type {number} */ number) => this.#store.lines(number);
    for (const plot of this.places.filter((each) => touched.has(each) && each.writes(SETTINGS))) plot.set(SETTINGS, "text", mapTexts(plot.array(SETTINGS), lines));
    if (touched.has(this.map) && this.map.writes(MEANS)) this.map.set(MEANS, "text", this.#meanTexts());
    for (const plot of this.curves.filter((each) => touched.has(each))) {
      for (const color of colorsOf(plot)) plot.set(color, "text", laneTexts(plot.array(color), (number) => this.#store.at(number)));
    }
    if (touched.has(this.frozen)) this.frozen.set(CELLS, "text", frozenTexts(this.frozen.array(CELLS), accuracies ? percent : short));
  }

  /**
   * The traces that the page fills itself: rings around what is selected, letters on what is pinned, the selected curves.
   *
   * @param {number[]} pinned
   * @param {number | null} cursor The setting that the keyboard is at.
   */
  mark(pinned, cursor) {
    const { selected } = this.#store;
    const ringed = [...new Set([...selected, ...(cursor === null ? [] : [cursor])])];
    for (const plot of this.places) {
      const places = plot.array(SETTINGS);
      const rings = marks(places, ringed.map((number) => [number, ""]));
      plot.set(SELECTED, "x", rings.x);
      plot.set(SELECTED, "y", rings.y);
      const letters = marks(places, pinned.map((number, i) => [number, LETTERS[i]]));
      plot.set(PINNED, "x", letters.x);
      plot.set(PINNED, "y", letters.y);
      plot.set(PINNED, "text", letters.text);
    }
    for (const plot of this.curves) {
      const colors = colorsOf(plot);
      for (const color of colors) plot.set(color, "opacity", selected.size ? FAINT : 1);
      const curves = selectedCurves(colors.map((color) => plot.array(color)), selected);
      plot.set(SELECTED, "x", curves.x);
      plot.set(SELECTED, "y", curves.y);
    }
  }

  /**
   * The settings that a point of the map, of the order or of the curves stands for: one, all of a place where the map shows means, or none.
   *
   * @param {PlotlyPoint} point
   * @returns {number[]}
   */
  numbersOf({ data, fullData, curveNumber, pointNumber, pointIndex = 0 }) {
    const plot = this.marked.find(({ node }) => node.data?.[curveNumber] === data);
    const at = pointNumber ?? pointIndex;
    if (!plot || !fullData) return [];
    if (plot.names[curveNumber] === MEANS) {
      const { x = [], y = [] } = plot.arrayAt(curveNumber);
      return atPlace(plot.array(SETTINGS), x[at], this.#isProfile ? null : y[at]);
    }
    const number = plot.arrayAt(curveNumber).customdata?.[at];
    return number !== undefined && Number.isFinite(number) ? [number] : [];
  }

  /**
   * A setting of the map, with all others of its place where means are shown.
   *
   * @param {number} number
   * @returns {number[]}
   */
  together(number) {
    const { customdata = [], x = [], y = [] } = this.map.array(SETTINGS);
    const at = Array.from(customdata).indexOf(number);
    if (!this.#hasMeans || at < 0) return [number];
    return [number, ...atPlace(this.map.array(SETTINGS), x[at], this.#isProfile ? null : y[at]).filter((other) => other !== number)];
  }

  /**
   * What is said of a place of the map that the keyboard is at.
   *
   * @param {number} number Of one of its settings.
   */
  told(number) {
    const lines = this.#store.lines(number);
    if (!this.#hasMeans) return lines;
    const { customdata = [], x = [], y = [] } = this.map.array(SETTINGS);
    const at = Array.from(customdata).indexOf(number);
    const means = this.map.array(MEANS);
    const place = Array.from(means.x ?? []).findIndex((value, i) => value === x[at] && (this.#isProfile || means.y?.[i] === y[at]));
    return place < 0 ? lines : [lines[0], fromPlotly(this.#meanTexts()[place]).replaceAll("<br>", ", ")];
  }

  /**
   * What stands under the pointer at a point that Plotly writes nothing at, since there are too many.
   *
   * @param {PlotlyPoint} point
   */
  #under(point) {
    const numbers = this.numbersOf(point);
    return numbers.length ? this.told(numbers[0]).flatMap(wrapped) : [];
  }

  /**
   * The settings in a box on the map.
   *
   * @param {[number, number]} x
   * @param {[number, number]} y
   */
  within(x, y) {
    const { customdata = [], x: xs = [], y: ys = [] } = this.map.array(SETTINGS);
    const inside = (/** @type {number} */ value, /** @type {[number, number]} */ [from, to]) => value >= Math.min(from, to) && value <= Math.max(from, to);
    return Array.from(customdata).filter((_, i) => inside(xs[i], x) && inside(ys[i], y));
  }

  get #hasMeans() {
    return this.map.names.includes(MEANS);
  }

  /** Whether the map has one axis, and results go up. */
  get #isProfile() {
    return this.map.title === "Profile";
  }

  #meanTexts() {
    return meanTexts(this.map.array(MEANS), this.#store.metric === "accuracy" ? percent : short, this.#store.standing?.num_seeds ?? 1);
  }

  /**
   * The setting next to one on the map; null while there are none.
   *
   * @param {number | null} from
   * @param {number[]} direction
   */
  next(from, direction) {
    const { customdata, x = [], y = [] } = this.map.array(SETTINGS);
    return customdata?.length ? nearest(Array.from(customdata), x, y, from, direction) : null;
  }
}

/**
 * The traces of the curves, one for each colour.
 *
 * @param {Plot} plot
 */
const colorsOf = (plot) => plot.names.filter((name) => name.startsWith(COLOR));
