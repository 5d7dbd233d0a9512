// The numbers behind a chart, for those who read instead of look: a table on the page, a CSV file in full.

import { el, rich } from "./dom.js";
import { short } from "./format.js";
import { commaSeparated, picked, points } from "./rows.js";

/** @param {import("./rows.js").Tabular} chart */
export function table(chart) {
  const { caption, head, rows } = picked(chart);
  const cell = (/** @type {string | number} */ value) => el("td", {}, ...(typeof value === "number" ? [short(value)] : rich(value)));
  return el(
    "table",
    {},
    el("caption", {}, ...rich(caption ?? "")),
    el("thead", {}, el("tr", {}, ...head.map((text) => el("th", { scope: "col" }, ...rich(text))))),
    el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map(cell)))),
  );
}

/** @param {import("./rows.js").Tabular} chart */
export function csv(chart) {
  return new Blob([commaSeparated(chart.rows?.() ?? points(chart))], { type: "text/csv" });
}

/**
 * Has the browser keep a file.
 *
 * @param {Blob | string} blobOrUrl
 * @param {string} filename
 */
export function download(blobOrUrl, filename) {
  const url = typeof blobOrUrl === "string" ? blobOrUrl : URL.createObjectURL(blobOrUrl);
  el("a", { href: url, download: filename }).click();
  if (url !== blobOrUrl) setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
