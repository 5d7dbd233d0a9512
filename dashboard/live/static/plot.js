// A chart of the sensitivity screen: a Plotly node that is made once, fed with numbers, and drawn again whole, a few times a second.

import { Card } from "./card.js";
import { perFrame } from "./dom.js";

const CONFIG = { displayModeBar: false, doubleClick: false, responsive: false, showTips: false };

export class Plot {
  id;
  title = "";
  card;
  node;
  hidden = new Set();
  shown = true;
  onDrawn = () => {};
  #figure = null;
  #arrays = [];
  #shape = null;
  #ranges = {};
  #made = false;
  #revision = 0;
  #listeners;

  /** `listeners`: {event: handler} of Plotly's events; `rows()` what the card's table shows. */
  constructor(id, { listeners = {}, rows = null } = {}) {
    this.id = id;
    this.#listeners = listeners;
    if (rows) this.rows = rows;
    this.card = new Card(this);
    this.node = this.card.plot;
    this.draw = perFrame(() => this.#draw());
    new ResizeObserver(() => this.#made && this.node.clientWidth > 0 && window.Plotly.Plots.resize(this.node)).observe(this.node);
  }

  /** New looks: the numbers of the old ones do not belong to them, unless only the theme changed. */
  look(figure, { keepNumbers = false } = {}) {
    this.#figure = figure;
    this.title = figure.layout.meta.title;
    if (!keepNumbers) {
      this.#arrays = [];
      this.#ranges = {};
    }
    this.card.describe(figure);
    this.draw();
  }

  get palette() {
    return this.#figure?.layout.meta.palette ?? null;
  }

  get numTraces() {
    return this.#figure?.data.length ?? 0;
  }

  set(trace, what, values) {
    (this.#arrays[trace] ??= {})[what] = values;
  }

  array(trace) {
    return this.#arrays[trace] ?? {};
  }

  shape(rowsAndColumns) {
    this.#shape = rowsAndColumns;
  }

  range(ranges) {
    this.#ranges = ranges;
  }

  show(shown) {
    this.shown = shown;
    this.card.root.hidden = !shown;
    if (shown) this.draw();
  }

  #draw() {
    if (!this.#figure || !this.shown || !window.Plotly || !this.node.isConnected) return;
    const layout = structuredClone(this.#figure.layout);
    layout.font.family = getComputedStyle(this.node).fontFamily;
    layout.showlegend = false; // the card has it as buttons
    layout.datarevision = ++this.#revision;
    layout.selections = [];
    for (const [axis, range] of Object.entries(this.#ranges)) {
      if (axis === "coloraxis") Object.assign(layout.coloraxis, { cmin: range[0], cmax: range[1] });
      else layout[axis].range = [...range];
    }
    const args = [this.node, this.#figure.data.map((trace, index) => this.#filled(trace, this.array(index))), layout, CONFIG];
    const drawn = this.#made ? window.Plotly.react(...args) : window.Plotly.newPlot(...args);
    if (!this.#made) {
      this.#made = true;
      for (const [event, handler] of Object.entries(this.#listeners)) this.node.on(event, handler);
    }
    this.card.refresh();
    Promise.resolve(drawn).then(() => this.onDrawn());
  }

  #filled(trace, { x = [], y = [], z, text, opacity, ...more }) {
    const filled = { ...trace, x, y, visible: !this.hidden.has(trace.legendgroup ?? null) };
    if (z) filled.z = rowsOf(z, this.#shape);
    if (text) filled.text = text;
    if (opacity !== undefined) filled.opacity = opacity;
    if (trace.type === "scatter") filled.selectedpoints = null;
    if (more["marker.color"]) filled.marker = { ...trace.marker, color: more["marker.color"] };
    if (more["error_y.array"]) filled.error_y = { ...trace.error_y, array: more["error_y.array"] };
    return filled;
  }

  // --- What the card needs ---

  toggle(group) {
    const shown = this.hidden.delete(group);
    if (!shown) this.hidden.add(group);
    this.draw();
    return shown;
  }

  unzoom() {}

  traces() {
    return (this.node.data ?? []).filter(({ type }) => type === "scatter").map(({ name, x, y }) => ({ name, x, y }));
  }

  axisTitles() {
    const { xaxis, yaxis } = this.node.layout ?? {};
    return { x: xaxis?.title?.text || "x", y: yaxis?.title?.text || "y" };
  }

  /** The chart as a picture, with its title and Plotly's own legend, on the page's colour. */
  async picture(format) {
    const layout = structuredClone(this.node.layout);
    layout.showlegend = true;
    layout.paper_bgcolor = layout.plot_bgcolor = layout.meta.palette.page;
    layout.title = { text: this.title.replace("θ_0", "θ<sub>0</sub>"), x: 0.02, xanchor: "left", y: 0.97, yanchor: "top" };
    layout.margin = { ...layout.margin, t: 90, b: layout.margin.b + 10, l: layout.margin.l + 16 };
    return window.Plotly.toImage({ data: this.node.data, layout }, { format, width: 1000, height: 720, scale: 2 });
  }
}

function rowsOf(values, shape) {
  if (!shape || shape[0] * shape[1] !== values.length) return [];
  const [rows, columns] = shape;
  return Array.from({ length: rows }, (_, row) => Array.from(values.subarray(row * columns, (row + 1) * columns), (v) => (Number.isNaN(v) ? null : v)));
}
