// Building and reading the page: the few helpers that every module uses.

import { pieces } from "./pieces.js";

/** @typedef {string | number | boolean | null | undefined | ((event: never) => unknown)} Attribute */

/**
 * An element with attributes, `on...` listeners and children (nodes or text).
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, Attribute>} [attributes]
 * @param {...(Node | string | null | undefined)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (name === "value") Object.assign(node, { value });
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/**
 * What cannot be missing where it is asked for; a mistake of ours is said so.
 *
 * @template T
 * @param {T | null | undefined} value
 * @returns {T}
 */
export function known(value) {
  if (value === null || value === undefined) throw new Error("what is needed here is not there yet");
  return value;
}

/**
 * Plotly, once its script is loaded.
 *
 * @returns {Plotly}
 */
export const plotly = () => known(window.Plotly);

/**
 * Sets text only where it changed: an equal write would still cost a layout.
 *
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * A sentence with the indices of its symbols as real subscripts; anything else stays text, never HTML.
 *
 * @param {string} text
 * @returns {(HTMLElement | Text)[]}
 */
export function rich(text) {
  return pieces(text).map((piece) => ("plain" in piece ? document.createTextNode(piece.plain) : el("span", { class: "maml-theta" }, piece.symbol, el("sub", {}, piece.sub))));
}

/**
 * Sets a sentence only where it changed.
 *
 * @param {HTMLElement} node
 * @param {string} text
 */
export function setRich(node, text) {
  if (node.dataset.rich === text) return;
  node.dataset.rich = text;
  node.replaceChildren(...rich(text));
}

/**
 * As `setRich`, with what stands between asterisks, the name of a control, in heavier letters.
 *
 * @param {HTMLElement} node
 * @param {string} text
 */
export function setNamed(node, text) {
  if (node.dataset.rich === text) return;
  node.dataset.rich = text;
  node.replaceChildren(...text.split(/\*([^*]+)\*/).flatMap((part, at) => (at % 2 ? [el("b", {}, ...rich(part))] : rich(part))));
}

/**
 * A "?" button with its explanation: on hover, on focus and on touch.
 *
 * @param {string} id Of the explanation, for what it explains.
 * @param {string} text
 * @param {string} about
 */
export function help(id, text, about) {
  return el(
    "span",
    { class: "maml-help" },
    el("button", { type: "button", "aria-label": `Help: ${about}`, "aria-describedby": id }, "?"),
    el("span", { class: "maml-tip", role: "tooltip", id }, ...rich(text)),
  );
}

let serial = 0;

/**
 * An id that no other element has.
 *
 * @param {string} name
 */
export const newId = (name) => `maml-${name}-${++serial}`;

/**
 * A button that opens `content` as a popover below it (light dismiss and Escape come from the browser).
 *
 * @param {Record<string, string>} attributes Of the button.
 * @param {string | Node} label
 * @param {Node} content
 */
export function popoverButton(attributes, label, content) {
  const panel = el("div", { class: "maml-popover", popover: "auto", id: newId("popover") }, content);
  const button = el("button", { type: "button", ...attributes, popovertarget: panel.id, "aria-expanded": "false" }, label);
  panel.addEventListener("beforetoggle", (event) => {
    button.setAttribute("aria-expanded", String(event.newState === "open"));
  });
  panel.addEventListener("toggle", (event) => {
    if (event.newState !== "open") return;
    const anchor = button.getBoundingClientRect();
    const left = Math.max(8, Math.min(anchor.right - panel.offsetWidth, window.innerWidth - panel.offsetWidth - 8));
    const below = anchor.bottom + 4;
    const top = below + panel.offsetHeight < window.innerHeight ? below : anchor.top - panel.offsetHeight - 4;
    panel.style.left = `${left}px`;
    panel.style.top = `${Math.max(8, top)}px`;
  });
  return { button, panel };
}

/**
 * Keeps the focus in a part of the page that is drawn anew: where what had it is gone or hidden, another has it afterwards.
 *
 * @param {Element} part
 * @param {() => void} draw
 * @param {() => HTMLElement | undefined} next
 */
