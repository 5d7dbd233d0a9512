// The strip at the top: what runs, how fast, and the way out (a link, a larger type).

import { el, popoverButton, setText } from "../common/dom.js";
import { short, whole } from "../common/format.js";
import { pulse } from "../common/pulse.js";
import { LINKS } from "../common/socket.js";
import { actionButton, icon } from "./icons.js";
import { keysAct, letKeysAct } from "./keys.js";
import { awaitsAnswer } from "./lesson.js";
import { undoable } from "./undo.js";

const SPEEDS = [
  ["", "Real time"],
  ["30", "30 steps/s"],
  ["10", "10 steps/s"],
  ["3", "3 steps/s"],
  ["1", "1 step/s"],
];

const UNDO_MS = 10_000;

/** @import { Offer, State, LiveRequest } from "./protocol.js" */
/** @import { Offered, Undoable } from "./undo.js" */
/** @import { Link } from "../common/socket.js" */

/**
 * What the strip asks of its page.
 *
 * @typedef {object} Actions
 * @property {(message: LiveRequest) => void} send
 * @property {() => void} innerStep
 * @property {() => { address: string, note?: string }} share The address to copy, and what to say of it.
 * @property {(sentence: string) => void} say
 * @property {(sentence: string) => void} refused
 * @property {() => void} openClass Says what a class is, and starts one.
 * @property {() => void} presenter Switches presenter mode on or off.
 * @property {(on: boolean) => void} pauseHidden
 * @property {() => void} resetAll
 * @property {() => void} undone Called when the run before is asked for.
 * @property {HTMLElement} tools What is done with the screen: at hand in presenter mode, otherwise under the help.
 */

/** @type {Record<State["status"]["kind"], string>} */
const STATUS = {
  ready: "Ready",
  running: "Training",
  waiting: "Waiting",
  paused: "Paused",
  diverged: "Diverged",
  dead: "Network dead",
  replaying: "Replaying",
  ended: "Ended",
};

export const KEYS = [
  ["p", "Play or pause, as the space bar does"],
  ["o", "One outer step"],
  ["i", "One inner step (slow motion)"],
  ["a", "One outer step, slowly: then ← and →, and Esc to leave"],
  ["x", "Reset"],
  ["u", "Undo a restart, or the removal of ghosts, for ten seconds after it"],
  ["t", "New task"],
  [", .", "An earlier outer step, a later one"],
  ["n", "Now again"],
  ["s", "Share: copy the address"],
  ["l", "Presenter mode: one or two large charts, the others as thumbnails"],
  ["1 … 9", "In presenter mode: that chart is large; Esc goes back"],
  ["f", "Full screen"],
  ["d", "A dark page, a light one"],
  ["h", "Spotlight on what is pointed at"],
  ["b", "Save this moment"],
  ["v", "Compare: a second run beside this one, with one thing changed"],
  ["g", "A class that follows this run"],
  ["PgDn PgUp", "The next saved moment, the one before"],
  ["?", "These keys"],
];

/** @type {Record<Offer["kind"], (step: string) => { label: string, title: string }>} */
const OFFERS = {
  jump: (step) => ({ label: `Jump to step ${step}`, title: `Replay the shared run at full speed to outer step ${step}, then pause` }),
  shared: () => ({ label: "Shared run", title: "Back to the run that this address held, at outer step 0" }),
};

