// The table of a sweep's settings: sorted, one row a setting, whose first cell selects it.

import { el, setText } from "../common/dom.js";
import { percent } from "../common/format.js";
import { flat } from "../common/pieces.js";
import { KINDS, said } from "./store.js";

/** @import { Setting, Store } from "./store.js" */
/** @import { Value } from "./protocol.js" */

const MAX_ROWS = 300;

export class Settings {
  root = el("div", { class: "maml-settings", tabindex: "-1" });
  #table;
  #head = el("thead");
  #body = el("tbody");
  #note = el("p", { class: "maml-settings-note" });
  /** @type {Map<number, HTMLTableRowElement>} */
  #rows = new Map();
  #sort = { column: "value", falling: false };
  #onSelect;
  #store;

  /**
   * @param {Store} store
   * @param {(number: number, how: { more: boolean }) => void} onSelect Selects a setting, or adds it to those that are selected.
   */
  constructor(store, onSelect) {
    this.#store = store;
    this.#onSelect = onSelect;
    this.#table = el("table", {}, el("caption", { class: "maml-visually-hidden" }, "Settings of the sweep"), this.#head, this.#body);
    this.root.append(this.#table, this.#note);
  }

  /** Other axes, or another metric. */
  reset() {
    this.#rows.clear();
    this.#body.replaceChildren();
    this.#sort = { column: "value", falling: this.#store.metric === "accuracy" };
    const columns = [
      ["number", "#"],
      ...this.#store.axes.map(({ name, symbol }) => [name, symbol]),
      ["value", this.#store.metric === "accuracy" ? "accuracy" : "loss"],
      ["worse_share", "tasks worse"],
      ["diverged_share", "tasks diverged"],
      ["kind", "state"],
    ];
    const sorter = (/** @type {string[]} */ [column, label]) =>
      el("th", { scope: "col", "data-column": column, "aria-sort": "none" }, el("button", { type: "button", onclick: () => this.#sortBy(column) }, label));
    this.#head.replaceChildren(el("tr", {}, ...columns.map(sorter)));
    this.draw();
  }

  /** @param {string} column */
  #sortBy(column) {
    this.#sort = { column, falling: this.#sort.column === column ? !this.#sort.falling : false };
    this.draw();
  }

  draw() {
    const { column, falling } = this.#sort;
    for (const th of this.#head.querySelectorAll("th")) {
      th.setAttribute("aria-sort", th.dataset.column !== column ? "none" : falling ? "descending" : "ascending");
    }
    const key = (/** @type {number} */ number) => valueIn(this.#store.get(number), column);
    const numbers = [...this.#store.numbers].sort((a, b) => compared(key(a), key(b), falling) || a - b);
    const { selected } = this.#store;
    // What is selected stands first, so that it is seen.
    const shown = [...numbers.filter((n) => selected.has(n)), ...numbers.filter((n) => !selected.has(n))].slice(0, MAX_ROWS);
    const rows = shown.map((number) => this.#row(number));
    if (rows.length !== this.#body.children.length || rows.some((row, i) => this.#body.children[i] !== row)) {
      const focused = /** @type {HTMLElement | null} */ (document.activeElement);
      const inside = focused !== null && this.#body.contains(focused);
      this.#body.replaceChildren(...rows);
      if (inside && focused?.isConnected) focused.focus({ preventScroll: true });
    }
    setText(this.#note, numbers.length > shown.length ? `${shown.length} of ${numbers.length} settings; sort to see others.` : "");
  }

  /** @param {number} number */
  #row(number) {
    let row = this.#rows.get(number);
    if (!row) {
      const button = el(
        "button",
        { type: "button", "aria-pressed": "false", onclick: (/** @type {MouseEvent} */ event) => this.#onSelect(number, { more: event.shiftKey || event.ctrlKey || event.metaKey }) },
        String(number),
      );
      const { values } = this.#store.get(number);
      const cells = ["value", "worse_share", "diverged_share", "kind"].map((column) => el("td", { "data-column": column }));
      row = el("tr", {}, el("th", { scope: "row" }, button), ...this.#store.axes.map(({ name }) => el("td", {}, said(values[name]))), ...cells);
      row.addEventListener("click", (event) => event.target instanceof Element && !event.target.closest("button") && button.dispatchEvent(new MouseEvent("click", event)));
      this.#rows.set(number, row);
    }
    this.#fill(row, number);
    return row;
  }

  /**
   * @param {HTMLTableRowElement} row
   * @param {number} number
   */
  #fill(row, number) {
    const setting = this.#store.get(number);
    const pressed = this.#store.selected.has(number);
    row.dataset.selected = String(pressed);
    row.dataset.kind = KINDS[setting.kind];
    row.querySelector("button")?.setAttribute("aria-pressed", String(pressed));
    const [value, worse, share, kind] = [...row.cells].slice(-4);
    setText(value, this.#store.result(setting));
    setText(worse, percent(setting.worse_share));
    setText(share, percent(setting.diverged_share));
    setText(kind, KINDS[setting.kind]);
    kind.title = flat(this.#store.refusals.get(number) ?? "");
  }
}

/**
 * What a setting has in a column: its number, a value of an axis, or a number of a frame.
 *
 * @param {Setting} setting
 * @param {string} column
 * @returns {Value}
 */
function valueIn({ values, ...numbers }, column) {
  /** @type {Record<string, Value>} */
  const all = { ...numbers, ...values };
  return all[column] ?? null;
}

/**
 * Which of two values comes first; what is missing comes last, whichever way the others go.
 *
 * @param {Value} x
 * @param {Value} y
 * @param {boolean} falling
 */
export function compared(x, y, falling) {
  const missing = (/** @type {Value} */ value) => value === null || Number.isNaN(value);
  if (x === null || y === null || missing(x) || missing(y)) return Number(missing(x)) - Number(missing(y));
  const order = x < y ? -1 : x > y ? 1 : 0;
  return falling ? -order : order;
}
