// What is looked at of a run: the metric, and which of the charts that share one place. What is chosen on one card shows on all.

import { el } from "../common/dom.js";
import { Segments } from "../common/segments.js";

/** @import { LiveRequest, State } from "./protocol.js" */
/** @import { Charts } from "./charts.js" */

const METRICS = /** @type {const} */ ([
  ["accuracy", "Accuracy"],
  ["loss", "Loss"],
]);

/** @typedef {[string, string, boolean]} Tab A chart by its id, what it is called in the list, and whether it is a closer look. */

export class Switches {
  #charts;
  #metrics;
  #tabs;
  #list;
  #asked = ""; // what was chosen and the server has not shown yet

  /**
   * @param {Charts} charts
   * @param {Tab[]} tabs The charts that share one place, in the order of the list.
   * @param {(message: LiveRequest) => void} send
   */
  constructor(charts, tabs, send) {
    this.#charts = charts;
    this.#metrics = onCards(charts, ["loss", "adaptation"], "Metric", METRICS, (metric) => send({ type: "metric", metric }));
    this.#tabs = tabs;
    for (const [id, , isCloser] of tabs) charts.get(id).card.root.toggleAttribute("data-closer", isCloser);
    const option = (/** @type {Tab} */ [id, name]) => el("option", { value: id }, name);
    const closer = el("optgroup", { label: "Closer look" }, ...tabs.filter(([, , isCloser]) => isCloser).map(option));
    const onchange = () => {
      this.#asked = this.#list.value;
      send({ type: "weights_chart", chart: this.#list.value });
    };
    this.#list = el("select", { class: "maml-tabs", "aria-label": "Chart in this place", onchange }, ...tabs.filter(([, , isCloser]) => !isCloser).map(option), closer);
  }

  /** Whether a closer look is chosen. */
  get isCloser() {
    return this.#tabs.some(([id, , isCloser]) => isCloser && id === this.#list.value);
  }

  /** @param {State} state */
  state({ metric, charts }) {
    for (const segments of this.#metrics) segments.show(metric);
    const shown = this.#tabs.find(([id]) => charts.includes(id))?.[0];
    if (shown === undefined || (this.#asked && this.#asked !== shown)) return;
    this.#asked = "";
    this.#list.value = shown;
    const { root } = this.#charts.get(shown).card;
    if (root.contains(this.#list)) return;
    // The list stands on the card that is shown, and keeps the focus on its way.
    const focused = document.activeElement === this.#list;
    this.#charts.get(shown).card.addSwitch({ root: this.#list });
    if (focused) requestAnimationFrame(() => this.#list.focus());
  }
}

/**
 * A switch on each of some cards.
 *
 * @template {string} Choice
 * @param {Charts} charts
 * @param {string[]} ids
 * @param {string} name
 * @param {readonly (readonly [Choice, string])[]} choices
 * @param {(choice: Choice) => void} choose
 */
function onCards(charts, ids, name, choices, choose) {
  return ids.map((id) => {
    const segments = new Segments(name, choices, choose);
    charts.get(id).card.addSwitch(segments);
    return segments;
  });
}
