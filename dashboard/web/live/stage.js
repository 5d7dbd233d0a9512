// What one does with the screen itself: full screen, light or dark, a spotlight on what is pointed at.

import { el } from "../common/dom.js";
import { actionButton } from "./icons.js";

const SPOTTED = ".maml-card, .maml-dials, .maml-transport, .maml-line, .maml-lesson, .maml-guide";

export class Stage {
  #root;
  #refused;
  #full = actionButton("full", "Full screen", "Full screen (f)", () => this.fullScreen());
  #scheme = actionButton("scheme", "Light or dark", "A dark page, or a light one (d)", () => this.changeScheme());
  #spotlight = actionButton("spotlight", "Spotlight", "Spotlight on what is pointed at (h)", () => this.spot());
  tools;

  /**
   * @param {HTMLElement} root Of the page.
   * @param {(sentence: string) => void} refused
   */
  constructor(root, refused) {
    this.#root = root;
    this.#refused = refused;
    this.tools = el("div", { class: "maml-tools", role: "group", "aria-label": "The screen" }, this.#full, this.#scheme, this.#spotlight);
    for (const [button, name] of /** @type {[HTMLElement, string][]} */ ([[this.#full, "Full screen"], [this.#scheme, "Dark page"], [this.#spotlight, "Spotlight"]])) {
      button.setAttribute("aria-label", name);
      button.setAttribute("aria-pressed", "false");
    }
    document.addEventListener("fullscreenchange", this.#changed);
    root.addEventListener("pointermove", this.#point);
    root.addEventListener("focusin", this.#point);
  }

  destroy() {
    document.removeEventListener("fullscreenchange", this.#changed);
  }

  /** Takes the whole screen, or gives it back. Where the browser leaves Esc to the page, the key goes back within it first. */
  async fullScreen() {
    try {
      if (document.fullscreenElement) return await document.exitFullscreen();
      await document.documentElement.requestFullscreen();
      const { keyboard } = /** @type {{ keyboard?: { lock?: (keys: string[]) => Promise<void> } }} */ (navigator);
      keyboard?.lock?.(["Escape"]).catch(() => {});
    } catch {
      this.#refused("This browser gives the page no full screen.");
    }
  }

  #changed = () => this.#full.setAttribute("aria-pressed", String(document.fullscreenElement !== null));

  /** @returns {boolean} Whether there was any to leave. */
  leaveFullScreen() {
    const isFull = document.fullscreenElement !== null;
    if (isFull) document.exitFullscreen();
    return isFull;
  }

  changeScheme() {
    window.mamlScheme?.choose(window.mamlScheme.dark ? "light" : "dark");
  }

  /** @param {"light" | "dark"} theme That the page stands in. */
  recolor(theme) {
    this.#scheme.setAttribute("aria-pressed", String(theme === "dark"));
  }

  /** Dims everything but what is pointed at, or no longer. */
  spot() {
    if (this.endSpot()) return;
    this.#root.classList.add("maml-spot");
    this.#spotlight.setAttribute("aria-pressed", "true");
    if (!this.#root.querySelector("[data-spot]")) this.#light(this.#root.querySelector(".maml-card:not([hidden], [data-thumbnail])"));
  }

  /** @returns {boolean} Whether there was one. */
  endSpot() {
    this.#spotlight.setAttribute("aria-pressed", "false");
    const isOn = this.#root.classList.contains("maml-spot");
    this.#root.classList.remove("maml-spot");
    return isOn;
  }

  #point = (/** @type {Event} */ { target }) => this.#light(target instanceof Element ? target.closest(SPOTTED) : null);

  /** @param {Element | null} node Between two things the last one stays lit. */
  #light(node) {
    if (!node || node.hasAttribute("data-spot")) return;
    this.#root.querySelector("[data-spot]")?.removeAttribute("data-spot");
    node.setAttribute("data-spot", "");
  }
}
