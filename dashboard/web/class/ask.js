// The form in which a teacher asks the class: a choice of up to five answers, or a number on an axis.

import { el, popoverButton } from "../common/dom.js";
import { Segments } from "../common/segments.js";

/** @import { LiveRequest, State } from "../live/protocol.js" */

const MAX_OPTIONS = 5;

export class Ask {
  button;
  panel;
  #send;
  #question = el("textarea", { rows: 2, maxlength: 200, "aria-label": "Question", "data-field": "class-question", placeholder: "What happens if α doubles?" });
  #options = Array.from({ length: MAX_OPTIONS }, (_, at) => el("input", { type: "text", maxlength: 80, "aria-label": `Answer ${at + 1}`, "data-field": "class-option", placeholder: at < 2 ? `Answer ${at + 1}` : `Answer ${at + 1}, if there is one` }));
  #low = el("input", { type: "text", inputmode: "decimal", size: 6, value: "0", "aria-label": "From", "data-field": "class-low" });
  #high = el("input", { type: "text", inputmode: "decimal", size: 6, value: "1", "aria-label": "To", "data-field": "class-high" });
  #unit = el("input", { type: "text", maxlength: 20, size: 8, "aria-label": "Unit", "data-field": "class-unit", placeholder: "unit" });
  #kinds;
  #choice = el("div", { class: "maml-class-fields" }, ...this.#options);
  #number = el("div", { class: "maml-class-row" }, "from", this.#low, "to", this.#high, this.#unit);
  #step = el("button", { type: "button", "data-action": "class-ask-step", onclick: () => this.#askStep() }, "Ask what this step of the lesson asks");
  #kind = "choice";

  /** @param {(message: LiveRequest) => void} send */
  constructor(send) {
    this.#send = send;
    this.#kinds = new Segments("Kind of answer", [["choice", "A choice"], ["number", "A number"]], (kind) => this.#show(kind));
    const form = el(
      "form",
      {
        class: "maml-class-form",
        onsubmit: (/** @type {SubmitEvent} */ event) => {
          event.preventDefault();
          this.#ask();
        },
      },
      this.#step,
      this.#question,
      this.#kinds.root,
      this.#choice,
      this.#number,
      el("button", { type: "submit", class: "maml-primary", "data-action": "class-ask-send" }, "Ask the class"),
    );
    form.addEventListener("keydown", (event) => event.key !== "Escape" && event.stopPropagation());
    ({ button: this.button, panel: this.panel } = popoverButton({ "data-action": "class-ask" }, "Ask", form));
    this.#show("choice");
  }

  /** @param {string} kind */
  #show(kind) {
    this.#kind = kind;
    this.#kinds.show(kind);
    this.#choice.hidden = kind !== "choice";
    this.#number.hidden = kind !== "number";
  }

  /** @param {State} state */
  state({ lesson }) {
    this.#step.hidden = !lesson?.prediction || lesson.prediction.kind === "curve";
  }

  #askStep() {
    this.#send({ type: "class_ask_step" });
    this.panel.hidePopover();
  }

  #ask() {
    const question = this.#question.value;
    if (this.#kind === "choice") {
      const options = this.#options.map(({ value }) => value).filter((text) => text.trim());
      this.#send({ type: "class_ask", kind: "choice", question, options });
    } else {
      const [low, high] = [this.#low, this.#high].map(({ value }) => (value.trim() ? Number(value.replace(",", ".")) : NaN)); // which the server refuses in words
      this.#send({ type: "class_ask", kind: "number", question, low, high, unit: this.#unit.value });
    }
  }

  /** A question was asked: the form is empty for the next one. */
  asked() {
    this.panel.hidePopover();
    for (const field of [this.#question, ...this.#options]) field.value = "";
  }
}
