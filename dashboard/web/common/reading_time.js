// How long something stays that was said unasked: as long as it takes to read, counted only where somebody is there to read it.

const SIGNS = ["pointermove", "pointerdown", "keydown", "wheel"]; // of a person at the page

/** @typedef {EventTarget & { readonly hidden: boolean }} Place The document, or what stands for it in a test. */

export class ReadingTime {
  #ms;
  #done;
  #place;
  #timer = 0;
  #somebody = false;

  /**
   * @param {number} ms What reading takes.
   * @param {() => void} done Called once, when somebody has had the time for it.
   * @param {object} [options]
   * @param {boolean} [options.asked] Somebody has just asked for it, and is there.
   * @param {Place} [options.place]
   */
  constructor(ms, done, { asked = false, place = document } = {}) {
    this.#ms = ms;
    this.#done = done;
    this.#place = place;
    this.#somebody = asked;
    for (const sign of SIGNS) place.addEventListener(sign, this.#seen);
    place.addEventListener("visibilitychange", this.#begin);
    this.#begin();
  }

  end() {
    clearTimeout(this.#timer);
    for (const sign of SIGNS) this.#place.removeEventListener(sign, this.#seen);
    this.#place.removeEventListener("visibilitychange", this.#begin);
  }

  /** Something else has to be said: nobody is waited for any more. */
  hurry() {
    this.#somebody = true;
    if (!this.#timer && !this.#place.hidden) this.#over();
  }

  /** From the start: whoever comes back to the page has read nothing of it. */
  #begin = () => {
    clearTimeout(this.#timer);
    this.#timer = this.#place.hidden ? 0 : setTimeout(this.#over, this.#ms);
  };

  #over = () => {
    this.#timer = 0;
    if (!this.#somebody) return; // until the first sign of a person
    this.end();
    this.#done();
  };

  #seen = () => {
    this.#somebody = true;
    if (!this.#timer) this.#begin();
  };
}
