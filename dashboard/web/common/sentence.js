// The line of words above the charts: what holds now, and for a while what was just refused or done.

import { el, setRich } from "./dom.js";
import { flat } from "./pieces.js";

const TOAST_MS = 7000;

export class Sentence {
  root = el("p", { class: "maml-sentence" });
  #lasting = { text: "", kind: "" };
  #timer = 0; // while something else than what holds is said
  #speak;

  /** @param {(text: string) => void} speak Has a screen reader say what is said for a while. */
  constructor(speak) {
    this.#speak = speak;
  }

  /**
   * Says what holds now, at once or once something else was said long enough.
   *
   * @param {string} text
   * @param {string} kind What it looks like; empty for words that only inform.
   */
  say(text, kind) {
    this.#lasting = { text, kind };
    if (!this.#timer) this.#show(this.#lasting);
  }

  /**
   * Says something for a while.
   *
   * @param {string} text
   * @param {"error" | "notice"} kind
   */
  toast(text, kind) {
    clearTimeout(this.#timer);
    this.#show({ text, kind });
    this.#speak(text);
    this.#timer = setTimeout(() => this.#end(), TOAST_MS);
  }

  /** What was refused is put right: nothing is left to be said of it. */
  forgive() {
    if (this.#timer && this.root.dataset.kind === "error") this.#end();
  }

  /** @param {string} text What was said for a while and holds no more. */
  retract(text) {
    if (this.#timer && this.root.dataset.rich === text) this.#end();
  }

  destroy() {
    clearTimeout(this.#timer);
  }

  #end() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#show(this.#lasting);
  }

  /** @param {{ text: string, kind: string }} said */
  #show({ text, kind }) {
    this.root.dataset.kind = kind;
    setRich(this.root, text);
    this.root.title = flat(text);
  }
}
