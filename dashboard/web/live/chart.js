// A chart of the live page: a Plotly node that is made once and fed numbers.

import { Card } from "../common/card.js";
import { known, onSize, plotly } from "../common/dom.js";
import { pictureLayout } from "../common/picture.js";
import { AXES, Look, setTitle } from "./fitting.js";
import { Traces } from "./traces.js";

const CONFIG = { displayModeBar: false, doubleClick: false, responsive: false, showTips: false };

// Numbers alone go in as an animation frame of no duration: Plotly then leaves axes and annotations alone, which makes a
// redraw 40% cheaper than `restyle`.
const AT_ONCE = { mode: "immediate", transition: { duration: 0 }, frame: { duration: 0, redraw: false } };
const SETTLE_MS = 500;
const RESIZE_MS = 100;

/** @import { Format } from "../common/card.js" */
/** @import { Figure, Ranges } from "../common/protocol.js" */
/** @import { Values } from "./traces.js" */

/** @typedef {Record<string, unknown>} Change Of a layout, by Plotly's paths. */

export class Chart {
  id;
  title = "";
  card;
  node;
  /** @type {Set<string>} */
  hidden = new Set();
  zoomed = false;
  shown = true;
  lastDrawn = -Infinity;
  /** @type {((x: number) => void) | null} */
  clicked = null; // told where
  /** @type {(() => void) | null} */
  unzoomed = null;
  #made = false;
  /** @type {Look | null} */
  #look = null;
  #stale = false;
  #traces = new Traces();
  /** @type {Ranges | null} */
  #ranges = null;
  #drawnRanges = "";
  /** @type {string | null} */
  #marks = null;
  #marksChanged = false;
  #settlingUntil = -Infinity;
  #resizing = 0;
  #wake;

  /**
   * @param {string} id
   * @param {() => void} wake Called when the chart can be drawn again.
   */
  constructor(id, wake) {
    this.id = id;
    this.#wake = wake;
    this.card = new Card(this);
    this.node = /** @type {PlotlyNode} */ (/** @type {HTMLElement} */ (this.card.plot));
  }

  /**
   * New looks (theme, task family, text size): the next draw rebuilds the figure around the numbers it has.
   *
   * @param {Figure} figure
   * @param {number} scale
   */
  look(figure, scale) {
    if (this.#look && this.#look.figure.layout.uirevision !== figure.layout.uirevision) this.#leaveMetric();
    this.#look = new Look(figure, scale, this.node);
    this.#stale = true;
    this.lastDrawn = -Infinity; // it does not wait for its turn
    this.title = figure.layout.meta.title;
    this.card.describe(figure);
  }

  /** What was measured in another metric says nothing on the new axes. */
  #leaveMetric() {
    this.#traces.forget();
    this.#ranges = null;
    this.zoomed = false;
    this.card.zoomed(false);
  }

  /** @type {Traces["set"]} New numbers for a trace; false where they are the old ones, and nothing needs to be drawn. */
  set = (trace, axis, values) => this.#traces.set(trace, axis, values);

  /** @type {Traces["points"]} */
  array = (trace) => this.#traces.points(trace);

  /** @type {Traces["paint"]} */
  color = (trace, role) => this.#traces.paint(trace, role);

  /** @type {Traces["rename"]} */
  rename = (trace, name) => this.#traces.rename(trace, name);

  /** Another run: nothing of the one before is left in the picture, nor in the words about it. */
  clear() {
    this.#traces.clear();
    this.#ranges = null;
    this.#stale = this.#look !== null;
    this.card.clear();
  }

  /** @param {Ranges} ranges */
  range(ranges) {
    this.#ranges = ranges;
  }

