// Few-shot classification by oneself: five unknown characters, one example of each, one drawing to name; then the trained network does it.

import { el, setText } from "../common/dom.js";
import { mean } from "./moving.js";

/** @typedef {{ examples: string[], query: string, right: number, before: number[], after: number[] }} Question */
/** @typedef {{ shape: [number, number], num_steps: number, tasks: Question[] }} Characters */

/** @param {number} at */
const letter = (at) => String.fromCharCode(65 + at);

/** @param {number} share */
const percent = (share) => `${Math.round(100 * share)}%`;

/** @param {number[]} shares */
export const likeliest = (shares) => shares.indexOf(Math.max(...shares));

/**
 * What somebody and the network said of a drawing.
 *
 * @param {Question} question
 * @param {number} guess
 */
export function verdict({ right, before, after }, guess) {
  const first = likeliest(before);
  const then = likeliest(after);
  const own = guess === right ? `You said ${letter(guess)}, and so it is.` : `You said ${letter(guess)}; it is ${letter(right)}.`;
  const end = then === right ? "right" : "wrong";
  return `${own} The network, before it saw the examples: ${letter(first)}, with ${percent(before[first])}. After one step on the five examples: ${letter(then)}, with ${percent(after[then])}, which is ${end}.`;
}

export class Guess {
  #characters;
  #at = 0;
  #right = { you: 0, network: 0, asked: 0 };
  #query = el("canvas", { role: "img", "aria-label": "The drawing to name" });
  #examples = el("div", { class: "first-examples", role: "group", "aria-label": "One example of each character" });
  #words = el("p", { class: "first-verdict", role: "status" });
  #tally = el("p", { class: "first-tally" });
  #next = el("button", { type: "button", class: "first-main", hidden: true, onclick: () => this.#ask(this.#at + 1) }, "Another one");

  /** @param {Characters} characters */
  constructor(characters) {
    this.#characters = characters;
    const network = mean(characters.tasks.map(({ right, after }) => Number(likeliest(after) === right)));
    this.root = el(
      "div",
      { class: "first-guess" },
      el("div", { class: "first-asked" }, el("span", { class: "first-query" }, this.#query), el("p", {}, "Which of the five is it? You have never seen them, and neither has the network.")),
      this.#examples,
      this.#words,
      el("div", { class: "first-moves" }, this.#next, this.#tally),
      el("p", { class: "first-key" }, `The network was trained on other characters. Of these ${characters.tasks.length} it names ${percent(network)} right after one step; guessing, ${percent(1 / characters.tasks[0].examples.length)}. Bars: how sure it is, blue before the step and orange after it.`),
    );
    this.#ask(0);
  }

  /** Nothing of it moves. */
  stop() {}

  /** @param {number} at */
  #ask(at) {
    this.#at = at % this.#characters.tasks.length;
    const { examples, query } = this.#characters.tasks[this.#at];
    this.#draw(this.#query, query);
    this.#examples.replaceChildren(
      ...examples.map((image, i) => {
        const canvas = el("canvas", {});
        this.#draw(canvas, image);
        return el("button", { type: "button", "aria-label": `Example of ${letter(i)}: it is this one`, onclick: () => this.#answer(i) }, canvas, el("b", {}, letter(i)), el("span", { class: "first-shares" }));
      }),
    );
    setText(this.#words, "");
    this.#next.hidden = true;
  }

  /** @param {number} guess */
  #answer(guess) {
    if (!this.#next.hidden) return;
    const question = this.#characters.tasks[this.#at];
    const { right, before, after } = question;
    this.#right.asked++;
    this.#right.you += Number(guess === right);
    this.#right.network += Number(likeliest(after) === right);
    [...this.#examples.children].forEach((button, i) => {
      button.setAttribute("aria-disabled", "true");
      button.toggleAttribute("data-right", i === right);
      button.toggleAttribute("data-guessed", i === guess);
      const bars = /** @type {HTMLElement} */ (button.lastElementChild);
      bars.style.setProperty("--before", percent(before[i]));
      bars.style.setProperty("--after", percent(after[i]));
      bars.title = `before ${percent(before[i])}, after one step ${percent(after[i])}`;
    });
    setText(this.#words, verdict(question, guess));
    setText(this.#tally, `Right so far: you ${this.#right.you} of ${this.#right.asked}, the network ${this.#right.network} of ${this.#right.asked}`);
    this.#next.hidden = false;
    this.#next.focus({ preventScroll: true });
  }

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {string} image Its bytes as base64.
   */
  #draw(canvas, image) {
    const [height, width] = this.#characters.shape;
    canvas.width = width;
    canvas.height = height;
    const pixels = new ImageData(width, height);
    const ink = Uint8Array.from(atob(image), (character) => character.charCodeAt(0));
    ink.forEach((value, i) => pixels.data.set([0, 0, 0, value], 4 * i)); // the style sheet makes it white on dark
    canvas.getContext("2d")?.putImageData(pixels, 0, 0);
  }
}
