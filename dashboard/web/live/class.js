// The class that the page teaches or follows. What is shown of it is loaded by those who are in one (`../class/`); all others pay nothing.

import { el, recall, remember } from "../common/dom.js";
import { classQuery } from "./address.js";

/** @import { ClassState } from "../class/protocol.js" */
/** @import { LiveMessage, LiveRequest, State } from "./protocol.js" */

const CODE = "maml-class"; // of the class to which a student may come back, in this tab
export const OTHERS_RUN = "You do not have the dials: take a copy to turn them yourself, or raise a hand.";
export const ENDED = "The class has ended: nothing can be changed here any more.";
const DIALS = ["alpha", "beta", "num_inner_steps"];

/** @param {string} why */
const allLocked = (why) => Object.fromEntries(DIALS.map((dial) => [dial, why]));

/**
 * What a class asks of its page.
 *
 * @typedef {object} ClassActions
 * @property {(message: LiveRequest) => void} send
 * @property {(text: string) => void} tell Those who hear the page.
 * @property {(sentence: string) => void} refused
 * @property {() => void} leave To the visitor's own page.
 * @property {() => void} over The class has ended: nothing comes any more.
 * @property {() => void} changed The run's state is to be shown anew: it depends on who has the dials, and whether there still is a class.
 */

/**
 * A run's state as a page of a class shows it: whoever has not the dials finds them locked.
 *
 * @param {State} state
 * @param {ClassState | null} told
 * @returns {State}
 */
export function inClass(state, told) {
  if (!told || told.teaches) return state;
  const locked = told.dials === "mine" ? state.locked : allLocked(OTHERS_RUN);
  const invitation = told.dials === "mine" ? state.invitation : ""; // to what the others cannot do
  return { ...state, locked, invitation, offer: null, left: 0, before: null, removed: null };
}

/**
 * A run's state as it stays on the page of a student when the class has ended: nothing moves any more, and nothing can be changed.
 *
 * @param {State} state
 * @returns {State}
 */
export function ended(state) {
  const shown = { ...state, locked: allLocked(ENDED), invitation: "", offer: null, left: 0, before: null, removed: null };
  return { ...shown, playing: false, computing: false, status: { kind: "ended", sentence: "" } };
}

export class ClassOfPage {
  root = el("div", { class: "maml-class-place" });
  /** @type {ClassState | null} */
  told = null;
  isOver = false; // the class that the page followed has ended
  #page;
  #follows;
  #actions;
  /** @type {Promise<import("../class/strip.js").ClassStrip> | null} */
  #strip = null;
  /** @type {State | null} */
  #state = null;
  #isUnsure = false; // whether the server still knows the class that the page teaches

  /**
   * @param {HTMLElement} page
   * @param {string} follows The code of the class that it follows; empty for none.
   * @param {ClassActions} actions
   */
  constructor(page, follows, actions) {
    this.#page = page;
    this.#follows = follows;
    this.#actions = actions;
    if (follows) page.dataset.class = "student";
    else this.#offerBack();
  }

  /** Why nothing can be trained here; empty where it can. */
  get idle() {
    if (this.isOver) return ENDED;
    return this.#follows && this.told?.dials !== "mine" ? OTHERS_RUN : "";
  }

  /** A student who has a copy of the class's run may come back. */
  #offerBack() {
    const code = recall("sessionStorage", CODE);
    if (!code) return;
    const back = () => {
      remember("sessionStorage", CODE, null); // the class's page keeps it, if there still is a class
      location.assign(classQuery(code));
    };
    this.root.append(el("button", { type: "button", class: "maml-class-back", "data-action": "class-back", onclick: back }, `Back to the class ${code}`));
  }

  /** Says what a class is, and starts one, or enters one. */
  async open() {
    if (this.#follows || this.told) return; // in one already
    const { openClass } = await import("../class/start.js");
    openClass(this.#page, { ...this.#actions, reach: this.#state?.reach ?? null });
  }

  /** @param {State} state */
  state(state) {
    this.#state = state;
    if (this.#follows && this.#page.isConnected && location.search !== classQuery(this.#follows)) history.replaceState(history.state, "", location.pathname + classQuery(this.#follows));
    this.#strip?.then((strip) => strip.state(state));
    return this.isOver ? ended(state) : inClass(state, this.told);
  }

  /** The connection is back. A server that still knows the class says so before the first frame. */
  reconnected() {
    this.#isUnsure = this.told?.teaches ?? false;
  }

  /** A frame has come. */
  frame() {
    if (this.#isUnsure) this.message({ type: "class_over" });
  }

  /** @param {Extract<LiveMessage, { type: `class${string}` }>} message */
  async message(message) {
    this.#isUnsure = false;
    if (message.type === "class_copied") {
      remember("sessionStorage", CODE, this.#follows);
      return this.#actions.leave();
    }
    this.told = message.type === "class" ? message : null;
    this.isOver = message.type === "class_over" && this.#follows !== "";
    if (message.type === "class") this.#page.dataset.class = message.teaches ? "teacher" : "student";
    else if (!this.#follows) delete this.#page.dataset.class;
    else remember("sessionStorage", CODE, null);
    this.#actions.changed();
    this.#strip ??= import("../class/strip.js").then(({ ClassStrip }) => new ClassStrip(this.root, this.#actions));
    const strip = await this.#strip;
    if (this.#state) strip.state(this.#state);
    strip.show(this.told);
    if (this.isOver) this.#actions.over();
  }
}
