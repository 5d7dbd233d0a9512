// What the Undo button offers: the run before a restart, or ghosts that were removed.

import { whole } from "../common/format.js";

/** @import { State } from "./protocol.js" */

/** @typedef {Pick<State, "left" | "before" | "removals" | "removed">} Undoable What a state says of it. */

/**
 * @typedef {object} Offered
 * @property {"undo" | "restore_ghosts"} type What the page then asks for.
 * @property {string} title
 */

/**
 * What is offered after a state: what has just happened, what was offered before as long as it can still be done, or nothing.
 *
 * @param {Offered | null} offered Before it.
 * @param {Undoable | null} seen The state before; null where this is the first, and what happened before nobody here has seen.
 * @param {Undoable} state
 * @returns {Offered | null}
 */
export function undoable(offered, seen, { left, before, removals, removed }) {
  if (seen && left > seen.left && before !== null) return { type: "undo", title: `Bring the run before the restart back, at outer step ${whole(before)} (u)` };
  if (seen && removals > seen.removals && removed !== null) return { type: "restore_ghosts", title: `Bring back: ${removed} (u)` };
  const possible = { undo: before !== null, restore_ghosts: removed !== null };
  return offered && possible[offered.type] ? offered : null;
}
