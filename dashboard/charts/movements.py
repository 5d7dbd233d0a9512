"""What the inner steps move: one task's curve, the point in weight space, each layer."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from dashboard.charts.basics import columns, line, points
from dashboard.charts.looks import THETA_0, THETA_N, Looks
from dashboard.theme import Palette, with_opacity


def fit_traces(palette: Palette) -> list[go.Scatter]:
    """One task's points, its truth, and the curves of theta_0, theta_N and those between."""
    at = "(%{x:.3g}, %{y:.3g})"
    return [
        points("query", palette.query, 6, palette.page, opacity=0.55, hovertemplate=at),
        line("truth", palette.truth, 2, "dash", hoverinfo="skip"),
        line("between", with_opacity(palette.theta_N, 0.35), 1, hoverinfo="skip"),
        line(THETA_0, palette.theta_0, 2.5, hovertemplate=at),
        line(THETA_N, palette.theta_N, 2.5, hovertemplate=at),
        # The page fills it and colours it between theta_0 and theta_N.
        line("θ<sub>k</sub>", palette.theta_N, 4.5, hoverinfo="skip", showlegend=False),
        points("support", palette.support, 10, palette.text, hovertemplate=at),
    ]


def fit_axes(looks: Looks) -> dict[str, Any]:
    """Inputs and outputs of the task family."""
    return {
        "xaxis": {"title": {"text": "input x"}, "range": list(looks.x_range), "nticks": 11},
        "yaxis": {"title": {"text": "output y"}, "range": list(looks.y_range), "nticks": 7},
        "margin": {"l": 44, "r": 10, "t": 6, "b": 40},
    }


def path_traces(palette: Palette) -> list[go.Scatter]:
    """Inner steps of several tasks from one theta_0, and where theta_0 has been."""
    return [
        line(f"trail of {THETA_0}", with_opacity(palette.theta_0, 0.55), 2, hoverinfo="skip"),
        line("inner steps", with_opacity(palette.theta_N, 0.6), 1.5, hoverinfo="skip"),
        points(THETA_N, palette.theta_N, 7, palette.page, hovertemplate="(%{x:.3g}, %{y:.3g})"),
        points(THETA_0, palette.theta_0, 12, palette.page, hovertemplate="(%{x:.3g}, %{y:.3g})"),
    ]


def path_axes() -> dict[str, Any]:
    """The two main directions, on one scale."""
    # Ticks without numbers: a direction of weight space has no unit worth reading. Equal scales: lengths compare.
    bare = {"showticklabels": False, "ticks": "", "nticks": 6, "range": [-1, 1]}
    return {
        "xaxis": {**bare, "title": {"text": "main direction", "standoff": 4}},
        "yaxis": {**bare, "title": {"text": "second direction", "standoff": 4}, "scaleanchor": "x"},
        "margin": {"l": 26, "r": 8, "t": 8, "b": 26},
    }


def layers_traces(palette: Palette) -> list[go.Scatter]:
    """A column a layer: theta_0, the inner steps, theta_N and its band over tasks."""
    hover = "%{y:.3g}<extra></extra>"
    band = with_opacity(palette.theta_N, 0.3)
    return [
        line("10–90% of tasks", band, 5, hoverinfo="skip"),
        line("inner steps", with_opacity(palette.theta_N, 0.6), 1.5, hovertemplate=f"θ<sub>k</sub>: {hover}"),
        points(THETA_N, palette.theta_N, 9, palette.page, hovertemplate=f"{THETA_N}: {hover}"),
        points(THETA_0, palette.theta_0, 9, palette.page, hoverinfo="skip"),
    ]


def layers_axes(palette: Palette) -> dict[str, Any]:
    """Layers against the share of their length by which they move."""
    # Not a log axis: that a layer does not move at all is an answer too.
    return {
        "xaxis": columns("layer"),
        "yaxis": {
            "title": {"text": "distance from θ<sub>0</sub> / its length"},
            "range": [-0.004, 0.1],
            "nticks": 6,
            "tickformat": "~g",
            "zeroline": True,
            "zerolinecolor": palette.muted,
            "zerolinewidth": 1,
        },
        "margin": {"l": 62, "r": 8, "t": 8, "b": 44},
    }
