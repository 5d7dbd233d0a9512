"""Inner step sizes against the limit of stability: alpha on the gauge, learned rates one by one."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from dashboard.charts.basics import area, columns, line, log_axis, points
from dashboard.charts.looks import NOT_DATA
from dashboard.theme import Palette, with_opacity


def _zones(palette: Palette) -> list[go.Scatter]:
    """Step sizes within the limit of a quadratic, beyond it on some tasks, and on nearly all; and the limit on the median task."""
    return [
        area("within the limit", palette.stable, 0.22, showlegend=False),
        area("10–90% of tasks", palette.caution, 0.38),
        area("beyond the limit", palette.unstable, 0.3, showlegend=False),
        line("2/λ<sub>max</sub>", palette.unstable, 3, hovertemplate="2/λ<sub>max</sub> = %{y:.3g}<extra></extra>"),
    ]


def gauge_traces(palette: Palette) -> list[go.Scatter]:
    """The zones of stability, and alpha in them."""
    outline = {"color": palette.page, "width": 1.5}
    return [
        *_zones(palette),
        line("α", palette.text, 2, hoverinfo="skip", showlegend=False, meta=NOT_DATA),
        go.Scatter(
            x=[],
            y=[],
            name="α",
            mode="markers+text",
            marker={"color": palette.text, "size": 13, "symbol": "diamond", "line": outline},
            text=["<b>α</b>"],
            textposition="bottom center",
            textfont={"color": palette.text},
            hovertemplate="α = %{y:.3g}<extra></extra>",
            showlegend=False,
        ),
    ]


def gauge_axes(palette: Palette) -> dict[str, Any]:
    """One column of step sizes, on a log scale."""
    zone = {"xref": "paper", "x": 0.5, "xanchor": "center", "yref": "paper", "showarrow": False}
    axis = log_axis("", [-4.0, 1.0])
    decades = slice(None, None, 2)  # no 0.3, 3, ...: the scale is long and the chart slim
    return {
        "xaxis": {"visible": False, "range": [0, 1], "fixedrange": True},
        "yaxis": {**axis, "tickvals": axis["tickvals"][decades], "ticktext": axis["ticktext"][decades]},
        "annotations": [
            {**zone, "text": "beyond the limit", "y": 0.99, "yanchor": "top", "font": {"color": palette.text}},
            {**zone, "text": "within the limit", "y": 0.01, "yanchor": "bottom", "font": {"color": palette.text}},
        ],
        "margin": {"l": 46, "r": 6, "t": 8, "b": 10},
    }


def rates_traces(palette: Palette) -> list[go.Scatter]:
    """The zones of stability behind the learned rates."""
    hover = "%{y:.3g}<extra></extra>"
    return [
        *(zone.update(showlegend=False) for zone in _zones(palette)[:3]),
        _zones(palette)[3],
        line("α at the start", palette.muted, 2, "dash", hovertemplate=f"start: {hover}"),
        line("10–90% of a tensor", with_opacity(palette.text, 0.35), 5, hoverinfo="skip", showlegend=False),
        line("step to step", palette.text, 1.5, hoverinfo="skip", showlegend=False, legendgroup="learned rate"),
        points("learned rate", palette.text, 7, palette.page, hovertemplate=f"rate: {hover}"),
    ]


def rates_axes(palette: Palette) -> dict[str, Any]:
    """Parameter tensors against their step sizes."""
    return {
        "xaxis": columns("parameter tensor"),
        "yaxis": {
            "title": {"text": "inner step size"},
            "range": [0, 0.1],
            "nticks": 6,
            "zeroline": True,
            "zerolinecolor": palette.muted,
            "zerolinewidth": 1,
        },
        "margin": {"l": 62, "r": 8, "t": 8, "b": 44},
    }
