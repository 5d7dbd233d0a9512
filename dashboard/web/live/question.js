// What was asked of the network with a person's drawings, and what it answered.

/** @import { AskExample, ClearOwnTask, LiveFrame, OwnTask } from "./protocol.js" */
/** @import { QueryAnswer } from "./verdict.js" */

/** @typedef {(message: OwnTask | ClearOwnTask | AskExample) => number} Send Gives the number under which the page asks; the frame that has seen it says so in its `change`. */

export class Question {
  /** @type {QueryAnswer | null} */
  #answer = null;
  /** @type {{ id: number, text: string } | null} */
  #sent = null;
  #told = false; // the newest answer was heard
  #refusal = "";
  #send;

  /** @param {Send} send */
  constructor(send) {
    this.#send = send;
  }

  get isAsked() {
    return this.#sent !== null;
  }

  /** The answer to the newest question; null while there is none. */
  get answer() {
    return this.#sent ? this.#answer : null;
  }

  /** Why the server does not answer; empty where it does. */
  get refusal() {
    return this.#refusal;
  }

  /**
   * Asks about a task; returns whether there was something to ask: not what is shown already, unless it is asked for once more.
   *
   * @param {Pick<OwnTask, "support" | "query">} task
   * @param {boolean} isShown Whether the page shows a drawn task.
   * @param {boolean} again
   */
  ask(task, isShown, again) {
    const text = JSON.stringify(task);
    if (text === this.#sent?.text && isShown && !again) return false;
    this.#refusal = "";
    this.#told = false;
    this.#sent = { id: this.#send({ type: "own_task", ...task }), text };
    return true;
  }

  /**
   * Asks no longer: the drawings are no task.
   *
   * @param {boolean} isShown Whether the page shows a drawn task, and has to go back to a generated one.
   */
  withdraw(isShown) {
    if (this.#sent && isShown) this.#send({ type: "own_task", clear: true });
    this.#sent = this.#answer = null;
  }

  /** Another network, of which nothing was asked. */
  forget() {
    this.#sent = null;
  }

  /** Another run, or a task that is not the drawn one: what was answered counts no longer. */
  clear() {
    this.#answer = null;
  }

  /**
   * Takes a frame's answer; returns whether it is the first one to what was asked last.
   *
   * @param {Pick<LiveFrame, "own" | "change">} header
   */
  hear({ own, change }) {
    if (!own || !this.#sent || change === null || change < this.#sent.id) return false;
    this.#answer = { ...own, probabilities: own.probabilities[0] };
    const isFirst = !this.#told;
    this.#told = true;
    return isFirst;
  }

  /**
   * The server refused something, which may be the question.
   *
   * @param {string} sentence
   * @param {number} [id] Under which it was asked for.
   */
  refused(sentence, id) {
    if (this.#sent && !this.#told && id === this.#sent.id) this.#refusal = sentence;
  }
}
