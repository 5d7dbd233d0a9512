// Whether anybody is at the other end of a connection. One that ends without a word, since a laptop slept, the Wi-Fi went or something between has
// forgotten it, stays open for the browser for many minutes: so the page asks for a word where none comes, and after waking at once.

const TICK_MS = 250;
const LATE_MS = 2000; // after which a tick tells that the machine slept, or that the page was frozen
const QUIET_MS = { seen: 800, hidden: 10_000 }; // after which the server is asked for a word
const ANSWER_MS = { least: 1000, most: 10_000 }; // for which that is awaited
const BEGINNING_MS = 8000; // of silence before a new connection has told all that it begins with, which may be one long message on a slow line
const TIMES_SLOWEST = 3; // for an answer it is waited so many times as long as for the slowest one lately
const EASING = 0.995; // what a tick leaves of that: half in half a minute

/**
 * Who is told.
 *
 * @typedef {object} Watched
 * @property {() => void} ask Has the server say a word.
 * @property {() => void} silent Nothing was heard for too long. Called again and again until something is.
 * @property {() => void} woke The page is seen again, the machine is back from its sleep, or there is a network again.
 */

export class Lifeline {
  /** @type {Watched} */
  #on;
  #ticking;
  #tickedAt = Date.now();
  #heardAt = 0;
  #isAsked = false; // an answer is awaited
  #waited = 0; // in which an answer could have been heard, in milliseconds
  #slowest = 0;
  /** @type {"none" | "beginning" | "settled"} */
  #line = "none";
  #wake = () => this.#woke();
  #seen = () => document.hidden || this.#woke();

  /** @param {Watched} on */
  constructor(on) {
    this.#on = on;
    this.#ticking = setInterval(() => this.#tick(Date.now()), TICK_MS);
    for (const event of ["online", "pageshow"]) addEventListener(event, this.#wake);
    document.addEventListener("resume", this.#wake);
    document.addEventListener("visibilitychange", this.#seen);
  }

  /** There is a new connection. */
  watch() {
    this.#line = "beginning";
    this.#heardAt = Date.now();
    this.#isAsked = false;
    this.#waited = 0;
  }

  /** It has told all that it begins with. */
  settle() {
    this.#line = "settled";
  }

  /** It has said something. */
  hear() {
    this.#heardAt = Date.now();
    if (this.#isAsked) this.#slowest = Math.max(this.#slowest, this.#waited);
    this.#isAsked = false;
    this.#waited = 0;
  }

  /** There is no connection. */
  rest() {
    this.#line = "none";
  }

  destroy() {
    clearInterval(this.#ticking);
    for (const event of ["online", "pageshow"]) removeEventListener(event, this.#wake);
    document.removeEventListener("resume", this.#wake);
    document.removeEventListener("visibilitychange", this.#seen);
  }

  get #patience() {
    return Math.min(ANSWER_MS.most, Math.max(ANSWER_MS.least, TIMES_SLOWEST * this.#slowest));
  }

  /** @param {number} now */
  #tick(now) {
    const passed = now - this.#tickedAt;
    this.#tickedAt = now;
    if (passed > LATE_MS || passed < 0) return this.#woke();
    this.#slowest *= EASING;
    this.#waited += Math.min(passed, 2 * TICK_MS); // what came while the page was busy is heard only behind this
    if (this.#line === "none") return;
    const isBeginning = this.#line === "beginning";
    const quiet = document.hidden ? QUIET_MS.hidden : QUIET_MS.seen;
    if (!isBeginning && !this.#isAsked) return now - this.#heardAt >= quiet ? this.#ask() : undefined;
    if (this.#waited >= (isBeginning ? BEGINNING_MS : this.#patience)) this.#on.silent();
  }

  #ask() {
    this.#isAsked = true;
    this.#waited = 0;
    this.#on.ask();
  }

  #woke() {
    if (this.#line === "settled") this.#ask();
    this.#on.woke();
  }
}
