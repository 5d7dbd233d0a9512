// The charts: Plotly nodes that are made once and fed numbers, at most one redraw an animation frame.

import { Card } from "./card.js";
import { reducedMotion } from "./dom.js";
import { Images } from "./images.js";

const CONFIG = { displayModeBar: false, doubleClick: false, responsive: false, showTips: false };

// Numbers alone go in as an animation frame of no duration: Plotly then leaves axes and annotations alone, which makes a
// redraw 40% cheaper than `restyle`.
const AT_ONCE = { mode: "immediate", transition: { duration: 0 }, frame: { duration: 0, redraw: false } };
const SETTLE_MS = 500;

// After a redraw the page rests at least this many times its cost, so that a slow machine stays responsive.
const REST = 0.7;
const MAX_IN_FLIGHT = 2;
const REDUCED_MOTION_MS = 500;

// The first numbers follow the looks at once: a figure that is made with them need not be drawn twice.
const FIRST_NUMBERS_MS = 1000;

export const ORDER = ["loss", "fit", "images", "adaptation", "path", "layers", "gauge", "rates"];

class Chart {
  id;
  title = "";
  card;
  node;
  hidden = new Set();
  zoomed = false;
  shown = true;
  lastDrawn = -Infinity;
  #made = false;
  #looks = null;
  #stale = false;
  #arrays = [];
  #colors = [];
  #recolored = false;
  #changed = new Set();
  #ranges = null;
  #drawnRanges = "";
  #marks = null;
  #marksChanged = false;
  #settlingUntil = -Infinity;
  #wake;

  /** `wake` is called when the chart can be drawn again. */
  constructor(id, wake) {
    this.id = id;
    this.#wake = wake;
    this.card = new Card(this);
    this.node = this.card.plot;
  }

  /** New looks (theme, task family, text size): the next draw rebuilds the figure around the numbers it has. */
  look(figure, scale) {
    if (this.#looks && this.#looks.figure.layout.uirevision !== figure.layout.uirevision) this.#leaveMetric();
    this.#looks = { figure, scale };
    this.#stale = true;
    this.title = figure.layout.meta?.title ?? this.id;
    this.card.describe(figure);
  }

  /** What was measured in another metric says nothing on the new axes. */
  #leaveMetric() {
    this.#arrays = [];
    this.#ranges = null;
    this.zoomed = false;
    this.card.zoomed(false);
  }