export function keepFocus(part, draw, next) {
  const had = part.contains(document.activeElement);
  draw();
  const at = document.activeElement;
  if (had && (!at || at === document.body || at.closest("[hidden]"))) next()?.focus();
}

/** True where the person asked their system for less motion. */
export const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/**
 * Whether the page behind us is dark, by the luminance of Streamlit's background colour, or of the system's where that is forced.
 *
 * @param {HTMLElement} node
 */
function isDark(node) {
  const probe = el("span", { style: "display:none; forced-color-adjust:none" });
  const forced = matchMedia("(forced-colors: active)").matches;
  probe.style.color = forced ? "Canvas" : getComputedStyle(node).getPropertyValue("--st-background-color").trim() || "white";
  node.append(probe);
  const [r, g, b] = (getComputedStyle(probe).color.match(/[\d.]+/g) ?? [255, 255, 255]).map(Number);
  probe.remove();
  return 0.2126 * r + 0.7152 * g + 0.0722 * b < 128;
}

/**
 * The theme that a screen stands in, written where style sheets look for it: at the screen, and at the document for Streamlit's own parts.
 *
 * @param {HTMLElement} root
 */
export function showTheme(root) {
  const theme = isDark(root) ? "dark" : "light";
  root.dataset.theme = theme;
  document.documentElement.dataset.mamlTheme = theme;
  return theme;
}

/**
 * Where an element begins in what Streamlit scrolls, in pixels from its top.
 *
 * @param {HTMLElement} node
 */
export function topOf(node) {
  const scroller = node.closest("[data-testid=stMain]");
  return node.getBoundingClientRect().top + (scroller?.scrollTop ?? window.scrollY);
}

/**
 * Calls `action` when an element got another width; the sidebar, unlike the window, tells nobody when it folds.
 *
 * @param {HTMLElement} node
 * @param {() => void} action
 */
export function onWidth(node, action) {
  let width = node.clientWidth;
  new ResizeObserver(() => {
    if (node.clientWidth === width) return;
    width = node.clientWidth;
    action();
  }).observe(node);
}

/**
 * Calls `action` when an element got another size, as long as it has one; not for the size that it has now. What changes before the browser looks
 * for the first time, as when a legend beside a new chart takes a second line, counts too.
 *
 * @param {Element} node Without padding.
 * @param {() => void} action
 */
export function onSize(node, action) {
  let { clientWidth: width, clientHeight: height } = node;
  new ResizeObserver(([{ contentRect }]) => {
    if (Math.abs(contentRect.width - width) < 1 && Math.abs(contentRect.height - height) < 1) return;
    ({ width, height } = contentRect);
    if (width > 0 && height > 0) action();
  }).observe(node);
}

/**
 * Calls `action` with the newest arguments at most once an animation frame.
 *
 * @template {unknown[]} Args
 * @param {(...args: Args) => void} action
 * @returns {(...args: Args) => void}
 */
export function perFrame(action) {
  /** @type {Args | null} */
  let waiting = null;
  return (...args) => {
    if (waiting === null) requestAnimationFrame(() => {
      const newest = known(waiting);
      waiting = null;
      action(...newest);
    });
    waiting = args;
  };
}

/**
 * What this browser keeps for us, by the name of the storage; null where it keeps nothing (a strict privacy setting).
 *
 * @param {"localStorage" | "sessionStorage"} storage
 * @param {string} key
 * @returns {string | null}
 */
export function recall(storage, key) {
  try {
    return window[storage].getItem(key);
  } catch {
    return null;
  }
}

/**
 * Keeps a text, or forgets it.
 *
 * @param {"localStorage" | "sessionStorage"} storage
 * @param {string} key
 * @param {string | null} value
 */
export function remember(storage, key, value) {
  try {
    if (value === null) window[storage].removeItem(key);
    else window[storage].setItem(key, value);
  } catch {
    // Then it is forgotten, and nothing else breaks.
  }
}
