// The controls of the card that shows a task: which task, and which inner step of it is looked at.

import { el, perFrame, reducedMotion, setText } from "./dom.js";
import { short } from "./format.js";

const THETA_K = 5; // the trace that `charts` leaves to the page
const STEP_MS = 700; // slow motion: one inner step
const GLIDE_MS = 260; // of which the curve moves
const HOLD_MS = 500;

export class Task {
  root;
  #charts;
  #send;
  #steps = null; // {count, num_inner_steps, support_loss, query_loss}, and {grid, curves} or, of images, {accuracy}
  #chosen = null; // k, or null: it follows N
  #shown = 0; // where the drawn curve is, between whole steps while it glides
  #glide = 0;
  #playing = 0;
  #running = false;
  #slider = el("input", { type: "range", min: 0, max: 1, step: 1, "aria-label": "Inner step k", "data-dial": "k" });
  #label = el("span", { class: "maml-k" });
  #playButton = el("button", { type: "button", class: "maml-step-through", title: "Watch theta_0 become theta_N" }, "▸ inner steps");
  newTask = el("button", { type: "button", title: "Another held-out task (t)", "data-action": "new-task", onclick: () => this.redraw() }, "New task");
  #cells = {};
  #right;
  #heads = {};
  #amplitude;
  #phase;
  #shape = el("div", { class: "maml-task-shape", hidden: true });

  constructor({ charts, send }) {
    this.#charts = charts;
    this.#send = send;
    this.#slider.addEventListener("input", () => this.#choose(Number(this.#slider.value)));
    this.#playButton.addEventListener("click", () => (this.#playing ? this.#stop() : this.#start()));
    const task = perFrame((message) => send({ type: "task", ...message }));
    this.#amplitude = this.#shapeSlider("amplitude", "amplitude", task);
    this.#phase = this.#shapeSlider("phase_rad", "phase", task);
    this.#shape.append(this.#amplitude.root, this.#phase.root);
    this.root = el(
      "div",
      { class: "maml-task" },
      el("div", { class: "maml-task-steps" }, this.#playButton, this.#slider, this.#label),
      this.#table(),
      this.#shape,
    );
  }

  /** In the card that shows the task. */
  #stand(id) {
    const { card } = this.#charts.get(id);
    if (!card.controls.contains(this.root)) card.addControls(this.root, this.newTask);
  }

  redraw() {
    this.#send({ type: "task", redraw: true });
  }

