// The three numbers that people drag while it trains.

import { el, help, newId, perFrame, setRich } from "../common/dom.js";
import { decade, exact } from "../common/format.js";
import { Formulas } from "./formulas.js";
import { flat } from "../common/pieces.js";

const TICKS = 1000; // resolution of a logarithmic slider
const HOLD_MS = 500; // after the last touch, how long the server's echo waits
const LET_GO = ["pointerup", "pointercancel"]; // anywhere: a hand that drags leaves the slider

/** @import { DialName } from "../common/mounting.js" */
/** @import { Config } from "../common/protocol.js" */
/** @import { Now, State } from "./protocol.js" */

/** @typedef {"alpha" | "beta" | "num_inner_steps"} Key */

/**
 * What a dial hears and says.
 *
 * @typedef {object} DialOptions
 * @property {(key: Key, value: number, drag: number | null) => void} change Takes what a person chose, with the number of the drag if it is one.
 * @property {(sentence: string) => void} refused Says why something is none of that.
 * @property {DialName} named
 */

/** @type {Record<Key, { log: boolean }>} What they are called comes from the server. */
const DIALS = {
  alpha: { log: true },
  beta: { log: true },
  num_inner_steps: { log: false },
};

/** @type {Record<string, number>} */
const ARROWS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 };

class Dial {
  root;
  key;
  value = NaN;
  #spec;
  #range = [0, 1];
  /** @type {import("./protocol.js").Limits | null} */
  #limits = null;
  #slider;
  #field;
  #ticks = el("div", { class: "maml-ticks", "aria-hidden": "true" });
  #touched = -Infinity;
  #dragging = false;
  #drag = 0; // the number of the drag: when it began, so that a page that was loaded again gives none twice
  #server = NaN;
  #timer = 0;
  #change;
  #refused;
  #tip;

