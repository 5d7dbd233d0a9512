// What a class is, and how one starts or is entered: a window over the page.

import { el } from "../common/dom.js";
import { ofServer } from "../common/place.js";
import { classQuery, forOthers } from "../live/address.js";

/** @import { ClassActions } from "../live/class.js" */
/** @import { Reach } from "../live/protocol.js" */

export const LOCAL_ONLY = "This server listens on this machine only, so that nobody else can come in. Start it for others with: maml dashboard --host 0.0.0.0 (or streamlit run … --server.address 0.0.0.0).";

/**
 * @param {HTMLElement} page
 * @param {ClassActions & { reach: Reach | null }} actions
 */
export function openClass(page, { send, reach }) {
  const code = el("input", { type: "text", maxlength: 8, size: 8, autocomplete: "off", autocapitalize: "characters", spellcheck: "false", "aria-label": "Code of a class", "data-field": "class-code" });
  const start = () => {
    const { origin } = forOthers(reach, location);
    send({ type: "class_start", address: `${origin}${ofServer("").pathname}` });
    dialog.close();
  };
  /** @type {HTMLDialogElement} */
  const dialog = el(
    "dialog",
    { class: "maml-class-start", "aria-labelledby": "maml-class-title", onclose: () => void dialog.remove() },
    el("h3", { id: "maml-class-title" }, "A class"),
    el("p", {}, "Students open a short address, or scan a code, and see this run and what you do with it on their own screens. They may look at their own task, chart or time, answer what you ask, and take a copy of the run. No names, no accounts; nothing stays when the class ends."),
    el("p", { class: "maml-class-warning", hidden: !reach?.local_only }, LOCAL_ONLY),
    el("div", { class: "maml-class-row" }, el("button", { type: "button", class: "maml-primary", "data-action": "class-start", autofocus: true, onclick: start }, "Start a class")),
    el(
      "form",
      {
        class: "maml-class-row",
        onsubmit: (/** @type {SubmitEvent} */ event) => {
          event.preventDefault();
          if (code.value.trim()) location.assign(`${ofServer("").pathname}${classQuery(code.value.trim().toUpperCase())}`);
        },
      },
      el("span", {}, "Or follow one: its code"),
      code,
      el("button", { type: "submit", "data-action": "class-enter" }, "Follow"),
    ),
    el("button", { type: "button", class: "maml-class-cancel", "data-action": "class-cancel", onclick: () => dialog.close() }, "Cancel"),
  );
  dialog.addEventListener("keydown", (/** @type {Event} */ event) => event.stopPropagation()); // the page behind it has keys of its own
  page.append(dialog);
  dialog.showModal();
}
