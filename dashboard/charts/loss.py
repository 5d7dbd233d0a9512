"""Losses or accuracies while meta-training: this run, the ghosts of those before, reference levels, and marks of changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import line, verbatim
from dashboard.charts.chart import Chart
from dashboard.charts.ghosts import LASTING, ghost_lines, ghost_numbers, ghost_traces, in_words, number_trace
from dashboard.charts.glossary import TERMS, Card
from dashboard.charts.names import HELD_OUT_AFTER, HELD_OUT_BEFORE
from dashboard.charts.phrases import loss_name, measured
from dashboard.charts.results import Array, Curves, Ghost, Level, Mark, Metric, Results
from dashboard.charts.scales import OFF_THE_CHART, Line, Previous, Range, Update, decades, kept, tamed
from dashboard.charts.style import NOT_DATA, SHARES, Looks
from dashboard.charts.symbols import in_greek
from dashboard.theme import Palette, with_opacity
from maml_core.config import RunConfig
from maml_core.records import Levels

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LossInfo:
    """The loss chart, or the accuracy's: this run, the ghosts of those before, change marks and reference levels."""

    metric: Metric = "loss"
    """What all curves and levels are measured in."""

    curves: Curves = field(default_factory=Curves)
    ghosts: tuple[Ghost, ...] = ()
    """The runs before this one that are shown, the newest last."""
    beside: Curves | None = None
    """The curves of a run that this one is compared with."""
    marks: tuple[Mark, ...] = ()
    levels: tuple[Level, ...] = ()
    then: int | None = None
    """The earlier outer step that the other charts show; None for now."""


def loss_info(of: Results) -> LossInfo:
    """The record of a run."""
    return LossInfo(
        metric=of.metric,
        curves=of.curves,
        ghosts=of.ghosts,
        beside=of.beside.curves if of.beside is not None else None,
        marks=of.marks,
        then=of.then,
        levels=reference_levels(of.config, of.levels, of.metric) if of.levels else (),
    )


def reference_levels(config: RunConfig, levels: Levels, metric: Metric) -> tuple[Level, ...]:
    """What the task family's curves are seen against, in one metric."""
    usual = "cross-entropy" if config.classifies else "MSE"
    if metric == "loss" and loss_name(config) != usual:
        return ()  # they are of the usual loss, and its own is another
    if config.classifies:  # a predictor that cannot adapt can only guess
        ways = config.num_outputs
        guessing = 1.0 / ways if metric == "accuracy" else levels.non_adapting
        return (Level(name="guessing", value=guessing, meaning=f"Expected {metric} of guessing among {ways} classes"),)
    return (
        Level(
            name="always 0",
            value=levels.zero,
            meaning="Expected loss of the predictor that always answers 0, over all held-out tasks",
        ),
        Level(
            name="best fixed",
            value=levels.non_adapting,
            meaning="Expected loss of the best predictor that cannot adapt to the task, over all held-out tasks",
        ),
    )


# --- The figure -------------------------------------------------------------------------------------------------------

_TRAINING, _BEFORE = "dot", "dash"
"""Dashes of the lines, which are told apart without their colours."""


def _traces(palette: Palette, looks: Looks) -> dict[str, go.Scatter]:
    """The runs before, training, and held-out tasks before and after adaptation."""
    number = looks.hover
    return {
        **ghost_traces(palette, training=_TRAINING, before=_BEFORE),
        "raw": line("training, raw", palette.query_pale, 1, hoverinfo="skip"),
        "smoothed": line("training, smoothed", palette.query, 2.5, _TRAINING, hovertemplate=number),
        "before": line(HELD_OUT_BEFORE, palette.theta_0, 2.5, _BEFORE, hovertemplate=number),
        "after": line(HELD_OUT_AFTER, palette.theta_N, 2.5, hovertemplate=number),
        "beside": looks.second(palette),
        **number_trace(palette),
        "then": line("shown", palette.text, 1.5, hoverinfo="skip", showlegend=False, meta=NOT_DATA),
        # The newest point of the three curves above: where they are now, and all there is before the first outer step.
        "now": go.Scatter(
            x=[],
            y=[],
            name="now",
            mode="markers",
            marker={
                "color": [palette.query, palette.theta_0, palette.theta_N],
                "symbol": ["diamond", "square", "circle"],
                "size": 8,
                "line": {"color": palette.page, "width": 1},
            },
            hoverinfo="skip",
            showlegend=False,
            meta=NOT_DATA,
        ),
    }


