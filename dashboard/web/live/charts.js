// The charts of the live page, at most one redraw an animation frame, and two where somebody waits for them.

import { known, reducedMotion } from "../common/dom.js";
import { Chart } from "./chart.js";
import { Images } from "./images.js";

/** @import { Figures, Frame, Ranges } from "../common/protocol.js" */
/** @import { LayoutPatch, LiveFrame } from "./protocol.js" */
/** @import { View } from "./image_task.js" */

// After a redraw the page rests at least this many times its cost, so that a slow machine stays responsive.
const REST = 0.7;
const MAX_IN_FLIGHT = 2;
const AT_ONCE = 2; // charts that are begun in one animation frame where somebody waits for them
const REDUCED_MOTION_MS = 500;
const THUMBNAIL_MS = 1000;
const TYPE_SIZE = 13; // before the first figure is there

// The first numbers follow the looks at once: a figure that is made with them need not be drawn twice.
const FIRST_NUMBERS_MS = 1000;

/**
 * How a chart stands on the page.
 *
 * @typedef {object} Standing
 * @property {number} scale Of its type, lines and markers.
 * @property {boolean} isThumbnail It is drawn once a second at most, and nobody waits for it.
 */

/**
 * What is seen of the charts: the groups of their legends that are hidden, by chart, and what the images card shows.
 *
 * @typedef {{ hidden: Record<string, string[]>, images: View }} SeenOf
 */

/** @type {Standing} */
const USUAL = { scale: 1, isThumbnail: false };

/** All charts, in the order in which they stand on the page and are redrawn. */
export class Charts {
  #ids;
  /** @type {Map<string, Chart | Images>} */
  #charts;
  /** @type {Pick<import("../common/protocol.js").Figures, "light" | "dark"> | null} */
  #figures = null;
  /** @type {"light" | "dark"} */
  #theme = "light";
  /** @type {Map<string, Standing>} */
  #standing = new Map(); // of those that stand otherwise than usual
  #turn = 0;
  #scheduled = false;
  #restUntil = 0;
  #inFlight = 0;
  #urgent = true; // the first drawing too is waited for
  #emptyUntil = Infinity;
  /** @type {number | null} */
  #lastChange = null;
  /** @type {number | null} */
  #then = null; // the earlier outer step that is shown
  /** @type {{ header: LiveFrame, left: Set<string> }[]} */
  #open = []; // frames not yet drawn whole, each with the charts that are left
  /** @type {Record<string, LayoutPatch>} */
  #layouts = {};
  #onDrawn;
  #stats;

