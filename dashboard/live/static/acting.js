// What each switch of the run does now: one card a switch, above the charts; the words come from the server.

import { el, setRich, setText } from "./dom.js";

export class Acting {
  root = el("dl", { class: "maml-acting", "aria-label": "What the switches do now", hidden: true });
  #shown = [];

  /** `[[name, acting, text], ...]` */
  show(switches) {
    if (switches.length !== this.#shown.length) this.#build(switches.length);
    switches.forEach(([name, acting, text], at) => {
      const { root, name: term, text: words } = this.#shown[at];
      root.dataset.acting = String(acting);
      setText(term, name);
      setRich(words, text);
      root.title = `${name}: ${text.replace(/_/g, "")}`;
    });
  }

  #build(count) {
    this.#shown = Array.from({ length: count }, () => {
      const name = el("dt");
      const text = el("dd");
      return { root: el("div", { class: "maml-switch" }, name, text), name, text };
    });
    this.root.replaceChildren(...this.#shown.map(({ root }) => root));
    this.root.hidden = count === 0;
  }
}
