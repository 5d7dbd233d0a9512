// What each switch of the run does now, in the line above the charts: its name, and its words beside it where all have room, or behind it.
// The words come from the server.

import { el, newId, onSize, setRich, setText } from "../common/dom.js";

export class Acting {
  root = el("ul", { class: "maml-acting", "aria-label": "What the switches do now", hidden: true });
  /** @type {{ root: HTMLElement, name: HTMLElement, text: HTMLElement }[]} */
  #shown = [];
  #measured = ""; // for what it is known whether all words have room

  constructor() {
    onSize(this.root, () => this.#tighten()); // the readout beside it grows with its numbers
  }

  /** @param {import("./protocol.js").Acting[]} switches */
  show(switches) {
    if (switches.length !== this.#shown.length) this.#build(switches.length);
    switches.forEach(([name, acting, text], at) => {
      const { root, name: sign, text: words } = this.#shown[at];
      root.dataset.acting = String(acting);
      setText(sign, name);
      setRich(words, text);
    });
    this.fit();
  }

  /** Words that would be cut stand behind their names, all of them: which ones fit would change from step to step. */
  fit() {
    if (this.root.hidden) return; // without laying the page out, which asking for the room has done with every frame
    const room = this.root.parentElement?.clientWidth ?? 0;
    const measured = `${room} ${this.#shown.map(({ text }) => text.textContent.length)}`;
    if (measured === this.#measured) return;
    this.#measured = measured;
    this.root.dataset.words = "beside";
    this.#tighten();
  }

  #tighten() {
    if (this.root.scrollWidth > this.root.clientWidth) this.root.dataset.words = "behind";
  }

  /** @param {number} count */
  #build(count) {
    this.#shown = Array.from({ length: count }, () => {
      const id = newId("switch");
      const name = el("button", { type: "button", "aria-describedby": id });
      const text = el("span", { class: "maml-tip", role: "tooltip", id });
      return { root: el("li", { class: "maml-switch" }, name, text), name, text };
    });
    this.root.replaceChildren(...this.#shown.map(({ root }) => root));
    this.root.hidden = count === 0;
    this.#measured = "";
  }
}
