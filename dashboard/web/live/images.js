// The images card: a few-shot task, what the network says of it after k inner steps, and what the inner steps change in the network.

import { Card } from "../common/card.js";
import { el, known, newId, setRich, setText } from "../common/dom.js";
import { flat } from "../common/pieces.js";
import { Segments } from "../common/segments.js";
import { ImageTask } from "./image_task.js";
import { drawConfusions, drawKernels } from "./matrices.js";
import { Pen, context2d } from "./pen.js";
import { Atlas, drawTask } from "./pictures.js";

/** @import { Format } from "../common/card.js" */
/** @import { Figure, Frame, Palette } from "../common/protocol.js" */
/** @import { LiveFrame } from "./protocol.js" */
/** @import { Rows } from "../common/rows.js" */
/** @import { Hit, View } from "./image_task.js" */

const TEXT = 12;
const SMALLEST = 40; // pixels either way below which nothing is drawn
/** @type {[View, string][]} */
const VIEWS = [
  ["images", "Images"],
  ["confusion", "Confusion"],
  ["filters", "Filters"],
];
/** @type {Record<string, number>} */
const ARROWS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** Stands among the charts; it has no traces and draws on a canvas of its own. */
export class Images {
  id = "images";
  title = "";
  card;
  /** @type {Format[]} */
  formats = ["png"];
  /** @type {Set<string>} */
  hidden = new Set();
  hasKeys = true;
  shown = true;
  lastDrawn = -Infinity;
  #canvas = el("canvas", { "aria-hidden": "true" });
  #tip = el("div", { class: "maml-image-tip", hidden: true, "aria-hidden": "true" });
  #spoken = el("p", { class: "maml-visually-hidden", "aria-live": "polite" });
  #note = el("p", { class: "maml-empty", hidden: true });
  #views = new Segments("What to look at", VIEWS, (view) => this.choose(view));
  /** @type {View} */
  #view = "images";
  /** @type {Palette | null} */
  #palette = null;
  #scale = 1;
  /** @type {ImageTask | null} */
  #task = null;
  /** @type {Atlas | null} */
  #atlas = null; // of the task's images, in the colours of now
  #at = 0; // inner step that is drawn, between whole steps while it glides
  /** @type {Hit[]} */
  #hits = [];
  /** @type {number | null} */
  #pointed = null; // of the hits, by its number
  /** @type {import("./pictures.js").Arranged | null} */
  #place = null; // how the task was laid out last
  #changed = false;
  #wake;

  /** @param {() => void} wake Called when there is something to draw. */
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
    for (const away of ["pointerleave", "blur"]) plot.addEventListener(away, () => this.#point(null));
    plot.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#refresh()).observe(plot);
  }

  get view() {
    return this.#view;
  }

  /** @param {View} view */
  choose(view) {
    this.#view = view;
    this.#views.show(view);
    this.#point(null);
    this.#refresh();
    this.card.refresh(true);
  }

  // --- What every chart can do ---

  /**
   * @param {Figure} figure
   * @param {number} scale Of the text.
   */
  look(figure, scale) {
    const { title, palette } = figure.layout.meta;
    this.title = title;
    this.#palette = palette;
    this.#scale = scale;
    this.lastDrawn = -Infinity; // it does not wait for its turn
    this.card.describe(figure);
    this.#atlas = null;
    this.#refresh();
  }

  clear() {
    this.#point(null);
    this.#task = this.#atlas = null;
    this.#hits = [];
    this.#canvas.width = 0; // until there is another task to draw, nothing
    this.card.clear();
  }

