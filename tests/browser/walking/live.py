"""Actions on the live screen, but for its panel of runs."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.setups.algorithms import heads_of
from dashboard.setups.settings import SETTINGS, on_the_page
from maml_core.config import replace
from maml_core.errors import ConfigError
from maml_core.presets import PRESETS
from tests.browser.live_page import LivePage
from tests.browser.walking.holds import query_of, run_of, said_by
from tests.browser.walking.values import BAD, DIALS, PRESET_NAMES, SEGMENTS, VALUES, WORDS
from tests.browser.walking.walk import Walk

if TYPE_CHECKING:
    from playwright.sync_api import Locator

KEPT_STEPS = 24
"""Enough that the run can be brought back."""

REPLAYED_STEPS = 400
"""At most as many are replayed on a page that a link opens."""

FAILED = ("Diverged", "Network dead")

_ENABLED = """() => [...document.querySelectorAll("[class*=st-key-set-]")]
  .filter((node) => !node.querySelector("input:disabled, [aria-disabled=true], button:disabled:not([aria-label])"))
  .map((node) => [...node.classList].find((name) => name.startsWith("st-key-set-")).slice(11))"""


# Settings of the sidebar


def can_choose(name: str) -> bool:
    """Whether walks know values of a setting of the sidebar."""
    return name in SETTINGS and (name in WORDS or name in VALUES or isinstance(_now(name), bool))


def _now(name: str) -> Any:
    """What one of the presets has for a setting."""
    return next(found[name] for preset in PRESETS if name in (found := on_the_page(preset.config)))


def choose(walk: Walk) -> None:
    """Choose another value of any setting that is on the screen."""
    names = [name for name in walk.live.page.evaluate(_ENABLED) if name in SETTINGS]
    name = walk.random.choice(names)
    now = on_the_page(walk.expected)[name]
    if isinstance(now, bool):
        value: Any = not now
    elif name in WORDS:
        value = walk.random.choice([key for key in _offered(walk, name) if key != now])
    elif name in VALUES:
        value = walk.random.choice(VALUES[name])
    else:
        return
    walk.done.append(f"{name} {value!r}")
    with contextlib.suppress(ConfigError):  # refused: everything stays
        walk.expect(SETTINGS[name].chosen(walk.expected, value).config)
    enter(walk, name, value)


def _offered(walk: Walk, name: str) -> list[str]:
    if name == "family":
        return ["sinusoid", "linear", "glyphs"]
    if name == "norm":
        return [key for key in WORDS[name] if key != "group" or walk.expected.model.kind == "conv"]
    if name == "head":
        return heads_of(walk.expected)
    return list(WORDS[name])


def enter(walk: Walk, name: str, value: Any) -> None:
    """Choose a value of a setting."""
    widget = walk.widget(f"set-{name}")
    walk.uncover(widget)
    if isinstance(value, bool):
        walk.press(widget.locator("label").first)
    elif name in SEGMENTS:
        walk.press(widget.get_by_role("radio", name=WORDS[name][value]))
    elif name in WORDS:
        walk.select(widget, WORDS[name][value])
    elif name == "difficulty":
        walk.slide(widget, value)
    else:
        walk.type(widget, value)
    walk.live.wait_synced()


def refuse(walk: Walk) -> None:
    """Write what is refused."""
    name = walk.random.choice([name for name in walk.live.page.evaluate(_ENABLED) if name in BAD])
    value = walk.random.choice(BAD[name])
    walk.done.append(f"{name} {value!r}, which is refused")
    enter(walk, name, value)


def leave_field(walk: Walk) -> None:
    """Write into a field, and press another control at once: the press takes the field's focus, and must not be lost by that."""
    walk.close()
    shots = walk.random.choice([value for value in VALUES["shots"] if value != walk.expected.shots])
    order = "first" if walk.expected.order == "second" else "second"
    control = walk.widget("set-order").get_by_role("radio", name=WORDS["order"][order])
    if not control.count() or not control.is_enabled():
        return
    walk.done.append(f"shots {shots}, left by a press on {order} order")
    try:
        shorter = SETTINGS["shots"].chosen(walk.expected, shots).config
        both = SETTINGS["order"].chosen(shorter, order).config
    except ConfigError:
        return
    walk.widget("set-shots").locator("input").fill(str(shots))
    walk.expect(both)
    walk.press(control)
    walk.live.wait_synced()


