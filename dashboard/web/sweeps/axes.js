// What of a sweep is looked at: the axes of the map, a value for each other one, and what colours the curves.

import { el } from "../common/dom.js";
import { said } from "./store.js";

/** @import { Axis, View } from "./protocol.js" */

/**
 * One choice of the view.
 *
 * @typedef {object} Choice
 * @property {string} label
 * @property {string} chosen
 * @property {[string, string][]} options Each with its text.
 * @property {(value: string) => Partial<View>} change What of the view is another one then.
 */

/**
 * The choices that a view has.
 *
 * @param {Axis[]} axes
 * @param {View} view
 * @returns {Choice[]}
 */
export function choices(axes, view) {
  const { x, y, color, slices, over, metric, colors } = view;
  const names = axes.map(({ name, symbol }) => /** @type {[string, string]} */ ([name, symbol]));
  /** @type {Choice[]} */
  const found = [];
  if (axes.length > 1) {
    // Who takes the other axis for this one exchanges the two.
    found.push({ label: "across", chosen: x, options: names, change: (name) => ({ x: name, y: name === y ? x : y }) });
    const up = (/** @type {string} */ name) => ({ y: name || null, x: name === x && y ? y : x });
    found.push({ label: "up", chosen: y ?? "", options: [...names, ["", "(none: a profile)"]], change: up });
    found.push({ label: "colour of curves", chosen: color, options: names, change: (name) => ({ color: name }) });
  }
  const others = axes.filter(({ name }) => name !== x && name !== y);
  const open = others.filter(({ name }) => (slices[name] ?? null) === null);
  // Of values on different held-out tasks the least is not the best.
  const top = (/** @type {boolean} */ isApart) => (!isApart ? "best" : metric === "accuracy" ? "highest" : "lowest");
  if (open.length) {
    const change = (/** @type {string} */ chosen) => ({ over: /** @type {View["over"]} */ (chosen) });
    found.push({ label: "over the others", chosen: over, options: [["best", top(open.some((axis) => axis.changes_tasks))], ["mean", "mean"]], change });
  }
  if (y !== null) {
    const change = (/** @type {string} */ chosen) => ({ colors: /** @type {View["colors"]} */ (chosen) });
    found.push({ label: "colours", chosen: colors, options: [["clipped", "clipped"], ["whole", "as is"], ["quantiles", "quantiles"]], change });
  }
  for (const { name, symbol, values, changes_tasks } of others) {
    if (!values.length) continue;
    const at = values.findIndex((value) => value === (slices[name] ?? undefined));
    const options = values.map((value, i) => /** @type {[string, string]} */ ([String(i), said(value)]));
    const slice = (/** @type {string} */ i) => ({ slices: { ...slices, [name]: i === "" ? null : values[Number(i)] } });
    found.push({ label: symbol, chosen: at < 0 ? "" : String(at), options: [["", over === "best" ? top(changes_tasks) : over], ...options], change: slice });
  }
  return found;
}

export class Axes {
  root = el("div", { class: "maml-axes" });
  #look;
  #shown = ""; // what the choices were last built of

  /** @param {(change: Partial<View>) => void} look */
  constructor(look) {
    this.#look = look;
  }

  /**
   * @param {string | null} sweep
   * @param {Axis[]} axes
   * @param {View | undefined} view
   */
  show(sweep, axes, view) {
    const shown = JSON.stringify([axes.map(({ name }) => name), view, sweep]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const labels = [...this.root.children];
    const focused = labels.findIndex((label) => label.contains(document.activeElement));
    const name = labels[focused]?.firstChild?.textContent;
    this.root.replaceChildren(...(view ? choices(axes, view) : []).map((choice) => this.#select(choice)));
    // Whoever chooses with the keyboard stays where they are.
    const same = [...this.root.children].find(({ firstChild }) => name && firstChild?.textContent === name);
    same?.querySelector("select")?.focus();
  }

  /** @param {Choice} choice */
  #select({ label, chosen, options, change }) {
    const list = options.map(([value, text]) => el("option", { value, selected: value === chosen }, text));
    const onchange = (/** @type {{ target: HTMLSelectElement }} */ { target }) => this.#look(change(target.value));
    return el("label", {}, el("span", {}, label), el("select", { onchange }, ...list));
  }
}
