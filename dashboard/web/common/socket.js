// The one socket of the page: JSON both ways, binary frames in. It reconnects by itself and finds its run again. What is asked for while there
// is no connection, or is lost with one, is sent once there is one. Beside a line on which nobody answers another one is laid.

import { recall, remember } from "./dom.js";
import { Lifeline } from "./lifeline.js";
import { ofServer } from "./place.js";
import { unpacked } from "./unpacked.js";
import { Waiting, isRequest } from "./waiting.js";

const RUN = "maml-run"; // of a lesson with its name behind it
const TAB = "maml-tab";
const RELEASED = "maml-released";
const ASK_MS = 1000;
const OPEN_MS = 2500; // in which a connection comes about, or is tried anew: packets that went while there was no network are sent again ever later
const WAIT_MS = { first: 500, most: 2500, growth: 1.7 }; // between two attempts that were refused
const HUNG_WAIT_MS = 250; // after one that nothing came of, which took its time
const MOST_IDLE = 6; // connections for requests that a browser keeps to one server
const ALIVE_MS = 500; // in which one of them answers
const BROKEN = 1006; // it ended without a word
const REPLACED = 4409; // another socket feeds the page now: two would take it from each other for ever

/** @typedef {"open" | "lost" | "gone"} Link Whether there is a connection; gone is the page of a server that was started again. */

/**
 * What a page says while nothing that is asked for reaches the server.
 *
 * @type {Record<Link, string>}
 */
export const LOST = {
  open: "",
  // True of a line that broke, and of one that may be only slow.
  lost: "The server does not answer. What you ask for now waits, and is done once it does.",
  gone: "The server was started again: this page is being opened anew …",
};
/**
 * The same in a word, where a status stands: what was told last may hold no more.
 *
 * @type {Record<Link, string>}
 */
export const LINKS = { open: "", lost: "Reconnecting", gone: "Reopening" };
export const FULL = "Too much waits for the connection to come back, so this was not kept. Ask for it again then.";

/**
 * Who is told what comes.
 *
 * @template Message
 * @template Header
 * @typedef {object} Handlers
 * @property {(message: Message) => void} message Of all but the socket's own, `welcome`, `taken` and `gone`.
 * @property {(frame: import("./protocol.js").Frame<Header>) => void} frame
 * @property {(link: Link) => void} link
 * @property {() => void} full More was asked for than can wait for a connection; the last of it is not kept.
 */

/**
 * Keeps a connection to the server.
 *
 * @template {{ type: string }} Message The server's.
 * @template {{ type: string }} Request The page's.
 * @template Header Of the server's frames.
 */
export class Socket {
  /** @type {Handlers<Message, Header>} */
  #handlers;
  #token;
  #path;
  #lesson;
  #run; // where the key of its run is kept
  /** @type {WebSocket | null} */
  #socket = null; // the line in use
  /** @type {WebSocket | null} */
  #next = null; // the one that is being laid
  #wait_ms = WAIT_MS.first;
  #opening = 0; // until it is given up
  #timer = 0; // until another one is laid; 0 for none
  #asking = 0;
  /** @type {Link | null} */
  #told = null;
  /** @type {WebSocket | null} */
  #stream = null; // Streamlit's, as it was when the line broke without a word
  #lifeline;
  #isReplaced = false; // another socket has the place of this one
  #isTaking = false; // the server has said which requests it took, and takes more
  #waiting; // what was asked for and not taken yet
  #leaving = () => remember("sessionStorage", RELEASED, "1");
  #visibility = () => this.send({ type: "visible", visible: !document.hidden });

