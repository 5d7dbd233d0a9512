// Says why a page stays empty: its server cannot be reached as whatever stands between them is set, and which lines to add to which file.
// Every document has it in itself (`preload.py`), since nothing else may have come.

(() => {
  const FIRST_MS = 6000;
  const AGAIN_MS = 6000;
  const TIMES = 3;
  const PROXY = "the proxy's location of this page (of nginx; others have their like)";
  const SETTINGS = "dashboard/.streamlit/config.toml, below [server]";
  const UPGRADE = ["proxy_http_version 1.1;", "proxy_set_header Upgrade $http_upgrade;", 'proxy_set_header Connection "upgrade";'];
  const HOST = ["proxy_set_header Host $http_host;"];

  const root = () => window.mamlRoot ?? location.origin + location.pathname.replace(/[^/]*$/, "");
  const hasCome = () => document.querySelector('#root [class*="maml-"]') !== null;

  /** How far a socket comes: no answer, an answer that refuses this origin, or one that takes it. */
  const trySocket = () =>
    new Promise((/** @type {(how: "unanswered" | "refused" | "taken") => void} */ done) => {
      const socket = new WebSocket(`${root().replace(/^http/, "ws")}maml/live?token=`);
      let isOpen = false;
      socket.onopen = () => (isOpen = true);
      socket.onclose = ({ code }) => done(!isOpen ? "unanswered" : code === 4403 ? "refused" : "taken");
    });

  /** @returns {Promise<{ host: string, limits_hosts: boolean } | null>} What arrives of a request; null where no server of ours answers. */
  const arrived = async () => {
    try {
      return await (await fetch(`${root()}maml/arrived`, { cache: "no-store" })).json();
    } catch {
      return null;
    }
  };

  /** @typedef {{ sentence: string, ways: [place: string, lines: string[]][] }} Fault What is wrong, and ways to mend it: what to add where. */

  /** @returns {Promise<Fault | null>} */
  const fault = async () => {
    const answer = await arrived();
    if (!answer) {
      const path = location.pathname.replace(/\/(sensitivity|lessons)?\/?$/, "").slice(1);
      if (!path) return null; // the server has gone, which Streamlit says
      return { sentence: `It is opened below /${path}, and its server does not know of that path.`, ways: [["the command that starts it", [`--server.baseUrlPath=${path}`]]] };
    }
    const how = await trySocket();
    if (how === "unanswered") return { sentence: "A proxy passes on its documents, but not its WebSockets.", ways: [[PROXY, [...UPGRADE, ...HOST]]] };
    if (how === "refused")
      return {
        sentence: `A proxy passes on its requests as if they were for ${answer.host}, so that they seem to come from a foreign page.`,
        ways: [
          [PROXY, HOST],
          [SETTINGS, [`corsAllowedOrigins = ["${location.origin}"]`]],
        ],
      };
    if (answer.limits_hosts) return { sentence: `Its server takes requests for some hosts only, and ${location.hostname} may be none of them.`, ways: [[SETTINGS, [`allowedHosts = ["${location.hostname}"]`]]] };
    return null;
  };

  /** @param {string} name @param {string} text @param {string} [style] */
  const made = (name, text, style = "") => {
    const node = document.createElement(name);
    node.textContent = text;
    node.style.cssText = style;
    return node;
  };

  /** @param {Fault} found */
  const say = ({ sentence, ways }) => {
    const box = document.createElement("section");
    box.setAttribute("role", "alert");
    box.className = "maml-unreachable";
    box.style.cssText =
      "position: fixed; z-index: 1000010; inset: 4rem 1rem auto; max-width: 44rem; margin: auto; padding: 1rem 1.5rem; font: 16px/1.5 sans-serif; color: #0f1117; background: #fff; border: 2px solid #b00020; border-radius: 8px;";
    box.append(made("h2", "This page cannot reach its server", "margin: 0 0 .5rem; font-size: 20px;"), made("p", sentence));
    ways.forEach(([place, lines], way) => {
      const code = made("pre", lines.join("\n"), "overflow: auto; padding: .75rem; color: inherit; background: #eef1f5; border-radius: 4px;");
      box.append(made("p", `${way === 0 ? "Add" : "Or add"} to ${place}:`), code);
    });
    document.body.append(box);
    const waiting = setInterval(() => {
      if (!hasCome()) return;
      clearInterval(waiting);
      box.remove();
    }, 500);
  };

  const look = async (/** @type {number} */ left) => {
    if (hasCome()) return;
    const found = await fault();
    if (hasCome()) return;
    if (found) say(found);
    else if (left > 1) setTimeout(look, AGAIN_MS, left - 1);
  };
  setTimeout(look, FIRST_MS, TIMES);
})();
