// The table beside a task: its losses, and of images the share that is right, with theta_0, theta_k and theta_N.

import { el, known, rich, setText } from "../common/dom.js";
import { short } from "../common/format.js";
import { apart } from "../common/pieces.js";

/** @import { Term } from "../common/mounting.js" */
/** @import { Steps } from "./protocol.js" */

/** @typedef {"support" | "query" | "right"} Kind A row. */

/** @typedef {"0" | "k" | "N"} Column */

/** @type {Record<Column, string>} In words; the symbol stands behind them. */
const WORDS = { 0: "before", k: "at k", N: "after" };
const COLUMNS = /** @type {const} */ (["0", "k", "N"]);

export class Losses {
  root;
  #terms;
  /** @type {Map<`${Kind}${Column}`, HTMLElement>} */
  #cells = new Map();
  #right;

  /** @param {Record<string, Term>} terms Its words, and what they are. */
  constructor(terms) {
    this.#terms = terms;
    this.#right = this.#row("right");
    this.root = el(
      "table",
      { class: "maml-losses", "aria-label": "Loss on this task" },
      el("thead", {}, el("tr", {}, el("th", {}, "loss"), ...COLUMNS.map((column) => this.#head(column)))),
      el("tbody", {}, this.#row("support"), this.#row("query"), this.#right),
    );
  }

  /**
   * @param {Steps} steps
   * @param {number} k The inner step that is looked at.
   */
  show({ num_inner_steps, support_loss, query_loss, accuracy }, k) {
    this.#right.hidden = !accuracy;
    const at = { 0: 0, k, N: num_inner_steps };
    for (const column of COLUMNS) {
      this.#write("support", column, written(support_loss[at[column]]));
      this.#write("query", column, written(query_loss[at[column]]));
      const share = accuracy?.[at[column]] ?? null;
      if (accuracy) this.#write("right", column, share === null ? "–" : `${Math.round(100 * share)}%`);
    }
  }

  /** Another run: nothing is known yet. */
  clear() {
    for (const cell of this.#cells.values()) setText(cell, "–");
  }

  /** @param {Column} column */
  #head(column) {
    const symbol = `θ_${column}`;
    return el("th", { scope: "col", "data-col": column, "data-tip": this.#terms[symbol].text, tabindex: "0" }, WORDS[column], behind(` ${symbol}`));
  }

  /** @param {Kind} kind */
  #row(kind) {
    const [words, symbol] = apart(this.#terms[kind].name);
    const name = el("th", { scope: "row", "data-tip": this.#terms[kind].text, tabindex: "0" }, el("span", { class: `maml-dot maml-dot-${kind}` }), words, behind(symbol));
    const cells = COLUMNS.map((column) => {
      const cell = el("td", {}, "–");
      this.#cells.set(`${kind}${column}`, cell);
      return cell;
    });
    return el("tr", {}, name, ...cells);
  }

  /**
   * @param {Kind} kind
   * @param {Column} column
   * @param {string} text
   */
  #write(kind, column, text) {
    setText(known(this.#cells.get(`${kind}${column}`)), text);
  }
}

/** @param {number | string | null} loss */
const written = (loss) => (typeof loss === "string" ? loss : short(loss));

/** @param {string} symbol Of a word, left out where there is little room. */
const behind = (symbol) => el("span", { class: "maml-symbol" }, ...rich(symbol));
