// What a person asked for and the server has not yet said that it took: kept in order, so that it can be sent again over the next connection.

export const MOST = 100;

/** Of these only the newest counts, whatever else was asked for in between. */
const NEWEST_COUNTS = ["speed", "metric", "weights_chart", "task", "own_task", "own_points", "example_task", "view", "pin", "setting", "freeze"];

/** Every connection says these afresh for itself. */
const OF_A_CONNECTION = ["ack", "ping", "visible", "pause_hidden"];

/** @typedef {{ type: string, request?: number, changes?: Record<string, number> }} Asked */

/**
 * Whether the server has to take it, be it over a later connection.
 *
 * @param {{ type: string }} asked
 */
export const isRequest = ({ type }) => !OF_A_CONNECTION.includes(type);

export class Waiting {
  /** Tells the server whose requests have these numbers: a page that is built anew counts afresh. */
  sender = Array.from(crypto.getRandomValues(new Uint32Array(2)), (number) => number.toString(36)).join("");
  /** @type {Asked[]} */
  #asked = [];
  #number = 0;

  /** All that the server has not taken yet, oldest first. */
  get all() {
    return [...this.#asked];
  }

  /**
   * Keeps a request; what it replaces is forgotten.
   *
   * @param {Asked} asked
   * @returns {Asked | null} As it is to be sent; null where too much waits already.
   */
  add(asked) {
    const others = this.#asked.flatMap((earlier) => withoutReplaced(earlier, asked));
    if (others.length >= MOST) return null;
    const numbered = { ...asked, request: ++this.#number };
    this.#asked = [...others, numbered];
    return numbered;
  }

  /**
   * The server has taken the request of this number and those before it.
   *
   * @param {number} request
   */
  taken(request) {
    this.#asked = this.#asked.filter((asked) => Number(asked.request) > request);
  }
}

/**
 * What a later request leaves of an earlier one: of dials, those that it does not set.
 *
 * @param {Asked} earlier
 * @param {Asked} later
 * @returns {Asked[]}
 */
function withoutReplaced(earlier, later) {
  if (earlier.type !== later.type) return [earlier];
  if (NEWEST_COUNTS.includes(later.type)) return [];
  if (later.type !== "set") return [earlier];
  const { changes = {} } = later;
  const rest = Object.entries(earlier.changes ?? {}).filter(([name]) => !(name in changes));
  return rest.length ? [{ ...earlier, changes: Object.fromEntries(rest) }] : [];
}
