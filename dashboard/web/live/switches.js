// What is looked at of a run: the metric, and which chart of its weights. The same switch stands on several cards; what is chosen on one shows on all.

import { Segments } from "../common/segments.js";

/** @import { LiveRequest, State } from "./protocol.js" */
/** @import { Charts } from "./charts.js" */

const METRICS = /** @type {const} */ ([
  ["accuracy", "Accuracy"],
  ["loss", "Loss"],
]);
const WEIGHTS_CHARTS = /** @type {const} */ ([
  ["path", "Paths"],
  ["layers", "Layers"],
]);

export class Switches {
  #metrics;
  #weights;

  /**
   * @param {Charts} charts
   * @param {(message: LiveRequest) => void} send
   */
  constructor(charts, send) {
    this.#metrics = onCards(charts, ["loss", "adaptation"], "Metric", METRICS, (metric) => send({ type: "metric", metric }));
    this.#weights = onCards(charts, ["path", "layers"], "Chart", WEIGHTS_CHARTS, (chart) => send({ type: "weights_chart", chart }));
  }

  /** @param {State} state */
  state({ metric, charts }) {
    for (const segments of this.#metrics) segments.show(metric);
    // Both cards of the place have the tabs; the one that is shown takes the focus over.
    const focused = this.#weights.some((segments) => segments.focused);
    const at = WEIGHTS_CHARTS.findIndex(([id]) => charts.includes(id));
    for (const segments of this.#weights) segments.show(WEIGHTS_CHARTS[at]?.[0]);
    if (focused) requestAnimationFrame(() => this.#weights[at]?.focus());
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
