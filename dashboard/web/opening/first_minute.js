// The first minute: what adaptation is, in one picture that moves by itself, before the whole page with its dials. For whoever comes here for the
// first time without a set-up in the address; the server decides that with the document (`preload.py`).

import { el, known } from "../common/dom.js";
import { Guess } from "./guess.js";
import { TwoStarts } from "./two_starts.js";

/** @typedef {"curves" | "characters"} Act */

const SEEN = "maml_seen=1"; // `preload.py` reads it
const YEAR_S = 31536000;
/** @type {Record<Act, { name: string, title: string, text: string, build: (data: never) => { root: HTMLElement, stop(): void } }>} */
const ACTS = {
  curves: {
    name: "Curves",
    title: "Five points, three small steps",
    text: "Both networks see the same five points and take three steps of gradient descent. The left one begins with random weights. The right one begins where MAML’s training left it: at a start from which three steps are enough for a new curve.",
    build: (/** @type {import("./two_starts.js").Curves} */ data) => new TwoStarts(data),
  },
  characters: {
    name: "Your turn: characters",
    title: "One example each",
    text: "Five characters that you do not know, one drawing of each. Name the new drawing; then the network does it, with one step of gradient descent.",
    build: (/** @type {import("./guess.js").Characters} */ data) => new Guess(data),
  },
};

class FirstMinute {
  /** @type {{ root: HTMLElement, stop(): void } | null} */
  #act = null;
  #loading = new AbortController(); // of the picture that was chosen last
  #title = el("h1", { id: "maml-opening-title", tabindex: "-1" });
  #text = el("p", { class: "first-text" });
  #stage = el("div", { class: "first-stage" });
  /** @type {[Act, HTMLButtonElement][]} */
  #tabs = /** @type {Act[]} */ (Object.keys(ACTS)).map((act) => [act, el("button", { type: "button", onclick: () => this.show(act) }, ACTS[act].name)]);

  constructor() {
    this.root = el(
      "section",
      { class: "maml-opening", role: "dialog", "aria-modal": "true", "aria-labelledby": "maml-opening-title" },
      el("nav", { "aria-label": "What to see" }, ...this.#tabs.map(([, tab]) => tab)),
      this.#title,
      this.#text,
      this.#stage,
      el(
        "div",
        { class: "first-on" },
        el("button", { type: "button", class: "first-main", onclick: (/** @type {MouseEvent} */ { detail }) => this.leave(true, detail === 0) }, "Play: train it yourself"),
        el("button", { type: "button", onclick: () => this.#toLessons() }, "Lessons"),
        el("button", { type: "button", onclick: (/** @type {MouseEvent} */ { detail }) => this.leave(false, detail === 0) }, "The whole page"),
      ),
    );
    this.root.addEventListener("keydown", (event) => {
      event.stopPropagation(); // the page behind it has keys of its own
      if (event.key === "Escape") this.leave(false, true);
    });
    this.show("curves");
  }

  /** @param {Act} act */
  async show(act) {
    const { title, text, build } = ACTS[act];
    this.#tabs.forEach(([name, tab]) => tab.setAttribute("aria-pressed", String(name === act)));
    this.#title.textContent = title;
    this.#text.textContent = text;
    this.#stop();
    this.#stage.replaceChildren();
    const { signal } = (this.#loading = new AbortController());
    try {
      const answer = await fetch(new URL(`${act}.json`, import.meta.url), { signal });
      if (!answer.ok) throw new Error(String(answer.status));
      const data = await answer.json();
      if (signal.aborted) return;
      this.#act = build(/** @type {never} */ (data));
      this.#stage.replaceChildren(this.#act.root);
    } catch {
      if (signal.aborted) return;
      this.#stage.replaceChildren(el("p", { role: "alert" }, "This picture could not be loaded. The whole page works all the same."));
    }
  }

  /** Neither the picture that moves nor one that is on its way is wanted any more. */
  #stop() {
    this.#loading.abort();
    this.#act?.stop();
    this.#act = null;
  }

  /**
   * @param {boolean} plays Whether the run of the page behind it begins to train.
   * @param {boolean} byKeyboard Who has left with a key goes on at the button that the first minute has become, not at the page's beginning.
   */
  leave(plays, byKeyboard) {
    remember();
    this.#stop();
    const { dataset } = document.documentElement;
    if (plays) dataset.mamlBegin = "play";
    if (byKeyboard) dataset.mamlFocus = "";
    close(this.root);
    document.dispatchEvent(new Event("maml-begin"));
  }

  #toLessons() {
    remember();
    location.assign(new URL("lessons", location.href));
  }
}

/** Whoever has seen it gets the whole page at once the next time. */
function remember() {
  document.cookie = `${SEEN}; path=/; max-age=${YEAR_S}; samesite=lax`;
}

/** @param {HTMLElement} root */
function close(root) {
  delete document.documentElement.dataset.mamlOpening;
  const app = document.getElementById("root");
  if (app) app.inert = false;
  root.remove();
}

/** Shows it over the page, which is left alone meanwhile. */
export function open() {
  const base = new URL("style.css", import.meta.url).href;
  if (!document.querySelector(`link[href="${base}"]`)) document.head.append(el("link", { rel: "stylesheet", href: base }));
  document.documentElement.dataset.mamlOpening = "";
  known(document.getElementById("root")).inert = true;
  const minute = new FirstMinute();
  document.body.append(minute.root);
  known(minute.root.querySelector("h1")).focus({ preventScroll: true });
}
