"""What the sensitivity screen says of a sweep besides its charts."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.charts.sweep_settings import Kind, SettingInfo
from dashboard.charts.symbols import kept
from maml_core.config import PythonConfig
from maml_core.errors import DataError
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.driver import Progress
from maml_core.sweeps.images import can_move

_AS_IT_WAS = "Its map and its settings are shown as they were, until this page is loaded again"


CUT_OFF = "The server ended while this sweep was being computed, and was started again. Resume goes on with it, from what is finished"
"""What is said of a sweep that is opened after a restart of the server, without a stop."""


def progress(sweep: SweepConfig, settings: Sequence[SettingInfo], done: Progress | None) -> dict[str, int]:
    """How many settings there are of each kind."""
    count = {kind: sum(s.kind == kind for s in settings) for kind in Kind}
    return {
        "size": sweep.size,
        "ok": count[Kind.OK],
        "diverged": count[Kind.DIVERGED],
        "pruned": count[Kind.PRUNED],
        "refused": count[Kind.REFUSED],
        "lane_steps": done.lane_steps if done is not None else 0,
        "lane_steps_left": done.lane_steps_left if done is not None else 0,
    }


def opening(name: str, sweep: SweepConfig | None = None) -> str:
    """What is said while a sweep is opened, once it is known with how many settings.

    >>> opening("my-alphas")
    'Opening my-alphas: its results are being read.'
    """
    of = f"the results of its {sweep.size:,} settings" if sweep is not None else "its results"
    return f"Opening {kept(name)}: {of} are being read."


def deleted(name: str, *, comes_back: bool) -> str:
    """What a page that shows a sweep is told when another one deletes it, without a stop.

    >>> deleted("my-alphas", comes_back=False)
    'my-alphas was deleted on another page. Its map and its settings are shown as they were, until this page is loaded again'
    """
    way_back = ". Earlier sweeps brings it back, as long as no other one is deleted" if comes_back else ""
    return f"{kept(name)} was deleted on another page. {_AS_IT_WAS}{way_back}"


def renamed(name: str, new: str) -> str:
    """What a page that shows a sweep is told when another one gives it another name, without a stop."""
    return f"{kept(name)} was renamed on another page: it is called {kept(new)} now. {_AS_IT_WAS}"


def not_kept(name: str) -> str:
    """What a page that shows a sweep is told when it is not where it was kept, without a stop."""
    return f"{kept(name)} is no longer kept under this name: it was deleted, renamed or moved, as from a terminal. {_AS_IT_WAS}"


def without_code(tasks: PythonConfig) -> str:
    """Why a sweep of a problem of one's own does not go on, and how it may, without a stop."""
    return (
        f"This sweep is of Python code, {tasks.problem}, which is run only where its owner names it. If it is yours, or you trust it, start the page "
        f"with: maml dashboard --problem {tasks.problem}; or go on in a terminal: maml sweep --resume NAME --problem {tasks.problem}"
    )


def without_images(sweep: SweepConfig, error: DataError) -> str:
    """Why a sweep does not go on for want of its images, and how it may, without a stop.

    >>> without_images(SweepConfig(), DataError("missing", "Omniglot is missing; download it"))
    'Omniglot is missing; download it'
    """
    asks = "the sidebar asks for it when the sweep is opened under Earlier sweeps"
    if error.kind == "other":
        where = f", or give the folder that holds its own: {asks}" if can_move(sweep) else ""
        return f"{error}. Its results and those of others would not compare: start these under another name{where}"
    return f"{error}. If its images lie elsewhere now, give their folder: {asks}" if can_move(sweep) else str(error)
