// Building and reading the page: the few helpers that every module uses.

/** An element with attributes, `on...` listeners and children (nodes or text). */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value") node.value = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** Sets text only where it changed: an equal write would still cost a layout. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Text with `θ_0` or `<sub>0</sub>` as real subscripts; anything else stays text, never HTML. */
export function rich(text) {
  return text.split(/([θλ]_\w+|<sub>.*?<\/sub>)/).map((part) => {
    if (/^[θλ]_/.test(part)) return el("span", { class: "maml-theta" }, part[0], el("sub", {}, part.slice(2)));
    if (part.startsWith("<sub>")) return el("sub", {}, part.slice(5, -6));
    return document.createTextNode(part);
  });
}

export function setRich(node, text) {
  if (node.dataset.rich === text) return;
  node.dataset.rich = text;
  node.replaceChildren(...rich(text));
}

/** A "?" button with its explanation: on hover, on focus and on touch. */
export function help(id, text, about) {
  return el(
    "span",
    { class: "maml-help" },
    el("button", { type: "button", "aria-label": `Help: ${about}`, "aria-describedby": id }, "?"),
    el("span", { class: "maml-tip", role: "tooltip", id }, text),
  );
}

let serial = 0;
export const newId = (name) => `maml-${name}-${++serial}`;

/** A button that opens `content` as a popover below it (light dismiss and Escape come from the browser). */
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

/** True where the person asked their system for less motion. */
export const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Whether the page behind us is dark, by the luminance of Streamlit's background colour, or of the system's where that is forced. */
export function isDark(node) {
  const probe = el("span", { style: "display:none; forced-color-adjust:none" });
  const forced = matchMedia("(forced-colors: active)").matches;
  probe.style.color = forced ? "Canvas" : getComputedStyle(node).getPropertyValue("--st-background-color").trim() || "white";
  node.append(probe);
  const [r, g, b] = (getComputedStyle(probe).color.match(/[\d.]+/g) ?? [255, 255, 255]).map(Number);
  probe.remove();
  return 0.2126 * r + 0.7152 * g + 0.0722 * b < 128;
}

/** Calls `action` when an element got another width; the sidebar, unlike the window, tells nobody when it folds. */
export function onWidth(node, action) {
  let width = node.clientWidth;
  new ResizeObserver(() => {
    if (node.clientWidth === width) return;
    width = node.clientWidth;
    action();
  }).observe(node);
}

/** Calls `action` with the newest arguments at most once an animation frame. */
export function perFrame(action) {
  let waiting = null;
  return (...args) => {
    if (waiting === null) requestAnimationFrame(() => {
      const newest = waiting;
      waiting = null;
      action(...newest);
    });
    waiting = args;
  };
}

/** What this browser keeps for us, by the name of the storage; null where it keeps nothing (a strict privacy setting). */
export function recall(storage, key) {
  try {
    return window[storage].getItem(key);
  } catch {
    return null;
  }
}

export function remember(storage, key, value) {
  try {
    if (value === null) window[storage].removeItem(key);
    else window[storage].setItem(key, value);
  } catch {
    // Then it is forgotten, and nothing else breaks.
  }
}