  /**
   * @param {Key} key
   * @param {DialOptions} options
   */
  constructor(key, { change, refused, named }) {
    this.key = key;
    this.#spec = { ...DIALS[key], ...named };
    this.#change = change;
    this.#refused = refused;
    const { symbol, name, text } = this.#spec;
    const tip = newId("tip");
    const label = newId("dial");
    // Beside the label, since a browser or a program may take what is scrolled out of a low window for hidden.
    const labelled = { "aria-labelledby": label, "aria-label": `${name} ${symbol}` };
    this.#slider = el("input", {
      type: "range",
      "data-dial": key,
      ...labelled,
      "aria-describedby": tip,
      oninput: () => this.#move(),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.#nudge(event),
      onpointerdown: () => this.#hold(),
      onchange: this.#release,
    });
    for (const end of LET_GO) addEventListener(end, this.#release);
    this.#field = el("input", {
      type: "text",
      inputmode: "decimal",
      autocomplete: "off",
      spellcheck: "false",
      "data-field": key,
      ...labelled,
      "aria-describedby": tip,
      onchange: () => this.#type(),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
      onfocus: (/** @type {{ target: HTMLInputElement }} */ { target }) => target.select(),
    });
    this.root = el(
      "div",
      { class: "maml-dial", "data-key": key },
      el(
        "div",
        { class: "maml-dial-head" },
        el("span", { id: label, class: "maml-dial-label" }, `${name} `, el("b", {}, symbol)),
        (this.#tip = help(tip, text, name)),
        this.#field,
      ),
      this.#slider,
      this.#ticks,
    );
  }

  /** @param {number[]} range */
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
    this.#shade();
  }

  /**
   * The server's value; it waits while the person has the dial in hand.
   *
   * @param {number} value
   */
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
    this.root.title = flat(reason);
    const tip = /** @type {HTMLElement} */ (this.#tip.querySelector(".maml-tip"));
    setRich(tip, reason || this.#spec.text);
  }

  /**
   * Shades the slider where step sizes overshoot: from `low` on some tasks, from `high` on nearly all.
   *
   * @param {import("./protocol.js").Limits | null} limits
   */
  zones(limits) {
    this.#limits = limits;
    this.#shade();
  }

  #shade() {
    for (const [name, value] of Object.entries({ "--caution": this.#limits?.low, "--unstable": this.#limits?.high })) {
      if (value === undefined) this.#slider.style.removeProperty(name);
      else this.#slider.style.setProperty(name, Math.min(1, Math.max(0, this.#position(value) / TICKS)).toFixed(3));
    }
  }

  /** @param {number} value */
  #position(value) {
    const [low, high] = this.#range;
    return this.#spec.log ? (TICKS * Math.log(value / low)) / Math.log(high / low) : value;
  }

  #hold() {
    this.#dragging = true;
    this.#drag = Date.now();
  }

  #move() {
    const [low, high] = this.#range;
    const raw = Number(this.#slider.value);
    // Two digits while dragging: a number one can say aloud. The field takes any.
    const value = this.#spec.log ? Number((low * (high / low) ** (raw / TICKS)).toPrecision(2)) : raw;
    this.#take(Math.min(high, Math.max(low, value)));
  }

  /**
   * An arrow key on a logarithmic slider: a twentieth of a decade, since a thousandth of the way would not show.
   *
   * @param {KeyboardEvent} event
   */
  #nudge(event) {
    const way = ARROWS[event.key];
    if (!this.#spec.log || !way) return;
    event.preventDefault();
    const [low, high] = this.#range;
    const value = Number((this.value * 10 ** (way / 20)).toPrecision(2));
    this.#take(Math.min(high, Math.max(low, value)));
  }

  #release = () => {
    this.#dragging = false;
  };

  destroy() {
    for (const end of LET_GO) removeEventListener(end, this.#release);
    clearTimeout(this.#timer);
  }

  /** @returns {void} */
  #type() {
    const value = Number(this.#field.value.trim().replace(",", "."));
    const valid = this.#field.value.trim() !== "" && Number.isFinite(value);
    this.#field.setAttribute("aria-invalid", String(!valid));
    if (valid) return this.#take(value);
    const { symbol, name, log } = this.#spec;
    this.#refused(`“${this.#field.value.slice(0, 40)}” is no number: ${symbol} (${name}) takes ${log ? "a number, such as 0.01" : "a whole number"}.`);
    this.#show(this.value);
  }

  /** @param {KeyboardEvent} event */
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

  /** @param {number} value */
  #take(value) {
    if (value === this.value) return;
    this.#touched = performance.now();
    this.#show(value);
    this.#change(this.key, value, this.#dragging ? this.#drag : null);
  }

  /** @param {number} value */
  #show(value) {
    this.value = value;
    this.#field.removeAttribute("aria-invalid");
    const text = exact(value);
    if (this.#field.value !== text) this.#field.value = text;
    const position = this.#position(Math.max(value, this.#spec.log ? this.#range[0] : value));
    if (!this.#dragging) this.#slider.value = String(position);
    this.#slider.setAttribute("aria-valuetext", text);
    const [min, max] = [Number(this.#slider.min), Number(this.#slider.max)];
    this.#slider.style.setProperty("--fill", Math.min(1, Math.max(0, (position - min) / (max - min || 1))).toFixed(4));
  }
}

/**
 * Exponents of the powers of ten in a range.
 *
 * @param {number} low
 * @param {number} high
 */
function decades(low, high) {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

export class Dials {
  root;
  formulas = new Formulas();
  #dials;
  /** @type {Config | null} */
  #config = null;

  /**
   * @param {(changes: Record<string, number>, drag: number | null) => unknown} set Sends to the server; it is called at most once an animation
   *   frame, with the newest values.
   * @param {object} options
   * @param {DialOptions["refused"]} options.refused
   * @param {Record<string, DialName>} options.named Each dial.
   */
  constructor(set, { refused, named }) {
    /** @type {Record<string, number>} */
    let changes = {};
    /** @type {number | null} */
    let drag = null;
    const flush = perFrame(() => {
      const sent = changes;
      changes = {};
      set(sent, drag);
    });
    /** @type {DialOptions["change"]} */
    const change = (key, value, number) => {
      changes[key] = value;
      drag = number;
      this.#showFormulas();
      flush();
    };
    const keys = /** @type {Key[]} */ (Object.keys(DIALS));
    this.#dials = keys.map((key) => new Dial(key, { change, refused, named: named[key] }));
    this.root = el("div", { class: "maml-dials" }, ...this.#dials.map(({ root }) => root), this.formulas.root);
  }

  #values() {
    return Object.fromEntries(this.#dials.map(({ key, value }) => [key, value]));
  }

  /** @param {State} state */
  state({ config, ranges, locked }) {
    this.#config = config;
    for (const dial of this.#dials) {
      dial.lock(locked[dial.key]);
      if (ranges[dial.key]) dial.range(ranges[dial.key]);
      dial.echo(config[dial.key]);
    }
    this.#showFormulas();
  }

  /**
   * What the schedules and the learned rates are at this outer step; the limits of stability shade alpha's slider.
   *
   * @param {Now} now
   */
  now(now) {
    this.formulas.now = now;
    this.#dials[0].zones(now.limits);
    this.#showFormulas();
  }

  restore() {
    for (const dial of this.#dials) dial.restore();
    this.#showFormulas();
  }

  destroy() {
    for (const dial of this.#dials) dial.destroy();
  }

  /** Not before a first state: what comes with it, and a refusal, may come before it. */
  #showFormulas() {
    if (this.#config) this.formulas.show({ ...this.#config, ...this.#values() });
  }
}

