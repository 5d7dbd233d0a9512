// How long a sweep has still to go, by how fast it went lately.

const FIRST_S = 2;
const LATELY_S = 20; // work is done in lumps of seconds: over a shorter time the answer would jump with each
const APART_S = 0.5;

export class Remaining {
  /** @type {{ at: number, left: number }[]} */
  #seen = [];

  /**
   * Seconds until nothing is left; NaN while nobody knows.
   *
   * @param {number} left In lane steps.
   * @param {number} now In seconds.
   */
  seconds(left, now) {
    const newest = this.#seen.at(-1);
    if (newest && left > newest.left) this.#seen = [];
    if (!newest || now - newest.at >= APART_S || left > newest.left) this.#seen.push({ at: now, left });
    while (this.#seen.length > 2 && now - this.#seen[1].at >= LATELY_S) this.#seen.shift();
    const { at, left: before } = this.#seen[0];
    return now - at > FIRST_S && before > left ? (left * (now - at)) / (before - left) : NaN;
  }
}
