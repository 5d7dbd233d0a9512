// What is known of a sweep's settings, and how it is said.

import { percent, short, withMinus } from "../common/format.js";
import { literal } from "../common/pieces.js";
import { VERDICT, differenceWords, seedWords, valueWords, verdict } from "./standing.js";

/** @import { Axis, Columns, Standing, Value } from "./protocol.js" */
/** @import { Rows } from "../common/rows.js" */

export const KINDS = ["waiting", "training", "finished", "diverged", "pruned", "left out"];

// What a frame says of every setting.
const COLUMNS = /** @type {const} */ ([
  "kind", "value", "ci95", "before", "diverged_share", "worse_share", "limit", "step",
  "over_tasks", "over_seeds", "difference", "difference_over_tasks", "difference_over_seeds", "verdict",
]);

/** @typedef {{ number: number, values: Record<string, Value> } & Record<typeof COLUMNS[number], number>} Setting */

/**
 * What adapting did to the tasks that it did no good.
 *
 * @param {number} diverged Share of the tasks.
 * @param {number} worse
 */
export const losers = (diverged, worse) => `${percent(diverged)} of the tasks diverged, the loss rose on ${percent(worse)}`;

/**
 * A setting's value in the words that the command line has (`maml_core/values.py`).
 *
 * @param {Value} value
 */
export const said = (value) => (value === null ? "none" : value === true ? "on" : value === false ? "off" : typeof value === "number" ? digits(value) : value);

/** @param {number} value */
function digits(value) {
  if (Number.isInteger(value)) return withMinus(String(value));
  const rounded = Number(value.toPrecision(4));
  return withMinus(Math.abs(rounded) < 1e-4 ? rounded.toExponential() : String(rounded));
}

/** What is known of the settings: their values once, their numbers with every frame. */
export class Store {
  /** @type {Axis[]} */
  axes = [];
  /** @type {"loss" | "accuracy"} */
  metric = "loss";
  /** @type {number[]} */
  numbers = [];
  /** @type {Set<number>} */
  selected = new Set();
  /**
   * Why settings are left out, by their numbers.
   *
   * @type {Map<number, string>}
   */
  refusals = new Map();
  /**
   * What the settings are held against; null before a frame has come.
   *
   * @type {Standing | null}
   */
  standing = null;
  /** Grows whenever something of the settings changes. */
  revision = 0;
  #seeds = new Float32Array();
  /** @type {Map<number, Record<string, Value>>} */
  #values = new Map();
  /** @type {Record<string, Float32Array>} */
  #columns = {};
  /** @type {Map<number, number>} */
  #place = new Map();

  /** @param {Value[][]} list Of each its number, then a value for each axis. */
  settings(list) {
    this.revision++;
    this.numbers = list.map(([number]) => Number(number));
    this.#values = new Map(list.map(([number, ...values]) => [Number(number), Object.fromEntries(this.axes.map(({ name }, i) => [name, values[i]]))]));
    this.#place = new Map(this.numbers.map((number, place) => [number, place]));
  }

  clear() {
    this.settings([]);
    this.#columns = {};
    this.standing = null;
    this.selected.clear();
  }

  /**
   * The numbers of all settings, from a frame.
   *
   * @param {Columns} columns
   * @param {Standing | null} standing
   * @param {Float32Array} floats
   */
  columns({ count, ...offsets }, standing, floats) {
    this.revision++;
    this.standing = standing;
    if (standing) this.#seeds = floats.slice(standing.seeds, standing.seeds + count * standing.num_seeds);
    this.#columns = Object.fromEntries(Object.entries(offsets).map(([name, offset]) => [name, floats.slice(offset, offset + count)]));
  }

  /**
   * What a setting has in a column: its number, a value of an axis, or a number of a frame; without all the others, for who asks it of thousands.
   *
   * @param {number} number
   * @param {string} column
   * @returns {Value}
   */
  value(number, column) {
    if (column === "number") return number;
    const place = this.#place.get(number);
    const values = this.#columns[column];
    if (values && place !== undefined) return values[place] ?? NaN;
    return this.#values.get(number)?.[column] ?? null;
  }

  /**
   * Which setting it is: its values on the axes, in a line.
   *
   * @param {number} number
   */
  at(number) {
    const values = this.#values.get(number) ?? {};
    return this.axes.map(({ name, symbol }) => `${symbol} ${literal(said(values[name] ?? null))}`).join(" · ");
  }

