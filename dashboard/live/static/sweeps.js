// The sensitivity screen: builds itself once in Streamlit's element and is then fed by its own socket.

import { el, isDark, onWidth, setRich, setText } from "./dom.js";
import { percent, short, whole } from "./format.js";
import { blurAfterPointer, enterPanel, loadPlotly, mounter, paint } from "./mounting.js";
import { Plot } from "./plot.js";
import { Segments } from "./segments.js";
import { KINDS, Settings, Store, losers, said } from "./settings.js";
import { Socket } from "./socket.js";

// The map's traces, as dashboard/charts/maps.py orders them.
const SETTINGS = 7;
const SELECTED = 8;
const PINNED = 9;
const FROZEN_CELLS = 4;
const LETTERS = "ABCDEF";
const MAPS = [
  ["map", "Sweep"],
  ["frozen", "Frozen θ₀"],
];
const CURVES = [
  ["lanes", "Curves"],
  ["pins", "Side by side"],
];
const METRICS = [
  ["accuracy", "Accuracy"],
  ["loss", "Loss"],
];
const TOAST_MS = 7000;
const STATUS = { stopped: "Stopped", running: "Running", stopping: "Stopping", done: "Done", failed: "Failed" };

// For tests and the benchmark.
window.mamlSweeps ??= { frames: 0, drawn: 0, log: [] };

class Page {
  #component;
  #root = el("div", { class: "maml-live maml-sweeps", "data-link": "open", style: "visibility:hidden" });
  #socket;
  #store = new Store();
  #figures = {};
  #theme = "light";
  #state = { name: null };
  #pins = [];
  #chosen = null;
  #address = null;
  #shownMap = "map";
  #cursor = null;
  #map;
  #lanes;
  #frozen;
  #pinsPlot;
  #settings;
  #shownCurves = "lanes";
  #curveViews;
  #differences = [];
  #pinList = el("div", { class: "maml-pins" });
  #name = el("strong", { class: "maml-sweep-name" });
  #pill = el("span", { class: "maml-pill" });
  #cancel = el("button", { type: "button", "data-action": "cancel", onclick: () => this.#send({ type: "cancel" }) }, "Cancel");
  #resume = el("button", { type: "button", "data-action": "resume", class: "maml-primary", onclick: () => this.#send({ type: "resume" }) }, "Resume");
  #bar = el("progress", { max: 1, value: 0, "aria-label": "Outer steps done" });
  #count = el("span", { class: "maml-sweep-count" });
  #metric = new Segments("Metric", METRICS, (metric) => this.#look({ metric }));
  #sentence = el("p", { class: "maml-sentence" });
  #reading = "";
  #toastTimer = 0;
  #live = el("div", { class: "maml-visually-hidden", "aria-live": "polite" });
  #axes = el("div", { class: "maml-axes" });
  #detail = el("div", { class: "maml-detail", role: "region", "aria-label": "Selected settings" });
  #views;
  #rate = { at: 0, left: 0, perSecond: NaN };

