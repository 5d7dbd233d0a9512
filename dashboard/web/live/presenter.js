// Presenter mode: one screen whatever the window, one or two cards large, the others as thumbnails.

import { el, recall, remember } from "../common/dom.js";
import { flat, fromPlotly } from "../common/pieces.js";
import { USUAL, enlarged, grid, shown } from "./places.js";

/** @import { Lesson, State } from "./protocol.js" */
/** @import { Charts, Standing } from "./charts.js" */
/** @import { Large } from "./places.js" */

const KEPT = "maml-large";
const FOLDED = "maml-folded"; // whether the sidebar was folded by us, and BY_HAND where it was opened again since
const BY_HAND = "opened";
const [FOLD, UNFOLD] = ["[data-testid=stSidebarCollapseButton] button", "[data-testid=stExpandSidebarButton]"];
const AWAY_MS = 500; // after which no other page of this screen has come
const TWO_FROM = 880; // pixels of the page's width from which two large cards have room
const BESIDE_FROM = 1.45; // of the charts' width to the window's height, from which the strip stands beside the large cards
// A label is at least a 40th as high as its chart: its digits are two thirds of the type's size.
const TYPE = 1 / 26;
const THUMBNAIL_TYPE = 1 / 18;
const [LEAST_SCALE, LEAST_THUMBNAIL] = [1.3, 0.86]; // of the charts' usual type; letters of a thumbnail have 11 pixels
const MAX_BACK = 30;
const SIDEBAR_MS = 10_000; // Streamlit builds its sidebar after the page

/**
 * @typedef {object} PresenterParts
 * @property {Charts} charts
 * @property {(text: string) => void} tell Tells those who hear the page.
 */

export class Presenter {
  isOn = false;
  #root;
  #grid;
  #charts;
  #tell;
  /** @type {Large} */
  #large;
  /** @type {Large[]} */
  #before = [];
  /** @type {string[]} */
  #ids = []; // of the charts of the run
  #lit = ""; // charts that the lesson's step points at

