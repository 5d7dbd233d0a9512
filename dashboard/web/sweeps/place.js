// A place on the page that some charts share: one of them is shown, and the same switch stands on all their cards.

import { Segments } from "../common/segments.js";

/** @import { Plot } from "./figure.js" */

/** @template {string} Id */
export class Place {
  /** @type {Id} */
  shown;
  #plots;
  #switches;
  #changed;

  /**
   * @param {string} name Of the switch.
   * @param {readonly (readonly [Id, string])[]} choices The charts, each with its label; the first is shown.
   * @param {Plot[]} plots In the same order.
   * @param {() => void} changed Called when another one is chosen; it is to call `present`.
   */
  constructor(name, choices, plots, changed) {
    this.shown = choices[0][0];
    this.#plots = plots;
    this.#changed = changed;
    this.#switches = plots.map(({ card }) => {
      const segments = new Segments(name, choices, (chosen) => this.#choose(chosen));
      card.addSwitch(segments);
      return segments;
    });
  }

  /**
   * Shows the chart that is chosen, or the first one where that is not to be had.
   *
   * @param {readonly Id[]} among What is to be had; nothing is shown where that is none.
   */
  present(among) {
    if (among.length && !among.includes(this.shown)) this.shown = among[0];
    for (const segments of this.#switches) segments.show(among.length > 1 ? this.shown : null, among);
    for (const plot of this.#plots) plot.show(among.length > 0 && plot.id === this.shown);
  }

  /** @param {Id} chosen */
  #choose(chosen) {
    this.shown = chosen;
    this.#changed();
    this.#switches[this.#plots.findIndex(({ id }) => id === chosen)].focus();
  }
}
