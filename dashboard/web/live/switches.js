// What is looked at of a run: the metric, which of the charts that share one place, and which closer look in the place of the held-out tasks. What is chosen on
// one card shows on all.

import { el } from "../common/dom.js";
import { Segments } from "../common/segments.js";
import { awaitsAnswer } from "./lesson.js";

/** @import { LiveRequest, State } from "./protocol.js" */
/** @import { Charts } from "./charts.js" */

const METRICS = /** @type {const} */ ([
  ["accuracy", "Accuracy"],
  ["loss", "Loss"],
]);

const TASKS = "adaptation"; // the chart whose place a second closer look may take

/** @typedef {[string, string, boolean]} Tab A chart by its id, what it is called in the list, and whether it is a closer look. */

export class Switches {
  #charts;
  #metrics;
  #tabs;
  #weights;
  #tasks;

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
    const closer = tabs.filter(([, , isCloser]) => isCloser);
    const others = tabs.filter(([, , isCloser]) => !isCloser);
    this.#weights = new List(charts, "Chart in this place", others, closer, (chart) => send({ type: "weights_chart", chart }));
    this.#tasks = new List(charts, "Chart in the place of held-out tasks", [[TASKS, "Held-out tasks", false]], closer, (chart) => send({ type: "tasks_chart", chart }));
  }

  /** Whether a closer look is chosen in the place of the paths. */
  get isCloser() {
    return this.#tabs.some(([id, , isCloser]) => isCloser && id === this.#weights.value);
  }

  /** Whether one is chosen in the place of the held-out tasks. */
  get hasSecond() {
    return this.#tasks.value !== TASKS;
  }

  /** @param {State} state */
  state({ metric, charts, tasks_chart: second, lesson }) {
    for (const list of [this.#weights, this.#tasks]) list.rest(awaitsAnswer(lesson));
    for (const segments of this.#metrics) segments.show(metric);
    const first = this.#tabs.find(([id]) => charts.includes(id) && id !== second)?.[0];
    if (first !== undefined) this.#weights.show(first);
    this.#tasks.show(second);
    for (const [id] of this.#tabs) this.#charts.get(id).card.root.toggleAttribute("data-second", id === second);
  }
}

/** A list of charts of which one stands in a place; it stands on the card of the one that is shown. */
class List {
  #charts;
  #root;
  #asked = ""; // what was chosen and the server has not shown yet

  /**
   * @param {Charts} charts
   * @param {string} name
   * @param {Tab[]} usual What may stand there besides closer looks.
   * @param {Tab[]} closer
   * @param {(chart: string) => void} choose
   */
  constructor(charts, name, usual, closer, choose) {
    this.#charts = charts;
    const option = (/** @type {Tab} */ [id, called]) => el("option", { value: id }, called);
    const onchange = () => {
      this.#asked = this.#root.value;
      choose(this.#asked);
    };
    this.#root = el("select", { class: "maml-tabs", "aria-label": name, title: name, onchange }, ...usual.map(option), el("optgroup", { label: "Closer look" }, ...closer.map(option)));
  }

  get value() {
    return this.#root.value;
  }

  /** @param {boolean} rests Whether nothing can be chosen. */
  rest(rests) {
    this.#root.disabled = rests;
  }

  /** @param {string} shown */
  show(shown) {
    if (this.#asked && this.#asked !== shown) return;
    this.#asked = "";
    this.#root.value = shown;
    const { card } = this.#charts.get(shown);
    if (card.root.contains(this.#root)) return;
    // It keeps the focus on its way.
    const focused = document.activeElement === this.#root;
    card.addSwitch({ root: this.#root });
    if (focused) requestAnimationFrame(() => this.#root.focus());
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
