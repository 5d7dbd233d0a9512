// The three numbers that people drag while it trains.

import { el, help, newId, perFrame, setText } from "./dom.js";
import { decade, exact } from "./format.js";
import { Formulas } from "./formulas.js";

const TICKS = 1000; // resolution of a logarithmic slider
const HOLD_MS = 500; // after the last touch, how long the server's echo waits

const DIALS = {
  alpha: {
    symbol: "α",
    name: "inner step size",
    log: true,
    help: "How far each inner step moves against the support gradient. Too small: the task is hardly learned. Beyond 2/λmax (the shaded part of the slider) steps on a quadratic would overshoot; whether they do here, the gauge measures: on how many held-out tasks the support loss falls.",
  },
  beta: {
    symbol: "β",
    name: "outer step size",
    log: true,
    help: "How far each outer step moves the shared start θ0. It sets the speed of meta-training, not of adaptation.",
  },
  num_inner_steps: {
    symbol: "N",
    name: "inner steps",
    log: false,
    help: "How many gradient steps a task gets. At N = 0 nothing adapts: all tasks share one predictor. More steps cost more time and make large α less stable.",
  },
};

class Dial {
  root;
  key;
  value = NaN;
  #spec;
  #range = [0, 1];
  #slider;
  #field;
  #ticks = el("div", { class: "maml-ticks", "aria-hidden": "true" });
  #touched = -Infinity;
  #dragging = false;
  #server = NaN;
  #timer = 0;
  #change;
  #tip;

