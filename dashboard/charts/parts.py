"""What figures are made of: lines, points, areas and axes, each drawn in one manner everywhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from dashboard.theme import with_opacity


def line(name: str, color: str, width: float, dash: str = "solid", **more: Any) -> go.Scatter:
    """A line of its own legend group."""
    more = {"legendgroup": name, **more}
    return go.Scatter(
        x=[],
        y=[],
        name=name,
        mode="lines",
        line={"color": color, "width": width, "dash": dash},
        **more,
    )


def points(name: str, color: str, size: float, outline: str, **more: Any) -> go.Scatter:
    """Markers of its own legend group."""
    marker = {"color": color, "size": size, "line": {"color": outline, "width": 1.5 if size > 8 else 0.5}}
    return go.Scatter(x=[], y=[], name=name, mode="markers", marker=marker, legendgroup=name, **more)


def area(name: str, color: str, opacity: float, **more: Any) -> go.Scatter:
    """A filled outline without a border."""
    fill = with_opacity(color, opacity)
    return go.Scatter(
        x=[], y=[], name=name, mode="lines", line={"width": 0}, fill="toself", fillcolor=fill, hoverinfo="skip", **more
    )


def log_axis(title: str, decades: Sequence[float]) -> dict[str, Any]:
    """A log axis that names 0.1, 0.3, 1, 3, ...: Plotly's own choice puts bare small digits between the decades."""
    exponents = range(-9, 10)
    values = [factor * 10.0**exponent for exponent in exponents for factor in (1, 3)]
    return {
        "type": "log",
        "range": list(decades),
        "title": {"text": title},
        "tickmode": "array",
        "tickvals": values,
        "ticktext": [_tick(value) for value in values],
    }


def _tick(value: float) -> str:
    if 9e-4 < value < 9e3:
        return f"{value:.4g}"
    exponent = math.floor(math.log10(value * 1.01))
    factor = round(value / 10.0**exponent)
    return f"10<sup>{exponent}</sup>" if factor == 1 else f"{factor}·10<sup>{exponent}</sup>"


def columns(title: str) -> dict[str, Any]:
    """Columns of one unit each; their names stand under them and come with the layout of a run."""
    ticks = {"showticklabels": False, "ticks": "", "tickmode": "linear", "tick0": 0, "dtick": 1, "range": [0, 1]}
    return {**ticks, "title": {"text": title, "standoff": 22}}
