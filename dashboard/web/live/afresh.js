// Everything as on a new page, and back: the server resets the run, its ghosts and what is looked at, the page what it has chosen for itself.

import { USUAL } from "./places.js";

/** @import { LiveRequest, State } from "./protocol.js" */
/** @import { Charts, SeenOf } from "./charts.js" */
/** @import { Large } from "./places.js" */
/** @import { Looks } from "./looks.js" */
/** @import { Presenter } from "./presenter.js" */
/** @import { Stage } from "./stage.js" */

/**
 * @typedef {object} Chosen
 * @property {{ presents: boolean, pauses: string | null }} looks
 * @property {string | null} scheme
 * @property {Large} large
 * @property {SeenOf} seen
 */

/** @type {Chosen} */
const NEW = { looks: { presents: false, pauses: null }, scheme: null, large: USUAL, seen: { hidden: {}, images: "images" } };

/**
 * What was chosen before a reset, as long as an Undo is that reset's.
 *
 * @typedef {{ chosen: Chosen, run: string | null, left: number | null }} Kept
 */

export class Afresh {
  #parts;
  #send;
  /** @type {Kept | null} */
  #kept = null;
  /** @type {Pick<State, "run" | "left"> | null} */
  #state = null;

  /**
   * @param {{ charts: Charts, looks: Looks, presenter: Presenter, stage: Stage }} parts
   * @param {(message: LiveRequest) => void} send
   */
  constructor(parts, send) {
    this.#parts = parts;
    this.#send = send;
  }

  reset() {
    this.#kept = { chosen: this.#chosen, run: this.#state?.run ?? null, left: null };
    this.#choose(NEW);
    this.#parts.stage.endSpot();
    this.#send({ type: "reset_all" });
  }

  /** @param {Pick<State, "run" | "left">} state */
  state({ run, left }) {
    const kept = this.#kept;
    if (kept && kept.left === null && run !== kept.run) kept.left = left;
    else if (kept && kept.left !== null && left !== kept.left) this.#kept = null; // another run was left since
    this.#state = { run, left };
  }

  /** The run before is asked for. */
  undone() {
    if (!this.#kept) return;
    this.#choose(this.#kept.chosen);
    this.#kept = null;
  }

  /** @returns {Chosen} */
  get #chosen() {
    const { charts, looks, presenter } = this.#parts;
    return { looks: looks.choices, scheme: window.mamlScheme?.chosen ?? null, large: presenter.large, seen: charts.choices };
  }

  /** @param {Chosen} chosen */
  #choose({ looks, scheme, large, seen }) {
    const { charts, presenter } = this.#parts;
    charts.choose(seen);
    presenter.enlarge(large);
    this.#parts.looks.choose(looks);
    window.mamlScheme?.choose(scheme);
  }
}
