// What the network says of the drawn query, before adaptation and after each inner step.

import { el, rich, setText } from "../common/dom.js";
import { letter } from "./pen.js";

/** @import { Answer } from "./protocol.js" */

/** @typedef {(number | null)[]} Chances One number a class; null for none. */

/** @typedef {Omit<Answer, "probabilities"> & { probabilities: Chances[] }} QueryAnswer What is said of one query, after 0..K inner steps. */

const MANY = 8; // steps from which on only theta_0 and theta_N are named

export class Verdict {
  root = el("p", { class: "maml-verdict" });
  steps = el("div", { class: "maml-steps" });
  /** @type {{ bars: HTMLElement, share: HTMLElement }[]} */
  #rows = []; // of the classes

  /**
   * Places for the probabilities of so many classes, one beside the examples of each.
   *
   * @param {number} count
   */
  rows(count) {
    while (this.#rows.length < count) {
      this.#rows.push({ bars: el("div", { class: "maml-bars", role: "img" }), share: el("output", { class: "maml-share" }) });
    }
    return (this.#rows = this.#rows.slice(0, count));
  }

  /** @param {QueryAnswer | null} answer */
  show(answer) {
    const steps = answer?.probabilities ?? [];
    const n = answer?.num_inner_steps ?? 0;
    this.#head(steps.length, n);
    for (const [row, { bars, share }] of this.#rows.entries()) {
      const chances = steps.map((step) => step[row] ?? null);
      draw(bars, chances, n);
      bars.setAttribute("aria-label", `Probability of class ${letter(row)} after 0 to ${steps.length - 1} inner steps: ${chances.map(percent).join(", ")}`);
      bars.style.visibility = steps.length === 0 ? "hidden" : "";
      setText(share, steps[0]?.[row] === undefined ? "" : percent(chances[n]));
      share.dataset.best = String(steps.length > 0 && best(steps[n]) === row);
    }
    this.#say(answer);
  }

  /**
   * @param {number} count Of steps.
   * @param {number} n
   */
  #head(count, n) {
    const shown = `${count}/${n}`;
    if (this.steps.dataset.shown === shown) return;
    this.steps.dataset.shown = shown;
    const named = (/** @type {number} */ k) => k === 0 || k === n || count < MANY;
    this.steps.replaceChildren(...Array.from({ length: count }, (_, k) => el("span", {}, ...(named(k) ? rich(`θ_${k}`) : []))));
  }

  /** @param {QueryAnswer | null} answer */
  #say(answer) {
    if (!answer) return this.root.replaceChildren();
    const { probabilities, num_inner_steps: n, always } = answer;
    const words = [says(probabilities[0]), says(probabilities[n])];
    const said = [...words, n, always].join("/");
    if (this.root.firstChild && this.root.dataset.said === said) return;
    this.root.dataset.said = said;
    this.root.replaceChildren(
      el("span", { "data-step": "0" }, ...rich("θ_0"), ` ${words[0]}`),
      // Right or wrong, it then says nothing of this query.
      ...(always === null ? [] : [el("span", { class: "maml-always" }, `(${letter(always)} to every drawing)`)]),
      el("span", { "aria-hidden": "true" }, "→"),
      el("span", { "data-step": "N" }, ...rich(`θ_${n}`), " ", el("strong", {}, words[1])),
    );
  }
}

/**
 * @param {HTMLElement} bars
 * @param {Chances} chances Of one class, after each step.
 * @param {number} n
 */
function draw(bars, chances, n) {
  while (bars.children.length > chances.length) bars.lastChild?.remove();
  while (bars.children.length < chances.length) bars.append(el("span"));
  chances.forEach((p, k) => {
    const bar = /** @type {HTMLElement} */ (bars.children[k]);
    bar.style.setProperty("--p", String(p ?? 0));
    bar.dataset.step = k === 0 ? "0" : k === n ? "N" : "";
    bar.title = `after ${k} inner ${k === 1 ? "step" : "steps"}: ${percent(p)}`;
  });
}

/** @param {Chances} chances */
function says(chances) {
  const most = best(chances);
  return most < 0 ? "not a number" : `${letter(most)}, ${percent(chances[most])}`;
}

/** @param {number | null} p */
const percent = (p) => (p !== null && Number.isFinite(p) ? `${Math.round(100 * p)}%` : "–");

/**
 * The most probable class; -1 where nothing is a number.
 *
 * @param {Chances} chances
 */
function best(chances) {
  let [found, most] = [-1, -Infinity];
  for (const [i, p] of chances.entries()) if (p !== null && p > most) [found, most] = [i, p];
  return found;
}
