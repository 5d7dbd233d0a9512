// The live page: builds itself once in Streamlit's element and is then fed by its own socket.

import { Acting } from "./acting.js";
import { Charts } from "./charts.js";
import { Dials } from "./dials.js";
import { Draw } from "./draw.js";
import { el, isDark, onWidth, recall, remember, setRich, setText } from "./dom.js";
import { percent, short } from "./format.js";
import { blurAfterPointer, enterPanel, loadPlotly, mounter, paint } from "./mounting.js";
import { Segments } from "./segments.js";
import { Socket } from "./socket.js";
import { Task } from "./task.js";
import { Transport } from "./transport.js";

const PRESENTER = "maml-presenter";
const PRESENTER_SCALE = 1.35;
const METRICS = [
  ["accuracy", "Accuracy"],
  ["loss", "Loss"],
];
const WEIGHTS_CHARTS = [
  ["path", "Paths"],
  ["layers", "Layers"],
];
const LOG_LENGTH = 400;
const TOAST_MS = 7000;
const ANNOUNCE_MS = 5000;
const COMPUTING_MS = 150; // a run that is there sooner takes the old one's place without a flicker
const COMPUTING = "Computing the first look at this run …";
const ANNOUNCE_STEPS_MS = 30_000;

// For tests and the benchmark.
window.mamlLive ??= { frames: 0, drawn: {}, lastFrame: null, lastStep: null, log: [] };

function record(event, { frame, change = null }) {
  const { log } = window.mamlLive;
  log.push({ t: performance.now(), event, frame, change });
  if (log.length > LOG_LENGTH) log.shift();
}

class Page {
  #component;
  #root = el("div", { class: "maml-live", "data-link": "open", style: "visibility:hidden" });
  #charts;
  #transport;
  #dials;
  #acting = new Acting();
  #task;
  #draw;
  #socket;
  #sentence = el("p", { class: "maml-sentence" });
  #readout = el("p", { class: "maml-readout" });
  #live = el("div", { class: "maml-visually-hidden", "aria-live": "polite" });
  #announced = { text: "", at: -Infinity, kind: "" };
  #announceTimer = 0;
  #status = { kind: "ready", sentence: "" };
  #toastTimer = 0;
  #toasting = false;
  #notice = "";
  #idea = "";
  #metrics;
  #weights;
  #share = null;
  #shareTimer = 0;
  #changeId = 0;
  #run = null; // whose numbers are shown
  #clearTimer = 0;
  #pendingSync = false;

