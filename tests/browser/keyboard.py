"""Whoever has a keyboard alone: what the tests do with it, and what must hold wherever it leads."""

from __future__ import annotations

from tests.browser.live_page import LivePage

LOOK = """async () => {
  const node = document.activeElement, faults = [];
  if (!node || node === document.body) return ["", faults];
  const { dataset } = node;
  const labelled = node.getAttribute("aria-labelledby")?.split(" ").map((id) => document.getElementById(id)?.textContent).join(" ");
  const own = dataset.action ?? (dataset.dial && `dial ${dataset.dial}`) ?? (dataset.field && `field ${dataset.field}`)
    ?? (dataset.option && `option ${dataset.option}`) ?? dataset.cell;
  const label = node.querySelector("[data-testid=stMarkdownContainer]") ?? node; // without the name of an icon
  const written = label.textContent.trim().split("\\n")[0];
  const name = own || node.ariaLabel || labelled || node.labels?.[0]?.innerText || written || node.tagName;

  const { left, right, top, bottom, width } = node.getBoundingClientRect();
  if (!(width > 0 && right > 0 && bottom > 0 && left < innerWidth && top < innerHeight)) faults.push(`outside of the window: ${name}`);

  // Beside itself its parents, since a field may be framed by what it lies in, and its neighbours, since a switch may be drawn by one.
  const around = [node, node.nextElementSibling, node.previousElementSibling];
  for (let at = node.parentElement, i = 0; at && i < 4; i++, at = at.parentElement) around.push(at, at.firstElementChild);
  const looks = () => JSON.stringify(around.filter(Boolean).flatMap((one) => [null, "::before", "::after"].map((pseudo) => {
    const { outlineStyle, outlineWidth, outlineColor, boxShadow, borderColor, backgroundColor, textDecorationLine } = getComputedStyle(one, pseudo);
    return [outlineStyle === "none" ? "" : outlineWidth + outlineColor, boxShadow, borderColor, backgroundColor, textDecorationLine];
  })));
  const { outlineStyle, outlineWidth } = getComputedStyle(node);
  if (outlineStyle === "none" || parseFloat(outlineWidth) < 1) {
    const drawn = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    await drawn();
    const focused = looks();
    node.blur();
    await drawn();
    const left = looks();
    node.focus({ preventScroll: true });
    if (focused === left) faults.push(`no focus is seen on ${node.outerHTML.slice(0, 120)}`);
  }
  const scrolled = [document.querySelector("[data-testid=stMain]")?.scrollTop ?? 0, scrollY];
  return [name, faults, scrolled.some(Boolean)];
}"""
"""How what has the focus is called: by its name in the page's scripts, or by what it is called for people; what is wrong with it; whether something has scrolled."""

AT_ONCE = "*, *::before, *::after { transition: none !important; }"
"""Colours that fade in would have to be waited for."""


class Hands:
    """Presses keys, and no mouse button. Wherever Tab leads, the focus is seen, in the window, and nothing scrolls on a page of one screen."""

    def __init__(self, live: LivePage, *, one_screen: bool = True) -> None:
        self.live, self.page, self._one_screen = live, live.page, one_screen
        self.faults: list[str] = []

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Into the field that has the focus, in the place of what it holds, and Enter."""
        self.press("Control+a")
        self.page.keyboard.type(text)
        self.press("Enter")

    def tab(self, key: str = "Tab") -> str:
        """Go on to the next control; gives its name, which is empty at the page's end."""
        if not self.page.evaluate("document.documentElement.dataset.atOnce"):
            self.page.add_style_tag(content=AT_ONCE)
            self.page.evaluate("document.documentElement.dataset.atOnce = 'yes'")
        self.press(key)
        name, faults, *scrolled = self.page.evaluate(LOOK)
        self.faults += faults
        if self._one_screen and scrolled == [True]:
            self.faults.append(f"something scrolled at {name}")
        return name

    def go(self, name: str, *, back: bool = False, at_most: int = 150) -> None:
        """Tab until something of this name, or the beginning of one, has the focus."""
        passed: list[str] = []
        for _ in range(at_most):
            passed.append(self.tab("Shift+Tab" if back else "Tab"))
            if passed[-1].startswith(name):
                return
            if len(passed) > 5 and passed[-1] and passed.count(passed[-1]) > 2 and passed.count("") > 2:
                break  # round and round
        raise AssertionError(f"{name!r} was not reached; {passed}")

    def hold(self) -> None:
        """Nothing was wrong on the way."""
        if self.faults:
            raise AssertionError("; ".join(dict.fromkeys(self.faults)))
