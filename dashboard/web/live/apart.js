// One outer step, slowly: the strip in the place of the line of words, which goes through the stages of the run's next outer step.

import { el, setRich, setText } from "../common/dom.js";
import { awaitsAnswer } from "./lesson.js";

/** @import { LiveRequest, State } from "./protocol.js" */

export class Apart {
  #send;
  #title = el("b", { class: "maml-apart-title" });
  #words = el("span", { class: "maml-apart-words" });
  #said = el("p", { role: "status" }, this.#title, " ", this.#words);
  #place = el("span", { class: "maml-apart-place" });
  #back = el("button", { type: "button", title: "The stage before (←)", "data-action": "apart-back", onclick: () => this.by(-1) }, "Back");
  #next = el("button", { type: "button", class: "maml-primary", "data-action": "apart-next", onclick: () => this.by(1) });
  #close = el("button", { type: "button", title: "Leave the step untaken (Esc)", "data-action": "apart-close", onclick: () => this.close() }, "Close");
  root = el("div", { class: "maml-apart", role: "group", "aria-label": "One outer step, slowly", hidden: true }, this.#said, this.#place, this.#back, this.#next, this.#close);
  button = el(
    "button",
    { type: "button", title: "Go through the next outer step, stage by stage (a)", "data-action": "apart", "aria-expanded": "false", onclick: () => this.toggle() },
    "Slowly",
  );
  #last = false;

  /** @param {(message: LiveRequest) => void} send */
  constructor(send) {
    this.#send = send;
    this.root.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (move) this.by(/** @type {1 | -1} */ (move));
      else if (event.key === "Escape") this.close();
      else return;
      event.preventDefault();
    });
  }

  get isOpen() {
    return !this.root.hidden;
  }

  toggle() {
    this.#send({ type: this.isOpen ? "apart_close" : "apart" });
  }

  /** @returns {boolean} Whether there was anything to close. */
  close() {
    if (this.isOpen) this.#send({ type: "apart_close" });
    return this.isOpen;
  }

  /**
   * To the next stage, or to the one before; from the last one on, the step is taken.
   *
   * @param {1 | -1} by
   * @returns {boolean} Whether it is open.
   */
  by(by) {
    if (!this.isOpen) return false;
    if (by > 0 && this.#last) this.#do();
    else this.#send({ type: "apart_by", by });
    return true;
  }

  #do() {
    this.#last = false; // pressed twice, it is taken once
    this.#send({ type: "apart_do" });
  }

  /** @param {State} state */
  state({ apart, lesson }) {
    const opens = apart !== null && !this.isOpen;
    const hadFocus = this.root.contains(document.activeElement);
    this.root.hidden = apart === null;
    this.button.setAttribute("aria-expanded", String(apart !== null));
    this.button.inert = awaitsAnswer(lesson);
    if (apart === null) {
      this.#last = false;
      if (hadFocus) this.button.focus();
      return;
    }
    this.#last = apart.is_last;
    setRich(this.#title, apart.title + ".");
    setRich(this.#words, apart.words);
    setText(this.#place, apart.stages ? `Stage ${apart.stage} of ${apart.stages}${apart.within ? ` · ${apart.within}` : ""}` : "");
    this.#back.disabled = apart.is_first;
    setText(this.#next, apart.is_last ? "Do it" : "Next");
    this.#next.title = apart.is_last ? "Take exactly this outer step (→)" : "The next stage (→)";
    if (opens && document.activeElement === this.button) this.#next.focus();
    else if (hadFocus && this.root.querySelector(":focus") === null) this.#next.focus();
  }
}
