// What screen readers are told of a run: a change of its status soon, its progress seldom, and what is said for a while at once.

import { el, setText } from "../common/dom.js";
import { flat } from "../common/pieces.js";

/** @import { Status } from "./protocol.js" */

const PAUSE_MS = 5000; // at least, between two announcements
const PROGRESS_MS = 30_000;

export class Announcer {
  root = el("div", { class: "maml-visually-hidden", "aria-live": "polite" });
  /** @type {Pick<Status, "sentence"> & { kind: string }} */
  #told = { kind: "", sentence: "" };
  #at = -Infinity;
  #timer = 0;
  #words;

  /** @param {(sentence: string) => string} words What is told of a run, with its sentence if it has one. */
  constructor(words) {
    this.#words = words;
  }

  /** @param {string} text Told at once. */
  speak(text) {
    this.#at = performance.now();
    setText(this.root, flat(text));
  }

  /**
   * Tells how a run stands, if that is another way than before or was not told for long.
   *
   * @param {Status} status
   */
  announce(status) {
    const { kind, sentence } = status;
    const now = performance.now();
    const isNew = kind !== this.#told.kind || (sentence !== "" && sentence !== this.#told.sentence);
    if (!isNew && (kind !== "running" || now - this.#at < PROGRESS_MS)) return;
    clearTimeout(this.#timer);
    const wait = Math.max(0, this.#at + PAUSE_MS - now);
    if (wait > 0) {
      this.#timer = setTimeout(() => this.announce(status), wait);
      return;
    }
    this.#told = { kind, sentence };
    this.speak(this.#words(sentence));
  }

  destroy() {
    clearTimeout(this.#timer);
  }
}
