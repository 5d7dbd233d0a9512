// The one socket of the page: JSON both ways, binary frames in. It reconnects by itself and finds its run again. What is asked for while there
// is no connection, or is lost with one, is sent once there is one.

import { recall, remember } from "./dom.js";
import { ofServer } from "./place.js";
import { unpacked } from "./unpacked.js";
import { Waiting, isRequest } from "./waiting.js";

const RUN = "maml-run"; // of a lesson with its name behind it
const TAB = "maml-tab";
const RELEASED = "maml-released";
const ASK_MS = 1000;
const REPLACED = 4409; // another socket feeds the page now: two would take it from each other for ever

/** @typedef {"open" | "lost" | "gone"} Link Whether there is a connection; gone is the page of a server that was started again. */

/**
 * What a page says while nothing that is asked for reaches the server.
 *
 * @type {Record<Link, string>}
 */
export const LOST = {
  open: "",
  lost: "The connection to the server is lost. What you ask for now waits, and is done once it is back.",
  gone: "The server was started again: this page is being opened anew …",
};
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
  #socket = null;
  #wait_ms = 500;
  #timer = 0;
  #asking = 0;
  #closed = false;
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
    this.#closed = true;
    this.#isTaking = false;
    clearInterval(this.#asking);
    clearTimeout(this.#timer);
    removeEventListener("pagehide", this.#leaving);
    document.removeEventListener("visibilitychange", this.#visibility);
    this.#socket?.close();
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

  #open() {
    const address = ofServer(`maml/${this.#path}?token=${encodeURIComponent(this.#token)}`);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.onopen = () => {
      const released = recall("sessionStorage", RELEASED) === "1";
      remember("sessionStorage", RELEASED, null);
      const [resume, tab, own] = [this.#run, TAB, RUN].map((key) => recall("sessionStorage", key) ?? "");
      const home = this.#lesson ? { home: own } : {};
      this.#post(/** @type {import("./protocol.js").Hello} */ ({ type: "hello", resume, released, tab, sender: this.#waiting.sender, ...home }));
      if (document.hidden) this.#visibility();
    };
    socket.onmessage = ({ data }) => (typeof data === "string" ? this.#receive(JSON.parse(data)) : this.#handlers.frame(unpacked(data)));
    socket.onclose = ({ code }) => this.#reconnect(code === REPLACED);
  }

  /** @param {import("./protocol.js").OfSocket | Message} received */
  #receive(received) {
    const message = /** @type {import("./protocol.js").OfSocket | { type: "other" }} */ (received);
    if (message.type === "welcome") {
      remember("sessionStorage", this.#run, message.run_key);
      remember("sessionStorage", TAB, message.tab); // what the tab's saved runs are found by
      this.#wait_ms = 500;
      this.#handlers.link("open");
    } else if (message.type === "taken") {
      this.#waiting.taken(message.request);
      if (!this.#isTaking) this.#waiting.all.forEach((asked) => this.#post(asked));
      this.#isTaking = true;
    } else if (message.type === "gone") {
      this.close();
      this.#handlers.link("gone");
    } else {
      this.#handlers.message(/** @type {Message} */ (received));
    }
  }

  /** @param {boolean} isReplaced Another socket has the place of this one. */
  #reconnect(isReplaced) {
    this.#isTaking = false;
    if (this.#closed) return;
    this.#handlers.link("lost");
    if (isReplaced) return;
    this.#timer = setTimeout(() => this.#open(), this.#wait_ms);
    this.#wait_ms = Math.min(5000, this.#wait_ms * 1.7);
  }
}
