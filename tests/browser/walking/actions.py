"""What can be done where, and which action uses which control."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from dashboard.setups.sweep_draft import Draft
from tests.browser.walking import live, runs, sweeps
from tests.browser.walking.values import NOT_IN_THE_ADDRESS, POPOVERS, SWEEP, WINDOWS
from tests.browser.walking.walk import Action, Walk


def reload(walk: Walk) -> None:
    """Load the page again."""
    walk.done.append("reload")
    walk.hold()  # the address is written within a second
    walk.live.page.reload()
    if walk.screen == "live":
        walk.live.wait_drawn()
    else:
        sweeps.wait_form(walk)
        empty = {name: getattr(Draft(), name) for name in NOT_IN_THE_ADDRESS}
        walk.draft = dataclasses.replace(walk.draft, **empty)
    walk.live.wait_synced()


def resize(walk: Walk) -> None:
    """Another window."""
    width, height = walk.random.choice(WINDOWS)
    walk.done.append(f"a window of {width} x {height}")
    walk.live.page.set_viewport_size({"width": width, "height": height})


def recolor(walk: Walk) -> None:
    """The other colour scheme of the system."""
    scheme = walk.random.choice(("light", "dark"))
    walk.done.append(f"{scheme} colours")
    walk.live.page.emulate_media(color_scheme=scheme)
    walk.live.page.locator(f".maml-live[data-theme={scheme}]").wait_for(state="attached")


def toggle_popover(walk: Walk) -> None:
    """Look into a popover."""
    name = walk.random.choice(POPOVERS[walk.screen])
    walk.done.append(f"popover {name}")
    walk.popover(name)


ANYWHERE: tuple[Action, ...] = (reload, resize, recolor, toggle_popover)
LIVE: tuple[Action, ...] = (
    live.scratch,
    live.choose,
    live.refuse,
    live.leave_field,
    live.preset,
    live.type_dial,
    live.drag_dial,
    live.train,
    live.play,
    live.reset,
    live.undo,
    live.travel,
    live.shortcut,
    live.look,
    live.share,
    live.second_page,
    runs.save,
    sweeps.to_sensitivity,
)
SAVED: tuple[Action, ...] = (runs.open_saved, runs.rename, runs.delete)
"""Where a run was saved."""
SENSITIVITY: tuple[Action, ...] = (sweeps.change, sweeps.change_axes, sweeps.sweep, sweeps.to_live)
SWEPT: tuple[Action, ...] = (sweeps.pin, sweeps.open_live)
"""Where a sweep is shown."""

OFTEN: dict[Action, int] = {
    live.choose: 8,
    toggle_popover: 4,
    live.refuse: 2,
    live.look: 2,
    sweeps.change: 5,
    sweeps.to_live: 2,
}
"""How much likelier than others."""


def offered(walk: Walk) -> Sequence[Action]:
    """The actions that can be taken now, the likelier ones several times."""
    if walk.screen == "live":
        found = [*ANYWHERE, *LIVE, *(SAVED if walk.saved else ())]
    else:
        found = [*ANYWHERE, *SENSITIVITY, *(SWEPT if walk.sweep else ())]
    return [action for action in found for _ in range(OFTEN.get(action, 1))]


REACHED: dict[str, Action | str] = {
    # The sidebar
    r"screens": sweeps.to_live,
    r"preset": live.preset,
    r"popover-\w+|runs|sweep-(rungs|elsewhere|earlier)": toggle_popover,
    r"view-scratch": live.scratch,
    r"runs-name|FormSubmitter-runs-save-Save": runs.save,
    r"runs-chosen|runs-open": runs.open_saved,
    r"runs-new_name|FormSubmitter-runs-rename-Rename": runs.rename,
    r"runs-(delete|restore)": runs.delete,
    r"runs-file[\w-]*|Upload": "a file of this machine: tests/browser/test_saved.py",
    r"sweep-axes": sweeps.change_axes,
    r"sweep-start": sweeps.sweep,
    r"(runs-before|runs-left)[\w-]*": "tests/browser/test_saved.py",
    r"runs-(live|saved)-(csv|py|zip)": "a download, which changes nothing: tests/browser/test_saved.py",
    r"sweep-(chosen|open|delete)[\w-]*": "tests/browser/test_sensitivity.py",
    r"sweep-(new_name|zip|file|file_name)|FormSubmitter-sweep-(rename|import)-\w+": "tests/browser/test_kept_sweeps.py",
    r"optuna[\w-]*": "Streamlit's own plots: tests/browser/test_sensitivity.py",
    r".*, help": "a hint on hover",
    r"Collapse sidebar|Skip to main content|Close": "Streamlit's own",
    # The live screen
    r"action (play)": live.play,
    r"action outer": live.train,
    r"action reset": live.reset,
    r"action undo": live.undo,
    r"action (now|branch)|slider travel": live.travel,
    r"action share": live.share,
    r"action (inner|new-task|presenter)|view (accuracy|loss|images|confusion|filters)|slider (k|amplitude|phase_rad|frequency)": live.look,
    r"action offer": live.share,
    r"ghosts|action remove-ghosts": "tests/browser/test_ghosts.py",
    r"action apart[\w-]*": "tests/browser/test_apart.py",
    r"action compare[\w-]*": "tests/browser/test_compare.py",
    r"slider (alpha|beta|num_inner_steps)": live.drag_dial,
    r"field (alpha|beta|num_inner_steps)": live.type_dial,
    r"Run until outer step|Go": live.undo,
    r"Speed|Chart in this place|Chart in the place of held-out tasks|Keyboard help|option pause-hidden|explanation|legend|menu|a chart's menu|▸ inner steps|■ stop|table": live.look,
    r"action (reset-all|[\w-]*moments?)|field moment": "tests/browser/test_moments.py",
    r"option keys": "tests/browser/test_keyboard.py",
    r"action (enlarge|full|scheme|spotlight)": "tests/browser/test_presenter.py",
    r"(action|slider|option) lesson[\w-]*": "tests/browser/test_lessons.py",
    r"(action|slider|option|field) class[\w-]*": "tests/browser/test_class.py",
    r"action draw|cell .*|drawing": "tests/browser/test_drawing.py",
    r"action points|field points|option hold-back|File of pairs": "tests/browser/test_own_points.py",
    r"a switch, which says what it does now": "a hint: tests/browser/test_layout.py",
    # The sensitivity screen
    r"action (cancel|resume)": sweeps.sweep,
    r"settings' row|action (pin|clear)|Unpin [A-F]": sweeps.pin,
    r"action open-live": sweeps.open_live,
    r"action (compare|freeze)|view (map|rank|frozen|lanes|sweep_edge|pins)|column \w+|axes of the map": "tests/browser/test_sensitivity.py",
    r"map": "tests/browser/test_sensitivity.py",
    r"action whole": "tests/browser/test_many_settings.py",
}
"""Controls by their names, each with the action that uses it, or with what to say of one that walks leave alone."""


def who_uses(control: str) -> Action | str | None:
    """The action that uses a control, or why none does; None for one that nobody thought of."""
    setting = re.fullmatch(r"set-(\w+)", control)
    if setting is not None:
        return live.choose if live.can_choose(setting[1]) else None
    field = re.fullmatch(r"sweep-([\w-]+)", control)
    if field is not None and field[1].replace("-", ".") in SWEEP:
        return sweeps.change
    return next((user for pattern, user in REACHED.items() if re.fullmatch(pattern, control)), None)
