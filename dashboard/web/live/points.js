// Points of one's own: a small editor for pairs x, y, to which theta_0 adapts while they are typed. The server reads them.

import { el, newId, recall, remember, setRich, setText } from "../common/dom.js";
import { tool } from "./board.js";
import { awaitsAnswer } from "./lesson.js";

/** @import { ClearOwnPoints, LiveFrame, OwnPoints, PointsState, State } from "./protocol.js" */

/** @typedef {(message: OwnPoints | ClearOwnPoints) => number} Send Gives the number under which the page asks; the frame that has seen it says so in its `change`. */

/** @typedef {{ text: string, holdBack: boolean, used: boolean }} Version What is in the editor, and whether theta_0 adapts to it. */

const KEPT = "maml-points";
const SEND_MS = 350;
const MAX_UNDO = 50;
const MAX_BYTES = 200_000;
const EMPTY = "Type, paste or open pairs, one x and one y a line, or click in the chart.";
const PRIVATE = "They stay in this tab: its address does not hold them.";

/** The button and the panel behind it. */
export class Points {
  root;
  button = el("button", { type: "button", "data-action": "points", "aria-expanded": "false", onclick: (/** @type {MouseEvent} */ event) => this.#toggle(event) }, "Your own points");
  #send;
  /** @type {PointsState | null} */
  #points = null; // what the server tells
  #version = fromText(recall("sessionStorage", KEPT));
  /** @type {Version[]} */
  #undone = [];
  #returns = this.#version.used; // after a reload the server may have lost them
  #step = 0;
  #timer = 0;
  /** @type {number | null} */
  #asked = null; // the number of a question that has no answer yet
  #refusal = "";
  #byKeyboard = false;
  #title = el("h3", { id: newId("points") }, "Your own points");
  #field = el("textarea", {
    rows: 8,
    spellcheck: "false",
    autocomplete: "off",
    "aria-label": "Pairs of x and y",
    "data-field": "points",
    placeholder: "x, y\n-4, 1.2\n-1.5, -0.4\n2, 0.9",
    oninput: () => this.#typed(),
  });
  #file = el("input", { type: "file", accept: ".csv,.tsv,.txt,text/csv,text/plain", "aria-label": "File of pairs", onchange: () => this.#open() });
  #hold = el("input", { type: "checkbox", "data-option": "hold-back", onchange: () => this.#typed(0) });
  #undo = tool("Undo", "Take back the last point that was clicked, file, Clear or Back", () => this.#goBack());
  #clear = tool("Clear", "Clear the editor; Undo brings it back", () => this.#change({ ...this.#version, text: "" }));
  #again = tool("Use my points", "Adapt to these points", () => this.#use());
  #back = tool("Back", "Show a generated task again; the points stay here", () => this.#leave());
  #line = el("p", { class: "maml-points-line", "aria-live": "polite" });