  /** @param {boolean} shown */
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
    this.#paint(known(this.#task), known(this.#palette));
    this.card.refresh();
  }

  set() {
    return false;
  }

  range() {}
  marks() {}

  // --- Numbers ---

  /**
   * A new task, or what the network says now of the one it has.
   *
   * @param {Frame<LiveFrame>} frame
   */
  frame(frame) {
    const before = this.#task;
    this.#task = new ImageTask(frame, before);
    if (this.#task.pixels !== before?.pixels) {
      this.#atlas = null;
      this.#point(null);
    }
    this.#changed = true;
  }

  /**
   * The inner step to draw; between two of them it glides.
   *
   * @param {number} k
   */
  at(k) {
    if (k === this.#at) return;
    this.#at = k;
    this.#changed = true;
  }

  // --- Drawing ---

  /** The whole step that is looked at, also while the bars glide to it. */
  get #k() {
    return Math.min(Math.round(this.#at), known(this.#task).last);
  }

  #refresh() {
    this.#changed = true;
    this.#wake();
  }

  /**
   * @param {ImageTask} task
   * @param {Palette} colors
   */
  #paint(task, colors) {
    const note = task.why(this.#view);
    setText(this.#note, note);
    this.#note.hidden = !note;
    const pen = new Pen(this.#canvas, { colors, size: TEXT * this.#scale });
    this.#hits = note || pen.width < SMALLEST || pen.height < SMALLEST ? [] : this.#draw(pen, task);
    const hit = this.#pointed === null ? undefined : this.#hits[this.#pointed];
    if (hit) {
      pen.frame(hit.x - 2, hit.y - 2, hit.width + 4, hit.height + 4, colors.text, 2);
      this.#tell(hit);
    }
  }

  /**
   * @param {Pen} pen
   * @param {ImageTask} task
   * @returns {Hit[]}
   */
  #draw(pen, task) {
    const { theta_0, theta_N, text } = pen.colors;
    if (this.#view === "confusion") return drawConfusions(pen, [{ ...task.matrix(0), color: theta_0 }, { ...task.matrix(this.#k), color: theta_N }]);
    if (this.#view === "filters") return drawKernels(pen, task.panels(this.#k), { shape: task.filtersShape, note: task.which() });
    const atlas = (this.#atlas ??= new Atlas(task.pixels, task.shape, task.ink ? text : null));
    const { ways, supportLabels, queryLabels } = task;
    const { hits, place } = drawTask(pen, { atlas, ways, supportLabels, queryLabels }, (query) => task.shares(query, this.#at), this.#place);
    this.#place = place;
    return hits;
  }

  // --- Pointing ---

  /**
   * What stands at a place; null where nothing does.
   *
   * @param {number} x
   * @param {number} y
   */
  #under(x, y) {
    const at = this.#hits.findIndex((hit) => x >= hit.x && x <= hit.x + hit.width && y >= hit.y && y <= hit.y + hit.height);
    return at < 0 ? null : at;
  }

  /** @param {number | null} at */
  #point(at) {
    if (at === this.#pointed) return;
    this.#pointed = at;
    this.#tip.hidden = at === null;
    this.#refresh();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const step = ARROWS[event.key];
    const last = this.#hits.length - 1;
    let at = this.#pointed;
    if (event.key === "Escape") at = null;
    else if (event.key === "Home") at = 0;
    else if (event.key === "End") at = last;
    else if (step) at = at === null ? 0 : Math.max(0, Math.min(last, at + step));
    else return;
    event.preventDefault();
    if (last < 0) return;
    this.#point(at);
    setText(this.#spoken, at === null ? "" : flat(this.#words(this.#hits[at]).join(". ")));
  }

  /**
   * Says beside what is pointed at the numbers behind it.
   *
   * @param {Hit} hit
   */
  #tell(hit) {
    setRich(this.#tip, this.#words(hit).join("\n"));
    const { clientWidth: width, clientHeight: height } = this.card.plot;
    const right = hit.x + hit.width + 6;
    const left = right + this.#tip.offsetWidth > width ? Math.max(0, hit.x - this.#tip.offsetWidth - 6) : right;
    this.#tip.style.left = `${left}px`;
    this.#tip.style.top = `${Math.max(0, Math.min(hit.y, height - this.#tip.offsetHeight))}px`;
  }

  /** @param {Hit} hit */
  #words(hit) {
    return known(this.#task).words(hit, this.#at, this.#k);
  }

  // --- What the card's menu needs ---

  /** @returns {Rows} */
  rows() {
    return this.#task ? this.#task.rows(this.#view, this.#k) : { head: [], rows: [] };
  }

  /** What is seen, on the page's colour. */
  async picture() {
    const copy = el("canvas", { width: this.#canvas.width, height: this.#canvas.height });
    const context = context2d(copy);
    context.fillStyle = known(this.#palette).page;
    context.fillRect(0, 0, copy.width, copy.height);
    context.drawImage(this.#canvas, 0, 0);
    return copy.toDataURL("image/png");
  }
}
