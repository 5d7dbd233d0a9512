// Which classes are taken for which, and the first layer's kernels: theta_0 on the left, theta_k beside it.

import { letter, rgb } from "./pen.js";
import { short } from "./format.js";

/** How often each true class (row) was taken for each class (column); a last column counts answers that are no number. */
export function confusion(labels, answers, ways) {
  const counts = Array.from({ length: ways }, () => new Array(ways + 1).fill(0));
  labels.forEach((label, at) => counts[label][answers[at] < 0 ? ways : answers[at]]++);
  return counts;
}

/** Two matrices side by side, `[{title, color, counts}, ...]`; returns their cells, for hovering. */
export function drawConfusions(pen, matrices) {
  const column = pen.width / matrices.length;
  const heading = 1.6 * pen.size;
  return matrices.flatMap(({ title, color, counts }, i) => {
    const lost = counts.some((row) => row.at(-1) > 0);
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
        hits.push({ matrix: i, truth, answer: answer === rows ? -1 : answer, count, all, x: left, y: top, width: cell, height: cell });
      });
    });
    for (let line = 0; line <= rows; line++) pen.line(x, y + line * cell, x + width, y + line * cell, pen.colors.grid);
    for (let line = 0; line <= columns; line++) pen.line(x + line * cell, y, x + line * cell, y + height, pen.colors.grid);
    // Where right answers are, for those who see the shades only.
    for (let at = 0; at < rows; at++) pen.frame(x + at * cell, y + at * cell, cell, cell, pen.colors.muted, 1);
    return hits;
  });
}

/** The classes' letters around a matrix, as many as there is room for, and what its sides are. */
function names(pen, { x, y, cell, rows, columns, label }) {
  const size = Math.min(pen.size, Math.max(0.75 * pen.size, cell));
  const stride = Math.ceil((0.85 * size) / cell);
  for (let at = 0; at < columns; at += stride) {
    const name = at === rows ? "–" : letter(at);
    const style = { size, weight: 700, color: at === rows ? pen.colors.muted : pen.colorOf(at) };
    pen.text(name, x + (at + 0.5) * cell, y - 0.55 * size, { ...style, align: "center" });
    if (at < rows) pen.text(name, x - 5, y + (at + 0.5) * cell, { ...style, align: "right" });
  }
  const style = { color: pen.colors.muted, size: 0.9 * pen.size, align: "center" };
  pen.text("predicted →", x + (columns * cell) / 2, y + rows * cell + 0.6 * label, style);
  const { context } = pen;
  context.save();
  context.translate(x - label - 4, y + (rows * cell) / 2);
  context.rotate(-Math.PI / 2);
  pen.text("← true", 0, 0, style);
  context.restore();
}

/** The ink that stands out from a colour laid over the page. */
function readable({ text, page }, color, opacity) {
  const over = rgb(color).map((value, i) => opacity * value + (1 - opacity) * rgb(page)[i]);
  const far = (ink) => rgb(ink).reduce((sum, value, i) => sum + [0.3, 0.59, 0.11][i] * Math.abs(value - over[i]), 0);
  return far(text) >= far(page) ? text : page;
}

/**
 * Kernels as tiles, a panel each of `[{title, kernels, scale}]`; returns the tiles, for hovering.
 *
 * `shape`: filters, channels, height, width. One channel is drawn on a scale from negative to positive; three are red, green and blue
 * around grey.
 */
export function drawKernels(pen, panels, shape) {
  const [count, channels, height, width] = shape;
  const column = pen.width / panels.length;
  const heading = 1.6 * pen.size;
  const legend = 1.7 * pen.size;
  const area = { width: column - 16, height: pen.height - heading - legend - 4 };
  const { columns, tile } = tiles(area, count);
  const pixel = tile / Math.max(height, width);
  const rows = Math.ceil(count / columns);
  return panels.flatMap(({ title, kernels, scale }, panel) => {
    const x = Math.round(panel * column + (column - columns * (tile + 2)) / 2);
    const y = heading + Math.max(0, (area.height - rows * (tile + 2)) / 2);
    pen.text(title, panel * column + column / 2, heading / 2, { weight: 650, align: "center" });
    const hits = Array.from({ length: count }, (_, filter) => {
      const left = Math.round(x + (filter % columns) * (tile + 2));
      const top = Math.round(y + Math.floor(filter / columns) * (tile + 2));
      for (let row = 0; row < height; row++) {
        for (let col = 0; col < width; col++) {
          const weight = (channel) => kernels[((filter * channels + channel) * height + row) * width + col] / (scale || 1);
          const color = channels === 3 ? colored(weight) : shaded(pen.colors, weight(0));
          // To the next pixel's edge, so that no seam shows between them.
          const [from, to, up, down] = [col * pixel, (col + 1) * pixel, row * pixel, (row + 1) * pixel].map(Math.round);
          pen.rect(left + from, top + up, to - from, down - up, color);
        }
      }
      pen.frame(left, top, Math.round(width * pixel), Math.round(height * pixel), pen.colors.grid, 1);
      return { panel, filter, x: left, y: top, width: tile, height: tile };
    });
    key(pen, { x: panel * column + column / 2, y: pen.height - legend / 2, scale, channels });
    return hits;
  });
}

/** As many columns as make the tiles largest. */
function tiles({ width, height }, count) {
  let found = { columns: 1, tile: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const tile = Math.floor(Math.min(width / columns, height / Math.ceil(count / columns)) - 2);
    if (tile > found.tile) found = { columns, tile };
  }
  return { ...found, tile: Math.max(3, Math.min(found.tile, 48)) };
}

const bounded = (value) => Math.max(-1, Math.min(1, Number.isFinite(value) ? value : 0));

function shaded({ page, negative, positive }, weight) {
  const share = Math.abs(bounded(weight));
  const end = rgb(weight < 0 ? negative : positive);
  return `rgb(${rgb(page).map((value, i) => Math.round(value + share * (end[i] - value))).join(" ")})`;
}

const colored = (weight) => `rgb(${[0, 1, 2].map((channel) => Math.round(127.5 * (1 + bounded(weight(channel))))).join(" ")})`;

/** What the colours mean: from -scale to scale. */
function key(pen, { x, y, scale, channels }) {
  const [width, height] = [70, 8];
  for (let i = 0; i < width; i++) {
    const weight = (2 * i) / (width - 1) - 1;
    pen.rect(x - width / 2 + i, y - height / 2, 1, height, channels === 3 ? colored(() => weight) : shaded(pen.colors, weight));
  }
  pen.frame(x - width / 2, y - height / 2, width, height, pen.colors.grid);
  const style = { color: pen.colors.muted, size: 0.86 * pen.size };
  pen.text(`−${short(scale)}`, x - width / 2 - 5, y, { ...style, align: "right" });
  pen.text(short(scale), x + width / 2 + 5, y, style);
}
