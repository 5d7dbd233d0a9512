// Both loops as people write them, true of the run's algorithm and switches, with the numbers of now.

import { el, onWidth, setText } from "../common/dom.js";
import { exact, short, withMinus } from "../common/format.js";

/** @import { Config } from "../common/protocol.js" */
/** @import { Now } from "./protocol.js" */

/** @typedef {Node | string} Part Of a line of formulas. */

/** @typedef {"alpha" | "beta" | "num_inner_steps" | "meta_batch_size" | "proximal" | "rate"} Value A number of the formulas; rate is the median learned one. */

/**
 * What the shape of the formulas depends on.
 *
 * @typedef {object} Rule
 * @property {Config["algorithm"]} algorithm
 * @property {"parameter" | "tensor" | ""} rates What has a learned rate of its own.
 * @property {"M" | "α" | ""} learned Besides theta_0.
 * @property {"first" | "second"} order
 * @property {boolean} multiStep
 * @property {boolean} adam
 */

/**
 * Where the outer loop's direction comes from.
 *
 * @type {Record<Config["algorithm"], "unrolled" | "moved" | "implicit">}
 */
const DIRECTIONS = { maml: "unrolled", anil: "unrolled", meta_sgd: "unrolled", meta_curvature: "unrolled", reptile: "moved", imaml: "implicit" };

/** @param {...Part} inner */
const sub = (...inner) => el("sub", {}, ...inner);

/**
 * @param {string} letter
 * @param {string} index
 */
const symbol = (letter, index) => el("span", { class: "maml-theta" }, letter, sub(index));

/** @param {string} index */
const theta = (index) => symbol("θ", index);

/**
 * What may be lit alone.
 *
 * @param {string} name
 * @param {...Part} parts
 */
const part = (name, ...parts) => el("span", { "data-part": name }, ...parts);

/** @param {"support" | "query"} kind */
const loss = (kind) => el("span", {}, el("i", {}, "L"), sub(el("span", { class: `maml-ink-${kind}` }, kind)));

export class Formulas {
  root = el("div", { class: "maml-formulas", role: "group", "aria-label": "The two update rules" });
  /** @type {Partial<Now>} What holds now, from the newest frame. */
  now = {};
  /** @type {HTMLElement | null} */
  button = null; // that goes through them
  /** @type {[Value, HTMLElement][]} */
  #numbers = []; // the places of all numbers
  #drawn = "";
  #length = 0;
  #size = 1;

  constructor() {
    onWidth(this.root, () => this.fit()); // also where they were hidden when they were built
  }