  constructor(component) {
    this.#component = component;
    const pick = { plotly_click: (event) => this.#clicked(event), plotly_selected: (event) => this.#boxed(event) };
    this.#map = new Plot("map", { listeners: pick, rows: () => this.#rows() });
    this.#lanes = new Plot("lanes", { listeners: pick });
    this.#frozen = new Plot("frozen");
    this.#pinsPlot = new Plot("pins");
    this.#pinsPlot.card.controls.append(this.#pinList);
    this.#curveViews = [this.#lanes, this.#pinsPlot].map((plot) => {
      const segments = new Segments("Curves", CURVES, (shown) => this.#showCurves(shown));
      plot.card.addSwitch(segments);
      return segments;
    });
    this.#settings = new Settings(this.#store, (number, { more }) => this.#select([number], { more, toggle: true }));
    this.#views = [this.#map, this.#frozen].map((plot) => {
      const segments = new Segments("Map", MAPS, (shown) => this.#showMap(shown));
      plot.card.addSwitch(segments);
      return segments;
    });
    this.#frozen.card.addButton(
      el("button", { type: "button", "data-action": "freeze", title: "Look at the live run's θ_0 as it is now", onclick: () => this.#send({ type: "freeze" }) }, "Take θ₀ again"),
    );
    this.#map.card.controls.append(this.#axes);
    const table = el("section", { class: "maml-card", "data-chart": "settings" }, el("header", {}, el("h3", {}, "Settings")), this.#detail, this.#settings.root);
    this.#root.append(
      el("div", { class: "maml-transport" }, this.#name, this.#pill, this.#resume, this.#cancel, this.#bar, this.#count, el("div", { class: "maml-report" }, this.#metric.root)),
      el("div", { class: "maml-line" }, this.#sentence),
      el("div", { class: "maml-grid" }, this.#map.card.root, this.#frozen.card.root, this.#lanes.card.root, this.#pinsPlot.card.root, table),
      this.#live,
    );
    this.#map.node.tabIndex = 0;
    this.#map.node.addEventListener("keydown", (event) => this.#key(event));
    this.#map.node.addEventListener("blur", () => this.#moveCursor(null));
    for (const plot of [this.#map, this.#frozen]) plot.onDrawn = () => window.mamlSweeps.drawn++;
    component.parentElement.append(this.#root);
    this.#present();
    this.recolor();
    this.#socket = this.#connect(component.data.token);
    loadPlotly().then(
      () => this.#plots.forEach((plot) => plot.draw()),
      () => this.#toast("The charts' library could not be loaded; reload the page.", "error"),
    );
    this.#root.addEventListener("click", blurAfterPointer);
    addEventListener("click", enterPanel);
    addEventListener("resize", this.#fit);
    onWidth(this.#root, this.#fit);
  }

  get #plots() {
    return [this.#map, this.#lanes, this.#frozen, this.#pinsPlot];
  }

  show() {
    this.#root.style.visibility = "";
    this.#fit();
    this.recolor();
  }

  again(component) {
    this.#component = component;
    if (component.data.token !== this.#socket.token) {
      this.#socket.close();
      this.#socket = this.#connect(component.data.token);
    }
    this.recolor();
    this.#fit();
  }

  destroy() {
    this.#socket.close();
    clearTimeout(this.#toastTimer);
    removeEventListener("click", enterPanel);
    removeEventListener("resize", this.#fit);
    this.#root.remove();
  }

  recolor() {
    const theme = isDark(this.#root) ? "dark" : "light";
    this.#root.dataset.theme = theme;
    if (theme === this.#theme) return;
    this.#theme = theme;
    for (const plot of this.#plots) {
      const figure = this.#figures[plot.id]?.[theme];
      if (figure) plot.look(figure, { keepNumbers: true });
    }
    this.#paint();
  }

  #paint() {
    paint(this.#root, this.#map.palette ?? this.#frozen.palette);
  }

  /** What is left of the window, but for a strip in which the plots below show that they are there. */
  #fit = () => {
    const scroller = this.#root.closest("[data-testid=stMain]");
    const top = this.#root.getBoundingClientRect().top + (scroller?.scrollTop ?? window.scrollY);
    this.#root.style.setProperty("--maml-height", `${Math.floor(window.innerHeight - top - 64)}px`);
    this.#root.dataset.narrow = this.#root.clientWidth <= 900; // as the style sheet has it, which cannot ask a box for its own width
  };

  // --- The server's side ---

  #send(message) {
    this.#socket.send(message);
  }

  #connect(token) {
    const handlers = { message: (message) => this.#message(message), frame: (frame) => this.#frame(frame), link: (link) => this.#linked(link) };
    return new Socket(token, handlers, "sweeps");
  }

  #linked(link) {
    this.#root.dataset.link = link;
    if (link === "open") this.#send({ type: "freeze" });
    if (link === "gone") this.#toast("The server no longer knows this page; reload it.", "error");
  }

  #message(message) {
    switch (message.type) {
      case "figures":
        this.#looks(message);
        break;
      case "sweep":
        this.#sweep(message);
        break;
      case "settings":
        this.#store.settings(message.settings);
        this.#settings.reset();
        break;
      case "setting":
        if (message.number === this.#chosen) {
          this.#address = message.address;
          this.#describe();
        }
        break;
      case "error":
        this.#toast(message.message, "error");
        break;
    }
  }

  #looks({ light, dark }) {
    for (const plot of this.#plots) {
      if (!light[plot.id]) continue;
      this.#figures[plot.id] = { light: light[plot.id], dark: dark[plot.id] };
      plot.look(this.#figures[plot.id][this.#theme]);
    }
    this.#paint();
  }

  #sweep(state) {
    const before = this.#state;
    this.#state = state;
    this.#pins = state.pins;
    this.#store.metric = state.metric;
    if (state.name !== before.name) {
      this.#store.axes = state.axes ?? [];
      this.#store.clear();
      this.#chosen = null;
      this.#reading = "";
      this.#rate = { at: 0, left: 0, perSecond: NaN };
      this.#shownMap = state.name === null ? "frozen" : "map";
      this.#settings.reset();
    } else if (state.metric !== before.metric) {
      this.#settings.reset();
    }
    if (state.status !== before.status && ["done", "stopped", "failed"].includes(state.status) && before.status) {
      this.#component.setTriggerValue?.("settled", Date.now()); // Optuna's plots and the list of sweeps may follow
    }
    this.#present();
    this.#choices();
    this.#describe();
    this.#mark();
  }

  /** Which parts there are to see, and what they are called. */
  #present() {
    const { name, status, problem } = this.#state;
    const has = name !== null && name !== undefined;
    setText(this.#name, has ? name : "");
    this.#pill.hidden = !has;
    this.#pill.dataset.kind = { running: "running", failed: "diverged" }[status] ?? "paused";
    setText(this.#pill, STATUS[status] ?? "");
    this.#resume.hidden = !["stopped", "failed"].includes(status);
    this.#cancel.hidden = !["running", "stopping"].includes(status);
    this.#cancel.disabled = status === "stopping";
    this.#bar.hidden = this.#count.hidden = !has;
    const classifies = has ? this.#state.classifies : this.#state.frozen?.classifies;
    this.#metric.show(classifies && has ? this.#state.metric : null);
    for (const segments of this.#views) segments.show(has ? this.#shownMap : null);
    this.#map.show(has && this.#shownMap === "map");
    this.#frozen.show(!has || this.#shownMap === "frozen");
    const pinned = has && this.#pins.length > 0;
    if (!pinned) this.#shownCurves = "lanes";
    for (const segments of this.#curveViews) segments.show(pinned ? this.#shownCurves : null);
    this.#lanes.show(has && this.#shownCurves === "lanes");
    this.#pinsPlot.show(pinned && this.#shownCurves === "pins");
    this.#pinsPlot.card.empty(this.#state.comparing ? "" : "Pin two settings or more, then train them side by side.");
    this.#listPins();
    this.#root.dataset.sweep = has;
    this.#say(problem ?? "");
  }

  #showMap(shown) {
    this.#shownMap = shown;
    this.#present();
    this.#views[shown === "map" ? 0 : 1].focus();
  }

  #showCurves(shown) {
    this.#shownCurves = shown;
    this.#present();
    this.#curveViews[shown === "lanes" ? 0 : 1].focus();
  }

  /** The pinned settings with their letters, and by how much each differs from the first. */
  #listPins() {
    const { comparing } = this.#state;
    const key = JSON.stringify([this.#pins, this.#differences, comparing, this.#state.name]);
    if (key === this.#pinList.dataset.key) return;
    this.#pinList.dataset.key = key;
    const rows = this.#pins.map((number, i) => {
      const unpin = el("button", { type: "button", "aria-label": `Unpin ${LETTERS[i]}`, onclick: () => this.#pin(this.#pins.filter((n) => n !== number)) }, "×");
      const words = i === 0 ? "compared with" : comparing ? (this.#differences[i] ?? "…") : "";
      return el("li", {}, el("b", {}, LETTERS[i]), el("span", {}, this.#store.lines(number)[0]), el("span", {}, words), unpin);
    });
    const start = el("button", { type: "button", class: "maml-primary", "data-action": "compare", disabled: this.#pins.length < 2, onclick: () => this.#compare() }, comparing ? "Again" : "Train side by side");
    this.#pinList.replaceChildren(el("ol", {}, ...rows), start);
    // The card's sentence hides its controls with its picture; these are what it speaks of.
    this.#pinList.style.visibility = "visible";
  }

  #pin(numbers) {
    this.#differences = [];
    this.#send({ type: "pin", numbers });
  }

  #compare() {
    this.#differences = [];
    this.#send({ type: "compare" });
  }

  #frame({ header, floats }) {
    window.mamlSweeps.frames++;
    window.mamlSweeps.log.push({ t: performance.now(), count: header.count });
    if (window.mamlSweeps.log.length > 400) window.mamlSweeps.log.shift();
    if (header.columns) this.#store.columns(header.columns, floats);
    const touched = new Set(Object.keys(header.ranges));
    for (const [id, trace, what, offset, size] of header.arrays) {
      this.#plot(id).set(trace, what, floats.subarray(offset, offset + size));
      touched.add(id);
    }
    for (const [id, shape] of Object.entries(header.shapes)) this.#plot(id).shape(shape);
    for (const [id, ranges] of Object.entries(header.ranges)) this.#plot(id).range(ranges);
    for (const [id, text] of Object.entries(header.summaries)) this.#plot(id).card.summary(text);
    for (const [id, text] of Object.entries(header.subtitles)) this.#plot(id).card.subtitle(text);
    if (header.count) this.#progress(header.count);
    if (header.pins) this.#differences = header.pins;
    this.#listPins();
    if (header.sentence !== undefined) this.#reading = header.sentence;
    this.#hover(touched);
    this.#mark();
    this.#settings.draw();
    this.#describe();
    this.#say(this.#state.problem ?? "");
    for (const id of touched) this.#plot(id).draw();
    requestAnimationFrame(() => this.#send({ type: "ack", frame: header.frame }));
  }

  #plot(id) {
    return { map: this.#map, lanes: this.#lanes, frozen: this.#frozen, pins: this.#pinsPlot }[id];
  }

  #progress({ size, ok, diverged, pruned, lane_steps, lane_steps_left }) {
    const done = ok + diverged + pruned;
    const total = lane_steps + lane_steps_left;
    this.#bar.value = done >= size ? 1 : total ? lane_steps / total : done / Math.max(1, size);
    const parts = [`${whole(done)} of ${whole(size)}`];
    if (diverged) parts.push(`${whole(diverged)} diverged`);
    if (pruned) parts.push(`${whole(pruned)} pruned`);
    const left = this.#secondsLeft(lane_steps_left);
    if (this.#state.status === "running" && Number.isFinite(left)) parts.push(left < 100 ? `${Math.ceil(left)} s left` : `${Math.ceil(left / 60)} min left`);
    setText(this.#count, parts.join(" · "));
  }

  #secondsLeft(left) {
    const now = performance.now() / 1000;
    const rate = this.#rate;
    if (!rate.at || left > rate.left) Object.assign(rate, { at: now, left, perSecond: NaN });
    else if (now - rate.at > 2) {
      const measured = (rate.left - left) / (now - rate.at);
      const perSecond = Number.isNaN(rate.perSecond) ? measured : 0.5 * (rate.perSecond + measured);
      Object.assign(rate, { at: now, left, perSecond });
    }
    return rate.perSecond > 0 ? left / rate.perSecond : NaN;
  }

  // --- What is looked at ---

  /** Asks for another view: `{x, y, color, metric, slices}`, what is left out stays. */
  #look(change) {
    this.#send({ type: "view", ...this.#state.view, ...change });
  }

  /** The axes of the map, a value for each other one, and what colours the curves. */
  #choices() {
    const { axes = [], view } = this.#state;
    const key = JSON.stringify([axes.map(({ name }) => name), view, this.#state.name]);
    if (key === this.#axes.dataset.key) return;
    this.#axes.dataset.key = key;
    if (!view) return void this.#axes.replaceChildren();
    const select = (label, chosen, options, choose) => {
      const list = options.map(([value, text]) => el("option", { value, selected: value === chosen }, text));
      return el("label", {}, el("span", {}, label), el("select", { onchange: ({ target }) => choose(target.value) }, ...list));
    };
    const names = axes.map(({ name, symbol }) => [name, symbol]);
    const parts = [];
    if (axes.length > 1) {
      parts.push(select("across", view.x, names, (x) => this.#look({ x, y: x === view.y ? view.x : view.y })));
      parts.push(
        select("up", view.y ?? "", [...names, ["", "(none: a profile)"]], (y) => this.#look({ y: y || null, x: y === view.x && view.y ? view.y : view.x })),
      );
      parts.push(select("colour of curves", view.color, names, (color) => this.#look({ color })));
    }
    for (const { name, symbol, values } of axes) {
      if (name === view.x || name === view.y || !values.length) continue;
      const options = [["", "best"], ...values.map((value, i) => [String(i), said(value)])];
      const chosen = String(values.findIndex((value) => value === (view.slices[name] ?? undefined)));
      parts.push(select(symbol, chosen === "-1" ? "" : chosen, options, (i) => this.#look({ slices: { ...view.slices, [name]: i === "" ? null : values[Number(i)] } })));
    }
    this.#axes.replaceChildren(...parts);
  }

  /** What is said of the point under the pointer. */
  #hover(touched) {
    if (touched.has("map")) {
      const { customdata = [] } = this.#map.array(SETTINGS);
      this.#map.set(SETTINGS, "text", Array.from(customdata, (number) => this.#store.lines(number).join("<br>").replace("λ_max", "λ<sub>max</sub>")));
    }
    if (touched.has("lanes")) {
      for (let trace = 0; trace < this.#lanes.numTraces - 1; trace++) {
        const { customdata = [], y = [], x = [] } = this.#lanes.array(trace);
        const text = Array.from(customdata, (number, i) => `${this.#store.lines(number)[0]}<br>outer step ${x[i]}: ${short(y[i])}`);
        this.#lanes.set(trace, "text", text);
      }
    }
    if (touched.has("frozen")) {
      const { customdata = [], x = [], y = [] } = this.#frozen.array(FROZEN_CELLS);
      const written = this.#state.frozen?.classifies && this.#state.metric === "accuracy" ? percent : short;
      const text = Array.from(x, (place, i) => {
        const [value, ci95, share, worse] = customdata.subarray(4 * i, 4 * i + 4);
        const result = Number.isNaN(value) ? "diverged" : `${written(value)} ± ${written(ci95)}`;
        return `α ${short(10 ** place)}, ${y[i]} inner steps: ${result}<br>${losers(share, worse)}`;
      });
      this.#frozen.set(FROZEN_CELLS, "text", text);
    }
  }

  // --- Selection ---

  #clicked({ points, event }) {
    const number = this.#numberOf(points[0]);
    if (number !== null) this.#select([number], { more: event.shiftKey || event.ctrlKey || event.metaKey, toggle: true });
  }

  #boxed(event) {
    if (!event) return;
    setTimeout(() => this.#plots.forEach((plot) => plot.draw()), 50); // takes the box away, once Plotly is through with it
    const numbers = new Set(event.points.map((point) => this.#numberOf(point)).filter((number) => number !== null));
    if (numbers.size) this.#select([...numbers]);
  }

  #numberOf({ data, fullData, curveNumber, pointNumber, pointIndex }) {
    const plot = this.#map.node.data?.[curveNumber] === data ? this.#map : this.#lanes;
    const { customdata } = plot.array(curveNumber);
    const number = customdata?.[pointNumber ?? pointIndex];
    return Number.isFinite(number) && fullData ? number : null;
  }

  #select(numbers, { more = false, toggle = false } = {}) {
    const { selected } = this.#store;
    const only = toggle && !more && selected.size === 1 && selected.has(numbers[0]);
    if (!more) selected.clear();
    for (const number of only ? [] : numbers) {
      if (more && toggle && selected.has(number)) selected.delete(number);
      else selected.add(number);
    }
    const chosen = selected.size === 1 ? [...selected][0] : null;
    if (chosen !== this.#chosen) {
      this.#chosen = chosen;
      this.#address = null;
      if (chosen !== null) this.#send({ type: "setting", number: chosen });
    }
    this.#send({ type: "select", numbers: [...selected] });
    this.#component.setStateValue?.("selected", [...selected].sort((a, b) => a - b));
    this.#mark();
    this.#describe();
    this.#settings.draw();
    this.#map.draw();
    this.#lanes.draw();
  }

  /** The traces that the page fills itself: rings around what is selected, letters on what is pinned, the selected curves. */
  #mark() {
    const { selected } = this.#store;
    const { customdata = [], x = [], y = [] } = this.#map.array(SETTINGS);
    const ringed = [...new Set([...selected, ...(this.#cursor === null ? [] : [this.#cursor])])];
    const at = new Map(Array.from(customdata, (number, i) => [number, i]));
    const places = (numbers) => numbers.map((number) => at.get(number)).filter((i) => i !== undefined);
    const rings = places(ringed);
    this.#map.set(SELECTED, "x", rings.map((i) => x[i]));
    this.#map.set(SELECTED, "y", rings.map((i) => y[i]));
    const pinned = this.#pins.map((number, i) => [at.get(number), LETTERS[i]]).filter(([i]) => i !== undefined);
    this.#map.set(PINNED, "x", pinned.map(([i]) => x[i]));
    this.#map.set(PINNED, "y", pinned.map(([i]) => y[i]));
    this.#map.set(PINNED, "text", pinned.map(([, letter]) => letter));
    const last = this.#lanes.numTraces - 1;
    if (last < 0) return;
    const chosen = { x: [], y: [] };
    for (let trace = 0; trace < last; trace++) {
      const lanes = this.#lanes.array(trace);
      this.#lanes.set(trace, "opacity", selected.size ? 0.22 : 1);
      for (let i = 0; i < (lanes.customdata?.length ?? 0); i++) {
        if (!selected.has(lanes.customdata[i])) continue;
        chosen.x.push(lanes.x[i]);
        chosen.y.push(lanes.y[i]);
      }
    }
    this.#lanes.set(last, "x", chosen.x);
    this.#lanes.set(last, "y", chosen.y);
  }

  /** What is selected, and what can be done with it. */
  #describe() {
    const { selected } = this.#store;
    const key = JSON.stringify([this.#chosen, selected.size, this.#address, this.#pins, this.#chosen === null ? 0 : this.#store.lines(this.#chosen), this.#state.name]);
    if (key === this.#detail.dataset.key) return;
    this.#detail.dataset.key = key;
    if (this.#state.name === null) return void this.#detail.replaceChildren(el("p", {}, "Define a sweep on the left and start it."));
    if (!selected.size) return void this.#detail.replaceChildren(el("p", {}, "Click a cell, a curve or a row; drag a box for several. With the keyboard: arrows on the map, Enter."));
    const clear = el("button", { type: "button", "data-action": "clear", onclick: () => this.#select([]) }, "Clear");
    if (this.#chosen === null) {
      return void this.#detail.replaceChildren(el("p", {}, `${selected.size} settings selected; the plots below are of them.`), el("div", { class: "maml-actions" }, clear));
    }
    const [at, ...lines] = this.#store.lines(this.#chosen);
    const open = el("a", { class: "maml-button maml-primary", "data-action": "open-live", href: this.#address === null ? null : `./?${this.#address}`, onclick: (event) => this.#open(event) }, "Open as a live run");
    this.#detail.replaceChildren(
      el("p", {}, el("strong", {}, at)),
      el("p", {}, lines.join(" · ").replace("λ_max", "λ<sub>max</sub>")),
      el("div", { class: "maml-actions" }, open, this.#pinButton(this.#chosen), clear),
    );
    for (const p of this.#detail.querySelectorAll("p")) setRich(p, p.textContent);
  }

  #pinButton(number) {
    const pinned = this.#pins.includes(number);
    const full = !pinned && this.#pins.length >= LETTERS.length;
    const pins = pinned ? this.#pins.filter((n) => n !== number) : [...this.#pins, number];
    const press = () => {
      if (!pinned) this.#shownCurves = "pins";
      this.#pin(pins);
    };
    return el("button", { type: "button", "data-action": "pin", "aria-pressed": String(pinned), disabled: full, onclick: press }, pinned ? "Unpin" : "Pin to compare");
  }

  /** In this tab; with a modifier the link opens another one, as links do. */
  #open(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    this.#component.setTriggerValue?.("open", this.#chosen);
  }

  // --- The keyboard ---

  #key(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    const { customdata = [], x = [], y = [] } = this.#map.array(SETTINGS);
    if (step && customdata.length) {
      event.preventDefault();
      this.#moveCursor(nearest(Array.from(customdata), x, y, this.#cursor ?? this.#chosen, step));
    } else if ((event.key === "Enter" || event.key === " ") && this.#cursor !== null) {
      event.preventDefault();
      this.#select([this.#cursor], { more: event.shiftKey, toggle: true });
    } else if (event.key === "Escape" && this.#store.selected.size) {
      this.#select([]);
    }
  }

  #moveCursor(number) {
    if (number === this.#cursor) return;
    this.#cursor = number;
    if (number !== null) setText(this.#live, this.#store.lines(number).join(", "));
    this.#mark();
    this.#map.draw();
  }

  // --- Words ---

  #rows() {
    const { axes } = this.#store;
    const head = ["setting", ...axes.map(({ symbol }) => symbol), this.#store.metric, "± 95%", "tasks worse", "tasks diverged", "2/λ_max", "state"];
    const rows = this.#store.numbers.map((number) => {
      const s = this.#store.get(number);
      return [number, ...axes.map(({ name }) => s.values[name] ?? "off"), s.value, s.ci95, s.worse_share, s.diverged_share, s.limit, KINDS[s.kind]];
    });
    return { caption: `Settings of ${this.#state.name}`, head, rows: rows.map((row) => row.map((value) => (typeof value === "boolean" ? String(value) : value))) };
  }

  #say(problem) {
    if (this.#toastTimer) return;
    const idea = this.#state.name === null ? "At once: one frozen θ_0, adapted with every α. What training makes of α and β is what a sweep shows." : this.#reading;
    this.#sentence.dataset.kind = problem ? "error" : "";
    setRich(this.#sentence, problem ? `${problem}.` : idea);
    this.#sentence.title = this.#sentence.textContent;
  }

  #toast(text, kind) {
    clearTimeout(this.#toastTimer);
    this.#sentence.dataset.kind = kind;
    setRich(this.#sentence, text);
    setText(this.#live, text);
    this.#toastTimer = setTimeout(() => {
      this.#toastTimer = 0;
      this.#say(this.#state.problem ?? "");
    }, TOAST_MS);
  }
}

/** The setting next to one in a direction: the nearest on that side, the straighter the better; the first one from nowhere. */
function nearest(numbers, x, y, from, [dx, dy]) {
  const start = numbers.indexOf(from);
  if (start < 0) return numbers[0];
  const width = Math.max(...x) - Math.min(...x) || 1;
  const height = Math.max(...y) - Math.min(...y) || 1;
  let best = { number: from, cost: Infinity };
  for (let i = 0; i < numbers.length; i++) {
    const right = (x[i] - x[start]) / width;
    const up = (y[i] - y[start]) / height;
    const ahead = right * dx + up * dy;
    const aside = Math.abs(right * dy) + Math.abs(up * dx);
    const cost = ahead + 4 * aside;
    if (ahead > 1e-6 && cost < best.cost) best = { number: numbers[i], cost };
  }
  return best.number;
}

export default mounter(Page, ["style.css", "sweeps.css"]);
