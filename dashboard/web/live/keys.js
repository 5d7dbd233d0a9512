// Shortcuts: a letter typed while no field has the focus, unless they are switched off in this browser.

import { recall, remember } from "../common/dom.js";

const CONTROLS = "input, textarea, select, button, a[href], summary, [contenteditable=true], [role]:not([role=img]):not([role=main])";

const READ = ".maml-reader, .maml-plot"; // with keys of its own, none of which is a letter
const KEPT = "maml-keys"; // "off" in the browser's storage

/** Whether single keys act; who dictates, or whose hand touches keys unasked, may not want it. */
export const keysAct = () => recall("localStorage", KEPT) !== "off";

/** @param {boolean} on */
export const letKeysAct = (on) => remember("localStorage", KEPT, on ? null : "off");

export class Keys {
  #root;
  #actions;

  /**
   * @param {HTMLElement} root Of the page.
   * @param {Record<string, () => unknown>} actions By the key, in lower case; one that gives false leaves the key to the browser.
   */
  constructor(root, actions) {
    this.#root = root;
    this.#actions = actions;
    addEventListener("keydown", this.#press);
  }

  destroy() {
    removeEventListener("keydown", this.#press);
  }

  /** @param {KeyboardEvent} event */
  #press = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !this.#isFree(document.activeElement)) return;
    if (event.key.length === 1 && !keysAct()) return; // Escape, arrows and PageDown are no characters
    // With caps lock too; and digits by their place, where they need Shift.
    const action = this.#actions[event.key.toLowerCase()] ?? this.#actions[event.code.replace(/^Digit/, "")];
    if (!action) return;
    if (action() !== false) event.preventDefault();
  };

  /**
   * Whether a letter can be a shortcut: no control has the focus, or one of our sliders, which take no letters.
   *
   * @param {Element | null} focused
   */
  #isFree(focused) {
    // Streamlit's scrolling areas take the focus when they are clicked; they are no controls.
    if (!focused?.matches(CONTROLS) || focused.matches(READ)) return true;
    return this.#root.contains(focused) && focused.matches("input[type=range]");
  }
}