  /** @param {object} patch What the layout has of this run alone. */
  marks(patch) {
    const text = JSON.stringify(patch);
    if (text === this.#marks) return;
    this.#marks = text;
    this.#marksChanged = true;
  }

  get waiting() {
    // One redraw after the other: a frame still in Plotly's queue would put its older numbers over newer ones.
    if (!this.shown || !this.#look || performance.now() < this.#settlingUntil) return false;
    return this.#stale || this.#marksChanged || this.#traces.isChanged || this.#rangeDue;
  }

  get #rangeDue() {
    return !this.zoomed && this.#ranges !== null && JSON.stringify(this.#ranges) !== this.#drawnRanges;
  }

  /** @param {boolean} shown A chart that a run does not have takes no room and no time. */
  show(shown) {
    this.shown = shown;
    this.card.root.hidden = !shown;
  }

  /** Puts everything new on the screen; the promise says when it is there. */
  draw() {
    const drawn = this.#stale ? this.#rebuild() : this.#refill();
    this.#traces.drawn();
    this.#marksChanged = false;
    this.#stale = false;
    this.lastDrawn = performance.now();
    this.card.refresh();
    return Promise.resolve(drawn).catch(() => {}); // an interrupted frame is followed by a newer one
  }

  /** The figure anew on the same node: zoom survives by `uirevision`, hidden series by `hidden`. */
  #rebuild() {
    const look = known(this.#look);
    const layout = look.layout();
    layout.showlegend = false; // the card has it as buttons; pictures get Plotly's own
    const { clientWidth: width, clientHeight: height } = this.node;
    if (width && height) Object.assign(layout, { width, height });
    if (this.#marks) Object.assign(layout, JSON.parse(this.#marks));
    for (const axis of AXES) {
      const range = this.zoomed ? this.node.layout[axis].range : this.#ranges?.[axis];
      if (range) layout[axis].range = [...range];
    }
    if (!this.zoomed) this.#drawnRanges = JSON.stringify(this.#ranges);
    Object.assign(layout.yaxis, look.ticks(layout.yaxis.range));
    look.name(layout.annotations, layout.xaxis.range, layout.yaxis.range);
    Object.assign(layout.xaxis, look.steps(layout.xaxis.range));
    const data = this.#traces.fill(look.figure, look.scale, this.hidden);
    if (this.#made) return plotly().react(this.node, data, layout, CONFIG);
    const made = plotly().newPlot(this.node, data, layout, CONFIG);
    this.#made = true;
    this.#listen();
    return made;
  }

  /** Into the room that it has, as soon as that stands still: the figure anew, since numbers that go in meanwhile may leave axes where they stood. */
  #resize() {
    clearTimeout(this.#resizing);
    this.#resizing = setTimeout(() => {
      this.#stale = true;
      this.lastDrawn = -Infinity;
      this.#wake();
    }, RESIZE_MS);
  }

  /** Names of the traces, as they lie: Plotly knows them by their places alone. */
  get #names() {
    return known(this.#look).figure.layout.meta.traces;
  }

  /** New numbers into the traces that changed, and new ranges with them: one redraw. */
  #refill() {
    const look = known(this.#look);
    const ranges = this.#rangeDue ? this.#ranges : null;
    /** @type {Change & { annotations?: PlotlyAnnotation[] }} */
    const layout = this.#marksChanged ? JSON.parse(known(this.#marks)) : {};
    if (ranges) {
      for (const [axis, range] of Object.entries(ranges)) layout[`${axis}.range`] = [...range];
      this.#drawnRanges = JSON.stringify(ranges);
      if (ranges.yaxis) for (const [key, list] of Object.entries(look.ticks(ranges.yaxis))) layout[`yaxis.${key}`] = list;
      if (ranges.xaxis) for (const [key, list] of Object.entries(look.steps(ranges.xaxis))) layout[`xaxis.${key}`] = list;
    }
    if (this.#marks && (ranges || this.#marksChanged)) {
      layout.annotations = JSON.parse(this.#marks).annotations ?? [];
      const [across, up] = AXES.map((axis) => ranges?.[axis] ?? this.node.layout[axis].range ?? [0, 1]);
      look.name(layout.annotations, across, up);
    }
    const moved = Object.keys(layout).length > 0;
    if (!moved && this.#traces.isMoved && !this.#traces.hasEmptied(this.#names, this.node.data)) {
      this.#settlingUntil = performance.now() + SETTLE_MS;
      // From the lowest trace that changed on, all: Plotly puts what it animates on top of what it does not.
      const first = this.#names.findIndex((name) => this.#traces.hasChanged(name));
      const traces = [...this.#names.keys()].slice(first);
      const data = traces.map((place) => ({ ...this.#traces.points(this.#names[place]) }));
      return plotly().animate(this.node, { data, traces }, AT_ONCE).finally(() => {
        this.#settlingUntil = -Infinity;
        this.#wake();
      });
    }
    const { places, data } = this.#traces.changes(look.figure.layout.meta, this.node.data);
    if (!places.length) return plotly().relayout(this.node, layout);
    if (moved) return plotly().update(this.node, data, layout, places);
    return plotly().restyle(this.node, data, places);
  }

  #listen() {
    this.node.on("plotly_relayout", (change) => {
      // Only a person's zoom comes as single ends; our own ranges come whole.
      if (Object.keys(change).some((key) => key.endsWith("range[0]") || key.endsWith("range[1]"))) {
        this.zoomed = true;
        this.card.zoomed(true);
      }
    });
    this.node.on("plotly_doubleclick", () => this.unzoom());
    this.node.on("plotly_click", ({ points }) => this.clicked?.(Number(points[0].x)));
    onSize(this.node, () => this.#resize());
  }

  unzoom() {
    this.unzoomed?.();
    this.zoomed = false;
    this.card.zoomed(false);
    this.#drawnRanges = "";
    const look = known(this.#look);
    const ranges = this.#ranges ?? {};
    /** @param {"xaxis" | "yaxis"} axis */
    const whole = (axis) => [...(ranges[axis] ?? look.figure.layout[axis].range)];
    const ticks = Object.entries(look.ticks(whole("yaxis"))).map(([key, list]) => [`yaxis.${key}`, list]);
    plotly().relayout(this.node, Object.fromEntries([...AXES.map((axis) => [`${axis}.range`, whole(axis)]), ...ticks]));
    this.#drawnRanges = JSON.stringify(this.#ranges);
  }

  /** @param {string} group */
  toggle(group) {
    const shown = this.hidden.delete(group);
    if (!shown) this.hidden.add(group);
    if (!this.#made) return shown;
    const places = this.node.data.flatMap((trace, place) => (trace.legendgroup === group ? [place] : []));
    plotly().restyle(this.node, { visible: shown }, places);
    return shown;
  }

  /**
   * Hides these groups, and shows all others.
   *
   * @param {Iterable<string>} groups
   */
  hide(groups) {
    this.hidden.clear();
    for (const group of groups) this.hidden.add(group);
    if (!this.#look) return;
    this.#stale = true;
    this.card.redrawLegend(this.#look.figure);
  }

  // --- What the card's menu needs ---

  traces() {
    return (this.node.data ?? []).filter(({ meta, z }) => meta !== "not data" && !z).map(({ name = "", x = [], y = [], visible }) => ({ name, x: /** @type {Values} */ (x), y: /** @type {Values} */ (y), hidden: visible === false }));
  }

  /** A picture in shades has a row for each of its points; other charts have none of their own. */
  get rows() {
    const shades = (this.node.data ?? []).filter(({ z }) => z?.length);
    if (!shades.length) return undefined;
    return () => ({
      head: ["series", "x", "y", "value"],
      rows: shades.flatMap(({ name = "", x = [], y = [], z = [] }) => z.flatMap((row, at) => row.map((value, column) => [name, Number(x[column]), Number(y[at]), value ?? NaN]))),
    });
  }

  /** @param {number} x Columns are one wide, from a whole number to the next. */
  column(x) {
    const mark = (this.node.layout?.annotations ?? []).find(({ name, x: place }) => name === "column" && Math.floor(place) === Math.floor(x));
    return mark?.hovertext ?? mark?.text; // which stands where the text is shorter
  }

  axisTitles() {
    const { xaxis, yaxis } = this.#look?.figure.layout ?? {};
    return { x: xaxis?.title?.text || "x", y: yaxis?.title?.text || "y" };
  }

  /**
   * The chart as a picture, with its title and Plotly's own legend, on the page's colour.
   *
   * @param {Format} format
   */
  async picture(format) {
    const layout = structuredClone(this.node.layout);
    for (const axis of AXES) setTitle(layout[axis], known(this.#look).title(axis));
    const size = { width: this.id === "gauge" ? 360 : 1000, height: 620 };
    const drawn = { ...pictureLayout(layout, this.title), ...size };
    return plotly().toImage({ data: this.node.data, layout: drawn }, { format, ...size, scale: 2 });
  }
}
