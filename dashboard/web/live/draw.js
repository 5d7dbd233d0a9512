// Drawing characters of one's own: a few examples of each class and a query, to which theta_0 adapts while they are drawn.

import { el, known, newId, setRich, setText } from "../common/dom.js";
import { Board, tool } from "./board.js";
import { isSame, missing, taskOf } from "./drawings.js";
import { awaitsAnswer } from "./lesson.js";
import { Question } from "./question.js";
import { Sheet } from "./sheet.js";
import { Sketchbook } from "./sketchbook.js";

/** @import { Palette } from "../common/protocol.js" */
/** @import { ExampleTask, LiveFrame, OwnHand, State } from "./protocol.js" */
/** @import { Place } from "./drawings.js" */
/** @import { Send } from "./question.js" */

const SEND_MS = 150;

/** The button and the panel behind it. */
export class Draw {
  root;
  button = el("button", { type: "button", "data-action": "draw", "aria-expanded": "false", onclick: (/** @type {MouseEvent} */ event) => this.#toggle(event) }, "Draw your own");
  /** @type {OwnHand | null} */
  #own = null; // what the server tells: the hand, what it accepts, and whether it shows the drawn task
  #book = new Sketchbook((sameCells) => this.#changed(sameCells));
  #question;
  #step = 0;
  #timer = 0;
  #byKeyboard = false; // it was opened with the keyboard, which gets the focus back
  #board = new Board(this.#book, { choose: (at, byKeyboard) => this.#choose(at, byKeyboard), draft: (stroke, at) => this.#draft(stroke, at) });
  #sheet = new Sheet(this.#book, {
    draft: (stroke, at) => this.#draft(stroke, at),
    speak: (words) => setText(this.#spoken, words),
    next: () => (this.#book.goOn(), this.#repaint()),
  });
  #line = el("p", { class: "maml-draw-line" });
  #spoken = el("div", { class: "maml-visually-hidden", "aria-live": "polite" });
  #title = el("h3", { id: newId("draw") });
  #fill;
  #undo = tool("Undo", "Take back the last stroke or change (Ctrl+Z)", () => this.#book.back());
  #clearAll = tool("Clear all", "Clear all drawings; Undo brings them back", () => this.#book.clearAll());
  #again = tool("Use my drawings", "Adapt to your drawings again", () => this.#use(true));

  /** @param {{ send: Send }} options */
  constructor({ send }) {
    this.#question = new Question(send);
    this.#fill = tool("Fill with images", "Start from the images of the generated task", () => send({ type: "example_task" }));
    const close = el("button", { type: "button", class: "maml-icon", "aria-label": "Close", title: "Close (Esc)", onclick: () => this.#close() }, "×");
    this.root = el(
      "div",
      { class: "maml-popover maml-draw", popover: "manual", role: "dialog", "aria-labelledby": this.#title.id },
      el("header", {}, this.#title, this.#fill, this.#undo, this.#clearAll, close),
      el("div", { class: "maml-draw-body" }, this.#board.root, this.#sheet.root),
      el("div", { class: "maml-draw-foot" }, this.#line, this.#again),
      this.#spoken,
    );
    addEventListener("resize", this.#place);
    addEventListener("keydown", this.#key);
  }

  destroy() {
    removeEventListener("resize", this.#place);
    removeEventListener("keydown", this.#key);
  }

  // --- The server's side ---

  /** @param {State} state */
  state({ own, step, lesson }) {
    const before = this.#own;
    this.#own = own;
    this.#step = step;
    this.button.hidden = !own;
    this.button.inert = awaitsAnswer(lesson);
    if (!own) return this.#close();
    setText(this.#title, `Draw your own ${own.ink ? "characters" : "images"}`);
    setText(this.#fill, `Fill with ${own.called}`);
    const isAnother = JSON.stringify(before?.shape) !== JSON.stringify(own.shape) || before?.max_classes !== own.max_classes;
    if (isAnother) {
      this.#book.fit(own, before !== null);
      this.#question.forget();
    }
    if (!own.active) this.#question.clear();
    // After a reload the server still shows what this tab had drawn: ask again, to know which answer is whose.
    if (own.active && !this.#question.isAsked && this.#missing === "") this.#use();
    if (isAnother || before?.width !== own.width) this.#build();
    else if (this.#open) this.#tell();
  }

  /** @param {LiveFrame} header */
  frame(header) {
    this.#step = header.step;
    const isFirst = this.#question.hear(header);
    if (this.#open) this.#tell();
    if (isFirst) setText(this.#spoken, this.#board.verdict.root.textContent);
  }

  /** Another run: it has not answered yet. */
  clear() {
    this.#question.clear();
    if (this.#open) this.#tell();
  }

  /**
   * Images of the generated task, to start from.
   *
   * @param {ExampleTask} task
   */
  example(task) {
    this.#book.copy(task, known(this.#own).max_classes);
  }

  /**
   * @param {string} sentence Why the server refused something: whoever draws reads it here.
   * @param {number} [id] Under which it was asked for.
   */
  refused(sentence, id) {
    this.#question.refused(sentence, id);
    if (this.#open) this.#tell();
  }

  /** @param {Palette} palette Each class has the colour here that it has on the images card. */
  recolor({ classes }) {
    this.#board.colors = classes;
    this.#build();
  }

  // --- Open and closed ---

  get #open() {
    return this.root.matches(":popover-open");
  }

  /** @param {MouseEvent} event */
  #toggle({ detail }) {
    this.#byKeyboard = detail === 0;
    this.root.togglePopover();
    this.#toggled(this.#open); // at once: the popover's own event comes a frame later, and the panel would stand empty
  }

  #close() {
    if (!this.#open) return;
    this.root.hidePopover();
    this.#toggled(false);
    if (this.#byKeyboard) this.button.focus();
  }

  /** @param {boolean} open */
  #toggled(open) {
    this.button.setAttribute("aria-expanded", String(open));
    if (!open) return;
    this.#build();
    this.#place();
    if (this.#byKeyboard) this.#board.focus(this.#book.at);
    if (this.#missing === "") this.#use();
  }

  /** Over the charts, so that the buttons and sliders above them stay in reach; higher only where there is no room. */
  #place = () => {
    if (!this.#open) return;
    placeOver(this.root, ".maml-grid");
    this.#paint();
  };

  /** @param {KeyboardEvent} event */
  #key = (event) => {
    const { key, ctrlKey, metaKey, shiftKey } = event;
    if (!this.#open || document.activeElement?.matches("input, textarea, select")) return;
    if (key === "Escape") this.#close();
    else if ((ctrlKey || metaKey) && !shiftKey && key.toLowerCase() === "z") this.#book.back();
    else if (key === "Delete" || key === "Backspace") this.#book.clear();
    else return;
    event.preventDefault();
  };

  // --- The drawings ---

  /**
   * Something else is drawn: shown at once, and asked about as soon as nothing more comes.
   *
   * @param {boolean} sameCells
   */
  #changed(sameCells) {
    const focused = this.root.contains(document.activeElement) ? document.activeElement : null;
    if (sameCells) this.#repaint();
    else this.#build();
    if (focused && !focused.isConnected) this.#board.focus(this.#book.at);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#use(), SEND_MS);
  }

  /**
   * Shows a stroke that is being drawn, before it is one.
   *
   * @param {number[]} stroke
   * @param {Place} at
   */
  #draft(stroke, at) {
    const longer = this.#book.longer(stroke, at);
    if (!longer || !this.#own) return;
    this.#board.paintOne(longer, at, this.#own);
    if (isSame(at, this.#book.at)) this.#sheet.draft(longer, this.#own);
  }

  /**
   * Puts a drawing on the pad; chosen with the keyboard, it is drawn on with the keyboard.
   *
   * @param {Place} at
   * @param {boolean} byKeyboard
   */
  #choose(at, byKeyboard) {
    this.#book.choose(at);
    this.#repaint();
    if (byKeyboard) this.#sheet.focus();
  }

  // --- Asking ---

  get #missing() {
    return missing(this.#book.drawings, this.#own?.ink ?? true);
  }

  /** Has theta_0 adapt to the drawings; to none while they are no task. */
  #use(again = false) {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (!this.#own) return;
    const { active } = this.#own;
    if (this.#missing) this.#question.withdraw(active);
    else if (!this.#question.ask(taskOf(this.#book.drawings, this.#own), active, again)) return;
    this.#tell();
  }

  // --- What is seen ---

  #build() {
    if (!this.#own || !this.#open) return;
    this.#board.build(this.#own);
    this.#repaint();
    this.#place();
  }

  #paint() {
    if (!this.#own) return;
    this.#board.paint(this.#own);
    this.#sheet.paint(this.#book.drawing, this.#own);
  }

  #repaint() {
    if (!this.#own || !this.#open) return;
    this.#paint();
    this.#board.mark();
    this.#sheet.show();
    this.#clearAll.disabled = this.#book.isEmpty;
    this.#undo.disabled = !this.#book.canUndo;
    this.#tell();
  }

  /** The answer, or what is missing. */
  #tell() {
    const { answer, refusal } = this.#question;
    const isIdle = !this.#missing && this.#own !== null && !this.#own.active && !this.#timer;
    this.#again.hidden = !isIdle;
    setRich(this.#line, refusal || this.#missing || (isIdle ? "The page shows a generated task." : advice(this.#step, this.#own)));
    this.#line.dataset.kind = refusal ? "error" : "";
    this.#board.verdict.show(answer);
  }
}

/**
 * What to do next, or what happens.
 *
 * @param {number} step
 * @param {OwnHand | null} own
 */
function advice(step, own) {
  const trained = own?.ink ? ", or choose the preset “Glyphs, pretrained θ_0”" : "";
  const state =
    step === 0 ? `The start (θ_0) is untrained: press Play${trained}.` : "The start (θ_0) adapts to your drawings while you draw, and while it trains.";
  return `${state} ${own?.note ?? ""}`;
}

/**
 * Puts a panel over a part of its page, at the right edge; higher only where there is no room.
 *
 * @param {HTMLElement} panel
 * @param {string} part
 */
function placeOver(panel, part) {
  const page = known(panel.closest(".maml-live"));
  const { top } = known(page.querySelector(part)).getBoundingClientRect();
  const { right } = page.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = panel;
  panel.style.left = `${Math.max(8, Math.min(right, innerWidth - 8) - width)}px`;
  panel.style.top = `${Math.max(8, Math.min(top, innerHeight - height - 8))}px`;
}
