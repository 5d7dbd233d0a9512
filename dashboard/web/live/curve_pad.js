// A curve drawn over an axis, with mouse, finger or keys: left and right choose a point, up and down move it.

import { el, setText } from "../common/dom.js";
import { short } from "../common/format.js";
import { between, nice, placed, ticksOf } from "./prediction_axis.js";

/** @import { Prediction } from "./protocol.js" */

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT] = [320, 118, 40, 18, 8, 10];
const KEY_STEP = 0.04; // of the axis

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string)} children
 */
function shape(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

export class CurvePad {
  #prediction;
  #drawn;
  #asks;
  /** @type {(number | null)[]} */
  #places; // 0 to 1 by point; null where nothing is drawn yet
  #at = 0; // the point that keys move
  #line = shape("polyline", { class: "maml-curve-given" });
  #dot = shape("circle", { class: "maml-curve-dot", r: 4 });
  #svg;
  #said = el("span", { class: "maml-prediction-value" });
  root;

  /**
   * @param {Prediction} prediction
   * @param {{ asks: boolean, drawn: () => void }} options `drawn` is called after each stroke.
   */
  constructor(prediction, { asks, drawn }) {
    const { given, truth, num_points, x_label, question } = prediction;
    this.#prediction = prediction;
    this.#drawn = drawn;
    this.#asks = asks;
    this.#places = Array.from({ length: num_points }, (_, i) => (typeof given[i] === "number" ? placed(prediction, given[i]) : null));
    const ticks = ticksOf(prediction).map((tick) => shape("text", { x: LEFT - 4, y: this.#y(placed(prediction, tick)) + 4, "text-anchor": "end" }, short(tick)));
    const below = Array.from({ length: num_points }, (_, i) => i).filter((i) => i % Math.ceil(num_points / 8) === 0);
    const found = (truth ?? []).flatMap((value, i) => (value === null ? [] : [`${this.#x(i)},${this.#y(placed(prediction, value))}`]));
    this.#svg = shape(
      "svg",
      {
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
        class: "maml-curve-pad",
        ...(asks ? { role: "slider", tabindex: 0, "data-dial": "lesson", "aria-valuemin": prediction.low, "aria-valuemax": prediction.high } : { role: "img" }),
        "aria-label": asks ? `${question} Left and right choose a point, up and down move it.` : question,
      },
      shape("path", { class: "maml-curve-axes", d: `M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}` }),
      ...ticks,
      ...below.map((i) => shape("text", { x: this.#x(i), y: HEIGHT - 4, "text-anchor": "middle" }, String(i))),
      this.#line,
      ...(found.length ? [shape("polyline", { class: "maml-curve-true", points: found.join(" ") })] : []),
      this.#dot,
    );
    this.root = el("div", { class: "maml-curve" }, /** @type {never} */ (this.#svg), el("div", { class: "maml-curve-words" }, el("span", {}, x_label), this.#said));
    if (asks) this.#listen();
    else this.root.lastElementChild?.replaceChildren(el("span", { "data-kind": "given" }, "your guess"), el("span", { "data-kind": "true" }, found.length ? "your run" : ""), el("span", {}, x_label));
    this.#show();
  }

  get isWhole() {
    return this.#places.every((place) => place !== null);
  }

  /** @returns {number[]} */
  get values() {
    return this.#places.map((place) => nice(between(this.#prediction, place ?? 0), this.#prediction));
  }

  /** @param {number} i */
  #x(i) {
    return LEFT + ((WIDTH - LEFT - RIGHT) * i) / (this.#prediction.num_points - 1);
  }

  /** @param {number} place */
  #y(place) {
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - place);
  }

  #listen() {
    /** @type {[number, number] | null} */
    let last = null;
    const take = (/** @type {PointerEvent} */ event) => {
      const box = this.#svg.getBoundingClientRect();
      const [x, y] = [((event.clientX - box.left) / box.width) * WIDTH, ((event.clientY - box.top) / box.height) * HEIGHT];
      const exact = ((x - LEFT) / (WIDTH - LEFT - RIGHT)) * (this.#prediction.num_points - 1);
      const at = Math.min(this.#prediction.num_points - 1, Math.max(0, Math.round(exact)));
      const place = Math.min(1, Math.max(0, 1 - (y - TOP) / (HEIGHT - TOP - BOTTOM)));
      const [from, start] = last ?? [at, place];
      // A fast stroke jumps over points: they lie on its straight line.
      for (let i = Math.min(from, at); i <= Math.max(from, at); i++) this.#places[i] = from === at ? place : start + ((place - start) * (i - from)) / (at - from);
      last = [at, place];
      this.#at = at;
      this.#show();
    };
    this.#svg.addEventListener("pointerdown", (event) => {
      this.#svg.setPointerCapture(/** @type {PointerEvent} */ (event).pointerId);
      last = null;
      take(/** @type {PointerEvent} */ (event));
    });
    // Or a stroke that ends fast is taken for a fling, which the next tap only stops: it would press nothing.
    this.#svg.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
    this.#svg.addEventListener("pointermove", (event) => last && take(/** @type {PointerEvent} */ (event)));
    for (const end of ["pointerup", "pointercancel"]) this.#svg.addEventListener(end, () => ((last = null), this.#drawn()));
    this.#svg.addEventListener("keydown", (event) => this.#key(/** @type {KeyboardEvent} */ (event)));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const along = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const up = { ArrowUp: KEY_STEP, ArrowDown: -KEY_STEP }[event.key];
    if (along === undefined && up === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    if (along !== undefined) {
      const from = (this.#places[this.#at] ??= 0.5); // none is left out on the way
      this.#at = Math.min(this.#places.length - 1, Math.max(0, this.#at + along));
      this.#places[this.#at] ??= from; // it begins where the one before it lies
    } else this.#places[this.#at] = Math.min(1, Math.max(0, (this.#places[this.#at] ?? 0.5) + (up ?? 0)));
    this.#show();
    this.#drawn();
  }

  #show() {
    const points = this.#places.flatMap((place, i) => (place === null ? [] : [`${this.#x(i)},${this.#y(place)}`]));
    this.#line.setAttribute("points", points.join(" "));
    if (!this.#asks) return void this.#dot.remove();
    const place = this.#places[this.#at];
    this.#dot.setAttribute("cx", String(this.#x(this.#at)));
    this.#dot.setAttribute("cy", String(this.#y(place ?? 0.5)));
    const value = place === null ? "not drawn yet" : short(this.values[this.#at]);
    this.#svg.setAttribute("aria-valuenow", String(this.values[this.#at]));
    this.#svg.setAttribute("aria-valuetext", `at ${this.#at}: ${value}`);
    const left = this.#places.filter((each) => each === null).length;
    setText(this.#said, left === this.#places.length ? "draw here, from left to right" : left > 0 ? (left === 1 ? "1 point to go" : `${left} points to go`) : `at ${this.#at}: ${value}`);
  }
}
