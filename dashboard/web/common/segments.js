// A few choices side by side, one of them pressed.

import { el } from "./dom.js";

/**
 * @template {string} Choice
 */
export class Segments {
  root;
  #buttons;

  /**
   * @param {string} name
   * @param {readonly (readonly [Choice, string])[]} choices Each with its label.
   * @param {(choice: Choice) => void} onChoose Called for another one than is chosen now.
   */
  constructor(name, choices, onChoose) {
    this.#buttons = choices.map(([value, label]) =>
      el("button", { type: "button", "data-view": value, "aria-pressed": "false", onclick: () => this.#press(value, onChoose) }, label),
    );
    this.root = el("div", { class: "maml-views", role: "group", "aria-label": name, hidden: true }, ...this.#buttons);
  }

  get value() {
    return this.#buttons.find((button) => button.getAttribute("aria-pressed") === "true")?.dataset.view;
  }

  get focused() {
    return this.root.contains(document.activeElement);
  }

  /**
   * Shows what is chosen; null where there is no choice.
   *
   * @param {string | null | undefined} value
   * @param {readonly string[] | null} [among] What is to be had now; null for all.
   */
  show(value, among = null) {
    this.root.hidden = value === null;
    for (const button of this.#buttons) {
      const { view = "" } = button.dataset;
      button.setAttribute("aria-pressed", String(view === value));
      button.hidden = among !== null && !among.includes(view);
    }
  }

  /**
   * Shown at once: the next press may come before the server's answer.
   *
   * @param {Choice} value
   * @param {(choice: Choice) => void} onChoose
   */
  #press(value, onChoose) {
    if (value === this.value) return;
    for (const button of this.#buttons) button.setAttribute("aria-pressed", String(button.dataset.view === value));
    onChoose(value);
  }

  focus() {
    this.#buttons.find(({ dataset }) => dataset.view === this.value)?.focus();
  }
}
