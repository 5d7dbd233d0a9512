// A few-shot task as pictures: each class a row, its support images first, then its query images with what the network says of them.

import { context2d, letter, rgb } from "./pen.js";

/** @import { Pen } from "./pen.js" */

const LEAST = 14; // smaller thumbnails say nothing: rather fewer of them
const LARGEST = 96;
const NAMED = 28; // smaller ones have no room for the letter of a wrong answer
const GAP = 3;
const MAX_BLOCKS = 10;
const WORTH = 1.4; // times as good: classes stand elsewhere for it
const MAX_LINES = 3;
const BAR = [3, 7];
const BROADEST = 14;

/** The images of a task in one offscreen canvas: ink in the colour of text on nothing, or grey levels and colours as they are. */
export class Atlas {
  #canvas = document.createElement("canvas");
  #columns;
  #width;
  #height;

  /**
   * @param {Uint8Array} pixels Bytes [count, channels * height * width].
   * @param {[number, number, number]} shape
   * @param {string | null} ink The colour of those of 255; null where pixels are no ink.
   */
  constructor(pixels, [channels, height, width], ink) {
    const size = channels * height * width;
    const count = Math.floor(pixels.length / size);
    this.#width = width;
    this.#height = height;
    this.#columns = Math.max(1, Math.ceil(Math.sqrt(count)));
    this.#canvas.width = this.#columns * width;
    this.#canvas.height = Math.max(1, Math.ceil(count / this.#columns)) * height;
    const context = context2d(this.#canvas);
    const [red, green, blue] = ink ? rgb(ink) : [];
    const area = height * width;
    for (let at = 0; at < count; at++) {
      const image = new ImageData(width, height);
      const { data } = image;
      for (let i = 0; i < area; i++) {
        const from = at * size + i;
        if (channels === 3) data.set([pixels[from], pixels[from + area], pixels[from + 2 * area], 255], 4 * i);
        else if (ink) data.set([red, green, blue, pixels[from]], 4 * i);
        else data.set([pixels[from], pixels[from], pixels[from], 255], 4 * i);
      }
      context.putImageData(image, ...this.#place(at));
    }
  }

  /**
   * @param {number} at
   * @returns {[number, number]}
   */
  #place(at) {
    return [(at % this.#columns) * this.#width, Math.floor(at / this.#columns) * this.#height];
  }

  /**
   * Draws one of the images.
   *
   * @param {Pen} pen
   * @param {number} at Its number.
   * @param {number} x
   * @param {number} y
   * @param {number} size
   */
  draw(pen, at, x, y, size) {
    pen.picture(this.#canvas, x, y, size, size, [...this.#place(at), this.#width, this.#height]);
  }
}

/**
 * A task to be drawn: its classes, the true one of each image (-1 where nobody knows it), and the images, support first.
 *
 * @typedef {object} PicturedTask
 * @property {Atlas} atlas
 * @property {number} ways
 * @property {number[]} supportLabels
 * @property {number[]} queryLabels
 */

/** @typedef {{ kind: "image", query: number, x: number, y: number, width: number, height: number }} ImageHit Where a query image stands. */

/**
 * A query image to be drawn: its number, its place, its true class, and one number a class of what the network says.
 *
 * @typedef {{ at: number, x: number, y: number, truth: number, shares: Float32Array }} Query
 */

/**
 * What is to be placed: classes, images of each, and the size of the text, in the canvas' pixels.
 *
 * @typedef {object} Room
 * @property {number} width
 * @property {number} height
 * @property {number} ways
 * @property {number} shots
 * @property {number} queries
 * @property {number} text
 */

/**
 * How a task is laid out; `size` is 0 where there is no room at all.
 *
 * @typedef {object} Arrangement
 * @property {number} size
 * @property {number} score
 * @property {boolean} wide
 * @property {number} blocks
 * @property {number} rows
 * @property {number} lines
 * @property {[number, number]} columns Of support and of query images.
 * @property {number} blockWidth
 * @property {number} rowHeight
 * @property {number} heading
 * @property {number} panel
 * @property {number} bar
 */

/** @typedef {Arrangement & { shots: number, queries: number, room: Room }} Arranged With how many images of each class are shown, and in what room. */

/**
 * Where the images of a task go, as large as there is room.
 *
 * Classes stand in rows, of many classes in several blocks of rows side by side. Wide cells have their probabilities beside the
 * image, the others below it. Where images would be too small to be seen, only the first of each class are shown. Where the same task has a
 * little more or less height than before, as when a question of a class is asked above it, its classes stay where they are.
 *
 * @param {Room} room
 * @param {Arranged | null} [before] How it was laid out last.
 * @returns {Arranged}
 */
export function arrange(room, before = null) {
  const found = freely(room);
  if (!before || !isSame(before.room, room)) return { ...found, room };
  const { shots, queries, blocks, lines, wide } = before;
  const kept = best({ ...room, shots, queries }, { blocks, lines, wide });
  const shows = (/** @type {{ shots: number, queries: number }} */ each) => each.shots + each.queries;
  const isWorse = kept.size < Math.min(LEAST, found.size) || shows(before) < shows(found) || found.score > WORTH * kept.score;
  return isWorse ? { ...found, room } : { ...kept, shots, queries, room };
}

/**
 * Whether two places differ in nothing but their height.
 *
 * @param {Room} one
 * @param {Room} other
 */
const isSame = (one, other) => /** @type {(keyof Room)[]} */ (["width", "ways", "shots", "queries", "text"]).every((key) => one[key] === other[key]);

/**
 * Where the images go that were nowhere before.
 *
 * @param {Room} room
 * @returns {Arrangement & { shots: number, queries: number }}
 */
function freely({ width, height, ways, shots, queries, text }) {
  for (let most = Math.max(shots, queries); ; most--) {
    const shown = { shots: Math.min(shots, most), queries: Math.min(queries, most) };
    const found = best({ width, height, ways, text, ...shown });
    if (found.size >= LEAST || most <= 1) return { ...found, ...shown };
  }
}

/**
 * @param {Room} room
 * @param {Pick<Arrangement, "blocks" | "lines" | "wide">} [like] Only one that is like this.
 * @returns {Arrangement}
 */
function best(room, like) {
  const { width, height, ways, shots, queries, text } = room;
  /** @type {Arrangement} */
  let found = { size: 0, score: 0, wide: false, blocks: 0, rows: 0, lines: 0, columns: [0, 0], blockWidth: 0, rowHeight: 0, heading: 0, panel: 0, bar: 0 };
  const heading = 1.5 * text;
  const bar = Math.max(BAR[0], Math.min(BAR[1], Math.floor(44 / ways)));
  const panel = ways * bar + 2;
  for (let blocks = 1; blocks <= Math.min(ways, MAX_BLOCKS); blocks++) {
    const rows = Math.ceil(ways / blocks);
    if (Math.ceil(ways / rows) !== blocks) continue;
    const blockWidth = (width - (blocks - 1) * 12) / blocks;
    const rowHeight = (height - heading) / rows;
    for (let lines = 1; lines <= MAX_LINES; lines++) {
      const columns = /** @type {[number, number]} */ ([Math.ceil(shots / lines), Math.ceil(queries / lines)]);
      const area = blockWidth - 1.5 * text - 14 - (columns[0] + columns[1]) * GAP;
      for (const wide of [true, false]) {
        const across = (area - (wide ? columns[1] * (panel + GAP) : 0)) / (columns[0] + columns[1]);
        const line = rowHeight / lines - GAP;
        if (like && (like.blocks !== blocks || like.lines !== lines || like.wide !== wide)) continue;
        const size = Math.floor(Math.min(across, wide ? line - 1 : (line - 2) / 1.24, LARGEST));
        const score = size * (wide ? 1.35 : 1) * 0.93 ** (blocks + lines);
        if (size > 0 && score > found.score) found = { size, score, wide, blocks, rows, lines, columns, blockWidth, rowHeight, heading, panel, bar };
      }
    }
  }
  return found;
}

/**
 * The most probable class; -1 where the network's output is not a number.
 *
 * @param {ArrayLike<number>} probabilities
 */
export function predicted(probabilities) {
  let best = 0;
  for (let label = 0; label < probabilities.length; label++) {
    if (Number.isNaN(probabilities[label])) return -1;
    if (probabilities[label] > probabilities[best]) best = label;
  }
  return best;
}

/**
 * Draws a task; returns where each query image is, for hovering, and how it is laid out; null where there is no room.
 *
 * @param {Pen} pen
 * @param {PicturedTask} task
 * @param {(query: number) => Float32Array} probabilities One number a class.
 * @param {Arranged | null} before How it was laid out last.
 * @returns {{ hits: ImageHit[], place: Arranged | null }}
 */
export function drawTask(pen, task, probabilities, before) {
  const { ways, supportLabels, queryLabels } = task;
  const known = queryLabels.every((label) => label >= 0);
  // Images of which nobody knows the class are spread over the rows; they belong to none.
  const labels = known ? queryLabels : queryLabels.map((_, query) => query % ways);
  const [support, query] = [supportLabels, labels].map((all) => {
    /** @type {number[][]} */
    const groups = Array.from({ length: ways }, () => []);
    all.forEach((label, at) => groups[label].push(at));
    return groups;
  });
  const most = (/** @type {number[][]} */ groups) => Math.max(...groups.map(({ length }) => length));
  const place = arrange({ width: pen.width, height: pen.height, ways, shots: most(support), queries: most(query), text: pen.size }, before);
  if (!place.size) return { hits: [], place: null };
  const { size, columns, lines, blockWidth, rowHeight, rows, heading } = place;
  const chip = 1.35 * pen.size;
  if (place.wide) {
    // What is left of the width makes the bars broader.
    const left = blockWidth - chip - 20 - columns[0] * (size + GAP) - columns[1] * (size + place.panel + 2 * GAP);
    const broader = Math.floor(Math.min(left / (columns[1] * ways), BROADEST - place.bar));
    place.bar += broader;
    place.panel += broader * ways;
  }
  const cellWidth = size + GAP + (place.wide ? place.panel + GAP : 0);
  const used = chip + 6 + columns[0] * (size + GAP) + 14 + columns[1] * cellWidth;
  const spare = Math.max(0, Math.min(blockWidth - used, place.blocks > 1 ? 4 : 40)) / 2;
  const divide = chip + 6 + columns[0] * (size + GAP) + spare;
  head(pen, divide + 8 + spare, place, { known, shots: most(support), queries: most(query) });
  /** @type {ImageHit[]} */
  const hits = [];
  for (let label = 0; label < ways; label++) {
    const left = Math.floor(label / rows) * (blockWidth + 12);
    const top = heading + (label % rows) * rowHeight;
    const lineHeight = rowHeight / lines;
    const start = Math.round(top + (lineHeight - cellHeight(place)) / 2);
    pen.chip(label, left, Math.round(top + (Math.min(rowHeight, lineHeight) - Math.min(chip, lineHeight - 2)) / 2), chip, Math.min(chip, lineHeight - 2));
    support[label].slice(0, place.shots).forEach((at, i) => {
      const x = Math.round(left + chip + 6 + (i % columns[0]) * (size + GAP));
      const y = Math.round(start + Math.floor(i / columns[0]) * lineHeight);
      pen.rect(x, y, size, size, pen.colors.text, 0.05);
      task.atlas.draw(pen, at, x, y, size);
      pen.frame(x, y, size, size, pen.colorOf(label), 1.5);
    });
    pen.line(Math.round(left + divide) + 0.5, top + 2, Math.round(left + divide) + 0.5, top + rowHeight - 2, pen.colors.grid);
    query[label].slice(0, place.queries).forEach((at, i) => {
      const x = Math.round(left + divide + 8 + spare + (i % columns[1]) * cellWidth);
      const y = Math.round(start + Math.floor(i / columns[1]) * lineHeight);
      drawQuery(pen, task, place, { at, x, y, truth: queryLabels[at], shares: probabilities(at) });
      hits.push({ kind: "image", query: at, x, y, width: cellWidth - GAP, height: cellHeight(place) });
    });
  }
  return { hits, place };
}

/** @param {Arrangement} place */
const strip = ({ size }) => Math.max(3, Math.round(0.2 * size));

/** @param {Arrangement} place */
const cellHeight = (place) => (place.wide ? place.size : place.size + 2 + strip(place));

/**
 * What the columns are, over those of the first block, and what of the task is not shown.
 *
 * @param {Pen} pen
 * @param {number} right Where the query images begin.
 * @param {{ shots: number, queries: number, heading: number }} place
 * @param {{ shots: number, queries: number, known: boolean }} all Of the task, and whether the classes of its query images are known.
 */
function head(pen, right, { shots, queries, heading }, all) {
  const style = { color: pen.colors.muted, size: 0.93 * pen.size };
  const y = heading / 2 - 1;
  pen.dot(4, y, 4, pen.colors.support);
  const end = 12 + pen.text(pen.fitting(["examples (support)", "examples"], right - 20, style), 12, y, style);
  right = Math.max(right, end + 8); // one small example is narrower than its name
  pen.dot(right + 4, y, 4, pen.colors.query);
  const missing = [
    ...(shots < all.shots ? [`${shots} of ${all.shots} example`] : []),
    ...(queries < all.queries ? [`${queries} of ${all.queries} test`] : []),
  ];
  const rest = missing.length ? `: the first ${missing.join(" and ")} images of each class` : all.known ? ", and what the network says" : ": what are they?";
  pen.text(pen.fitting([`test images (query)${rest}`, `test images${rest}`], pen.width - right - 12, style), right + 12, y, style);
}

/**
 * @param {Pen} pen
 * @param {PicturedTask} task
 * @param {Arrangement} place
 * @param {Query} query
 */
function drawQuery(pen, { atlas, supportLabels }, place, { at, x, y, truth, shares }) {
  const { size } = place;
  const answer = predicted(shares);
  const wrong = truth >= 0 && answer !== truth;
  pen.rect(x, y, size, size, pen.colors.text, 0.05);
  atlas.draw(pen, supportLabels.length + at, x, y, size);
  pen.frame(x, y, size, size, wrong ? pen.colors.text : pen.colors.grid, wrong ? 2 : 1);
  if (place.wide) drawBars(pen, place, { x: x + size + GAP, y, answer, truth, wrong, shares });
  else drawStrip(pen, place, { x, y: y + size + 2, shares });
  const mark = Math.max(4, Math.min(9, 0.2 * size));
  if (wrong) pen.cross(x + size - mark - 3, y + 3, mark);
  if (!place.wide && wrong && size >= NAMED) {
    const chip = Math.min(1.1 * pen.size, 0.42 * size);
    pen.chip(answer, x, y, chip, chip);
  }
}

/**
 * A bar a class; the class that it really is has a foot.
 *
 * @param {Pen} pen
 * @param {Arrangement} place
 * @param {Omit<Query, "at"> & { answer: number, wrong: boolean }} query
 */
function drawBars(pen, { size, panel, bar }, { x, y, answer, truth, wrong, shares }) {
  const name = Math.min(1.15 * pen.size, 0.4 * size);
  const full = size - name - 4;
  pen.rect(x, y + name + 1, panel, full, pen.colors.text, 0.05);
  for (let label = 0; label < shares.length; label++) {
    const height = full * shares[label];
    if (height > 0) pen.rect(x + 1 + label * bar, y + name + 1 + full - height, bar - 1, height, pen.colorOf(label));
  }
  if (truth >= 0) pen.rect(x + 1 + truth * bar, y + size - 3, bar - 1, 3, pen.colors.text);
  if (wrong || answer < 0) pen.chip(answer, x, y, name, name);
  else pen.text(letter(answer), x + 1, y + name / 2, { color: pen.colorOf(answer), size: Math.min(pen.size, name), weight: 700 });
}

/**
 * All classes in one bar, A first.
 *
 * @param {Pen} pen
 * @param {Arrangement} place
 * @param {Pick<Query, "x" | "y" | "shares">} query
 */
function drawStrip(pen, place, { x, y, shares }) {
  const height = strip(place);
  pen.rect(x, y, place.size, height, pen.colors.text, 0.1);
  let from = 0;
  for (let label = 0; label < shares.length; label++) {
    if (!(shares[label] > 0)) continue;
    pen.rect(x + from * place.size, y, shares[label] * place.size, height, pen.colorOf(label));
    from += shares[label];
  }
}
