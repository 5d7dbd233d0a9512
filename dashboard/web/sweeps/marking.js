// What the page itself writes on a sweep's charts: a text for the pointer, rings around what is selected, letters on what is pinned.

import { short } from "../common/format.js";
import { forPlotly } from "../common/pieces.js";
import { losers } from "./store.js";

/**
 * Points of a chart with what each stands for: the number of its setting, or numbers of its own.
 *
 * @typedef {object} Places
 * @property {ArrayLike<number>} [x]
 * @property {ArrayLike<number>} [y]
 * @property {Float32Array} [customdata]
 */

/** @typedef {(number: number) => string[]} Lines What is said of a setting, as sentences. */

/**
 * For each setting on the map, all that is known of it.
 *
 * @param {Places} places
 * @param {Lines} lines
 */
export const mapTexts = ({ customdata = NONE }, lines) => Array.from(customdata, (number) => lines(number).flatMap(wrapped).map(forPlotly).join("<br>"));

const NUMBERS = 10; // of a mean

/**
 * For each place of a map of means, what its settings come to together.
 *
 * @param {Places} places Ten numbers a place: mean, least, largest, how many settings they are of, how many diverged, how many are neither, and the ends of the mean's intervals
 *   over tasks and over seeds.
 * @param {(result: number) => string} written
 * @param {number} seeds Trainings of each setting.
 */
export function meanTexts({ customdata = NONE, x = NONE }, written, seeds) {
  return Array.from(x, (_, i) => {
    const [mean, low, high, ok, gone, others, ...ends] = customdata.subarray(NUMBERS * i, NUMBERS * (i + 1));
    const of = ok === 1 ? "one setting" : `${ok} settings, from ${written(low)} to ${written(high)}`;
    const lines = [ok ? `mean ${written(mean)} of ${of}` : "no setting is finished here"];
    const intervals = [[ends[0], ends[1], "tasks"], [ends[2], ends[3], `${seeds} seeds`]];
    for (const [from, to, over] of intervals) if (Number.isFinite(from)) lines.push(`${written(Number(from))} to ${written(Number(to))} over ${over}`);
    if (gone) lines.push(`${gone} diverged, not in the mean`);
    if (others) lines.push(`${others} not finished, pruned or left out`);
    return lines.join("<br>");
  });
}

/**
 * The settings at a place.
 *
 * @param {Places} places
 * @param {number} x
 * @param {number | null} y Any, where it is null.
 */
export function atPlace({ customdata = NONE, x: xs = NONE, y: ys = NONE }, x, y) {
  return Array.from(customdata).filter((_, i) => xs[i] === x && (y === null || ys[i] === y));
}

const WIDE = 56; // letters of a line under the pointer, which Plotly does not wrap

/**
 * A line cut where words end.
 *
 * @param {string} line
 */
export function wrapped(line) {
  /** @type {string[]} */
  const found = [];
  for (const word of line.split(" ")) {
    const last = found.at(-1);
    if (last !== undefined && last.length + word.length < WIDE) found[found.length - 1] = `${last} ${word}`;
    else found.push(word);
  }
  return found;
}

/**
 * For each point of the curves, whose it is, and its numbers.
 *
 * @param {Places} places
 * @param {(number: number) => string} at Which setting it is.
 */
export const laneTexts = ({ customdata = NONE, x = NONE, y = NONE }, at) =>
  Array.from(customdata, (number, i) => `${forPlotly(at(number))}<br>outer step ${x[i]}: ${short(y[i])}`);

/**
 * For each cell of the frozen map, what adapting came to there.
 *
 * @param {Places} places Four numbers a cell: the result, its interval, and the shares of tasks that diverged and that got worse.
 * @param {(result: number) => string} written
 */
export function frozenTexts({ customdata = NONE, x = NONE, y = NONE }, written) {
  return Array.from(x, (place, i) => {
    const [value, ci95, diverged, worse] = customdata.subarray(4 * i, 4 * i + 4);
    const result = Number.isNaN(value) ? "diverged" : `${written(value)} ± ${written(ci95)}`;
    return `α ${short(10 ** place)}, ${y[i]} inner ${y[i] === 1 ? "step" : "steps"}: ${result}<br>${losers(diverged, worse)}`;
  });
}

/**
 * The frozen map in rows, for its table and for whoever reads it with the keyboard.
 *
 * @param {Places} places As `frozenTexts` takes them.
 * @param {string} name
 * @returns {import("../common/rows.js").Rows}
 */
export function frozenRows({ customdata = NONE, x = NONE, y = NONE }, name) {
  const rows = Array.from(x, (place, i) => {
    const [value, ...others] = customdata.subarray(4 * i, 4 * i + 4);
    return [name, Number((10 ** place).toPrecision(6)), y[i], Number.isNaN(value) ? "diverged" : value, ...others];
  });
  return { caption: name, head: ["map", "α", "inner steps at test", "held-out result", "± 95%", "tasks diverged", "tasks worse"], rows };
}

/**
 * Where settings are on the map, each with what stands there; those that are not on it are left out.
 *
 * @param {Places} places
 * @param {readonly (readonly [number, string])[]} marked Numbers of settings, each with its text.
 */
export function marks({ customdata = NONE, x = NONE, y = NONE }, marked) {
  const at = placesOf(customdata);
  const found = marked.flatMap(([number, text]) => {
    const i = at.get(number);
    return i === undefined ? [] : [{ x: x[i], y: y[i], text }];
  });
  return { x: found.map((each) => each.x), y: found.map((each) => each.y), text: found.map((each) => each.text) };
}

/**
 * The points of the selected settings' curves, one behind the other.
 *
 * @param {Places[]} lanes
 * @param {Set<number>} selected
 */
export function selectedCurves(lanes, selected) {
  /** @type {{ x: number[], y: number[] }} */
  const chosen = { x: [], y: [] };
  for (const { customdata = NONE, x = NONE, y = NONE } of lanes) {
    customdata.forEach((number, i) => {
      if (!selected.has(number)) return;
      chosen.x.push(x[i]);
      chosen.y.push(y[i]);
    });
  }
  return chosen;
}

/** @type {WeakMap<Float32Array, Map<number, number>>} */
const places = new WeakMap();

/**
 * Where each setting is, by its number; of thousands it is asked at every key.
 *
 * @param {Float32Array} numbers
 */
function placesOf(numbers) {
  let found = places.get(numbers);
  if (!found) places.set(numbers, (found = new Map(Array.from(numbers, (number, i) => [number, i]))));
  return found;
}

const NONE = new Float32Array();
