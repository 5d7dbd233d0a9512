// Reads a chart's points with the arrow keys: where one is, a ring and a line of words show it, and it is read out.

import { el, known, newId, setRich, setText } from "./dom.js";
import { flat } from "./pieces.js";
import { led, lines, said, spot } from "./reading.js";

/** @import { Tabular } from "./rows.js" */
/** @import { Place } from "./reading.js" */

const HOW = "← and → go from point to point, ↑ and ↓ to another series, Home and End to its ends";

export class Reader {
  #chart;
  #plot;
  /** @type {Place | null} */
  #at = null;
  #ring = el("span", { class: "maml-reading-ring", hidden: true });
  #words = el("span", { class: "maml-reading-words" });
  #spoken = el("p", { class: "maml-visually-hidden", "aria-live": "polite" });
  #keys;
  root;

  /**
   * @param {Tabular} chart
   * @param {HTMLElement} plot Whose label is the chart's summary.
   */
  constructor(chart, plot) {
    this.#chart = chart;
    this.#plot = /** @type {PlotlyNode} */ (plot);
    plot.id ||= newId("plot");
    // It lies over the picture, which keeps the mouse.
    this.#keys = el("div", { class: "maml-reader", role: "application", tabindex: "0", "aria-roledescription": "chart", "aria-label": "Points of the chart", "aria-describedby": plot.id });
    const seen = el("div", { class: "maml-reading", "aria-hidden": "true" }, this.#ring, this.#words);
    this.root = el("div", { class: "maml-reader-place" }, this.#keys, seen, this.#spoken);
    this.#keys.addEventListener("focus", () => this.#tell(HOW));
    this.#keys.addEventListener("blur", () => this.#leave());
    this.#keys.addEventListener("keydown", (event) => this.#key(event));
  }

  /** @param {string} title Of the chart. */
  name(title) {
    this.#keys.setAttribute("aria-label", flat(`Points of “${title}”`));
  }

  /** @param {boolean} on Whether there is something to read. */
  enable(on) {
    this.root.hidden = !on;
  }

  /** After a redraw: what is shown of the point is of now; nobody hears it unasked. */
  refresh() {
    if (!this.#at) return;
    const all = lines(this.#chart);
    const words = said(all, this.#at);
    if (words) this.#show(all, this.#at, words);
    else this.#forget();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && this.#at) {
      event.stopPropagation();
      this.#forget();
      return this.#tell(HOW);
    }
    const all = lines(this.#chart);
    const to = led(all, this.#at, event.key);
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation(); // the arrows have another meaning on the page
    if (!to) return this.#tell("There are no points yet.");
    setText(this.#spoken, flat(said(all, to, this.#at)));
    this.#at = to;
    this.#show(all, to, said(all, to));
  }

  /**
   * @param {import("./reading.js").Line[]} all
   * @param {Place} place
   * @param {string} words
   */
  #show(all, place, words) {
    setRich(this.#words, words);
    const { points, level } = known(all.find(({ name }) => name === place.line));
    const [x, y] = points[Math.min(place.point, points.length - 1)].map(Number);
    const across = level === undefined ? x : (this.#chart.across?.(x) ?? x);
    const at = this.#plot.layout ? spot(this.#plot, across, level ?? y) : null;
    this.#ring.hidden = !at;
    if (at) this.#ring.style.translate = `${at.left}px ${at.top}px`;
    this.#words.classList.toggle("maml-reading-low", Boolean(at && at.top < this.#plot.clientHeight / 2)); // never over the point
  }

  /** @param {string} words */
  #tell(words) {
    setRich(this.#words, words);
    setText(this.#spoken, words);
  }

  #forget() {
    this.#at = null;
    this.#ring.hidden = true;
  }

  #leave() {
    this.#forget();
    setRich(this.#words, "");
    setText(this.#spoken, "");
  }
}