  constructor(component) {
    this.#component = component;
    const send = (message) => this.#socket.send(message);
    this.#charts = new Charts({ onDrawn: (header) => this.#drawn(header), stats: window.mamlLive });
    this.#task = new Task({ charts: this.#charts, send });
    const ask = (message) => (send({ ...message, id: ++this.#changeId }), this.#changeId);
    this.#dials = new Dials((changes) => ask({ type: "set", changes }));
    this.#draw = new Draw({ send: ask });
    this.#charts.get("images").card.addButton(this.#draw.button);
    this.#transport = new Transport({
      send,
      innerStep: () => this.#innerStep(),
      address: () => this.#address(),
      presenter: () => this.#presenter(!this.#presenting),
    });
    this.#metrics = this.#switches(["loss", "adaptation"], "Metric", METRICS, (metric) => send({ type: "metric", metric }));
    this.#weights = this.#switches(["path", "layers"], "Chart", WEIGHTS_CHARTS, (chart) => send({ type: "weights_chart", chart }));
    this.#root.append(
      this.#transport.root,
      this.#dials.root,
      this.#acting.root,
      el("div", { class: "maml-line" }, this.#sentence, this.#readout),
      el("div", { class: "maml-grid" }, ...this.#charts.cards.map(({ root }) => root)),
      this.#live,
      this.#draw.root,
    );
    component.parentElement.append(this.#root);
    this.#say();
    this.#presenter(recall("localStorage", PRESENTER) === "1");
    this.recolor();
    this.#socket = this.#connect(component.data.token);
    loadPlotly().then(
      () => this.#charts.schedule(),
      () => this.#toast("The charts' library could not be loaded; reload the page.", "error"),
    );
    addEventListener("keydown", this.#key);
    addEventListener("click", enterPanel);
    addEventListener("resize", this.#resized);
    onWidth(this.#root, this.#resized);
    addEventListener("pagehide", this.#writeAddress);
    this.#root.addEventListener("click", blurAfterPointer);
    this.#fitHeight();
  }

  /** Once the style sheet is there: nothing is seen, or measured, before. */
  show() {
    this.#root.style.visibility = "";
    this.recolor();
    this.#resized();
  }

  /** Streamlit called again: another theme, or another page token after the server came back. */
  again(component) {
    this.#component = component;
    if (component.data.token !== this.#socket.token) {
      this.#socket.close();
      this.#socket = this.#connect(component.data.token);
    }
    this.recolor();
    this.#fitHeight();
  }

  recolor() {
    const dark = isDark(this.#root);
    this.#root.dataset.theme = dark ? "dark" : "light";
    this.#charts.recolor({ theme: dark ? "dark" : "light" });
    this.#paint();
  }

  destroy() {
    this.#socket.close();
    removeEventListener("keydown", this.#key);
    removeEventListener("click", enterPanel);
    removeEventListener("resize", this.#resized);
    removeEventListener("pagehide", this.#writeAddress);
    clearTimeout(this.#announceTimer);
    clearTimeout(this.#clearTimer);
    clearTimeout(this.#shareTimer); // the address is the next screen's now
    this.#draw.destroy();
    this.#root.remove();
  }

  /** The same switch on several cards: what is chosen on one shows on all. */
  #switches(ids, name, choices, choose) {
    return ids.map((id) => {
      const segments = new Segments(name, choices, choose);
      this.#charts.get(id).card.addSwitch(segments);
      return segments;
    });
  }

  // --- The server's side ---

  #connect(token) {
    return new Socket(token, {
      message: (message) => this.#message(message),
      frame: (frame) => this.#frame(frame),
      link: (link) => this.#linked(link),
    });
  }

  #linked(link) {
    this.#transport.link(link);
    this.#root.dataset.link = link;
    if (link === "gone") this.#say();
  }

  #message(message) {
    switch (message.type) {
      case "figures":
        this.#charts.figures(message);
        this.#paint();
        break;
      case "state":
        this.#state(message);
        break;
      case "example_task":
        this.#draw.example(message);
        break;
      case "error":
        this.#draw.refused(message.message);
        this.#toast(message.message, "error");
        this.#dials.restore();
        break;
    }
  }

  /** Another run than before: what was seen of the old one is no longer shown, at the latest when the new one takes long. */
  #begin({ run, now, computing }) {
    this.#root.dataset.computing = String(computing);
    if (run !== this.#run) {
      this.#run = run;
      setText(this.#readout, "");
      this.#limitTo(undefined);
      this.#task.clear();
      this.#draw.clear();
      clearTimeout(this.#clearTimer);
      this.#clearTimer = setTimeout(() => this.#clear(), COMPUTING_MS);
    }
    if (now) this.#now(now);
    if (computing) setText(this.#readout, COMPUTING);
    else if (this.#readout.textContent === COMPUTING) setText(this.#readout, "");
  }

  /** Empties the charts, once a run: before its first frame (`kept` is what that one shows), or when it takes long. */
  #clear(kept) {
    clearTimeout(this.#clearTimer);
    this.#clearTimer = 0;
    this.#charts.clear(kept);
  }

  #state(state) {
    window.mamlLive.config = state.config;
    this.#status = state.status;
    this.#begin(state);
    this.#transport.state(state);
    this.#dials.state(state);
    this.#task.state(state);
    this.#draw.state(state);
    this.#idea = state.idea;
    this.#root.dataset.charts = state.charts.join(" ");
    for (const segments of this.#metrics) segments.show(state.metric);
    this.#showWeights(state.charts.find((id) => id === "path" || id === "layers"));
    this.#charts.present(state.charts, state.empty);
    if (state.layout) this.#charts.layouts(state.layout);
    if (state.notice && state.notice !== this.#notice) this.#toast(state.notice, "notice");
    this.#notice = state.notice ?? "";
    this.#say();
    this.#fitHeight(); // Streamlit moves the page down or up while it builds the sidebar, and nothing tells us
    if (state.share !== undefined && state.share !== this.#share) this.#shareSoon(state.share);
    if (state.controls_changed) this.#component.setTriggerValue?.("sync", Date.now());
    this.#announce();
  }

  /** Both cards of the place have the tabs; the one that is shown takes the focus over. */
  #showWeights(chart) {
    const focused = this.#weights.some((segments) => segments.focused);
    for (const segments of this.#weights) segments.show(chart);
    if (!focused) return;
    const shown = this.#weights[chart === "path" ? 0 : 1];
    requestAnimationFrame(() => shown.focus());
  }

  #frame(frame) {
    const { header } = frame;
    window.mamlLive.frames++;
    record("received", header);
    this.#transport.step(header.step);
    this.#transport.rate(header.numbers?.steps_per_s);
    this.#numbers(header.numbers ?? {}, header.metric === "accuracy" ? percent : short);
    this.#now(header.now);
    if (this.#clearTimer) this.#clear(header.ranges);
    this.#charts.frame(frame);
    this.#task.steps(frame);
    this.#draw.frame(header);
    this.#limits(header);
    this.#announce();
  }

  #drawn(header) {
    window.mamlLive.lastFrame = header;
    window.mamlLive.lastStep = header.step;
    record("drawn", header);
    this.#socket.send({ type: "ack", frame: header.frame });
  }

  /** What the run's switches and schedules do now. */
  #now(now) {
    this.#dials.now(now);
    this.#acting.show(now.acting);
  }

  /** The band of the gauge, or of the learned rates (the second trace of both), shades the alpha slider too. */
  #limits({ arrays }) {
    const id = ["gauge", "rates"].find((id) => arrays.some(([chart]) => chart === id));
    const band = id && this.#charts.get(id).array(1)?.y;
    if (band?.length === 4) this.#limitTo(band);
  }

  #limitTo(band) {
    this.#dials.limits(band?.[0] ?? NaN, band?.[2] ?? NaN);
  }

  #numbers({ training, before, after, step_ms }, written) {
    const parts = [];
    if (Number.isFinite(training)) parts.push(`training ${written(training)}`);
    if (before !== undefined && before !== null) parts.push(`held-out ${written(before)} → ${written(after)}`);
    if (Number.isFinite(step_ms)) parts.push(`${short(step_ms)} ms a step`);
    setText(this.#readout, parts.join("  ·  "));
  }

  // --- Words ---

  #say() {
    if (this.#toasting) return;
    const gone = this.#root.dataset.link === "gone";
    const text = gone ? "The server no longer knows this page; reload it, and it opens from its address." : this.#status.sentence || this.#idea;
    this.#sentence.dataset.kind = gone ? "error" : this.#status.sentence ? this.#status.kind : "";
    setRich(this.#sentence, text);
    this.#sentence.title = text;
  }

  #toast(text, kind) {
    clearTimeout(this.#toastTimer);
    this.#toasting = true;
    this.#sentence.dataset.kind = kind;
    setRich(this.#sentence, text);
    this.#sentence.title = text;
    this.#speak(text);
    this.#toastTimer = setTimeout(() => {
      this.#toasting = false;
      this.#say();
    }, TOAST_MS);
  }

  /** To screen readers: a change of status soon, the progress of a run seldom. */
  #announce() {
    const { kind, sentence } = this.#status;
    const now = performance.now();
    const changed = kind !== this.#announced.kind || (sentence && sentence !== this.#announced.sentence);
    if (!changed && (kind !== "running" || now - this.#announced.at < ANNOUNCE_STEPS_MS)) return;
    clearTimeout(this.#announceTimer);
    const wait = Math.max(0, this.#announced.at + ANNOUNCE_MS - now);
    if (wait > 0) {
      this.#announceTimer = setTimeout(() => this.#announce(), wait);
      return;
    }
    Object.assign(this.#announced, { at: now, kind, sentence });
    const step = this.#transport.root.querySelector(".maml-step").textContent;
    const pill = this.#transport.root.querySelector(".maml-pill").textContent;
    this.#speak(`${pill}, outer step ${step}. ${sentence || this.#readout.textContent}`);
  }

  #speak(text) {
    this.#announced.at = performance.now();
    setText(this.#live, text);
  }

  // --- The address ---

  #shareSoon(share) {
    this.#share = share;
    // Browsers throttle replaceState, and nobody reads an address that changes more often.
    this.#shareTimer ||= setTimeout(() => {
      this.#shareTimer = 0;
      this.#writeAddress();
    }, 1000);
  }

  #writeAddress = () => {
    if (this.#share !== null && this.#root.isConnected) history.replaceState(history.state, "", this.#address());
  };

  #address() {
    const query = this.#share ? `?${this.#share}` : location.search;
    return `${location.origin}${location.pathname}${query}${location.hash}`;
  }

  // --- Looks ---

  #paint() {
    const palette = this.#charts.palette();
    paint(this.#root, palette);
    if (palette) this.#draw.recolor(palette);
  }

  get #presenting() {
    return this.#root.classList.contains("maml-presenter");
  }

  #presenter(on) {
    this.#root.classList.toggle("maml-presenter", on);
    remember("localStorage", PRESENTER, on ? "1" : "0");
    document.documentElement.classList.toggle("maml-presenting", on);
    this.#charts.recolor({ scale: on ? PRESENTER_SCALE : 1 });
    this.#transport.presenting(on);
    this.#resized();
    return on;
  }

  /** Exactly what is left of the window, so that nothing scrolls; the style sheet has the least height it takes. */
  #resized = () => {
    this.#dials.formulas.fit();
    this.#fitHeight();
  };

  #fitHeight = () => {
    const scroller = this.#root.closest("[data-testid=stMain]");
    const block = this.#root.closest("[data-testid=stMainBlockContainer]");
    const top = this.#root.getBoundingClientRect().top + (scroller?.scrollTop ?? window.scrollY);
    const below = block ? parseFloat(getComputedStyle(block).paddingBottom) : 8;
    this.#root.style.setProperty("--maml-height", `${Math.floor(window.innerHeight - top - Math.min(below, 24))}px`);
  };

  // --- Keys ---

  #innerStep() {
    this.#transport.pause();
    this.#task.advance();
  }

  #key = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !isFree(document.activeElement, this.#root)) return;
    const action = {
      p: () => this.#transport.toggle(),
      o: () => this.#transport.outerStep(),
      i: () => this.#innerStep(),
      x: () => this.#socket.send({ type: "reset" }),
      u: () => this.#transport.undo(),
      s: () => this.#transport.share(),
      " ": () => this.#transport.toggle(),
      t: () => this.#task.redraw(),
      l: () => this.#transport.presenter(),
      "?": () => this.#transport.help(),
    }[event.key.toLowerCase()]; // with caps lock too
    if (!action) return;
    event.preventDefault();
    action();
  };
}

const CONTROLS = "input, textarea, select, button, a[href], summary, [contenteditable=true], [role]:not([role=img]):not([role=main])";

/** Whether a letter typed now can be a shortcut: no control has the focus, or one of our sliders, which take no letters. */
function isFree(focused, root) {
  // Streamlit's scrolling areas take the focus when they are clicked; they are no controls.
  if (!focused?.matches(CONTROLS)) return true;
  return root.contains(focused) && focused.matches("input[type=range]");
}

export default mounter(Page, ["style.css"]);
