// A few-shot task of images as a frame has it, with what the network says of it after each inner step: numbers and words, nothing drawn.

import { known } from "../common/dom.js";
import { short } from "../common/format.js";
import { literal } from "../common/pieces.js";
import { between } from "./between.js";
import { confusion } from "./matrices.js";
import { letter } from "./pen.js";
import { predicted } from "./pictures.js";

/** @import { Frame } from "../common/protocol.js" */
/** @import { LiveFrame } from "./protocol.js" */
/** @import { Rows } from "../common/rows.js" */
/** @import { CellHit, FilterHit } from "./matrices.js" */
/** @import { ImageHit } from "./pictures.js" */

/** @typedef {"images" | "confusion" | "filters"} View What of a task is looked at. */

/** @typedef {ImageHit | CellHit | FilterHit} Hit What can be pointed at. */

/** @param {number} share */
const percent = (share) => `${Math.round(100 * share)}%`;

export class ImageTask {
  /** @type {Uint8Array} Bytes of all images, support first. */
  pixels;
  #images;
  #steps;
  #probabilities;
  #filters;

  /**
   * @param {Frame<LiveFrame>} frame
   * @param {ImageTask | null} before Has the pixels where the frame brings none.
   */
  constructor({ header, floats }, before) {
    const [images, steps] = [known(header.images), known(header.steps)];
    this.#images = images;
    this.#steps = steps;
    const stretches = (/** @type {number} */ offset, /** @type {number} */ size) => Array.from({ length: steps.count }, (_, k) => floats.subarray(offset + k * size, offset + (k + 1) * size));
    this.#probabilities = stretches(images.probabilities, images.query_labels.length * images.ways);
    this.#filters = stretches(images.filters, product(images.filters_shape));
    const size = (images.support_labels.length + images.query_labels.length) * product(images.shape);
    this.pixels = images.pixels === undefined ? known(before).pixels : new Uint8Array(floats.buffer, floats.byteOffset + 4 * images.pixels, size);
  }

  get shape() {
    return this.#images.shape;
  }

  /** Whether the images are strokes in the colour of text. */
  get ink() {
    return this.#images.ink;
  }

  get ways() {
    return this.#images.ways;
  }

  get supportLabels() {
    return this.#images.support_labels;
  }

  get queryLabels() {
    return this.#images.query_labels;
  }

  get filtersShape() {
    return this.#images.filters_shape;
  }

  /** The last inner step that there are numbers of. */
  get last() {
    return this.#steps.count - 1;
  }

  /** Whether the classes of the query images are known. */
  get isKnown() {
    return this.queryLabels.every((label) => label >= 0);
  }

