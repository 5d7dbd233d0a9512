// Which settings of a sweep are selected, by click, box, row or key; what they came to, and what can be done with them.

import { el, rich } from "../common/dom.js";
import { LETTERS } from "./pins.js";

/** @import { SweepRequest } from "./protocol.js" */
/** @import { SweepCharts } from "./charts.js" */
/** @import { Pins } from "./pins.js" */
/** @import { Store } from "./store.js" */

/** @type {Record<string, number[]>} One step along x or y of the map. */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

const BOX_MS = 50; // until Plotly is through with a box

/**
 * @typedef {object} Options
 * @property {Store} store
 * @property {SweepCharts} charts
 * @property {Pins} pins
 * @property {(message: SweepRequest) => void} send
 * @property {(number: number) => unknown} open Opens a setting as a live run.
 * @property {() => void} changed Called when other settings are selected.
 * @property {() => void} pinning Called before a setting is pinned from here.
 * @property {(number: number) => void} reached Called when the keyboard is at another setting.
 */

export class Selection {
  root = el("div", { class: "maml-detail", role: "region", "aria-label": "Selected settings" });
  /** @type {number | null} */
  #chosen = null; // the only one that is selected
  /** @type {string | null} */
  #address = null; // of that one as a live run
  /** @type {number | null} */
  #cursor = null; // where the keyboard is
  #shown = ""; // what the words were last built of
  /** @type {string | null} */
  #sweep = null;
  #isOpening = false;
  #with;

  /** @param {Options} options */
  constructor(options) {
    this.#with = options;
    const { node } = options.charts.map;
    node.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#key(event));
    node.addEventListener("blur", () => this.#moveCursor(null));
  }

  /**
   * Another sweep.
   *
   * @param {string | null} sweep
   */
  reset(sweep) {
    this.#sweep = sweep;
    this.#chosen = this.#address = this.#cursor = null;
  }

  /** @param {boolean} isOpening Whether a sweep is being opened. */
  opening(isOpening) {
    this.#isOpening = isOpening;
    this.#describe();
  }

  /**
   * The server's answer to what was asked for when a setting was selected.
   *
   * @param {number} number
   * @param {string} address
   */
  address(number, address) {
    if (number !== this.#chosen) return;
    this.#address = address;
    this.#describe();
  }

  /** @param {PlotlyEvents["plotly_click"]} event */
  clicked({ points, event }) {
    const numbers = this.#with.charts.numbersOf(points[0]);
    if (numbers.length) this.select(numbers, { more: event.shiftKey || event.ctrlKey || event.metaKey, toggle: true });
  }

  /** @param {PlotlyEvents["plotly_selected"]} event */
  boxed(event) {
    const { charts } = this.#with;
    if (!event) return;
    setTimeout(() => charts.draw(), BOX_MS); // takes the box away
    const { range } = event;
    const boxed = event.points.length || !range?.x || !range.y ? event.points.flatMap((point) => charts.numbersOf(point)) : charts.within(range.x, range.y);
    const numbers = new Set(boxed);
    if (numbers.size) this.select([...numbers]);
  }

  /**
   * Selects settings.
   *
   * @param {number[]} numbers
   * @param {object} [how]
   * @param {boolean} [how.more] Beside those that are selected.
   * @param {boolean} [how.toggle] What is selected already is so no longer.
   */
  select(numbers, { more = false, toggle = false } = {}) {
    const { charts, send, changed, store } = this.#with;
    const { selected } = store;
    const only = toggle && !more && selected.size === numbers.length && numbers.every((number) => selected.has(number));
    const drop = more && toggle && numbers.every((number) => selected.has(number));
    if (!more) selected.clear();
    for (const number of only ? [] : numbers) {
      if (drop) selected.delete(number);
      else selected.add(number);
    }
    const chosen = selected.size === 1 ? [...selected][0] : null;
    if (chosen !== this.#chosen) {
      this.#chosen = chosen;
      this.#address = null;
      if (chosen !== null) send({ type: "setting", number: chosen });
    }
    this.refresh();
    changed();
    for (const plot of charts.marked) plot.mark();
  }

  /** Other numbers, pins or settings: on the charts, and in the words. */
  refresh() {
    this.#mark();
    this.#describe();
  }

  /** Marks on the charts what is selected and what is pinned. */
  #mark() {
    this.#with.charts.mark(this.#with.pins.numbers, this.#cursor);
  }

  /** What is selected, and what can be done with it. */
  #describe() {
    const { store, pins } = this.#with;
    const { selected } = store;
    const lines = this.#chosen === null ? [] : store.lines(this.#chosen);
    const shown = JSON.stringify([this.#chosen, selected.size, this.#address, pins.numbers, lines, this.#sweep, this.#isOpening]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.root.replaceChildren(...this.#words(selected.size, lines));
  }

  /**
   * @param {number} count
   * @param {string[]} lines What is said of the chosen one.
   */
  #words(count, [at, ...lines]) {
    if (this.#sweep === null && this.#isOpening) return [];
    if (this.#sweep === null) return [el("p", {}, "Define a sweep on the left and start it.")];
    if (!count) return [el("p", {}, "Click a cell, a curve or a row; drag a box for several. With the keyboard: arrows on the map, Enter.")];
    const clear = el("button", { type: "button", "data-action": "clear", onclick: () => this.select([]) }, "Clear");
    if (this.#chosen === null) {
      return [el("p", {}, `${count} settings selected; the plots below are of them.`), el("div", { class: "maml-actions" }, clear)];
    }
    return [
      el("p", {}, el("strong", {}, ...rich(at))),
      el("p", {}, ...rich(lines.join(" · "))),
      el("div", { class: "maml-actions" }, this.#link(this.#chosen), this.#pinButton(this.#chosen), clear),
    ];
  }

  /** @param {number} number */
  #link(number) {
    const href = this.#address === null ? null : `./?${this.#address}`;
    /** @param {MouseEvent} event In this tab; with a modifier the link opens another one, as links do. */
    const onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      this.#with.open(number);
    };
    return el("a", { class: "maml-button maml-primary", "data-action": "open-live", href, onclick }, "Open as a live run");
  }

  /** @param {number} number */
  #pinButton(number) {
    const { pins, pinning } = this.#with;
    const pinned = pins.numbers.includes(number);
    const full = !pinned && pins.numbers.length >= LETTERS.length;
    const others = pinned ? pins.numbers.filter((n) => n !== number) : [...pins.numbers, number];
    const onclick = () => {
      if (!pinned) pinning();
      pins.pin(others);
    };
    return el("button", { type: "button", "data-action": "pin", "aria-pressed": String(pinned), disabled: full, onclick }, pinned ? "Unpin" : "Pin to compare");
  }

  // --- The keyboard ---

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { charts, store } = this.#with;
    const step = ARROWS[event.key];
    const next = step ? charts.next(this.#cursor ?? this.#chosen, step) : null;
    if (next !== null) {
      event.preventDefault();
      this.#moveCursor(next);
    } else if ((event.key === "Enter" || event.key === " ") && this.#cursor !== null) {
      event.preventDefault();
      this.select(charts.together(this.#cursor), { more: event.shiftKey, toggle: true });
    } else if (event.key === "Escape" && store.selected.size) {
      this.select([]);
    }
  }

  /** @param {number | null} number */
  #moveCursor(number) {
    if (number === this.#cursor) return;
    this.#cursor = number;
    if (number !== null) this.#with.reached(number);
    this.#mark();
    this.#with.charts.map.mark();
  }
}
