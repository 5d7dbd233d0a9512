// The live page's line of words: what holds now, the newest numbers, and what of both a screen reader is told.

import { el, setText } from "../common/dom.js";
import { percent, short, whole } from "../common/format.js";
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
  /** @type {LiveFrame | null} */
  #header = null;
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

  /** What holds now, or was just said, without the numbers. */
  get sentence() {
    return this.#sentence.root;
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
    this.#header = null;
    setText(this.#readout, "");
  }

  /** @param {State} state */
  state({ status, idea, invitation, notice, computing }) {
    this.#status = status;
    if (computing) setText(this.#readout, COMPUTING);
    else this.#read();
    this.#idea = `${idea} ${invitation}`.trim();
    if (notice && notice !== this.#notice) this.#sentence.toast(notice, "notice", false);
    this.#notice = notice;
    this.#say();
  }

  /** @param {LiveFrame} header */
  frame(header) {
    this.#header = header;
    this.#read();
  }

  /** Has the run's status, or its progress, told where that is due. */
  announce() {
    this.#announcer.announce(this.#status);
  }

  #read() {
    setText(this.#readout, this.#header ? readout(this.#header, this.#status.kind !== "running") : "");
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
 * @param {Pick<LiveFrame, "numbers" | "metric" | "step">} header
 * @param {boolean} stands Where it does, numbers of an earlier outer step than the one beside them say so; while it trains, both move on.
 */
export function readout({ numbers: { training, before, after, held_out_step, step_ms }, metric, step }, stands) {
  const written = (/** @type {number | null} */ value) => (value === null ? "not finite" : metric === "accuracy" ? percent(value) : short(value));
  const parts = [];
  if (training !== null) parts.push(`training ${written(training)}`);
  if (held_out_step !== null) parts.push(`held-out ${stands && held_out_step !== step ? `at step ${whole(held_out_step)} ` : ""}${written(before)} → ${written(after)}`);
  if (step_ms !== null) parts.push(`${short(step_ms)} ms a step`);
  return parts.join("  ·  ");
}
