// The sensitivity screen: builds itself once in Streamlit's element and is then fed by its own socket.

import { el, known, onWidth, setText, showTheme, topOf } from "../common/dom.js";
import { Tips, explanation } from "../common/explain.js";
import { blurAfterPointer, enterPanel, loadPlotly, mounter, paint, whenConnected } from "../common/mounting.js";
import { flat } from "../common/pieces.js";
import { Sentence } from "../common/sentence.js";
import { FULL, LOST, Socket } from "../common/socket.js";
import { Still } from "../common/still.js";
import { Axes } from "./axes.js";
import { SweepCharts } from "./charts.js";
import { Header } from "./header.js";
import { keepLook, keptLook } from "./kept.js";
import { Pins } from "./pins.js";
import { Place } from "./place.js";
import { Selection } from "./selection.js";
import { Store } from "./store.js";
import { Settings } from "./table.js";
import { Whole } from "./whole.js";

/** @import { Component, Screen } from "../common/mounting.js" */
/** @import { Frame, Help } from "../common/protocol.js" */
/** @import { Look } from "./kept.js" */
/** @import { Sweep, SweepFrame, SweepMessage, SweepRequest, View } from "./protocol.js" */
/** @import { Handlers, Link } from "../common/socket.js" */
/** @import { SweepState } from "./header.js" */

const MAPS = /** @type {const} */ ([
  ["map", "Sweep"],
  ["rank", "Rank"],
  ["frozen", "Frozen θ₀"],
]);
const CURVES = /** @type {const} */ ([
  ["lanes", "Curves"],
  ["sweep_edge", "Edge"],
  ["pins", "Side by side"],
]);
const LOG_LENGTH = 400;
const IDEA = "At once: one frozen θ_0, adapted with every α. What training makes of α and β is what a sweep shows.";
const ENDED = ["done", "stopped", "failed", "gone"];

// For tests and the benchmark.
window.mamlSweeps ??= { frames: 0, drawn: 0, log: [] };

/** @param {SweepFrame} header */
function record({ count }) {
  const { log } = window.mamlSweeps;
  window.mamlSweeps.frames++;
  log.push({ t: performance.now(), count });
  if (log.length > LOG_LENGTH) log.shift();
}

/** @implements {Screen} */
class Page {
  #component;
  #root = el("div", { class: "maml-live maml-sweeps", "data-link": "open", style: "visibility:hidden" });
  #still = new Still(this.#root);
  /** @type {Socket<SweepMessage, SweepRequest, SweepFrame>} */
  #socket;
  #send = (/** @type {SweepRequest} */ message) => this.#socket.send(message);
  /** @type {Link} */
  #link = "open";
  #store = new Store();
  /** @type {SweepState} */
  #state = { name: null };
  #reading = "";
  #expected; // the sweep that the address names, until one is shown or it is known that there is none
  #header = new Header({ send: this.#send, look: (change) => this.#look(change) });
  #live = el("div", { class: "maml-visually-hidden", "aria-live": "polite" });
  #sentence = new Sentence((text) => setText(this.#live, flat(text)));
  #whole = new Whole(this.#sentence.root);
  #axes = new Axes((change) => this.#look(change));
  #charts;
  #pins;
  #selection;
  #settings;
  #maps;
  #curves;
  /**
   * How this tab looked at the sweep before, until its settings are here.
   *
   * @type {Look | null}
   */
  #before = null;

