// A place on the page that two charts share: one of them is shown, and the same switch stands on both cards.

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
   * @param {() => void} changed Called when the other one is chosen; it is to call `present`.
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
   * Shows the chart that is chosen.
   *
   * @param {boolean} isChoice Whether there is a choice.
   * @param {Id | null} only What is shown where there is none.
   */
  present(isChoice, only) {
    for (const segments of this.#switches) segments.show(isChoice ? this.shown : null);
    for (const plot of this.#plots) plot.show(plot.id === (isChoice ? this.shown : only));
  }

  /** @param {Id} chosen */
  #choose(chosen) {
    this.shown = chosen;
    this.#changed();
    this.#switches[this.#plots.findIndex(({ id }) => id === chosen)].focus();
  }
}
