// A lesson's strip, one line above all else: where one stands, and the ways on; and its guide beside the charts: what the step says, asks and wants done,
// and what came out of it.

import { el, keepFocus, popoverButton, recall, remember, setNamed, setRich, setText } from "../common/dom.js";
import { whole } from "../common/format.js";
import { ofServer } from "../common/place.js";
import { BoxOfPrediction } from "./prediction.js";

/** @import { Lesson, LiveRequest, State } from "./protocol.js" */

const DONE = "maml-lessons";
const DIALS = ["alpha", "beta", "num_inner_steps"];
const TASKS = ["fit", "images"]; // the charts of one task

/**
 * What the strip asks of its page.
 *
 * @typedef {object} LessonActions
 * @property {(message: LiveRequest) => void} send
 * @property {boolean} follows The lesson is somebody else's, whom the page follows.
 * @property {HTMLElement} sentence What is said of the run, in the line above the charts.
 * @property {() => void} walk Shows the inner steps of the task, one after the other.
 * @property {(text: string) => void} tell Those who hear the page.
 * @property {(sentence: string) => void} refused
 * @property {(to: "live" | "lessons") => void} leave
 */

/** @typedef {{ step: number, steps: number, done: boolean, seed?: number }} Come How far this browser has come in a lesson, and with which seed of random numbers it was last taken. */

/** @typedef {Record<string, Come>} Progress By the lessons' names. */

/** @returns {Progress} */
export function progress() {
  try {
    return JSON.parse(recall("localStorage", DONE) ?? "{}");
  } catch {
    return {}; // somebody else's
  }
}

/**
 * The progress with what a lesson's state says; nobody goes back in it, but where other random numbers begin.
 *
 * @param {Progress} known
 * @param {Pick<Lesson, "name" | "step" | "steps" | "done" | "seed">} lesson
 * @returns {Progress}
 */
export function progressed(known, { name, step, steps, done, seed }) {
  const { [name]: before, ...others } = known;
  const reached = before && (before.seed ?? 0) === seed ? Math.max(before.step, step) : step;
  return { ...others, [name]: { step: reached, steps, done: Boolean(before?.done) || (done && step === steps - 1), ...(seed ? { seed } : {}) } };
}

/**
 * How far a lesson was come in, in words; empty where it was not begun.
 *
 * @param {Come | undefined} come
 */
export function standing(come) {
  if (!come || come.done) return come ? "done" : "";
  return `at step ${come.step + 1} of ${come.steps}${come.seed ? `, with the random numbers of seed ${come.seed}` : ""}`;
}

/**
 * Whether the prediction of a lesson's step comes first: until it is given, nothing that trains or shows more of the run can be pressed, as the server
 * has it (`lesson_guide.py`).
 *
 * @param {Pick<Lesson, "asks"> | null} lesson
 */
export const awaitsAnswer = (lesson) => Boolean(lesson?.asks);

/**
 * The address at which a lesson goes on: with the seed with which it was begun.
 *
 * @param {string} name
 * @param {Come | undefined} come
 */
export const goingOn = (name, come) => `?lesson=${encodeURIComponent(name)}${come?.seed ? `&seed=${come.seed}` : ""}`;

/**
 * The address of a lesson's step.
 *
 * @param {Pick<Lesson, "name" | "step" | "seed">} lesson
 */
export const lessonQuery = ({ name, step, seed }) => `?lesson=${encodeURIComponent(name)}&step=${step + 1}${seed ? `&seed=${seed}` : ""}`;

/**
 * Where elements are that a step points at.
 *
 * @param {string} name
 */
const placeOf = (name) =>
  ({ play: "[data-action=play]", task: ".maml-task", formulas: ".maml-formulas" })[name] ?? `.maml-card[data-chart="${name}"], .maml-dial[data-key="${name}"]`;

