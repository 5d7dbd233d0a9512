// The numbers and colours of a live chart's traces, by their names, and which of them are not drawn yet.

import { isEmptied } from "../common/emptied.js";

/** @import { Figure, Filled } from "../common/protocol.js" */

/** @typedef {"theta_0" | "theta_N" | "text"} Role Which of a palette's colours, by its meaning: the colour itself is another one in the other scheme. */

/** @typedef {ArrayLike<number>} Values */

/** @typedef {{ x: Values, y: Values }} Points */

/** @typedef {Points & Partial<Record<Filled, Values>>} Numbers By what of the trace they are; z row by row. */

export class Traces {
  /** @type {Record<string, Numbers>} */
  #points = {};
  /** @type {Record<string, Role>} */
  #roles = {};
  /** @type {Record<string, string>} */
  #names = {};
  /** @type {Set<string>} */
  #changed = new Set();
  #recolored = false;
  #renamed = false;
  #scale = 1; // of lines and markers, as they were drawn last

  /** Whether a trace has something new. */
  get isChanged() {
    return this.#changed.size > 0;
  }

  /** @param {string} trace */
  hasChanged(trace) {
    return this.#changed.has(trace);
  }

  /** Whether all that is new are places of points, and Plotly need not draw the traces anew. */
  get isMoved() {
    return !this.#recolored && !this.#renamed && [...this.#changed].every((trace) => beyond(this.points(trace)).length === 0);
  }

  /**
   * Whether a trace that is drawn has no points any more.
   *
   * @param {string[]} names Of all traces, as they lie.
   * @param {PlotlyTrace[]} drawn
   */
  hasEmptied(names, drawn) {
    return names.some((name, place) => this.#changed.has(name) && isEmptied(drawn[place], this.points(name)));
  }

  /**
   * New numbers for a trace; false where they are the old ones, and nothing needs to be drawn.
   *
   * @param {string} trace
   * @param {Filled} what
   * @param {Values} values
   */
  set(trace, what, values) {
    const held = (this.#points[trace] ??= { x: [], y: [] });
    if (same(held[what] ?? [], values)) return false;
    held[what] = values;
    this.#changed.add(trace);
    return true;
  }

  /**
   * @param {string} trace
   * @param {Role} role
   */
  paint(trace, role) {
    if (this.#roles[trace] === role) return;
    this.#roles[trace] = role;
    this.#changed.add(trace);
    this.#recolored = true;
  }

  /**
   * Another name than that of the figure, for tables and pictures.
   *
   * @param {string} trace
   * @param {string} name
   */
  rename(trace, name) {
    if (this.#names[trace] === name) return;
    this.#names[trace] = name;
    this.#changed.add(trace);
    this.#renamed = true;
  }

  /**
   * @param {string} trace
   * @returns {Numbers}
   */
  points(trace) {
    return this.#points[trace] ?? { x: [], y: [] };
  }

  /**
   * What is new, as Plotly's `update` takes it: the places of traces, and by its path what each of them gets.
   *
   * @param {Pick<Figure["layout"]["meta"], "traces" | "palette">} meta Names of all traces, as they lie, and the colours of the scheme that is shown.
   * @param {PlotlyTrace[]} drawn
   */
  changes({ traces: names, palette }, drawn) {
    const found = names.flatMap((name, place) => (this.#changed.has(name) ? [{ name, place }] : []));
    /** @type {Record<string, unknown[]>} */
    const data = { x: found.map(({ name }) => this.points(name).x), y: found.map(({ name }) => this.points(name).y) };
    for (const what of new Set(found.flatMap(({ name }) => beyond(this.points(name))))) {
      data[what] = found.map(({ name }) => valuesOf(this.points(name), what, this.#scale)); // Plotly leaves alone what is undefined
    }
    if (this.#recolored) data["line.color"] = found.map(({ name, place }) => palette[this.#roles[name]] ?? drawn[place].line?.color);
    if (this.#renamed) data.name = found.map(({ name, place }) => this.#names[name] ?? drawn[place].name);
    return { places: found.map(({ place }) => place), data };
  }

  /** All is on the screen. */
  drawn() {
    this.#changed.clear();
    this.#recolored = this.#renamed = false;
  }

  /** The numbers are of something else now. */
  forget() {
    this.#points = {};
  }

  /** Another run. */
  clear() {
    this.#points = {};
    this.#roles = {};
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
    this.#scale = scale;
    return data.map((trace, place) => {
      const name = layout.meta.traces[place];
      const numbers = this.points(name);
      /** @type {PlotlyTrace} */
      const drawn = { ...trace, x: numbers.x, y: numbers.y, visible: !hidden.has(trace.legendgroup ?? "") };
      if (this.#names[name]) drawn.name = this.#names[name];
      if (trace.line) drawn.line = { ...trace.line, width: trace.line.width * scale, color: layout.meta.palette[this.#roles[name]] ?? trace.line.color };
      if (trace.marker) drawn.marker = { ...trace.marker, size: trace.marker.size * scale };
      for (const what of /** @type {const} */ (["z", "text"])) if (numbers[what]) Object.assign(drawn, { [what]: valuesOf(numbers, what, scale) });
      if (numbers["marker.size"]) Object.assign(drawn.marker ?? {}, { size: valuesOf(numbers, "marker.size", scale) });
      if (numbers["marker.color"]) Object.assign(drawn.marker ?? {}, { color: numbers["marker.color"] });
      return drawn;
    });
  }
}

/**
 * What a trace has numbers of besides its points.
 *
 * @param {Numbers} numbers
 */
const beyond = (numbers) => /** @type {Filled[]} */ (Object.keys(numbers)).filter((what) => what !== "x" && what !== "y");

/**
 * Numbers as Plotly has them: z in rows, of which what is no number is a gap; a text is the number in words.
 *
 * @param {Numbers} numbers
 * @param {Filled} what
 * @param {number} scale Of markers.
 */
function valuesOf(numbers, what, scale) {
  const values = numbers[what];
  if (!values) return undefined;
  if (what === "marker.size") return Array.from(values, (size) => size * scale);
  if (what === "text") return Array.from(values, String);
  if (what !== "z") return values;
  const width = numbers.x.length;
  return Array.from(numbers.y, (_, row) => Array.from({ length: width }, (_, at) => (Number.isNaN(values[row * width + at]) ? null : values[row * width + at])));
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
