"""A press as a hand does it, and what must not happen meanwhile: that what is pressed moves away, and the press hits something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator

HELD_MS = 100
"""How long a hand keeps a button down."""

_BOX = """node => {
  if (!node.isConnected) return null;
  const { x, y, width, height } = node.getBoundingClientRect();
  return [x, y, width, height].map((each) => Math.round(each * 10) / 10);
}"""


class Moved(AssertionError):
    """A control moved, or was replaced, between the pointer's down and its up."""


def press(control: Locator) -> None:
    """Press what can be pressed.

    Raises:
        Moved: It was not under the pointer any more when that was let go.
    """
    page = control.page
    page.wait_for_function("document.fonts.status === 'loaded'")  # nobody aims at what is not there to be read yet
    control.click(trial=True)  # waits until it can be pressed
    node = control.element_handle()
    before = node.evaluate(_BOX)
    x, y, width, height = before
    page.mouse.move(x + width / 2, y + height / 2)
    page.mouse.down()
    page.wait_for_timeout(HELD_MS)
    after = node.evaluate(_BOX)
    page.mouse.up()
    if after is None:
        raise Moved(f"{control} was replaced while it was pressed")
    if after != before:
        raise Moved(f"{control} moved from {before} to {after} while it was pressed")