  /**
   * @param {object} options
   * @param {Send} options.send
   * @param {PlotlyNode} options.plot The task's chart: a click in it is a point, as long as the panel is open.
   */
  constructor({ send, plot }) {
    this.#send = send;
    plot.addEventListener("click", (event) => this.#clicked(plot, event));
    const close = el("button", { type: "button", class: "maml-icon", "aria-label": "Close your own points", title: "Close (Esc)", onclick: () => this.#close() }, "×");
    const file = el("label", { class: "maml-points-file", title: "A .csv, .tsv or .txt file; it is read in this browser" }, "Open a file", this.#file);
    const hold = el("label", { class: "maml-points-hold", title: "They judge what was learned from the others" }, this.#hold, "hold back every third as test points (query)");
    this.root = el(
      "div",
      { class: "maml-popover maml-points", popover: "manual", role: "dialog", "aria-labelledby": this.#title.id },
      el("header", {}, this.#title, close),
      this.#field,
      hold,
      el("div", { class: "maml-points-tools" }, file, this.#undo, this.#clear, this.#back, this.#again),
      this.#line,
    );
    this.#show();
    addEventListener("resize", this.#place);
    addEventListener("keydown", this.#key);
  }

  destroy() {
    removeEventListener("resize", this.#place);
    removeEventListener("keydown", this.#key);
  }

  // --- The server's side ---

  /** @param {State} state */
  state({ points, step, lesson }) {
    const wasActive = this.#points?.active ?? false;
    this.#points = points;
    this.#step = step;
    this.button.hidden = !points;
    this.button.inert = awaitsAnswer(lesson);
    if (!points) {
      this.#returns = this.#version.used; // to the next run that takes them, as after a reload
      return this.#close();
    }
    setText(this.#back, points.back);
    if (points.active && !this.#version.used) this.#keep({ ...this.#version, used: true });
    else if (wasActive && !points.active) this.#keep({ ...this.#version, used: false });
    else if (!points.active && this.#returns && this.#version.text.trim()) this.#use();
    this.#returns = false;
    this.#tell();
  }

  /** @param {LiveFrame} header */
  frame({ change, step }) {
    this.#step = step;
    if (this.#asked !== null && change !== null && change >= this.#asked) this.#asked = null;
    this.#tell();
  }

  /**
   * The server refused something.
   *
   * @param {string} sentence
   * @param {number} [id] Under which it was asked for.
   * @returns {boolean} Whether it was the points, so that it is said here.
   */
  refused(sentence, id) {
    if (this.#asked === null || id !== this.#asked) return false;
    this.#asked = null;
    this.#refusal = sentence;
    this.#tell();
    return this.#isOpen;
  }

  // --- Open and closed ---

  get #isOpen() {
    return this.root.matches(":popover-open");
  }

  /** @param {MouseEvent} event */
  #toggle({ detail }) {
    if (this.#isOpen) return this.#close();
    this.#byKeyboard = detail === 0;
    this.root.showPopover();
    this.button.setAttribute("aria-expanded", "true");
    this.#place();
    this.#tell();
    this.#field.focus({ preventScroll: true });
  }

  #close() {
    if (!this.#isOpen) return;
    this.root.hidePopover();
    this.button.setAttribute("aria-expanded", "false");
    if (this.#byKeyboard) this.button.focus();
  }

  /** @param {KeyboardEvent} event */
  #key = ({ key }) => {
    if (key === "Escape") this.#close();
  };

  /** Beside the task's chart, so that one sees it move; where the window has no room there, under it at the window's lower edge. */
  #place = () => {
    const card = this.button.closest(".maml-card");
    if (!this.#isOpen || !card) return;
    const { left: start, right: end } = card.getBoundingClientRect();
    const left = [start - this.root.offsetWidth - 8, end + 8].find((at) => at >= 8 && at + this.root.offsetWidth <= innerWidth - 8);
    this.root.classList.toggle("maml-points-low", left === undefined);
    if (left === undefined) card.scrollIntoView({ block: "start" });
    const { offsetWidth: width, offsetHeight: height } = this.root;
    const top = left === undefined ? innerHeight : card.getBoundingClientRect().top;
    this.root.style.left = `${left ?? Math.max(8, (innerWidth - width) / 2)}px`;
    this.root.style.top = `${Math.max(8, Math.min(top, innerHeight - height - 8))}px`;
  };

  // --- What is in the editor ---

  #typed(after = SEND_MS) {
    this.#keep({ ...this.#version, text: this.#field.value, holdBack: this.#hold.checked });
    this.#refusal = "";
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#use(), after);
    this.#tell();
  }

  /**
   * @param {PlotlyNode} plot
   * @param {MouseEvent} event
   */
  #clicked(plot, event) {
    const at = this.#isOpen ? place(plot, event) : null;
    if (at) this.#change({ ...this.#version, text: withPoint(this.#version.text, at) });
  }

  async #open() {
    const [file] = this.#file.files ?? [];
    if (!file) return;
    this.#file.value = ""; // the same file may be opened once more
    if (file.size > MAX_BYTES) {
      this.#refusal = `${file.name} is too large: ${MAX_BYTES / 1000} kB are read at most.`;
      return this.#tell();
    }
    const text = await file.text();
    this.#change({ ...this.#version, text });
  }

  /** @param {Version} version Something else in the place of what is there, which Undo brings back. */
  #change(version) {
    this.#undone = [...this.#undone.slice(-MAX_UNDO), this.#version];
    this.#keep(version);
    this.#show();
    this.#use();
  }

  #goBack() {
    const last = this.#undone.pop();
    if (!last) return;
    this.#keep(last);
    this.#show();
    if (last.used || this.#points?.active) this.#use();
    else this.#tell();
  }

  #leave() {
    this.#undone = [...this.#undone.slice(-MAX_UNDO), this.#version];
    this.#refusal = "";
    this.#withdraw();
  }

  /** @param {Version} version */
  #keep(version) {
    this.#version = version;
    remember("sessionStorage", KEPT, JSON.stringify(version));
  }

  // --- Asking ---

  /** Has theta_0 adapt to the points; to none where there are none. */
  #use() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#refusal = "";
    const { text, holdBack } = this.#version;
    if (!text.trim()) return this.#withdraw();
    this.#asked = this.#send({ type: "own_points", text, hold_back: holdBack });
    this.#tell();
  }

  #withdraw() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.#points?.active) this.#send({ type: "own_points", clear: true });
    this.#tell();
  }

  // --- What is seen ---

  #show() {
    const { text, holdBack } = this.#version;
    this.#field.value = text;
    this.#hold.checked = holdBack;
    this.#tell();
  }

  #tell() {
    if (!this.#points || !this.#isOpen) return;
    const { active, words } = this.#points;
    const isThere = Boolean(this.#version.text.trim());
    this.#undo.disabled = this.#undone.length === 0;
    this.#clear.disabled = !isThere;
    this.#back.hidden = !active;
    this.#again.hidden = active || !isThere || this.#timer !== 0 || this.#asked !== null;
    setRich(this.#line, this.#refusal ? sentence(this.#refusal, active) : active ? `${words} ${advice(this.#step)} ${PRIVATE}` : isThere ? "The page shows a generated task." : EMPTY);
    this.#line.dataset.kind = this.#refusal ? "error" : "";
    this.#field.setAttribute("aria-invalid", String(Boolean(this.#refusal)));
    this.#place(); // its words may take more lines
  }
}

/**
 * Where a chart of two linear axes was clicked; null beside its axes.
 *
 * @param {Pick<PlotlyNode, "layout" | "getBoundingClientRect">} plot
 * @param {{ clientX: number, clientY: number }} event
 */
export function place(plot, { clientX, clientY }) {
  const { margin, xaxis, yaxis } = plot.layout;
  const { left, right, top, bottom } = plot.getBoundingClientRect();
  const along = (clientX - left - margin.l) / (right - left - margin.l - margin.r);
  const up = (bottom - margin.b - clientY) / (bottom - top - margin.t - margin.b);
  if (![along, up].every((share) => share >= 0 && share <= 1) || !xaxis.range || !yaxis.range) return null;
  /** @param {number[]} range @param {number} share */
  const at = ([low, high], share) => low + share * (high - low);
  return /** @type {[number, number]} */ ([at(xaxis.range, along), at(yaxis.range, up)]);
}

/**
 * Pairs with one more, written as the last of them is: with its separator, and its decimal commas.
 *
 * @param {string} text
 * @param {[number, number]} point
 */
export function withPoint(text, point) {
  const last = text.trimEnd().split("\n").at(-1) ?? "";
  const separator = [";", "\t", ",", " "].find((each) => last.trim().includes(each)) ?? ",";
  const numbers = point.map((value) => String(Number(value.toFixed(2))));
  const written = separator !== "," && /\d,\d/.test(text) ? numbers.map((value) => value.replace(".", ",")) : numbers;
  return `${text.trim() ? `${text.trimEnd()}\n` : ""}${written.join(separator.trim() ? `${separator} ` : separator)}\n`;
}

/**
 * Why the points are not used, and what is shown in their place.
 *
 * @param {string} refusal
 * @param {boolean} active
 */
const sentence = (refusal, active) => `${refusal[0].toUpperCase()}${refusal.slice(1)}${active ? " The chart keeps the points from before." : ""}`;

/** @param {number} step */
const advice = (step) => (step === 0 ? "The start (θ_0) is untrained: press Play to train it." : "It adapts to them from the start (θ_0), while that trains.");

/**
 * What an earlier page kept; nothing where that is no version.
 *
 * @param {string | null} text
 * @returns {Version}
 */
function fromText(text) {
  try {
    const { text: points, holdBack, used } = JSON.parse(text ?? "{}");
    return { text: typeof points === "string" ? points : "", holdBack: holdBack === true, used: used === true };
  } catch {
    return { text: "", holdBack: false, used: false };
  }
}
