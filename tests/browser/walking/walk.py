"""One walk: where it is, what it expects, and the ways to use a control that its actions share."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dashboard.setups.settings import differences
from dashboard.setups.sweep_draft import Draft
from maml_core.config import CHANGEABLE, RunConfig
from maml_core.presets import PRESETS
from tests.browser.live_page import LivePage
from tests.browser.walking import controls
from tests.browser.walking.holds import form_disagrees, run_disagrees
from tests.browser.walking.pointer import press

if TYPE_CHECKING:
    from playwright.sync_api import Locator

WAIT_MS, POLL_MS = 20_000, 100

Action = Callable[["Walk"], None]


PATIENCE_MS = 90_000
"""A walk may ask for training from scratch on every held-out task of one set-up after the other, seconds of a processor each."""


class Broken(AssertionError):
    """Something does not hold; says after which actions."""


class Walk:
    """A walk on an open page of the default set-up.

    Args:
        live: The page.
        seed: Decides every action.
    """

    def __init__(self, live: LivePage, seed: int) -> None:
        self.live = live
        self.seed = seed
        self.random = random.Random(seed)
        self.screen = "live"
        self.done: list[str] = []
        self.draft = Draft()
        self.saved: dict[str, tuple[RunConfig, int]] = {}
        self.deleted = ""
        """The saved run that can be brought back."""
        self.sweep = ""
        """The sweep that is shown."""
        self.expected = PRESETS[0].config
        self.least_step = 0
        self.seen: set[str] = set()
        """Controls that could be used; only where they are counted."""
        live.context.set_default_timeout(PATIENCE_MS)
        self.counts = live.page.evaluate("'walkControls' in window")

    def go(self, num_actions: int, offered: Callable[[Walk], Sequence[Action]]) -> Walk:
        """Take so many of the actions that are offered where it is, and see after each that all agree."""
        self.hold()
        for _ in range(num_actions):
            self.take(self.random.choice(offered(self)))
        return self

    def take(self, action: Action) -> None:
        """Take one action, and see that all agree."""
        # A pointer that rests keeps its hint, over what is next.
        self.live.page.mouse.move(self.live.page.evaluate("innerWidth") - 4, 4)
        action(self)
        self.hold()

    def hold(self) -> None:
        """Wait until all that can be read agrees.

        Raises:
            Broken: It does not come to agree.
        """
        waited = 0
        while (what := self._disagreement()) and waited < WAIT_MS:
            self.live.page.wait_for_timeout(POLL_MS)
            waited += POLL_MS
        if what:
            raise Broken(f"seed {self.seed}, after {self.done}: {what}")
        if self.screen == "live":
            self.least_step = self.live.step
        if self.counts:
            self.seen |= controls.seen(self.live.page)

    @property
    def used(self) -> Counter[str]:
        """How often each control was used."""
        return controls.used(self.live.page)

    def _disagreement(self) -> str:
        if self.live.page.locator("[data-testid=stApp][data-test-script-state=notRunning]").count() == 0:
            return "the page's script still runs"  # a field that it makes anew takes nothing that is typed meanwhile
        if self.screen == "sensitivity":
            return form_disagrees(self.live, self.draft, self.expected)
        return run_disagrees(self.live, self.expected, self.least_step)

    def expect(self, config: RunConfig) -> None:
        """From now on the run is this; where only what may change while it trains is another, it has trained on."""
        if not differences(config, self.expected).keys() <= CHANGEABLE:
            self.least_step = 0
        self.expected = config

    # Ways to use a control

    def widget(self, key: str) -> Locator:
        """The part of the sidebar with this key."""
        return self.live.page.locator(f".st-key-{key}")

    def press(self, control: Locator) -> None:
        """Press it as a hand does."""
        press(control)

    def close(self) -> None:
        """Close an open popover."""
        from playwright.sync_api import TimeoutError as TooLate

        body = self.live.page.locator("[data-testid=stPopoverBody]")
        if not body.count():
            return
        for _ in range(10):
            # As people do: beside it, and once more where Streamlit, busy with drawing, has not taken it.
            self.live.page.mouse.click(self.live.page.evaluate("innerWidth") - 4, 4)
            with contextlib.suppress(TooLate):
                body.wait_for(state="detached", timeout=3000)
                break
        body.wait_for(state="detached")
        self.live.wait_synced()

    def popover(self, name: str) -> Locator:
        """One of the popovers, open."""
        self.close()
        self.press(self.live.page.get_by_role("button", name=name, exact=name == "Runs"))
        body = self.live.page.locator("[data-testid=stPopoverBody]")
        body.wait_for()
        self.live.wait_synced()
        return body

    def uncover(self, widget: Locator) -> None:
        """Close a popover that may lie over a widget."""
        if widget.locator("xpath=ancestor::*[@data-testid='stPopoverBody']").count() == 0:
            self.close()

    def select(self, widget: Locator, option: str) -> None:
        """Choose from a list."""
        self.press(widget.get_by_role("combobox"))
        self.live.page.get_by_role("option", name=option, exact=True).click()

    def type(self, widget: Locator, value: Any) -> None:
        """Write into a field."""
        field = widget.locator("input")
        field.fill(str(value))
        field.press("Enter")

    def slide(self, widget: Locator, value: float) -> None:
        """Set a slider that goes from 0 to 1 in steps of 0.05."""
        thumb = widget.get_by_role("slider")
        thumb.press("Home")
        for _ in range(round(value / 0.05)):
            thumb.press("ArrowRight")
