// The controls of the card that shows a task: which task, and which inner step of it is looked at.

import { el, known, perFrame, reducedMotion, setText } from "../common/dom.js";
import { between } from "./between.js";
import { awaitsAnswer } from "./lesson.js";
import { Losses } from "./losses.js";

/** @import { Term } from "../common/mounting.js" */
/** @import { Frame } from "../common/protocol.js" */
/** @import { LiveFrame, LiveRequest, ShapeTask, State, Steps } from "./protocol.js" */
/** @import { Chart } from "./chart.js" */
/** @import { Charts } from "./charts.js" */

/** @typedef {"images" | "classes" | "fit"} TaskChart */

/** @type {TaskChart[]} */
const TASK_CHARTS = ["images", "classes", "fit"];

const THETA_K = "theta_k"; // the trace that the server leaves to the page
const STEP_MS = 700; // slow motion: one inner step
const GLIDE_MS = 260; // of which the curve moves
const BEGIN_MS = 500; // theta_0 is seen before the first step
const HOLD_MS = 500;

/**
 * A slider that shapes the task.
 *
 * @typedef {{ root: HTMLElement, input: HTMLInputElement, value: HTMLElement, touched: number }} ShapeSlider
 */

/** @typedef {(shape: Omit<ShapeTask, "type">) => void} Shaped */

export class Task {
  root;
  #charts;
  #send;
  /** @type {(Steps & { grid?: Float32Array, curves?: Float32Array[] }) | null} */
  #steps = null; // with `grid` and `curves`, but of images, which are drawn otherwise
  /** @type {TaskChart} */
  #chart = "fit";
  /** @type {number | null} */
  #chosen = null; // k, or null: it follows N
  #shown = 0; // where the drawn curve is, between whole steps while it glides
  #glide = 0;
  #playing = 0;
  #begin = 0;
  #running = false;
  /** @type {number | null} */
  #apart = null; // the inner step that the outer step is at which is taken apart
  #slider = el("input", { type: "range", min: 0, max: 1, step: 1, "aria-label": "Inner step k", "data-dial": "k" });
  #label = el("span", { class: "maml-k" });
  #playButton = el("button", { type: "button", class: "maml-step-through", title: "Watch the start (θ₀) adapt, step by step" }, "▸ inner steps");
  newTask = el("button", { type: "button", title: "Another held-out task (t)", "data-action": "new-task", onclick: () => this.redraw() }, "New task");
  #losses;
  #walked;
  #amplitude;
  #phase;
  #frequency;
  #shape = el("div", { class: "maml-task-shape", hidden: true });

  /**
   * @param {object} options
   * @param {Charts} options.charts
   * @param {(message: LiveRequest) => void} options.send
   * @param {Record<string, Term>} options.terms The words of its table, and what they are.
   * @param {() => void} options.walked Called when the inner steps were gone through up to theta_N.
   */
  constructor({ charts, send, terms, walked }) {
    this.#walked = walked;
    this.#losses = new Losses(terms);
    this.#charts = charts;
    this.#send = send;
    this.#slider.addEventListener("input", () => this.#choose(Number(this.#slider.value)));
    this.#playButton.addEventListener("click", () => (this.#playing ? this.#stop() : this.walk()));
    const task = perFrame((/** @type {Omit<ShapeTask, "type">} */ shape) => send({ type: "task", ...shape }));
    this.#amplitude = this.#shapeSlider("amplitude", "amplitude", task);
    this.#phase = this.#shapeSlider("phase_rad", "phase", task);
    this.#frequency = this.#shapeSlider("frequency", "frequency", task);
    this.#shape.append(this.#amplitude.root, this.#phase.root, this.#frequency.root);
    this.root = el(
      "div",
      { class: "maml-task" },
      el("div", { class: "maml-task-steps" }, this.#playButton, this.#slider, this.#label),
      this.#losses.root,
      this.#shape,
    );
  }

  /**
   * In the card that shows the task.
   *
   * @param {TaskChart} id
   */
  #stand(id) {
    this.#chart = id;
    const { card } = this.#charts.get(id);
    if (!card.controls.contains(this.root)) card.addControls(this.root, this.newTask);
  }

