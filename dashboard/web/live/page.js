// The live page: builds itself once in Streamlit's element and is then fed by its own socket.

import { el, onWidth, topOf } from "../common/dom.js";
import { Tips } from "../common/explain.js";
import { blurAfterPointer, enterPanel, loadPlotly, mounter, whenConnected } from "../common/mounting.js";
import { FULL, Socket } from "../common/socket.js";
import { Still } from "../common/still.js";
import { isRequest } from "../common/waiting.js";
import { Acting } from "./acting.js";
import { Address } from "./address.js";
import { Afresh } from "./afresh.js";
import { Apart } from "./apart.js";
import { Charts } from "./charts.js";
import { ClassOfPage, ENDED } from "./class.js";
import { Compare } from "./compare.js";
import { Dials } from "./dials.js";
import { Draw } from "./draw.js";
import { Ghosts } from "./ghosts.js";
import { Keys } from "./keys.js";
import { awaitsAnswer, LessonStrip } from "./lesson.js";
import { Looks } from "./looks.js";
import { Moments } from "./moments.js";
import { Points } from "./points.js";
import { Presenter } from "./presenter.js";
import { Stage } from "./stage.js";
import { Switches } from "./switches.js";
import { Task } from "./task.js";
import { Transport } from "./transport.js";
import { Travel } from "./travel.js";
import { Words } from "./words.js";

/** @import { Component, Screen } from "../common/mounting.js" */
/** @import { Frame } from "../common/protocol.js" */
/** @import { LiveFrame, LiveMessage, LiveRequest, State } from "./protocol.js" */
/** @import { Handlers, Link } from "../common/socket.js" */

const LOG_LENGTH = 400;
const COMPUTING_MS = 150; // a run that is there sooner takes the old one's place without a flicker

// For tests and the benchmark.
window.mamlLive ??= { frames: 0, drawn: {}, lastFrame: null, lastStep: null, log: [] };

/**
 * @param {string} event
 * @param {{ frame: number, change?: number | null }} header
 */
function record(event, { frame, change = null }) {
  const { log } = window.mamlLive;
  log.push({ t: performance.now(), event, frame, change });
  if (log.length > LOG_LENGTH) log.shift();
}

/** @implements {Screen} */
class Page {
  #component;
  #root = el("div", { class: "maml-live", "data-link": "open", style: "visibility:hidden" });
  #charts;
  #transport;
  #dials;
  #acting = new Acting();
  #apart = new Apart((message) => this.#send(message));
  #lesson;
  #class;
  #compare;
  #task;
  #draw;
  #points;
  #still = new Still(this.#root);
  /** @type {Socket<LiveMessage, LiveRequest, LiveFrame>} */
  #socket;
  #send = (/** @type {LiveRequest} */ message) => (this.#class?.isOver && isRequest(message) ? this.#refused(ENDED) : this.#socket.send(message));
  #changeId = 0;
  #words = new Words(() => this.#transport.words);
  #address = new Address(() => this.#transport.shownStep, () => this.#root.isConnected);
  #switches;
  #travel;
  #ghosts;
  #keys;
  #presenter;
  #stage;
  #afresh;
  #moments;
  #looks;
  /** @type {string | null} */
  #run = null; // whose numbers are shown
  /** @type {State | null} */
  #state = null;
  #clearTimer = 0;