export class LessonStrip {
  #page;
  #actions;
  /** @type {Lesson | null} */
  #lesson = null;
  #title = el("h2", {});
  #place = el("span", { class: "maml-lesson-place" });
  #text = el("p", { class: "maml-lesson-text" });
  #back = el("button", { type: "button", "data-action": "lesson-back", onclick: () => this.#go(-1) }, "Back");
  #next = el("button", { type: "button", "data-action": "lesson-next", onclick: () => this.#go(1) }, "Next");
  #leave = el("button", { type: "button", "data-action": "lesson-leave", title: "To your own run on Live, which is as you left it", onclick: () => this.#actions.leave("live") }, "Leave");
  #act = el("button", { type: "button", class: "maml-primary", "data-action": "lesson-act", onclick: () => this.#press() });
  #todo = el("p", { class: "maml-lesson-todo" });
  #verdict = el("p", { class: "maml-lesson-verdict" });
  #note = el("p", { class: "maml-lesson-note" });
  #transfer = el("p", {});
  #answer = el("p", {});
  #free = el("button", { type: "button", "data-action": "lesson-free", title: "With this run: all dials are free", onclick: () => this.#actions.send({ type: "lesson_free" }) }, "Keep playing");
  #more = popoverButton(
    { "data-action": "lesson-more" },
    "One more question",
    el("div", { class: "maml-lesson-more" }, this.#transfer, el("details", { "data-action": "lesson-more-answer" }, el("summary", {}, "The answer"), this.#answer)),
  );
  /** @type {{ line: Element, before: Element | null } | null} */
  #lineOfWords = null; // where the sentence stands outside of a lesson
  #prediction = new BoxOfPrediction((answer) => this.#actions.send({ type: "lesson_answer", answer }));
  #link = el("a", { target: "_blank", rel: "noopener", "data-action": "lesson-link" }, "This set-up on Live, in a new tab");
  #again = el("a", { "data-action": "lesson-again" }, "The lesson once more, with other random numbers");
  #script = el("a", { download: "", "data-action": "lesson-script" }, "The lesson as a Python script");
  #notebook = el("a", { download: "", "data-action": "lesson-notebook" }, "The lesson as a notebook");
  #take = popoverButton(
    { "data-action": "lesson-take" },
    "Take it with you",
    el("div", { class: "maml-menu maml-lesson-menu" }, this.#link, this.#script, this.#notebook, this.#again),
  );
  #end = el("div", { class: "maml-lesson-end" }, this.#more.button, this.#more.panel, this.#free);
  #work = el("div", { class: "maml-lesson-work" }, this.#prediction.root, this.#prediction.lock, this.#act, this.#todo, this.#verdict, this.#note, this.#end);
  root = el(
    "section",
    { class: "maml-lesson", "aria-label": "Lesson", hidden: true },
    el("header", {}, this.#title, this.#place, this.#back, this.#next, this.#take.button, this.#take.panel, this.#leave),
  );
  guide = el("section", { class: "maml-guide", "aria-label": "This step", hidden: true }, this.#text, this.#work);

  /**
   * @param {HTMLElement} page
   * @param {LessonActions} actions
   */
  constructor(page, actions) {
    this.#page = page;
    this.#actions = actions;
  }

  /** What is said stands in the guide where that is a column beside the charts: in the line above them it would push them down. */
  seat() {
    const { sentence } = this.#actions;
    const isBeside = !this.guide.hidden && this.guide.parentElement !== null && getComputedStyle(this.guide.parentElement).display === "grid";
    if (isBeside === (sentence.parentElement === this.guide) || !sentence.parentElement) return;
    if (isBeside) {
      this.#lineOfWords = { line: sentence.parentElement, before: sentence.nextElementSibling };
      this.guide.append(sentence);
    } else this.#lineOfWords?.line.insertBefore(sentence, this.#lineOfWords.before);
  }

  /** The page has shown all inner steps of the task. */
  walked() {
    const { action = null, done = true, asks = true } = this.#lesson ?? {};
    if (action === "inner" && !done && !asks && !this.#actions.follows) this.#actions.send({ type: "lesson_act" });
  }

  /** @param {number} step The outer step that the run has come to. */
  step(step) {
    const { busy = null, until = 0 } = this.#lesson ?? {};
    if (busy === "training") setText(this.#act, `Training: ${whole(step)} of ${whole(until ?? 0)}`);
  }

  /** @param {1 | -1} by */
  #go(by) {
    if (!this.#lesson) return;
    const { step, steps, done } = this.#lesson;
    if (by > 0 && !done) return this.#actions.refused("First what this step asks for; then Next leads on.");
    if (by > 0 && step === steps - 1) return this.#actions.leave("lessons");
    if (step + by >= 0) this.#actions.send({ type: "lesson_go", to: step + by });
  }

  #press() {
    if (!this.#lesson || this.#lesson.busy) return;
    const { asks, action, idle } = this.#lesson;
    if (asks) return this.#actions.refused(idle);
    if (action === "inner") this.#actions.walk();
    else this.#actions.send({ type: "lesson_act" });
  }

  /**
   * The button that was pressed may be gone then: the next one is what it has made possible.
   *
   * @param {State} state
   */
  state(state) {
    keepFocus(this.guide, () => this.#show(state), () => [this.#act, this.#next].find(({ hidden }) => !hidden));
  }

  /** @param {State} state */
  #show({ lesson: told, locked, share, step, charts }) {
    const before = this.#lesson;
    const { follows } = this.#actions;
    const lesson = follows && told ? { ...told, verdict: told.found, right: null } : told;
    this.#lesson = lesson;
    if (follows) this.#page.toggleAttribute("data-lesson", lesson !== null);
    this.root.hidden = this.guide.hidden = lesson === null;
    this.#arrange(charts, lesson?.lit ?? []);
    if (!lesson !== !before) this.seat();
    if (!lesson) return;
    const isNew = before?.name !== lesson.name || before.step !== lesson.step;
    const place = `Step ${lesson.step + 1} of ${lesson.steps}`;
    this.root.setAttribute("aria-label", `Lesson: ${lesson.title}`);
    setRich(this.#title, lesson.title);
    this.#title.title = lesson.title;
    setText(this.#place, place);
    setNamed(this.#text, lesson.text);
    this.#prediction.show(lesson.prediction, { isNew, asks: lesson.asks });
    this.#showWork(lesson, step);
    this.#page.toggleAttribute("data-dials", (lesson.free || !lesson.done) && [...DIALS, "formulas"].some((name) => lesson.lit.includes(name) || (name !== "formulas" && !locked[name])));
    this.#showWays(lesson, share);
    if (isNew) this.guide.scrollTop = 0;
    if (lesson.free && !before?.free) this.#actions.tell("All dials are free: the run is yours.");
    this.#light(lesson);
    if (isNew) this.#actions.tell([lesson.title, place, lesson.text.replaceAll("*", ""), lesson.prediction?.question ?? ""].filter(Boolean).join(". "));
    else if (lesson.verdict && lesson.verdict !== before?.verdict) this.#actions.tell(lesson.verdict.replaceAll("*", ""));
    if (follows) return; // whose lesson it is keeps what was done of it, and its address
    if (isNew || lesson.done !== before?.done) remember("localStorage", DONE, JSON.stringify(progressed(progress(), lesson)));
    const query = lessonQuery(lesson);
    if (this.#page.isConnected && location.search !== query) history.replaceState(history.state, "", location.pathname + query);
  }

  /**
   * @param {Lesson} lesson
   * @param {number} step
   */
  #showWork({ button, action, asks, done, busy, verdict, right, note, transfer, answer, free, idle, times, count }, step) {
    const isPressed = action !== null && action !== "set";
    this.#act.hidden = !isPressed || done;
    this.#todo.hidden = done || (isPressed ? !asks : !button);
    setRich(this.#act, busy === "measuring" ? "Measuring …" : times > 1 && count > 0 ? `${button} (${count} of ${times})` : button);
    if (busy === "training") this.step(step);
    this.#act.setAttribute("aria-disabled", String(asks || busy !== null));
    this.#act.title = asks ? idle : "";
    setRich(this.#todo, asks ? idle : busy === "measuring" ? "Measuring …" : button);
    this.#verdict.hidden = !verdict;
    this.#verdict.dataset.right = String(right);
    setNamed(this.#verdict, verdict);
    this.#note.hidden = !note;
    setText(this.#note, note);
    this.#end.hidden = !transfer;
    this.#free.hidden = free;
    setRich(this.#transfer, transfer);
    setRich(this.#answer, answer);
    this.#work.hidden = [...this.#work.children].every((part) => /** @type {HTMLElement} */ (part).hidden);
  }

  /**
   * The ways on, and out.
   *
   * @param {Lesson} lesson
   * @param {string} share
   */
  #showWays({ name, step, steps, done, seed }, share) {
    this.#back.setAttribute("aria-disabled", String(step === 0));
    this.#next.setAttribute("aria-disabled", String(!done));
    this.#next.classList.toggle("maml-primary", done);
    setText(this.#next, step === steps - 1 ? "All lessons" : "Next");
    const live = ofServer("").pathname;
    this.#link.href = `${live}?${share}`;
    this.#script.href = ofServer(`maml/lessons/${name}.py`).href;
    this.#notebook.href = ofServer(`maml/lessons/${name}.ipynb`).href;
    this.#again.href = `${location.pathname}?lesson=${encodeURIComponent(name)}&seed=${seed + 1}`;
  }

  /**
   * Where the window is low, the charts that a step points at, and its task, are large, and the others a row of small ones below them.
   *
   * @param {string[]} charts Those that there are.
   * @param {string[]} lit What is pointed at; nothing outside of a lesson.
   */
  #arrange(charts, lit) {
    const large = this.#lesson ? charts.filter((id) => lit.includes(id) || TASKS.includes(id)) : charts;
    for (const card of /** @type {NodeListOf<HTMLElement>} */ (this.#page.querySelectorAll(".maml-grid > .maml-card"))) card.classList.toggle("maml-beside", !large.includes(card.dataset.chart ?? ""));
    Object.assign(this.#page.dataset, { large: large.length, beside: charts.length - large.length });
  }

  /**
   * Points at what the step names, and covers what would show what is asked, until there is an answer.
   *
   * @param {Lesson} lesson
   */
  #light({ lit, covered }) {
    const nodes = lit.flatMap((name) => [...this.#page.querySelectorAll(placeOf(name))]);
    this.#page.toggleAttribute("data-formulas", lit.includes("formulas")); // CSS that looks for what is lit would be reckoned anew with every change of a chart
    const cards = [...this.#page.querySelectorAll(".maml-card")].filter((card) => covered.includes(/** @type {HTMLElement} */ (card).dataset.chart ?? ""));
    for (const [mark, marked] of /** @type {[string, Element[]][]} */ ([["maml-lit", nodes], ["maml-covered", cards]])) {
      for (const node of this.#page.querySelectorAll(`.${mark}`)) if (!marked.includes(node)) node.classList.remove(mark);
      for (const node of marked) node.classList.add(mark);
    }
  }
}
