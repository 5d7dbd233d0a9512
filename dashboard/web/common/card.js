// The frame around a chart: title, a line that teaches, legend, menu, and the table behind the picture.

import { el, newId, popoverButton, rich, setRich } from "./dom.js";
import { explanation } from "./explain.js";
import { Legend } from "./legend.js";
import { flat, fromPlotly } from "./pieces.js";
import { Reader } from "./reader.js";
import { csv, download, table } from "./table.js";

/** @import { Figure } from "./protocol.js" */
/** @import { Tabular } from "./rows.js" */


/** @typedef {"png" | "svg"} Format */

/**
 * What a card needs of the chart in it; without a legend or a zoom it needs none of what they do.
 *
 * @typedef {object} Pictured
 * @property {string} id
 * @property {Format[]} [formats] Of pictures, where it has not both.
 * @property {(format: Format) => Promise<string>} picture The address of one.
 * @property {() => string} [of] What it is of, for the name of a file that is saved of it; without it the outer step of the live run.
 * @property {Set<string>} hidden Groups of the legend.
 * @property {(group: string) => boolean} [toggle] Shows or hides a group, and says which.
 * @property {(trace: string) => { x?: ArrayLike<number> } | undefined} [array] Numbers of a trace.
 * @property {() => void} [unzoom]
 * @property {boolean} [hasKeys] It can be read with the arrow keys by itself.
 */
const TABLE_REFRESH_MS = 1000;
const WAITING = "Chart, waiting for data";
/** @type {Format[]} */
const FORMATS = ["png", "svg"];

export class Card {
  #chart;
  #title = el("h3", { id: newId("title") });
  #subtitle = el("p", { class: "maml-subtitle" });
  #legend;
  #table = el("div", { class: "maml-table", tabindex: "0", hidden: true });
  #zoom = el("button", { type: "button", class: "maml-chip", hidden: true, onclick: () => this.#chart.unzoom?.() }, "Reset zoom");
  #tableRefreshed = 0;
  #tableItem = menuItem("Show table", () => this.#toggleTable());
  #hint = "";
  #why = explanation();
  plot = el("div", { class: "maml-plot", role: "img", "aria-label": WAITING });
  controls = el("div", { class: "maml-card-controls" });
  #empty = el("p", { class: "maml-empty", hidden: true });
  /** @type {Reader | null} */
  #reader = null;
  root;

