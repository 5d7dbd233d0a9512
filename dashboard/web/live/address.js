// The page's address: it holds the set-up, the changes and the step of the run, and leads others to it where it can.

/** @import { Reach, State } from "./protocol.js" */

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i;
const WRITE_MS = 1000; // browsers throttle replaceState, and nobody reads an address that changes more often

/** @typedef {Pick<Location, "protocol" | "hostname" | "port" | "origin" | "pathname" | "search" | "hash">} Here Where this page is. */

/**
 * The address of a run.
 *
 * @param {string | null} share The query that the server gives it; null before there is one.
 * @param {number} step The outer step that it is at.
 * @param {Here} here
 * @param {string} [origin] Another one than this page has.
 */
export function addressOf(share, step, here, origin = here.origin) {
  const [set, changes] = (share ?? "").split("&t=");
  const said = [set, ...(step > 0 ? [`at=${step}`] : []), ...(changes ? [`t=${changes}`] : [])];
  return `${origin}${here.pathname}${share ? `?${said.join("&")}` : here.search}${here.hash}`;
}

/**
 * Whether the first minute, which the server shows at an address without a set-up alone, still waits for somebody to leave it: until then a reload
 * is to show it again.
 *
 * @param {DOMStringMap} dataset Of the document.
 * @param {Pick<Location, "search">} here
 */
export const awaitsFirstChoice = ({ mamlOpening }, { search }) => mamlOpening !== undefined && search === "";

/**
 * The origin to hand to others, and what to say of it: that of this machine alone leads them nowhere.
 *
 * @param {Reach | null} reach Who can open a page of this server; null where that needs no words.
 * @param {Here} here
 * @returns {{ origin: string, note?: string }}
 */
export function forOthers(reach, { protocol, hostname, port, origin }) {
  if (!reach || !LOOPBACK.test(hostname)) return { origin };
  const { local_only, lan } = reach;
  if (lan) {
    const host = lan.includes(":") ? `[${lan}]` : lan;
    const note = `Copied with this machine's address in its network, ${lan}, by which others there can open it.`;
    return { origin: `${protocol}//${host}${port && `:${port}`}`, note };
  }
  const how = local_only ? "To let others in, start the page with: maml dashboard --host 0.0.0.0" : "This machine is in no network that others could come by.";
  return { origin, note: `Copied. Only this machine can open ${hostname}. ${how}` };
}

export class Address {
  /** @type {string | null} */
  #share = null;
  /** @type {Reach | null} */
  #reach = null; // who can open a page of this server
  #written = ""; // what the address was last written for
  /** @type {unknown} */
  #run = null; // which it was written for
  #timer = 0;
  #step;
  #isThere;

  /**
   * @param {() => number} step The outer step that is shown.
   * @param {() => boolean} isThere Whether the address is this page's still.
   */
  constructor(step, isThere) {
    this.#step = step;
    this.#isThere = isThere;
    addEventListener("pagehide", this.#write);
    document.addEventListener("maml-begin", this.#write);
  }

  destroy() {
    removeEventListener("pagehide", this.#write);
    document.removeEventListener("maml-begin", this.#write);
    clearTimeout(this.#timer); // the address is the next screen's now
  }

  /** @param {State} state */
  state({ share, run, playing, reach }) {
    this.#reach = reach;
    const written = `${share} ${run} ${playing}`;
    if (written === this.#written) return;
    this.#written = written;
    this.#share = share;
    if (run !== this.#run) this.#write(); // who reloads right after opening a run is to find that run
    this.#run = run;
    this.#timer ||= setTimeout(this.#write, WRITE_MS);
  }

  #write = () => {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.#share === null || !this.#isThere() || awaitsFirstChoice(document.documentElement.dataset, location)) return;
    history.replaceState(history.state, "", addressOf(this.#share, this.#step(), location));
  };

  /** The address to copy, and what to say of it. */
  toCopy() {
    const { origin, note } = forOthers(this.#reach, location);
    return { address: addressOf(this.#share, this.#step(), location, origin), note };
  }
}

/**
 * The address of a class.
 *
 * @param {string} code
 */
export const classQuery = (code) => `?class=${encodeURIComponent(code)}`;
