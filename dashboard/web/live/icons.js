// The signs of buttons, and buttons that have one.

import { el } from "../common/dom.js";

const ICONS = {
  play: "M5 3.2v13.6L17 10Z",
  pause: "M4.5 3h4v14h-4zM11.5 3h4v14h-4z",
  outer: "M3 3.5v13L11.5 10ZM13.5 3.5h3.2v13h-3.2z",
  inner: "M4 15.5c4 0 3.2-11 7-11 3 0 2.2 5.5 5 5.5M4 15.5h.1M15.9 10h.1",
  jump: "M3 4v12l6-6ZM9.5 4v12l6-6ZM16.5 4v12",
  shared: "M8 11.8 12 7.9M6.6 9.3 5 10.9a2.9 2.9 0 0 0 4.1 4.1l1.6-1.6M13.4 10.7 15 9.1A2.9 2.9 0 0 0 10.9 5L9.3 6.6",
  undo: "M4.2 7.2A6.5 6.5 0 1 1 3.5 10M3.5 3.4v4.2h4.2",
  reset: "M15.8 7.2A6.5 6.5 0 1 0 16.5 10M16.5 3.4v4.2h-4.2",
  "reset-all": "M15.8 7.2A6.5 6.5 0 1 0 16.5 10M16.5 3.4v4.2h-4.2M8 8l4 4M12 8l-4 4",
  share: "M8 11.8 12 7.9M6.6 9.3 5 10.9a2.9 2.9 0 0 0 4.1 4.1l1.6-1.6M13.4 10.7 15 9.1A2.9 2.9 0 0 0 10.9 5L9.3 6.6",
  presenter: "M3 4h14v9H3zM10 13v3M7 16.5h6",
  "keep-moment": "M5.5 3h9v14l-4.5-3.6L5.5 17ZM10 6v5M7.5 8.5h5",
  moments: "M5.5 3h9v14l-4.5-3.6L5.5 17Z",
  compare: "M3 15c3.5 0 4-10.5 7.5-10.5S15 7 17 7M3 16.5c5 0 7-4.5 14-4.5",
  full: "M3 7.5V3h4.5M12.5 3H17v4.5M17 12.5V17h-4.5M7.5 17H3v-4.5",
  scheme: "M10 3.2a6.8 6.8 0 1 0 0 13.6ZM10 3.2a6.8 6.8 0 0 1 0 13.6M10 6.5h3.4M10 10h5M10 13.5h3.4",
  class: "M7 8.6a2.4 2.4 0 1 0 0-.1M2.8 16c0-3 1.8-4.6 4.2-4.6s4.2 1.6 4.2 4.6M12.6 4.3a2.3 2.3 0 0 1 0 4.4M13.6 11.6c2.1.3 3.6 1.8 3.6 4.4",
  spotlight: "M10 3.5a6.5 6.5 0 1 0 .01 0M10 8a2 2 0 1 0 .01 0",
};

/** @param {keyof typeof ICONS} name */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  if (["play", "pause", "outer"].includes(name)) svg.classList.add("maml-solid");
  svg.append(path);
  return svg;
}

/**
 * @param {keyof typeof ICONS} name
 * @param {string} label
 * @param {string} title
 * @param {() => void} onclick
 */
export const actionButton = (name, label, title, onclick) => el("button", { type: "button", title, "data-action": name, onclick }, icon(name), label ? el("span", {}, label) : null);
