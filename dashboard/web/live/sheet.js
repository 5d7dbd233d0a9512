// The drawing that is worked on: the pad, what the network sees of it, and the tools for this one drawing.

import { el, perFrame, setText } from "../common/dom.js";
import { tool } from "./board.js";
import { QUERY, nameOf } from "./drawings.js";
import { isBlank } from "./ink.js";
import { drawable, drawableByKeys, paint, paintPixels } from "./pad.js";

/** @import { OwnHand } from "./protocol.js" */
/** @import { Place } from "./drawings.js" */
/** @import { Drawing } from "./ink.js" */
/** @import { KeyboardPen } from "./pad.js" */
/** @import { Sketchbook } from "./sketchbook.js" */

/**
 * @typedef {object} Options
 * @property {(stroke: number[], at: Place) => void} draft Takes a stroke while it is drawn.
 * @property {(words: string) => void} speak
 * @property {() => void} next Goes on to another drawing.
 */

export class Sheet {
  root;
  #pad = el("canvas", { class: "maml-pad", role: "application", tabindex: "0", "aria-roledescription": "drawing pad" });
  #pen = el("span", { class: "maml-pen", "aria-hidden": "true" });
  #seen = el("canvas", { class: "maml-seen", role: "img", "aria-label": "What the network sees" });
  #name = el("h4", {});
  #clear = tool("Clear", "Clear this drawing (Delete)", () => this.#book.clear());
  #remove = tool("Remove", "Remove this example", () => this.#book.removeExample());
  #book;
  #speak;

  /**
   * @param {Sketchbook} book
   * @param {Options} options
   */
  constructor(book, { draft, speak, next }) {
    this.#book = book;
    this.#speak = speak;
    const moved = perFrame((/** @type {number[]} */ stroke) => draft(stroke, book.at));
    const ended = (/** @type {number[]} */ stroke) => book.add(stroke, book.at);
    drawable(this.#pad, { moved, ended });
    drawableByKeys(this.#pad, { moved, ended, at: (pen) => this.#penAt(pen) });
    this.root = el(
      "div",
      { class: "maml-draw-pad" },
      this.#name,
      el("div", { class: "maml-pad-frame" }, this.#pad, this.#pen),
      el("div", { class: "maml-draw-tools" }, this.#clear, this.#remove, tool("Next ▸", "To the next drawing that is missing", next)),
      el("div", { class: "maml-draw-seen" }, this.#seen, el("span", {}, "what the network sees")),
    );
  }

  /** What is on the pad now, and what can be done with it. */
  show() {
    const { drawing, drawings, at } = this.#book;
    const name = nameOf(at);
    setText(this.#name, name);
    this.#pad.setAttribute("aria-label", `${name}: draw with mouse, pen or finger, or with the arrow keys; Space puts the pen down and lifts it`);
    this.#pad.dataset.blank = String(isBlank(drawing));
    this.#clear.disabled = isBlank(drawing);
    this.#remove.disabled = at.row === QUERY || drawings.classes[at.row].length < 2;
  }

  /**
   * Paints a drawing on the pad, and beside it as the network gets it.
   *
   * @param {Drawing} drawing
   * @param {OwnHand} own
   */
  paint(drawing, own) {
    this.draft(drawing, own);
    paintPixels(this.#seen, drawing, own);
  }

  /**
   * Paints a drawing on the pad alone, while a stroke of it is drawn.
   *
   * @param {Drawing} drawing
   * @param {OwnHand} own
   */
  draft(drawing, own) {
    paint(this.#pad, drawing, own);
  }

  focus() {
    this.#pad.focus({ preventScroll: true });
  }

  /**
   * Shows where the keyboard's pen is, and has it read out.
   *
   * @param {KeyboardPen} pen
   */
  #penAt({ x, y, down }) {
    this.#pen.style.left = `${100 * x}%`;
    this.#pen.style.top = `${100 * y}%`;
    this.#pen.dataset.down = String(down);
    this.#speak(`Pen ${down ? "down" : "up"}, ${Math.round(100 * x)}% from the left, ${Math.round(100 * y)}% from the top`);
  }
}
