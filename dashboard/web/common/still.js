// While something is pressed, nothing that comes from the server may move or replace it: the press would hit something else, or nothing.

const PRESSABLE = "button, a, label, select, summary, tr"; // no slider and no chart: who drags one wants to see what comes of it
const LONGEST_MS = 1000;

export class Still {
  #pressed = false;
  /** @type {(() => void)[]} */
  #waiting = [];
  #timer = 0;

  /** @param {EventTarget} root What is pressed inside of it. */
  constructor(root) {
    root.addEventListener("pointerdown", ({ target }) => /** @type {Element} */ (target).closest?.(PRESSABLE) && this.#begin(), true);
  }

  /**
   * Calls `act` now, or once the press is through; in order.
   *
   * @param {() => void} act
   */
  then(act) {
    if (this.#pressed) this.#waiting.push(act);
    else act();
  }

  #begin() {
    this.#pressed = true;
    const end = () => setTimeout(() => this.#end(), 0); // the click comes right behind
    for (const type of ["pointerup", "pointercancel"]) addEventListener(type, end, { once: true });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#end(), LONGEST_MS);
  }

  #end() {
    clearTimeout(this.#timer);
    this.#pressed = false;
    for (const act of this.#waiting.splice(0)) act();
  }
}
