// The one socket of the page: JSON both ways, binary frames in. It reconnects by itself and finds its run again.

import { recall, remember } from "./dom.js";

const RUN = "maml-run";
const TAB = "maml-tab";
const RELEASED = "maml-released";

/**
 * Keeps a connection to the server.
 *
 * `handlers` has `message(json)`, `frame({header, floats})` and `link("open" | "lost" | "gone")`; `path` says which screen it feeds.
 */
export class Socket {
  #handlers;
  #token;
  #path;
  #socket = null;
  #wait_ms = 500;
  #timer = 0;
  #closed = false;
  #leaving = () => remember("sessionStorage", RELEASED, "1");
  #visibility = () => this.send({ type: "visible", visible: !document.hidden });

  constructor(token, handlers, path = "live") {
    this.#token = token;
    this.#handlers = handlers;
    this.#path = path;
    // The run's key lives in this tab only: in the address, a copied link would take over the run. The mark of a page that
    // was left tells a reload (take the run back) from a duplicated tab (start one's own).
    addEventListener("pagehide", this.#leaving);
    document.addEventListener("visibilitychange", this.#visibility);
    this.#open();
  }

  get token() {
    return this.#token;
  }

  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    removeEventListener("pagehide", this.#leaving);
    document.removeEventListener("visibilitychange", this.#visibility);
    this.#socket?.close();
  }

  #open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/maml/${this.#path}?token=${encodeURIComponent(this.#token)}`);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.onopen = () => {
      const released = recall("sessionStorage", RELEASED) === "1";
      remember("sessionStorage", RELEASED, null);
      this.send({ type: "hello", resume: recall("sessionStorage", RUN) ?? "", released, tab: recall("sessionStorage", TAB) ?? "" });
      if (document.hidden) this.#visibility();
    };
    socket.onmessage = ({ data }) => (typeof data === "string" ? this.#receive(JSON.parse(data)) : this.#decode(data));
    socket.onclose = () => this.#reconnect();
  }

  #receive(message) {
    if (message.type === "welcome") {
      remember("sessionStorage", RUN, message.run_key);
      remember("sessionStorage", TAB, message.tab); // what the tab's saved runs are found by
      this.#wait_ms = 500;
      this.#handlers.link("open");
    } else if (message.type === "gone") {
      this.close();
      this.#handlers.link("gone");
    } else {
      this.#handlers.message(message);
    }
  }

  /** uint32 header length, the JSON header, padding to four bytes, then float32 values. */
  #decode(buffer) {
    const length = new DataView(buffer).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    const start = Math.ceil((4 + length) / 4) * 4;
    this.#handlers.frame({ header, floats: new Float32Array(buffer, start) });
  }

  #reconnect() {
    if (this.#closed) return;
    this.#handlers.link("lost");
    this.#timer = setTimeout(() => this.#open(), this.#wait_ms);
    this.#wait_ms = Math.min(5000, this.#wait_ms * 1.7);
  }
}
