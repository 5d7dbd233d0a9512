// Explanations, from the server's glossary: the "?" of a card, and what an entry of a legend is, on hover, on focus and on tap.

import { el, newId, popoverButton, rich, setRich } from "./dom.js";
import { flat, fromPlotly } from "./pieces.js";

/** @import { Help } from "./protocol.js" */

const TAPPED_MS = 8000; // how long a finger's explanation stays

/** The "?" of a card: the button, the panel that it opens, and what fills that. */
export function explanation() {
  const body = el("div", { class: "maml-explain", tabindex: "0" });
  const opened = popoverButton({ class: "maml-icon maml-why" }, "?", body);
  return {
    ...opened,
    /**
     * @param {string} title As Plotly has it.
     * @param {Pick<Help, "text" | "terms">} help
     */
    show(title, { text, terms }) {
      opened.button.setAttribute("aria-label", `Help: ${flat(fromPlotly(title))}`);
      const entries = terms.flatMap(([term, said]) => [el("dt", {}, ...rich(term)), el("dd", {}, ...rich(said))]);
      body.replaceChildren(el("p", {}, ...rich(text)), ...(entries.length ? [el("dl", {}, ...entries)] : []));
    },
  };
}

/**
 * Shows what stands in `data-tip` of whatever is pointed at, focused or tapped below `root`.
 *
 * A finger cannot point without pressing: where a press does something, named by `data-press`, the first tap explains and the next one presses.
 */
export class Tips {
  #tip = el("div", { class: "maml-tip maml-floating", role: "tooltip", popover: "manual", id: newId("tip") });
  /** @type {HTMLElement | null} */
  #of = null;
  #tapped = false;
  /** @type {HTMLElement | null} */
  #asking = null; // what the finger that is down asks for
  #timer = 0;

  /** @param {HTMLElement} root */
  constructor(root) {
    root.append(this.#tip);
    const found = (/** @type {Event} */ { target }) => /** @type {HTMLElement | null} */ (target instanceof Element ? target.closest("[data-tip]") : null);
    root.addEventListener("pointerover", (event) => {
      const tapped = event.pointerType === "touch";
      const node = found(event);
      this.#asking = tapped && node !== this.#of ? node : null;
      this.#show(node, tapped);
    });
    root.addEventListener("click", (event) => this.#explainFirst(event), { capture: true });
    root.addEventListener("pointerout", (event) => event.pointerType !== "touch" && this.#hide());
    root.addEventListener("focusin", (event) => event.target instanceof Element && event.target.matches(":focus-visible") && this.#show(found(event)));
    root.addEventListener("focusout", () => !this.#tapped && this.#hide());
    root.addEventListener("keydown", ({ key }) => key === "Escape" && this.#hide());
  }

  /** @param {MouseEvent} event */
  #explainFirst(event) {
    const asked = this.#asking;
    this.#asking = null;
    if (!asked?.dataset.press || !asked.contains(/** @type {Node} */ (event.target))) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /**
   * @param {HTMLElement | null} node What is explained; null for nothing.
   * @param {boolean} [tapped] With a finger.
   */
  #show(node, tapped = false) {
    if (!node) return this.#hide();
    clearTimeout(this.#timer);
    this.#tapped = tapped;
    if (tapped) this.#timer = setTimeout(() => this.#hide(), TAPPED_MS);
    if (node === this.#of) return;
    this.#hide();
    this.#of = node;
    const { tip = "", press } = node.dataset;
    setRich(this.#tip, press ? `${tip} ${tapped ? "Tap again" : "Press"} to ${press}.` : tip);
    node.setAttribute("aria-describedby", this.#tip.id);
    this.#tip.showPopover();
    const anchor = node.getBoundingClientRect();
    const left = Math.max(8, Math.min(anchor.left, window.innerWidth - this.#tip.offsetWidth - 8));
    const below = anchor.bottom + 4;
    const fits = below + this.#tip.offsetHeight < window.innerHeight;
    Object.assign(this.#tip.style, { left: `${left}px`, top: `${fits ? below : anchor.top - this.#tip.offsetHeight - 4}px` });
  }

  #hide() {
    if (!this.#of) return;
    this.#of.removeAttribute("aria-describedby");
    this.#of = null;
    this.#tip.hidePopover();
  }
}