  /**
   * @param {HTMLElement} root
   * @param {HTMLElement} grid Of the cards.
   * @param {PresenterParts} parts
   */
  constructor(root, grid, { charts, tell }) {
    this.#root = root;
    this.#grid = grid;
    this.#charts = charts;
    this.#tell = tell;
    this.#large = read(recall("sessionStorage", KEPT));
    document.addEventListener("click", this.#byHand, true);
    for (const card of charts.cards) {
      const button = el("button", { type: "button", class: "maml-enlarge", "data-action": "enlarge", hidden: true });
      button.addEventListener("click", ({ detail }) => {
        this.choose(this.#placeOf(card.root));
        if (detail === 0) card.root.focus(); // by keyboard: the button is gone
      });
      card.root.tabIndex = -1;
      card.root.prepend(button);
    }
  }

  /** @param {boolean} on */
  present(on) {
    this.isOn = on;
    this.#root.classList.toggle("maml-presenter", on);
    document.documentElement.classList.toggle("maml-presenting", on);
    this.#foldSidebar(on);
    this.lay();
  }

  /** Another screen has the sidebar now, and needs it; where the page comes back, so does how it stood. */
  destroy() {
    document.removeEventListener("click", this.#byHand, true);
    document.documentElement.classList.remove("maml-presenting");
    if (!this.isOn || recall("sessionStorage", FOLDED) !== "1") return;
    setTimeout(() => document.querySelector(".maml-presenter") === null && press(UNFOLD), AWAY_MS);
  }

  /** Who opens the sidebar beside large cards has it open there until they close it. */
  #byHand = (/** @type {MouseEvent} */ { isTrusted, target }) => {
    if (!this.isOn || !isTrusted || !(target instanceof Element)) return;
    if (target.closest(UNFOLD)) remember("sessionStorage", FOLDED, BY_HAND);
    else if (target.closest(FOLD) && recall("sessionStorage", FOLDED) !== null) remember("sessionStorage", FOLDED, "1");
  };

  /** @param {State} state */
  state({ charts, lesson }) {
    const lit = charts.filter((id) => lesson?.lit.includes(id));
    const pointed = lesson && lit.join(" ");
    const moved = charts.join(" ") !== this.#ids.join(" ");
    this.#ids = charts;
    if (pointed !== this.#lit && lit.length) {
      const two = lit.slice(0, 2).map((id) => charts.indexOf(id) + 1);
      if (!two.every((place) => this.#large.slots.includes(place))) this.#take(two.length === 2 ? { slots: two.toSorted(), newest: 0 } : enlarged(this.#large, two[0], this.#most));
    }
    this.#lit = pointed ?? "";
    if (moved) this.lay();
  }

  /** What a number key does; false where it does nothing here. */
  choose(/** @type {number} */ place) {
    if (!this.isOn || place > this.#ids.length) return false;
    this.enlarge(enlarged(this.#now, place, this.#most));
    this.#tell(`Large: ${this.#shown.map((at) => this.#titleOf(this.#ids[at - 1])).join(", ")}.`);
    return true;
  }

  /** The layout before; false where there is none. */
  back() {
    const before = this.isOn ? this.#before.pop() : undefined;
    if (!before) return false;
    this.#take(before);
    return true;
  }

  /** The large cards, by their places. */
  get large() {
    return this.#large;
  }

  /** @param {Large} large */
  enlarge(large) {
    this.#before = [...this.#before, this.#large].slice(-MAX_BACK);
    this.#take(large);
  }

  /** Gives each card its place, and its chart the type that is read from the last row. */
  lay() {
    const large = this.isOn ? this.#shown : []; // sizes are read in presenter mode alone: reading them has the whole page laid out
    const { template, areas } = this.isOn ? grid(large, this.#ids.length, this.#grid.clientWidth / innerHeight > BESIDE_FROM) : { template: "", areas: [] };
    this.#grid.style.gridTemplate = template;
    for (const { root } of this.#charts.cards) {
      const place = this.#placeOf(root);
      root.style.gridArea = this.isOn && place > 0 ? areas[place - 1] : "";
      root.toggleAttribute("data-thumbnail", this.isOn && place > 0 && !large.includes(place));
      const button = /** @type {HTMLButtonElement} */ (root.querySelector(".maml-enlarge"));
      button.hidden = !root.hasAttribute("data-thumbnail");
      button.textContent = String(place);
      button.setAttribute("aria-label", `Enlarge: ${this.#titleOf(String(root.dataset.chart))} (${place})`);
      button.title = `Enlarge (${place})`;
    }
    this.#charts.stand(new Map(this.isOn ? this.#ids.map((id) => [id, this.#standing(id)]) : []));
  }

  /**
   * @param {string} id
   * @returns {Standing}
   */
  #standing(id) {
    const { card } = this.#charts.get(id);
    const isThumbnail = card.root.hasAttribute("data-thumbnail");
    const [least, type] = isThumbnail ? [LEAST_THUMBNAIL, THUMBNAIL_TYPE] : [LEAST_SCALE, TYPE];
    return { scale: Math.max(least, Math.ceil(20 * ((card.plot.clientHeight * type) / this.#charts.typeSize)) / 20), isThumbnail };
  }

  /** @param {Large} large */
  #take(large) {
    this.#large = large;
    remember("sessionStorage", KEPT, JSON.stringify(large));
    if (this.isOn) this.lay();
  }

  get #most() {
    return this.#root.clientWidth >= TWO_FROM ? 2 : 1;
  }

  get #shown() {
    return shown(this.#large, this.#ids.length, this.#most);
  }

  /** @returns {Large} Of what is chosen, what is shown. */
  get #now() {
    const slots = this.#shown;
    return { slots, newest: Math.max(0, slots.indexOf(this.#large.slots[this.#large.newest])) };
  }

  /** @param {HTMLElement} root Of a card. */
  #placeOf(root) {
    return this.#ids.indexOf(String(root.dataset.chart)) + 1;
  }

  /** @param {string} id */
  #titleOf(id) {
    return flat(fromPlotly(this.#charts.get(id).title));
  }

  /**
   * Folds the sidebar away, as soon as it is there, or gives it back where it was folded so.
   *
   * @param {boolean} fold
   */
  #foldSidebar(fold) {
    const before = recall("sessionStorage", FOLDED);
    if (!fold && before === null) return;
    if (!fold) remember("sessionStorage", FOLDED, null);
    if (before === BY_HAND) return; // it is open
    const wanted = fold ? FOLD : UNFOLD;
    const until = performance.now() + SIDEBAR_MS;
    const look = () => {
      const isFolded = document.querySelector(UNFOLD) !== null;
      if (this.isOn !== fold || performance.now() > until || (fold && isFolded)) return;
      if (!document.querySelector(wanted)) return void setTimeout(look, 100);
      if (fold) remember("sessionStorage", FOLDED, "1");
      press(wanted);
    };
    look();
  }
}

/** @param {string} button Of Streamlit's. */
function press(button) {
  /** @type {HTMLElement | null} */ (document.querySelector(button))?.click();
}

/**
 * What was kept of the large cards; the usual ones where nothing was, or nothing of ours.
 *
 * @param {string | null} text
 * @returns {Large}
 */
function read(text) {
  try {
    const { slots, newest } = JSON.parse(text ?? "");
    if (slots.length <= 2 && slots.every(Number.isInteger) && slots[newest] > 0) return { slots, newest };
  } catch {
    // Then they are the usual ones.
  }
  return USUAL;
}