  /**
   * @param {string} token
   * @param {Handlers<Message, Header>} handlers
   * @param {"live" | "sweeps" | "lessons"} path Which screen it feeds.
   * @param {object} [options]
   * @param {string} [options.lesson] The lesson whose run it feeds, or the class; the tab's own run waits meanwhile.
   * @param {Waiting} [options.waiting] Of the socket before.
   */
  constructor(token, handlers, path, { lesson = "", waiting = new Waiting() } = {}) {
    this.#token = token;
    this.#lesson = lesson;
    this.#run = lesson ? `${RUN}.${lesson}` : RUN;
    this.#waiting = waiting;
    this.#handlers = handlers;
    this.#path = path;
    // The run's key lives in this tab only: in the address, a copied link would take over the run. The mark of a page that
    // was left tells a reload (take the run back) from a duplicated tab (start one's own).
    addEventListener("pagehide", this.#leaving);
    document.addEventListener("visibilitychange", this.#visibility);
    this.#lifeline = new Lifeline({ ask: () => this.#post({ type: "ping" }), silent: () => this.#doubt(), woke: () => this.#hurry() });
    this.#open();
  }

  /**
   * The socket of a page with this token: this one, or another in its place, which goes on with what was asked for.
   *
   * @param {string} token
   * @returns {Socket<Message, Request, Header>}
   */
  of(token) {
    if (token === this.#token) return this;
    this.close();
    return new Socket(token, this.#handlers, this.#path, { lesson: this.#lesson, waiting: this.#waiting });
  }

  /** @param {Request | import("./protocol.js").Visible} message */
  send(message) {
    if (!isRequest(message)) return this.#post(message);
    const asked = this.#waiting.add(message);
    if (!asked) this.#handlers.full();
    else if (this.#isTaking) this.#post(asked);
  }

  /** @param {{ type: string }} message */
  #post(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  close() {
    this.#isTaking = false;
    clearInterval(this.#asking);
    this.#stop();
    removeEventListener("pagehide", this.#leaving);
    document.removeEventListener("visibilitychange", this.#visibility);
    this.#lifeline.destroy();
    drop(this.#socket);
  }

  /**
   * Has `ask` called until another socket takes the place of this one, whose page the server has forgotten: a rerun opens it anew.
   * Streamlit's own connection may come back later than this one did, and what is asked before that is lost.
   *
   * @param {() => void} ask
   */
  askAgain(ask) {
    clearInterval(this.#asking);
    this.#asking = setInterval(ask, ASK_MS);
    ask();
  }

  /** Lays a line, which comes in the place of the one in use as soon as it is there. */
  #open() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const address = ofServer(`maml/${this.#path}?token=${encodeURIComponent(this.#token)}`);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const line = new WebSocket(address);
    line.binaryType = "arraybuffer";
    this.#next = line;
    const limit = setTimeout(() => {
      drop(line);
      this.#next = null;
      this.#again(HUNG_WAIT_MS);
    }, OPEN_MS);
    this.#opening = limit;
    line.onopen = () => {
      clearTimeout(limit);
      this.#take(line);
    };
    line.onclose = () => {
      clearTimeout(limit);
      this.#next = null;
      this.#again(this.#wait_ms);
      this.#wait_ms = Math.min(WAIT_MS.most, this.#wait_ms * WAIT_MS.growth);
    };
  }

  /** @param {WebSocket} line One that is there now. */
  #take(line) {
    drop(this.#socket);
    this.#next = null;
    this.#socket = line;
    this.#isTaking = false;
    this.#lifeline.watch();
    line.onmessage = ({ data }) => {
      this.#hear();
      if (typeof data === "string") this.#receive(JSON.parse(data));
      else this.#handlers.frame(unpacked(data));
    };
    line.onclose = ({ code }) => this.#lose(code);
    const released = recall("sessionStorage", RELEASED) === "1";
    remember("sessionStorage", RELEASED, null);
    const [resume, tab, own] = [this.#run, TAB, RUN].map((key) => recall("sessionStorage", key) ?? "");
    const home = this.#lesson ? { home: own } : {};
    this.#post(/** @type {import("./protocol.js").Hello} */ ({ type: "hello", resume, released, tab, sender: this.#waiting.sender, ...home }));
    if (document.hidden) this.#visibility();
  }

  /** The line in use has said something: if it was given up, it was only slow. */
  #hear() {
    this.#lifeline.hear();
    if (!this.#next && !this.#timer) return;
    this.#stop();
    this.#stream = null;
    this.#tell("open");
  }

  /** Lays no line. */
  #stop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#opening);
    drop(this.#next);
    this.#timer = 0;
    this.#next = null;
  }

  /** @param {import("./protocol.js").OfSocket | Message} received */
  #receive(received) {
    const message = /** @type {import("./protocol.js").OfSocket | { type: "other" }} */ (received);
    if (message.type === "welcome") {
      remember("sessionStorage", this.#run, message.run_key);
      remember("sessionStorage", TAB, message.tab); // what the tab's saved runs are found by
      this.#wait_ms = WAIT_MS.first;
      this.#renewStream();
      this.#tell("open");
    } else if (message.type === "taken") {
      this.#lifeline.settle();
      this.#waiting.taken(message.request);
      if (!this.#isTaking) this.#waiting.all.forEach((asked) => this.#post(asked));
      this.#isTaking = true;
    } else if (message.type === "gone") {
      this.#renewStream();
      this.close();
      this.#tell("gone");
    } else if (message.type !== "pong") {
      this.#handlers.message(/** @type {Message} */ (received));
    }
  }

  /** Has Streamlit open its connection anew, where it is still the one that there was when ours broke: it would wait for minutes. */
  async #renewStream() {
    const stream = this.#stream;
    this.#stream = null;
    const isDoubtful = () => stream?.readyState === WebSocket.OPEN && stream === window.mamlStream;
    if (!stream || !isDoubtful()) return;
    await dropIdle();
    if (!isDoubtful()) return;
    stream.close();
    stream.dispatchEvent(new CloseEvent("close", { code: BROKEN })); // its own comes only when the other end has answered, or the browser has waited for that
  }

  /** @param {Link} link */
  #tell(link) {
    if (link !== this.#told) this.#handlers.link((this.#told = link));
  }

  /** @param {number} code Why the line in use has ended. */
  #lose(code) {
    this.#socket = null;
    this.#isTaking = false;
    this.#lifeline.rest();
    if (code === BROKEN) this.#stream = window.mamlStream ?? null;
    this.#isReplaced = code === REPLACED;
    this.#wait_ms = WAIT_MS.first;
    if (this.#isReplaced) this.#stop();
    if (this.#isReplaced || this.#next) this.#tell("lost");
    else this.#again(this.#wait_ms); // what was waited for before was long: that it ended has come over a network that is back
  }

  /** Nobody answers on the line in use: lays another one beside it, for it may be only slow. */
  #doubt() {
    if (this.#next || this.#timer) return;
    this.#tell("lost");
    this.#stream = window.mamlStream ?? null;
    this.#open();
  }

  /** @param {number} wait_ms After which a line is laid. */
  #again(wait_ms) {
    this.#tell("lost");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), wait_ms);
  }

  /** Lays a line now, where there is none. */
  #hurry() {
    if (this.#socket || this.#isReplaced) return;
    this.#stop();
    this.#wait_ms = WAIT_MS.first;
    this.#open();
  }
}

/** @param {WebSocket | null} line One that is of no use any more. What it may still say is not heard. */
function drop(line) {
  if (!line) return;
  line.onopen = line.onmessage = line.onclose = null;
  line.close();
}

/** Has the browser give up its connections for requests that are dead as well: the next request, which is Streamlit's, would wait on one of them. */
function dropIdle() {
  const asked = Array.from({ length: MOST_IDLE }, () => fetch(ofServer("maml/arrived"), { cache: "no-store", signal: AbortSignal.timeout(ALIVE_MS) }));
  return Promise.allSettled(asked);
}