  /** New numbers for a trace; false where they are the old ones, and nothing needs to be drawn. */
  set(trace, axis, values) {
    const held = (this.#arrays[trace] ??= { x: [], y: [] });
    if (same(held[axis], values)) return false;
    held[axis] = values;
    this.#changed.add(trace);
    return true;
  }

  array(trace) {
    return this.#arrays[trace];
  }

  /** Another run: nothing of the one before is left in the picture, nor in the words about it. */
  clear() {
    this.#arrays = [];
    this.#colors = [];
    this.#ranges = null;
    this.#stale = this.#looks !== null;
    this.card.clear();
  }

  color(trace, color) {
    if (this.#colors[trace] === color) return;
    this.#colors[trace] = color;
    this.#changed.add(trace);
    this.#recolored = true;
  }

  range(ranges) {
    this.#ranges = ranges;
  }

  marks(patch) {
    const text = JSON.stringify(patch);
    if (text === this.#marks) return;
    this.#marks = text;
    this.#marksChanged = true;
  }

  get waiting() {
    // One redraw after the other: a frame still in Plotly's queue would put its older numbers over newer ones.
    if (!this.shown || !this.#looks || performance.now() < this.#settlingUntil) return false;
    return this.#stale || this.#marksChanged || this.#changed.size > 0 || this.#rangeDue;
  }

  get #rangeDue() {
    return !this.zoomed && this.#ranges !== null && JSON.stringify(this.#ranges) !== this.#drawnRanges;
  }

  /** A chart that a run does not have takes no room and no time. */
  show(shown) {
    this.shown = shown;
    this.card.root.hidden = !shown;
  }

  /** Puts everything new on the screen; the promise says when it is there. */
  draw() {
    const drawn = this.#stale ? this.#rebuild() : this.#refill();
    this.#changed.clear();
    this.#recolored = false;
    this.#marksChanged = false;
    this.#stale = false;
    this.lastDrawn = performance.now();
    this.card.refresh();
    return Promise.resolve(drawn).catch(() => {}); // an interrupted frame is followed by a newer one
  }

  /** The figure anew on the same node: zoom survives by `uirevision`, hidden series by `hidden`. */
  #rebuild() {
    const { figure, scale } = this.#looks;
    const layout = structuredClone(figure.layout);
    layout.font.size *= scale;
    layout.font.family = getComputedStyle(this.node).fontFamily;
    for (const axis of [layout.xaxis, layout.yaxis]) if (axis.title) axis.title.font.size = layout.font.size;
    for (const side of ["l", "r", "t", "b"]) layout.margin[side] *= scale;
    for (const axis of ["xaxis", "yaxis"]) if (layout[axis].title) layout[axis].title.text = this.#axisName(axis, layout);
    layout.showlegend = false; // the card has it as buttons; pictures get Plotly's own
    if (this.#marks) Object.assign(layout, JSON.parse(this.#marks));
    for (const [axis, range] of Object.entries(this.zoomed ? this.#currentRanges() : this.#ranges ?? {})) layout[axis].range = [...range];
    if (!this.zoomed) this.#drawnRanges = JSON.stringify(this.#ranges);
    Object.assign(layout.yaxis, this.#ticks(layout.yaxis.range));
    this.#nameMarks(layout);
    const args = [this.node, this.#data(figure, scale), layout, CONFIG];
    if (this.#made) return window.Plotly.react(...args);
    const made = window.Plotly.newPlot(...args);
    this.#made = true;
    this.#listen();
    return made;
  }

  /** What an axis measures, as far as its length has room for it: without what stands in brackets, or not at all, rather than cut. */
  #axisName(axis, { margin, font }) {
    const name = this.#looks.figure.layout[axis].title?.text ?? "";
    const [size, before, behind] = axis === "xaxis" ? [this.node.clientWidth, margin.l, margin.r] : [this.node.clientHeight, margin.t, margin.b];
    const middle = before + (size - before - behind) / 2;
    const room = 2 * Math.min(middle, size - middle);
    return [name, name.replace(/ \(.*\)$/, "")].find((text) => 0.54 * font.size * text.replace(/<.*?>/g, "").length <= room) ?? "";
  }

  #resize() {
    const { layout } = this.node;
    const names = ["xaxis", "yaxis"].map((axis) => [axis, this.#axisName(axis, layout)]);
    const other = names.filter(([axis, name]) => name !== (layout[axis].title?.text ?? ""));
    if (!other.length) return window.Plotly.Plots.resize(this.node);
    window.Plotly.relayout(this.node, { ...Object.fromEntries(other.map(([axis, name]) => [`${axis}.title.text`, name])), autosize: true });
  }

  #data(figure, scale) {
    return figure.data.map((trace, index) => {
      const { x = [], y = [] } = this.#arrays[index] ?? {};
      const drawn = { ...trace, x, y, visible: !this.hidden.has(trace.legendgroup) };
      if (trace.line) drawn.line = { ...trace.line, width: trace.line.width * scale };
      if (trace.marker) drawn.marker = { ...trace.marker, size: trace.marker.size * scale };
      if (this.#colors[index]) drawn.line = { ...drawn.line, color: this.#colors[index] };
      return drawn;
    });
  }

  /** New numbers into the traces that changed, and new ranges with them: one redraw. */
  #refill() {
    const indices = [...this.#changed].sort((a, b) => a - b);
    const arrays = indices.map((index) => this.#arrays[index]);
    const layout = this.#marksChanged ? JSON.parse(this.#marks) : {};
    if (this.#rangeDue) {
      for (const [axis, range] of Object.entries(this.#ranges)) layout[`${axis}.range`] = [...range];
      this.#drawnRanges = JSON.stringify(this.#ranges);
      if (layout["yaxis.range"]) {
        for (const [key, list] of Object.entries(this.#ticks(layout["yaxis.range"]))) layout[`yaxis.${key}`] = list;
      }
    }
    if (this.id === "loss" && Object.keys(layout).length) {
      layout.annotations ??= structuredClone(this.node.layout.annotations ?? []);
      this.#nameMarks(layout);
    }
    const moved = Object.keys(layout).length > 0;
    if (!moved && !this.#recolored) {
      this.#settlingUntil = performance.now() + SETTLE_MS;
      // All traces, not only those that changed: Plotly puts what it animates on top of what it does not.
      const all = this.node.data.map((_, index) => index);
      const data = all.map((index) => this.#arrays[index] ?? { x: [], y: [] }).map(({ x, y }) => ({ x, y }));
      return window.Plotly.animate(this.node, { data, traces: all }, AT_ONCE).finally(() => {
        this.#settlingUntil = -Infinity;
        this.#wake();
      });
    }
    const data = { x: arrays.map(({ x }) => x), y: arrays.map(({ y }) => y) };
    if (this.#recolored) data["line.color"] = indices.map((index) => this.#colors[index] ?? this.node.data[index].line?.color);
    if (!indices.length) return window.Plotly.relayout(this.node, layout);
    if (moved) return window.Plotly.update(this.node, data, layout, indices);
    return window.Plotly.restyle(this.node, data, indices);
  }

  /** Of a log axis's list of ticks (1, 3, 10, 30, ...) as many as its range has room for. */
  #ticks(range) {
    const { tickmode, tickvals, ticktext } = this.#looks.figure.layout.yaxis;
    if (tickmode !== "array") return {};
    const perDecade = tickvals.length > 30 ? 2 : 1;
    const room = Math.max(3, this.node.clientHeight / (26 * this.#looks.scale));
    let stride = 1;
    while (((range[1] - range[0]) * perDecade) / stride > room) stride *= 2;
    // Counted from 1 = 10^0, so that a wider range keeps the ticks it had.
    const kept = tickvals.flatMap((value, i) => ((i - tickvals.indexOf(1)) % stride === 0 ? [i] : []));
    return { tickvals: kept.map((i) => tickvals[i]), ticktext: kept.map((i) => ticktext[i]) };
  }

  /** Names the newest marks first, each only where it does not run into one that is named already. */
  #nameMarks(layout) {
    const marks = (layout.annotations ?? []).filter(({ name }) => name === "mark");
    if (!marks.length) return;
    const size = this.node._fullLayout?._size?.w ?? this.node.clientWidth - 160;
    const range = layout["xaxis.range"] ?? layout.xaxis?.range ?? this.node.layout?.xaxis?.range ?? [0, 1];
    const letter = 0.54 * (this.#looks.figure.layout.font.size * this.#looks.scale);
    const taken = [];
    for (const mark of marks.toReversed()) {
      const left = ((mark.x - range[0]) / (range[1] - range[0])) * size;
      const width = (mark.text.length + 1) * letter;
      // Near the right edge the name stands on the line's left.
      const flipped = left + width > size + 90;
      const [start, end] = flipped ? [left - width, left] : [left, left + width];
      mark.xanchor = flipped ? "right" : "left";
      mark.visible = left >= 0 && left <= size && taken.every(([from, to]) => end <= from || start >= to);
      if (mark.visible) taken.push([start, end]);
    }
  }

  #currentRanges() {
    const { xaxis, yaxis } = this.node.layout;
    return { xaxis: xaxis.range, yaxis: yaxis.range };
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
    let seen = false;
    let width = 0;
    let height = 0;
    new ResizeObserver(([{ contentRect }]) => {
      if (Math.abs(contentRect.width - width) < 1 && Math.abs(contentRect.height - height) < 1) return;
      const first = !seen;
      seen = true;
      ({ width, height } = contentRect);
      if (!first && width > 0 && height > 0) this.#resize();
    }).observe(this.node);
  }

  unzoom() {
    this.zoomed = false;
    this.card.zoomed(false);
    this.#drawnRanges = "";
    const ranges = this.#ranges ?? {};
    const layout = {};
    for (const axis of ["xaxis", "yaxis"]) {
      layout[`${axis}.range`] = [...(ranges[axis] ?? this.#looks.figure.layout[axis].range)];
    }
    for (const [key, list] of Object.entries(this.#ticks(layout["yaxis.range"]))) layout[`yaxis.${key}`] = list;
    window.Plotly.relayout(this.node, layout);
    this.#drawnRanges = JSON.stringify(this.#ranges);
  }

  toggle(group) {
    const shown = this.hidden.delete(group);
    if (!shown) this.hidden.add(group);
    const indices = this.node.data.flatMap((trace, index) => (trace.legendgroup === group ? [index] : []));
    window.Plotly.restyle(this.node, { visible: shown }, indices);
    return shown;
  }

  // --- What the card's menu needs ---

  traces() {
    return (this.node.data ?? []).filter(({ meta }) => meta !== "not data").map(({ name, x, y }) => ({ name, x, y }));
  }

  axisTitles() {
    const { xaxis, yaxis } = this.#looks?.figure.layout ?? {};
    return { x: xaxis?.title?.text || "x", y: yaxis?.title?.text || "y" };
  }

  /** The chart as a picture, with its title and Plotly's own legend, on the page's colour. */
  async picture(format) {
    const layout = structuredClone(this.node.layout);
    const slim = this.id === "gauge";
    for (const axis of ["xaxis", "yaxis"]) if (layout[axis].title) layout[axis].title.text = this.#looks.figure.layout[axis].title?.text ?? "";
    layout.showlegend = true;
    layout.paper_bgcolor = layout.plot_bgcolor = layout.meta.palette.page;
    layout.title = { text: this.title, x: 0.02, xanchor: "left", y: 0.97, yanchor: "top" };
    layout.margin = { ...layout.margin, t: slim ? 130 : 90, b: layout.margin.b + 10, l: layout.margin.l + 16 };
    layout.width = slim ? 360 : 1000;
    layout.height = 620;
    return window.Plotly.toImage({ data: this.node.data, layout }, { format, width: layout.width, height: 620, scale: 2 });
  }
}

function same(a, b) {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

/** All charts, and the order in which they are redrawn. */
export class Charts {
  #charts = new Map(ORDER.map((id) => [id, this.#made(id)]));
  #figures = null;
  #theme = "light";
  #scale = 1;
  #turn = 0;
  #scheduled = false;
  #restUntil = 0;
  #inFlight = 0;
  #urgent = true; // the first drawing too is waited for
  #emptyUntil = Infinity;
  #lastChange = null;
  #open = []; // frames not yet drawn whole: {header, left: Set of chart ids}
  #onDrawn;
  #stats;

  /** `onDrawn(header)` is called once all charts of a frame show it (or something newer). */
  constructor({ onDrawn, stats }) {
    this.#onDrawn = onDrawn;
    this.#stats = stats;
    for (const id of ORDER) stats.drawn[id] = 0;
    Object.defineProperty(stats, "waiting", { get: () => this.#waiting, configurable: true });
  }

  /** Whether a chart has something new that is not on the screen yet. */
  get #waiting() {
    return [...this.#charts.values()].some(({ waiting }) => waiting);
  }

  #made(id) {
    const wake = () => this.schedule();
    return id === "images" ? new Images(wake) : new Chart(id, wake);
  }

  get(id) {
    return this.#charts.get(id);
  }

  get cards() {
    return [...this.#charts.values()].map(({ card }) => card);
  }

  figures({ light, dark }) {
    this.#figures = { light, dark };
    this.#emptyUntil = performance.now() + FIRST_NUMBERS_MS;
    this.#restyle();
  }

  recolor({ theme = this.#theme, scale = this.#scale }) {
    if (theme === this.#theme && scale === this.#scale) return;
    this.#theme = theme;
    this.#scale = scale;
    this.#restyle();
  }

  palette() {
    return this.#figures?.[this.#theme].fit.layout.meta.palette ?? null;
  }

  /** Which charts the run has, and why some of them have nothing to show: `{id: sentence}`. */
  present(ids, empty) {
    for (const [id, chart] of this.#charts) {
      const shown = ids.includes(id);
      if (shown !== chart.shown) chart.show(shown);
      chart.card.empty(empty[id] ?? "");
      if (!shown) for (const { left } of this.#open) left.delete(id);
    }
    this.#settle();
    this.schedule();
  }

  layouts(patches) {
    this.#layouts = patches;
    for (const [id, patch] of Object.entries(patches)) this.get(id)?.marks(patch[this.#theme]);
    this.schedule();
  }
  #layouts = {};

  #restyle() {
    if (!this.#figures) return;
    for (const [id, chart] of this.#charts) {
      if (this.#layouts[id]) chart.marks(this.#layouts[id][this.#theme]);
      chart.look(this.#figures[this.#theme][id], this.#scale);
    }
    this.schedule();
  }

  /** Another run: empties the charts, or those that a frame of it (`kept`) says nothing of. */
  clear(kept = {}) {
    for (const [id, chart] of this.#charts) if (!kept[id]) chart.clear();
    this.schedule();
  }

  frame({ header, floats }) {
    const touched = new Set();
    this.#emptyUntil = -Infinity;
    for (const [id, trace, axis, offset, size] of header.arrays) {
      const chart = this.get(id);
      if (chart?.set(trace, axis, floats.subarray(offset, offset + size)) && chart.shown) touched.add(id);
    }
    if (header.images) {
      const images = this.get("images");
      images.frame({ header, floats });
      if (images.shown) touched.add("images");
    }
    for (const [id, ranges] of Object.entries(header.ranges ?? {})) this.get(id)?.range(ranges);
    for (const [id, chart] of this.#charts) {
      if (header.subtitles?.[id] !== undefined) chart.card.subtitle(header.subtitles[id]);
      if (header.summaries?.[id] !== undefined) chart.card.summary(header.summaries[id]);
    }
    this.#urgent ||= header.change !== null && header.change !== undefined && header.change !== this.#lastChange;
    this.#lastChange = header.change ?? this.#lastChange;
    this.#open.push({ header, left: touched });
    this.#settle();
    this.schedule();
  }

  /** Asks for a redraw soon; `now` skips the rest between redraws (a person is waiting for it). */
  schedule(now = false) {
    this.#urgent ||= now;
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => this.#tick());
  }

  #tick() {
    this.#scheduled = false;
    if (!window.Plotly || !this.#figures) return;
    const now = performance.now();
    if (now < this.#emptyUntil) {
      this.schedule();
      return;
    }
    const chart = this.#inFlight < MAX_IN_FLIGHT ? this.#next(now) : null;
    if (!chart) {
      if (this.#inFlight === 0) this.#urgent = false;
      if (this.#waiting) this.schedule();
      return;
    }
    if (this.#urgent || now >= this.#restUntil) this.#draw(chart, now);
    this.schedule();
  }

  #draw(chart, now) {
    const showing = [...this.#open]; // frames that come while it draws are not on the screen yet
    this.#inFlight++;
    // A chart that cannot be drawn must not keep the others, and the server's next frame, waiting.
    const drawn = new Promise((settle) => settle(chart.draw())).catch((error) => console.error(error));
    drawn.then(() => {
      this.#inFlight--;
      this.#stats.drawn[chart.id]++;
      for (const { left } of showing) left.delete(chart.id);
      this.#settle();
      this.schedule();
    });
    const end = performance.now();
    this.#restUntil = end + REST * (end - now);
  }

  /** The next chart in turn that has something new. */
  #next(now) {
    const pause = reducedMotion() && !this.#urgent ? REDUCED_MOTION_MS : 0;
    for (let i = 0; i < ORDER.length; i++) {
      const chart = this.get(ORDER[(this.#turn + i) % ORDER.length]);
      if (!chart.waiting || now - chart.lastDrawn < pause) continue;
      this.#turn = (this.#turn + i + 1) % ORDER.length;
      return chart;
    }
    return null;
  }

  #settle() {
    while (this.#open.length && this.#open[0].left.size === 0) this.#onDrawn(this.#open.shift().header);
  }
}
