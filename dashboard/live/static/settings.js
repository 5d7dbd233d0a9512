// The table of a sweep's settings: sorted, one row a setting, whose first cell selects it.

import { el, setText } from "./dom.js";
import { exact, percent, short } from "./format.js";

export const KINDS = ["waiting", "training", "finished", "diverged", "pruned"];
const MAX_ROWS = 300;

/** What adapting did to the tasks that it did no good. */
export const losers = (diverged, worse) => `${percent(diverged)} of the tasks diverged, ${percent(worse)} got worse by adapting`;

export const said = (value) => (value === null ? "off" : value === true ? "yes" : value === false ? "no" : typeof value === "number" ? exact(Number(value.toPrecision(4))) : value);

export class Settings {
  root = el("div", { class: "maml-settings", tabindex: "-1" });
  #table;
  #head = el("thead");
  #body = el("tbody");
  #note = el("p", { class: "maml-settings-note" });
  #rows = new Map();
  #sort = { column: "value", falling: false };
  #onSelect;
  #store;

  /** `store` is the page's `Store`; `onSelect(number, {more})` selects a setting, or adds it. */
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
    const sorter = ([column, label]) =>
      el("th", { scope: "col", "data-column": column, "aria-sort": "none" }, el("button", { type: "button", onclick: () => this.#sortBy(column) }, label));
    this.#head.replaceChildren(el("tr", {}, ...columns.map(sorter)));
    this.draw();
  }

  #sortBy(column) {
    this.#sort = { column, falling: this.#sort.column === column ? !this.#sort.falling : false };
    this.draw();
  }

  draw() {
    const { column, falling } = this.#sort;
    for (const th of this.#head.querySelectorAll("th")) {
      th.setAttribute("aria-sort", th.dataset.column !== column ? "none" : falling ? "descending" : "ascending");
    }
    const numbers = [...this.#store.numbers].sort((a, b) => this.#compare(a, b) || a - b);
    const { selected } = this.#store;
    // What is selected stands first, so that it is seen.
    const shown = [...numbers.filter((n) => selected.has(n)), ...numbers.filter((n) => !selected.has(n))].slice(0, MAX_ROWS);
    const rows = shown.map((number) => this.#row(number));
    if (rows.length !== this.#body.children.length || rows.some((row, i) => this.#body.children[i] !== row)) {
      const focused = document.activeElement;
      const inside = this.#body.contains(focused);
      this.#body.replaceChildren(...rows);
      if (inside && focused.isConnected) focused.focus({ preventScroll: true });
    }
    setText(this.#note, numbers.length > shown.length ? `${shown.length} of ${numbers.length} settings; sort to see others.` : "");
  }

  #compare(a, b) {
    const { column, falling } = this.#sort;
    const [x, y] = [this.#key(a, column), this.#key(b, column)];
    const missing = (value) => value === null || Number.isNaN(value);
    if (missing(x) || missing(y)) return missing(x) - missing(y); // last, whichever way
    const order = x < y ? -1 : x > y ? 1 : 0;
    return falling ? -order : order;
  }

  #key(number, column) {
    if (column === "number") return number;
    const setting = this.#store.get(number);
    return column in setting.values ? setting.values[column] : setting[column];
  }

  #row(number) {
    let row = this.#rows.get(number);
    if (!row) {
      const button = el(
        "button",
        { type: "button", "aria-pressed": "false", onclick: (event) => this.#onSelect(number, { more: event.shiftKey || event.ctrlKey || event.metaKey }) },
        String(number),
      );
      const { values } = this.#store.get(number);
      const cells = ["value", "worse_share", "diverged_share", "kind"].map((column) => el("td", { "data-column": column }));
      row = el("tr", {}, el("th", { scope: "row" }, button), ...this.#store.axes.map(({ name }) => el("td", {}, said(values[name]))), ...cells);
      row.addEventListener("click", (event) => !event.target.closest("button") && button.dispatchEvent(new MouseEvent("click", event)));
      this.#rows.set(number, row);
    }
    this.#fill(row, number);
    return row;
  }

  #fill(row, number) {
    const setting = this.#store.get(number);
    const pressed = this.#store.selected.has(number);
    row.dataset.selected = pressed;
    row.dataset.kind = KINDS[setting.kind];
    row.querySelector("button").setAttribute("aria-pressed", String(pressed));
    const [value, worse, share, kind] = [...row.children].slice(-4);
    setText(value, this.#store.result(setting));
    setText(worse, percent(setting.worse_share));
    setText(share, percent(setting.diverged_share));
    setText(kind, KINDS[setting.kind]);
  }
}

/** What is known of the settings: their values once, their numbers with every frame. */
export class Store {
  axes = [];
  metric = "loss";
  numbers = [];
  selected = new Set();
  #values = new Map();
  #columns = {};
  #place = new Map();

  settings(list) {
    this.numbers = list.map(([number]) => number);
    this.#values = new Map(list.map(([number, ...values]) => [number, Object.fromEntries(this.axes.map(({ name }, i) => [name, values[i]]))]));
    this.#place = new Map(this.numbers.map((number, place) => [number, place]));
  }

  clear() {
    this.settings([]);
    this.#columns = {};
    this.selected.clear();
  }

  columns({ count, ...offsets }, floats) {
    this.#columns = Object.fromEntries(Object.entries(offsets).map(([name, offset]) => [name, floats.slice(offset, offset + count)]));
  }

  get(number) {
    const place = this.#place.get(number);
    const found = { number, values: this.#values.get(number) ?? {} };
    for (const name of ["kind", "value", "ci95", "before", "diverged_share", "worse_share", "limit", "step"]) found[name] = this.#columns[name]?.[place] ?? NaN;
    found.kind = Number.isNaN(found.kind) ? 0 : found.kind;
    return found;
  }

  /** `0.512 ± 0.03` */
  result({ value, ci95, kind }) {
    const written = this.metric === "accuracy" ? percent : short;
    if (kind === 3) return "diverged";
    if (!Number.isFinite(value)) return "–";
    return Number.isFinite(ci95) ? `${written(value)} ± ${written(ci95)}` : written(value);
  }

  /** All of a setting in lines, for a hover box or an ear. */
  lines(number) {
    const setting = this.get(number);
    const { kind, before, diverged_share, worse_share, limit, step } = setting;
    const at = this.axes.map(({ name, symbol }) => `${symbol} ${said(setting.values[name])}`).join(" · ");
    const lines = [at, `${this.metric} ${this.result(setting)}${kind === 1 ? ` (training, outer step ${step || "…"})` : ""}`];
    if (kind === 0) lines[1] = "waiting";
    if (kind === 4) lines.push("pruned");
    if (Number.isFinite(before)) lines.push(`before adaptation: loss ${short(before)}`);
    if (worse_share > 0) lines.push(losers(diverged_share, worse_share));
    if (Number.isFinite(limit)) lines.push(`2/λ_max here: ${short(limit)}`);
    return lines;
  }
}
