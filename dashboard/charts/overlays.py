"""What stands over the curves: reference levels, change marks and the names of columns, as parts of a Plotly layout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from dashboard.info import Level, LossInfo, Mark, Metric
from dashboard.theme import Palette, with_opacity


def reference_levels(palette: Palette, levels: Sequence[Level], metric: Metric) -> dict[str, list[dict[str, Any]]]:
    """Thin lines across the loss chart, named in its right margin (where no curve runs): the lowest below its line, the others above."""
    shapes: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    drawn = [level for level in levels if math.isfinite(level.value) and level.value > 0]
    lowest = min(drawn, key=lambda level: level.value) if len(drawn) > 1 else None
    for level in drawn:
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
                "line": {"color": palette.muted, "width": 1, "dash": "dot"},
            }
        )
        annotations.append(
            {
                "name": "level",
                "text": f"{level.name}: " + (f"{level.value:.3g}" if metric == "loss" else f"{level.value:.0%}"),
                "hovertext": level.meaning,
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


def marks_layout(info: LossInfo, palette: Palette, x_range: Sequence[float] | None = None) -> dict[str, Any]:
    """The loss chart's change marks as a layout patch, reference levels included (a patch replaces the whole lists).

    Every mark has a thin line. Names are given to the newest marks first and only where they do not overlap; the page
    decides that again with real text widths, for all annotations called "mark".

    Args:
        info: Takes `marks` and the levels.
        palette: The same as the figure's.
        x_range: Outer steps that the chart shows; by default up to the last mark.
    """
    patch = reference_levels(palette, info.levels, info.metric)
    low, high = x_range if x_range is not None else (0.0, max((float(mark.step) for mark in info.marks), default=1.0))
    named = _named_marks(info.marks, max(high - low, 1.0))
    for index, mark in enumerate(info.marks):
        patch["shapes"].append(
            {
                "type": "line",
                "name": "mark",
                "layer": "between",
                "xref": "x",
                "x0": mark.step,
                "x1": mark.step,
                "yref": "paper",
                "y0": 0,
                "y1": 1,
                "line": {"color": with_opacity(palette.muted, 0.5), "width": 1},
            }
        )
        patch["annotations"].append(
            {
                "name": "mark",
                "text": mark.text.replace("->", "→"),
                "hovertext": f"outer step {mark.step}: {mark.text}",
                "visible": index in named,
                "xref": "x",
                "x": mark.step,
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


def rates_layout(names: Sequence[str], palette: Palette) -> dict[str, Any]:
    """The learned rates' tensor names, each under its column, as a layout patch; of many, the weights' only."""
    return _column_names(
        [(at, name) for at, name in enumerate(names) if len(names) <= 10 or name.startswith("w")], palette
    )


def layers_layout(names: Sequence[str], palette: Palette) -> dict[str, Any]:
    """The layers' names, each under its column, as a layout patch; of many, every second one and the last."""
    last = len(names) - 1
    return _column_names([(at, name) for at, name in enumerate(names) if last < 6 or (last - at) % 2 == 0], palette)


def _column_names(shown: Sequence[tuple[int, str]], palette: Palette) -> dict[str, Any]:
    return {
        "annotations": [
            {
                "name": "column",
                "text": name,
                "x": at + 0.5,
                "xanchor": "center",
                "yref": "paper",
                "y": 0,
                "yanchor": "top",
                "yshift": -2,
                "showarrow": False,
                "font": {"color": palette.muted},
            }
            for at, name in shown
        ]
    }


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