  /** @param {Config} config */
  show(config) {
    const rule = this.#rule(config);
    const drawn = JSON.stringify(rule);
    if (drawn !== this.#drawn) {
      this.#drawn = drawn;
      this.#build(rule);
    }
    const { alpha, num_inner_steps, meta_batch_size, proximal } = config;
    const beta = config.anneal_beta ? (this.now.beta ?? config.beta) : config.beta;
    /** @type {Record<Value, string>} */
    const texts = {
      rate: short(this.now.rate ?? alpha),
      beta: short(beta),
      ...{ alpha: withMinus(exact(alpha)), num_inner_steps: exact(num_inner_steps), meta_batch_size: exact(meta_batch_size), proximal: exact(proximal) },
    };
    for (const [value, node] of this.#numbers) setText(node, texts[value]);
    const length = this.root.textContent.length;
    if (length !== this.#length) this.fit({ again: this.#length === 0 });
    this.#length = length;
  }

  /** A formula that is longer than its place is set smaller; it grows again when it is built anew or gets another place. */
  fit({ again = true } = {}) {
    if (again) this.#size = 1;
    const lines = [...this.root.children];
    for (; ; this.#size -= 0.04) {
      this.root.style.setProperty("--fit", this.#size.toFixed(2));
      if (this.#size < 0.72 || lines.every((line) => line.scrollWidth <= line.clientWidth)) return;
    }
  }

  /**
   * @param {Config} config
   * @returns {Rule}
   */
  #rule(config) {
    const { algorithm, per_step_rates, anneal_order, outer_optimizer, multi_step_loss } = config;
    return {
      algorithm,
      rates: algorithm === "meta_sgd" ? "parameter" : per_step_rates ? "tensor" : "",
      learned: algorithm === "meta_curvature" ? "M" : algorithm === "meta_sgd" || per_step_rates ? "α" : "", // besides theta_0
      order: anneal_order ? (this.now.order ?? "first") : config.order,
      multiStep: multi_step_loss && (this.now.multi_step ?? true),
      adam: outer_optimizer === "adam",
    };
  }

  /** @param {string} part What a stage of an outer step that is taken apart is about; empty for nothing. */
  light(part) {
    this.root.dataset.lit = part;
  }

  /** @param {Value} value */
  #number(value) {
    const node = el("b", { class: `maml-value maml-value-${value}` }, "…");
    this.#numbers.push([value, node]);
    return node;
  }

  /** @param {Rule} rule */
  #build(rule) {
    this.#numbers = [];
    const line = (/** @type {string} */ name, /** @type {(Part | null)[]} */ ...said) => el("p", {}, el("span", { class: "maml-loop" }, name), ...said);
    const math = (/** @type {Part[]} */ ...parts) => el("span", { class: "maml-math" }, ...parts);
    this.root.replaceChildren(
      line("Inner loop", math(part("inner", ...this.#inner(rule)), el("span", { class: "maml-aside" }, ...this.#aside(rule)))),
      line("Outer loop", math(...this.#outer(rule))),
      line("", el("span", { class: "maml-order" }, part("back", words(rule)), ...(rule.rates ? ["; median α ", this.#number("rate")] : [])), this.button),
    );
    this.#length = 0;
  }

  /**
   * @param {Rule} rule
   * @returns {Part[]}
   */
  #inner({ algorithm, rates }) {
    const moving = (/** @type {string} */ index) => symbol(algorithm === "anil" ? "φ" : "θ", index);
    const rate = this.#rate(rates);
    const turned = algorithm === "meta_curvature" ? [el("b", { class: "maml-theta" }, "M"), " "] : [];
    const gradient = [...turned, "∇", ...(algorithm === "anil" ? [sub("φ")] : []), loss("support"), "(", theta("i−1"), ")"];
    const pull = ["(", ...gradient, " + ", this.#number("proximal"), "(", theta("i−1"), " − ", theta("0"), "))"];
    return [moving("i"), " = ", moving("i−1"), " − ", ...rate, ...(algorithm === "imaml" ? pull : gradient)];
  }

  /** @param {Rule["rates"]} rates */
  #rate(rates) {
    if (rates === "parameter") return [el("b", { class: "maml-theta" }, "α"), " ⊙ "];
    return [rates === "tensor" ? symbol("α", "i, layer") : this.#number("alpha"), " "];
  }

  /**
   * @param {Rule} rule
   * @returns {Part[]}
   */
  #aside({ algorithm }) {
    const steps = [el("i", {}, "i"), " = 1 … ", this.#number("num_inner_steps")];
    const head = algorithm === "anil" ? ["φ: head", ", "] : [];
    return [...head, ...steps];
  }

  /**
   * @param {Rule} rule
   * @returns {Part[]}
   */
  #outer(rule) {
    const { algorithm, adam } = rule;
    const learned = () => [theta("0"), ...(rule.learned ? [`, ${rule.learned}`] : [])];
    const mean = [" ", part("mean", "mean", part("tasks", sub(this.#number("meta_batch_size"), rule.learned ? "" : " tasks"))), " "];
    const [open, close] = adam ? [" Adam(", " )"] : ["", ""];
    const direction = { unrolled: () => this.#unrolled(rule, learned), moved: () => this.#moved(), implicit: () => this.#implicit() }[DIRECTIONS[algorithm]]();
    return [part("update", ...learned(), " ← ", ...learned(), " − ", this.#number("beta"), open), ...mean, part("query", ...direction), close];
  }

  /**
   * @param {Rule} rule
   * @param {() => Part[]} learned What the gradient is of.
   * @returns {Part[]}
   */
  #unrolled({ order, multiStep, learned: also }, learned) {
    const to = multiStep ? "i" : "N";
    const sum = multiStep ? ["Σ", sub("i"), " ", el("i", {}, "w"), sub("i"), " "] : [];
    // Of first order the gradient is taken where the steps ended, as if theta_0 had been there.
    if (order === "first" && !also) return [...sum, "∇", loss("query"), "(", theta(to), ")"];
    const at = [loss("query"), "(", theta(to), ...(also ? [")"] : ["(", theta("0"), "))"])];
    return ["∇", sub(...learned()), " ", ...sum, ...at];
  }

  #moved() {
    return ["(", theta("0"), " − ", theta("N"), ") / (", this.#number("alpha"), " · ", this.#number("num_inner_steps"), ")"];
  }

  #implicit() {
    return ["(", el("i", {}, "I"), " + ", el("i", {}, "H"), "/", this.#number("proximal"), ")", el("sup", {}, "−1"), " ∇", loss("query"), "(", theta("N"), ")"];
  }
}

/**
 * Which derivatives the direction has, in words.
 *
 * @param {Rule} rule
 */
function words({ algorithm, order, rates }) {
  if (algorithm === "reptile") return "no second derivative, and no query loss in it";
  if (algorithm === "imaml") return "implicit gradient: H is the support Hessian where the steps end";
  if (order === "first") return `first order: inner gradients ${rates ? "are" : "count as"} constants`;
  return `second order: ${rates ? "through" : "differentiates through"} the inner steps`;
}
