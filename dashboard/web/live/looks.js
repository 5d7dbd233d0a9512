// How the live page looks: light or dark, the charts' colours, presenter mode; and whether a run pauses while nobody looks.

import { recall, remember, showTheme } from "../common/dom.js";
import { paint } from "../common/mounting.js";

/** @import { Charts } from "./charts.js" */
/** @import { Draw } from "./draw.js" */
/** @import { Presenter } from "./presenter.js" */
/** @import { Stage } from "./stage.js" */
/** @import { Transport } from "./transport.js" */

const PRESENTER = "maml-presenter";
const PAUSE_HIDDEN = "maml-pause-hidden";

/**
 * @typedef {object} Parts
 * @property {Charts} charts
 * @property {Draw} draw
 * @property {Presenter} presenter
 * @property {Stage} stage
 * @property {Transport} transport
 * @property {() => void} resized Called when all parts have another size.
 * @property {(on: boolean) => void} pause Tells the server whether the run pauses while the page is hidden.
 */

export class Looks {
  #root;
  #parts;

  /**
   * @param {HTMLElement} root
   * @param {Parts} parts
   */
  constructor(root, parts) {
    this.#root = root;
    this.#parts = parts;
    this.#present(recall("localStorage", PRESENTER) === "1");
    this.recolor();
  }

  /** Another theme, perhaps. */
  recolor() {
    const theme = showTheme(this.#root);
    this.#parts.charts.recolor(theme);
    this.#parts.stage.recolor(theme);
    this.paint();
  }

  /** Gives the charts' colours to the rest of the page. */
  paint() {
    const palette = this.#parts.charts.palette();
    paint(this.#root, palette);
    if (palette) this.#parts.draw.recolor(palette);
  }

  /** Begins to present, or ends it. */
  togglePresenter() {
    this.#present(!this.#parts.presenter.isOn);
  }

  /** Presenter mode, and whether somebody chose to have the run pause while the page is hidden. */
  get choices() {
    return { presents: this.#parts.presenter.isOn, pauses: recall("localStorage", PAUSE_HIDDEN) };
  }

  /** @param {{ presents: boolean, pauses: string | null }} choices */
  choose({ presents, pauses }) {
    remember("localStorage", PAUSE_HIDDEN, pauses);
    this.#present(presents);
  }

  /** @param {boolean} on */
  #present(on) {
    const { presenter, transport, resized } = this.#parts;
    remember("localStorage", PRESENTER, on ? "1" : "0");
    presenter.present(on);
    transport.presenting(on);
    this.pauseHidden();
    resized();
  }

  /** @param {boolean} on Whether the run is to pause while the page is hidden. */
  choosePause(on) {
    remember("localStorage", PAUSE_HIDDEN, on ? "1" : "0");
    this.pauseHidden();
  }

  /**
   * Says whether the run pauses while the page is hidden. Who presents looks at slides meanwhile, and wants the picture that was left; who works
   * alone leaves a run to train, and would come back to one that stands still. A choice counts for both.
   */
  pauseHidden() {
    const chosen = recall("localStorage", PAUSE_HIDDEN);
    const on = chosen === null ? this.#parts.presenter.isOn : chosen === "1";
    this.#parts.transport.pausesHidden(on);
    this.#parts.pause(on);
  }
}
