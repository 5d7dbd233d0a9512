// The charts of the sensitivity screen: a sweep's map and curves, alpha beside its limit, its pinned settings side by side, and the frozen map.

import { percent, short } from "../common/format.js";
import { forPlotly, fromPlotly } from "../common/pieces.js";
import { Plot } from "./figure.js";
import { frozenRows, frozenTexts, laneTexts, mapTexts, marks, selectedCurves } from "./marking.js";
import { nearest } from "./nearest.js";
import { LETTERS } from "./pins.js";

/** @import { Figure, Figures, Frame } from "../common/protocol.js" */
/** @import { SweepFrame } from "./protocol.js" */
/** @import { Store } from "./store.js" */

// Traces with something of the page's own: on the map, on the curves and on the frozen map.
const SETTINGS = "settings";
const SELECTED = "selected";
const PINNED = "pinned";
const CELLS = "cells";

const COLOR = "color_"; // begins the name of a colour's trace

const FAINT = 0.22; // opacity of the other curves where some are selected

export class SweepCharts {
  map;
  lanes;
  edge;
  frozen;
  pins = new Plot("pins");
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
   * @param {() => import("../common/rows.js").Rows} options.rows Behind the map.
   * @param {() => void} options.drawn Called when a map is on the screen.
   */
  constructor(store, { clicked, boxed, rows, drawn }) {
    this.#store = store;
    const listeners = { plotly_click: clicked, plotly_selected: boxed };
    const named = (/** @type {number} */ number) => `${number}: ${forPlotly(this.#store.lines(number)[0])}`;
    this.map = new Plot("map", { listeners, rows, hasKeys: true });
    this.frozen = new Plot("frozen", { rows: () => frozenRows(this.frozen.array(CELLS), fromPlotly(this.frozen.title)), across: Math.log10 });
    this.lanes = new Plot("lanes", { listeners, named });
    this.edge = new Plot("sweep_edge", { listeners, named });
    this.map.node.tabIndex = 0;
    for (const plot of [this.map, this.frozen]) plot.onDrawn = drawn;
  }

  /** In the order in which they stand. */
  get all() {
    return [this.map, this.frozen, ...this.curves, this.pins];
  }

  /** Those with a curve for each setting. */
  get curves() {
    return [this.lanes, this.edge];
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
    const touched = new Set(this.all.filter(({ id }) => header.ranges[id]));
    for (const [id, trace, what, offset, size] of header.arrays) {
      const plot = this.#plot(id);
      plot.set(trace, what, floats.subarray(offset, offset + size));
      touched.add(plot);
    }
    for (const [id, shape] of Object.entries(header.shapes)) this.#plot(id).shape(shape);
    for (const [id, ranges] of Object.entries(header.ranges)) this.#plot(id).range(ranges);
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
    if (touched.has(this.map)) this.map.set(SETTINGS, "text", mapTexts(this.map.array(SETTINGS), lines));
    for (const plot of this.curves.filter((each) => touched.has(each))) {
      for (const color of colorsOf(plot)) plot.set(color, "text", laneTexts(plot.array(color), lines));
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
    const places = this.map.array(SETTINGS);
    const ringed = [...new Set([...selected, ...(cursor === null ? [] : [cursor])])];
    const rings = marks(places, ringed.map((number) => [number, ""]));
    this.map.set(SELECTED, "x", rings.x);
    this.map.set(SELECTED, "y", rings.y);
    const letters = marks(places, pinned.map((number, i) => [number, LETTERS[i]]));
    this.map.set(PINNED, "x", letters.x);
    this.map.set(PINNED, "y", letters.y);
    this.map.set(PINNED, "text", letters.text);
    for (const plot of this.curves) {
      const colors = colorsOf(plot);
      for (const color of colors) plot.set(color, "opacity", selected.size ? FAINT : 1);
      const curves = selectedCurves(colors.map((color) => plot.array(color)), selected);
      plot.set(SELECTED, "x", curves.x);
      plot.set(SELECTED, "y", curves.y);
    }
  }

  /**
   * The setting that a point of the map or of the curves stands for; null where it stands for none.
   *
   * @param {PlotlyPoint} point
   */
  numberOf({ data, fullData, curveNumber, pointNumber, pointIndex = 0 }) {
    const plot = [this.map, ...this.curves].find(({ node }) => node.data?.[curveNumber] === data);
    const number = plot?.arrayAt(curveNumber).customdata?.[pointNumber ?? pointIndex];
    return number !== undefined && Number.isFinite(number) && fullData ? number : null;
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
