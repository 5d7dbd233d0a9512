// How long a sweep has still to go, by how fast it went lately.

const MEASURED_S = 2;

export class Remaining {
  #at = 0;
  #left = 0;
  #perSecond = NaN;

  /**
   * Seconds until nothing is left; NaN while nobody knows.
   *
   * @param {number} left In lane steps.
   * @param {number} now In seconds.
   */
  seconds(left, now) {
    if (!this.#at || left > this.#left) this.#measure(left, now, NaN);
    else if (now - this.#at > MEASURED_S) {
      const measured = (this.#left - left) / (now - this.#at);
      this.#measure(left, now, Number.isNaN(this.#perSecond) ? measured : 0.5 * (this.#perSecond + measured));
    }
    return this.#perSecond > 0 ? left / this.#perSecond : NaN;
  }

  /**
   * @param {number} left
   * @param {number} now
   * @param {number} perSecond
   */
  #measure(left, now, perSecond) {
    this.#at = now;
    this.#left = left;
    this.#perSecond = perSecond;
  }
}
