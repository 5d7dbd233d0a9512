// What every screen's module does: load Plotly and a style sheet once, and build one page in Streamlit's element, however often it calls.

/** @import { Help, Palette } from "./protocol.js" */
import { attempted } from "./attempts.js";
import { el, known } from "./dom.js";
import { letSwipesScroll } from "./touch.js";

const BASE = new URL("..", import.meta.url);
const FORCED_COLORS = matchMedia("(forced-colors: active)");

letSwipesScroll();
watchOverlays();

/**
 * What Streamlit hands to a component, and takes from it (`dashboard/screens/component.py`).
 *
 * @typedef {object} Component
 * @property {HTMLElement} parentElement
 * @property {{ token: string, seen?: number, help: PageHelp, charts?: string[], tabs?: [string, string, boolean][], lesson?: string, follows?: string, lessons?: Listed[], sweep?: string }} data
 *   Of the live page: its charts, in their order, and those that share one place, each with what it is called in their list and whether it is a
 *   closer look; how often it was to be seen (`uncover`); and by what it keeps the run of a lesson, if it is in one, or the code of the class that it follows. Of the list of lessons: what is said of each, and no help. Of the sensitivity screen: the sweep that the address names.
 * @property {(name: string, value: unknown) => void} [setTriggerValue]
 * @property {(name: string, value: unknown) => void} [setStateValue]
 */

/** @typedef {{ name: string, title: string, about: string, minutes: number, steps: number, kind: string }} Listed A lesson in the list. */

/** @typedef {{ symbol: string, name: string, text: string }} DialName How a dial is called, and the text of its help. */

/** @typedef {{ name: string, text: string }} Term A word of the field as the page writes it, and what it is. */

/**
 * What a page explains besides its figures: the dials by their keys, the words of the task's table, the table of settings.
 *
 * @typedef {{ dials: Record<string, DialName>, terms: Record<string, Term>, settings: Help }} PageHelp
 */

/**
 * A screen in Streamlit's element.
 *
 * @typedef {object} Screen
 * @property {() => void} show Called once its style sheets are there.
 * @property {(component: Component) => void} again Called when Streamlit calls again.
 * @property {() => void} recolor
 * @property {() => void} destroy
 */

const AGAIN_MS = [1000, 4000]; // after a failure: a Wi-Fi that is gone for a moment

/** @type {Promise<unknown> | null} */
let plotly = null;

/** Loads Plotly; after a failure once more, and anew for whoever asks after the last one. */
export function loadPlotly() {
  plotly ??= attempted(script, AGAIN_MS).catch((error) => {
    plotly = null;
    throw error;
  });
  return plotly;
}

/** Plotly's script, which the document may have asked for already. */
function script() {
  return new Promise((resolve, reject) => {
    if (window.Plotly) return resolve(null);
    const src = new URL("plotly/plotly.min.js", BASE).href;
    let node = [...document.scripts].find((known) => known.src === src);
    if (!node) document.head.append((node = el("script", { src })));
    const asked = node;
    asked.addEventListener("load", resolve);
    asked.addEventListener("error", (event) => {
      asked.remove(); // one that failed is never asked for again
      reject(event);
    });
  });
}

/**
 * @param {string} name
 * @returns {Promise<unknown>}
 */
function loadStyle(name) {
  const href = new URL(name, BASE).href;
  if (document.querySelector(`link[href="${href}"]`)) return Promise.resolve();
  return new Promise((done) => {
    document.head.append(el("link", { rel: "stylesheet", href, onload: done, onerror: done }));
  });
}

/**
 * A module's `mount`: builds `new Page(component)` in an element once, then tells it `again(component)`.
 *
 * @param {new (component: Component) => Screen} Page
 * @param {string[]} styles The style sheets that it needs.
 */
export function mounter(Page, styles) {
  /** @type {Map<HTMLElement, number>} */
  const seen = new Map(); // how often it was to be seen, when Streamlit called last
  /** @type {Map<HTMLElement, Screen>} */
  const pages = new Map(); // by parent element: Streamlit calls again with the same one when the theme changes
  FORCED_COLORS.addEventListener("change", () => pages.forEach((page) => page.recolor()));
  return async (/** @type {Component} */ component) => {
    const { parentElement, data } = component;
    const built = pages.get(parentElement);
    if ((data.seen ?? 0) > (seen.get(parentElement) ?? Infinity)) uncover(parentElement);
    seen.set(parentElement, data.seen ?? 0);
    if (built) {
      built.again(component);
    } else {
      loadPlotly();
      const styled = Promise.all(styles.map(loadStyle));
      const page = new Page(component);
      pages.set(parentElement, page);
      await styled;
      page.show();
    }
    return () => {
      // Streamlit may clean up before it calls again with the same element: only one that left the document is really gone.
      setTimeout(() => {
        if (parentElement.isConnected) return;
        pages.get(parentElement)?.destroy();
        pages.delete(parentElement);
        seen.delete(parentElement);
      }, 0);
    };
  };
}

