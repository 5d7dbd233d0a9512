// The strip at the top of the sensitivity screen: which sweep it is, how far it is, and the buttons that stop it and let it go on.

import { el, known, setText } from "../common/dom.js";
import { whole } from "../common/format.js";
import { pulse } from "../common/pulse.js";
import { Segments } from "../common/segments.js";
import { LINKS } from "../common/socket.js";
import { Remaining } from "./remaining.js";

/** @import { Link } from "../common/socket.js" */
/** @import { Count, Sweep, SweepRequest, View } from "./protocol.js" */

/** @typedef {Partial<Sweep> & { name: string | null }} SweepState What is known of the sweep; before anything is, its name is null. */

const METRICS = /** @type {const} */ ([
  ["accuracy", "Accuracy"],
  ["loss", "Loss"],
]);

/** @type {Record<string, string>} */
const STATUS = { stopped: "Stopped", running: "Running", stopping: "Stopping", done: "Done", failed: "Failed", gone: "Not kept" };

/** @type {Record<string, string>} */
const PILLS = { running: "running", failed: "diverged" };

export class Header {
  root;
  #name = el("strong", { class: "maml-sweep-name" });
  #pill = el("span", { class: "maml-pill" });
  #cancel;
  #resume;
  #bar = el("progress", { max: 1, value: 0, "aria-label": "Outer steps done" });
  #count = el("span", { class: "maml-sweep-count" });
  #metric;
  #remaining = new Remaining();
  /** @type {Count | null} */
  #counted = null; // what the last frame said of the sweep's progress
  /** @type {Link} */
  #link = "open";

  /**
   * @param {object} options
   * @param {(message: SweepRequest) => void} options.send
   * @param {(change: Pick<View, "metric">) => void} options.look
   */
  constructor({ send, look }) {
    this.#cancel = el("button", { type: "button", "data-action": "cancel", onclick: () => send({ type: "cancel" }) }, "Cancel");
    this.#resume = el("button", { type: "button", "data-action": "resume", class: "maml-primary", onclick: () => send({ type: "resume" }) }, "Resume");
    this.#metric = new Segments("Metric", METRICS, (metric) => look({ metric }));
    const report = el("div", { class: "maml-report" }, this.#metric.root);
    this.root = el("div", { class: "maml-transport" }, this.#name, this.#pill, this.#resume, this.#cancel, this.#bar, this.#count, report);
  }

  /** Another sweep. */
  reset() {
    this.#remaining = new Remaining();
    this.#counted = null;
  }

  /**
   * Without a connection nobody knows whether the sweep goes on, nor for how long.
   *
   * @param {Link} link
   * @param {SweepState} state
   * @param {number} numRefused
   */
  link(link, state, numRefused) {
    this.#link = link;
    this.show(state);
    this.progress(state, numRefused);
  }

  /** @param {SweepState} state */
  show({ name, status = "", classifies, metric }) {
    const has = name !== null;
    setText(this.#name, name ?? "");
    const lost = LINKS[this.#link];
    this.#pill.hidden = !has;
    this.#pill.dataset.kind = lost ? "lost" : (PILLS[status] ?? "paused");
    setText(this.#pill, lost || (STATUS[status] ?? ""));
    this.#resume.hidden = !(status === "stopped" || status === "failed");
    this.#cancel.hidden = !(status === "running" || status === "stopping");
    this.#cancel.disabled = status === "stopping";
    this.#bar.hidden = this.#count.hidden = !has;
    this.#metric.show(has && classifies ? metric : null);
  }

  /**
   * How far the sweep is: its settings by kind, and the time that is left.
   *
   * @param {SweepState} state
   * @param {number} numRefused
   * @param {Count | null} [count] Of the newest frame.
   */
  progress({ status, num_done }, numRefused, count = this.#counted) {
    this.#counted = count;
    pulse(this.#pill);
    const goesOn = status === "running" && this.#link === "open";
    if (!goesOn) this.#remaining = new Remaining(); // a pause says nothing of the speed
    if (!count) return;
    const { lane_steps, lane_steps_left, size, refused } = count;
    const done = status === "done" ? known(num_done) - numRefused : count.ok + count.diverged + count.pruned;
    const total = lane_steps + lane_steps_left;
    this.#bar.value = done + refused >= size ? 1 : total ? lane_steps / total : done / Math.max(1, size);
    const left = this.#remaining.seconds(lane_steps_left, performance.now() / 1000);
    setText(this.#count, counts(count, done, goesOn ? left : NaN));
  }
}

/**
 * How many settings are done, in words: `12 of 30 · 2 diverged · 40 s left`.
 *
 * @param {Pick<Count, "size" | "diverged" | "pruned" | "refused">} count
 * @param {number} done
 * @param {number} left_s NaN where nobody knows.
 */
export function counts({ size, diverged, pruned, refused }, done, left_s) {
  const parts = [`${whole(done)} of ${whole(size)}`];
  if (diverged) parts.push(`${whole(diverged)} diverged`);
  if (pruned) parts.push(`${whole(pruned)} pruned`);
  if (refused) parts.push(`${whole(refused)} left out`);
  if (Number.isFinite(left_s)) parts.push(left_s < 100 ? `${Math.ceil(left_s)} s left` : `${Math.ceil(left_s / 60)} min left`);
  return parts.join(" · ");
}
