"""What the sensitivity screen says in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dashboard.sweeps.axes import symbol, words
from dashboard.sweeps.info import FrozenInfo, Kind, LanesInfo, MapInfo, PinsInfo, SettingInfo
from maml_core.sweeps.paired import PairedDifference

if TYPE_CHECKING:
    from dashboard.live.sweep_job import SweepJob


def result(value: float, metric: str) -> str:
    """A loss, or an accuracy in per cent.

    >>> result(0.51234, "loss"), result(0.51234, "accuracy")
    ('0.512', '51.2%')
    """
    if not math.isfinite(value):
        return "–"
    return f"{100 * value:.1f}%" if metric == "accuracy" else f"{value:.3g}"


def map_line(info: MapInfo) -> str:
    """Under the map's title: the best setting so far."""
    over = f", best over {' and '.join(symbol(name) for name in info.over)}" if info.over else ""
    best = next((s for s in info.shown if s.number == info.best), None)
    what = "accuracy" if info.metric == "accuracy" else "loss"
    if best is None:
        return f"Held-out {what} after N inner steps{over}. Click a cell to look closer."
    at = ", ".join(f"{symbol(name)} {words(value)}" for name, value in best.values.items())
    return f"Held-out {what} after N inner steps{over}. Best: {result(best.value, info.metric)} at {at}."


def lanes_line(info: LanesInfo) -> str:
    """Under the curves' title."""
    what = "accuracy" if info.metric == "accuracy" else "loss"
    return f"Held-out {what} at the rungs, one line a setting, coloured by {symbol(info.color.name)}."


def frozen_line(info: FrozenInfo) -> str:
    """Under the frozen map's title."""
    if info.metric == "loss":
        masked = np.where(np.isnan(info.values), np.inf, info.values)
        row, column = np.unravel_index(int(np.argmin(masked)), masked.shape)
    else:
        masked = np.where(np.isnan(info.values), -np.inf, info.values)
        row, column = np.unravel_index(int(np.argmax(masked)), masked.shape)
    best = result(float(info.values[row, column]), info.metric)
    steps = "1 inner step" if row == 1 else f"{row} inner steps"
    return f"{info.of}, adapted with every α, not trained further. Best: {best} at α {info.alphas[column]:.3g} after {steps}."


def frozen_summary(info: FrozenInfo) -> str:
    """The frozen map in a sentence, for its aria-label."""
    share = float(info.diverged.mean())
    limit = f" The stability limit 2/lambda_max is {info.limit:.3g}." if math.isfinite(info.limit) else ""
    return f"Map of alpha against inner steps at test. {frozen_line(info)} {share:.0%} of the cells diverge.{limit}"


def difference(found: PairedDifference | None) -> str:
    """A paired difference in words.

    >>> difference(PairedDifference(-0.123, 0.04, 100)), difference(PairedDifference(0.01, 0.04, 100)), difference(None)
    ('−0.123 ± 0.04, better', '+0.01 ± 0.04, no difference', '…')
    """
    if found is None:
        return "…"
    if not math.isfinite(found.mean):
        return "not finite: a task diverged"
    sign = "−" if found.mean < 0 else "+"
    verdict = "no difference" if not found.differs else "better" if found.mean < 0 else "worse"
    return f"{sign}{abs(found.mean):.3g} ± {found.ci95:.2g}, {verdict}"


def pins_line(info: PinsInfo) -> str:
    """Under the title of the pinned settings."""
    known = [found for found in info.differences if found is not None]
    tasks = f" on {known[0].num_tasks} common tasks" if known else ""
    return f"The same seeds and tasks. Differences are paired, task by task{tasks}, with their 95% interval."


def progress(job: SweepJob, settings: Sequence[SettingInfo]) -> dict[str, int]:
    """How many settings there are of each kind."""
    count = {kind: sum(s.kind == kind for s in settings) for kind in Kind}
    done = job.progress
    return {
        "size": job.size,
        "ok": count[Kind.OK],
        "diverged": count[Kind.DIVERGED],
        "pruned": count[Kind.PRUNED],
        "lane_steps": done.lane_steps if done is not None else 0,
        "lane_steps_left": done.lane_steps_left if done is not None else 0,
    }
