// How the answers to a question spread, without names.

import { el, setText } from "../common/dom.js";
import { short } from "../common/format.js";
import { between, placed } from "../live/prediction_axis.js";

/** @import { ClassQuestion } from "./protocol.js" */

/**
 * What each count is of: an option, or a part of the axis.
 *
 * @param {ClassQuestion} question
 */
export function named({ prediction, counts }) {
  if (prediction.kind === "choice") return prediction.options;
  const end = (/** @type {number} */ at) => short(between(prediction, at / counts.length));
  return counts.map((_, at) => `${end(at)} – ${end(at + 1)}`);
}

/**
 * What is written beside each count: of numbers the lower end of every second part.
 *
 * @param {ClassQuestion} question
 */
function written(question) {
  const { prediction, counts } = question;
  if (prediction.kind === "choice") return named(question);
  return counts.map((_, at) => (at % 2 ? "" : short(between(prediction, at / counts.length))));
}

/**
 * The place among the counts in which an answer is; -1 for none.
 *
 * @param {ClassQuestion} question
 */
export function ownPlace({ prediction, counts }) {
  const [given] = prediction.given;
  if (given === undefined || given === null) return -1;
  return prediction.kind === "choice" ? given : Math.min(Math.floor(placed(prediction, given) * counts.length), counts.length - 1);
}

/**
 * All of it in a sentence, for those who hear the page.
 *
 * @param {ClassQuestion} question
 */
export function spoken(question) {
  const names = named(question);
  const parts = question.counts.flatMap((count, at) => (count > 0 ? [`${names[at]}: ${count}`] : []));
  return `${question.answered} answered. ${parts.join("; ") || "Nobody chose anything"}.`;
}

export class Counts {
  root = el("ol", { class: "maml-class-counts" });

  /** @param {ClassQuestion} question */
  show(question) {
    const { prediction, counts } = question;
    const most = Math.max(1, ...counts);
    const own = ownPlace(question);
    this.root.dataset.kind = prediction.kind;
    const [names, texts] = [named(question), written(question)];
    while (this.root.children.length > counts.length) this.root.lastElementChild?.remove();
    counts.forEach((count, at) => {
      let item = this.root.children[at];
      if (!item) this.root.append((item = el("li", {}, el("span", { class: "maml-class-name" }), el("span", { class: "maml-class-bar", "aria-hidden": "true" }), el("b", {}))));
      const [name, bar, number] = /** @type {HTMLElement[]} */ ([...item.children]);
      setText(name, texts[at]);
      bar.style.setProperty("--share", String(count / most));
      setText(number, String(count));
      /** @type {HTMLElement} */ (item).dataset.own = String(at === own);
      item.setAttribute("aria-label", `${names[at]}: ${count}${at === own ? ", your answer among them" : ""}`);
    });
  }
}
