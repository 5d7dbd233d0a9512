// The legend of a chart: what is drawn, in words first, as long as the words have room; each entry shows or hides its traces.

import { el, onSize, rich, setRich } from "./dom.js";
import { fromPlotly, numbered } from "./pieces.js";
import { swatch } from "./swatch.js";

/** @import { Figure } from "./protocol.js" */
/** @import { Tabular } from "./rows.js" */
/** @import { Pictured } from "./card.js" */

const LEAST_STAGE = 180; // pixels that are left to a picture by names which take another line

export class Legend {
  #chart;
  #stage;
  #drawn = "";
  /** @type {number | null} */
  #n = null; // inner steps of what is shown, once they are known
  /** @type {Map<string, HTMLElement>} */
  #optional = new Map(); // entries by the trace that has to have points for them to be shown
  /** @type {[HTMLElement, string[]][]} */
  #names = []; // places of names, with their forms for ever less room
  root = el("div", { class: "maml-legend", role: "group", "aria-label": "Series" });

  /**
   * @param {Pictured & Tabular} chart
   * @param {HTMLElement} stage The picture, which what the legend takes is taken from.
   */
  constructor(chart, stage) {
    this.#chart = chart;
    this.#stage = stage;
    onSize(stage, () => requestAnimationFrame(() => this.#fit()));
  }

  /** After a redraw it names what is there. */
  refresh() {
    let changes = false;
    for (const [trace, entry] of this.#optional) {
      const isEmpty = !this.#chart.array?.(trace)?.x?.length;
      changes ||= entry.hidden !== isEmpty;
      entry.hidden = isEmpty;
    }
    if (changes) this.#fit();
  }

  /** @param {number} n */
  inner(n) {
    if (n === this.#n) return;
    this.#n = n;
    this.#fit();
  }

  /**
   * @param {Figure} figure
   * @param {boolean} [anew] Though it is the same figure: other series are hidden.
   */
  draw(figure, anew = false) {
    if (this.root.hidden) return;
    const { traces } = figure.layout.meta;
    const shown = figure.data.map((trace, at) => ({ key: traces[at], trace })).filter(({ trace: { showlegend, name, meta } }) => showlegend !== false && name && meta !== "in a row of its own");
    const text = JSON.stringify(shown.map(({ trace: { name, line, marker, fillcolor } }) => [name, line, marker, fillcolor]));
    if (text === this.#drawn && !anew) return;
    this.#drawn = text;
    const { legend, shorter } = figure.layout.meta.help;
    this.#names = [];
    const entry = (/** @type {PlotlyTrace} */ trace) => this.#entry(trace, legend[nameOf(trace)], shorter[nameOf(trace)] ?? []);
    const once = shown.filter(({ trace: { meta } }) => meta === "once there");
    this.#optional = new Map();
    const inPlace = shown.filter((each) => !once.includes(each)).map(({ key, trace }) => {
      const made = entry(trace);
      if (trace.meta === "mostly there") this.#optional.set(key, made);
      return made;
    });
    const behind = [];
    for (const { key, trace } of once) {
      const others = once.map((other) => other.trace).filter(({ legendgroup }) => legendgroup && legendgroup === trace.legendgroup);
      if (others.length > 1 && others[0] !== trace) continue;
      const made = others.length > 1 ? this.#shared(others, legend[nameOf(trace)]) : entry(trace);
      behind.push(made);
      this.#optional.set(key, made);
    }
    this.root.replaceChildren(...inPlace, ...behind);
    this.refresh();
    this.#fit();
  }

  /** The longest names that take no more lines than the shortest, or leave the picture high enough. */
  #fit() {
    const longest = Math.max(1, ...this.#names.map(([, forms]) => forms.length));
    this.#write(longest - 1);
    const least = this.root.offsetHeight;
    for (let form = 0; form < longest; form++) {
      this.#write(form);
      if (this.root.offsetHeight <= least || this.#stage.offsetHeight >= LEAST_STAGE) return;
    }
  }

  /** @param {number} form */
  #write(form) {
    for (const [node, forms] of this.#names) {
      const name = forms[Math.min(form, forms.length - 1)];
      setRich(node, this.#n === null ? name : numbered(name, this.#n));
    }
  }

  /**
   * The traces of one group that come and go together share an entry: its name, and what each of them is.
   *
   * @param {PlotlyTrace[]} traces
   * @param {string} explained
   */
  #shared(traces, explained) {
    const [group] = fromPlotly(nameOf(traces[0])).split(", ");
    return this.#toggle(group, explained, `${group}:`, ...traces.flatMap((trace) => [swatch(trace), nameOf(trace).split(", ")[1]]));
  }

  /**
   * @param {PlotlyTrace} trace
   * @param {string} explained
   * @param {string[]} shorter
   */
  #entry(trace, explained, shorter) {
    const forms = [nameOf(trace), ...shorter].map(fromPlotly);
    const name = el("span", {}, ...rich(forms[0]));
    if (shorter.length) this.#names.push([name, forms]);
    if (!trace.legendgroup) return el("span", { class: "maml-series", "data-tip": explained, tabindex: "0" }, swatch(trace), name);
    return this.#toggle(trace.legendgroup, explained, swatch(trace), name);
  }

  /**
   * @param {string} legendgroup
   * @param {string} explained
   * @param {...(Node | string)} content
   */
  #toggle(legendgroup, explained, ...content) {
    return el(
      "button",
      {
        type: "button",
        class: "maml-series",
        "aria-pressed": String(!this.#chart.hidden.has(legendgroup)),
        "data-tip": explained,
        "data-press": "show or hide",
        onclick: (/** @type {{ currentTarget: HTMLElement }} */ { currentTarget }) => currentTarget.setAttribute("aria-pressed", String(this.#chart.toggle?.(legendgroup))),
      },
      ...content,
    );
  }
}

/** @param {PlotlyTrace} trace */
const nameOf = ({ name = "" }) => name;