export class Transport {
  root;
  playing = false;
  shownStep = 0;
  #actions;
  #play = el("button", { type: "button", class: "maml-primary", onclick: () => this.toggle() });
  #outer = actionButton("outer", "Outer step", "One outer step (o)", () => this.outerStep());
  #inner = actionButton("inner", "Inner step", "Pause and show the next inner step on one task (i)", () => this.innerStep());
  #step = el("output", { class: "maml-step" }, "0");
  #rate = el("span", { class: "maml-rate" });
  #pill = el("span", { class: "maml-pill" });
  #until = el("input", { type: "text", inputmode: "numeric", value: "500", "aria-label": "Run until outer step", title: "Train until this outer step, then pause" });
  #speed = el("select", { "aria-label": "Speed" }, ...SPEEDS.map(([value, label]) => el("option", { value }, label)));
  #share = el("button", { type: "button", title: "Copy the address of this run", onclick: () => this.#copy() });
  #shareLabel = el("span", {}, "Share");
  #presenter;
  #offer;
  /** @type {Offer | null} */
  #offered = null;
  #pauses = el("input", { type: "checkbox", "data-option": "pause-hidden" });
  #act = el("input", { type: "checkbox", "data-option": "keys" });
  #keysLine = el("p", {});
  #keys;
  #undo;
  #undoTimer = 0;
  /** @type {Offered | null} */
  #undone = null;
  /** @type {Undoable | null} */
  #seen = null;
  #help;
  #panel;
  /** @type {Link} */
  #link = "open";
  /** @type {State["status"]["kind"]} */
  #kind = "ready";
  #computing = false;
  #plays = false; // as the server has it
  #why = ""; // nothing can be trained
  #asks = false; // a lesson waits for an answer

