// Keeps hold of Streamlit's own connection, which nothing else leads to: where the page's line was dead it may be as well, and `socket.js` has Streamlit
// open another. It stands in the document itself (`preload.py`), before Streamlit's scripts.

(() => {
  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain {
    /** @param {string | URL} address @param {string | string[]} [protocols] */
    constructor(address, protocols) {
      super(address, protocols);
      if (String(address).includes("/_stcore/stream")) window.mamlStream = this;
    }
  };
})();