def _axes(palette: Palette, looks: Looks) -> dict[str, Any]:
    """Outer steps against the metric, with the reference levels across."""
    return {
        "xaxis": {
            "title": {"text": "outer step"},
            "range": [0, 100],
            "tickformat": "~s",
            "hoverformat": ",d",
            "nticks": 7,
        },
        "yaxis": looks.metric_axis(looks.axis_title),
        "hovermode": "x unified",
        "uirevision": looks.uirevision,
        # Room on the right for the reference levels' names, on top for the marks'.
        "margin": {"l": 58, "r": 76, "t": 20, "b": 40},
        **_levels_layout(palette, looks.levels, looks.metric),
    }


def _levels_layout(palette: Palette, levels: Sequence[Level], metric: Metric) -> dict[str, list[dict[str, Any]]]:
    """Thin lines across the chart, named in its right margin (where no curve runs): the lowest below its line, the others above."""
    shapes: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    drawn = [level for level in levels if math.isfinite(level.value) and level.value > 0]
    rows = _together(drawn)
    lowest = min(drawn, key=lambda level: level.value) if len(rows) > 1 else None
    for level, *same in rows:
        shapes.append(
            {
                "type": "line",
                "name": "level",
                "layer": "between",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "yref": "y",
                "y0": level.value,
                "y1": level.value,
                "line": {"color": palette.muted, "width": 2, "dash": "dot"},  # or a line of the grid hides it
            }
        )
        annotations.append(
            {
                "name": "level",
                "text": ",<br>".join(one.name for one in (level, *same))
                + (f"<br>{level.value:.3g}" if metric == "loss" else f"<br>{level.value:.0%}"),
                "hovertext": "<br>".join(one.meaning for one in (level, *same)),
                "align": "left",
                "xref": "paper",
                "x": 1,
                "xanchor": "left",
                "xshift": 4,
                # On a log axis shapes take the value, annotations its logarithm.
                "yref": "y",
                "y": math.log10(level.value) if metric == "loss" else level.value,
                "yanchor": "top" if level is lowest else "bottom",
                "yshift": 3 if level is lowest else -3,
                "showarrow": False,
                "font": {"color": palette.muted},
            }
        )
    return {"shapes": shapes, "annotations": annotations}


def _together(levels: Sequence[Level]) -> list[list[Level]]:
    """Levels that are one line on the chart stand in one row, under one number."""
    rows: list[list[Level]] = []
    for level in levels:
        row = next((row for row in rows if math.isclose(row[0].value, level.value, rel_tol=1e-3)), None)
        if row is None:
            rows.append([level])
        else:
            row.append(level)
    return rows


def marks_layout(info: LossInfo, palette: Palette, x_range: Sequence[float] | None = None) -> dict[str, Any]:
    """Change marks as a layout patch, reference levels included (a patch replaces the whole lists).

    Every mark has a thin line. Names are given to the newest marks first and only where they do not overlap; the page
    decides that again with real text widths, for all annotations called "mark".

    Args:
        info: Takes `marks` and the levels.
        palette: The same as the figure's.
        x_range: Outer steps that the chart shows; by default up to the last mark.
    """
    patch = _levels_layout(palette, info.levels, info.metric)
    marks = _at_one_step(info.marks)
    low, high = x_range if x_range is not None else (0.0, max((float(mark.step) for mark in info.marks), default=1.0))
    named = _named_marks([Mark(step=step, text=text) for step, text, _ in marks], max(high - low, 1.0))
    for index, (step, text, whole) in enumerate(marks):
        patch["shapes"].append(
            {
                "type": "line",
                "name": "mark",
                "layer": "between",
                "xref": "x",
                "x0": step,
                "x1": step,
                "yref": "paper",
                "y0": 0,
                "y1": 1,
                "line": {"color": with_opacity(palette.muted, 0.5), "width": 1},
            }
        )
        patch["annotations"].append(
            {
                "name": "mark",
                "text": text,
                "hovertext": f"outer step {step}: {whole}",
                "visible": index in named,
                "xref": "x",
                "x": step,
                "xanchor": "left",
                "xshift": -2,
                "yref": "paper",
                "y": 1,
                "yanchor": "bottom",
                "showarrow": False,
                "borderpad": 0,
                "font": {"color": palette.muted},
            }
        )
    return patch


