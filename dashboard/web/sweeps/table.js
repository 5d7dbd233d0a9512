// The table of a sweep's settings: sorted, one row a setting, whose first cell selects it. By their results those that are not told apart from
// the best one are a group of their own.

import { el, onWidth, setText } from "../common/dom.js";
import { percent, whole } from "../common/format.js";
import { flat } from "../common/pieces.js";
import { VERDICT, differenceCell, first, groupWords, verdict } from "./standing.js";
import { KINDS, said } from "./store.js";

/** @import { Store } from "./store.js" */
/** @import { Value } from "./protocol.js" */

const PAGE_ROWS = 60; // that are there before somebody scrolls, and more with each end that is reached
const NEAR_PX = 200; // from the end of the rows

/** Columns whose order is that of the results, so that those not told apart from the best stand together. */
const BY_RESULT = ["value", "difference"];

/** What is left out where there is no room, one after the other: it stands in the line of a setting that is pointed at, too, and in the map's table. */
const LEFT_OUT = ["diverged_share", "worse_share"];

/** Verdicts of the group. */
const SAME = [VERDICT.reference, VERDICT.same];

/** @typedef {{ heading: string | null, numbers: number[] }} Group Settings under a heading. */

export class Settings {
  root = el("div", { class: "maml-settings", tabindex: "-1" });
  #table;
  #head = el("thead");
  #shown = ""; // which rows there are
  #note = el("p", { class: "maml-settings-note" });
  /** @type {Map<number, HTMLTableRowElement>} */
  #rows = new Map();
  #sort = { column: "value", falling: false };
  #order = { of: "", numbers: /** @type {number[]} */ ([]) };
  #room = PAGE_ROWS;
  #onSelect;
  #store;

