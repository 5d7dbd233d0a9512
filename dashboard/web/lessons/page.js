// The list of lessons. Its socket is fed nothing: while it is open, the server keeps the tab's own run.

import { el, setRich, showTheme } from "../common/dom.js";
import { mounter, whenConnected } from "../common/mounting.js";
import { Segments } from "../common/segments.js";
import { Socket } from "../common/socket.js";
import { goingOn, progress, standing } from "../live/lesson.js";

/** @import { Component, Listed, Screen } from "../common/mounting.js" */
/** @import { Come } from "../live/lesson.js" */

/** @implements {Screen} */
class Page {
  #component;
  #root = el("div", { class: "maml-live maml-lessons", style: "visibility:hidden" });
  #list = el("ol", { class: "maml-lessons-list" });
  #kinds;
  #kind = "All";
  #hasKinds;
  #socket;

  /** @param {Component} component */
  constructor(component) {
    this.#component = component;
    const kinds = [...new Set(component.data.lessons?.map(({ kind }) => kind))];
    this.#hasKinds = kinds.length > 1;
    const choices = ["All", ...kinds].map((kind) => /** @type {[string, string]} */ ([kind, kind]));
    this.#kinds = new Segments("Lessons", choices, (kind) => {
      this.#kind = kind;
      this.#show();
    });
    this.#root.append(el("header", {}, el("h2", {}, "Lessons"), this.#kinds.root), this.#list);
    component.parentElement.append(this.#root);
    if (location.search.includes("lesson=")) history.replaceState(history.state, "", location.pathname); // Streamlit leaves the address of a lesson that it shows no more
    this.#show();
    const link = (/** @type {string} */ state) => state === "gone" && this.#socket.askAgain(() => this.#component.setTriggerValue?.("sync", Date.now()));
    this.#socket = new Socket(component.data.token, { message: () => {}, frame: () => {}, link, full: () => {} }, "lessons");
  }

  show() {
    this.#root.style.visibility = "";
    this.recolor();
  }

  /** @param {Component} component */
  again(component) {
    this.#component = component;
    this.#socket = this.#socket.of(component.data.token);
    this.recolor();
    this.#show();
  }

  recolor() {
    showTheme(this.#root);
  }

  destroy() {
    this.#socket.close();
    this.#root.remove();
  }

  #show() {
    this.#kinds.show(this.#hasKinds ? this.#kind : null);
    const known = progress();
    const shown = (this.#component.data.lessons ?? []).filter(({ kind }) => this.#kind === "All" || kind === this.#kind);
    this.#list.replaceChildren(...shown.map((lesson) => this.#item(lesson, known[lesson.name])));
  }

  /**
   * @param {Listed} lesson
   * @param {Come | undefined} come How far this browser has come in it.
   */
  #item({ name, title, about, minutes, kind }, come) {
    const heading = el("span", {});
    setRich(heading, title);
    const question = el("p", {});
    setRich(question, about);
    const open = (/** @type {MouseEvent} */ event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return; // a tab of its own, by the browser
      event.preventDefault();
      whenConnected(() => this.#component.setTriggerValue?.("open", { name, seed: come?.seed ?? 0 }));
    };
    const link = el("a", { href: location.pathname + goingOn(name, come), "data-lesson": name, onclick: open }, heading);
    return el(
      "li",
      { "data-done": String(come?.done ?? false) },
      el("h3", {}, link),
      question,
      el("p", { class: "maml-lessons-facts" }, [`${minutes} minutes`, kind.toLowerCase(), standing(come)].filter(Boolean).join(" · ")),
    );
  }
}

export default mounter(Page, ["common/style.css", "lessons/style.css"]);
