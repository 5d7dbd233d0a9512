// The pinned settings: which they are, by how much each differs from the first, and the button that trains them side by side.

import { el } from "../common/dom.js";
import { differenceWords } from "./standing.js";

/** @import { SweepRequest } from "./protocol.js" */
/** @import { Store } from "./store.js" */

export const LETTERS = "ABCDEF";

export class Pins {
  root = el("div", { class: "maml-pins" });
  /** @type {number[]} */
  numbers = [];
  /** @type {(string | null)[]} */
  #differences = [];
  #shown = ""; // what the list was last built of
  #store;
  #send;
  #changed;

  /**
   * @param {Store} store
   * @param {object} options
   * @param {(message: SweepRequest) => void} options.send
   * @param {() => void} options.changed Called when others are pinned.
   */
  constructor(store, { send, changed }) {
    this.#store = store;
    this.#send = send;
    this.#changed = changed;
  }

  /**
   * Asks for settings to be pinned; they are so at once: the next pin may come before the server's answer.
   *
   * @param {number[]} numbers
   */
  pin(numbers) {
    this.#differences = [];
    this.#send({ type: "pin", numbers });
    this.show(numbers);
  }

  /** @param {number[]} numbers */
  show(numbers) {
    this.numbers = numbers;
    this.#changed();
  }

  /** @param {(string | null)[]} differences Of each setting from the first. */
  differ(differences) {
    this.#differences = differences;
  }

  /**
   * @param {string | null | undefined} sweep
   * @param {boolean} comparing Whether they train.
   */
  draw(sweep, comparing) {
    const known = this.numbers.map((number, i) => (i ? this.#inSweep(number) : ""));
    const shown = JSON.stringify([this.numbers, this.#differences, known, comparing, sweep]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const rows = this.numbers.map((number, i) => {
      const unpin = el("button", { type: "button", "aria-label": `Unpin ${LETTERS[i]}`, onclick: () => this.#unpin(number) }, "×");
      const words = i === 0 ? "with which the others are compared" : comparing ? (this.#differences[i] ?? "…") : known[i];
      return el("li", {}, el("b", {}, LETTERS[i]), el("span", {}, this.#store.lines(number)[0]), el("span", {}, words), unpin);
    });
    const start = el("button", { type: "button", class: "maml-primary", "data-action": "compare", disabled: this.numbers.length < 2, onclick: () => this.#compare() }, comparing ? "Again" : "Train side by side");
    this.root.replaceChildren(el("ol", {}, ...rows), start);
    // The card's sentence hides its controls with its picture; these are what it speaks of.
    this.root.style.visibility = "visible";
  }

  /**
   * How a pinned setting stands beside the first one in the sweep itself; empty where that is not known.
   *
   * @param {number} number
   */
  #inSweep(number) {
    const { standing } = this.#store;
    return (standing?.reference === this.numbers[0] && differenceWords(this.#store.get(number), standing)) || "";
  }

  /** @param {number} number */
  #unpin(number) {
    this.pin(this.numbers.filter((n) => n !== number));
  }

  #compare() {
    this.#differences = [];
    this.#send({ type: "compare" });
  }
}
