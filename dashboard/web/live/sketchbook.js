// A person's drawings while they draw: which one is on the pad, every change of them and what it takes back. They outlive a reload.

import { recall, remember } from "../common/dom.js";
import { FIRST, QUERY, START, asText, copied, drawingAt, fitted, fromText, layoutOf, nextPlace, places } from "./drawings.js";
import { withClass, withDrawing, withExample, withoutClass, withoutExample } from "./drawings.js";
import { BLANK, isBlank } from "./ink.js";

/** @import { ExampleTask, OwnHand } from "./protocol.js" */
/** @import { Place, Version } from "./drawings.js" */
/** @import { Drawing } from "./ink.js" */

const KEPT = "maml-drawings";
const MAX_UNDO = 200;

export class Sketchbook {
  #drawings = fromText(recall("sessionStorage", KEPT)) ?? START;
  #at = FIRST; // the drawing on the pad
  /** @type {Version[]} */
  #undone = [];
  #examples = 0; // times that images were copied: each time another query
  #changed;

  /** @param {(sameCells: boolean) => void} changed Called after each change; the cells are others where there are more or fewer drawings. */
  constructor(changed) {
    this.#changed = changed;
  }

  get drawings() {
    return this.#drawings;
  }

  get at() {
    return this.#at;
  }

  /** The drawing on the pad. */
  get drawing() {
    return drawingAt(this.#drawings, this.#at);
  }

  get isEmpty() {
    return places(this.#drawings).every((at) => isBlank(drawingAt(this.#drawings, at)));
  }

  get canUndo() {
    return this.#undone.length > 0;
  }

  /**
   * A drawing with one more stroke; null where there is none to draw on.
   *
   * @param {number[]} stroke
   * @param {Place} at
   * @returns {Drawing | null}
   */
  longer(stroke, at) {
    const drawing = drawingAt(this.#drawings, at);
    return drawing ? { ...drawing, strokes: [...drawing.strokes, stroke] } : null;
  }

  /**
   * @param {number[]} stroke
   * @param {Place} at
   */
  add(stroke, at) {
    const drawing = this.longer(stroke, at);
    if (drawing) this.#change({ drawings: withDrawing(this.#drawings, at, drawing), at });
  }

  /** Clears the drawing on the pad. */
  clear() {
    if (!isBlank(this.drawing)) this.#change({ drawings: withDrawing(this.#drawings, this.#at, BLANK), at: this.#at });
  }

  clearAll() {
    this.#change({ drawings: START, at: FIRST });
  }

  /** @param {number} row */
  addExample(row) {
    this.#change(withExample(this.#drawings, row));
  }

  /** Removes the drawing on the pad. */
  removeExample() {
    this.#change(withoutExample(this.#drawings, this.#at));
  }

  addClass() {
    this.#change(withClass(this.#drawings));
  }

  /** @param {number} row */
  removeClass(row) {
    this.#change(withoutClass(this.#drawings, row));
  }

  /**
   * Starts from the images of a generated task.
   *
   * @param {ExampleTask} task
   * @param {number} maxClasses
   */
  copy(task, maxClasses) {
    this.#change({ drawings: copied(task, maxClasses, this.#examples++), at: { row: QUERY, column: 0 } });
  }

  /** @param {Place} at What is to be on the pad; nothing else changes, and nothing is to be taken back. */
  choose(at) {
    this.#at = at;
  }

  /** Puts the next drawing on the pad that is missing. */
  goOn() {
    this.#at = nextPlace(this.#drawings, this.#at);
  }

  back() {
    const last = this.#undone.pop();
    if (last) this.#show(last);
  }

  /**
   * Another run, from which no change leads back.
   *
   * @param {OwnHand} own
   * @param {boolean} isAnother As `fitted` has it.
   */
  fit(own, isAnother) {
    this.#drawings = fitted(this.#drawings, own, isAnother);
    this.#undone = [];
    if (!this.drawing) this.#at = FIRST;
  }

  /** @param {Version} version */
  #change(version) {
    if (version.drawings === this.#drawings) return;
    this.#undone = [...this.#undone.slice(-MAX_UNDO), { drawings: this.#drawings, at: this.#at }];
    this.#show(version);
  }

  /** @param {Version} version */
  #show({ drawings, at }) {
    const sameCells = layoutOf(drawings) === layoutOf(this.#drawings);
    this.#drawings = drawings;
    this.#at = at;
    remember("sessionStorage", KEPT, asText(drawings));
    this.#changed(sameCells);
  }
}
