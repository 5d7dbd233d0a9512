// Which classes are taken for which, and the first layer's weights: theta_0 on the left, theta_k beside it.

import { context2d, letter, rgb } from "./pen.js";
import { short } from "../common/format.js";

/** @import { Palette } from "../common/protocol.js" */
/** @import { Pen, Style } from "./pen.js" */

/** @typedef {[number, number, number, number]} Shape Of first-layer weights: tiles, channels, height, width. */

/**
 * A cell of a confusion matrix, and where it stands: the first matrix or the second, the true class, the answer (-1 for none), and how many
 * of all query images of the class.
 *
 * @typedef {{ kind: "cell", matrix: number, truth: number, answer: number, count: number, all: number, x: number, y: number, width: number, height: number }} CellHit
 */

/** @typedef {{ kind: "filter", panel: number, filter: number, x: number, y: number, width: number, height: number }} FilterHit A tile of weights. */

/** @typedef {(weights: number[]) => number[]} Color Red, green and blue, 0..255, of a pixel's weights, one a channel. */

/**
 * How often each true class (row) was taken for each class (column); a last column counts answers that are no number.
 *
 * @param {number[]} labels
 * @param {number[]} answers
 * @param {number} ways
 * @returns {number[][]}
 */
export function confusion(labels, answers, ways) {
  const counts = Array.from({ length: ways }, () => new Array(ways + 1).fill(0));
  labels.forEach((label, at) => counts[label][answers[at] < 0 ? ways : answers[at]]++);
  return counts;
}

/**
 * Two matrices side by side; returns their cells, for hovering.
 *
 * @param {Pen} pen
 * @param {{ title: string, color: string, counts: number[][] }[]} matrices
 * @returns {CellHit[]}
 */
export function drawConfusions(pen, matrices) {
  const column = pen.width / matrices.length;
  const heading = 1.6 * pen.size;
  return matrices.flatMap(({ title, color, counts }, i) => {
    const lost = counts.some((row) => row[row.length - 1] > 0);
    const rows = counts.length;
    const columns = rows + (lost ? 1 : 0);
    const label = 1.5 * pen.size;
    const cell = Math.floor(Math.min((column - 2 * label - 10) / columns, (pen.height - heading - 2 * label) / rows));
    if (cell < 2) return [];
    const [width, height] = [cell * columns, cell * rows];
    const x = Math.round(i * column + (column - width - label) / 2 + label);
    const y = Math.round(heading + label);
    pen.text(title, x + width / 2, heading / 2, { weight: 650, align: "center" });
    names(pen, { x, y, cell, rows, columns, label });
    /** @type {CellHit[]} */
    const hits = [];
    counts.forEach((row, truth) => {
      const all = row.reduce((sum, count) => sum + count, 0);
      row.slice(0, columns).forEach((count, answer) => {
        const [left, top] = [x + answer * cell, y + truth * cell];
        const share = all ? count / all : 0;
        pen.rect(left, top, cell, cell, color, 0.85 * share);
        if (count && cell >= 1.15 * pen.size) {
          const ink = readable(pen.colors, color, 0.85 * share);
          pen.text(String(count), left + cell / 2, top + cell / 2, { color: ink, size: Math.min(pen.size, 0.6 * cell), weight: truth === answer ? 700 : 400, align: "center" });
        }
        hits.push({ kind: "cell", matrix: i, truth, answer: answer === rows ? -1 : answer, count, all, x: left, y: top, width: cell, height: cell });
      });
    });
    for (let line = 0; line <= rows; line++) pen.line(x, y + line * cell, x + width, y + line * cell, pen.colors.grid);
    for (let line = 0; line <= columns; line++) pen.line(x + line * cell, y, x + line * cell, y + height, pen.colors.grid);
    // Where right answers are, for those who see the shades only.
    for (let at = 0; at < rows; at++) pen.frame(x + at * cell, y + at * cell, cell, cell, pen.colors.muted, 1);
    return hits;
  });
}

/**
 * The classes' letters around a matrix, as many as there is room for, and what its sides are.
 *
 * @param {Pen} pen
 * @param {{ x: number, y: number, cell: number, rows: number, columns: number, label: number }} place
 */
function names(pen, { x, y, cell, rows, columns, label }) {
  const size = Math.min(pen.size, Math.max(0.75 * pen.size, cell));
  const stride = Math.ceil((0.85 * size) / cell);
  for (let at = 0; at < columns; at += stride) {
    const name = at === rows ? "–" : letter(at);
    const style = { size, weight: 700, color: at === rows ? pen.colors.muted : pen.colorOf(at) };
    pen.text(name, x + (at + 0.5) * cell, y - 0.55 * size, { ...style, align: "center" });
    if (at < rows) pen.text(name, x - 5, y + (at + 0.5) * cell, { ...style, align: "right" });
  }
  /** @type {Style} */
  const style = { color: pen.colors.muted, size: 0.9 * pen.size, align: "center" };
  pen.text("predicted →", x + (columns * cell) / 2, y + rows * cell + 0.6 * label, style);
  const { context } = pen;
  context.save();
  context.translate(x - label - 4, y + (rows * cell) / 2);
  context.rotate(-Math.PI / 2);
  pen.text("← true", 0, 0, style);
  context.restore();
}

/**
 * The ink that stands out from a colour laid over the page.
 *
 * @param {Pick<Palette, "text" | "page">} palette
 * @param {string} color
 * @param {number} opacity
 */