def _at_one_step(marks: Sequence[Mark]) -> list[tuple[int, str, str]]:
    """Each outer step with marks, oldest first: what is written there, and all of it for who points at it. Names of more than two would
    lie on each other, or run out of the chart.
    """
    found: dict[int, list[str]] = {}
    for mark in marks:
        found.setdefault(mark.step, []).append(verbatim(in_greek(mark.text.replace("->", "→"))))
    return [
        (step, ", ".join(texts) if len(texts) <= 2 else f"{len(texts)} changes", "<br>".join(texts))
        for step, texts in found.items()
    ]


def _named_marks(marks: Sequence[Mark], span: float) -> set[int]:
    """Indices of the marks whose names fit side by side, at about 7 of a chart's 450 pixels a letter."""
    named: set[int] = set()
    taken: list[tuple[float, float]] = []
    for index in reversed(range(len(marks))):
        start = float(marks[index].step)
        end = start + span * (len(marks[index].text) + 1) * 7 / 450
        if all(end <= other_start or start >= other_end for other_start, other_end in taken):
            named.add(index)
            taken.append((start, end))
    return named


def _patch(of: Results, palette: Palette) -> dict[str, Any]:
    info = loss_info(of)
    return marks_layout(info, palette, _ranges(info, None)["xaxis"])


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _lines(info: LossInfo) -> dict[str, Line]:
    run, beside = info.curves, info.beside or Curves()
    heads = [
        _head(run.smoothed_steps, run.smoothed),
        _head(run.held_out_steps, run.before),
        _head(run.held_out_steps, run.after),
    ]
    then = [] if info.then is None else [float(info.then)] * 2
    return {
        **ghost_lines(info.ghosts, info.metric, _outer_steps(info)[1]),
        "raw": (run.steps, run.raw),
        "smoothed": (run.smoothed_steps, run.smoothed),
        "before": (run.held_out_steps, run.before),
        "after": (run.held_out_steps, run.after),
        "beside": (beside.held_out_steps, beside.after),
        "then": (then, [1 / OFF_THE_CHART, OFF_THE_CHART][: len(then)]),
        "now": ([x for x, _ in heads], [y for _, y in heads]),
    }


def _head(steps: Array, values: Array) -> tuple[float, float]:
    return (float(steps[-1]), float(values[-1])) if len(steps) else (math.nan, math.nan)


def _others(info: LossInfo) -> Sequence[Update]:
    return ghost_numbers(info.ghosts, info.metric)


def _ranges(info: LossInfo, previous: Previous) -> Range:
    if info.metric == "accuracy":
        return {"xaxis": _outer_steps(info), "yaxis": list(SHARES)}
    return {"xaxis": _outer_steps(info), "yaxis": decades(_values(info), kept(previous, "yaxis"))}


def nice_steps(count: float) -> float:
    """The least of 50, 100, 200, 500, 1000, ... that holds `count` outer steps.

    >>> [nice_steps(count) for count in (0, 51, 200, 70_000)]
    [50.0, 100.0, 200.0, 100000.0]
    """
    if count <= 50:
        return 50.0
    decade = 10.0 ** math.floor(math.log10(count))
    return next(factor * decade for factor in (1.0, 2.0, 5.0, 10.0) if factor * decade >= count)


def _outer_steps(info: LossInfo) -> list[float]:
    """From 0 to a round number. Ghosts are shown whole unless that would squeeze this run into a tenth of the chart."""
    now = _last(info.curves.steps, info.curves.held_out_steps)
    before = max(
        (_last(ghost.curves.smoothed_steps, ghost.curves.held_out_steps) for ghost in info.ghosts), default=0.0
    )
    return [0.0, nice_steps(max(now, min(before, 10 * max(now, 50.0))))]


def _last(*steps: Array) -> float:
    return max((float(array[-1]) for array in steps if len(array)), default=0.0)


def _values(info: LossInfo) -> list[Array]:
    levels = np.array([level.value for level in info.levels], dtype=np.float64)
    run = info.curves
    newest = [line for ghost in info.ghosts[-1:] for line in (ghost.curves.smoothed, ghost.curves.before)]
    newest += [info.beside.after] if info.beside is not None else []
    lines = (run.smoothed, run.before, run.after, *newest, *(ghost.curves.after for ghost in info.ghosts))
    bulks = [*(_bulk(line, 0.01, 0.99) for line in lines), _bulk(run.raw, 0.02, 0.98)]
    return [levels, *tamed(bulks, [*levels, *_median(run.before), *run.before[:1], *run.smoothed[:1]])]


