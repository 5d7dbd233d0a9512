// The images card: a few-shot task, what the network says of it after k inner steps, and what the inner steps change in the network.

import { Card } from "./card.js";
import { el, newId, setText } from "./dom.js";
import { short } from "./format.js";
import { confusion, drawConfusions, drawKernels } from "./matrices.js";
import { Pen, letter } from "./pen.js";
import { Atlas, drawTask, predicted } from "./pictures.js";
import { Segments } from "./segments.js";

const TEXT = 12;
const VIEWS = { images: "Images", confusion: "Confusion", filters: "Filters" };
const percent = (share) => `${Math.round(100 * share)}%`;

/** Stands among the charts; it has no traces and draws on a canvas of its own. */
export class Images {
  id = "images";
  title = "";
  card;
  formats = ["png"];
  hidden = new Set();
  zoomed = false;
  shown = true;
  lastDrawn = -Infinity;
  #canvas = el("canvas", { "aria-hidden": "true" });
  #tip = el("div", { class: "maml-image-tip", hidden: true, "aria-hidden": "true" });
  #spoken = el("p", { class: "maml-visually-hidden", "aria-live": "polite" });
  #note = el("p", { class: "maml-empty", hidden: true });
  #views = new Segments("What to look at", Object.entries(VIEWS), (view) => this.#look(view));
  #view = "images";
  #palette = null;
  #scale = 1;
  #task = null; // {shape, ink, ways, names, supportLabels, queryLabels, pixels, probabilities, filters, filtersShape, units, numUnits, atlas}
  #steps = null; // {count, num_inner_steps, accuracy}
  #at = 0; // inner step that is drawn, between whole steps while it glides
  #hits = [];
  #pointed = null; // of the hits, by its number
  #changed = false;
  #wake;

