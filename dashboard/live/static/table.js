// The numbers behind a chart, for those who read instead of look: a table on the page, a CSV file in full.

import { el } from "./dom.js";
import { short } from "./format.js";

const MAX_ROWS = 200;

const plain = (name) => name.replace(/<sub>(.*?)<\/sub>/g, "_$1");

/** The named series of a chart with the points that are numbers: `[{name, points: [[x, y], ...]}]`. */
function series(chart) {
  return chart.traces().flatMap(({ name, x, y }) => {
    const points = [];
    for (let i = 0; i < Math.min(x.length, y.length); i++) {
      if (!Number.isNaN(x[i]) && !Number.isNaN(y[i])) points.push([x[i], y[i]]);
    }
    return points.length ? [{ name: plain(name), points }] : [];
  });
}

/** Evenly picked rows, the first and the last of a series always among them. */
function decimate(points, count) {
  if (points.length <= count) return points;
  return Array.from({ length: count }, (_, i) => points[Math.round((i * (points.length - 1)) / Math.max(1, count - 1))]);
}

function points(chart) {
  const { x, y } = chart.axisTitles();
  return { head: ["series", x, y], rows: series(chart).flatMap(({ name, points }) => points.map((point) => [name, ...point])) };
}

/** `{caption, head, rows}` of a chart: its own, or of its series a share of the points. */
function picked(chart) {
  if (chart.rows) {
    const { caption, head, rows } = chart.rows();
    return { caption, head, rows: rows.slice(0, MAX_ROWS) };
  }
  const all = series(chart);
  const share = Math.max(2, Math.floor(MAX_ROWS / Math.max(1, all.length)));
  const total = all.reduce((sum, { points }) => sum + points.length, 0);
  const rows = all.flatMap(({ name, points }) => decimate(points, share).map(([x, y]) => [name, x, y]));
  const { x, y } = chart.axisTitles();
  return { caption: `${plain(chart.title)}: ${rows.length} of ${total} points`, head: ["series", x, y], rows };
}

export function table(chart) {
  const { caption, head, rows } = picked(chart);
  const cell = (value) => el("td", {}, typeof value === "number" ? short(value) : value);
  return el(
    "table",
    {},
    el("caption", {}, caption),
    el("thead", {}, el("tr", {}, ...head.map((text) => el("th", { scope: "col" }, text)))),
    el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map(cell)))),
  );
}

export function csv(chart) {
  const quote = (value) => (typeof value === "number" ? value : `"${value.replaceAll('"', '""')}"`);
  const { head, rows } = chart.rows?.() ?? points(chart);
  const lines = [head, ...rows].map((row) => row.map(quote).join(","));
  return new Blob([`${lines.join("\n")}\n`], { type: "text/csv" });
}

export function download(blobOrUrl, filename) {
  const url = typeof blobOrUrl === "string" ? blobOrUrl : URL.createObjectURL(blobOrUrl);
  el("a", { href: url, download: filename }).click();
  if (url !== blobOrUrl) setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
