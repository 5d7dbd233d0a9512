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

export function table(chart) {
  const all = series(chart);
  const share = Math.max(2, Math.floor(MAX_ROWS / Math.max(1, all.length)));
  const total = all.reduce((sum, { points }) => sum + points.length, 0);
  const rows = all.flatMap(({ name, points }) => decimate(points, share).map(([x, y]) => [name, short(x), short(y)]));
  const { x, y } = chart.axisTitles();
  return el(
    "table",
    {},
    el("caption", {}, `${plain(chart.title)}: ${rows.length} of ${total} points`),
    el("thead", {}, el("tr", {}, ...["series", x, y].map((text) => el("th", { scope: "col" }, text)))),
    el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell) => el("td", {}, cell))))),
  );
}

export function csv(chart) {
  const quote = (text) => `"${text.replaceAll('"', '""')}"`;
  const { x, y } = chart.axisTitles();
  const lines = [["series", x, y].map(quote).join(",")];
  for (const { name, points } of series(chart)) for (const point of points) lines.push([quote(name), ...point].join(","));
  return new Blob([`${lines.join("\n")}\n`], { type: "text/csv" });
}

export function download(blobOrUrl, filename) {
  const url = typeof blobOrUrl === "string" ? blobOrUrl : URL.createObjectURL(blobOrUrl);
  el("a", { href: url, download: filename }).click();
  if (url !== blobOrUrl) setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
