// Time travel: the slider under the loss curve, by which the other charts show an earlier outer step.

import { el, perFrame, setText } from "../common/dom.js";
import { whole } from "../common/format.js";
import { awaitsAnswer } from "./lesson.js";

/** @import { LiveFrame, LiveRequest, State } from "./protocol.js" */
/** @import { Charts } from "./charts.js" */

const DOUBLE_CLICK_MS = 300; // a first click of two, which shows the whole curve again, is no wish to travel

export class Travel {
  #send;
  #now = 0; // the outer step of the run
  /** @type {number | null} */
  #then = null; // the one that is shown; null for now
  #held = false; // the thumb is
  #asks = false; // a lesson waits for an answer
  #answered = true; // the server, since the thumb moved last
  #click = 0;
  #slider = el("input", { type: "range", min: 0, max: 0, step: 1, value: 0, "aria-label": "Outer step shown", "data-dial": "travel" });
  #label = el("output", { class: "maml-then" }, "now");
  #back = el("button", { type: "button", title: "Show how it is now (n)", "data-action": "now", onclick: () => this.go(null) }, "Now");
  #branch = el(
    "button",
    {
      type: "button",
      title: "Go on from this outer step with other settings: the run so far stays as a ghost, and can be brought back",
      "data-action": "branch",
      "aria-label": "Go on from here",
      onclick: () => this.#send({ type: "branch" }),
    },
    "Go on",
    el("span", {}, " from here"),
  );
  #root;

  /**
   * @param {Charts} charts
   * @param {(message: LiveRequest) => void} send
   */
  constructor(charts, send) {
    this.#send = send;
    const loss = charts.curve;
    const travel = perFrame((/** @type {number | null} */ step) => send({ type: "travel", step }));
    this.#slider.addEventListener("input", () => {
      this.#held = true;
      this.#answered = false;
      const step = Number(this.#slider.value) < Number(this.#slider.max) ? Number(this.#slider.value) : null;
      this.#say(step);
      travel(step);
    });
    this.#slider.addEventListener("change", () => {
      this.#held = false;
      if (this.#answered) this.#draw(); // the outer step that is kept nearest to where it was let go
    });
    this.#slider.addEventListener("keydown", (event) => this.#press(event));
    let unzoomed = -Infinity;
    loss.clicked = (step) => {
      clearTimeout(this.#click);
      if (performance.now() - unzoomed < DOUBLE_CLICK_MS) return;
      this.#click = setTimeout(() => this.go(Math.max(0, Math.round(step))), DOUBLE_CLICK_MS);
    };
    // Before or after the second click, as Plotly likes.
    loss.unzoomed = () => {
      clearTimeout(this.#click);
      unzoomed = performance.now();
    };
    this.#root = el("div", { class: "maml-travel", role: "group", "aria-label": "Time travel" }, this.#slider, this.#label, this.#back, this.#branch);
    loss.card.controls.append(this.#root);
    this.#draw();
  }

  /** @param {number | null} step Which outer step to show, the nearest that is kept; null for now. */
  go(step) {
    this.#send({ type: "travel", step });
  }

  /** @param {1 | -1} by To the next kept outer step, or to the one before. */
  by(by) {
    this.#send({ type: "travel_by", by });
  }

  /** @param {KeyboardEvent} event On the slider: its own steps are smaller than the distance of two kept ones. */
  #press(event) {
    const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (by) this.by(/** @type {1 | -1} */ (by));
    else if (event.key === "End") this.go(null);
    else if (event.key === "Home") this.go(0);
    else return;
    event.preventDefault();
  }

  /** @param {State} state */
  state({ step, then, lesson }) {
    this.#asks = awaitsAnswer(lesson);
    this.#now = step;
    this.#then = then;
    this.#answered = true;
    this.#draw();
  }

  /** @param {LiveFrame} header */
  frame({ step }) {
    this.#now = step;
    this.#draw();
  }

  #draw() {
    const visibility = this.#then === null ? "hidden" : "";
    for (const button of [this.#back, this.#branch]) button.style.visibility = visibility;
    if (this.#held) return; // what lies under the pointer stays what it is while the run goes on
    this.#slider.max = String(this.#now);
    this.#slider.disabled = this.#now === 0 || this.#asks;
    this.#slider.value = String(this.#then ?? this.#now);
    this.#say(this.#then);
  }

  /** @param {number | null} then */
  #say(then) {
    setText(this.#label, then === null ? "now" : `step ${whole(then)}`);
    this.#slider.setAttribute("aria-valuetext", then === null ? `now, outer step ${whole(this.#now)}` : `outer step ${whole(then)} of ${whole(this.#now)}`);
  }
}