  /** @param {Pictured & Tabular} chart */
  constructor(chart) {
    this.#chart = chart;
    const stage = el("div", { class: "maml-stage" }, this.plot, this.#empty, this.#table);
    if (!chart.hasKeys) this.#reader = new Reader(chart, this.plot);
    if (this.#reader) this.plot.after(this.#reader.root);
    this.#legend = new Legend(chart, stage);
    const menu = this.#menu();
    this.root = el(
      "section",
      { class: "maml-card", "data-chart": chart.id, "aria-labelledby": this.#title.id },
      el("header", {}, this.#title, this.#zoom, this.#why.button, this.#why.panel, menu.button, menu.panel),
      this.#subtitle,
      this.#legend.root,
      stage,
      this.controls,
    );
  }

  /**
   * Controls below the picture, and one button beside the menu.
   *
   * @param {HTMLElement} below
   * @param {HTMLElement} button
   */
  addControls(below, button) {
    this.controls.append(below);
    this.addButton(button);
  }

  /** @param {HTMLElement} button */
  addButton(button) {
    this.#zoom.after(button);
  }

  /** @param {{ button: HTMLElement, panel: HTMLElement }} popover A button and what it opens. */
  addPanel({ button, panel }) {
    this.#zoom.after(button, panel);
  }

  /** @param {HTMLElement} row Of more than the legend says, below it. */
  addRow(row) {
    this.#legend.root.after(row);
  }

  /**
   * Buttons beside the title that choose what the picture shows; then there is no legend.
   *
   * @param {HTMLElement} views
   */
  addViews(views) {
    this.#title.after(views);
    this.#legend.root.hidden = true;
  }

  /**
   * A switch in the header, before the menu.
   *
   * @param {{ root: HTMLElement }} segments
   */
  addSwitch(segments) {
    this.#zoom.after(segments.root);
  }

  #menu() {
    const list = el(
      "div",
      { class: "maml-menu" },
      ...(this.#chart.formats ?? FORMATS).map((format) => menuItem(`Save ${format.toUpperCase()}`, () => this.#save(format))),
      this.#tableItem,
      menuItem("Download CSV", () => download(csv(this.#chart), this.#filename("csv"))),
    );
    const menu = popoverButton({ class: "maml-icon", "aria-label": `Save or read the ${this.#chart.id} chart` }, "⋯", list);
    list.addEventListener("click", () => menu.panel.hidePopover());
    return menu;
  }

  /** @param {Format | "csv"} extension */
  #filename(extension) {
    const of = this.#chart.of?.() ?? `step-${window.mamlLive?.lastStep ?? 0}`;
    return `maml-${this.#chart.id}-${of.replace(/[^\p{L}\p{N}._-]+/gu, "-")}.${extension}`;
  }

  /** @param {Format} format */
  async #save(format) {
    download(await this.#chart.picture(format), this.#filename(format));
  }

  #toggleTable() {
    // The table lies over the picture, whose node stays as it is.
    this.#table.hidden = !this.#table.hidden;
    this.#tableItem.textContent = this.#table.hidden ? "Show table" : "Show chart";
    this.#tableRefreshed = 0;
    this.refresh();
    if (!this.#table.hidden) this.#table.focus();
  }

  /** After a redraw: the legend names what is there, and an open table follows, slowly enough to be read, or at once where something else is looked at. */
  refresh(now = false) {
    this.#legend.refresh();
    this.#reader?.refresh();
    if (this.#table.hidden || (!now && performance.now() - this.#tableRefreshed < TABLE_REFRESH_MS)) return;
    this.#tableRefreshed = performance.now();
    this.#table.replaceChildren(table(this.#chart));
  }

  /** @param {Figure} figure */
  describe(figure) {
    setRich(this.#title, fromPlotly(figure.layout.meta.title));
    this.#reader?.name(fromPlotly(figure.layout.meta.title));
    this.#hint = figure.layout.meta.hint;
    if (!this.#subtitle.dataset.text) this.subtitle(this.#hint);
    this.#why.show(figure.layout.meta.title, figure.layout.meta.help);
    this.#legend.draw(figure);
  }

  /** @param {string} text */
  subtitle(text) {
    if (this.#subtitle.dataset.text === text) return;
    this.#subtitle.dataset.text = text;
    const sentences = text.split(/(?<=[.!?]) +(?=\p{Lu})/u);
    this.#subtitle.replaceChildren(...sentences.flatMap((sentence) => [el("span", {}, ...rich(sentence)), " "]));
    this.#explain();
  }

  /** @param {number} n The inner steps of what is shown, which its legend names. */
  inner(n) {
    this.#legend.inner(n);
  }

  /** @param {string} text */
  summary(text) {
    this.plot.setAttribute("aria-label", flat(text));
    this.#explain();
  }

  /** The few words below the title, which a narrow card cuts, and behind them the whole sentence of the chart. */
  #explain() {
    this.#subtitle.title = [flat(this.#subtitle.dataset.text ?? ""), this.plot.getAttribute("aria-label")].filter(Boolean).join("\n");
  }

  /** Nothing was measured yet. */
  clear() {
    this.subtitle(this.#hint);
    this.summary(WAITING);
    this.refresh(true);
    this.#tableRefreshed = 0; // an open table does not wait for what comes next
  }

  /**
   * A sentence in place of the picture and its controls; none gives them back.
   *
   * @param {string} sentence
   * @returns {boolean} Whether it takes their place now.
   */
  empty(sentence) {
    if (this.#empty.textContent === sentence) return false;
    this.#empty.textContent = sentence;
    this.#empty.hidden = !sentence;
    this.#reader?.enable(!sentence);
    for (const node of [this.plot, this.controls, this.#legend.root, this.#subtitle]) node.style.visibility = sentence ? "hidden" : "";
    return Boolean(sentence);
  }

  /** @param {boolean} on */
  zoomed(on) {
    this.#zoom.hidden = !on;
  }

  /** The legend anew: other series are hidden than it says. */
  redrawLegend(/** @type {Figure} */ figure) {
    this.#legend.draw(figure, true);
  }
}

/**
 * @param {string} label
 * @param {() => void} action
 */
const menuItem = (label, action) => el("button", { type: "button", class: "maml-item", onclick: action }, label);
