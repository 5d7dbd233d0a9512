// What is asked before a result may be seen: a choice, a number on an axis, or a curve; afterwards the answer beside what came out.

import { el, newId, setRich, setText } from "../common/dom.js";
import { short } from "../common/format.js";
import { CurvePad } from "./curve_pad.js";
import { between, nice, placed, ticksOf } from "./prediction_axis.js";

/** @import { Prediction } from "./protocol.js" */

const TICKS = 200; // of the slider; an arrow key moves it by one

export class BoxOfPrediction {
  #send;
  #name;
  #whose;
  /** @type {Prediction | null} */
  #shown = null;
  #question = el("legend", {});
  #field = el("div", { class: "maml-prediction-field" });
  lock;
  root = el("fieldset", { class: "maml-prediction", hidden: true, tabindex: -1 }, this.#question, this.#field);
  /** @type {() => number | number[] | null} */
  #read = () => null;

  /**
   * @param {(answer: number | number[]) => void} send
   * @param {{ name?: string, whose?: string }} [options] What its controls are called by, and what the result is called.
   */
  constructor(send, { name = "lesson", whose = "your run" } = {}) {
    this.#send = send;
    this.#name = name;
    this.#whose = whose;
    this.lock = el("button", { type: "button", class: "maml-primary", "data-action": `${name}-answer`, onclick: () => this.#give() }, "This is my guess");
  }

  #give() {
    const answer = this.#read();
    if (answer !== null) this.#send(answer);
  }

  /**
   * @param {Prediction | null} prediction
   * @param {{ isNew: boolean, asks: boolean }} how Whether another step is shown, and an answer is waited for.
   */
  show(prediction, { isNew, asks }) {
    const before = this.#shown;
    this.#shown = prediction;
    this.root.hidden = prediction === null;
    this.lock.hidden = prediction === null || !asks;
    if (!prediction || (!isNew && JSON.stringify(before) === JSON.stringify(prediction))) return;
    setRich(this.#question, prediction.question);
    this.#field.hidden = prediction.kind === "choice" && prediction.truth !== null; // the verdict says both in words
    const { kind } = prediction;
    if (kind === "choice") this.#choice(prediction, asks);
    else if (kind === "number") this.#number(prediction, asks);
    else this.#curve(prediction, asks);
  }

  /**
   * @param {Prediction} prediction
   * @param {boolean} asks
   */
  #choice({ options, given }, asks) {
    const name = newId("choice");
    const inputs = options.map((_, at) => el("input", { type: "radio", name, value: at, disabled: !asks, "data-option": this.#name, onchange: () => this.#allow(true) }));
    inputs.forEach((input, at) => (input.checked = given[0] === at));
    this.#field.replaceChildren(
      ...options.map((text, at) => {
        const words = el("span", {});
        setRich(words, text);
        return el("label", { class: "maml-choice", "data-given": String(given[0] === at) }, inputs[at], words);
      }),
    );
    this.#allow(given.length > 0);
    this.#read = () => {
      const at = inputs.findIndex(({ checked }) => checked);
      return at < 0 ? null : at;
    };
  }

  /** @param {boolean} on Whether there is an answer to give. */
  #allow(on) {
    this.lock.setAttribute("aria-disabled", String(!on));
  }

  /**
   * @param {Prediction} prediction
   * @param {boolean} asks
   */
  #number(prediction, asks) {
    const { unit, given, truth } = prediction;
    const value = el("output", { class: "maml-prediction-value" });
    const slider = el("input", { type: "range", min: 0, max: TICKS, step: 1, value: TICKS / 2, disabled: !asks, "data-dial": this.#name, "aria-label": prediction.question });
    const number = () => nice(between(prediction, Number(slider.value) / TICKS), prediction);
    const said = (/** @type {number} */ found) => `${short(found)}${unit ? ` ${unit}` : ""}`;
    const answer = given[0] ?? null;
    let chosen = answer !== null; // an answer that can still be changed is shown
    const paint = () => {
      setText(value, chosen ? said(number()) : "Move the slider to your guess.");
      slider.setAttribute("aria-valuetext", said(number()));
      slider.style.setProperty("--fill", String(Number(slider.value) / TICKS));
    };
    const choose = () => {
      chosen = true;
      this.#allow(true);
      paint();
    };
    slider.addEventListener("input", choose);
    slider.addEventListener("pointerup", choose); // where it stood is a guess too
    const mark = (/** @type {number | null} */ found, /** @type {string} */ name, /** @type {string} */ kind) =>
      found === null ? null : el("span", { class: "maml-prediction-mark", "data-kind": kind, style: `--at:${placed(prediction, found)}` }, `${name} ${said(found)}`);
    const ticks = ticksOf(prediction).map((tick) => el("span", { style: `--at:${placed(prediction, tick)}` }, short(tick)));
    if (answer !== null) slider.value = String(placed(prediction, answer) * TICKS);
    this.#field.replaceChildren(
      el(
        "div",
        { class: "maml-prediction-axis" },
        el("div", { class: "maml-prediction-marks" }, asks ? null : mark(answer, "you", "given"), mark(truth?.[0] ?? null, this.#whose, "true")),
        slider,
        el("div", { class: "maml-ticks", "aria-hidden": "true" }, ...ticks),
      ),
      value,
    );
    value.hidden = !asks;
    paint();
    this.#allow(false);
    this.#read = number;
  }

  /**
   * @param {Prediction} prediction
   * @param {boolean} asks
   */
  #curve(prediction, asks) {
    const pad = new CurvePad(prediction, { asks, drawn: () => this.#allow(pad.isWhole) });
    this.#field.replaceChildren(pad.root);
    this.#allow(false);
    this.#read = () => (pad.isWhole ? pad.values : null);
  }
}