  constructor(key, change) {
    this.key = key;
    this.#spec = DIALS[key];
    this.#change = change;
    const { symbol, name, help: text } = this.#spec;
    const tip = newId("tip");
    const label = newId("dial");
    this.#slider = el("input", {
      type: "range",
      "data-dial": key,
      "aria-labelledby": label,
      "aria-describedby": tip,
      oninput: () => this.#drag(),
      onkeydown: (event) => this.#nudge(event),
      onpointerdown: () => (this.#dragging = true),
      onchange: () => this.#release(),
    });
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => (this.#dragging = false));
    this.#field = el("input", {
      type: "text",
      inputmode: "decimal",
      autocomplete: "off",
      spellcheck: "false",
      "data-field": key,
      "aria-labelledby": label,
      "aria-describedby": tip,
      onchange: () => this.#type(),
      onkeydown: (event) => this.#key(event),
      onfocus: (event) => event.target.select(),
    });
    this.root = el(
      "div",
      { class: "maml-dial", "data-key": key },
      el(
        "div",
        { class: "maml-dial-head" },
        el("span", { id: label, class: "maml-dial-label" }, el("b", {}, symbol), ` ${name}`),
        (this.#tip = help(tip, text, name)),
        this.#field,
      ),
      this.#slider,
      this.#ticks,
    );
  }

  range([low, high]) {
    if (low === this.#range[0] && high === this.#range[1] && this.#slider.max !== "") return;
    this.#range = [low, high];
    const { log } = this.#spec;
    Object.assign(this.#slider, log ? { min: 0, max: TICKS, step: 1 } : { min: low, max: high, step: 1 });
    const marks = log ? decades(low, high) : [...new Set([low, 5, 10, 15, high])].filter((n) => n >= low && n <= high);
    this.#ticks.replaceChildren(
      ...marks.map((mark) => {
        const at = log ? this.#position(10 ** mark) / TICKS : (mark - low) / (high - low);
        return el("span", { style: `--at:${at}` }, log ? decade(mark) : String(mark));
      }),
    );
    if (Number.isFinite(this.value)) this.#show(this.value);
  }

  /** The server's value; it waits while the person has the dial in hand. */
  echo(value) {
    this.#server = value;
    clearTimeout(this.#timer);
    const rest = this.#touched + HOLD_MS - performance.now();
    if (this.#dragging || rest > 0) this.#timer = setTimeout(() => this.echo(this.#server), Math.max(rest, 60));
    else if (document.activeElement !== this.#field) this.#show(value);
  }

  /** Back to what the server has: it refused the last value. */
  restore() {
    this.#touched = -Infinity;
    if (Number.isFinite(this.#server)) this.#show(this.#server);
  }

  /** Disabled for a reason, which stands where its help was; none gives it back. */
  lock(reason = "") {
    if (this.root.dataset.locked === reason) return;
    this.root.dataset.locked = reason;
    this.#slider.disabled = this.#field.disabled = Boolean(reason);
    this.root.title = reason;
    setText(this.#tip.querySelector(".maml-tip"), reason || this.#spec.help);
  }

  /** Shades the slider where step sizes overshoot: from `low` on some tasks, from `high` on nearly all; not while they are NaN. */
  zones(low, high) {
    const at = (value) => `${Math.min(1, Math.max(0, this.#position(value) / TICKS)).toFixed(3)}`;
    for (const [name, value] of Object.entries({ "--caution": low, "--unstable": high })) {
      if (Number.isFinite(value)) this.#slider.style.setProperty(name, at(value));
      else this.#slider.style.removeProperty(name);
    }
  }

  #position(value) {
    const [low, high] = this.#range;
    return this.#spec.log ? (TICKS * Math.log(value / low)) / Math.log(high / low) : value;
  }

  #drag() {
    const [low, high] = this.#range;
    const raw = Number(this.#slider.value);
    // Two digits while dragging: a number one can say aloud. The field takes any.
    const value = this.#spec.log ? Number((low * (high / low) ** (raw / TICKS)).toPrecision(2)) : raw;
    this.#take(Math.min(high, Math.max(low, value)));
  }

  /** An arrow key on a logarithmic slider: a twentieth of a decade, since a thousandth of the way would not show. */
  #nudge(event) {
    const way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!this.#spec.log || !way) return;
    event.preventDefault();
    const [low, high] = this.#range;
    const value = Number((this.value * 10 ** (way / 20)).toPrecision(2));
    this.#take(Math.min(high, Math.max(low, value)));
  }

  #release() {
    this.#dragging = false;
  }

  #type() {
    const value = Number(this.#field.value.trim().replace(",", "."));
    const valid = this.#field.value.trim() !== "" && Number.isFinite(value);
    this.#field.setAttribute("aria-invalid", String(!valid));
    if (valid) this.#take(value);
    else this.#show(this.value);
  }

  #key(event) {
    if (event.key === "Enter") this.#field.blur();
    else if (event.key === "Escape") {
      this.#show(this.value);
      this.#field.blur();
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      event.preventDefault();
      const up = event.key === "ArrowUp";
      const next = this.#spec.log ? this.value * (up ? 1.1 : 1 / 1.1) : this.value + (up ? 1 : -1);
      const [low, high] = this.#range;
      this.#take(Math.min(high, Math.max(low, Number(next.toPrecision(3)))));
    }
  }

  #take(value) {
    if (value === this.value) return;
    this.#touched = performance.now();
    this.#show(value);
    this.#change(this.key, value);
  }

  #show(value) {
    this.value = value;
    this.#field.removeAttribute("aria-invalid");
    const text = exact(value);
    if (this.#field.value !== text) this.#field.value = text;
    const position = this.#position(Math.max(value, this.#spec.log ? this.#range[0] : value));
    if (!this.#dragging) this.#slider.value = position;
    this.#slider.setAttribute("aria-valuetext", text);
    const span = this.#slider.max - this.#slider.min || 1;
    this.#slider.style.setProperty("--fill", Math.min(1, Math.max(0, (position - this.#slider.min) / span)).toFixed(4));
  }
}

function decades(low, high) {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

export class Dials {
  root;
  formulas = new Formulas();
  #dials;
  #config = {};

  /** `set(changes)` sends to the server; it is called at most once an animation frame, with the newest values. */
  constructor(set) {
    let changes = {};
    const flush = perFrame(() => {
      const sent = changes;
      changes = {};
      set(sent);
    });
    this.#dials = Object.keys(DIALS).map(
      (key) =>
        new Dial(key, (name, value) => {
          changes[name] = value;
          this.formulas.show({ ...this.#config, ...this.#values() });
          flush();
        }),
    );
    this.root = el("div", { class: "maml-dials" }, ...this.#dials.map(({ root }) => root), this.formulas.root);
  }

  #values() {
    return Object.fromEntries(this.#dials.map(({ key, value }) => [key, value]));
  }

  state({ config, ranges, locked }) {
    this.#config = config;
    for (const dial of this.#dials) {
      dial.lock(locked[dial.key]);
      if (ranges[dial.key]) dial.range(ranges[dial.key]);
      dial.echo(config[dial.key]);
    }
    this.formulas.show({ ...config, ...this.#values() });
  }

  /** What the schedules and the learned rates are at this outer step. */
  now(now) {
    this.formulas.now = now;
    this.formulas.show({ ...this.#config, ...this.#values() });
  }

  restore() {
    for (const dial of this.#dials) dial.restore();
    this.formulas.show({ ...this.#config, ...this.#values() });
  }

  limits(low, high) {
    this.#dials[0].zones(low, high);
  }
}

