// The strip of a class, above all else: for its teacher the code, who is there, the questions and the dials; for a student what is seen, and what one may do.

import { el, keepFocus, popoverButton, setText } from "../common/dom.js";
import { BoxOfPrediction } from "../live/prediction.js";
import { Ask } from "./ask.js";
import { Counts, spoken } from "./counts.js";
import { LOCAL_ONLY } from "./start.js";

/** @import { ClassActions } from "../live/class.js" */
/** @import { State } from "../live/protocol.js" */
/** @import { ClassQuestion, ClassState } from "./protocol.js" */

const STYLE = new URL("style.css", import.meta.url).href;
const OVER = "The class has ended.";
const DIALS = {
  teacher: "",
  mine: "",
  student: "a student has the dials",
  away: "the one who has the dials is away: wait, or take them back",
};

/**
 * @param {number} count
 * @param {string} one
 */
const counted = (count, one) => `${count} ${one}${count === 1 ? "" : "s"}`;

/**
 * Where a student is, in a sentence.
 *
 * @param {ClassState} told
 * @param {boolean} trains Whether the class's run does, with or without its teacher.
 */
export function whereabouts({ here, follows, dials }, trains) {
  if (dials === "mine") return "You have the dials: what you change, all see.";
  if (!here) return `The teacher’s page is away for a moment; the class stays open${trains ? ", and its run goes on" : ""}.`;
  if (!follows) return "You look for yourself: a task, time or chart of your own.";
  return "You see what the teacher sees. Choose a task, time or chart to look for yourself.";
}

/**
 * Who is there, for the teacher.
 *
 * @param {ClassState} told
 */
export function attendance({ students, hands, dials }) {
  return [counted(students, "student"), ...(hands > 0 ? [counted(hands, "hand") + " up"] : []), DIALS[dials]].filter(Boolean).join(", ");
}

/**
 * What the teacher hears of the student who has the dials, who has gone, or is back.
 *
 * @param {ClassState} told
 */
export function returned({ dials }) {
  if (dials === "away") return "The student who has the dials is away. Take the dials back, or wait: the student has them again on return.";
  return dials === "student" ? "The student who has the dials is back." : "You have the dials.";
}

export class ClassStrip {
  #actions;
  /** @type {ClassState | null} */
  #told = null;
  #trains = false;
  #title = el("h2", {});
  #words = el("p", { class: "maml-class-words" });
  #code = el("p", { class: "maml-class-code" });
  #address = el("p", { class: "maml-class-address" });
  #picture = el("img", { class: "maml-class-picture", alt: "The address as a QR code" });
  #warning = el("p", { class: "maml-class-warning", hidden: true }, LOCAL_ONLY);
  #show = popoverButton({ "data-action": "class-show" }, "Code", el("div", { class: "maml-class-card" }, this.#picture, el("div", {}, this.#code, this.#address, this.#warning)));
  #ask;
  #hand = el("button", { type: "button", class: "maml-item", "data-action": "class-give-hand", onclick: () => this.#give("hand") }, "To the first hand");
  #any = el("button", { type: "button", class: "maml-item", "data-action": "class-give-any", onclick: () => this.#give("any") }, "To one drawn at random");
  #dials = popoverButton({ "data-action": "class-dials" }, "Give the dials", el("div", { class: "maml-menu" }, this.#hand, this.#any));
  #take = el("button", { type: "button", "data-action": "class-take", onclick: () => this.#actions.send({ type: "class_take" }) }, "Take the dials back");
  #end = popoverButton({ "data-action": "class-end" }, "End", el("div", { class: "maml-class-card" }, el("p", {}, "All students’ pages stop following. Copies that they took stay theirs."), el("button", { type: "button", class: "maml-primary", "data-action": "class-end-now", onclick: () => this.#actions.send({ type: "class_end" }) }, "End the class")));
  #follow = el("button", { type: "button", class: "maml-primary", "data-action": "class-follow", onclick: () => this.#actions.send({ type: "class_follow" }) }, "Follow again");
  #copy = el("button", { type: "button", "data-action": "class-copy", title: "A run of your own that goes on from this very step", onclick: () => this.#actions.send({ type: "class_copy" }) }, "Take a copy");
  #raise = el("button", { type: "button", "data-action": "class-hand", "aria-pressed": "false", onclick: () => this.#actions.send({ type: "class_hand", up: !this.#told?.hand }) }, "Raise a hand");
  #leave = el("button", { type: "button", "data-action": "class-leave", title: "To your own page", onclick: () => this.#actions.leave() }, "Leave");
  #box;
  #questions = el("p", { class: "maml-class-question" });
  #answered = el("p", { class: "maml-class-answered" });
  #counts = new Counts();
  #spread = el("details", { class: "maml-class-spread" }, el("summary", { "data-action": "class-spread" }, "Answers"), this.#counts.root);
  #reveal = el("button", { type: "button", class: "maml-primary", "data-action": "class-reveal", onclick: () => this.#actions.send({ type: "class_reveal" }) }, "Reveal");
  #close = el("button", { type: "button", "data-action": "class-close", "aria-label": "Close the question", title: "Close the question", onclick: () => this.#actions.send({ type: "class_close" }) }, "Close");
  #body;
  #root;

