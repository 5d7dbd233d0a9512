// The rows of a person's drawings: the query with what the network says of it, and each class with its examples and how probable it is.

import { el, perFrame } from "../common/dom.js";
import { MIN_CLASSES, QUERY, drawingAt, isSame, nameOf, places } from "./drawings.js";
import { isBlank } from "./ink.js";
import { drawable, paint } from "./pad.js";
import { letter } from "./pen.js";
import { Verdict } from "./verdict.js";

/** @import { OwnHand } from "./protocol.js" */
/** @import { Place } from "./drawings.js" */
/** @import { Drawing } from "./ink.js" */
/** @import { Sketchbook } from "./sketchbook.js" */

/**
 * @typedef {object} Options
 * @property {(at: Place, byKeyboard: boolean) => void} choose
 * @property {(stroke: number[], at: Place) => void} draft Takes a stroke while it is drawn.
 */

export class Board {
  root = el("div", { class: "maml-draw-classes" });
  verdict = new Verdict();
  /** @type {string[]} Of the classes, as the images card has them. */
  colors = [];
  /** @type {Map<string, { button: HTMLButtonElement, canvas: HTMLCanvasElement }>} */
  #cells = new Map();
  #book;
  #choose;
  #draft;

  /**
   * @param {Sketchbook} book
   * @param {Options} options
   */
  constructor(book, { choose, draft }) {
    this.#book = book;
    this.#choose = choose;
    this.#draft = draft;
  }

  /**
   * Builds the rows anew.
   *
   * @param {OwnHand} own
   */
  build(own) {
    const { classes } = this.#book.drawings;
    this.#cells.clear();
    this.root.style.setProperty("--examples", String(Math.max(...classes.map((cells) => cells.length))));
    const chances = this.verdict.rows(classes.length);
    const query = el(
      "div",
      { class: "maml-draw-row maml-draw-query", role: "group", "aria-label": "Test image (query)" },
      el("span", { class: "maml-draw-name", title: "test image (query)" }, el("b", {}, "?"), "test image"),
      this.#cell({ row: QUERY, column: 0 }, "query"),
      this.verdict.root,
    );
    const head = el("div", { class: "maml-draw-row maml-draw-head" }, el("span"), el("span", { title: "examples (support)" }, "examples"), this.verdict.steps);
    const rows = classes.map((cells, row) => {
      const another = cells.length < own.max_examples ? tool("+", `Another example of class ${letter(row)}`, () => this.#book.addExample(row)) : null;
      const remove = classes.length > MIN_CLASSES ? tool("×", `Remove class ${letter(row)}`, () => this.#book.removeClass(row)) : el("span");
      return el(
        "div",
        { class: "maml-draw-row", role: "group", "aria-label": `Class ${letter(row)}`, "data-class": letter(row) },
        el("b", { style: `background: ${this.colors[row]}` }, letter(row)),
        el("div", { class: "maml-cells" }, ...cells.map((_, column) => this.#cell({ row, column }, `${letter(row)}${column + 1}`)), another),
        chances[row].bars,
        chances[row].share,
        remove,
      );
    });
    const more = classes.length < own.max_classes ? [el("button", { type: "button", class: "maml-more", onclick: () => this.#book.addClass() }, "+ class")] : [];
    this.root.replaceChildren(query, head, ...rows, ...more);
  }

  /**
   * @param {Place} at
   * @param {string} name
   */
  #cell(at, name) {
    const canvas = el("canvas", {});
    const onclick = (/** @type {MouseEvent} */ { detail }) => this.#choose(at, detail === 0);
    const button = el("button", { type: "button", class: "maml-cell", "data-cell": name, onclick }, canvas);
    const moved = perFrame((/** @type {number[]} */ stroke) => this.#draft(stroke, at));
    drawable(button, { taps: false, moved, ended: (stroke) => this.#book.add(stroke, at) });
    this.#cells.set(keyOf(at), { button, canvas });
    return button;
  }

  /**
   * Paints every drawing.
   *
   * @param {OwnHand} own
   */
  paint(own) {
    const { drawings } = this.#book;
    for (const at of places(drawings)) this.paintOne(drawingAt(drawings, at), at, own);
  }

  /**
   * @param {Drawing} drawing
   * @param {Place} at
   * @param {OwnHand} own
   */
  paintOne(drawing, at, own) {
    const cell = this.#cells.get(keyOf(at));
    if (cell) paint(cell.canvas, drawing, own);
  }

  /** Shows which drawing is on the pad, and which are empty. */
  mark() {
    const { drawings, at: chosen } = this.#book;
    for (const at of places(drawings)) {
      const button = this.#cells.get(keyOf(at))?.button;
      button?.setAttribute("aria-pressed", String(isSame(at, chosen)));
      button?.setAttribute("aria-label", `${nameOf(at)}: ${isBlank(drawingAt(drawings, at)) ? "empty" : "drawn"}`);
    }
  }

  /** @param {Place} at */
  focus(at) {
    this.#cells.get(keyOf(at))?.button.focus({ preventScroll: true });
  }
}

/** @param {Place} at */
const keyOf = ({ row, column }) => `${row}/${column}`;

/**
 * A button of the drawing panel.
 *
 * @param {string} label
 * @param {string} title
 * @param {() => void} action
 */
export function tool(label, title, action) {
  return el("button", { type: "button", title, "aria-label": label.length < 3 ? title : null, onclick: action }, label);
}
