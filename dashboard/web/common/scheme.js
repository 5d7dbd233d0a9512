// A light or a dark page, as its reader chooses: Streamlit and the screens ask the browser which one is wanted, and are told what was chosen here.
// The document has this as its first script (`preload.py`), so that nobody asks before.

(() => {
  const QUERY = "(prefers-color-scheme: dark)";
  const KEPT = "maml-scheme";
  const ask = window.matchMedia.bind(window);
  const system = ask(QUERY);

  /** @returns {string | null} */
  const kept = () => {
    try {
      return localStorage.getItem(KEPT);
    } catch {
      return null;
    }
  };

  let chosen = kept(); // null for what the system has

  /** Answers as the browser does. */
  class Answer extends EventTarget {
    media = QUERY;
    onchange = null;

    get matches() {
      return chosen === null ? system.matches : chosen === "dark";
    }

    tell() {
      document.documentElement.dataset.mamlScheme = this.matches ? "dark" : "light";
      this.dispatchEvent(Object.assign(new Event("change"), { matches: this.matches, media: QUERY }));
    }

    /** @param {EventListener} heard */
    addListener(heard) {
      this.addEventListener("change", heard);
    }

    /** @param {EventListener} heard */
    removeListener(heard) {
      this.removeEventListener("change", heard);
    }
  }

  const answer = new Answer();
  answer.tell();
  system.addEventListener("change", () => answer.tell());
  addEventListener("storage", ({ key }) => {
    if (key !== KEPT) return;
    chosen = kept(); // in another tab
    answer.tell();
  });
  window.matchMedia = (query) => (query === QUERY ? answer : ask(query));
  window.mamlScheme = {
    get chosen() {
      return chosen;
    },
    get dark() {
      return answer.matches;
    },
    choose(scheme) {
      chosen = scheme;
      try {
        if (scheme === null) localStorage.removeItem(KEPT);
        else localStorage.setItem(KEPT, scheme);
      } catch {
        // Then it lasts until the page is left.
      }
      answer.tell();
    },
  };
})();