def preset(walk: Walk) -> None:
    """Choose another preset."""
    walk.close()
    chosen = walk.random.choice([p for p in PRESETS if p.name in PRESET_NAMES])
    if chosen.config == walk.expected:
        return
    walk.done.append(f"preset {chosen.name}")
    walk.least_step = 0
    walk.expect(chosen.config)
    walk.select(walk.widget("preset"), chosen.name)
    walk.live.wait_synced()


def scratch(walk: Walk) -> None:
    """Show or hide training from scratch, which is no setting of the run."""
    walk.popover("More settings")
    box = walk.widget("view-scratch")
    box.wait_for()  # the popover's content comes a moment after its frame
    walk.done.append("training from scratch")
    walk.press(box.locator("label").first)
    walk.live.wait_synced()


# Dials


def type_dial(walk: Walk) -> None:
    """Write a dial's value."""
    walk.close()
    name = walk.random.choice(list(DIALS))
    if walk.live.field(name).is_disabled():
        return
    value = walk.random.choice(DIALS[name])
    walk.done.append(f"{name} {value}")
    try:
        walk.expect(replace(walk.expected, {name: value}))
    except ConfigError:
        return
    walk.live.set(**{name: value})


def drag_dial(walk: Walk) -> None:
    """Drag a dial."""
    walk.close()
    name = walk.random.choice(list(DIALS))
    if walk.live.dial(name).is_disabled():
        return
    share = walk.random.uniform(0.1, 0.6)
    walk.done.append(f"{name} dragged to {share:.2f} of its slider")
    walk.live.drag(walk.live.dial(name), share, moves=walk.random.choice((3, 20)))
    number = float(walk.live.field(name).input_value())
    walk.expect(replace(walk.expected, {name: int(number) if name == "num_inner_steps" else number}))


# Training


def train(walk: Walk) -> None:
    """One outer step."""
    walk.close()
    walk.done.append("train")
    walk.press(walk.live.action("outer"))


def play(walk: Walk) -> None:
    """Play for a moment."""
    walk.close()
    if walk.live.status in FAILED:
        return
    walk.done.append("Play and Pause")
    step = walk.live.step
    walk.press(walk.live.action("play"))
    walk.live.wait(
        "(step) => mamlStep() > step || ['diverged', 'dead'].includes(document.querySelector('.maml-pill').dataset.kind)",
        step,
    )
    if walk.live.action("play").inner_text() == "Pause":
        walk.press(walk.live.action("play"))
    walk.live.wait_steady()


def train_far(walk: Walk) -> int:
    """Train on until the run is worth bringing back; gives its step."""
    walk.close()
    if walk.live.status in FAILED:
        return 0
    if walk.live.step < KEPT_STEPS:
        walk.live.run_until(KEPT_STEPS)
        walk.live.wait(
            "(step) => mamlStep() >= step || ['diverged', 'dead'].includes(document.querySelector('.maml-pill').dataset.kind)",
            KEPT_STEPS,
        )
    return walk.live.wait_steady()


def reset(walk: Walk) -> None:
    """Back to outer step 0."""
    walk.close()
    walk.done.append("Reset")
    walk.least_step = 0
    walk.press(walk.live.action("reset"))
    walk.live.wait("() => mamlStep() === 0")


