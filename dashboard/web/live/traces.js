// The numbers and colours of a live chart's traces, by their names, and which of them are not drawn yet.

/** @import { Figure } from "../common/protocol.js" */

/** @typedef {ArrayLike<number>} Values */

/** @typedef {{ x: Values, y: Values }} Points */

export class Traces {
  /** @type {Record<string, Points>} */
  #points = {};
  /** @type {Record<string, string>} */
  #colors = {};
  /** @type {Set<string>} */
  #changed = new Set();
  #recolored = false;

  /** Whether a trace has something new. */
  get isChanged() {
    return this.#changed.size > 0;
  }

  /** Whether a trace has another colour. */
  get isRecolored() {
    return this.#recolored;
  }

  /**
   * New numbers for a trace; false where they are the old ones, and nothing needs to be drawn.
   *
   * @param {string} trace
   * @param {"x" | "y"} axis
   * @param {Values} values
   */
  set(trace, axis, values) {
    const held = (this.#points[trace] ??= { x: [], y: [] });
    if (same(held[axis], values)) return false;
    held[axis] = values;
    this.#changed.add(trace);
    return true;
  }

  /**
   * @param {string} trace
   * @param {string} color
   */
  paint(trace, color) {
    if (this.#colors[trace] === color) return;
    this.#colors[trace] = color;
    this.#changed.add(trace);
    this.#recolored = true;
  }

  /**
   * @param {string} trace
   * @returns {Points}
   */
  points(trace) {
    return this.#points[trace] ?? { x: [], y: [] };
  }

  /**
   * What is new, as Plotly's `update` takes it: the places of traces, and by its path what each of them gets.
   *
   * @param {string[]} names Of all traces, as they lie.
   * @param {PlotlyTrace[]} drawn
   */
  changes(names, drawn) {
    const found = names.flatMap((name, place) => (this.#changed.has(name) ? [{ name, place }] : []));
    /** @type {Record<string, unknown[]>} */
    const data = { x: found.map(({ name }) => this.points(name).x), y: found.map(({ name }) => this.points(name).y) };
    if (this.#recolored) data["line.color"] = found.map(({ name, place }) => this.#colors[name] ?? drawn[place].line?.color);
    return { places: found.map(({ place }) => place), data };
  }

  /** All is on the screen. */
  drawn() {
    this.#changed.clear();
    this.#recolored = false;
  }

  /** The numbers are of something else now. */
  forget() {
    this.#points = {};
  }

  /** Another run. */
  clear() {
    this.#points = {};
    this.#colors = {};
  }

  /**
   * The traces of a figure, filled.
   *
   * @param {Figure} figure
   * @param {number} scale Of lines and markers.
   * @param {Set<string>} hidden Groups of the legend.
   * @returns {PlotlyTrace[]}
   */
  fill({ data, layout }, scale, hidden) {
    return data.map((trace, place) => {
      const name = layout.meta.traces[place];
      /** @type {PlotlyTrace} */
      const drawn = { ...trace, ...this.points(name), visible: !hidden.has(trace.legendgroup ?? "") };
      if (trace.line) drawn.line = { ...trace.line, width: trace.line.width * scale, color: this.#colors[name] ?? trace.line.color };
      if (trace.marker) drawn.marker = { ...trace.marker, size: trace.marker.size * scale };
      return drawn;
    });
  }
}

/**
 * @param {Values} a
 * @param {Values} b
 */
function same(a, b) {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}
