// Two runs side by side: the list of what a run can be compared with, and the strip that says how both compare.

import { el, popoverButton, setRich, setText } from "../common/dom.js";
import { swatch } from "../common/swatch.js";
import { icon } from "./icons.js";

/** @import { Compared, LiveRequest, State } from "./protocol.js" */

const HINT = "Train a second run beside this one, from outer step 0 to where it is, on the same tasks. One thing is changed:";

/**
 * @param {string} ink The name of its colour.
 * @param {string} dash
 * @param {HTMLElement} name
 */
const entry = (ink, dash, name) => el("span", { class: "maml-second" }, el("span", { class: `maml-ink-${ink}` }, swatch({ mode: "lines", line: { color: "currentColor", width: 2.5, dash } })), name);

export class Compare {
  /** @type {HTMLButtonElement} */
  button;
  /** @type {HTMLElement} */
  panel;
  root;
  #send;
  #tell;
  #follows;
  #options = el("div", { class: "maml-menu", role: "group", "aria-label": "What is changed" });
  #offered = "";
  #own = el("b");
  #name = el("b");
  #words = el("p", { class: "maml-comparison" });
  #heard = ""; // what it was told about last
  #text = "";
  #playing = false;

  /**
   * @param {(message: LiveRequest) => void} send
   * @param {{ tell: (text: string) => void, follows: boolean }} page Who hears it, and whether the run is another's.
   */
  constructor(send, { tell, follows }) {
    this.#send = send;
    this.#tell = tell;
    const { button, panel } = popoverButton({ "data-action": "compare", "aria-label": "Compare", title: "A second run beside this one (v)" }, el("span", {}, "Compare"), el("div", { class: "maml-compare" }, el("p", {}, HINT), this.#options));
    [this.button, this.panel] = [button, panel];
    this.button.prepend(icon("compare"));
    this.button.hidden = this.#follows = follows;
    const stop = el("button", { type: "button", "data-action": "compare-stop", title: "No second run any more", onclick: () => this.#choose(null) }, "Stop comparing");
    stop.hidden = follows;
    this.root = el("div", { class: "maml-compared", role: "group", "aria-label": "Comparison", hidden: true }, entry("own", "solid", this.#own), entry("second", "longdashdot", this.#name), this.#words, stop);
  }

  /** Opens the list, or closes it. */
  toggle() {
    if (this.button.hidden) return;
    if (this.panel.togglePopover()) this.#options.querySelector("button")?.focus();
  }

  /** @param {State} state */
  state({ beside, playing, lesson }) {
    const { options, other, name, own } = beside;
    this.button.hidden = this.#follows || (lesson !== null && !lesson.free);
    this.#offer(options, other);
    const hadFocus = this.root.contains(document.activeElement);
    this.root.hidden = other === null;
    setText(this.#own, own);
    setText(this.#name, name);
    if (other === null) {
      this.#write("");
      if (hadFocus) this.button.focus();
    }
    if (this.#playing && !playing) this.#hear();
    this.#playing = playing;
  }

  /** @param {{ beside: string }} header Of a frame. */
  frame({ beside }) {
    this.#write(beside);
    if (this.#text && !this.#heard) this.#hear();
  }

  /** @param {string} text */
  #write(text) {
    this.#text = text;
    if (!text) this.#heard = "";
    setRich(this.#words, text);
    this.#words.title = text;
  }

  #hear() {
    if (this.#text && this.#text !== this.#heard) this.#tell(this.#text);
    this.#heard = this.#text;
  }

  /** @param {string | null} other */
  #choose(other) {
    this.#heard = "";
    this.#send({ type: "compare", other });
  }

  /**
   * @param {Compared["options"]} options
   * @param {string | null} chosen
   */
  #offer(options, chosen) {
    const offered = JSON.stringify([options, chosen]);
    if (offered === this.#offered) return;
    this.#offered = offered;
    const item = (/** @type {string | null} */ key, /** @type {string} */ label) =>
      el("button", { type: "button", class: "maml-item", "data-action": "compare-with", "data-other": key ?? "", "aria-pressed": String(key === chosen), onclick: () => (this.panel.hidePopover(), this.#choose(key)) }, label);
    this.#options.replaceChildren(...options.map(([key, label]) => item(key, label)), ...(chosen === null ? [] : [item(null, "Stop comparing")]));
  }
}
