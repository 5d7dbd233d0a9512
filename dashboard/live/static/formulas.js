// Both loops as people write them, true of the run's algorithm and switches, with the numbers of now.

import { el, setText } from "./dom.js";
import { exact, short } from "./format.js";

const sub = (...inner) => el("sub", {}, ...inner);
const symbol = (letter, index) => el("span", { class: "maml-theta" }, letter, ...(index === undefined ? [] : [sub(index)]));
const theta = (index) => symbol("θ", index);
const loss = (kind) => el("span", {}, el("i", {}, "L"), sub(el("span", { class: `maml-ink-${kind}` }, kind)));

export class Formulas {
  root = el("div", { class: "maml-formulas", role: "group", "aria-label": "The two update rules" });
  /** From the newest frame: {order, beta, multi_step, rate}. */
  now = {};
  #numbers = {};
  #drawn = "";
  #length = 0;
  #size = 1;

  show(config) {
    const rule = this.#rule(config);
    const drawn = JSON.stringify(rule);
    if (drawn !== this.#drawn) {
      this.#drawn = drawn;
      this.#build(rule);
    }
    const values = { ...config, beta: config.anneal_beta ? this.now.beta ?? config.beta : config.beta };
    for (const [key, nodes] of Object.entries(this.#numbers)) {
      const text = key === "rate" ? short(this.now.rate ?? config.alpha) : key === "beta" ? short(values.beta) : exact(values[key]);
      for (const node of nodes) setText(node, text);
    }
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

  /** What the shape of the formulas depends on. */
  #rule(config) {
    const { algorithm, per_step_rates, anneal_order, outer_optimizer, multi_step_loss } = config;
    return {
      algorithm,
      rates: algorithm === "meta_sgd" ? "parameter" : per_step_rates ? "tensor" : "",
      learned: algorithm === "meta_curvature" ? "M" : algorithm === "meta_sgd" || per_step_rates ? "α" : "", // besides theta_0
      order: anneal_order ? this.now.order ?? "first" : config.order,
      multiStep: multi_step_loss && (this.now.multi_step ?? true),
      adam: outer_optimizer === "adam",
    };
  }

  #number(key) {
    const node = el("b", { class: `maml-value maml-value-${key}` }, "…");
    (this.#numbers[key] ??= []).push(node);
    return node;
  }

  #build(rule) {
    this.#numbers = {};
    const line = (name, ...parts) => el("p", {}, el("span", { class: "maml-loop" }, name), ...parts);
    const math = (...parts) => el("span", { class: "maml-math" }, ...parts);
    this.root.replaceChildren(
      line("Inner loop", math(...this.#inner(rule), el("span", { class: "maml-aside" }, ...this.#aside(rule)))),
      line("Outer loop", math(...this.#outer(rule))),
      line("", el("span", { class: "maml-order" }, words(rule), ...(rule.rates ? ["; median α ", this.#number("rate")] : []))),
    );
    this.#length = 0;
  }

  #inner({ algorithm, rates }) {
    const moving = algorithm === "anil" ? (index) => symbol("φ", index) : theta;
    const rate = {
      parameter: [el("b", { class: "maml-theta" }, "α"), " ⊙ "],
      tensor: [symbol("α", "i, layer"), " "],
    }[rates] ?? [this.#number("alpha"), " "];
    const turned = algorithm === "meta_curvature" ? [el("b", { class: "maml-theta" }, "M"), " "] : [];
    const gradient = [...turned, "∇", ...(algorithm === "anil" ? [sub("φ")] : []), loss("support"), "(", theta("i−1"), ")"];
    const pull = ["(", ...gradient, " + ", this.#number("proximal"), "(", theta("i−1"), " − ", theta("0"), "))"];
    return [moving("i"), " = ", moving("i−1"), " − ", ...rate, ...(algorithm === "imaml" ? pull : gradient)];
  }

  #aside({ algorithm }) {
    const steps = [el("i", {}, "i"), " = 1 … ", this.#number("num_inner_steps")];
    const head = algorithm === "anil" ? ["φ: head", ", "] : [];
    return [...head, ...steps];
  }

  #outer(rule) {
    const { algorithm, adam } = rule;
    const learned = () => [theta("0"), ...(rule.learned ? [`, ${rule.learned}`] : [])];
    const mean = [" mean", sub(this.#number("meta_batch_size"), rule.learned ? "" : " tasks"), " "];
    const [open, close] = adam ? [" Adam(", " )"] : ["", ""];
    const direction = { reptile: this.#moved, imaml: this.#implicit }[algorithm]?.call(this) ?? this.#unrolled(rule, learned);
    return [...learned(), " ← ", ...learned(), " − ", this.#number("beta"), open, ...mean, ...direction, close];
  }

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

function words({ algorithm, order, rates }) {
  if (algorithm === "reptile") return "no second derivative, and no query loss in it";
  if (algorithm === "imaml") return "implicit gradient: H is the support Hessian where the steps end";
  if (order === "first") return `first order: inner gradients ${rates ? "are" : "count as"} constants`;
  return `second order: ${rates ? "through" : "differentiates through"} the inner steps`;
}