function readable({ text, page }, color, opacity) {
  const over = rgb(color).map((value, i) => opacity * value + (1 - opacity) * rgb(page)[i]);
  const far = (/** @type {string} */ ink) => rgb(ink).reduce((sum, value, i) => sum + [0.3, 0.59, 0.11][i] * Math.abs(value - over[i]), 0);
  return far(text) >= far(page) ? text : page;
}

/**
 * First-layer weights as tiles, in panels side by side; returns the tiles, for hovering.
 *
 * One channel is drawn on a scale from negative to positive; three are red, green and blue around grey.
 *
 * @param {Pen} pen
 * @param {{ title: string, kernels: Float32Array, scale: number }[]} panels
 * @param {object} look
 * @param {Shape} look.shape
 * @param {string} look.note Stands over the panels.
 * @returns {FilterHit[]}
 */
export function drawKernels(pen, panels, { shape, note }) {
  const [count, channels, height, width] = shape;
  const column = pen.width / panels.length;
  const above = note ? 1.6 * pen.size : 0;
  const heading = above + 1.6 * pen.size;
  const legend = 1.7 * pen.size;
  const area = { width: column - 16, height: pen.height - heading - legend - 4 };
  const { columns, tile } = tiles(area, shape);
  const pixel = tile / Math.max(height, width);
  const [across, down] = [Math.round(width * pixel), Math.round(height * pixel)];
  const rows = Math.ceil(count / columns);
  const color = channels === 3 ? colored : shades(pen.colors);
  if (note) pen.text(note, pen.width / 2, above / 2, { color: pen.colors.muted, size: 0.93 * pen.size, align: "center" });
  return panels.flatMap(({ title, kernels, scale }, panel) => {
    const x = Math.round(panel * column + (column - columns * (tile + 2)) / 2);
    const y = heading + Math.max(0, (area.height - rows * (tile + 2)) / 2);
    pen.text(title, panel * column + column / 2, above + (heading - above) / 2, { weight: 650, align: "center" });
    const picture = painter(shape, (weights) => color(weights.map((weight) => bounded(weight / (scale || 1)))));
    const hits = Array.from({ length: count }, (_, filter) => {
      const left = Math.round(x + (filter % columns) * (tile + 2));
      const top = Math.round(y + Math.floor(filter / columns) * (tile + 2));
      pen.picture(picture(kernels, filter), left, top, across, down);
      pen.frame(left, top, across, down, pen.colors.grid, 1);
      return { kind: /** @type {const} */ ("filter"), panel, filter, x: left, y: top, width: tile, height: tile };
    });
    key(pen, { x: panel * column + column / 2, y: pen.height - legend / 2, scale, color: (weight) => color(new Array(channels).fill(weight)) });
    return hits;
  });
}

/**
 * As many columns as make the tiles largest; a pixel grows no larger than it needs to be seen.
 *
 * @param {{ width: number, height: number }} area
 * @param {Shape} shape
 */
function tiles({ width, height }, [count, , rows, columns]) {
  let found = { columns: 1, tile: 0 };
  for (let across = 1; across <= count; across++) {
    const tile = Math.floor(Math.min(width / across, height / Math.ceil(count / across)) - 2);
    if (tile > found.tile) found = { columns: across, tile };
  }
  const largest = Math.max(48, 6 * Math.max(rows, columns));
  return { ...found, tile: Math.max(3, Math.min(found.tile, largest)) };
}

/**
 * What puts one tile's weights on a small canvas, a pixel each.
 *
 * @param {Shape} shape
 * @param {Color} color
 * @returns {(kernels: Float32Array, filter: number) => HTMLCanvasElement}
 */
function painter([, channels, height, width], color) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const area = height * width;
  return (kernels, filter) => {
    const image = new ImageData(width, height);
    for (let i = 0; i < area; i++) {
      const weights = Array.from({ length: channels }, (_, channel) => kernels[(filter * channels + channel) * area + i]);
      image.data.set([...color(weights), 255], 4 * i);
    }
    context2d(canvas).putImageData(image, 0, 0);
    return canvas;
  };
}

/** @param {number} value */
const bounded = (value) => Math.max(-1, Math.min(1, Number.isFinite(value) ? value : 0));

/**
 * From the page's colour to that of negative or of positive weights.
 *
 * @param {Palette} colors
 * @returns {Color}
 */
function shades(colors) {
  const [page, negative, positive] = [colors.page, colors.negative, colors.positive].map(rgb);
  return ([weight]) => page.map((value, i) => value + Math.abs(weight) * ((weight < 0 ? negative : positive)[i] - value));
}

/** @type {Color} */
const colored = (weights) => weights.map((weight) => 127.5 * (1 + weight));

/**
 * What the colours mean: from -scale to scale.
 *
 * @param {Pen} pen
 * @param {{ x: number, y: number, scale: number, color: (weight: number) => number[] }} what
 */
function key(pen, { x, y, scale, color }) {
  const [width, height] = [70, 8];
  for (let i = 0; i < width; i++) {
    const ink = color((2 * i) / (width - 1) - 1).map(Math.round);
    pen.rect(x - width / 2 + i, y - height / 2, 1, height, `rgb(${ink.join(" ")})`);
  }
  pen.frame(x - width / 2, y - height / 2, width, height, pen.colors.grid);
  const style = { color: pen.colors.muted, size: 0.86 * pen.size };
  pen.text(`−${short(scale)}`, x - width / 2 - 5, y, { ...style, align: "right" });
  pen.text(short(scale), x + width / 2 + 5, y, style);
}
