// Moments of runs that somebody has saved: a list with names, kept for the tab, that the keys of a clicker step through.

import { el, popoverButton, recall, remember } from "../common/dom.js";
import { short, whole } from "../common/format.js";
import { actionButton, icon } from "./icons.js";

/** @import { LiveRequest, MomentView, SavedMoment, State } from "./protocol.js" */
/** @import { Large } from "./places.js" */

const KEPT = "maml-moments";
const ELSEWHERE = "A saved moment is of your own run, which is on Live: it is shown there.";
export const MOST = 20;
const MAX_NAME = 80;

/**
 * What is seen besides what the server knows.
 *
 * @typedef {object} Sight
 * @property {boolean} presents Whether the page is in presenter mode.
 * @property {Large} large
 * @property {number | null} k The inner step; null for the last one.
 */

/** @typedef {{ name: string, step: number, address: string, view: MomentView, sight: Sight }} Moment */

/** @typedef {{ all: Moment[], at: number | null }} Kept With the place of the one that was opened last, from 0. */

/** @typedef {{ moment: Moment, place: number, wasOpen: boolean }} Removed */

/**
 * The place of the next moment, or of the one before; null where there is none.
 *
 * @param {Kept} kept
 * @param {1 | -1} by
 */
export function stepped({ all, at }, by) {
  if (!all.length) return null;
  if (at === null) return by > 0 ? 0 : all.length - 1;
  return Math.max(0, Math.min(all.length - 1, at + by));
}

/**
 * What is left without one of them.
 *
 * @param {Kept} kept
 * @param {number} place
 * @returns {Kept}
 */
export function without({ all, at }, place) {
  const moved = at === null || at === place ? null : at > place ? at - 1 : at;
  return { all: all.filter((_, each) => each !== place), at: moved };
}

/**
 * All of them with one that was removed, where it was.
 *
 * @param {Kept} kept
 * @param {Removed} removed
 * @returns {Kept}
 */
export function restored({ all, at }, { moment, place, wasOpen }) {
  const moved = at !== null && at >= place ? at + 1 : at;
  return { all: all.toSpliced(place, 0, moment), at: wasOpen && at === null ? place : moved };
}

/**
 * What was kept; nothing where that is nothing of ours.
 *
 * @param {string | null} text
 * @returns {Kept}
 */
export function read(text) {
  try {
    const { all, at } = JSON.parse(text ?? "");
    if (all.every((/** @type {Moment} */ { name, step, address, view, sight }) => typeof name === "string" && Number.isInteger(step) && typeof address === "string" && view && sight)) return { all, at: all[at] ? at : null };
  } catch {
    // Then there is nothing.
  }
  return { all: [], at: null };
}

/**
 * A moment that was opened and that the page does not show yet.
 *
 * @typedef {object} Opening
 * @property {string} from The run that was there before.
 * @property {string | null} there The run in its place by which it is shown; null where none has come yet.
 * @property {number} step
 */

/** @typedef {Pick<State, "run" | "step" | "then" | "playing" | "computing">} RunSeen */

/**
 * What has become of a moment that was opened: it is of the run that was there and is shown, it was trained anew up to there, something else has
 * come in its place, or none of it yet.
 *
 * @param {Opening} opening
 * @param {RunSeen} state
 */
export function fate({ from, there, step }, state) {
  if (there !== null && state.run !== there) return "gone";
  if (state.run === from) return step === (state.then ?? state.step) ? "shown" : "awaited";
  return !state.playing && !state.computing && step === state.step ? "trained" : "awaited";
}

/**
 * @typedef {object} MomentActions
 * @property {(message: LiveRequest) => void} send
 * @property {boolean} isLesson A lesson's run is its own: no moment of another is shown in its place.
 * @property {(sentence: string) => void} note
 * @property {(sentence: string) => void} retract Ends a note that is not true any more.
 * @property {(sentence: string) => void} refused
 * @property {() => Sight} sight What is seen now.
 * @property {(sight: Sight) => void} see
 * @property {(k: number | null) => void} look Shows an inner step.
 */

export class Moments {
  #actions;
  #kept = read(recall("sessionStorage", KEPT));
  /** @type {Removed | null} */
  #removed = null; // the newest
  /** @type {Opening & { k: number | null, words: string } | null} */
  #opening = null;
  /** @type {{ run: string, step: number, words: string } | null} */
  #shown = null; // the moment that was said last, while the page is at it
  #run = "";
  #list = el("ol", { class: "maml-moments" });
  #none = el("p", {}, "None yet: save one with b, then step through them with PageDown and PageUp, as a clicker does.");
  #back = el("button", { type: "button", "data-action": "restore-moment", hidden: true, onclick: () => this.#restore() }, "Bring back the removed one");
  #save = actionButton("keep-moment", "Save this moment", "Save this moment: run, step and what is seen (b)", () => this.keep());
  #open = popoverButton({ "data-action": "moments", title: "Saved moments (PageDown, PageUp)", "aria-label": "Saved moments" }, "", el("div", { class: "maml-moments-panel" }, this.#none, this.#list, this.#back));

