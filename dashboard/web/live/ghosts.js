// The row of the loss card that names its ghosts, the runs before this one: each can be hidden and removed there.

import { el, known, setRich } from "../common/dom.js";
import { swatch } from "../common/swatch.js";

/** @import { Ghost, LiveRequest, State } from "./protocol.js" */
/** @import { Charts } from "./charts.js" */

/**
 * Names of the traces in tables and in pictures that are saved.
 *
 * @param {Ghost[]} ghosts
 * @returns {Record<string, string>} By trace.
 */
export function traceNames(ghosts) {
  return Object.fromEntries(ghosts.map(({ number, trace, name }) => [trace, `ghost ${number}: ${name}`]));
}

/**
 * The ghost whose button takes the focus when the one that has it is removed: the next, or else the one before.
 *
 * @param {number[]} before Numbers as they stood.
 * @param {number[]} after
 * @param {number} focused
 * @returns {number | null} Null where none is left.
 */
export function heir(before, after, focused) {
  const at = before.indexOf(focused);
  return [...before.slice(at), ...before.slice(0, at).toReversed()].find((number) => after.includes(number)) ?? null;
}

/** What stands of one ghost. */
class Entry {
  root;
  /** @type {HTMLButtonElement} */
  #toggle;
  #shown = true;
  #name = el("span", { class: "maml-ghost-name" });
  #remove;

  /**
   * @param {Ghost} ghost
   * @param {(message: LiveRequest) => void} send
   */
  constructor({ number, dash }, send) {
    this.#toggle = el(
      "button",
      {
        type: "button",
        class: "maml-series",
        "data-press": "show or hide",
        onclick: () => send({ type: "ghost", number, shown: !this.#shown }),
      },
      swatch({ mode: "lines", line: { color: "currentColor", width: 2, dash } }),
      el("span", { class: "maml-visually-hidden" }, "ghost "),
      el("b", {}, String(number)),
      this.#name,
    );
    this.#remove = el(
      "button",
      { type: "button", class: "maml-icon", title: `Remove ghost ${number}`, "aria-label": `Remove ghost ${number}`, onclick: () => send({ type: "remove_ghosts", number }) },
      "×",
    );
    this.root = el("span", { class: "maml-ghost", "data-ghost": number }, this.#toggle, this.#remove);
  }

  /** @param {Ghost} ghost */
  show({ name, sentence, shown }) {
    this.#shown = shown;
    setRich(this.#name, name);
    this.#toggle.dataset.tip = sentence;
    this.#toggle.setAttribute("aria-pressed", String(shown));
  }

  /** The button that removes it has the focus. */
  get isLeaving() {
    return this.#remove.matches(":focus");
  }

  focus() {
    this.#remove.focus();
  }
}

export class Ghosts {
  #send;
  #chart;
  #charts;
  /** @type {Map<number, Entry>} */
  #entries = new Map();
  #all;
  #root;

  /**
   * @param {Charts} charts
   * @param {(message: LiveRequest) => void} send
   */
  constructor(charts, send) {
    this.#send = send;
    this.#chart = charts.curve;
    this.#charts = [charts.curve, charts.adaptation];
    this.#all = el("button", { type: "button", "data-action": "remove-ghosts", onclick: () => send({ type: "remove_ghosts", number: null }) }, "Remove all");
    this.#root = el("div", { class: "maml-ghosts", role: "group", "aria-label": "Ghosts: runs before this one", hidden: true }, this.#all);
    this.#chart.card.addRow(this.#root);
  }

  /** @param {State} state */
  state({ ghosts }) {
    const before = [...this.#entries.keys()];
    const after = ghosts.map(({ number }) => number);
    const leaving = before.find((number) => this.#entries.get(number)?.isLeaving && !after.includes(number));
    for (const ghost of ghosts) {
      if (!this.#entries.has(ghost.number)) this.#add(ghost);
      known(this.#entries.get(ghost.number)).show(ghost);
    }
    for (const number of before) if (!after.includes(number)) this.#drop(number);
    if (leaving !== undefined) this.#entries.get(heir(before, after, leaving) ?? NaN)?.focus();
    this.#root.hidden = !ghosts.length;
    this.#all.hidden = ghosts.length < 2;
    for (const [trace, name] of Object.entries(traceNames(ghosts))) for (const chart of this.#charts) chart.rename(trace, name);
  }

  /** @param {Ghost} ghost */
  #add(ghost) {
    const entry = new Entry(ghost, this.#send);
    this.#entries.set(ghost.number, entry);
    this.#entries = new Map([...this.#entries].toSorted(([a], [b]) => a - b));
    this.#root.prepend(...[...this.#entries.values()].map(({ root }) => root));
  }

  /** @param {number} number */
  #drop(number) {
    this.#entries.get(number)?.root.remove();
    this.#entries.delete(number);
  }
}