/**
 * Folds the sidebar where it lies over the page, as on a phone: what was asked for there is on the page. Not before Streamlit's script has ended,
 * which closes what is open in the sidebar.
 *
 * @param {HTMLElement} page
 * @param {number} [tries]
 */
function uncover(page, tries = 100) {
  if (tries > 0 && document.querySelector("[data-test-script-state=running]")) return void setTimeout(uncover, 50, page, tries - 1);
  const sidebar = document.querySelector("[data-testid=stSidebar]");
  if (!sidebar || sidebar.getBoundingClientRect().right <= page.getBoundingClientRect().left) return;
  /** @type {HTMLElement | null} */ (sidebar.querySelector("[data-testid=stSidebarCollapseButton] button"))?.click();
}

/**
 * Calls `action` once Streamlit has a connection of its own: what it is told without one is lost.
 *
 * @param {() => void} action
 */
export function whenConnected(action) {
  const app = /** @type {HTMLElement | null} */ (document.querySelector("[data-test-connection-state]"));
  const isThere = () => !app || app.dataset.testConnectionState === "CONNECTED";
  if (isThere()) return action();
  const watch = new MutationObserver(() => {
    if (!isThere()) return;
    watch.disconnect();
    action();
  });
  watch.observe(known(app), { attributeFilter: ["data-test-connection-state"] });
}

/**
 * A button clicked with the mouse gives the focus back, or the keys would stop working; with the keyboard it keeps it.
 *
 * @param {MouseEvent} event
 */
export function blurAfterPointer(event) {
  // The path, not the target: a button that redrew itself has already let go of what was clicked in it.
  if (event.detail > 0) event.composedPath().find((node) => node instanceof HTMLButtonElement)?.blur();
}

/**
 * A panel of the sidebar opened with the keyboard gets the focus, and gives it back: Streamlit puts it at the document's end, where Tab comes last.
 *
 * @param {MouseEvent} event
 */
export function enterPanel(event) {
  if (event.detail !== 0 || !(event.target instanceof Element)) return;
  const button = /** @type {HTMLElement | null} */ (event.target.closest("[data-testid=stPopoverButton]"));
  if (!button) return;
  let tries = 20;
  const enter = () => {
    const panel = /** @type {HTMLElement | null} */ (document.querySelector("[data-testid=stPopoverBody]"));
    if (!panel) return void (--tries > 0 && setTimeout(enter, 50));
    panel.tabIndex = -1;
    panel.focus({ preventScroll: true });
    panel.addEventListener("keydown", ({ key }) => key === "Escape" && setTimeout(() => button.focus(), 100));
  };
  setTimeout(enter, 50);
}

/** Streamlit puts its tooltips and panels beside all landmarks; a name makes one of their place. */
function watchOverlays() {
  new MutationObserver(() => {
    closeTheirDialog();
    const overlays = document.getElementById("stFloatingOverlayPortal");
    if (!overlays || overlays.role) return;
    overlays.setAttribute("role", "region");
    overlays.setAttribute("aria-label", "Hints");
    new MutationObserver(() => labelUploads(overlays)).observe(overlays, { childList: true, subtree: true });
  }).observe(document.body, { childList: true });
}

/** Streamlit's dialog of a lost connection lies over what can still be read, and asks after the internet, where the page says in a line what is (`LOST`). */
function closeTheirDialog() {
  if (!document.querySelector(".maml-live[data-link]:not([data-link=open])")) return;
  const [dialog] = document.querySelectorAll("[data-testid=stDialog] [role=dialog]");
  if (dialog?.querySelector("h2")?.textContent !== "Connection error") return;
  /** @type {HTMLElement | null} */ (dialog.querySelector("button[aria-label=Close]"))?.click();
}

/**
 * Streamlit says of a field for files that it is no part of the page, and gives it a label: what can have one is a group.
 *
 * @param {Element} overlays
 */
function labelUploads(overlays) {
  for (const field of overlays.querySelectorAll("[data-testid=stFileUploaderDropzone][role=presentation]")) field.setAttribute("role", "group");
}

/**
 * Gives the charts' colours to the page's own dots and curves, so that a meaning has one colour everywhere.
 *
 * @param {HTMLElement} root
 * @param {Palette | null} palette
 */
export function paint(root, palette) {
  for (const [name, color] of Object.entries(palette ?? {})) {
    if (typeof color === "string") root.style.setProperty(`--maml-${name.replaceAll("_", "-").toLowerCase()}`, color);
  }
}
