// The line of words above the charts: what holds now, and for a while what was just refused, done, or happened by itself.

import { el, setRich } from "./dom.js";
import { flat } from "./pieces.js";
import { ReadingTime } from "./reading_time.js";

const TOAST_MS = 7000;

export class Sentence {
  root = el("p", { class: "maml-sentence" });
  #lasting = { text: "", kind: "" };
  /** @type {ReadingTime | null} */
  #time = null; // while something else than what holds is said
  #speak;

  /** @param {(text: string) => void} speak Has a screen reader say what is said for a while. */
  constructor(speak) {
    this.#speak = speak;
  }

  /**
   * Says what holds now, at once or once something else was said long enough. What has to be known now does not wait until somebody is there.
   *
   * @param {string} text
   * @param {string} kind What it looks like; empty for words that only inform.
   */
  say(text, kind) {
    this.#lasting = { text, kind };
    if (!this.#time) this.#show(this.#lasting);
    else if (kind) this.#time.hurry();
  }

  /**
   * Says something for a while.
   *
   * @param {string} text
   * @param {"error" | "notice"} kind
   * @param {boolean} [asked] It answers what somebody did; otherwise it stays until somebody was there for as long as it takes to read it.
   */
  toast(text, kind, asked = true) {
    this.#time?.end();
    this.#show({ text, kind });
    this.#speak(text);
    this.#time = new ReadingTime(TOAST_MS, () => this.#end(), { asked });
  }

  /** What was refused is put right: nothing is left to be said of it. */
  forgive() {
    if (this.#time && this.root.dataset.kind === "error") this.#end();
  }

  /** @param {string} text What was said for a while and holds no more. */
  retract(text) {
    if (this.#time && this.root.dataset.rich === text) this.#end();
  }

  destroy() {
    this.#time?.end();
  }

  #end() {
    this.#time?.end();
    this.#time = null;
    this.#show(this.#lasting);
  }

  /** @param {{ text: string, kind: string }} said */
  #show({ text, kind }) {
    this.root.dataset.kind = kind;
    setRich(this.root, text);
    this.root.title = flat(text);
  }
}
