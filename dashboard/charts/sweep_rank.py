"""The settings of a sweep in the order of their values, each with its intervals and its seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from dashboard.charts.basics import UIREVISION, line, points
from dashboard.charts.chart import assembled
from dashboard.charts.glossary import Card
from dashboard.charts.results import Array, Ints, Metric
from dashboard.charts.scales import Line, Previous, Range, Update, decades, filled, float32, kept
from dashboard.charts.style import NOT_DATA, ONCE_THERE, SHARES
from dashboard.charts.sweep_basics import held_out, result, result_axis
from dashboard.charts.sweep_chart import SweepChart
from dashboard.theme import Palette, with_opacity
from maml_core.sweeps.comparing import has_common_tasks
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.standing import Standing, Verdict
from maml_core.sweeps.tables import rank_of
from maml_core.wording import counted

SAME, OTHERS, SEEDS, OVER_TASKS, OVER_SEEDS = "same", "others", "seeds", "over_tasks", "over_seeds"
SETTINGS, SELECTED, PINNED = "settings", "selected", "pinned"
MOST_MARKS = 400
"""Settings that have marks of their own; of more a mark each costs a browser more than a tenth of a second, and they are lines."""

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RankInfo:
    """The K settings that were trained to the end, the best first."""

    numbers: Ints
    values: Array
    over_tasks: Array
    """Half-widths of their 95% intervals, [K]; NaN where they are not known."""
    over_seeds: Array
    seeds: Array
    """The value of each of S seeds, [K, S]."""
    is_same: npt.NDArray[np.bool_]
    """Whether each is the one that all are held against, or not told apart from it, [K]."""
    num_diverged: int
    metric: Metric
    """What the sweep optimises."""
    is_pinned: bool
    """Whether they are held against a pinned setting, not the best one."""
    has_common_tasks: bool = True
    """Whether all are judged on the same held-out tasks; otherwise the first is the lowest, or the highest, and none is the best."""
    num_alike: int = 0
    """How many have the held-out tasks of the one that they are held against."""
    is_read: bool = True
    """False while how the settings stand is still being read."""


def rank_info(
    sweep: SweepConfig,
    results: Sequence[SettingResult],
    standings: Mapping[int, Standing],
    *,
    is_pinned: bool,
    is_read: bool = True,
) -> RankInfo:
    """The order of a sweep's settings.

    Args:
        sweep: That they are of.
        results: What is known of them.
        standings: Each beside the one that all are held against.
        is_pinned: Whether that is a pinned one.
        is_read: Whether the standings are known.
    """
    done = [one for one in results if one.status == "ok" and one.number in standings]
    done.sort(key=lambda one: rank_of(one, sweep))
    found = [standings[one.number] for one in done]
    seeds = np.full((len(done), sweep.num_seeds), np.nan)
    for row, one in zip(seeds, found, strict=True):
        row[: len(one.seeds)] = one.seeds
    return RankInfo(
        numbers=np.array([one.number for one in done], dtype=np.int64),
        values=np.array([one.value for one in done]),
        over_tasks=np.array([one.over_tasks for one in found]),
        over_seeds=np.array([one.over_seeds for one in found]),
        seeds=seeds,
        is_same=np.array([one.verdict in (Verdict.REFERENCE, Verdict.SAME) for one in found], dtype=bool),
        num_diverged=sum(one.status == "diverged" for one in results),
        metric="accuracy" if sweep.maximises else "loss",
        is_pinned=is_pinned,
        has_common_tasks=has_common_tasks(sweep),
        num_alike=sum(one.verdict != Verdict.OTHER_TASKS for one in found),
        is_read=is_read,
    )


# --- The figure -------------------------------------------------------------------------------------------------------


class RankLooks(NamedTuple):
    """What the looks of the order depend on."""

    metric: Metric
    loss_name: str
    num_seeds: int
    is_dense: bool
    """There are too many settings for a mark each."""
    is_pinned: bool
    has_common_tasks: bool = True


def _looks(info: RankInfo, loss_name: str) -> RankLooks:
    """The looks that fit an order."""
    is_dense = len(info.numbers) > MOST_MARKS
    return RankLooks(info.metric, loss_name, info.seeds.shape[1], is_dense, info.is_pinned, info.has_common_tasks)


def _first(of: RankInfo | RankLooks) -> str:
    """What the first in the order is: of values on different held-out tasks not the best."""
    if of.has_common_tasks:
        return "the best"
    return "the highest" if of.metric == "accuracy" else "the lowest"


def _figure(palette: Palette, looks: RankLooks) -> go.Figure:
    """The order, empty. The best and what is not told apart from it are blue, as better cells of the map and the curves of figures are; orange is what diverged."""
    whom = "A" if looks.is_pinned else _first(looks)
    size, rest = (3.0, 2.5) if looks.is_dense else (8.0, 6.0)
    mode = "lines" if looks.is_dense else "markers"
    told = {"hoverinfo": "skip", "meta": ONCE_THERE}
    traces: dict[str, Any] = {
        OVER_TASKS: line("± 95% over tasks", with_opacity(palette.muted, 0.45), 1.0, **told),
        OVER_SEEDS: line("± 95% over seeds", with_opacity(palette.theta_0, 0.6), 3.0, **told),
        SEEDS: points("a seed", with_opacity(palette.text, 0.6), 3.5, palette.page, **told),
        OTHERS: points("other settings", palette.muted, rest, palette.page, **told),
        SAME: points(f"not told apart from {whom}", palette.theta_0, size, palette.page, **told),
        SETTINGS: go.Scatter(
            x=[],
            y=[],
            name="settings",
            mode=mode,
            marker={"size": 12, "color": "rgba(0, 0, 0, 0)"},
            line={"color": palette.theta_0 if looks.is_dense else "rgba(0, 0, 0, 0)", "width": 2},
            hoverinfo="none" if looks.is_dense else "text",
            showlegend=False,
            meta=NOT_DATA,
        ),
        SELECTED: go.Scatter(
            x=[],
            y=[],
            name="selected",
            mode="markers",
            marker={"symbol": "circle-open", "size": 15, "color": palette.selected, "line": {"width": 3}},
            hoverinfo="skip",
            showlegend=False,
            meta=NOT_DATA,
        ),
        PINNED: go.Scatter(
            x=[],
            y=[],
            name="pinned",
            mode="markers+text",
            text=[],
            textfont={"color": palette.text, "size": 13, "weight": 700},
            marker={"size": 19, "color": palette.page, "line": {"color": palette.text, "width": 1.5}},
            hoverinfo="skip",
            showlegend=False,
            meta=NOT_DATA,
        ),
    }
    axes = {
        "xaxis": {"title": {"text": f"place in the order, {_first(looks)} first"}, "range": [0, 1], "nticks": 8},
        "yaxis": result_axis(looks.metric, held_out(looks.metric, looks.loss_name)),
        "margin": {"l": 60, "r": 14, "t": 6, "b": 42},
        "dragmode": False,
        "hovermode": "closest",
        "uirevision": f"{UIREVISION} {looks.metric}",
    }
    return assembled(traces, axes, palette, CARD, title="Rank")


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _update(info: RankInfo, _: Range) -> list[Update]:
    """The numbers of the order."""
    places = np.arange(1.0, len(info.numbers) + 1.0)
    dense = len(places) > MOST_MARKS
    same = info.is_same
    has_seeds = info.seeds.shape[1] > 1
    nothing: Line = (np.empty(0), np.empty(0))
    seeds: Line = (np.repeat(places, info.seeds.shape[1]), info.seeds.ravel()) if has_seeds and not dense else nothing
    lines: dict[str, Line] = {
        OVER_TASKS: _bars(info, places, info.over_tasks),
        OVER_SEEDS: _bars(info, places, info.over_seeds),
        SEEDS: seeds,
        OTHERS: nothing if dense else (places[~same], info.values[~same]),
        SAME: nothing if dense else (places[same], info.values[same]),
        SETTINGS: (places, info.values),
    }
    return [*filled(lines), (SETTINGS, "customdata", float32(info.numbers))]


def _bars(info: RankInfo, places: Array, half: Array) -> tuple[Array, Array]:
    """Upright lines of intervals, one behind the other with a gap between, of very many settings some, evenly picked; losses are positive,
    whatever the interval says."""
    known = np.isfinite(half) & np.isfinite(info.values)
    known &= np.arange(len(known)) % math.ceil(max(1, len(known)) / MOST_MARKS) == 0
    x, middle, half = places[known], info.values[known], half[known]
    low = middle - half
    low = np.maximum(low, 0.1 * middle) if info.metric == "loss" else np.maximum(low, 0.0)
    gap = np.full(len(x), np.nan)
    return np.stack([x, x, gap], axis=1).ravel(), np.stack([low, middle + half, gap], axis=1).ravel()


def _ranges(info: RankInfo, previous: Previous) -> Range:
    """What the order spans."""
    across = [0.0, len(info.numbers) + 1.0]
    if info.metric == "accuracy":
        return {"xaxis": across, "yaxis": list(SHARES)}
    values = info.values[np.isfinite(info.values)]
    # Nine tenths fill the chart: a few that nearly diverged would flatten all others.
    high = float(np.quantile(values, 0.9)) * 3.0 if len(values) else math.inf
    return {"xaxis": across, "yaxis": decades([np.minimum(values, high)], kept(previous, "yaxis"))}


# --- Words ------------------------------------------------------------------------------------------------------------

CARD = Card(
    "Every setting that was trained to the end, by its held-out result, each with its intervals over held-out tasks and over seeds. Look how many of "
    "them are not told apart from the first, and how steeply the others fall off: a flat order is a set-up that forgives.",
    {
        SAME: "Settings that cannot be told apart from the one that all are held against, and that one itself; with one seed, their trainings.",
        OTHERS: "Settings that are told to be worse, or better, and those that are judged on other held-out tasks.",
        SEEDS: "The value of each seed of a setting.",
        OVER_TASKS: "How far other held-out tasks would move the value. Settings that share their tasks have differences that are known better than this.",
        OVER_SEEDS: "How far other seeds would move it.",
    },
    ("setting", "held-out", "seed"),
)


def _subtitle(info: RankInfo) -> str:
    """Under the order's title."""
    if not info.is_read:
        return "How the settings stand is being read."
    if not len(info.numbers):
        return "No setting was trained to the end yet."
    whom = "A, which is pinned" if info.is_pinned else _first(info)
    lost = f"; {info.num_diverged:,} diverged and have no place" if info.num_diverged else ""
    one = " With one seed this is said of trainings alone." if info.seeds.shape[1] == 1 else ""
    same = int(info.is_same.sum())
    if info.has_common_tasks:
        return f"{same:,} of {len(info.numbers):,} are not told apart from {whom}, itself among them{lost}.{one}"
    among = f"{info.num_alike:,} with its held-out tasks, of {len(info.numbers):,} in all,"
    return f"{same:,} of the {among} are not told apart from {whom}, itself among them{lost}.{one}"


def _summary(info: RankInfo) -> str:
    """The order in a sentence."""
    if not len(info.numbers):
        return _subtitle(info)
    low, high = (result(float(value), info.metric) for value in (info.values[0], info.values[-1]))
    return f"{counted(len(info.numbers), 'setting')} in the order of their held-out {info.metric}, from {low} to {high}. {_subtitle(info)}"


RANK: SweepChart[RankInfo, RankLooks] = SweepChart(
    id="rank", looks=_looks, figure=_figure, ranges=_ranges, update=_update, subtitle=_subtitle, summary=_summary
)
