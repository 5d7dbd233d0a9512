// The frame around a chart: title, a line that teaches, legend, menu, and the table behind the picture.

import { el, newId, popoverButton, rich, setRich } from "./dom.js";
import { csv, download, table } from "./table.js";

const TABLE_REFRESH_MS = 1000;
const WAITING = "Chart, waiting for data";

export class Card {
  #chart;
  #title = el("h3", { id: newId("title") });
  #subtitle = el("p", { class: "maml-subtitle" });
  #legend = el("div", { class: "maml-legend", role: "group", "aria-label": "Series" });
  #table = el("div", { class: "maml-table", tabindex: "0", hidden: true });
  #zoom = el("button", { type: "button", class: "maml-chip", hidden: true, onclick: () => this.#chart.unzoom() }, "Reset zoom");
  #tableRefreshed = 0;
  #tableItem;
  #legendText = "";
  #hint = "";
  #optional = new Map(); // legend entries by the trace that has to have points for them to be shown
  plot = el("div", { class: "maml-plot", role: "img", "aria-label": WAITING });
  controls = el("div", { class: "maml-card-controls" });
  #empty = el("p", { class: "maml-empty", hidden: true });
  root;

  constructor(chart) {
    this.#chart = chart;
    const menu = this.#menu();
    this.root = el(
      "section",
      { class: "maml-card", "data-chart": chart.id, "aria-labelledby": this.#title.id },
      el("header", {}, this.#title, this.#zoom, menu.button, menu.panel),
      this.#subtitle,
      this.#legend,
      el("div", { class: "maml-stage" }, this.plot, this.#empty, this.#table),
      this.controls,
    );
  }

  /** Controls below the picture, and one button beside the menu. */
  addControls(below, button) {
    this.controls.append(below);
    this.addButton(button);
  }

  addButton(button) {
    this.#zoom.after(button);
  }

  /** Buttons beside the title that choose what the picture shows; then there is no legend. */
  addViews(views) {
    this.#title.after(views);
    this.#legend.hidden = true;
  }

  /** A switch in the header, before the menu. */
  addSwitch(segments) {
    this.#zoom.after(segments.root);
  }

  #menu() {
    const item = (label, action) => el("button", { type: "button", class: "maml-item", onclick: action }, label);
    this.#tableItem = item("Show table", () => this.#toggleTable());
    const list = el(
      "div",
      { class: "maml-menu" },
      ...(this.#chart.formats ?? ["png", "svg"]).map((format) => item(`Save ${format.toUpperCase()}`, () => this.#save(format))),
      this.#tableItem,
      item("Download CSV", () => download(csv(this.#chart), this.#filename("csv"))),
    );
    const menu = popoverButton({ class: "maml-icon", "aria-label": `Save or read the ${this.#chart.id} chart` }, "⋯", list);
    list.addEventListener("click", () => menu.panel.hidePopover());
    return menu;
  }

  #filename(extension) {
    return `maml-${this.#chart.id}-step-${window.mamlLive.lastStep ?? 0}.${extension}`;
  }

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
    for (const [trace, entry] of this.#optional) entry.hidden = !this.#chart.array(trace)?.x?.length;
    if (this.#table.hidden || (!now && performance.now() - this.#tableRefreshed < TABLE_REFRESH_MS)) return;
    this.#tableRefreshed = performance.now();
    this.#table.replaceChildren(table(this.#chart));
  }

  describe(figure) {
    setRich(this.#title, figure.layout.meta.title);
    this.#hint = figure.layout.meta.hint ?? "";
    if (!this.#subtitle.textContent) this.subtitle(this.#hint);
    this.#drawLegend(figure);
  }

  subtitle(text) {
    if (this.#subtitle.dataset.text === text) return;
    this.#subtitle.dataset.text = text;
    const sentences = text.split(/(?<=[.:!?]) +(?=\p{Lu})/u);
    this.#subtitle.replaceChildren(...sentences.flatMap((sentence) => [el("span", {}, ...rich(sentence)), " "]));
    this.#subtitle.title = text.replace(/_/g, "");
  }

  summary(text) {
    this.plot.setAttribute("aria-label", text);
  }

  /** Nothing was measured yet. */
  clear() {
    this.subtitle(this.#hint);
    this.summary(WAITING);
    this.refresh(true);
  }

  /** A sentence in place of the picture and its controls; none gives them back. */
  empty(sentence) {
    if (this.#empty.textContent === sentence) return;
    this.#empty.textContent = sentence;
    this.#empty.hidden = !sentence;
    for (const node of [this.plot, this.controls, this.#legend, this.#subtitle]) node.style.visibility = sentence ? "hidden" : "";
  }

  zoomed(on) {
    this.#zoom.hidden = !on;
  }

  #drawLegend(figure) {
    if (this.#legend.hidden) return;
    const shown = [...figure.data.entries()].filter(([, { showlegend, name }]) => showlegend !== false && name);
    const text = JSON.stringify(shown.map(([, { name, line, marker, fillcolor }]) => [name, line, marker, fillcolor]));
    if (text === this.#legendText) return;
    this.#legendText = text;
    const entries = shown.map(([index, trace]) => [index, trace, this.#entry(trace)]);
    this.#optional = new Map(entries.flatMap(([index, { meta }, entry]) => (meta === "once there" ? [[index, entry]] : [])));
    for (const entry of this.#optional.values()) entry.hidden = true;
    this.#legend.replaceChildren(...entries.map(([, , entry]) => entry));
  }

  #entry(trace) {
    const { name, legendgroup } = trace;
    if (!legendgroup) return el("span", { class: "maml-series" }, swatch(trace), el("span", {}, ...rich(name)));
    return el(
      "button",
      {
        type: "button",
        class: "maml-series",
        "aria-pressed": String(!this.#chart.hidden.has(legendgroup)),
        title: "Show or hide",
        onclick: (event) => event.currentTarget.setAttribute("aria-pressed", String(this.#chart.toggle(legendgroup))),
      },
      swatch(trace),
      el("span", {}, ...rich(name)),
    );
  }
}

/** A small picture of the line, the marker or the area. */
function swatch({ mode, line, marker, fillcolor, fill }) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("viewBox", "0 0 18 10");
  svg.setAttribute("aria-hidden", "true");
  const add = (tag, attributes) => {
    const node = document.createElementNS(ns, tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    svg.append(node);
  };
  const outline = { stroke: marker?.line?.color ?? "none", "stroke-width": (marker?.line?.width ?? 0) * 0.8 };
  const symbol = mode === "markers" ? marker.symbol : null;
  if (symbol === "x-thin") {
    add("rect", { x: 3, y: 0, width: 12, height: 10, rx: 1, fill: fillcolor });
    add("path", { d: "M6.5 2.5 11.5 7.5M11.5 2.5 6.5 7.5", stroke: marker.line.color, "stroke-width": 1.4 });
  } else if (symbol === "x") add("path", { d: "M5.5 1.5 12.5 8.5M12.5 1.5 5.5 8.5", stroke: marker.color, "stroke-width": 2.6 });
  else if (symbol === "star") add("path", { d: "M9 0 10.4 3.4 14 3.6 11.2 5.9 12.1 9.5 9 7.5 5.9 9.5 6.8 5.9 4 3.6 7.6 3.4Z", fill: marker.color, ...outline });
  else if (fill) add("rect", { x: 1, y: 0, width: 16, height: 10, rx: 2, fill: fillcolor });
  else if (mode === "markers" && marker.symbol === "diamond") add("path", { d: "M9 0 14 5 9 10 4 5Z", fill: marker.color });
  else if (mode === "markers") add("circle", { cx: 9, cy: 5, r: Math.min(4.2, marker.size / 2), fill: marker.color, ...outline });
  else {
    const dashes = { dash: "5 3", dot: "2 2.5", dashdot: "6 2.5 1.5 2.5", longdash: "8 2" }[line.dash] ?? "none";
    add("path", { d: "M0 5H18", stroke: line.color, "stroke-width": Math.max(1.8, line.width), "stroke-dasharray": dashes });
  }
  return svg;
}
