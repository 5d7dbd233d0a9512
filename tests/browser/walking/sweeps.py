"""Actions on the sensitivity screen, and the way there and back."""

from __future__ import annotations

import dataclasses
from typing import Any

from dashboard.setups.sweep_draft import GRID_ORDERS, SAMPLERS, base_of, default_range, offered
from tests.browser.walking.holds import drafted, said_by
from tests.browser.walking.values import SWEEP
from tests.browser.walking.walk import Walk

TINY: dict[str, Any] = {
    "base": "Fast demo",
    "sampler": "grid",
    "alpha.points": 3,
    "others": "",
    "num_seeds": 1,
    "num_steps": 50,
    "scheduler": "",
    "storage": "",
}
"""Values of the form for a sweep that takes seconds."""

ENDED_MS = 120_000


def to_sensitivity(walk: Walk) -> None:
    """Over to the sensitivity screen."""
    walk.close()
    walk.done.append("to Sensitivity")
    walk.press(walk.live.page.get_by_role("link", name="Sensitivity"))
    wait_form(walk)
    walk.screen = "sensitivity"


def wait_form(walk: Walk) -> None:
    """Until the form is there."""
    walk.widget("sweep-num_steps").wait_for()
    walk.live.wait_synced()


def to_live(walk: Walk) -> None:
    """Back to the live run."""
    walk.close()
    walk.done.append("to Live")
    walk.press(walk.live.page.get_by_role("link", name="Live"))
    _wait_live(walk)


def _wait_live(walk: Walk) -> None:
    walk.live.wait_drawn()
    walk.widget("set-shots").wait_for()
    walk.live.wait_synced()
    walk.screen = "live"


def change(walk: Walk) -> None:
    """Change a field of the form that is on the screen."""
    names = [name for name in SWEEP if walk.widget(_key(name)).count()]
    name = walk.random.choice(names)
    write(walk, name, walk.random.choice(SWEEP[name]))


def _key(name: str) -> str:
    return f"sweep-{name.replace('.', '-')}"


def write(walk: Walk, name: str, value: Any) -> None:
    """Write into a field of the form."""
    walk.done.append(f"sweep's {name} {value}")
    axis, _, part = name.rpartition(".")
    if part == "list":
        walk.draft = dataclasses.replace(walk.draft, lists={**walk.draft.lists, axis: value})
    elif axis:
        before = walk.draft.ranges.get(axis) or default_range(offered(base_of(walk.draft, walk.expected))[axis])
        ranges = {**walk.draft.ranges, axis: before._replace(**{part: value})}
        walk.draft = dataclasses.replace(walk.draft, ranges=ranges)
    else:
        walk.draft = dataclasses.replace(walk.draft, **{name: value})
    widget = walk.widget(_key(name))
    walk.uncover(widget)
    if name in ("base", "sampler", "grid_order"):
        walk.select(widget, {**SAMPLERS, **GRID_ORDERS}.get(value, value))
    elif name == "prune_percent":
        thumb = widget.get_by_role("slider")
        thumb.press("Home")
        while float(thumb.get_attribute("aria-valuenow") or 0) < value:
            thumb.press("ArrowRight")
    else:
        walk.type(widget, value)
    walk.live.wait_synced()


def change_axes(walk: Walk) -> None:
    """Add an axis, or take the last one away."""
    walk.close()
    known = offered(base_of(walk.draft, walk.expected))
    axes = [name for name in walk.draft.axes if name in known]
    if len(axes) > 1 and walk.random.random() < 0.5:
        _drop_axis(walk, axes)
        return
    new = walk.random.choice([name for name in ("num_inner_steps", "shots", "beta") if name not in axes] or [""])
    if not new:
        return
    walk.done.append(f"with the axis {new}")
    walk.select(walk.widget("sweep-axes"), known[new].label)
    walk.live.page.keyboard.press("Escape")
    walk.draft = dataclasses.replace(walk.draft, axes=(*axes, new))
    walk.live.wait_synced()


def _drop_axis(walk: Walk, axes: list[str]) -> None:
    walk.done.append(f"without the axis {axes[-1]}")
    walk.widget("sweep-axes").get_by_role("combobox").press("Backspace")
    walk.live.page.keyboard.press("Escape")  # the list of what else there is opens
    walk.draft = dataclasses.replace(walk.draft, axes=tuple(axes[:-1]))
    walk.live.wait_synced()


def sweep(walk: Walk) -> None:
    """Start a tiny sweep, cancel it, and have it go on to its end."""
    for name, value in TINY.items():
        if drafted(walk.draft, name, base_of(walk.draft, walk.expected)) != value:
            if name in ("scheduler", "storage"):
                walk.popover("Past one machine")
            if walk.widget(_key(name)).count():
                write(walk, name, value)
    walk.close()
    known = offered(base_of(walk.draft, walk.expected))
    while len(axes := [name for name in walk.draft.axes if name in known]) > 1:
        _drop_axis(walk, axes)
        walk.hold()
    walk.sweep = f"walk {walk.seed} {len(walk.done)}"
    write(walk, "name", walk.sweep)
    page = walk.live.page
    walk.done.append("Start")
    walk.press(page.get_by_role("button", name="Start"))
    page.locator(".maml-sweep-name", has_text=walk.sweep).wait_for()
    cancel, resume = (page.locator(f".maml-sweeps [data-action={name}]") for name in ("cancel", "resume"))
    ended = page.locator(".maml-sweeps .maml-pill").get_by_text("Done").or_(page.locator(".maml-pill", has_text="Done"))
    cancel.or_(ended).first.wait_for()
    if cancel.is_visible() and walk.random.random() < 0.7:
        walk.done.append("Cancel")
        cancel.click()
        resume.or_(ended).first.wait_for()
        if resume.is_visible():
            walk.done.append("Resume")
            walk.press(resume)
    ended.first.wait_for(timeout=ENDED_MS)
    walk.live.wait_synced()


def pin(walk: Walk) -> None:
    """Select two settings of the sweep, pin them, and let go of one."""
    page = walk.live.page
    rows = page.locator(".maml-settings tbody button")
    if rows.count() < 2 or page.locator(".maml-pins li").count():
        return
    walk.close()
    walk.done.append("pin two settings, unpin one")
    for row in (0, 1):
        walk.press(rows.nth(row))
        walk.press(page.locator("[data-action=pin]"))
    page.locator(".maml-pins li").nth(1).wait_for()
    walk.press(page.get_by_role("button", name="Unpin B"))
    walk.press(page.get_by_role("button", name="Unpin A"))
    page.locator(".maml-pins li").first.wait_for(state="detached")
    clear = page.locator("[data-action=clear]")
    if clear.count():
        walk.press(clear)


def open_live(walk: Walk) -> None:
    """Open a setting of the sweep as the live run."""
    page = walk.live.page
    rows = page.locator(".maml-settings tbody button")
    if not rows.count():
        return
    walk.close()
    number = walk.random.randrange(rows.count())
    walk.done.append(f"open row {number} as a live run")
    if page.locator("[data-action=open-live]").count():
        walk.press(page.locator("[data-action=clear]"))
    walk.press(rows.nth(number))
    link = page.locator("[data-action=open-live][href]")
    link.wait_for()
    walk.expected, walk.least_step = said_by(str(link.get_attribute("href"))), 0
    walk.press(link)
    _wait_live(walk)