  /**
   * @param {HTMLElement} place
   * @param {ClassActions} actions
   */
  constructor(place, actions) {
    this.#actions = actions;
    this.#ask = new Ask(actions.send);
    this.#box = new BoxOfPrediction((answer) => actions.send({ type: "class_answer", answer, number: this.#told?.question?.number ?? 0 }), { name: "class", whose: "the run" });
    this.#body = el("div", { class: "maml-class-body" }, this.#questions, this.#box.root, this.#box.lock, this.#answered, this.#spread, this.#reveal, this.#close);
    const teacher = [this.#show.button, this.#show.panel, this.#ask.button, this.#ask.panel, this.#dials.button, this.#dials.panel, this.#take, this.#end.button, this.#end.panel];
    this.#root = el(
      "section",
      { class: "maml-class", "aria-label": "Class", hidden: true },
      el("header", {}, this.#title, this.#words, ...teacher, this.#follow, this.#copy, this.#raise, this.#leave),
      this.#body,
    );
    if (!document.querySelector(`link[href="${STYLE}"]`)) document.head.append(el("link", { rel: "stylesheet", href: STYLE }));
    place.replaceChildren(this.#root);
    place.parentElement?.addEventListener("pointerdown", ({ target }) => !this.#spread.contains(/** @type {Node} */ (target)) && this.#uncover());
  }

  /** Where the answers lie over the page, it is seen again. */
  #uncover() {
    if (getComputedStyle(this.#counts.root).position === "absolute") this.#spread.open = false;
  }

  /** @param {"hand" | "any"} to */
  #give(to) {
    this.#actions.send({ type: "class_give", to });
    this.#dials.panel.hidePopover();
  }

  /** @param {State} state */
  state(state) {
    this.#ask.state(state);
    this.#trains = state.playing;
    if (this.#told) this.#say(this.#told);
    this.#warning.hidden = !state.reach?.local_only;
  }

  /** @param {ClassState | null} told Null where the class has ended. */
  show(told) {
    const before = this.#told;
    this.#told = told;
    if (!told) return this.#over(before);
    const { teaches, code, students, hands, dials } = told;
    this.#root.hidden = false;
    setText(this.#title, `Class ${code}`);
    this.#say(told);
    for (const node of [this.#show.button, this.#ask.button, this.#end.button]) node.hidden = !teaches;
    this.#dials.button.hidden = !teaches || dials !== "teacher";
    this.#take.hidden = !teaches || dials === "teacher";
    this.#take.classList.toggle("maml-primary", dials === "away");
    this.#hand.disabled = hands === 0;
    this.#any.disabled = students === 0;
    this.#follow.hidden = teaches || told.follows;
    for (const node of [this.#copy, this.#leave]) node.hidden = teaches;
    this.#raise.hidden = teaches || dials === "mine";
    this.#raise.setAttribute("aria-pressed", String(told.hand));
    setText(this.#raise, told.hand ? "Hand is up" : "Raise a hand");
    if (teaches) this.#showCode(told, before);
    this.#question(told, before);
    if (teaches && before && (before.dials === "away") !== (dials === "away")) this.#actions.tell(returned(told));
    if (!teaches && before && whereabouts(before, this.#trains) !== whereabouts(told, this.#trains)) this.#actions.tell(whereabouts(told, this.#trains));
  }

  /** @param {ClassState} told */
  #say(told) {
    setText(this.#words, told.teaches ? attendance(told) : whereabouts(told, this.#trains));
  }

  /**
   * @param {ClassState} told
   * @param {ClassState | null} before
   */
  #showCode({ code, address, picture, students }, before) {
    setText(this.#code, code);
    setText(this.#address, address);
    if (this.#picture.src !== picture) this.#picture.src = picture;
    if (!before && students === 0) requestAnimationFrame(() => this.#show.panel.showPopover());
  }

  /**
   * @param {ClassState} told
   * @param {ClassState | null} before
   */
  #question({ teaches, question, students }, before) {
    this.#body.hidden = !question;
    if (!question) return;
    const { prediction, revealed } = question;
    const was = before?.question?.number === question.number ? before.question : null;
    const isNew = was === null;
    const given = prediction.given.length > 0;
    this.#questions.hidden = !teaches;
    setText(this.#questions, prediction.question);
    this.#box.root.hidden = this.#box.lock.hidden = teaches;
    if (!teaches) keepFocus(this.#body, () => this.#box.show(prediction, { isNew: isNew || was.revealed !== revealed, asks: !revealed }), () => this.#box.root);
    setText(this.#box.lock, given ? "Change my answer" : "This is my answer");
    setText(this.#answered, said(question, { teaches, students }));
    this.#spread.hidden = !teaches && !revealed;
    if (isNew || (revealed && !was.revealed)) this.#spread.open = revealed;
    if (!this.#spread.hidden) this.#counts.show(question);
    if (was && !was.prediction.truth && prediction.truth) this.#uncover(); // the run has shown something
    this.#reveal.hidden = !teaches || revealed;
    this.#close.hidden = !teaches;
    if (teaches && isNew) this.#ask.asked();
    if (isNew && !teaches) this.#actions.tell(`Question: ${prediction.question}`);
    else if (was && revealed && !was.revealed) this.#actions.tell(`The answers. ${spoken(question)}`);
    else if (was && !teaches && given && was.prediction.given[0] !== prediction.given[0]) this.#actions.tell("Your answer is in.");
    else if (was && !teaches && outcome(prediction) !== outcome(was.prediction)) this.#actions.tell(outcome(prediction));
  }

  /** @param {ClassState | null} before */
  #over(before) {
    if (!before || before.teaches) {
      this.#root.hidden = true;
      return this.#actions.tell(OVER);
    }
    setText(this.#words, `${OVER} What you see is how it was; your own page is where it was.`);
    for (const node of [this.#follow, this.#copy, this.#raise, this.#body]) node.hidden = true;
    setText(this.#leave, "To your own page");
    this.#leave.classList.add("maml-primary");
    this.#actions.tell(OVER);
  }
}

/**
 * A student's choice beside what the run has shown; empty before that is known, and of numbers, which the axis shows.
 *
 * @param {import("../live/protocol.js").Prediction} prediction
 */
export function outcome({ kind, options, given, truth }) {
  if (kind !== "choice" || typeof truth?.[0] !== "number") return "";
  const [right, own] = [options[truth[0]], typeof given[0] === "number" ? options[given[0]] : null];
  if (own === null) return `It is “${right}”.`;
  return own === right ? `“${own}”: right.` : `You said “${own}”; it is “${right}”.`;
}

/**
 * How far a question is.
 *
 * @param {ClassQuestion} question
 * @param {{ teaches: boolean, students: number }} of
 */
export function said({ answered, revealed, prediction }, { teaches, students }) {
  if (teaches) return `${answered} of ${Math.max(students, answered)} ${answered === 1 ? "has" : "have"} answered${revealed ? "; all see the answers" : ""}.`;
  if (revealed) return [`${answered} answered.`, outcome(prediction)].filter(Boolean).join(" ");
  return prediction.given.length > 0 ? "Your answer is in; it can be changed until all are shown." : "";
}
