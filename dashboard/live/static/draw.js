// Drawing characters of one's own: a few examples of each class and a query, to which theta_0 adapts while they are drawn.

import { el, newId, perFrame, recall, remember, setRich, setText } from "./dom.js";
import { BLANK, decoded, encoded, isBlank, rasterised } from "./ink.js";
import { drawable, paint, paintPixels } from "./pad.js";
import { letter } from "./pen.js";
import { Verdict } from "./verdict.js";

const KEPT = "maml-drawings";
const SEND_MS = 150;
const MAX_UNDO = 200;
const FIRST_CLASSES = 3;
const MIN_CLASSES = 2;
const QUERY = "query";

const START = { classes: Array.from({ length: FIRST_CLASSES }, () => [BLANK]), query: BLANK };

/**
 * The button and the panel behind it.
 *
 * `send(message)` gives the number under which the page asks; the frame that has seen it says so in `header.change`.
 */
export class Draw {
  root;
  button = el("button", { type: "button", "data-action": "draw", "aria-expanded": "false", onclick: (event) => this.toggle(event) }, "Draw your own");
  #send;
  #own = null; // what the server tells: the hand, what it accepts, and whether it shows the drawn task
  #doc = START; // { classes: [[drawing, ...], ...], query: drawing }, never changed in place
  #undone = [];
  #at = { row: 0, column: 0 }; // the drawing on the pad; row QUERY is the query
  #sent = null; // { id, text }
  #told = false; // the newest answer was read out
  #answer = null; // { probabilities: [K + 1][classes], num_inner_steps }
  #step = 0;
  #refusal = "";
  #timer = 0;
  #byKeyboard = false; // it was opened with the keyboard, which gets the focus back
  #examples = 0; // times that images were copied: each time another query
  #colors = [];
  #cells = new Map(); // canvases by place, for the drawings that are shown
  #pad = el("canvas", { class: "maml-pad", role: "img" });
  #seen = el("canvas", { class: "maml-seen", role: "img", "aria-label": "What the network sees" });
  #where = el("h4", {});
  #rows = el("div", { class: "maml-draw-classes" });
  #verdict = new Verdict();
  #line = el("p", { class: "maml-draw-line" });
  #spoken = el("div", { class: "maml-visually-hidden", "aria-live": "polite" });
  #title = el("h3", { id: newId("draw") });
  #fill = tool("Fill with images", "Start from the images of the generated task", () => this.#send({ type: "example_task" }));
  #undo = tool("Undo", "Take back the last stroke or change (Ctrl+Z)", () => this.#back());
  #clear = tool("Clear", "Clear this drawing (Delete)", () => this.#put(BLANK));
  #remove = tool("Remove", "Remove this example", () => this.#removeExample());
  #next = tool("Next ▸", "To the next drawing that is missing", () => this.#goOn());
  #again = tool("Use my drawings", "Adapt to your drawings again", () => this.#use(true));