def undo(walk: Walk) -> None:
    """Restart a run that has trained for a while, and bring it back."""
    step = train_far(walk)
    if step < KEPT_STEPS:
        return
    before = walk.expected
    walk.random.choice((reset, preset))(walk)
    if walk.expected == before and walk.done[-1] != "Reset":
        return  # it had that preset
    walk.live.wait("() => mamlStep() === 0")
    if walk.random.random() < 0.5:
        walk.press(walk.live.action("undo"))
    else:
        walk.live.action("undo").wait_for()
        _key(walk, "u")
    walk.done.append("Undo")
    walk.least_step = step
    walk.expected = before
    walk.live.wait("(step) => mamlStep() === step", step)


def travel(walk: Walk) -> None:
    """Look at an earlier outer step, and come back; or go on from there, and take that back."""
    step = train_far(walk)
    live = walk.live
    if live.step == 0:
        return
    walk.done.append("an earlier outer step")
    live.dial("travel").press(walk.random.choice(("Home", "ArrowLeft")))
    live.wait("() => document.querySelector('.maml-live').hasAttribute('data-then')")
    walk.hold()  # nothing of the run is another one
    if step < KEPT_STEPS or walk.random.random() < 0.5:
        walk.press(live.action("now"))
    else:
        walk.press(live.action("branch"))
        live.wait("(step) => mamlStep() < step", step)
        live.action("undo").wait_for()
        walk.press(live.action("undo"))
        live.wait("(step) => mamlStep() === step", step)
    live.wait("() => !document.querySelector('.maml-live').hasAttribute('data-then')")


def _key(walk: Walk, key: str) -> None:
    """A shortcut, which none is while it may be meant for a field."""
    walk.live.page.locator(".maml-step").click()
    walk.live.page.keyboard.press(key)


def shortcut(walk: Walk) -> None:
    """One of the keys, whose effect is that of its button."""
    walk.close()
    key = walk.random.choice(("p", " ", "o", "i", "x", "t", "s", "l", "?"))
    walk.done.append(f"key {key!r}")
    live, step = walk.live, walk.live.step
    if key in ("p", " ", "o") and live.status in FAILED:
        return
    _key(walk, key)
    if key in ("p", " "):
        live.wait("() => document.querySelector('[data-action=play]').textContent === 'Pause'")
        live.page.keyboard.press(key)
        live.wait_steady()
    elif key == "o":
        live.wait(
            "(step) => mamlStep() === step || ['diverged', 'dead'].includes(document.querySelector('.maml-pill').dataset.kind)",
            step + 1,
        )
    elif key == "x":
        walk.least_step = 0
        live.wait("() => mamlStep() === 0")
    elif key == "l":
        live.page.locator(".maml-presenter").wait_for()
        live.page.keyboard.press(key)
        live.page.locator(".maml-live:not(.maml-presenter)").wait_for()
    elif key == "?":
        live.page.get_by_text("Keys, while no field has the focus").wait_for()
        live.page.keyboard.press("Escape")
        live.page.get_by_text("Keys, while no field has the focus").wait_for(state="hidden")


# What is looked at, which changes nothing of the run


def look(walk: Walk) -> None:
    """Use one of the controls that change what is seen only."""
    walk.close()
    live = walk.live
    chips = ".maml-card:not([hidden]) .maml-views:not([hidden]) button[aria-pressed=false], .maml-card:not([hidden]) .maml-legend button"
    buttons = live.page.locator(f"{chips}, [data-action=new-task], .maml-step-through, [data-action=inner]")
    pressed = [buttons.nth(i) for i in range(buttons.count()) if buttons.nth(i).is_visible()]
    sliders = [live.dial(name) for name in ("k", "amplitude", "phase_rad", "frequency") if live.dial(name).is_visible()]
    way = walk.random.choice((_press_one, _slide_one, _tab, _speed, _panel, _table, _presenter))
    walk.done.append(f"look: {way.__name__.strip('_')}")
    way(walk, pressed, sliders)