def _median(values: Array) -> list[float]:
    drawn = np.asarray(values)[np.isfinite(values)]
    return [float(np.median(drawn))] if len(drawn) else []


def _bulk(values: Array, low: float, high: float) -> Array:
    """The values' range without their extremes; empty where nothing can be drawn on a log axis."""
    drawn = np.asarray(values, dtype=np.float64)
    drawn = drawn[np.isfinite(drawn) & (drawn > 0)]
    if not len(drawn):
        return drawn
    # Rounded outwards: of a few points none is an extreme.
    last = len(drawn) - 1
    return np.sort(drawn)[[math.floor(low * last), math.ceil(high * last)]]


# --- Words ------------------------------------------------------------------------------------------------------------

_HINT = "The gap between before and after is what the inner steps gain from a start that adapts well."

_CARD = Card(
    "Each outer step is judged by the query loss, or accuracy, of its tasks. The blue dashed line is held-out tasks before adaptation, the "
    "orange one the same tasks after the inner steps. Watch the gap between them open: θ_0 learns to adapt, not to answer.",
    {
        **dict.fromkeys(LASTING, TERMS["ghost"]),
        "raw": "The query loss, or accuracy, of each outer step's own few tasks, after adaptation: noisy, since every step has other tasks.",
        "smoothed": "The raw training line, averaged over the steps before.",
        "before": "Tasks that are never trained on, judged with θ_0 as it is.",
        "after": "The same tasks, judged with θ_N, after N inner steps each. The lower this loss, the better θ_0 adapts.",
        "beside": TERMS["second run"],
    },
    ("held-out", "adaptation", "outer step", "always 0", "best fixed", "guessing", "ghost"),
)


def _summary(info: LossInfo) -> str:
    before, after, training = (_newest(line) for line in (info.curves.before, info.curves.after, info.curves.smoothed))
    at = f" at outer step {info.curves.held_out_steps[-1]:,.0f}" if before is not None else ""
    parts = [
        f"{name} {measured(value, info.metric)}"
        for name, value in (
            (f"smoothed training query {info.metric}", training),
            (f"held-out {info.metric}{at} before adaptation", before),
            ("after adaptation", after),
        )
        if value is not None
    ]
    curves = f"{_not_drawn(info)}{info.metric.capitalize()} curves"
    if not parts:
        return f"{curves}: no outer step yet."
    marks = f" {len(info.marks)} changes of the set-up are marked." if len(info.marks) > 1 else ""
    second = _newest(info.beside.after) if info.beside is not None else None
    beside = f" The second run after adaptation: {measured(second, info.metric)}." if second is not None else ""
    return f"{curves}: {', '.join(parts)}.{marks}{in_words(info.ghosts, info.metric)}{beside}"


def _subtitle(info: LossInfo) -> str:
    before, after = _newest(info.curves.before), _newest(info.curves.after)
    if before is None or after is None:
        return _HINT
    # Measured at every few outer steps, and not at the one that the run is at, where alpha may be another, or the run have diverged.
    at = f"Held-out at outer step {info.curves.held_out_steps[-1]:,.0f}"
    found = f"{_not_drawn(info)}{at}: {measured(before, info.metric)} before, {measured(after, info.metric)} after."
    gains = after > before if info.metric == "accuracy" else after < before
    return f"{found} That gap is what the inner steps gain." if gains else found


def _not_drawn(info: LossInfo) -> str:
    """That losses of one's own are below 0, where a logarithmic axis has no place for them, in a sentence; empty where none is."""
    lines = (info.curves.raw, info.curves.before, info.curves.after)
    is_missing = info.metric == "loss" and any((np.asarray(line) < 0.0).any() for line in lines)
    return "Losses below 0 are not drawn: the axis is logarithmic. " if is_missing else ""


def _newest(values: Array) -> float | None:
    return float(values[-1]) if len(values) else None


LOSS = Chart(
    id="loss",
    title="Loss while meta-training",
    accuracy_title="Accuracy while meta-training",
    hint=_HINT,
    card=_CARD,
    info=LossInfo,
    make=loss_info,
    traces=_traces,
    axes=_axes,
    lines=_lines,
    ranges=_ranges,
    summary=_summary,
    subtitle=_subtitle,
    patch=_patch,
    others=_others,
    lasting=LASTING,
    is_of_a_moment=False,
)