  /**
   * @param {Store} store
   * @param {(number: number, how: { more: boolean }) => void} onSelect Selects a setting, or adds it to those that are selected.
   */
  constructor(store, onSelect) {
    this.#store = store;
    this.#onSelect = onSelect;
    this.#table = el("table", {}, el("caption", { class: "maml-visually-hidden" }, "Settings of the sweep"), this.#head);
    this.root.append(this.#table, this.#note);
    this.root.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    onWidth(this.root, () => this.#fitAnew());
  }

  /** Other axes, or another metric. */
  reset() {
    this.#rows.clear();
    this.#shown = "";
    this.#room = PAGE_ROWS;
    this.#sort = { column: "value", falling: this.#store.metric === "accuracy" };
    const columns = [
      ["number", "#"],
      ...this.#store.axes.map(({ name, symbol }) => [name, symbol]),
      ["value", ""],
      ["difference", ""],
      ["worse_share", "tasks worse"],
      ["diverged_share", "tasks diverged"],
      ["kind", ""],
    ];
    const sorter = (/** @type {string[]} */ [column, label]) =>
      el("th", { scope: "col", "data-column": column, "aria-sort": "none" }, el("button", { type: "button", onclick: () => this.#sortBy(column) }, label));
    this.#head.replaceChildren(el("tr", {}, ...columns.map(sorter)));
    this.root.dataset.without = "";
    this.draw();
  }

  /** @param {string} column */
  #sortBy(column) {
    this.#sort = { column, falling: this.#sort.column === column ? !this.#sort.falling : false };
    this.draw();
  }

  draw() {
    const { column, falling } = this.#sort;
    const heads = this.#headings();
    for (const th of this.#head.querySelectorAll("th")) {
      const heading = heads[th.dataset.column ?? ""];
      if (heading) setText(/** @type {HTMLElement} */ (th.firstElementChild), heading);
      th.setAttribute("aria-sort", th.dataset.column !== column ? "none" : falling ? "descending" : "ascending");
    }
    const numbers = this.#sorted();
    const { selected, standing } = this.#store;
    // What is selected stands first, so that it is seen.
    const first = numbers.filter((n) => selected.has(n));
    const others = numbers.filter((n) => !selected.has(n));
    const isGrouped = BY_RESULT.includes(column) && standing !== null && standing.reference !== null;
    const groups = isGrouped ? this.#groups(first, others, standing) : [{ heading: null, numbers: [...first, ...others] }];
    const shown = this.#fillBodies(groups);
    setText(this.#note, numbers.length > shown ? `${whole(shown)} of ${whole(numbers.length)} settings; scroll or sort to see others.` : "");
    this.#fit();
  }

  #fitAnew() {
    this.root.dataset.without = "";
    this.#fit();
  }

  /** Leaves columns out until the others have room, and no longer one that is there again once its numbers are shorter: that would move all of them. */
  #fit() {
    const { root } = this;
    const beyond = () => root.scrollWidth > root.clientWidth;
    for (const column of LEFT_OUT) {
      if (!beyond()) break;
      const without = (root.dataset.without ?? "").split(" ");
      if (!without.includes(column)) root.dataset.without = [...without, column].join(" ").trim();
    }
    root.dataset.beyond = String(beyond());
  }

  /** The settings in the order of a column; of thousands that is not done again where nothing has changed. */
  #sorted() {
    const { column, falling } = this.#sort;
    const { numbers, revision } = this.#store;
    const of = `${column} ${falling} ${revision}`;
    if (this.#order.of !== of) {
      const keys = numbers.map((number) => this.#store.value(number, column));
      const places = [...numbers.keys()].sort((a, b) => compared(keys[a], keys[b], falling) || numbers[a] - numbers[b]);
      this.#order = { of, numbers: places.map((place) => numbers[place]) };
    }
    return this.#order.numbers;
  }

  /** More rows, where somebody has come near the end of those that are there. */
  #scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this.root;
    if (this.#room >= this.#store.numbers.length || scrollHeight - scrollTop - clientHeight > NEAR_PX) return;
    this.#room += PAGE_ROWS;
    this.draw();
  }

  /** What stands over the columns whose meaning depends on the sweep. */
  #headings() {
    const { metric, standing } = this.#store;
    const over = standing ? (standing.num_seeds > 1 ? ", ± over seeds" : ", ± over tasks") : "";
    const from = standing && standing.reference !== standing.best ? "from A" : `from ${standing ? first(standing) : "best"}`;
    /** @type {Record<string, string>} */
    const found = { value: `${metric}${over}`, difference: standing?.objective === "accuracy" ? `${from}, points` : from, kind: standing?.num_seeds === 1 ? "training" : "state" };
    return found;
  }

  /**
   * @param {number[]} first Selected.
   * @param {number[]} others
   * @param {import("./protocol.js").Standing} standing
   * @returns {Group[]}
   */
  #groups(first, others, standing) {
    const isSame = (/** @type {number} */ number) => SAME.includes(Number(this.#store.value(number, "verdict")));
    const same = others.filter(isSame);
    const count = same.length + first.filter(isSame).length;
    const rest = others.filter((number) => !isSame(number));
    const found = [
      { heading: "Selected", numbers: first },
      { heading: groupWords(count, standing), numbers: same },
      { heading: "The others", numbers: rest },
    ];
    return found.filter(({ numbers }) => numbers.length > 0);
  }

  /**
   * Puts the rows of the groups into the table; returns how many settings it shows.
   *
   * @param {Group[]} groups
   */
  #fillBodies(groups) {
    let room = this.#room;
    const cut = groups.map(({ heading, numbers }) => {
      const kept = numbers.slice(0, room);
      room -= kept.length;
      return { heading, numbers: kept };
    });
    for (const { numbers } of cut) for (const number of numbers) this.#row(number);
    const shown = JSON.stringify(cut);
    if (shown !== this.#shown) {
      this.#shown = shown;
      const focused = /** @type {HTMLElement | null} */ (document.activeElement);
      const inside = focused !== null && this.#table.contains(focused);
      for (const body of [...this.#table.tBodies]) body.remove();
      this.#table.append(...cut.filter(({ numbers }) => numbers.length).map((group) => this.#body(group)));
      if (inside && focused?.isConnected) focused.focus({ preventScroll: true });
    }
    return this.#room - room;
  }

  /** @param {Group} group */
  #body({ heading, numbers }) {
    const rows = numbers.map((number) => this.#row(number));
    if (heading === null) return el("tbody", {}, ...rows);
    const columns = this.#head.querySelectorAll("th").length;
    const title = el("th", { colspan: columns, scope: "rowgroup" }, el("span", {}, heading));
    return el("tbody", {}, el("tr", { class: "maml-settings-group" }, title), ...rows);
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
      const cells = ["value", "difference", "worse_share", "diverged_share", "kind"].map((column) => el("td", { "data-column": column }));
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
    const [value, difference, worse, share, kind] = [...row.cells].slice(-5);
    const { standing } = this.#store;
    setText(value, this.#store.result(setting));
    setText(difference, standing ? differenceCell(setting, standing) : "–");
    setText(worse, percent(setting.worse_share));
    setText(share, percent(setting.diverged_share));
    setText(kind, (standing && verdict(setting, standing)) || KINDS[setting.kind]);
    kind.title = flat(this.#store.refusals.get(number) ?? "");
  }
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