def _press_one(walk: Walk, pressed: list[Locator], _: list[Locator]) -> None:
    walk.press(walk.random.choice(pressed))


def _slide_one(walk: Walk, _: list[Locator], sliders: list[Locator]) -> None:
    enabled = [slider for slider in sliders if slider.is_enabled()]
    if enabled:
        walk.random.choice(enabled).press(walk.random.choice(("ArrowLeft", "ArrowRight")))


def _tab(walk: Walk, *_: list[Locator]) -> None:
    """Another chart in the place of the paths."""
    tabs = walk.live.tabs
    tabs.select_option(walk.random.choice(tabs.locator("option").evaluate_all("all => all.map(({ value }) => value)")))


def _speed(walk: Walk, *_: list[Locator]) -> None:
    speed = walk.live.page.get_by_label("Speed")
    speed.select_option("30")
    speed.select_option("")


def _presenter(walk: Walk, *_: list[Locator]) -> None:
    """The large type, and the usual one again."""
    for _way in range(2):
        walk.press(walk.live.action("presenter"))
        walk.live.page.wait_for_timeout(300)


def _panel(walk: Walk, *_: list[Locator]) -> None:
    """An explanation, or the keys with the option under them."""
    page = walk.live.page
    buttons = page.locator(".maml-card:not([hidden]) .maml-why, [aria-label='Keyboard help']")
    walk.press(walk.random.choice([buttons.nth(i) for i in range(buttons.count()) if buttons.nth(i).is_visible()]))
    panel = page.locator(".maml-popover:popover-open")
    panel.wait_for()
    option = panel.locator("[data-option=pause-hidden]")
    if option.count():
        for _ in range(2):
            walk.press(option)
    page.keyboard.press("Escape")
    panel.wait_for(state="detached")


def _table(walk: Walk, *_: list[Locator]) -> None:
    """A chart's table, and the chart again."""
    charts = walk.live.page.locator(".maml-card:not([hidden])").evaluate_all(
        "nodes => nodes.map(({ dataset }) => dataset.chart)"
    )
    chart = walk.random.choice(charts)
    walk.live.menu(chart, "Show table")
    walk.live.page.locator(f"[data-chart={chart}] table caption").wait_for(state="attached")
    walk.live.menu(chart, "Show chart")


# Sharing, and other pages


def share(walk: Walk) -> None:
    """Copy the address, and have somebody else open it: the same run, at the same step once it is replayed."""
    walk.close()
    live = walk.live
    step = live.wait_steady()
    walk.hold()
    walk.done.append(f"Share at step {step}")
    live.context.grant_permissions(["clipboard-read", "clipboard-write"])
    walk.press(live.action("share"))
    live.page.locator("[data-action=share]", has_text="Copied").wait_for()
    copied = live.page.evaluate("navigator.clipboard.readText()")
    said = query_of(copied)
    assert said_by(copied) == walk.expected, said
    assert int(said.get("at", 0)) == step, said
    other = LivePage(live.context.new_page())
    other.open(copied)
    if 0 < step <= REPLAYED_STEPS and live.status not in FAILED:
        walk.press(other.action("offer"))
        other.wait("(step) => mamlStep() === step", step)
        other.wait_steady()
        assert run_of(other) == walk.expected
        curves = [
            page.wait_trace("loss", "training, raw", lambda points: points.shape == (2, step)) for page in (live, other)
        ]
        assert np.array_equal(*curves, equal_nan=True), f"{copied} replays another curve: {curves}"
    other.page.close()
    assert other.errors == []


def second_page(walk: Walk) -> None:
    """Somebody else opens a page of the server, changes it and leaves."""
    walk.done.append("a second page")
    other = LivePage(walk.live.context.new_page())
    other.open(walk.live.page.url.partition("?")[0])
    assert run_of(other) == PRESETS[0].config
    enter(Walk(other, walk.seed), "shots", 4)
    other.wait("() => mamlLive.config.shots === 4")
    other.page.close()