  #table() {
    const cell = (key) => (this.#cells[key] = el("td", {}, "–"));
    const head = (key) => (this.#heads[key] = el("th", { scope: "col", "data-col": key }));
    const row = (kind) =>
      el("tr", {}, el("th", { scope: "row" }, el("span", { class: `maml-dot maml-dot-${kind}` }), kind), ...["0", "k", "N"].map((col) => cell(kind + col)));
    return el(
      "table",
      { class: "maml-losses", "aria-label": "Loss on this task" },
      el("thead", {}, el("tr", {}, el("th", {}, "loss"), head("0"), head("k"), head("N"))),
      el("tbody", {}, row("support"), row("query"), (this.#right = row("right")))
    );
  }

  #shapeSlider(key, label, send) {
    const value = el("span", {});
    const input = el("input", { type: "range", step: "any", "aria-label": label, "data-dial": key });
    const shape = { root: el("label", {}, el("span", {}, label), input, value), input, value, touched: -Infinity };
    input.addEventListener("input", () => {
      shape.touched = performance.now();
      paint(shape);
      send({ amplitude: Number(this.#amplitude.input.value), phase_rad: Number(this.#phase.input.value) });
    });
    return shape;
  }

  state({ task, playing, charts }) {
    this.#stand(charts.includes("images") ? "images" : "fit");
    // Who plays on after stepping through wants to see theta_N again.
    if (playing && !this.#running) this.#follow();
    this.#running = playing;
    this.#shape.hidden = !task;
    if (!task) return;
    for (const [shape, value, range] of [
      [this.#amplitude, task.amplitude, task.amplitude_range],
      [this.#phase, task.phase_rad, task.phase_range],
    ]) {
      [shape.input.min, shape.input.max] = range;
      shape.input.disabled = value === null;
      if (value === null) setText(shape.value, "–");
      if (value === null || performance.now() - shape.touched < HOLD_MS) continue;
      shape.input.value = value;
      paint(shape);
    }
  }

  /** Another run: its task was not looked at yet. */
  clear() {
    this.#stop();
    cancelAnimationFrame(this.#glide);
    this.#glide = 0;
    this.#steps = this.#chosen = null;
    for (const cell of Object.values(this.#cells)) setText(cell, "–");
    setText(this.#label, "");
  }

  #follow() {
    this.#stop();
    this.#chosen = null;
    if (this.#steps) this.#shown = this.k;
    this.#show();
  }

  /** All curves of the task, from a frame. */
  steps({ header, floats }) {
    const { steps } = header;
    if (!steps) return;
    const { offset, count, width, grid_offset } = steps;
    this.#steps = { ...steps };
    if (!steps.accuracy) {
      this.#steps.curves = Array.from({ length: count }, (_, k) => floats.subarray(offset + k * width, offset + (k + 1) * width));
      this.#steps.grid = floats.subarray(grid_offset, grid_offset + width);
    }
    this.#right.hidden = !steps.accuracy;
    if (this.#slider.max !== String(count - 1)) this.#slider.max = count - 1;
    this.#slider.style.setProperty("--mark", count > 1 ? steps.num_inner_steps / (count - 1) : 0);
    if (!this.#glide) this.#shown = this.k;
    this.#show();
  }

  get k() {
    const { count = 1, num_inner_steps = 0 } = this.#steps ?? {};
    return Math.min(this.#chosen ?? num_inner_steps, count - 1);
  }

  /** 0, 1, ..., N and again from 0. */
  advance() {
    if (this.#steps) this.#choose(this.k >= this.#steps.num_inner_steps ? 0 : this.k + 1);
  }

  #start() {
    if (!this.#steps) return;
    setText(this.#playButton, "▪ stop");
    if (this.k >= this.#steps.num_inner_steps) this.#choose(0);
    this.#playing = setInterval(() => {
      if (this.k >= this.#steps.num_inner_steps) this.#stop();
      else this.#choose(this.k + 1);
    }, STEP_MS);
  }

  #stop() {
    clearInterval(this.#playing);
    this.#playing = 0;
    setText(this.#playButton, "▸ inner steps");
  }

  #choose(k) {
    const from = this.#shown;
    this.#chosen = k === this.#steps?.num_inner_steps ? null : k;
    // The curve glides to a next step, so that one sees it bend; it jumps back to theta_0, and where motion is unwelcome.
    cancelAnimationFrame(this.#glide);
    this.#glide = 0;
    if (reducedMotion() || k < from || k - from > 1.01) this.#shown = k;
    else this.#glideTo(from, k, performance.now());
    this.#show(true);
  }

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
    const { num_inner_steps: n, count, support_loss, query_loss, accuracy } = this.#steps;
    const k = this.k;
    this.#slider.value = k;
    this.#slider.setAttribute("aria-valuetext", `${k} of ${n} inner steps`);
    this.#slider.style.setProperty("--fill", count > 1 ? k / (count - 1) : 0);
    setText(this.#label, `k = ${k} of N = ${n}`);
    for (const [col, index] of [["0", 0], ["k", k], ["N", n]]) {
      this.#head(col, index);
      setText(this.#cells[`support${col}`], short(support_loss[index]));
      setText(this.#cells[`query${col}`], short(query_loss[index]));
      if (accuracy) setText(this.#cells[`right${col}`], accuracy[index] === null ? "–" : `${Math.round(100 * accuracy[index])}%`);
    }
    this.#draw(now);
  }

  #head(col, index) {
    const head = this.#heads[col];
    if (head.dataset.index === String(index)) return;
    head.dataset.index = index;
    head.replaceChildren("θ", el("sub", {}, String(index)));
  }

  #draw(now) {
    if (this.#steps.accuracy) this.#charts.get("images").at(this.#shown);
    else this.#curve();
    this.#charts.schedule(now);
  }

  #curve() {
    const { curves, grid, num_inner_steps: n } = this.#steps;
    const low = Math.min(Math.floor(this.#shown), curves.length - 1);
    const part = this.#shown - low;
    const curve =
      part < 1e-3 || low + 1 >= curves.length
        ? curves[low]
        : curves[low].map((value, i) => value + part * (curves[low + 1][i] - value));
    const fit = this.#charts.get("fit");
    fit.set(THETA_K, "x", grid);
    fit.set(THETA_K, "y", curve);
    const palette = this.#charts.palette();
    // At the ends it is theta_0 or theta_N, thicker; on the way, a curve of its own.
    if (palette) fit.color(THETA_K, this.#shown >= n ? palette.theta_N : this.#shown === 0 ? palette.theta_0 : palette.text);
  }
}

function paint({ input, value }) {
  const text = Number(input.value).toFixed(2);
  setText(value, text);
  input.setAttribute("aria-valuetext", text); // its own value has fifteen digits
  input.style.setProperty("--fill", (input.value - input.min) / (input.max - input.min || 1));
}