  /**
   * All that is known of a setting.
   *
   * @param {number} number
   * @returns {Setting}
   */
  get(number) {
    const place = this.#place.get(number);
    const columns = Object.fromEntries(COLUMNS.map((name) => [name, place === undefined ? NaN : (this.#columns[name]?.[place] ?? NaN)]));
    const numbers = /** @type {Record<typeof COLUMNS[number], number>} */ (columns);
    if (Number.isNaN(numbers.verdict)) numbers.verdict = VERDICT.unknown;
    return { number, values: this.#values.get(number) ?? {}, ...numbers, kind: Number.isNaN(numbers.kind) ? 0 : numbers.kind };
  }

  /**
   * What a setting came to: `0.512 ± 0.03`.
   *
   * @param {Pick<Setting, "value" | "ci95" | "kind">} setting
   */
  result({ value, ci95, kind }) {
    const written = this.metric === "accuracy" ? percent : short;
    if (kind === 3) return "diverged";
    if (kind === 5) return "left out";
    if (!Number.isFinite(value)) return "–";
    return Number.isFinite(ci95) ? `${written(value)} ± ${written(ci95)}` : written(value);
  }

  /**
   * The value of each of a setting's seeds.
   *
   * @param {number} number
   */
  seeds(number) {
    const [place, size] = [this.#place.get(number), this.standing?.num_seeds ?? 0];
    return place === undefined ? new Float32Array() : this.#seeds.subarray(place * size, (place + 1) * size);
  }

  /**
   * All of a setting in lines, for a hover box or an ear; they are sentences, in which λ_max has an index.
   *
   * @param {number} number
   */
  lines(number) {
    const setting = this.get(number);
    const { before, diverged_share, worse_share, limit } = setting;
    const lines = [this.at(number), ...this.#came(number, setting)];
    if (Number.isFinite(before)) lines.push(`before adaptation: loss ${short(before)}`);
    if (worse_share > 0) lines.push(losers(diverged_share, worse_share));
    if (Number.isFinite(limit)) lines.push(`2/λ_max here: ${short(limit)}`);
    return lines;
  }

  /**
   * What a setting came to.
   *
   * @param {number} number
   * @param {Setting} setting
   */
  #came(number, setting) {
    const { kind, step, ci95 } = setting;
    if (kind === 0) return ["waiting"];
    if (kind === 5) return [`left out: ${this.refusals.get(number) ?? "it cannot be computed"}`];
    const paired = this.#paired(number, setting);
    const under_way = kind === 1 ? ` (training, outer step ${step || "…"})` : "";
    const seeds = this.standing?.num_seeds ?? 0;
    const over = kind !== 2 || !Number.isFinite(ci95) || !seeds ? "" : seeds > 1 ? ` over ${seeds} seeds` : " over tasks";
    const plain = `${this.metric} ${this.result(setting)}${over}${under_way}`;
    const value = paired && kind === 2 && this.standing?.objective === this.metric ? valueWords(setting, this.standing) : plain;
    return [value, ...(paired ?? []), ...(kind === 4 ? ["pruned"] : [])];
  }

  /**
   * The seeds of a setting that was trained to the end, and how it stands beside the one that all are held against; null for any other.
   *
   * @param {number} number
   * @param {Setting} setting
   */
  #paired(number, setting) {
    const { standing } = this;
    if (!standing || setting.verdict === VERDICT.unknown) return null;
    return [seedWords(this.seeds(number), standing), differenceWords(setting, standing)].filter((line) => line !== null);
  }

  /**
   * All settings in full, for the table behind the map.
   *
   * @param {string} name Of the sweep.
   * @returns {Rows}
   */
  rows(name) {
    const worded = (/** @type {Value} */ value) => (typeof value === "number" ? value : literal(said(value))); // numbers with all their digits
    const { standing } = this;
    const seeds = standing && standing.num_seeds > 1 ? Array.from({ length: standing.num_seeds }, (_, seed) => seed) : [];
    const minus = `minus ${standing?.reference}`;
    const paired = standing === null || standing.reference === null ? [] : [minus, `${minus}: ± over tasks`, `${minus}: ± over seeds`, "told"];
    const head = [
      ...["setting", ...this.axes.map(({ symbol }) => symbol), this.metric, "± over tasks", "± over seeds", ...seeds.map((seed) => `seed ${seed}`)],
      ...[...paired, "tasks worse", "tasks diverged", "2/λ_max", "state"],
    ];
    const rows = this.numbers.map((number) => {
      const s = this.get(number);
      const refusal = this.refusals.get(number);
      const kind = refusal === undefined ? KINDS[s.kind] : `${KINDS[s.kind]}: ${refusal}`;
      const beside = standing && paired.length ? [s.difference, s.difference_over_tasks, s.difference_over_seeds, verdict(s, standing)] : [];
      const own = this.seeds(number);
      return [
        ...[number, ...this.axes.map((axis) => worded(s.values[axis.name])), s.value, s.over_tasks, s.over_seeds, ...seeds.map((seed) => own[seed])],
        ...[...beside, s.worse_share, s.diverged_share, s.limit, kind],
      ];
    });
    return { caption: `Settings of ${literal(name)}`, head, rows };
  }
}
