// A few choices side by side, one of them pressed.

import { el } from "./dom.js";

export class Segments {
  root;
  #buttons;

  /** `choices`: [[value, label], ...]; `onChoose(value)` is called for another one than is chosen now. */
  constructor(name, choices, onChoose) {
    this.#buttons = choices.map(([value, label]) =>
      el("button", { type: "button", "data-view": value, "aria-pressed": "false", onclick: () => value !== this.value && onChoose(value) }, label),
    );
    this.root = el("div", { class: "maml-views", role: "group", "aria-label": name, hidden: true }, ...this.#buttons);
  }

  get value() {
    return this.#buttons.find((button) => button.getAttribute("aria-pressed") === "true")?.dataset.view;
  }

  get focused() {
    return this.root.contains(document.activeElement);
  }

  /** Shows what is chosen; null where there is no choice. */
  show(value) {
    this.root.hidden = value === null;
    for (const button of this.#buttons) button.setAttribute("aria-pressed", String(button.dataset.view === value));
  }

  focus() {
    this.#buttons.find(({ dataset }) => dataset.view === this.value)?.focus();
  }
}
