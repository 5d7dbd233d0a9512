"""Actions in the panel of saved runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.browser.walking.walk import Walk

if TYPE_CHECKING:
    from playwright.sync_api import Locator


def save(walk: Walk) -> None:
    """Save the run."""
    name = f"walk {walk.seed} {len(walk.done)}"
    walk.done.append(f"save as {name}")
    step = walk.live.wait_steady()
    body = walk.popover("Runs")
    field = body.get_by_label("Save this run as")
    field.fill(name)
    by_key = walk.random.random() < 0.5
    said, too_early = body.get_by_text(f"Saved {name} at outer step"), body.get_by_text("Try again in a moment")
    while not said.count():
        if by_key:
            field.press("Enter")
        else:
            walk.press(body.get_by_role("button", name="Save", exact=True))
        walk.live.wait_synced()
        said.or_(too_early).wait_for()
    walk.saved[name] = walk.expected, step


def _chosen(walk: Walk) -> tuple[Locator, str]:
    """The panel of runs with one of those that were saved chosen in it."""
    name = walk.random.choice(list(walk.saved))
    body = walk.popover("Runs")
    walk.press(walk.widget("runs-chosen").locator("label", has_text=re.compile(rf"^\s*{re.escape(name)}(?!\d)")).first)
    walk.live.wait_synced()
    return body, name


def open_saved(walk: Walk) -> None:
    """Put a saved run in the place of the run."""
    body, name = _chosen(walk)
    walk.done.append(f"open {name}")
    walk.expected, walk.least_step = walk.saved[name]
    walk.press(walk.widget("runs-open").get_by_role("button"))
    body.wait_for(state="detached")
    walk.live.wait("(step) => mamlStep() === step", walk.least_step)


def rename(walk: Walk) -> None:
    """Give a saved run another name."""
    body, name = _chosen(walk)
    new = f"walk {walk.seed} renamed {len(walk.done)}"
    walk.done.append(f"rename {name} to {new}")
    walk.widget("runs-new_name").locator("input").fill(new)
    walk.press(body.get_by_role("button", name="Rename", exact=True))
    body.get_by_text(f"{name} is now called {new}.").wait_for()
    walk.saved[new] = walk.saved.pop(name)


def delete(walk: Walk) -> None:
    """Delete a saved run, and bring it back half of the time."""
    body, name = _chosen(walk)
    walk.done.append(f"delete {name}")
    walk.press(walk.widget("runs-delete").get_by_role("button"))
    body.get_by_text(f"Deleted {name}.").wait_for()
    walk.live.wait_synced()
    if walk.random.random() < 0.5:
        del walk.saved[name]
        return
    walk.done.append(f"bring {name} back")
    walk.press(walk.widget("runs-restore").get_by_role("button"))
    body.get_by_text(f"{name} is back.").wait_for()
