// A chart's points one by one, for those who read them with the arrow keys: where a key leads, and what is said there.

import { short } from "./format.js";
import { head, series } from "./rows.js";

/** @import { Tabular } from "./rows.js" */

/**
 * Points in a row, each with a number or a word for every column. Where they have one y in common, which is none of their numbers, it is the level.
 *
 * @typedef {{ name: string, columns: string[], points: (string | number)[][], level?: number }} Line
 */

/** @typedef {{ line: string, point: number }} Place A point of the line of this name. */

const LEAP = 10; // points, by PageUp and PageDown

/**
 * What can be read of a chart: the series that its legend shows; then, of what it has rows of its own for, those under one name and one value of y as
 * one line, the highest y first, as a picture in shades is seen.
 *
 * @param {Tabular} chart
 * @returns {Line[]}
 */
export function lines(chart) {
  const [, ...columns] = head(chart);
  const shown = series(chart).filter(({ hidden }) => !hidden);
  return distinct([...shown.map(({ name, points }) => ({ name, columns, points })), ...(chart.rows ? rowsAsLines(chart.rows()) : [])]);
}

/**
 * Lines of which each has a name of its own.
 *
 * @param {Line[]} all
 */
function distinct(all) {
  /** @type {Map<string, number>} */
  const count = new Map();
  return all.map((line) => {
    const number = (count.get(line.name) ?? 0) + 1;
    count.set(line.name, number);
    return number === 1 ? line : { ...line, name: `${line.name} (${number})` };
  });
}

/**
 * @param {import("./rows.js").Rows} rows Their first column names them.
 * @returns {Line[]}
 */
function rowsAsLines({ head: [, across, up, ...columns], rows }) {
  /** @type {Map<string | number, Map<string | number, (string | number)[][]>>} */
  const names = new Map();
  for (const [name, x, y, ...values] of rows) {
    const levels = names.get(name) ?? names.set(name, new Map()).get(name);
    const level = levels?.get(y) ?? levels?.set(y, []).get(y);
    level?.push([x, ...values]);
  }
  return [...names].flatMap(([name, levels]) =>
    [...levels].sort(([one], [other]) => Number(other) - Number(one)).map(([y, points]) => ({ name: `${name}, ${up} ${worded(y)}`, columns: [across, ...columns], points, level: Number(y) })),
  );
}

/**
 * Where a key leads; undefined where it is none of the reader's.
 *
 * @param {Line[]} all
 * @param {Place | null} from Null before the first key: whichever it is, it leads to the first point.
 * @param {string} key As events name it.
 * @returns {Place | null | undefined}
 */
export function led(all, from, key) {
  const along = { ArrowRight: 1, ArrowLeft: -1, PageDown: LEAP, PageUp: -LEAP, Home: -Infinity, End: Infinity }[key];
  const across = { ArrowDown: 1, ArrowUp: -1 }[key];
  if (along === undefined && across === undefined) return undefined;
  if (!all.length) return null;
  const at = all.findIndex(({ name }) => name === from?.line);
  if (!from || at < 0) return { line: all[0].name, point: key === "End" ? all[0].points.length - 1 : 0 };
  const { points } = all[at];
  const point = Math.min(from.point, points.length - 1);
  if (along !== undefined) return { line: from.line, point: within(point + along, points.length) };
  const line = all[within(at + (across ?? 0), all.length)];
  return { line: line.name, point: line === all[at] ? point : nearest(line.points, points[point][0], point) };
}

/**
 * The point of another line at the same x, or nearest to it; where that is a word, the one of the same number.
 *
 * @param {(string | number)[][]} points
 * @param {string | number} x
 * @param {number} point
 */
function nearest(points, x, point) {
  const away = points.map(([other]) => Math.abs(Number(other) - Number(x)));
  const at = away.reduce((best, distance, i) => (distance < away[best] ? i : best), 0);
  return Number.isFinite(away[at]) ? at : within(point, points.length);
}

/**
 * @param {number} at
 * @param {number} count
 */
const within = (at, count) => Math.min(count - 1, Math.max(0, at));

/**
 * What is said of a point: its line where that is another one than before, its numbers, and which one it is of how many.
 *
 * @param {Line[]} all
 * @param {Place} place
 * @param {Place | null} [before]
 */
export function said(all, { line, point }, before = null) {
  const found = all.find(({ name }) => name === line);
  if (!found) return "";
  const { columns, points } = found;
  const at = within(point, points.length);
  const numbers = points[at].map((value, i) => `${columns[i]} ${worded(value)}`).join(", ");
  return `${before?.line === line ? "" : `${line}: `}${numbers} (${at + 1} of ${points.length})`;
}

/** @param {string | number} value */
const worded = (value) => (typeof value === "number" ? short(value) : value);

/**
 * Where a point lies in a chart of one pair of axes, in pixels of its element; null where it lies outside of them.
 *
 * @param {Pick<PlotlyNode, "clientWidth" | "clientHeight"> & { layout: Pick<PlotlyLayout, "margin"> & { xaxis: Span, yaxis: Span } }} plot
 * @param {number} x
 * @param {number} y
 * @returns {{ left: number, top: number } | null}
 */
export function spot({ clientWidth, clientHeight, layout: { margin, xaxis, yaxis } }, x, y) {
  const [along, up] = [shareOf(xaxis, x), shareOf(yaxis, y)];
  if (![along, up].every((share) => share >= 0 && share <= 1)) return null;
  return { left: margin.l + along * (clientWidth - margin.l - margin.r), top: clientHeight - margin.b - up * (clientHeight - margin.t - margin.b) };
}

/** @typedef {Pick<PlotlyAxis, "type" | "range">} Span */

/**
 * @param {Span} axis
 * @param {number} value
 */
function shareOf({ type, range: [low, high] }, value) {
  return ((type === "log" ? Math.log10(value) : value) - low) / (high - low);
}