  /** @param {Component} component */
  constructor(component) {
    this.#component = component;
    const { charts, tabs, help, token, lesson, follows = "" } = component.data;
    const send = this.#send;
    this.#charts = new Charts(charts ?? [], { onDrawn: (header) => this.#drawn(header), stats: window.mamlLive });
    this.#points = new Points({ send: (message) => this.#ask(message), plot: this.#charts.fit.node });
    this.#task = new Task({ charts: this.#charts, send, terms: help.terms, walked: () => this.#lesson.walked() });
    const refused = (/** @type {string} */ sentence) => this.#words.refused(sentence);
    this.#dials = new Dials((changes, drag) => (this.#words.forgive(), this.#ask({ type: "set", changes, drag })), { refused, named: help.dials });
    this.#dials.formulas.button = this.#apart.button;
    this.#draw = new Draw({ send: (message) => this.#ask(message) });
    this.#charts.get("images").card.addButton(this.#draw.button);
    this.#charts.get("fit").card.addButton(this.#points.button);
    this.#compare = new Compare(send, { tell: (text) => this.#words.tell(text), follows: Boolean(follows) });
    this.#charts.curve.card.addPanel(this.#compare);
    this.#stage = new Stage(this.#root, refused);
    this.#moments = new Moments({
      send,
      isLesson: Boolean(lesson || follows),
      note: (sentence) => this.#words.note(sentence),
      retract: (sentence) => this.#words.retract(sentence),
      refused,
      sight: () => ({ presents: this.#presenter.isOn, large: this.#presenter.large, k: this.#task.chosen }),
      see: ({ presents, large }) => {
        if (presents !== this.#presenter.isOn) this.#looks.togglePresenter();
        this.#presenter.enlarge(large);
      },
      look: (k) => this.#task.look(k),
    });
    this.#stage.tools.append(...this.#moments.tools);
    this.#transport = new Transport({
      send,
      tools: this.#stage.tools,
      innerStep: () => this.#task.advance(),
      share: () => this.#address.toCopy(),
      say: (sentence) => this.#words.note(sentence),
      refused,
      openClass: () => this.#class.open(),
      presenter: () => this.#looks.togglePresenter(),
      pauseHidden: (on) => this.#looks.choosePause(on),
      resetAll: () => this.#afresh.reset(),
      undone: () => this.#afresh.undone(),
    });
    this.#switches = new Switches(this.#charts, tabs ?? [], send);
    this.#travel = new Travel(this.#charts, send);
    this.#lesson = new LessonStrip(this.#root, {
      send,
      follows: Boolean(follows),
      sentence: this.#words.sentence,
      walk: () => this.#task.walk(),
      tell: (text) => this.#words.tell(text),
      refused,
      leave: (to) => whenConnected(() => this.#component.setTriggerValue?.("leave", to)),
    });
    this.#class = new ClassOfPage(this.#root, follows, {
      send,
      refused,
      tell: (text) => this.#words.tell(text),
      leave: () => whenConnected(() => this.#component.setTriggerValue?.("leave", "live")),
      over: () => this.#socket.close(),
      changed: () => this.#showAgain(),
    });
    this.#ghosts = new Ghosts(this.#charts, send);
    this.#root.toggleAttribute("data-lesson", Boolean(lesson));
    const grid = el("div", { class: "maml-grid" }, ...this.#charts.cards.map(({ root }) => root));
    const line = el("div", { class: "maml-line" }, this.#apart.root, this.#compare.root, this.#acting.root, ...this.#words.roots);
    this.#presenter = new Presenter(this.#root, grid, { charts: this.#charts, tell: (text) => this.#words.tell(text) });
    this.#root.append(
      this.#class.root,
      this.#lesson.root,
      el("div", { class: "maml-room" }, this.#lesson.guide, el("div", { class: "maml-view" }, this.#transport.root, this.#dials.root, line, grid)),
      this.#words.live,
      this.#draw.root,
      this.#points.root,
    );
    component.parentElement.append(this.#root);
    new Tips(this.#root);
    this.#looks = new Looks(this.#root, {
      charts: this.#charts,
      draw: this.#draw,
      presenter: this.#presenter,
      stage: this.#stage,
      transport: this.#transport,
      resized: this.#resized,
      pause: (on) => this.#socket?.send({ type: "pause_hidden", on }),
    });
    this.#afresh = new Afresh({ charts: this.#charts, looks: this.#looks, presenter: this.#presenter, stage: this.#stage }, send);
    this.#socket = this.#connect(token, follows ? `class.${follows}` : lesson);
    loadPlotly().then(
      () => this.#charts.schedule(),
      () => refused("The charts' library could not be loaded; reload the page."),
    );
    this.#keys = new Keys(this.#root, shortcuts({ transport: this.#transport, task: this.#task, travel: this.#travel, apart: this.#apart, presenter: this.#presenter, stage: this.#stage, moments: this.#moments, group: this.#class, compare: this.#compare }, send));
    addEventListener("click", enterPanel);
    addEventListener("resize", this.#resized);
    document.addEventListener("maml-begin", this.#begun);
    onWidth(this.#root, this.#resized);
    this.#root.addEventListener("click", blurAfterPointer);
    fitHeight(this.#root);
  }

  /** Once the style sheet is there: nothing is seen, or measured, before. */
  show() {
    this.#root.style.visibility = "";
    this.recolor();
    this.#resized();
    this.#begun();
  }

  /** @param {Component} component Another theme, or another page token after the server came back. */
  again(component) {
    this.#component = component;
    this.#socket = this.#socket.of(component.data.token);
    this.recolor();
    fitHeight(this.#root);
  }

  recolor() {
    this.#looks.recolor();
  }

  destroy() {
    this.#socket.close();
    removeEventListener("click", enterPanel);
    removeEventListener("resize", this.#resized);
    document.removeEventListener("maml-begin", this.#begun);
    clearTimeout(this.#clearTimer);
    for (const part of [this.#keys, this.#words, this.#address, this.#dials, this.#draw, this.#points, this.#presenter, this.#stage]) part.destroy();
    this.#root.remove();
  }

  // --- The server's side ---

  /**
   * @param {string} token
   * @param {string} [lesson]
   */
  #connect(token, lesson) {
    /** @type {Handlers<LiveMessage, LiveFrame>} */
    const handlers = {
      message: (message) => this.#still.then(() => this.#message(message)),
      frame: (frame) => this.#still.then(() => this.#frame(frame)),
      link: (link) => this.#still.then(() => this.#linked(link)),
      full: () => this.#refused(FULL),
    };
    return new Socket(token, handlers, "live", { lesson });
  }

  /**
   * Asks under a number, which the first frame that has seen it names as its `change`.
   *
   * @param {LiveRequest} message
   */
  #ask(message) {
    this.#send(/** @type {LiveRequest} */ ({ ...message, id: ++this.#changeId }));
    return this.#changeId;
  }

  /** @param {string} sentence Why something is not done. */
  #refused(sentence) {
    this.#words.refused(sentence);
    this.#dials.restore();
    this.#transport.restore();
    this.#task.restore();
    if (this.#class.isOver) this.#showAgain(); // no state comes that would put right what a hand has moved
  }

  /** @param {Link} link */
  #linked(link) {
    this.#root.dataset.link = link;
    this.#transport.link(link);
    if (link === "open") this.#looks.pauseHidden();
    if (link === "open") this.#class.reconnected();
    this.#words.link(link);
    const { lesson, follows } = this.#component.data;
    if (link === "gone" && (lesson || follows)) return location.reload(); // its address says where in the lesson it is, or of which class
    if (link === "gone") this.#socket.askAgain(() => this.#component.setTriggerValue?.("sync", Date.now()));
  }

  /** @param {LiveMessage} message */
  #message(message) {
    switch (message.type) {
      case "figures":
        this.#charts.figures(message);
        this.#looks.paint();
        this.#presenter.lay(); // legends have their words now
        break;
      case "state":
        this.#state = { ...message, notice: "", controls_changed: false, layout: undefined, now: undefined };
        this.#showState(message);
        break;
      case "class":
      case "class_over":
      case "class_copied":
        this.#class.message(message);
        break;
      case "progress":
        this.#transport.step(message.step);
        break;
      case "moment":
        this.#moments.saved(message);
        break;
      case "example_task":
        this.#draw.example(message);
        break;
      case "error":
        if (this.#points.refused(message.message, message.id)) break;
        this.#draw.refused(message.message, message.id);
        this.#refused(message.message);
        break;
    }
  }

  /**
   * Another run than before: what was seen of the old one is no longer shown, at the latest when the new one takes long.
   *
   * @param {State} state
   */
  #begin({ run, now, computing }) {
    this.#root.dataset.computing = String(computing);
    if (run !== this.#run) {
      this.#run = run;
      this.#words.clear();
      this.#task.clear();
      this.#draw.clear();
      clearTimeout(this.#clearTimer);
      this.#clearTimer = setTimeout(() => this.#clear(), COMPUTING_MS);
    }
    if (now) this.#dials.now(now);
    if (now) this.#acting.show(now.acting);
  }

  /** @param {LiveFrame["ranges"]} [kept] What of the charts a first frame shows; they are emptied before it, or when it takes long, once a run. */
  #clear(kept) {
    clearTimeout(this.#clearTimer);
    this.#clearTimer = 0;
    this.#charts.clear(kept);
  }

  /** @param {State} found */
  #showState(found) {
    const state = this.#class.state(found);
    window.mamlLive.config = state.config;
    this.#begin(state);
    this.#root.dataset.charts = state.charts.join(" ");
    this.#root.toggleAttribute("data-then", state.then !== null);
    this.#root.toggleAttribute("data-ghosts", state.ghosts.length > 0);
    this.#root.toggleAttribute("data-many-ghosts", state.ghosts.length > 1);
    for (const part of [this.#transport, this.#dials, this.#task, this.#draw, this.#points, this.#switches, this.#travel, this.#ghosts, this.#compare, this.#apart, this.#lesson, this.#afresh, this.#moments, this.#words]) part.state(state);
    this.#root.toggleAttribute("data-closer", this.#switches.isCloser);
    this.#root.toggleAttribute("data-second", this.#switches.hasSecond);
    this.#dials.formulas.light(state.apart?.kind ?? "");
    this.#charts.present(state.charts, state.empty);
    this.#presenter.state(state);
    if (state.layout) this.#charts.layouts(state.layout);
    fitHeight(this.#root); // Streamlit moves the page down or up while it builds the sidebar, and nothing tells us
    if (this.#class.idle) this.#transport.idle(this.#class.idle, awaitsAnswer(state.lesson));
    if (!state.lesson && !this.#component.data.follows) this.#address.state(state); // the strip writes that of a lesson, or of a class
    this.#begun();
    if (state.controls_changed) whenConnected(() => this.#component.setTriggerValue?.("sync", Date.now()));
    this.#words.announce();
  }

  /** The newest state, which may be older than what was seen since: the run has trained on. */
  #showAgain() {
    if (this.#state) this.#showState({ ...this.#state, step: this.#transport.shownStep });
  }

  /** What somebody chose in the first minute, as soon as there is a run. */
  #begun = () => {
    const { dataset } = document.documentElement;
    if (this.#run === null || this.#root.style.visibility === "hidden") return;
    if ("mamlFocus" in dataset) this.#transport.focus();
    delete dataset.mamlFocus;
    if (dataset.mamlBegin !== "play") return;
    delete dataset.mamlBegin;
    if (!this.#transport.playing) this.#transport.toggle();
  };

  /** @param {Frame<LiveFrame>} frame */
  #frame(frame) {
    const { header } = frame;
    window.mamlLive.frames++;
    record("received", header);
    this.#class.frame();
    this.#transport.step(header.step);
    this.#lesson.step(header.step);
    this.#transport.rate(header.numbers.steps_per_s);
    this.#words.frame(header);
    this.#compare.frame(header);
    this.#travel.frame(header);
    this.#dials.now(header.now);
    this.#acting.show(header.now.acting);
    if (this.#clearTimer) this.#clear(header.ranges);
    this.#charts.frame(frame);
    this.#task.steps(frame);
    this.#draw.frame(header);
    this.#points.frame(header);
    this.#words.announce();
  }

  /** @param {LiveFrame} header */
  #drawn(header) {
    window.mamlLive.lastFrame = header;
    window.mamlLive.lastStep = header.step;
    record("drawn", header);
    this.#send({ type: "ack", frame: header.frame });
  }

  #resized = () => {
    this.#dials.formulas.fit();
    this.#acting.fit();
    this.#lesson.seat();
    fitHeight(this.#root);
    this.#presenter.lay();
  };
}

/**
 * Gives a page exactly what is left of the window, so that nothing scrolls; the style sheet has the least height it takes.
 *
 * @param {HTMLElement} root
 */
function fitHeight(root) {
  const block = root.closest("[data-testid=stMainBlockContainer]");
  const below = block ? parseFloat(getComputedStyle(block).paddingBottom) : 8;
  root.style.setProperty("--maml-height", `${Math.floor(window.innerHeight - topOf(root) - Math.min(below, 24))}px`);
}

/**
 * What a letter does (`KEYS` says it to people).
 *
 * @param {{ transport: Transport, task: Task, travel: Travel, apart: Apart, presenter: Presenter, stage: Stage, moments: Moments, group: ClassOfPage, compare: Compare }} parts
 * @param {(message: LiveRequest) => void} send
 */
const shortcuts = ({ transport, task, travel, apart, presenter, stage, moments, group, compare }, send) => ({
  p: () => transport.toggle(),
  o: () => transport.outerStep(),
  i: () => transport.innerStep(),
  a: () => apart.toggle(),
  arrowleft: () => apart.by(-1),
  arrowright: () => apart.by(1),
  escape: () => apart.close() || (!document.querySelector(".maml-popover:popover-open") && (stage.endSpot() || presenter.back() || stage.leaveFullScreen())),
  x: () => send({ type: "reset" }),
  u: () => transport.undo(),
  s: () => transport.share(),
  " ": () => transport.toggle(),
  t: () => task.redraw(),
  ",": () => travel.by(-1),
  ".": () => travel.by(1),
  n: () => travel.go(null),
  l: () => transport.presenter(),
  f: () => stage.fullScreen(),
  d: () => stage.changeScheme(),
  h: () => stage.spot(),
  b: () => moments.keep(),
  g: () => void group.open(),
  v: () => compare.toggle(),
  pagedown: () => moments.by(1),
  pageup: () => moments.by(-1),
  "?": () => transport.help(),
  ...Object.fromEntries(Array.from({ length: 9 }, (_, at) => [at + 1, () => presenter.choose(at + 1)])),
});

export default mounter(Page, ["common/style.css", "live/style.css", "live/ghosts.css", "live/presenter.css"]);