  /** Whether the first layer is a fully connected one, so that a tile of weights is as large as an image. */
  get #whole() {
    return this.filtersShape.slice(1).join() === this.shape.join();
  }

  /**
   * What the network says of a query image, one number a class.
   *
   * @param {number} query
   * @param {number} at The inner step, or a place between two.
   */
  shares(query, at) {
    const { ways } = this.#images;
    return between(this.#probabilities.map((all) => all.subarray(query * ways, (query + 1) * ways)), at);
  }

  /** @param {number} k */
  #answers(k) {
    return this.queryLabels.map((_, query) => predicted(this.shares(query, k)));
  }

  /**
   * How often each class was taken for which after k inner steps, and the share that is right.
   *
   * @param {number} k
   */
  matrix(k) {
    return { title: `θ_${k}: ${percent(known(this.#steps.accuracy)[k] ?? 0)} right`, counts: confusion(this.queryLabels, this.#answers(k), this.ways) };
  }

  /**
   * The first layer's weights with theta_0, with theta_k, and by how much they differ.
   *
   * @param {number} k
   */
  panels(k) {
    const [before, after] = [this.#filters[0], this.#filters[k]];
    const change = after.map((weight, i) => weight - before[i]);
    const scale = Math.max(largest(before), largest(after));
    return [
      { title: "θ_0", kernels: before, scale },
      { title: `θ_${k}`, kernels: after, scale },
      { title: `θ_${k} − θ_0`, kernels: change, scale: largest(change) },
    ];
  }

  // --- Words ---

  /**
   * A sentence where there is nothing to draw.
   *
   * @param {View} view
   */
  why(view) {
    return view === "confusion" && !this.isKnown ? "Nobody knows the classes of these test images, so there is no right or wrong to count." : "";
  }

  /** Which of the first layer's units are drawn; nothing needs to be said of all kernels. */
  which() {
    const { num_units: numUnits } = this.#images;
    const [count] = this.filtersShape;
    if (count === numUnits) return this.#whole ? `One weight a pixel, of each of the first layer's ${count} units` : "";
    const called = this.#whole ? "units" : "kernels";
    const { num_inner_steps: n } = this.#steps;
    const moves = this.#filters[n].some((weight, i) => weight !== this.#filters[0][i]);
    return moves
      ? `${count} of the first layer's ${numUnits} ${called}: those that ${n} inner step${n === 1 ? " moves" : "s move"} most`
      : `The first ${count} of the first layer's ${numUnits} ${called}; inner steps move none of them`;
  }

  /**
   * The numbers behind what is pointed at, in lines.
   *
   * @param {Hit} hit
   * @param {number} at The inner step that is drawn, or a place between two.
   * @param {number} k The whole step that is looked at.
   */
  words(hit, at, k) {
    if (hit.kind === "image") return this.#wordsOfImage(hit.query, this.shares(hit.query, at));
    if (hit.kind === "cell") {
      const of = hit.answer < 0 ? "answered with no number" : `taken for ${letter(hit.answer)}`;
      return [`true ${letter(hit.truth)}, ${of}`, `${hit.count} of ${hit.all}, θ_${hit.matrix ? k : 0}`];
    }
    const size = product(this.filtersShape.slice(1));
    const [from, to] = [this.#filters[0], this.#filters[k]].map((all) => all.subarray(hit.filter * size, (hit.filter + 1) * size));
    const moved = from.map((weight, i) => to[i] - weight);
    return [`${this.#whole ? "unit" : "filter"} ${this.#images.units[hit.filter] + 1}`, `length ${short(length(from))}, moved by ${short(length(moved))}`];
  }

  /**
   * @param {number} query
   * @param {Float32Array} shares
   */
  #wordsOfImage(query, shares) {
    const { names, ways } = this.#images;
    const truth = this.queryLabels[query];
    const answer = predicted(shares);
    const ranked = Array.from({ length: ways }, (_, label) => label).sort((a, b) => shares[b] - shares[a]);
    return [
      truth < 0 ? `predicted ${letter(answer)}` : `true ${letter(truth)}, predicted ${letter(answer)}: ${answer === truth ? "right" : "wrong"}`,
      ...(names[truth] ? [literal(names[truth])] : []),
      ranked.slice(0, 5).map((label) => `${letter(label)} ${percent(shares[label])}`).join("  "),
    ];
  }

  // --- Rows ---

  /**
   * The rows behind what is looked at.
   *
   * @param {View} view
   * @param {number} k
   * @returns {Rows}
   */
  rows(view, k) {
    if (view === "images") return this.#imageRows(k);
    return view === "confusion" ? this.#confusionRows(k) : this.#filterRows(k);
  }

  /** @param {number} k */
  #imageRows(k) {
    const answers = this.#answers(k);
    const labels = Array.from({ length: this.ways }, (_, label) => label);
    return {
      caption: `Query images after ${k} inner ${k === 1 ? "step" : "steps"}`,
      head: ["test image", "true", "predicted", ...labels.map((label) => `P(${letter(label)})`)],
      rows: this.queryLabels.map((truth, query) => [query + 1, letter(truth), letter(answers[query]), ...this.shares(query, k)]),
    };
  }

  /** @param {number} k */
  #confusionRows(k) {
    if (!this.isKnown) return { caption: this.why("confusion"), head: [], rows: [] };
    const steps = [...new Set([0, k])];
    return {
      caption: "How many test images of a class were taken for each",
      head: ["inner steps", "true", ...Array.from({ length: this.ways }, (_, label) => letter(label)), "no number"],
      rows: steps.flatMap((step) => this.matrix(step).counts.map((row, truth) => [step, letter(truth), ...row])),
    };
  }

  /** @param {number} k */
  #filterRows(k) {
    const [before, after] = [this.#filters[0], this.#filters[k]];
    const [, channels, height, width] = this.filtersShape;
    const unit = (/** @type {number} */ i) => this.#images.units[Math.floor(i / (channels * height * width))];
    const place = (/** @type {number} */ i) => [unit(i), Math.floor(i / (height * width)) % channels, Math.floor(i / width) % height, i % width];
    return {
      caption: this.which() || "Weights of the first layer",
      head: [this.#whole ? "unit" : "filter", "channel", "row", "column", "θ_0", `θ_${k}`],
      rows: Array.from(before, (weight, i) => [...place(i).map((at) => at + 1), weight, after[i]]),
    };
  }
}

/** @param {number[]} sizes */
const product = (sizes) => sizes.reduce((all, size) => all * size, 1);

/** @param {Float32Array} weights */
const largest = (weights) => weights.reduce((most, weight) => Math.max(most, Math.abs(weight) || 0), 0);

/** @param {Float32Array} weights */
const length = (weights) => Math.hypot(...weights);