  /**
   * @param {string[]} ids
   * @param {object} options
   * @param {(header: LiveFrame) => void} options.onDrawn Called once all charts of a frame show it (or something newer).
   * @param {Window["mamlLive"]} options.stats
   */
  constructor(ids, { onDrawn, stats }) {
    this.#ids = ids;
    this.#charts = new Map(ids.map((id) => [id, this.#made(id)]));
    this.#onDrawn = onDrawn;
    this.#stats = stats;
    for (const id of ids) stats.drawn[id] = 0;
    Object.defineProperty(stats, "waiting", { get: () => this.#waiting, configurable: true });
  }

  /** Whether a chart has something new that is not on the screen yet. */
  get #waiting() {
    return [...this.#charts.values()].some(({ waiting }) => waiting);
  }

  /** @param {string} id */
  #made(id) {
    const wake = () => this.schedule();
    return id === "images" ? new Images(wake) : new Chart(id, wake);
  }

  /** The images card, which stands among the charts. */
  get images() {
    return /** @type {Images} */ (this.get("images"));
  }

  /** @returns {SeenOf} What is chosen to be seen. */
  get choices() {
    const some = [...this.#charts].filter(([, { hidden }]) => hidden.size > 0);
    return { hidden: Object.fromEntries(some.map(([id, { hidden }]) => [id, [...hidden]])), images: this.images.view };
  }

  /** @param {SeenOf} choices */
  choose({ hidden, images }) {
    for (const [id, chart] of this.#charts) {
      if (!(chart instanceof Chart)) continue;
      if (chart.hidden.size || hidden[id]) chart.hide(hidden[id] ?? []);
      if (chart.zoomed) chart.unzoom();
    }
    if (images !== this.images.view) this.images.choose(images);
    this.schedule();
  }

  /** The chart of one task's curves, of which the page draws one itself. */
  get fit() {
    return /** @type {Chart} */ (this.get("fit"));
  }

  /** The chart of the curves over outer steps. */
  get curve() {
    return /** @type {Chart} */ (this.get("loss"));
  }

  /** The chart of held-out tasks over inner steps. */
  get adaptation() {
    return /** @type {Chart} */ (this.get("adaptation"));
  }

  /** @param {string} id */
  get(id) {
    return known(this.#charts.get(id));
  }

  get cards() {
    return [...this.#charts.values()].map(({ card }) => card);
  }

  /** @param {Figures} figures All that the page needs now, or that of a chart that is opened. */
  figures({ light, dark }) {
    this.#figures = { light: { ...this.#figures?.light, ...light }, dark: { ...this.#figures?.dark, ...dark } };
    if (this.#ids[0] in light) this.#emptyUntil = performance.now() + FIRST_NUMBERS_MS;
    this.#restyle(Object.keys(light));
  }

  /** @param {"light" | "dark"} theme */
  recolor(theme) {
    if (theme === this.#theme) return;
    this.#theme = theme;
    this.#restyle();
  }

  /** @param {Map<string, Standing>} standing Of the charts that do not stand as usual. */
  stand(standing) {
    const before = this.#standing;
    this.#standing = standing;
    for (const { left } of this.#open) for (const id of left) if (this.#of(id).isThumbnail) left.delete(id);
    this.#settle();
    this.#restyle(this.#ids.filter((id) => (before.get(id) ?? USUAL).scale !== this.#of(id).scale));
  }

  /** @param {string} id */
  #of(id) {
    return this.#standing.get(id) ?? USUAL;
  }

  /** Height of the charts' type at its usual scale, in pixels. */
  get typeSize() {
    return this.#figures?.[this.#theme][this.#ids[0]].layout.font.size ?? TYPE_SIZE;
  }

  palette() {
    return this.#figures?.[this.#theme][this.#ids[0]].layout.meta.palette ?? null;
  }

  /**
   * @param {string[]} ids Which charts the run has.
   * @param {Record<string, string>} empty Why some of them have nothing to show.
   */
  present(ids, empty) {
    for (const [id, chart] of this.#charts) {
      const shown = ids.includes(id);
      if (shown !== chart.shown) chart.show(shown);
      if (chart.card.empty(empty[id] ?? "")) chart.clear(); // what it showed before is no answer to what is awaited
      if (!shown) for (const { left } of this.#open) left.delete(id);
    }
    this.#settle();
    this.schedule();
  }

  /** @param {Record<string, LayoutPatch>} patches */
  layouts(patches) {
    this.#layouts = patches;
    for (const [id, patch] of Object.entries(patches)) this.#charts.get(id)?.marks(patch[this.#theme]);
    this.schedule();
  }

  /** @param {string[]} [ids] The charts that look different now; all that have a figure where that is not said. */
  #restyle(ids = Object.keys(this.#figures?.light ?? {})) {
    if (!this.#figures) return;
    for (const id of ids.filter((each) => each in known(this.#figures).light)) {
      const chart = this.get(id);
      if (this.#layouts[id]) chart.marks(this.#layouts[id][this.#theme]);
      chart.look(this.#figures[this.#theme][id], this.#of(id).scale);
    }
    this.schedule();
  }

  /**
   * Another run: empties the charts, or those that a frame of it says nothing of.
   *
   * @param {Record<string, Ranges>} kept
   */
  clear(kept = {}) {
    for (const [id, chart] of this.#charts) if (!kept[id]) chart.clear();
    this.schedule();
  }

  /** @param {Frame<LiveFrame>} frame */
  frame({ header, floats }) {
    /** @type {Set<string>} */
    const touched = new Set();
    this.#emptyUntil = -Infinity;
    for (const [id, trace, what, offset, size] of header.arrays) {
      const chart = this.#charts.get(id);
      if (chart?.set(trace, what, floats.subarray(offset, offset + size)) && chart.shown && !this.#of(id).isThumbnail) touched.add(id);
    }
    if (header.images) {
      const { images } = this;
      images.frame({ header, floats });
      if (images.shown && !this.#of("images").isThumbnail) touched.add("images");
    }
    for (const [id, ranges] of Object.entries(header.ranges)) this.#charts.get(id)?.range(ranges);
    for (const [id, chart] of this.#charts) {
      if (header.subtitles[id] !== undefined) chart.card.subtitle(header.subtitles[id]);
      if (header.summaries[id] !== undefined) chart.card.summary(header.summaries[id]);
    }
    const isAnswer = header.change !== null && header.change !== this.#lastChange;
    this.#urgent ||= isAnswer || header.then !== this.#then; // somebody waits for it
    this.#then = header.then;
    this.#lastChange = header.change ?? this.#lastChange;
    this.#open.push({ header, left: touched });
    this.#settle();
    this.schedule();
  }

  /** Asks for a redraw soon; `now` skips the rest between redraws (a person is waiting for it). */
  schedule(now = false) {
    this.#urgent ||= now;
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => this.#tick());
  }

  #tick() {
    this.#scheduled = false;
    if (!window.Plotly || !this.#figures) return;
    const now = performance.now();
    if (now < this.#emptyUntil) {
      this.schedule();
      return;
    }
    const atOnce = this.#urgent ? AT_ONCE : 1;
    for (let begun = 0; begun < atOnce; begun++) {
      const chart = this.#inFlight < MAX_IN_FLIGHT * atOnce ? this.#next(now) : null;
      if (!chart) {
        if (this.#inFlight === 0) this.#urgent = false;
        if (this.#waiting || begun) this.schedule();
        return;
      }
      if (this.#urgent || now >= this.#restUntil) this.#draw(chart, now);
    }
    this.schedule();
  }

  /**
   * @param {Chart | Images} chart
   * @param {number} now
   */
  #draw(chart, now) {
    const showing = [...this.#open]; // frames that come while it draws are not on the screen yet
    this.#inFlight++;
    // A chart that cannot be drawn must not keep the others, and the server's next frame, waiting.
    const drawn = new Promise((settle) => settle(chart.draw())).catch((error) => console.error(error));
    drawn.then(() => {
      this.#inFlight--;
      this.#stats.drawn[chart.id]++;
      for (const { left } of showing) left.delete(chart.id);
      this.#settle();
      this.schedule();
    });
    const end = performance.now();
    this.#restUntil = end + REST * (end - now);
  }

  /**
   * The next chart in turn that has something new.
   *
   * @param {number} now
   */
  #next(now) {
    const calm = reducedMotion() && !this.#urgent ? REDUCED_MOTION_MS : 0;
    for (let i = 0; i < this.#ids.length; i++) {
      const chart = this.get(this.#ids[(this.#turn + i) % this.#ids.length]);
      if (!chart.waiting || now - chart.lastDrawn < (this.#of(chart.id).isThumbnail ? THUMBNAIL_MS : calm)) continue;
      this.#turn = (this.#turn + i + 1) % this.#ids.length;
      return chart;
    }
    return null;
  }

  #settle() {
    while (this.#open[0]?.left.size === 0) this.#onDrawn(known(this.#open.shift()).header);
  }
}