  /** `wake` is called when there is something to draw. */
  constructor(wake) {
    this.#wake = wake;
    this.card = new Card(this);
    const { plot } = this.card;
    plot.tabIndex = 0;
    plot.append(this.#canvas);
    plot.after(this.#tip, this.#spoken, this.#note);
    this.#views.show(this.#view);
    this.card.addViews(this.#views.root);
    plot.setAttribute("aria-describedby", (this.#spoken.id = newId("image")));
    plot.addEventListener("pointermove", ({ offsetX, offsetY }) => this.#point(this.#under(offsetX, offsetY)));
    plot.addEventListener("pointerleave", () => this.#point(null));
    plot.addEventListener("blur", () => this.#point(null));
    plot.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#refresh()).observe(plot);
  }

  #look(view) {
    this.#view = view;
    this.#views.show(view);
    this.#point(null);
    this.#refresh();
    this.card.refresh(true);
  }

  // --- What every chart can do ---

  look({ layout }, scale) {
    this.title = layout.meta.title;
    this.#palette = layout.meta.palette;
    this.#scale = scale;
    this.card.describe({ layout });
    if (this.#task) this.#task.atlas = null;
    this.#refresh();
  }

  clear() {
    this.#point(null);
    this.#task = this.#steps = null;
    this.#hits = [];
    this.#canvas.width = 0; // until there is another task to draw, nothing
    this.card.clear();
  }

  show(shown) {
    this.shown = shown;
    this.card.root.hidden = !shown;
  }

  get waiting() {
    return this.shown && this.#changed && this.#palette !== null && this.#task !== null;
  }

  draw() {
    this.#changed = false;
    this.lastDrawn = performance.now();
    this.#paint();
    this.card.refresh();
  }

  set() {
    return false;
  }

  range() {}

  marks() {}

  // --- Numbers ---

  /** A new task, or what the network says now of the one it has. */
  frame({ header, floats }) {
    const { images, steps } = header;
    const { shape, ink, ways, names, support_labels: supportLabels, query_labels: queryLabels } = images;
    const { filters_shape: filtersShape, units, num_units: numUnits } = images;
    const block = queryLabels.length * ways;
    const kernel = filtersShape.reduce((product, size) => product * size, 1);
    const stretches = (offset, size) => Array.from({ length: steps.count }, (_, k) => floats.subarray(offset + k * size, offset + (k + 1) * size));
    const task = { shape, ink, ways, names, supportLabels, queryLabels, filtersShape, units, numUnits };
    task.probabilities = stretches(images.probabilities, block);
    task.filters = stretches(images.filters, kernel);
    if (images.pixels === undefined) {
      Object.assign(task, { pixels: this.#task.pixels, atlas: this.#task.atlas });
    } else {
      const size = (supportLabels.length + queryLabels.length) * shape[0] * shape[1] * shape[2];
      task.pixels = new Uint8Array(floats.buffer, floats.byteOffset + 4 * images.pixels, size);
      this.#point(null);
    }
    this.#task = task;
    this.#steps = steps;
    this.#changed = true;
  }

  /** The inner step to draw; between two of them it glides. */
  at(k) {
    if (k === this.#at) return;
    this.#at = k;
    this.#changed = true;
  }

  /** Of a query image, one number a class. */
  #shares(query) {
    const { probabilities, ways } = this.#task;
    const low = Math.min(Math.floor(this.#at), probabilities.length - 1);
    const part = this.#at - low;
    const [from, to] = [low, Math.min(low + 1, probabilities.length - 1)].map((k) => probabilities[k].subarray(query * ways, (query + 1) * ways));
    return part < 1e-3 ? from : from.map((share, label) => share + part * (to[label] - share));
  }

  #answers(k) {
    const { probabilities, queryLabels, ways } = this.#task;
    return queryLabels.map((_, query) => predicted(probabilities[k].subarray(query * ways, (query + 1) * ways)));
  }

  /** The whole step that is looked at, also while the bars glide to it. */
  get #k() {
    return Math.min(Math.round(this.#at), this.#steps.count - 1);
  }

  get #known() {
    return this.#task.queryLabels.every((label) => label >= 0);
  }

  // --- Drawing ---

  #refresh() {
    this.#changed = true;
    this.#wake();
  }

  #paint() {
    const note = this.#why();
    setText(this.#note, note);
    this.#note.hidden = !note;
    const pen = new Pen(this.#canvas, { colors: this.#palette, size: TEXT * this.#scale });
    this.#hits = [];
    if (note || pen.width < 40 || pen.height < 40) return;
    this.#hits = { images: () => this.#images(pen), confusion: () => this.#confusion(pen), filters: () => this.#filters(pen) }[this.#view]();
    const hit = this.#hits[this.#pointed];
    if (hit) {
      pen.frame(hit.x - 2, hit.y - 2, hit.width + 4, hit.height + 4, this.#palette.text, 2);
      this.#tell(hit);
    }
  }

  /** A sentence where there is nothing to draw. */
  #why() {
    if (this.#view === "confusion" && !this.#known) return "Nobody knows the classes of these query images, so there is no right or wrong to count.";
    return "";
  }

  #images(pen) {
    this.#task.atlas ??= new Atlas(this.#task.pixels, this.#task.shape, this.#task.ink ? this.#palette.text : null);
    return drawTask(pen, this.#task, (query) => this.#shares(query));
  }

  #confusion(pen) {
    const { queryLabels, ways } = this.#task;
    const matrix = (k, color) => ({
      title: `θ_${k}: ${percent(this.#steps.accuracy[k])} right`,
      color,
      counts: confusion(queryLabels, this.#answers(k), ways),
    });
    return drawConfusions(pen, [matrix(0, this.#palette.theta_0), matrix(this.#k, this.#palette.theta_N)]);
  }

  #filters(pen) {
    const [before, after] = [this.#task.filters[0], this.#task.filters[this.#k]];
    const change = after.map((weight, i) => weight - before[i]);
    const scale = Math.max(largest(before), largest(after));
    return drawKernels(
      pen,
      [
        { title: "θ_0", kernels: before, scale },
        { title: `θ_${this.#k}`, kernels: after, scale },
        { title: `θ_${this.#k} − θ_0`, kernels: change, scale: largest(change) },
      ],
      { shape: this.#task.filtersShape, note: this.#which() },
    );
  }

  /** Whether the first layer is a fully connected one, so that a tile is as large as an image. */
  get #whole() {
    return this.#task.filtersShape.slice(1).join() === this.#task.shape.join();
  }

  /** Which of the first layer's units are drawn; nothing needs to be said of all kernels. */
  #which() {
    const { filters, filtersShape, numUnits } = this.#task;
    const [count] = filtersShape;
    if (count === numUnits) return this.#whole ? `One weight a pixel, of each of the first layer's ${count} units` : "";
    const called = this.#whole ? "units" : "kernels";
    const { num_inner_steps: n } = this.#steps;
    const moves = filters[n].some((weight, i) => weight !== filters[0][i]);
    return moves
      ? `${count} of the first layer's ${numUnits} ${called}: those that ${n} inner step${n === 1 ? " moves" : "s move"} most`
      : `The first ${count} of the first layer's ${numUnits} ${called}; inner steps move none of them`;
  }

  // --- Pointing ---

  #under(x, y) {
    const at = this.#hits.findIndex((hit) => x >= hit.x && x <= hit.x + hit.width && y >= hit.y && y <= hit.y + hit.height);
    return at < 0 ? null : at;
  }

  #point(at) {
    if (at === this.#pointed) return;
    this.#pointed = at;
    this.#tip.hidden = at === null;
    this.#refresh();
  }

  #key(event) {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    const last = this.#hits.length - 1;
    let at = this.#pointed;
    if (event.key === "Escape") at = null;
    else if (event.key === "Home") at = 0;
    else if (event.key === "End") at = last;
    else if (steps[event.key]) at = at === null ? 0 : Math.max(0, Math.min(last, at + steps[event.key]));
    else return;
    event.preventDefault();
    if (last < 0) return;
    this.#point(at);
    setText(this.#spoken, at === null ? "" : this.#words(this.#hits[at]).join(". "));
  }

  /** The numbers behind what is pointed at, beside it. */
  #tell(hit) {
    const lines = this.#words(hit);
    const text = lines.join("\n");
    if (this.#tip.textContent !== text) setText(this.#tip, text);
    const { clientWidth: width, clientHeight: height } = this.card.plot;
    const right = hit.x + hit.width + 6;
    const left = right + this.#tip.offsetWidth > width ? Math.max(0, hit.x - this.#tip.offsetWidth - 6) : right;
    this.#tip.style.left = `${left}px`;
    this.#tip.style.top = `${Math.max(0, Math.min(hit.y, height - this.#tip.offsetHeight))}px`;
  }

  #words(hit) {
    if (hit.query !== undefined) return this.#wordsOfImage(hit.query);
    if (hit.matrix !== undefined) {
      const of = hit.answer < 0 ? "answered with no number" : `taken for ${letter(hit.answer)}`;
      return [`true ${letter(hit.truth)}, ${of}`, `${hit.count} of ${hit.all}, θ${hit.matrix ? this.#k : 0}`];
    }
    const [from, to] = [this.#task.filters[0], this.#task.filters[this.#k]].map((all) => {
      const size = all.length / this.#task.filtersShape[0];
      return all.subarray(hit.filter * size, (hit.filter + 1) * size);
    });
    const moved = from.map((weight, i) => to[i] - weight);
    return [`${this.#whole ? "unit" : "filter"} ${this.#task.units[hit.filter] + 1}`, `length ${short(length(from))}, moved by ${short(length(moved))}`];
  }

  #wordsOfImage(query) {
    const { queryLabels, names, ways } = this.#task;
    const [truth, shares] = [queryLabels[query], this.#shares(query)];
    const answer = predicted(shares);
    const ranked = Array.from({ length: ways }, (_, label) => label).sort((a, b) => shares[b] - shares[a]);
    return [
      truth < 0 ? `predicted ${letter(answer)}` : `true ${letter(truth)}, predicted ${letter(answer)}: ${answer === truth ? "right" : "wrong"}`,
      ...(names[truth] ? [names[truth]] : []),
      ranked.slice(0, 5).map((label) => `${letter(label)} ${percent(shares[label])}`).join("  "),
    ];
  }

  // --- What the card's menu needs ---

  /** The rows behind what is looked at. */
  rows() {
    if (!this.#task) return { head: [], rows: [] };
    return { images: () => this.#imageRows(), confusion: () => this.#confusionRows(), filters: () => this.#filterRows() }[this.#view]();
  }

  #imageRows() {
    const { queryLabels, ways } = this.#task;
    const k = this.#k;
    const answers = this.#answers(k);
    const probability = (query, label) => this.#task.probabilities[k][query * ways + label];
    const labels = Array.from({ length: ways }, (_, label) => label);
    return {
      caption: `Query images after ${k} inner steps`,
      head: ["query image", "true", "predicted", ...labels.map((label) => `P(${letter(label)})`)],
      rows: queryLabels.map((truth, query) => [query + 1, letter(truth), letter(answers[query]), ...labels.map((label) => probability(query, label))]),
    };
  }

  #confusionRows() {
    const { queryLabels, ways } = this.#task;
    if (!this.#known) return { caption: this.#why(), head: [], rows: [] };
    const steps = [...new Set([0, this.#k])];
    return {
      caption: "How many query images of a class were taken for each",
      head: ["inner steps", "true", ...Array.from({ length: ways }, (_, label) => letter(label)), "no number"],
      rows: steps.flatMap((k) => confusion(queryLabels, this.#answers(k), ways).map((row, truth) => [k, letter(truth), ...row])),
    };
  }

  #filterRows() {
    const [before, after] = [this.#task.filters[0], this.#task.filters[this.#k]];
    const [, channels, height, width] = this.#task.filtersShape;
    const unit = (i) => this.#task.units[Math.floor(i / (channels * height * width))];
    const place = (i) => [unit(i), Math.floor(i / (height * width)) % channels, Math.floor(i / width) % height, i % width];
    return {
      caption: this.#which() || "Weights of the first layer",
      head: [this.#whole ? "unit" : "filter", "channel", "row", "column", "theta_0", `theta_${this.#k}`],
      rows: Array.from(before, (weight, i) => [...place(i).map((at) => at + 1), weight, after[i]]),
    };
  }

  /** What is seen, on the page's colour. */
  async picture() {
    const copy = el("canvas", { width: this.#canvas.width, height: this.#canvas.height });
    const context = copy.getContext("2d");
    context.fillStyle = this.#palette.page;
    context.fillRect(0, 0, copy.width, copy.height);
    context.drawImage(this.#canvas, 0, 0);
    return copy.toDataURL("image/png");
  }
}

const largest = (weights) => weights.reduce((most, weight) => Math.max(most, Math.abs(weight) || 0), 0);
const length = (weights) => Math.hypot(...weights);
