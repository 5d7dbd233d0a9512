// The sentences of a sweep have a fixed number of lines, so that the charts below stay where they are; a button shows the rest of longer ones.

import { el, setText } from "../common/dom.js";

export class Whole {
  root = el("button", { type: "button", class: "maml-chip", "data-action": "whole", "aria-expanded": "false", onclick: () => this.#turn() }, "More");
  #said;

  /** @param {HTMLElement} said What the sentences stand in; `data-whole` on it has the style sheet show all of them. */
  constructor(said) {
    this.#said = said;
    said.dataset.whole = "false";
    new ResizeObserver(() => this.look()).observe(said);
  }

  /** Offers the rest where there is one. */
  look() {
    const { scrollHeight, clientHeight, dataset } = this.#said;
    const line = parseFloat(getComputedStyle(this.#said).lineHeight);
    const isCut = scrollHeight - clientHeight > line / 2; // an index at the end of a line reaches below it
    this.root.style.visibility = dataset.whole === "true" || isCut ? "" : "hidden";
  }

  /** Another sweep: it begins with the first lines. */
  reset() {
    if (this.#said.dataset.whole === "true") this.#turn();
  }

  #turn() {
    const isWhole = this.#said.dataset.whole !== "true";
    this.#said.dataset.whole = String(isWhole);
    this.root.setAttribute("aria-expanded", String(isWhole));
    setText(this.root, isWhole ? "Less" : "More");
    this.look();
  }
}
