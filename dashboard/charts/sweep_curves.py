"""A sweep's curves: those of all settings, by the axis that colours them, and pinned ones side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import UIREVISION, layout, line
from dashboard.charts.numbers import Range, decades, float32
from dashboard.charts.sweep_basics import MapLooks, MapUpdate, held_out, in_palettes, result_axis
from dashboard.sweeps.info import LanesInfo, PinsInfo
from dashboard.theme import Palette

LETTERS = "ABCDEF"
"""Of the pinned settings."""


# --- All settings -----------------------------------------------------------------------------------------------------


def lanes_figure(palette: Palette, looks: MapLooks) -> go.Figure:
    """The curves of all settings, with a trace for each colour, empty; the last one is of what is selected."""
    colors = along(palette, len(looks.color_names))
    title = held_out(looks.lanes_metric, looks.loss_name)
    traces = [
        go.Scatter(
            x=[],
            y=[],
            name=name,
            mode="lines+markers",
            line={"color": color, "width": 1.3},
            marker={"color": color, "size": 4},
            hoverinfo="text",
            legendgroup=name,
        )
        for name, color in zip(looks.color_names, colors, strict=True)
    ]
    selected = line("selected", palette.selected, 2.5, hoverinfo="skip", showlegend=False)
    drawn = go.Figure(data=[*traces, selected], layout=layout(palette))
    steps = {"title": {"text": "outer step"}, "range": [0, 100], "tickformat": "~s", "nticks": 7}
    return drawn.update_layout(
        xaxis=steps,
        yaxis=result_axis(looks.lanes_metric, title),
        margin={"l": 58, "r": 12, "t": 6, "b": 42},
        dragmode="select",
        selectdirection="any",
        uirevision=f"{UIREVISION} {looks.lanes_metric}",
        meta={"title": f"Curves, by {looks.color}", "hint": "", "palette": dataclasses.asdict(palette)},
    )


def along(palette: Palette, count: int) -> list[str]:
    """Colours for the values of an axis, from one end of the scale to the other."""
    scale = palette.along
    return [scale[round(i * (len(scale) - 1) / max(1, count - 1))] for i in range(count)]


def lanes_update(info: LanesInfo) -> list[MapUpdate]:
    """The numbers of the curves."""
    found: list[MapUpdate] = []
    for trace, (steps, values, numbers) in enumerate(zip(info.steps, info.values, info.numbers, strict=True)):
        found += [(trace, "x", float32(steps)), (trace, "y", float32(values)), (trace, "customdata", float32(numbers))]
    return found


def lanes_ranges(info: LanesInfo, num_steps: int, previous: Mapping[str, Sequence[float]] | None = None) -> Range:
    """What the curves span. A few that ran away do not squeeze all the others."""
    steps = [0.0, 1.03 * num_steps]
    if info.metric == "accuracy":
        return {"xaxis": steps, "yaxis": [-0.03, 1.03]}
    values = np.concatenate(info.values) if info.values else np.empty(0)
    values = values[np.isfinite(values) & (values > 0)]
    if len(values):
        values = np.minimum(values, max(10.0 * float(np.median(values)), float(np.quantile(values, 0.9))))
    return {"xaxis": steps, "yaxis": decades([values], previous.get("yaxis") if previous else None)}


# --- Pinned settings --------------------------------------------------------------------------------------------------


def pins_figure(palette: Palette, loss_name: str, count: int) -> go.Figure:
    """Pinned settings side by side, empty: a line for each."""
    dashes = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
    traces = [
        line(letter, color, 2.5, dash, hovertemplate=f"{letter}: %{{y:.4g}}<extra></extra>")
        for letter, color, dash in zip(LETTERS, palette.classes, dashes, strict=False)
    ]
    drawn = go.Figure(data=traces[:count], layout=layout(palette))
    return drawn.update_layout(
        xaxis={"title": {"text": "outer step"}, "range": [0, 100], "tickformat": "~s", "nticks": 7},
        yaxis=result_axis("loss", held_out("loss", loss_name)),
        margin={"l": 58, "r": 12, "t": 6, "b": 42},
        hovermode="x unified",
        dragmode=False,
        meta={"title": "Side by side", "hint": "", "palette": dataclasses.asdict(palette)},
    )


def pins_figures(loss_name: str, count: int) -> dict[str, dict[str, Any]]:
    """The pinned settings as plain JSON values, for both palettes."""
    return in_palettes(pins=lambda palette: pins_figure(palette, loss_name, count))


def pins_update(info: PinsInfo) -> list[MapUpdate]:
    """The numbers of the pinned settings."""
    found: list[MapUpdate] = []
    for trace, (steps, losses) in enumerate(zip(info.steps, info.losses, strict=True)):
        found += [(trace, "x", float32(steps)), (trace, "y", float32(losses))]
    return found


def pins_ranges(info: PinsInfo, previous: Mapping[str, Sequence[float]] | None = None) -> Range:
    """What their chart spans."""
    return {
        "xaxis": [0.0, 1.03 * info.num_steps],
        "yaxis": decades(info.losses, previous.get("yaxis") if previous else None),
    }
