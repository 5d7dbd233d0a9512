"""Which controls the page has, each by a name that says what kind of control it is, and how often they were used."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

# In every document of the page, before its own scripts. What is used is kept in the tab, also over a reload.
WATCH = """(() => {
  const CONTROLS = "button, a[href], input, select, textarea, summary, [role=slider], [role=radio], [role=combobox]";
  const OURS = {"data-action": "action", "data-dial": "slider", "data-field": "field", "data-option": "option", "data-column": "column",
    "data-view": "view", "data-cell": "cell"};
  const WITHIN = {".maml-menu, [aria-label^='Save or read']": "a chart's menu", ".maml-why, .maml-explain": "explanation",
    ".maml-legend": "legend", ".maml-ghosts": "ghosts", ".maml-settings th[data-column]": "column", ".maml-settings": "settings' row", ".maml-table": "table",
    ".maml-switch": "a switch, which says what it does now", ".maml-axes": "axes of the map", ".maml-draw": "drawing",
    ".maml-plot": "map", ".maml-help": "a dial, help"};

  function nameOf(node) {
    const page = node.closest(".maml-live"), keyed = page ? null : node.closest("[class*=st-key-]");
    const key = keyed && [...keyed.classList].find((name) => name.startsWith("st-key-")).slice(7);
    if (key) return `${key}${node.closest("[data-testid=stTooltipIcon]") ? ", help" : ""}`;
    const owner = page && node.closest(Object.keys(OURS).map((name) => `[${name}]`).join());
    const [attribute, what] = owner ? Object.entries(OURS).find(([name]) => owner.hasAttribute(name)) : [];
    if (attribute) return `${what} ${owner.getAttribute(attribute)}`;
    const place = page && Object.entries(WITHIN).find(([selector]) => node.closest(selector));
    if (place) return place[1];
    const label = node.getAttribute("aria-label") ?? node.closest("label")?.innerText ?? node.innerText ?? "";
    return label.trim().split("\\n")[0];
  }

  const counted = () => JSON.parse(sessionStorage.getItem("walk-used") ?? "{}");
  const KEYS = ["Backspace", "Home"]; // that walks use controls with which tell of nothing else
  function note({ target, type, key }) {
    if (type === "keydown" && !KEYS.includes(key)) return;
    const control = target.closest?.(`${CONTROLS}, label`);
    if (!control) return;
    const name = nameOf(control), used = counted();
    used[name] = (used[name] ?? 0) + 1;
    sessionStorage.setItem("walk-used", JSON.stringify(used));
  }
  for (const type of ["click", "change", "keydown"]) addEventListener(type, note, true);

  window.walkControls = {
    seen: () => [...new Set([...document.querySelectorAll(CONTROLS)]
      .filter((node) => node.checkVisibility({ visibilityProperty: true }) && !node.disabled && !node.closest("[inert]"))
      .map(nameOf).filter(Boolean))].sort(),
    used: counted,
  };
})()"""


def watch(page: Page) -> None:
    """Count from now on."""
    page.add_init_script(WATCH)
    page.evaluate(WATCH)


def seen(page: Page) -> set[str]:
    """The controls that can be used now."""
    return set(page.evaluate("walkControls.seen()"))


def used(page: Page) -> Counter[str]:
    """How often each control was used in this tab."""
    return Counter(page.evaluate("walkControls.used()"))
