// The live page's line of words: what holds now, the newest numbers, and what of both a screen reader is told.

import { el, setText } from "../common/dom.js";
import { percent, short } from "../common/format.js";
import { Sentence } from "../common/sentence.js";
import { LOST } from "../common/socket.js";
import { Announcer } from "./announcer.js";

/** @import { LiveFrame, State, Status } from "./protocol.js" */
/** @import { Link } from "../common/socket.js" */

const COMPUTING = "Computing the first look at this run …";

export class Words {
  #announcer;
  #sentence = new Sentence((text) => this.#announcer.speak(text));
  #readout = el("p", { class: "maml-readout" });
  /** @type {Link} */
  #link = "open";
  /** @type {Status} */
  #status = { kind: "ready", sentence: "" };
  #idea = "";
  #notice = "";

  /** @param {() => string} standing How the run stands, in words. */
  constructor(standing) {
    this.#announcer = new Announcer((sentence) => `${standing()}. ${sentence || this.#readout.textContent}`);
    this.#say();
  }

  /** What is seen. */
  get roots() {
    return [this.#sentence.root, this.#readout];
  }

  /** What is heard. */
  get live() {
    return this.#announcer.root;
  }

  destroy() {
    this.#announcer.destroy();
    this.#sentence.destroy();
  }

  /** @param {string} sentence Why something is not done. */
  refused(sentence) {
    this.#sentence.toast(sentence, "error");
  }

  /** @param {string} sentence */
  note(sentence) {
    this.#sentence.toast(sentence, "notice");
  }

  /** @param {string} sentence A notice that is not true any more. */
  retract(sentence) {
    this.#sentence.retract(sentence);
  }

  /** What was refused is put right. */
  forgive() {
    this.#sentence.forgive();
  }

  /** @param {string} text What those who hear the page are told at once. */
  tell(text) {
    this.#announcer.speak(text);
  }

  /** @param {Link} link */
  link(link) {
    const before = this.#link;
    this.#link = link;
    if (link !== "open" && link !== before) this.#announcer.speak(LOST[link]);
    this.#say();
  }

  /** Another run than before: nothing was measured of it yet. */
  clear() {
    setText(this.#readout, "");
  }

  /** @param {State} state */
  state({ status, idea, invitation, notice, computing }) {
    if (computing) setText(this.#readout, COMPUTING);
    else if (this.#readout.textContent === COMPUTING) setText(this.#readout, "");
    this.#status = status;
    this.#idea = `${idea} ${invitation}`.trim();
    if (notice && notice !== this.#notice) this.#sentence.toast(notice, "notice", false);
    this.#notice = notice;
    this.#say();
  }

  /** @param {LiveFrame} header */
  frame(header) {
    setText(this.#readout, readout(header));
  }

  /** Has the run's status, or its progress, told where that is due. */
  announce() {
    this.#announcer.announce(this.#status);
  }

  #say() {
    const { kind, sentence } = this.#status;
    const lost = LOST[this.#link];
    this.#sentence.say(lost || sentence || this.#idea, lost ? "error" : sentence && kind);
  }
}

/**
 * The newest numbers of a run, in a line.
 *
 * @param {Pick<LiveFrame, "numbers" | "metric">} header
 */
export function readout({ numbers: { training, before, after, step_ms }, metric }) {
  const written = metric === "accuracy" ? percent : short;
  const parts = [];
  if (training !== null) parts.push(`training ${written(training)}`);
  if (before !== null) parts.push(`held-out ${written(before)} → ${written(after ?? NaN)}`);
  if (step_ms !== null) parts.push(`${short(step_ms)} ms a step`);
  return parts.join("  ·  ");
}
