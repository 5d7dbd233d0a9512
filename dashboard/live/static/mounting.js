// What every screen's module does: load Plotly and a style sheet once, and build one page in Streamlit's element, however often it calls.

import { el } from "./dom.js";
import { letSwipesScroll } from "./touch.js";

const BASE = new URL(".", import.meta.url);
const FORCED_COLORS = matchMedia("(forced-colors: active)");

letSwipesScroll();
nameOverlays();

let plotly = null;
export function loadPlotly() {
  plotly ??= new Promise((resolve, reject) => {
    if (window.Plotly) return resolve();
    const src = new URL("plotly.min.js", BASE).href;
    let script = [...document.scripts].find((known) => known.src.split("?")[0] === src); // the document may have asked for it already
    if (!script) document.head.append((script = el("script", { src })));
    script.addEventListener("load", resolve);
    script.addEventListener("error", reject);
  });
  return plotly;
}

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
 * A page has `show()`, called once its style sheets are there, `again(component)`, `recolor()` and `destroy()`.
 */
export function mounter(Page, styles) {
  const pages = new WeakMap(); // by parent element: Streamlit calls again with the same one when the theme changes
  return async (component) => {
    const { parentElement } = component;
    const known = pages.get(parentElement);
    if (known) {
      known.again(component);
    } else {
      loadPlotly();
      const styled = Promise.all(styles.map(loadStyle));
      const page = new Page(component);
      pages.set(parentElement, page);
      FORCED_COLORS.addEventListener("change", () => pages.get(parentElement)?.recolor());
      await styled;
      page.show();
    }
    return () => {
      // Streamlit may clean up before it calls again with the same element: only one that left the document is really gone.
      setTimeout(() => {
        if (parentElement.isConnected) return;
        pages.get(parentElement)?.destroy();
        pages.delete(parentElement);
      }, 0);
    };
  };
}

/** A button clicked with the mouse gives the focus back, or the keys would stop working; with the keyboard it keeps it. */
export function blurAfterPointer(event) {
  // The path, not the target: a button that redrew itself has already let go of what was clicked in it.
  if (event.detail > 0) event.composedPath().find((node) => node.matches?.("button"))?.blur();
}

/** A panel of the sidebar opened with the keyboard gets the focus, and gives it back: Streamlit puts it at the document's end, where Tab comes last. */
export function enterPanel(event) {
  const button = event.detail === 0 && event.target.closest?.("[data-testid=stPopoverButton]");
  if (!button) return;
  let tries = 20;
  const enter = () => {
    const panel = document.querySelector("[data-testid=stPopoverBody]");
    if (!panel) return void (--tries > 0 && setTimeout(enter, 50));
    panel.tabIndex = -1;
    panel.focus({ preventScroll: true });
    panel.addEventListener("keydown", ({ key }) => key === "Escape" && setTimeout(() => button.focus(), 100));
  };
  setTimeout(enter, 50);
}

/** Streamlit puts its tooltips beside all landmarks; a name makes one of their place. */
function nameOverlays() {
  new MutationObserver(() => {
    const overlays = document.getElementById("stFloatingOverlayPortal");
    if (!overlays || overlays.role) return;
    overlays.setAttribute("role", "region");
    overlays.setAttribute("aria-label", "Hints");
  }).observe(document.body, { childList: true });
}

/** The charts' colours for the page's own dots and curves, so that a meaning has one colour everywhere. */
export function paint(root, palette) {
  for (const [name, color] of Object.entries(palette ?? {})) {
    if (typeof color === "string") root.style.setProperty(`--maml-${name.replaceAll("_", "-").toLowerCase()}`, color);
  }
}