  /** @param {Actions} actions */
  constructor(actions) {
    this.#actions = actions;
    const { send } = actions;
    this.#play.dataset.action = "play";
    this.#share.dataset.action = "share";
    this.#share.append(icon("share"), this.#shareLabel);
    this.#undo = actionButton("undo", "Undo", "", () => this.undo());
    this.#undo.hidden = true;
    this.#offer = el("button", { type: "button", "data-action": "offer", onclick: () => this.#offered && send({ type: this.#offered.kind }) });
    this.#offer.hidden = true;
    this.#presenter = actionButton("presenter", "", "Presenter mode: large charts, and nothing that scrolls (l)", () => this.presenter());
    this.#presenter.setAttribute("aria-label", "Presenter mode");
    this.#speed.addEventListener("change", () => {
      const steps_per_s = this.#speed.value ? Number(this.#speed.value) : null;
      this.#speed.blur(); // while it has the focus no state changes it
      send({ type: "speed", steps_per_s });
    });
    this.#act.addEventListener("change", () => {
      letKeysAct(this.#act.checked);
      this.#listKeys();
    });
    this.#keys = el(
      "div",
      {},
      el("div", { class: "maml-keys-head" }, this.#keysLine, el("label", { class: "maml-option" }, this.#act, " Single-key shortcuts")),
      el("dl", { class: "maml-keys" }, ...KEYS.flatMap(([key, text]) => [el("dt", { "data-single": !key.startsWith("Pg") }, el("kbd", {}, key)), el("dd", {}, text)])),
    );
    this.#pauses.addEventListener("change", () => actions.pauseHidden(this.#pauses.checked));
    const again = el("button", { type: "button", "data-action": "first-minute", onclick: async () => (await import("../opening/first_minute.js")).open() }, "The first minute again");
    const all = actionButton("reset-all", "Reset everything", "Run, ghosts, view and what you have chosen here, as on a new page; Undo brings them back", () => {
      this.#help.panel.hidePopover();
      actions.resetAll();
    });
    const followed = actionButton("class", "A class that follows", "Students follow this run on their own screens (g)", () => {
      this.#help.panel.hidePopover();
      actions.openClass();
    });
    this.#panel = el("div", {}, this.#keys, actions.tools, el("label", { class: "maml-option" }, this.#pauses, " Pause while this page is hidden"), el("div", { class: "maml-tools" }, followed, again, all));
    this.#help = popoverButton({ class: "maml-icon", "aria-label": "Keyboard help", title: "Keys and options (?)" }, "?", this.#panel);
    this.root = el(
      "div",
      { class: "maml-transport", role: "toolbar", "aria-label": "Training" },
      this.#play,
      this.#outer,
      this.#inner,
      actionButton("reset", "Reset", "Back to the same initial weights; this run stays as a pale ghost (x)", () => send({ type: "reset" })),
      this.#undo,
      this.#offer,
      el(
        "form",
        {
          class: "maml-until",
          onsubmit: (/** @type {SubmitEvent} */ event) => {
            event.preventDefault();
            const step = Number(this.#until.value.replace(/\s/g, ""));
            const valid = this.#until.value.trim() !== "" && Number.isInteger(step) && step >= 0;
            this.#until.setAttribute("aria-invalid", String(!valid));
            if (valid) send({ type: "run_until", step });
            else actions.refused(`“${this.#until.value.slice(0, 40)}” is no outer step: a whole number is expected, such as 500.`);
            this.#until.blur();
          },
        },
        el("span", { "aria-hidden": "true", title: "Train until this outer step, then pause" }, "pause at step"),
        this.#until,
        el("button", { type: "submit", title: "Run until this outer step, then pause" }, "Go"),
      ),
      this.#speed,
      el(
        "span",
        { class: "maml-report" },
        this.#pill,
        el("span", { class: "maml-count" }, el("span", { class: "maml-count-label" }, "outer step"), this.#step, this.#rate),
        ...[this.#share, this.#presenter, this.#help.button, this.#help.panel],
      ),
    );
    this.#help.panel.addEventListener("beforetoggle", () => this.#listKeys()); // another page of this browser may have switched them
    this.#listKeys();
    this.#drawPlay();
    this.#drawPill();
  }

  /** Says whether the keys act. */
  #listKeys() {
    const act = keysAct();
    this.#act.checked = act;
    this.#keys.dataset.off = String(!act);
    setText(this.#keysLine, act ? "Keys, while no field has the focus" : "Keys are switched off in this browser, but for Esc, arrows, PgDn and PgUp");
  }

  /** How the run stands, for those who hear the page. */
  get words() {
    return `${this.#pill.textContent}, outer step ${this.#step.textContent}`;
  }

  toggle() {
    const type = this.playing ? "pause" : "play";
    this.playing = !this.playing; // shown at once; the next state corrects it, or a refusal
    this.#drawPlay();
    this.#actions.send({ type });
  }

  /** Back to what the server has: it refused to play. */
  restore() {
    this.playing = this.#plays;
    this.#drawPlay();
  }

  /**
   * @param {string} why Why nothing can be trained now; empty where it can.
   * @param {boolean} [asks] Whether that is because a lesson waits for an answer, before which no inner step is shown either.
   */
  idle(why, asks = false) {
    this.#why = why;
    this.#asks = asks;
    for (const [button, rests] of /** @type {[HTMLElement, boolean][]} */ ([[this.#play, Boolean(why)], [this.#outer, Boolean(why)], [this.#inner, asks]])) {
      if (rests) button.setAttribute("aria-disabled", "true");
      else button.removeAttribute("aria-disabled");
    }
  }

  outerStep() {
    this.#actions.send({ type: "outer_step" });
  }

  /** Pauses, and shows the next inner step. */
  innerStep() {
    if (this.#asks) return this.#actions.refused(this.#why);
    if (this.playing && !this.#why) this.toggle();
    this.#actions.innerStep();
  }

  presenter() {
    this.#actions.presenter();
  }

  /** @param {boolean} on */
  presenting(on) {
    this.#presenter.setAttribute("aria-pressed", String(on));
    if (on) this.#presenter.before(this.#actions.tools);
    else this.#panel.firstElementChild?.after(this.#actions.tools);
  }

  /** @param {boolean} on */
  pausesHidden(on) {
    this.#pauses.checked = on;
  }

  focus() {
    this.#play.focus({ preventScroll: true });
  }

  help() {
    this.#help.panel.togglePopover();
  }

  share() {
    this.#copy();
  }

  /** The run before the last restart comes back, or ghosts that were removed; nothing where that is no longer offered. */
  undo() {
    if (this.#undo.hidden || !this.#undone) return;
    this.#undo.hidden = true;
    if (this.#undone.type === "undo") this.#actions.undone();
    this.#actions.send({ type: this.#undone.type });
  }

  /**
   * Offered for a while; not for what happened before this page was opened.
   *
   * @param {Undoable} state
   */
  #offerUndo(state) {
    const offered = undoable(this.#undone, this.#seen, state);
    this.#seen = state;
    if (offered === this.#undone) return;
    this.#undone = offered;
    clearTimeout(this.#undoTimer);
    this.#undo.hidden = offered === null;
    this.#undo.title = offered?.title ?? "";
    if (offered) this.#undoTimer = setTimeout(() => (this.#undo.hidden = true), UNDO_MS);
  }

  /**
   * Offers to jump to where a shared run was, or to go back to it.
   *
   * @param {Offer | null} offer
   */
  #offerShared(offer) {
    const before = this.#offered;
    this.#offered = offer;
    this.#offer.hidden = !offer;
    if (!offer || (before?.kind === offer.kind && before.step === offer.step)) return;
    const { label, title } = OFFERS[offer.kind](whole(offer.step));
    this.#offer.title = title;
    this.#offer.replaceChildren(icon(offer.kind), el("span", {}, label));
  }

  /** @param {State} state */
  state({ playing, step, status, speed, computing, left, before, removals, removed, offer, lesson }) {
    this.playing = this.#plays = playing;
    this.idle(lesson?.idle ?? "", awaitsAnswer(lesson));
    this.#offerUndo({ left, before, removals, removed });
    this.#offerShared(offer);
    this.#kind = status.kind;
    this.#computing = computing;
    this.#drawPlay();
    this.#drawPill();
    this.step(step);
    const value = speed === null || speed === undefined ? "" : String(speed);
    if (document.activeElement !== this.#speed) {
      if (![...this.#speed.options].some((option) => option.value === value)) {
        this.#speed.append(el("option", { value }, `${value} steps/s`));
      }
      this.#speed.value = value;
    }
    if (!playing) setText(this.#rate, "");
  }

  /** @param {number} step */
  step(step) {
    this.shownStep = step;
    setText(this.#step, whole(step));
    pulse(this.#pill);
    const title = `${whole(step)} ${STATUS[this.#kind]} · MAML, live`;
    if (document.title !== title) document.title = title;
  }

  /** @param {number | null} steps_per_s */
  rate(steps_per_s) {
    setText(this.#rate, this.playing && steps_per_s !== null && steps_per_s > 0 ? `${short(steps_per_s < 10 ? steps_per_s : Math.round(steps_per_s))}/s` : "");
  }

  /** @param {Link} link */
  link(link) {
    this.#link = link;
    this.#drawPill();
  }

  #drawPlay() {
    const [label, other] = this.playing ? ["Pause", "Play"] : ["Play", "Pause"];
    if (this.#play.dataset.label === label) return;
    this.#play.dataset.label = label;
    this.#play.title = `${label} (p)`;
    this.#play.replaceChildren(icon(this.playing ? "pause" : "play"), el("span", { "data-other": other }, label));
  }

  #drawPill() {
    const lost = LINKS[this.#link];
    setText(this.#pill, lost || (this.#computing ? "Computing" : STATUS[this.#kind]));
    this.#pill.dataset.kind = lost ? "lost" : this.#kind;
  }

  async #copy() {
    const { address, note } = this.#actions.share();
    let copied = true;
    try {
      await navigator.clipboard.writeText(address);
    } catch {
      copied = copyBySelection(address); // a page served over plain http has no clipboard API
    }
    setText(this.#shareLabel, copied ? "Copied" : "See address bar");
    if (note) this.#actions.say(note);
    setTimeout(() => setText(this.#shareLabel, "Share"), 1800);
  }
}

/**
 * Copies as a person would, where there is no other way; returns whether that went well.
 *
 * @param {string} text
 */
function copyBySelection(text) {
  const area = el("textarea", { value: text, style: "position:fixed;opacity:0" });
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  return copied;
}