  /** @param {MomentActions} actions */
  constructor(actions) {
    this.#actions = actions;
    this.#save.setAttribute("aria-label", "Save this moment");
    this.#draw();
  }

  /** Its buttons, and the list that one of them opens. */
  get tools() {
    return [this.#save, this.#open.button, this.#open.panel];
  }

  keep() {
    if (this.#kept.all.length >= MOST) return this.#actions.refused(`${MOST} moments are saved already; remove one first.`);
    this.#actions.send({ type: "keep_moment" });
  }

  /** @param {SavedMoment} moment From the server, which was asked to keep it. */
  saved({ step, address, alpha, num_inner_steps, view }) {
    const name = `Outer step ${whole(step)}, α ${short(alpha)}, N ${num_inner_steps}`;
    const all = [...this.#kept.all, { name, step, address, view, sight: this.#actions.sight() }];
    this.#keep({ all, at: all.length - 1 });
    this.#actions.note(`Saved as moment ${all.length}: ${name}.`);
  }

  /**
   * The next moment, or the one before.
   *
   * @param {1 | -1} by
   * @returns {boolean} Whether there is any.
   */
  by(by) {
    const place = stepped(this.#kept, by);
    if (place === null) return false;
    if (this.#actions.isLesson) this.#actions.refused(ELSEWHERE);
    else this.#show(place);
    return true;
  }

  /** @param {number} place */
  #show(place) {
    const { name, step, address, view, sight } = this.#kept.all[place];
    this.#keep({ ...this.#kept, at: place });
    this.#shown = null;
    this.#actions.see(sight);
    this.#actions.look(sight.k);
    const words = `Moment ${place + 1} of ${this.#kept.all.length}: ${name}.`;
    this.#opening = { from: this.#run, there: null, step, k: sight.k, words };
    this.#actions.send({ type: "open_moment", step, address, view });
    this.#actions.note(words);
  }

  /** @param {RunSeen} state */
  state(state) {
    this.#run = state.run;
    this.#leave(state);
    const opening = this.#opening;
    if (!opening) return;
    const found = fate(opening, state);
    if (found === "gone") this.#actions.retract(opening.words);
    if (found === "shown" || found === "trained") this.#shown = { run: state.run, step: opening.step, words: opening.words };
    if (found === "trained") this.#actions.note(opening.words); // that it is being trained is not true any more
    if (found !== "awaited") this.#opening = null;
    if (opening.there !== null || state.run === opening.from) return;
    opening.there = state.run;
    this.#actions.look(opening.k);
  }

  /** @param {RunSeen} state By which another run, or another outer step, may have taken the place of the moment that was said. */
  #leave({ run, step, then }) {
    if (!this.#shown || (run === this.#shown.run && (then ?? step) === this.#shown.step)) return;
    this.#actions.retract(this.#shown.words);
    this.#shown = null;
  }

  /** @param {number} place */
  #remove(place) {
    const hadFocus = this.#list.contains(document.activeElement);
    const { all, at } = this.#kept;
    this.#removed = { moment: all[place], place, wasOpen: at === place };
    this.#keep(without(this.#kept, place));
    if (hadFocus) this.#back.focus();
  }

  #restore() {
    if (!this.#removed) return;
    const kept = restored(this.#kept, this.#removed);
    this.#removed = null;
    this.#keep(kept);
    /** @type {HTMLElement | null} */ (this.#list.querySelector("button"))?.focus();
  }

  /** @param {Kept} kept */
  #keep(kept) {
    if (kept.all.length > this.#kept.all.length) this.#removed = null; // what was removed before that has another place now
    this.#kept = kept;
    remember("sessionStorage", KEPT, JSON.stringify(kept));
    this.#draw();
  }

  #draw() {
    const { all, at } = this.#kept;
    this.#open.button.replaceChildren(icon("moments"), el("span", {}, "Saved moments"), all.length ? el("b", {}, String(all.length)) : "");
    this.#none.hidden = all.length > 0;
    this.#back.hidden = this.#removed === null;
    this.#list.replaceChildren(...all.map((moment, place) => this.#row(moment, place, place === at)));
  }

  /**
   * @param {Moment} moment
   * @param {number} place
   * @param {boolean} isOpen
   */
  #row(moment, place, isOpen) {
    const number = place + 1;
    const field = el("input", { type: "text", value: moment.name, maxlength: MAX_NAME, "data-field": "moment", "aria-label": `Name of moment ${number}` });
    field.addEventListener("change", () => {
      const name = field.value.trim() || moment.name;
      this.#keep({ ...this.#kept, all: this.#kept.all.map((each) => (each === moment ? { ...moment, name } : each)) });
    });
    return el(
      "li",
      {},
      el("button", { type: "button", "data-action": "open-moment", "aria-current": isOpen ? "true" : null, "aria-label": `Show moment ${number}: ${moment.name}`, onclick: () => this.#show(place) }, String(number)),
      field,
      el("button", { type: "button", class: "maml-icon", "data-action": "remove-moment", "aria-label": `Remove moment ${number}`, title: `Remove moment ${number}`, onclick: () => this.#remove(place) }, "×"),
    );
  }
}
