// The numbers behind a chart as rows: a share of them to read, or all of them.

import { fromPlotly, spelled } from "./pieces.js";

/**
 * What a table shows; its texts are sentences, in which θ_0 has an index.
 *
 * @typedef {object} Rows
 * @property {string} [caption]
 * @property {string[]} head
 * @property {(string | number)[][]} rows
 */

/**
 * Points under one name. What its legend has hidden is in the table all the same.
 *
 * @typedef {{ name: string, x: ArrayLike<number>, y: ArrayLike<number>, hidden?: boolean }} Series
 */

/**
 * A chart as far as its numbers go: rows of its own, or else series of points. Its title, its axes and its series are called as Plotly has it.
 *
 * @typedef {object} Tabular
 * @property {string} title
 * @property {() => Rows} [rows]
 * @property {() => Series[]} [traces]
 * @property {(x: number) => number} [across] Where an x of its rows lies along its axis, where that is not x itself.
 * @property {() => { x: string, y: string }} [axisTitles]
 * @property {(x: number) => string | undefined} [column] What stands under the column that an x lies in, if it lies in one.
 */

const MAX_ROWS = 200;

/**
 * The named series of a chart with the points that are numbers.
 *
 * @param {Tabular} chart
 */
export function series(chart) {
  return (chart.traces?.() ?? []).flatMap(({ name, x, y, hidden = false }) => {
    /** @type {[number | string, number][]} */
    const points = [];
    for (let i = 0; i < Math.min(x.length, y.length); i++) {
      if (!Number.isNaN(x[i]) && !Number.isNaN(y[i])) points.push([chart.column?.(x[i]) ?? x[i], y[i]]);
    }
    return points.length ? [{ name: fromPlotly(name), hidden, points }] : [];
  });
}

/** @param {Tabular} chart */
export function head(chart) {
  const { x, y } = chart.axisTitles?.() ?? { x: "x", y: "y" };
  return ["series", fromPlotly(x), fromPlotly(y)];
}

/**
 * Evenly picked rows, the first and the last of a series always among them.
 *
 * @template T
 * @param {T[]} points
 * @param {number} count
 */
function decimate(points, count) {
  if (points.length <= count) return points;
  return Array.from({ length: count }, (_, i) => points[Math.round((i * (points.length - 1)) / Math.max(1, count - 1))]);
}

/**
 * All points of a chart.
 *
 * @param {Tabular} chart
 * @returns {Rows}
 */
export function points(chart) {
  return { head: head(chart), rows: series(chart).flatMap(({ name, points }) => points.map((point) => [name, ...point])) };
}

/**
 * What the page's table shows of a chart: its own rows, or of its series a share of the points.
 *
 * @param {Tabular} chart
 * @returns {Rows}
 */
export function picked(chart) {
  if (chart.rows) {
    const { caption, head, rows } = chart.rows();
    return { caption, head, rows: rows.slice(0, MAX_ROWS) };
  }
  const all = series(chart);
  const share = Math.max(2, Math.floor(MAX_ROWS / Math.max(1, all.length)));
  const total = all.reduce((sum, { points }) => sum + points.length, 0);
  const rows = all.flatMap(({ name, points }) => decimate(points, share).map(([x, y]) => [name, x, y]));
  return { caption: `${fromPlotly(chart.title)}: ${rows.length} of ${total} points`, head: head(chart), rows };
}

/**
 * Rows as a CSV file has them.
 *
 * @param {Rows} rows
 */
export function commaSeparated({ head, rows }) {
  const quote = (/** @type {string | number} */ value) => (typeof value === "number" ? value : `"${spelled(value).replaceAll('"', '""')}"`);
  return `${[head, ...rows].map((row) => row.map(quote).join(",")).join("\n")}\n`;
}