  constructor({ send }) {
    this.#send = send;
    this.#doc = restored() ?? START;
    const live = perFrame((stroke) => this.#draft(stroke));
    drawable(this.#pad, { moved: live, ended: (stroke) => this.#add(stroke) });
    this.root = el(
      "div",
      { class: "maml-popover maml-draw", popover: "manual", role: "dialog", "aria-labelledby": this.#title.id },
      el(
        "header",
        {},
        this.#title,
        this.#fill,
        this.#undo,
        tool("Clear all", "Clear all drawings; Undo brings them back", () => this.#change(START, { row: 0, column: 0 })),
        el("button", { type: "button", class: "maml-icon", "aria-label": "Close", title: "Close (Esc)", onclick: () => this.close() }, "×"),
      ),
      el(
        "div",
        { class: "maml-draw-body" },
        this.#rows,
        el(
          "div",
          { class: "maml-draw-pad" },
          this.#where,
          this.#pad,
          el("div", { class: "maml-draw-tools" }, this.#clear, this.#remove, this.#next),
          el("div", { class: "maml-draw-seen" }, this.#seen, el("span", {}, "what the network sees")),
        ),
      ),
      el("div", { class: "maml-draw-foot" }, this.#line, this.#again),
      this.#spoken,
    );
    addEventListener("resize", this.#place);
    addEventListener("keydown", this.#key);
  }

  // --- The server's side ---

  state({ own, step }) {
    const before = this.#own;
    this.#own = own;
    this.#step = step;
    this.button.hidden = !own;
    if (!own) return this.close();
    setText(this.#title, `Draw your own ${own.ink ? "characters" : "images"}`);
    setText(this.#fill, `Fill with ${own.called}`);
    const another = JSON.stringify(before?.shape) !== JSON.stringify(own.shape) || before?.max_classes !== own.max_classes;
    if (another) this.#fit(own, before);
    if (!own.active) this.#answer = null;
    // After a reload the server still shows what this tab had drawn: ask again, to know which answer is whose.
    if (own.active && !this.#sent && this.#missing() === "") this.#use();
    if (this.#open) another || before?.width !== own.width ? this.#build() : this.#tell();
  }

  frame({ own, change, step }) {
    this.#step = step;
    const current = own && this.#sent && change !== null && change >= this.#sent.id;
    if (current) this.#answer = { probabilities: own.probabilities[0], num_inner_steps: own.num_inner_steps };
    if (this.#open) this.#tell();
    if (current && !this.#told) {
      this.#told = true;
      setText(this.#spoken, this.#verdict.root.textContent);
    }
  }

  /** Another run: it has not answered yet. */
  clear() {
    this.#answer = null;
    if (this.#open) this.#tell();
  }

  /** Images of the generated task, to start from. */
  example({ support, query }) {
    const rows = Array.from({ length: this.#own.max_classes }, () => []);
    for (const [label, text] of support) rows[label]?.push({ image: decoded(text), strokes: [] });
    const classes = rows.filter((row) => row.length > 0);
    const of = this.#examples++ % Math.min(query.length, classes.length);
    this.#change({ classes, query: { image: decoded(query[of]), strokes: [] } }, { row: QUERY });
  }

  /** The server refused something; whoever draws reads it here. */
  refused(sentence) {
    if (this.#sent && !this.#told) this.#refusal = sentence;
    if (this.#open) this.#tell();
  }

  /** Drawings of another run: images belong to their shape, and a network may tell fewer classes apart. */
  #fit({ shape, max_classes }, before) {
    const keep = (drawing) => (drawing.image && (before || drawing.image.length !== product(shape)) ? { ...drawing, image: null } : drawing);
    const classes = this.#doc.classes.slice(0, max_classes).map((row) => row.map(keep));
    this.#doc = { classes, query: keep(this.#doc.query) };
    this.#undone = [];
    this.#sent = null;
    if (!this.#drawingAt(this.#at)) this.#at = { row: 0, column: 0 };
  }

  /** Each class in the colour that it has on the images card. */
  recolor({ classes }) {
    this.#colors = classes;
    this.#build();
  }

  // --- Open and closed ---

  get #open() {
    return this.root.matches(":popover-open");
  }

  toggle({ detail }) {
    this.#byKeyboard = detail === 0;
    this.root.togglePopover();
    this.#toggled(this.#open); // at once: the popover's own event comes a frame later, and the panel would stand empty
  }

  close() {
    if (!this.#open) return;
    this.root.hidePopover();
    this.#toggled(false);
    if (this.#byKeyboard) this.button.focus();
  }

  #toggled(open) {
    this.button.setAttribute("aria-expanded", String(open));
    if (!open) return;
    this.#build();
    this.#place();
    if (this.#byKeyboard) this.#canvasOf(this.#at)?.closest("button").focus({ preventScroll: true });
    if (this.#missing() === "") this.#use();
  }

  destroy() {
    removeEventListener("resize", this.#place);
    removeEventListener("keydown", this.#key);
  }

  /** Over the charts, so that the buttons and sliders above them stay in reach; higher only where there is no room. */
  #place = () => {
    if (!this.#open) return;
    const page = this.root.closest(".maml-live");
    const top = page.querySelector(".maml-grid").getBoundingClientRect().top;
    const right = page.getBoundingClientRect().right;
    const { offsetWidth: width, offsetHeight: height } = this.root;
    this.root.style.left = `${Math.max(8, Math.min(right, innerWidth - 8) - width)}px`;
    this.root.style.top = `${Math.max(8, Math.min(top, innerHeight - height - 8))}px`;
    for (const paint of this.#painters()) paint();
  };

  #key = (event) => {
    const { key, ctrlKey, metaKey, shiftKey } = event;
    if (!this.#open || document.activeElement?.matches("input, textarea, select")) return;
    if (key === "Escape") this.close();
    else if ((ctrlKey || metaKey) && !shiftKey && key.toLowerCase() === "z") this.#back();
    else if (key === "Delete" || key === "Backspace") this.#put(BLANK);
    else return;
    event.preventDefault();
  };

  // --- The drawings ---

  #drawingAt({ row, column }) {
    return row === QUERY ? this.#doc.query : this.#doc.classes[row]?.[column];
  }

  #change(doc, at = this.#at) {
    if (doc === this.#doc) return;
    this.#undone = [...this.#undone.slice(-MAX_UNDO), { doc: this.#doc, at: this.#at }];
    this.#show(doc, at);
  }

  #back() {
    const last = this.#undone.at(-1);
    if (!last) return;
    this.#undone = this.#undone.slice(0, -1);
    this.#show(last.doc, last.at);
  }

  #show(doc, at) {
    const sameCells = doc.classes.map((row) => row.length).join() === this.#doc.classes.map((row) => row.length).join();
    const focused = this.root.contains(document.activeElement) ? document.activeElement : null;
    this.#doc = doc;
    this.#at = at;
    remember("sessionStorage", KEPT, JSON.stringify(this.#doc, (key, value) => (key === "image" && value ? encoded(value) : value)));
    if (sameCells) this.#repaint();
    else this.#build();
    if (focused && !focused.isConnected) this.#canvasOf(at)?.closest("button").focus({ preventScroll: true });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#use(), SEND_MS);
  }

  #with(drawing, { row, column }) {
    if (row === QUERY) return { ...this.#doc, query: drawing };
    const classes = this.#doc.classes.map((cells, r) => (r === row ? cells.map((cell, c) => (c === column ? drawing : cell)) : cells));
    return { ...this.#doc, classes };
  }

  #put(drawing) {
    if (!isBlank(drawing) || !isBlank(this.#drawingAt(this.#at))) this.#change(this.#with(drawing, this.#at));
  }

  #add(stroke, at = this.#at) {
    const drawing = this.#drawingAt(at);
    this.#change(this.#with({ ...drawing, strokes: [...drawing.strokes, stroke] }, at), at);
  }

  /** The stroke that is being drawn, before it is one. */
  #draft(stroke, at = this.#at) {
    if (!this.#drawingAt(at)) return;
    const drawing = this.#drawingAt(at);
    const longer = { ...drawing, strokes: [...drawing.strokes, stroke] };
    paint(this.#canvasOf(at), longer, this.#own);
    if (at.row === this.#at.row && at.column === this.#at.column) paint(this.#pad, longer, this.#own);
  }

  #addExample(row) {
    const classes = this.#doc.classes.map((cells, r) => (r === row ? [...cells, BLANK] : cells));
    this.#change({ ...this.#doc, classes }, { row, column: classes[row].length - 1 });
  }

  #removeExample() {
    const { row, column } = this.#at;
    const classes = this.#doc.classes.map((cells, r) => (r === row ? cells.filter((_, c) => c !== column) : cells));
    this.#change({ ...this.#doc, classes }, { row, column: Math.max(0, column - 1) });
  }

  #addClass() {
    const classes = [...this.#doc.classes, [BLANK]];
    this.#change({ ...this.#doc, classes }, { row: classes.length - 1, column: 0 });
  }

  #removeClass(row) {
    const classes = this.#doc.classes.filter((_, r) => r !== row);
    this.#change({ ...this.#doc, classes }, { row: Math.min(row, classes.length - 1), column: 0 });
  }

  #choose(at) {
    this.#at = at;
    this.#repaint();
  }

  #places() {
    return [...this.#doc.classes.flatMap((cells, row) => cells.map((_, column) => ({ row, column }))), { row: QUERY }];
  }

  /** The next empty drawing behind this one, else the next drawing. */
  #goOn() {
    const places = this.#places();
    const here = places.findIndex(({ row, column }) => row === this.#at.row && column === this.#at.column);
    const behind = [...places.slice(here + 1), ...places.slice(0, here)];
    this.#choose(behind.find((at) => isBlank(this.#drawingAt(at))) ?? behind[0]);
  }

  // --- Asking ---

  /** What keeps the drawings from being a task, in a sentence; empty when nothing does. */
  #missing() {
    const examples = this.#doc.classes.map((row) => row.filter((drawing) => !isBlank(drawing)).length);
    const count = examples.filter(Boolean).length;
    const gap = examples.findIndex((number, row) => number === 0 && examples.slice(row).some(Boolean));
    if (gap >= 0) return `Class ${letter(gap)} has no drawing: draw an example of it, or remove the class.`;
    if (count < MIN_CLASSES) return `Draw an example of class ${letter(count)}${count === 0 ? ", then of others" : ""}.`;
    if (isBlank(this.#doc.query)) return `Draw the query (?): ${this.#own.ink ? "a character" : "an image"} of one of the classes, drawn once more.`;
    return "";
  }

  /** Has theta_0 adapt to the drawings; to none while they are no task. */
  #use(again = false) {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (!this.#own) return;
    if (this.#missing()) {
      if (this.#sent && this.#own.active) this.#send({ type: "own_task", clear: true });
      this.#sent = this.#answer = null;
      return this.#tell();
    }
    const image = (drawing) => encoded(rasterised(drawing, this.#own));
    const drawn = (row) => row.filter((drawing) => !isBlank(drawing));
    const support = this.#doc.classes.flatMap((row, label) => drawn(row).map((drawing) => [label, image(drawing)]));
    const task = { support, query: [image(this.#doc.query)] };
    const text = JSON.stringify(task);
    if (text === this.#sent?.text && this.#own.active && !again) return;
    this.#refusal = "";
    this.#told = false;
    this.#sent = { id: this.#send({ type: "own_task", ...task }), text };
    this.#tell();
  }

  // --- What is seen ---

  #canvasOf({ row, column }) {
    return this.#cells.get(`${row}/${column}`);
  }

  #cell(at, name) {
    const canvas = el("canvas", {});
    const button = el("button", { type: "button", class: "maml-cell", "data-cell": name, onclick: () => this.#choose(at) }, canvas);
    const live = perFrame((stroke) => this.#draft(stroke, at));
    drawable(button, { taps: false, moved: live, ended: (stroke) => this.#add(stroke, at) });
    this.#cells.set(`${at.row}/${at.column}`, canvas);
    return button;
  }

  /** Rows of classes: their examples, and how probable the query is of each. */
  #build() {
    if (!this.#own || !this.#open) return;
    const { max_classes, max_examples } = this.#own;
    const { classes } = this.#doc;
    this.#cells.clear();
    const chances = this.#verdict.rows(classes.length);
    const rows = classes.map((cells, row) =>
      el(
        "div",
        { class: "maml-draw-row", role: "group", "aria-label": `Class ${letter(row)}`, "data-class": letter(row) },
        el("b", { style: `background: ${this.#colors[row]}` }, letter(row)),
        el(
          "div",
          { class: "maml-cells" },
          ...cells.map((_, column) => this.#cell({ row, column }, `${letter(row)}${column + 1}`)),
          cells.length < max_examples ? tool("+", `Another example of class ${letter(row)}`, () => this.#addExample(row)) : null,
        ),
        chances[row].bars,
        chances[row].share,
        classes.length > MIN_CLASSES ? tool("×", `Remove class ${letter(row)}`, () => this.#removeClass(row)) : el("span"),
      ),
    );
    const query = el(
      "div",
      { class: "maml-draw-row maml-draw-query", role: "group", "aria-label": "Query" },
      el("b", {}, "?"),
      this.#cell({ row: QUERY }, "query"),
      this.#verdict.root,
    );
    const head = el("div", { class: "maml-draw-row maml-draw-head" }, el("span"), el("span", {}, "examples"), this.#verdict.steps);
    const more = classes.length < max_classes ? el("button", { type: "button", class: "maml-more", onclick: () => this.#addClass() }, "+ class") : null;
    this.#rows.replaceChildren(query, head, ...rows, ...(more ? [more] : []));
    this.#repaint();
    this.#place();
  }

  #painters() {
    const painters = this.#places().map((at) => () => this.#canvasOf(at) && paint(this.#canvasOf(at), this.#drawingAt(at), this.#own));
    const now = this.#drawingAt(this.#at);
    return [...painters, () => paint(this.#pad, now, this.#own), () => paintPixels(this.#seen, now, this.#own)];
  }

  #repaint() {
    if (!this.#own || !this.#open) return;
    for (const paint of this.#painters()) paint();
    for (const at of this.#places()) {
      const button = this.#canvasOf(at).closest("button");
      const chosen = at.row === this.#at.row && at.column === this.#at.column;
      button.setAttribute("aria-pressed", String(chosen));
      button.setAttribute("aria-label", `${nameOf(at)}: ${isBlank(this.#drawingAt(at)) ? "empty" : "drawn"}`);
    }
    const drawing = this.#drawingAt(this.#at);
    setText(this.#where, nameOf(this.#at));
    this.#pad.setAttribute("aria-label", `${nameOf(this.#at)}, drawn with mouse, pen or finger`);
    this.#pad.dataset.blank = String(isBlank(drawing));
    this.#clear.disabled = isBlank(drawing);
    this.#undo.disabled = this.#undone.length === 0;
    this.#remove.disabled = this.#at.row === QUERY || this.#doc.classes[this.#at.row].length < 2;
    this.#tell();
  }

  /** The answer, or what is missing. */
  #tell() {
    const answer = this.#sent ? this.#answer : null;
    const missing = this.#missing();
    const idle = !missing && this.#own && !this.#own.active && !this.#timer;
    this.#again.hidden = !idle;
    setRich(this.#line, this.#refusal || missing || (idle ? "The page shows a generated task." : this.#advice()));
    this.#line.dataset.kind = this.#refusal ? "error" : "";
    this.#verdict.show(answer);
  }

  #advice() {
    const trained = this.#own?.ink ? ", or choose the preset “Glyphs, pretrained θ_0”" : "";
    const state =
      this.#step === 0
        ? `θ_0 is untrained: adapting helps little yet; press Play${trained}.`
        : "θ_0 adapts to your drawings while you draw, and while it trains.";
    return `${state} ${this.#own?.note ?? ""}`;
  }
}

function tool(label, title, action) {
  return el("button", { type: "button", title, "aria-label": label.length < 3 ? title : null, onclick: action }, label);
}

const nameOf = ({ row, column }) => (row === QUERY ? "Query" : `Class ${letter(row)}, example ${column + 1}`);

const product = (numbers) => numbers.reduce((a, b) => a * b, 1);

/** What this tab had drawn before a reload. */
function restored() {
  try {
    const doc = JSON.parse(recall("sessionStorage", KEPT), (key, value) => (key === "image" && value ? decoded(value) : value));
    return doc?.classes?.length >= MIN_CLASSES && doc.query ? doc : null;
  } catch {
    return null; // written by another version of the page
  }
}
