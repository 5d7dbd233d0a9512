// The small picture of a trace in a legend: its line, its marker or its area, as they are drawn in the chart.

import { known } from "./dom.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const [WIDTH, WIDE] = [18, 38]; // the wide one has room for a dash at both sides of a marker
/** @type {Record<string, string>} */
const SHAPES = {
  circle: "M5.5 5a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0Z",
  square: "M5 1H13V9H5Z",
  diamond: "M9 0 14 5 9 10 4 5Z",
  cross: "M7.6 0.5H10.4V3.6H13.5V6.4H10.4V9.5H7.6V6.4H4.5V3.6H7.6Z",
  x: "M5.9 0.9 9 3.6 12.1 0.9 13.4 2.2 10.6 5 13.4 7.8 12.1 9.1 9 6.4 5.9 9.1 4.6 7.8 7.4 5 4.6 2.2Z",
  star: "M9 0 10.4 3.4 14 3.6 11.2 5.9 12.1 9.5 9 7.5 5.9 9.5 6.8 5.9 4 3.6 7.6 3.4Z",
  "triangle-up": "M9 0.5 13.5 9H4.5Z",
  "triangle-down": "M9 9.5 4.5 1H13.5Z",
};
/** @type {Record<string, string>} Marks of strokes alone. */
const STROKES = {
  "x-thin": "M6.5 2.5 11.5 7.5M11.5 2.5 6.5 7.5",
  "line-ew": "M6 5H12",
  "line-ne": "M5.5 8.5 12.5 1.5",
};
/** @type {Record<string, string>} */
const DASHES = { dash: "5 3", dot: "2 2.5", dashdot: "6 2.5 1.5 2.5", longdash: "7 4", longdashdot: "9 2 1.5 2" };

/** @typedef {(tag: string, attributes: Record<string, string | number>) => void} Add Adds a shape to the picture. */

/**
 * An SVG of a trace of Plotly's. A mark of strokes lies on the trace's `fillcolor`, as it lies on a cell of that colour.
 *
 * @param {PlotlyTrace} trace
 */
export function swatch({ mode, line, marker, fillcolor = "none", fill }) {
  const wide = mode === "lines+markers" && Boolean(DASHES[line?.dash ?? ""]);
  const width = wide ? WIDE : WIDTH;
  const svg = document.createElementNS(NAMESPACE, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} 10`);
  svg.setAttribute("aria-hidden", "true");
  if (wide) svg.style.width = `${width}px`;
  /** @type {Add} */
  const add = (tag, attributes) => {
    const node = document.createElementNS(NAMESPACE, tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
    svg.append(node);
  };
  if (fill) add("rect", { x: 1, y: 0, width: 16, height: 10, rx: 2, fill: fillcolor });
  else if (mode === "markers") addMarker(add, known(marker), fillcolor);
  else {
    const { color, width: thick, dash = "" } = known(line);
    add("path", { d: `M0 5H${width}`, stroke: color, "stroke-width": Math.max(1.8, thick), "stroke-dasharray": DASHES[dash] ?? (dash.endsWith("px") ? dash : "none") });
    if (mode === "lines+markers") {
      const { symbol = "", color: inside } = known(marker);
      add("path", { d: SHAPES[symbol] ?? SHAPES.circle, fill: inside, transform: `translate(${(width - WIDTH) / 2} 0)` });
    }
  }
  return svg;
}

/**
 * A marker alone.
 *
 * @param {Add} add
 * @param {PlotlyMarker} marker
 * @param {string} behind Colour of the cell that a mark of strokes lies on.
 */
function addMarker(add, { symbol = "", color, colorscale, size, line }, behind) {
  const outline = { stroke: line?.color ?? "none", "stroke-width": (line?.width ?? 0) * 0.8 };
  if (colorscale) {
    // Points that a scale colours: its ends and its middle.
    const at = [0, Math.floor((colorscale.length - 1) / 2), colorscale.length - 1];
    at.forEach((place, n) => add("circle", { cx: 4 + 5 * n, cy: 5, r: 2.4, fill: colorscale[place][1] }));
  } else if (STROKES[symbol]) {
    if (behind !== "none") add("rect", { x: 3, y: 0, width: 12, height: 10, rx: 1, fill: behind });
    add("path", { d: STROKES[symbol], stroke: known(line).color, "stroke-width": 1.6 });
  } else if (symbol === "x") add("path", { d: "M5.5 1.5 12.5 8.5M12.5 1.5 5.5 8.5", stroke: color, "stroke-width": 2.6 });
  else if (symbol === "circle-open") add("circle", { cx: 9, cy: 5, r: 3, fill: "none", stroke: color, "stroke-width": 1.3 });
  else if (SHAPES[symbol]) add("path", { d: SHAPES[symbol], fill: color, ...outline });
  else add("circle", { cx: 9, cy: 5, r: Math.min(4.2, size / 2), fill: color, ...outline });
}