  /** @param {Component} component */
  constructor(component) {
    this.#component = component;
    this.#expected = component.data.sweep ?? "";
    this.#charts = new SweepCharts(this.#store, {
      clicked: (event) => this.#selection.clicked(event),
      boxed: (event) => this.#selection.boxed(event),
      of: () => this.#state.name ?? "",
      drawn: () => window.mamlSweeps.drawn++,
    });
    this.#pins = new Pins(this.#store, { send: this.#send, changed: () => this.#pinned() });
    this.#selection = new Selection({
      store: this.#store,
      charts: this.#charts,
      pins: this.#pins,
      send: this.#send,
      // Not while there is no connection; the style sheet shows it so.
      open: (number) => this.#link === "open" && whenConnected(() => this.#component.setTriggerValue?.("open", number)),
      changed: () => this.#selected(),
      pinning: () => (this.#curves.shown = "pins"),
      reached: (number) => setText(this.#live, flat(this.#charts.told(number).join(", "))),
    });
    this.#settings = new Settings(this.#store, (number, { more }) => this.#selection.select([number], { more, toggle: true }));
    const { all, map, rank, frozen, curves, pins } = this.#charts;
    this.#maps = new Place("Map", MAPS, [map, rank, frozen], () => this.#switched());
    this.#curves = new Place("Curves", CURVES, [...curves, pins], () => this.#switched());
    frozen.card.addButton(freezeButton(() => this.#send({ type: "freeze" })));
    map.card.controls.append(this.#axes.root);
    pins.card.controls.append(this.#pins.root);
    this.#root.append(
      this.#header.root,
      el("div", { class: "maml-line" }, this.#sentence.root, this.#whole.root),
      el("div", { class: "maml-grid" }, ...all.map(({ card }) => card.root), table(component.data.help.settings, this.#selection.root, this.#settings.root)),
      this.#live,
    );
    component.parentElement.append(this.#root);
    new Tips(this.#root);
    this.#present();
    this.recolor();
    this.#socket = this.#connect(component.data.token);
    loadPlotly().then(
      () => this.#charts.draw(),
      () => this.#sentence.toast("The charts' library could not be loaded; reload the page.", "error"),
    );
    this.#root.addEventListener("click", blurAfterPointer);
    addEventListener("click", enterPanel);
    addEventListener("resize", this.#fit);
    onWidth(this.#root, this.#fit);
  }

  show() {
    this.#root.style.visibility = "";
    this.#fit();
    this.recolor();
  }

  /** @param {Component} component */
  again(component) {
    this.#component = component;
    this.#socket = this.#socket.of(component.data.token);
    this.#expected = component.data.sweep ?? "";
    this.#present();
    this.recolor();
    this.#fit();
  }

  destroy() {
    this.#socket.close();
    this.#sentence.destroy();
    removeEventListener("click", enterPanel);
    removeEventListener("resize", this.#fit);
    this.#root.remove();
  }

  recolor() {
    const theme = showTheme(this.#root);
    this.#charts.recolor(theme);
    paint(this.#root, this.#charts.palette);
  }

  /** What is left of the window, but for a strip in which the plots below show that they are there. */
  #fit = () => {
    this.#root.style.setProperty("--maml-height", `${Math.floor(window.innerHeight - topOf(this.#root) - 64)}px`);
    this.#root.dataset.narrow = String(this.#root.clientWidth <= 900); // as the style sheet has it, which cannot ask a box for its own width
  };

  // --- The server's side ---

  /** @param {string} token */
  #connect(token) {
    /** @type {Handlers<SweepMessage, SweepFrame>} */
    const handlers = {
      message: (message) => this.#still.then(() => this.#message(message)),
      frame: (frame) => this.#still.then(() => this.#frame(frame)),
      link: (link) => this.#still.then(() => this.#linked(link)),
      full: () => this.#sentence.toast(FULL, "error"),
    };
    return new Socket(token, handlers, "sweeps");
  }

  /** @param {Link} link */
  #linked(link) {
    const before = this.#link;
    this.#link = this.#root.dataset.link = link;
    this.#header.link(link, this.#state, this.#store.refusals.size);
    if (link === "open") this.#send({ type: "freeze" });
    else if (link !== before) setText(this.#live, LOST[link]);
    this.#say();
    if (link === "gone") this.#socket.askAgain(() => this.#component.setTriggerValue?.("settled", Date.now()));
  }

  /** @param {SweepMessage} message */
  #message(message) {
    switch (message.type) {
      case "figures":
        this.#charts.looks(message);
        paint(this.#root, this.#charts.palette);
        break;
      case "sweep":
        this.#sweep(message);
        break;
      case "settings":
        this.#store.settings(message.settings);
        this.#settings.reset();
        this.#pinAgain();
        break;
      case "setting":
        this.#selection.address(message.number, message.address);
        break;
      case "error":
        this.#before = null;
        this.#pins.show(this.#state.pins ?? []); // it may be a pin that was refused
        this.#sentence.toast(message.message, "error");
        break;
    }
  }

  /** @param {Sweep} state */
  #sweep(state) {
    const before = this.#state;
    this.#state = state;
    this.#store.metric = state.metric;
    this.#store.refusals = new Map(state.refused ?? []);
    if (state.name !== before.name) {
      const { size } = this.#store.selected;
      this.#store.axes = state.axes ?? [];
      this.#store.clear();
      this.#selection.reset(state.name);
      if (size) this.#selected(); // the plots below were of settings of the other sweep
      this.#header.reset();
      this.#whole.reset();
      this.#reading = "";
      this.#maps.shown = state.name === null ? "frozen" : "map";
      this.#settings.reset();
      this.#before = state.name === null ? null : keptLook(state.name, state.axes ?? []);
      this.#maps.shown = MAPS.find(([id]) => id === this.#before?.charts[0])?.[0] ?? this.#maps.shown;
    } else if (state.metric !== before.metric) {
      this.#settings.reset();
    }
    if (state.status !== before.status && ENDED.includes(state.status ?? "") && before.status) {
      whenConnected(() => this.#component.setTriggerValue?.("settled", Date.now())); // Optuna's plots and the list of sweeps may follow
    }
    this.#header.progress(state, this.#store.refusals.size); // how it stands may be told before the last frame comes
    this.#axes.show(state.name, state.axes ?? [], state.view);
    this.#pins.show(state.pins);
    this.#present();
    if (state.name !== before.name && this.#before) this.#look(this.#before.view);
    if (this.#before && (state.pins.length || !this.#before.pins.length)) this.#lookedAgain();
    if (state.name === before.name) this.#keep();
  }

  /** Asks for the pins that this tab had, now that the settings are known; the answer is the end of it. */
  #pinAgain() {
    if (!this.#before) return;
    const numbers = this.#before.pins.filter((number) => this.#store.numbers.includes(number));
    if (numbers.length) this.#send({ type: "pin", numbers });
    else this.#lookedAgain();
  }

  /** All is as it was when this tab looked at the sweep before. */
  #lookedAgain() {
    this.#curves.shown = CURVES.find(([id]) => id === this.#before?.charts[1])?.[0] ?? this.#curves.shown;
    this.#before = null;
    this.#present();
  }

  /** Keeps how the sweep is looked at, for after a reload. */
  #keep() {
    const { name, axes = [], view, pins = [] } = this.#state;
    if (name === null || !view || this.#before) return;
    keepLook(name, axes, { view, pins, charts: [this.#maps.shown, this.#curves.shown] });
  }

  /** @param {Frame<SweepFrame>} frame */
  #frame(frame) {
    const { header, floats } = frame;
    record(header);
    if (header.columns) this.#store.columns(header.columns, header.standing ?? null, floats);
    const touched = this.#charts.frame(frame);
    if (header.count) this.#header.progress(this.#state, this.#store.refusals.size, header.count);
    if (header.pins) this.#pins.differ(header.pins);
    this.#pins.draw(this.#state.name, this.#state.comparing ?? false);
    if (header.sentence !== undefined) this.#reading = header.sentence;
    this.#charts.hover(touched, this.#state.frozen?.classifies === true && this.#state.metric === "accuracy");
    this.#selection.refresh();
    this.#settings.draw();
    this.#say();
    for (const plot of touched) plot.draw();
    for (const plot of this.#charts.marked) if (!touched.has(plot)) plot.mark();
    requestAnimationFrame(() => this.#send({ type: "ack", frame: header.frame }));
  }

  // --- What is looked at ---

  /**
   * Asks for another view; what is left out stays. It counts at once: the next change may come before the server's answer.
   *
   * @param {Partial<View>} change
   */
  #look(change) {
    const view = { ...known(this.#state.view), ...change };
    this.#state = { ...this.#state, view };
    this.#send({ type: "view", ...view });
    this.#axes.show(this.#state.name, this.#state.axes ?? [], view);
  }

  /** Which parts there are to see. */
  #present() {
    const { name, comparing = false, opening = "" } = this.#state;
    const has = name !== null;
    if (has) this.#expected = "";
    const comes = !has && Boolean(opening || this.#expected); // its charts have their places already, so that nothing moves when it is there
    this.#header.show(this.#state);
    this.#maps.present(has ? ["map", "rank", "frozen"] : [comes ? "map" : "frozen"]);
    const pinned = has && this.#pins.numbers.length > 0;
    /** @type {("lanes" | "sweep_edge" | "pins")[]} */
    const curves = has ? ["lanes", "sweep_edge"] : comes ? ["lanes"] : [];
    this.#curves.present(pinned ? [...curves, "pins"] : curves);
    const next = this.#pins.numbers.length < 2 ? "Pin two settings or more, then train them side by side." : "Train the pinned settings side by side: their curves come here.";
    this.#charts.pins.card.empty(comparing ? "" : next);
    this.#pins.draw(name, comparing);
    this.#selection.opening(comes);
    this.#root.dataset.sweep = String(has || comes);
    this.#say();
  }

  /** Another chart is shown in a place. */
  #switched() {
    this.#present();
    this.#keep();
  }

  /** Other settings are pinned. */
  #pinned() {
    this.#present();
    this.#selection.refresh();
    for (const plot of this.#charts.marked) plot.mark();
  }

  /** Other settings are selected. */
  #selected() {
    const numbers = [...this.#store.selected].sort((a, b) => a - b);
    whenConnected(() => this.#component.setStateValue?.("selected", numbers));
    this.#settings.draw();
  }

  // --- Words ---

  #say() {
    const { name, problem, opening, status } = this.#state;
    const isAside = status === "gone" || status === "stopped"; // what its results say stays true, and comes after it
    const wrong = LOST[this.#link] || (problem && !isAside ? `${problem}.` : "");
    const idea = this.#expected ? "" : IDEA;
    const found = isAside && problem ? `${problem}. ${this.#reading}` : this.#reading;
    this.#sentence.say(wrong || opening || (name === null ? idea : found), wrong ? "error" : "");
    this.#whole.look();
  }
}

/** @param {() => void} onclick */
const freezeButton = (onclick) => el("button", { type: "button", "data-action": "freeze", title: "Look at the live run's θ₀ as it is now", onclick }, "Take θ₀ again");

/**
 * The card of all settings.
 *
 * @param {Help} help
 * @param {...HTMLElement} parts
 */
function table(help, ...parts) {
  const why = explanation();
  why.show("Settings", help);
  const head = el("header", {}, el("h3", {}, "Settings"), why.button, why.panel);
  return el("section", { class: "maml-card", "data-chart": "settings" }, head, ...parts);
}

export default mounter(Page, ["common/style.css", "sweeps/style.css"]);
