// Two starts on the same few points, side by side, each taking its gradient steps; another task every few seconds.

import { el, reducedMotion, setText } from "../common/dom.js";
import { between, duration, mean, pathOf, scale, stepAt, timeOf } from "./moving.js";

/** @typedef {{ curves: number[][], off: number[] }} Way */
/** @typedef {"ordinary" | "maml"} Start */
/** @typedef {{ x: number[], y: number[], truth: number[], ordinary: Way, maml: Way }} Task */
/** @typedef {{ alpha: Record<Start, number>, grid: number[], tasks: Task[] }} Curves */

const WIDTH = 600;
const HEIGHT = 380;
const REACH = 6.4; // of y: a training task's amplitude is 5 at most, and curves overshoot
const SVG = "http://www.w3.org/2000/svg";
/** @type {[Start, string][]} */
const STARTS = [
  ["ordinary", "An ordinary start"],
  ["maml", "MAML’s start"],
];

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 */
function drawn(tag, attributes = {}) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  return node;
}

/**
 * What has become of a start, in words.
 *
 * @param {number} step A whole number.
 * @param {number} off
 */
const said = (step, off) => `${step === 0 ? "before adapting" : `after ${step} step${step > 1 ? "s" : ""}`}: off by ${off.toFixed(1)}`;

class Panel {
  #curve = drawn("path", { class: "first-way" });
  #earlier = drawn("g", { class: "first-earlier" });
  #truth = drawn("path", { class: "first-truth" });
  #points = drawn("g", { class: "first-points" });
  #words = el("p", {});
  #across;
  #down = scale([-REACH, REACH], [HEIGHT, 0]);
  #x;

  /**
   * @param {string} name
   * @param {number[]} x
   */
  constructor(name, x) {
    this.#x = x;
    this.#across = scale([x[0], x[x.length - 1]], [0, WIDTH]);
    const picture = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }); // it fills any card
    picture.append(drawn("line", { class: "first-zero", x1: 0, x2: WIDTH, y1: HEIGHT / 2, y2: HEIGHT / 2 }), this.#truth, this.#earlier, this.#curve, this.#points);
    this.root = el("figure", {}, el("figcaption", {}, name), picture, this.#words);
  }

  /** @param {Task} task */
  begin(task) {
    this.#truth.setAttribute("d", this.#path(task.truth));
    const dots = task.x.map((x, i) => `M${this.#across(x)} ${this.#down(task.y[i])}h0`).join(""); // round ends of lines stay round in any card
    this.#points.replaceChildren(drawn("path", { d: dots }), drawn("path", { d: dots }));
  }

  /**
   * @param {Way} way
   * @param {number} step
   */
  show(way, step) {
    this.#curve.setAttribute("d", this.#path(between(way.curves, step)));
    /** @type {SVGElement} */ (this.#curve).style.setProperty("--done", `${100 * Math.min(step, 1)}%`);
    const taken = Math.ceil(step);
    if (this.#earlier.childElementCount !== taken) this.#earlier.replaceChildren(...way.curves.slice(0, taken).map((curve) => drawn("path", { d: this.#path(curve) })));
    setText(this.#words, said(Math.floor(step), way.off[Math.floor(step)]));
  }

  /** @param {number[]} y */
  #path(y) {
    return pathOf(this.#x, y, this.#across, this.#down);
  }
}

export class TwoStarts {
  #curves;
  #numSteps;
  /** @type {Record<Start, Panel>} */
  #panels;
  #task = 0;
  #time = 0;
  #moves = true;
  #frame = 0;
  #last = 0;
  #pause = el("button", { type: "button", onclick: () => this.#run(!this.#moves) });
  /** @type {HTMLButtonElement[]} */
  #steps;

  /** @param {Curves} curves */
  constructor(curves) {
    this.#curves = curves;
    this.#numSteps = curves.tasks[0].maml.curves.length - 1;
    const [ordinary, maml] = STARTS.map(([, name]) => new Panel(name, curves.grid));
    this.#panels = { ordinary, maml };
    this.#steps = Array.from({ length: this.#numSteps + 1 }, (_, step) =>
      el("button", { type: "button", "aria-label": step === 0 ? "Before adapting" : `After ${step} step${step > 1 ? "s" : ""}`, onclick: () => this.#hold(step) }, String(step)),
    );
    const [many, few] = STARTS.map(([start]) => mean(curves.tasks.map((task) => task[start].off[this.#numSteps])).toFixed(1));
    this.root = el(
      "div",
      { class: "first-two" },
      el("div", { class: "first-panels" }, ordinary.root, maml.root),
      el(
        "div",
        { class: "first-moves" },
        this.#pause,
        el("span", { role: "group", "aria-label": "Gradient steps" }, "steps ", ...this.#steps),
        el("button", { type: "button", onclick: () => this.#begin(this.#task + 1) }, "Another curve"),
      ),
      el(
        "p",
        { class: "first-key" },
        el("i", { class: "first-dot" }),
        " the five points they may learn from  ",
        el("i", { class: "first-dash" }),
        ` the curve they come from, which neither is shown; “off by” is the typical distance to it. Over ${curves.tasks.length} curves, after ${this.#numSteps} steps: ${many} on the left, ${few} on the right.`,
      ),
    );
    this.#begin(0);
    this.#run(!reducedMotion());
  }

  /** No more of it is drawn. */
  stop() {
    cancelAnimationFrame(this.#frame);
  }

  /** @param {number} task */
  #begin(task) {
    this.#task = task % this.#curves.tasks.length;
    this.#time = 0;
    for (const panel of Object.values(this.#panels)) panel.begin(this.#curves.tasks[this.#task]);
    this.#show();
  }

  /** @param {number} step */
  #hold(step) {
    this.#time = timeOf(step);
    this.#run(false);
    this.#show();
  }

  /** @param {boolean} moves */
  #run(moves) {
    this.#moves = moves;
    setText(this.#pause, moves ? "Pause" : "Go on");
    cancelAnimationFrame(this.#frame);
    this.#last = 0;
    if (moves) this.#frame = requestAnimationFrame(this.#next);
  }

  #next = (/** @type {number} */ now) => {
    this.#time += this.#last ? Math.min(now - this.#last, 100) : 0; // a hidden window stands still
    this.#last = now;
    if (this.#time >= duration(this.#numSteps)) this.#begin(this.#task + 1);
    else this.#show();
    this.#frame = requestAnimationFrame(this.#next);
  };

  #show() {
    const exact = stepAt(this.#time, this.#numSteps);
    const step = reducedMotion() ? Math.floor(exact) : exact;
    for (const [start] of STARTS) this.#panels[start].show(this.#curves.tasks[this.#task][start], step);
    this.#steps.forEach((button, at) => button.setAttribute("aria-pressed", String(at === Math.floor(step))));
  }
}
