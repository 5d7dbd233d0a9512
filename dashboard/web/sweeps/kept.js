// How each sweep was looked at in this tab, so that a reload, or another sweep in between, finds it as it was.

import { recall, remember } from "../common/dom.js";

/** @import { Axis, View } from "./protocol.js" */

/**
 * @typedef {object} Look
 * @property {View} view
 * @property {number[]} pins
 * @property {string[]} charts Which chart each place shows.
 */

/** @typedef {{ name: string, axes: Axis[], look: Look }} Entry */

const KEPT = "maml-sweep-looks";
const MOST = 8;

/**
 * What is kept, the newest first, from the text that the browser holds; nothing of a text that is none of ours.
 *
 * @param {string | null} text
 * @returns {Entry[]}
 */
export function entries(text) {
  try {
    const found = JSON.parse(text ?? "[]");
    return Array.isArray(found) ? found.filter((entry) => entry?.look?.view && Array.isArray(entry.look.pins) && Array.isArray(entry.look.charts)) : [];
  } catch {
    return [];
  }
}

/**
 * What is to be kept once a sweep was looked at.
 *
 * @param {Entry[]} before
 * @param {Entry} entry
 */
export const withLook = (before, entry) => [entry, ...before.filter(({ name }) => name !== entry.name)].slice(0, MOST);

/**
 * How a sweep was looked at; null where it was not, or where another sweep has its name by now.
 *
 * @param {Entry[]} among
 * @param {string} name
 * @param {Axis[]} axes
 */
export function lookAt(among, name, axes) {
  const found = among.find((entry) => entry.name === name);
  return found && JSON.stringify(found.axes) === JSON.stringify(axes) ? found.look : null;
}

/**
 * @param {string} name
 * @param {Axis[]} axes
 * @param {Look} look
 */
export function keepLook(name, axes, look) {
  const text = recall("sessionStorage", KEPT);
  const next = JSON.stringify(withLook(entries(text), { name, axes, look }));
  if (next !== text) remember("sessionStorage", KEPT, next);
}

/**
 * @param {string} name
 * @param {Axis[]} axes
 */
export const keptLook = (name, axes) => lookAt(entries(recall("sessionStorage", KEPT)), name, axes);