  /** The chart that shows the task, where it is one of Plotly's. */
  get #card() {
    return /** @type {Chart} */ (this.#charts.get(this.#chart));
  }

  redraw() {
    this.#send({ type: "task", redraw: true });
  }

  /**
   * @param {"amplitude" | "phase_rad" | "frequency"} key
   * @param {string} label
   * @param {Shaped} send
   * @returns {ShapeSlider}
   */
  #shapeSlider(key, label, send) {
    const value = el("span", {});
    const input = el("input", { type: "range", step: "any", "aria-label": label, "data-dial": key });
    const shape = { root: el("label", {}, el("span", {}, label), input, value), input, value, touched: -Infinity };
    input.addEventListener("input", () => {
      shape.touched = performance.now();
      paint(shape);
      const [amplitude, phase_rad, frequency] = [this.#amplitude, this.#phase, this.#frequency].map(({ input }) => Number(input.value));
      send({ amplitude, phase_rad, ...(this.#frequency.root.hidden ? {} : { frequency }) });
    });
    return shape;
  }

  /** @param {State} state */
  state({ task, points, playing, charts, apart, lesson }) {
    this.#stand(TASK_CHARTS.find((id) => charts.includes(id)) ?? "fit");
    this.root.inert = this.newTask.inert = awaitsAnswer(lesson);
    const k = apart?.k ?? null;
    if (k !== null && k !== this.#apart) this.#choose(k);
    else if (k === null && this.#apart !== null) this.#follow();
    this.#apart = k;
    // Who plays on after stepping through wants to see theta_N again.
    if (playing && !this.#running) this.#follow();
    this.#running = playing;
    this.#shape.hidden = !task || Boolean(points?.active); // nothing defines points of one's own but themselves
    if (!task) return;
    echo(this.#amplitude, task.amplitude, task.amplitude_range);
    echo(this.#phase, task.phase_rad, task.phase_range);
    this.#frequency.root.hidden = !task.frequency_range;
    if (task.frequency_range) echo(this.#frequency, task.frequency, task.frequency_range);
  }

  /** Back to what the server has, with the next state: it refused another shape. */
  restore() {
    for (const slider of [this.#amplitude, this.#phase, this.#frequency]) slider.touched = -Infinity;
  }

  /** Another run: its task was not looked at yet. */
  clear() {
    this.#stop();
    cancelAnimationFrame(this.#glide);
    this.#glide = 0;
    this.#steps = this.#chosen = null;
    this.#losses.clear();
    setText(this.#label, "");
  }

  #follow() {
    this.look(null);
  }

  /** The inner step that somebody chose to see; null where it is the last one of training. */
  get chosen() {
    return this.#chosen;
  }

  /** @param {number | null} k */
  look(k) {
    this.#stop();
    this.#chosen = k;
    if (this.#steps) this.#shown = this.k;
    this.#show();
  }

  /**
   * All curves of the task, from a frame.
   *
   * @param {Frame<LiveFrame>} frame
   */
  steps({ header, floats }) {
    const { steps } = header;
    if (!steps) return;
    const { count } = steps;
    this.#steps = { ...steps };
    if (steps.offset !== undefined) {
      const [offset, width, grid_offset] = [known(steps.offset), known(steps.width), known(steps.grid_offset)];
      this.#steps.curves = Array.from({ length: count }, (_, k) => floats.subarray(offset + k * width, offset + (k + 1) * width));
      this.#steps.grid = floats.subarray(grid_offset, grid_offset + width);
      this.#card.card.inner(steps.num_inner_steps);
    }
    if (this.#slider.max !== String(count - 1)) this.#slider.max = String(count - 1);
    this.#slider.style.setProperty("--mark", count > 1 ? String(steps.num_inner_steps / (count - 1)) : "0");
    if (!this.#glide) this.#shown = this.k;
    this.#show();
  }

  get k() {
    const { count = 1, num_inner_steps = 0 } = this.#steps ?? {};
    return Math.min(this.#chosen ?? num_inner_steps, count - 1);
  }

  /** One step on; from theta_N, where the chart stands by itself, theta_0 is shown first: no press goes backwards. */
  advance() {
    if (!this.#steps) return;
    const { num_inner_steps: n } = this.#steps;
    if (this.k < n) return this.#choose(this.k + 1);
    this.#choose(0);
    if (n > 0) this.#begin = setTimeout(() => this.#choose(1), BEGIN_MS);
  }

  /** From theta_0 to theta_N by itself. */
  walk() {
    if (!this.#steps || this.#playing) return;
    setText(this.#playButton, "▪ stop");
    if (this.k >= this.#steps.num_inner_steps) this.#choose(0);
    this.#playing = setInterval(() => {
      if (this.k >= known(this.#steps).num_inner_steps) this.#stop();
      else this.#choose(this.k + 1);
    }, STEP_MS);
  }

  #stop() {
    clearInterval(this.#playing);
    clearTimeout(this.#begin);
    this.#playing = 0;
    setText(this.#playButton, "▸ inner steps");
  }

  /** @param {number} k */
  #choose(k) {
    clearTimeout(this.#begin);
    if (!this.#steps) return; // the slider of another run's task, moved before that task is here
    const from = this.#shown;
    const n = this.#steps.num_inner_steps;
    if (k === n && this.k < n) this.#walked();
    this.#chosen = k === n ? null : k;
    // The curve glides to a next step, so that one sees it bend; it jumps back to theta_0, and where motion is unwelcome.
    cancelAnimationFrame(this.#glide);
    this.#glide = 0;
    if (reducedMotion() || k < from || k - from > 1.01) this.#shown = k;
    else this.#glideTo(from, k, performance.now());
    this.#show(true);
  }

  /**
   * @param {number} from
   * @param {number} to
   * @param {number} start When the glide began, as `performance.now()` has it.
   */
  #glideTo(from, to, start) {
    this.#glide = requestAnimationFrame((now) => {
      const part = Math.min(1, Math.max(0, (now - start) / GLIDE_MS));
      this.#shown = from + (to - from) * part * (2 - part);
      this.#glide = 0;
      this.#draw(true);
      if (part < 1) this.#glideTo(from, to, start);
    });
  }

  #show(now = false) {
    if (!this.#steps) return;
    const { num_inner_steps: n, count } = this.#steps;
    const k = this.k;
    this.#slider.value = String(k);
    this.#slider.setAttribute("aria-valuetext", `${k} of ${n} inner steps`);
    this.#slider.style.setProperty("--fill", String(count > 1 ? k / (count - 1) : 0));
    setText(this.#label, `k\u00a0=\u00a0${k} of N\u00a0=\u00a0${n}`); // two lines where one has no room
    this.#losses.show(this.#steps, k);
    this.#draw(now);
  }

  /** @param {boolean} now */
  #draw(now) {
    if (known(this.#steps).curves) this.#curve();
    else this.#charts.images.at(this.#shown);
    this.#charts.schedule(now);
  }

  #curve() {
    const { num_inner_steps: n, ...steps } = known(this.#steps);
    const [curves, grid] = [known(steps.curves), known(steps.grid)];
    const fit = this.#card;
    fit.set(THETA_K, "x", grid);
    fit.set(THETA_K, "y", between(curves, this.#shown));
    // At the ends it is theta_0 or theta_N, thicker; on the way, a curve of its own.
    fit.color(THETA_K, this.#shown >= n ? "theta_N" : this.#shown === 0 ? "theta_0" : "text");
  }
}

/**
 * The server's value of a slider; it waits while the person has it in hand.
 *
 * @param {ShapeSlider} slider
 * @param {number | null} value Null where the task has none.
 * @param {number[]} range
 */
function echo(slider, value, [min, max]) {
  const { input } = slider;
  Object.assign(input, { min, max, disabled: value === null });
  if (value === null) setText(slider.value, "–");
  if (value === null || performance.now() - slider.touched < HOLD_MS) return;
  input.value = String(value);
  paint(slider);
}

/** @param {ShapeSlider} slider */
function paint({ input, value }) {
  const text = Number(input.value).toFixed(2);
  setText(value, text);
  input.setAttribute("aria-valuetext", text); // its own value has fifteen digits
  const [at, min, max] = [input.value, input.min, input.max].map(Number);
  input.style.setProperty("--fill", String((at - min) / (max - min || 1)));
}
