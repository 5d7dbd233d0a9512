"""What figures are put together from: lines, points, areas, axes, and the layout that they share."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from dashboard.theme import Palette, with_opacity

UIREVISION = "maml"
_FONT_SIZE = 13
_FONT = "Source Sans, Source Sans Pro, Segoe UI, Helvetica, Arial, sans-serif"


def layout(palette: Palette) -> dict[str, Any]:
    """What all charts share. Margins are fixed: measuring labels costs Plotly a second pass at every redraw."""
    axis = {
        "gridcolor": palette.grid,
        "linecolor": palette.grid,
        "tickcolor": palette.grid,
        "zeroline": False,
        "automargin": False,
        "ticklabeloverflow": "allow",  # or Plotly measures every label at every redraw: a quarter of its time
        "title": {"font": {"color": palette.muted, "size": _FONT_SIZE}, "standoff": 6},
        "tickfont": {"color": palette.muted},
        # The line under a unified hover box.
        "spikecolor": palette.muted,
        "spikethickness": 1,
        "spikedash": "dot",
    }
    return {
        "template": {},
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "font": {"family": _FONT, "size": _FONT_SIZE, "color": palette.text},
        "margin": {"l": 52, "r": 12, "t": 8, "b": 40},
        "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "bgcolor": "rgba(0, 0, 0, 0)"},
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": palette.page, "bordercolor": palette.grid, "font": {"color": palette.text}},
        "uirevision": UIREVISION,
        "xaxis": axis,
        "yaxis": axis,
    }


def weight_plane() -> dict[str, Any]:
    """The axes of a plane in weight space: its two main directions, on one scale so that lengths compare, and without numbers, since a direction
    of weight space has no unit worth reading.
    """
    bare = {"showticklabels": False, "ticks": "", "nticks": 6, "range": [-1, 1]}
    return {
        "xaxis": {**bare, "title": {"text": "main direction", "standoff": 4}},
        "yaxis": {**bare, "title": {"text": "second direction", "standoff": 4}, "scaleanchor": "x"},
        "margin": {"l": 26, "r": 8, "t": 8, "b": 26},
    }


def line(name: str, color: str, width: float, dash: str = "solid", **more: Any) -> go.Scatter:
    """A trace of lines, empty."""
    more = {"legendgroup": name, **more}
    return go.Scatter(
        x=[],
        y=[],
        name=name,
        mode="lines",
        line={"color": color, "width": width, "dash": dash},
        **more,
    )


def points(name: str, color: str, size: float, outline: str, symbol: str = "circle", **more: Any) -> go.Scatter:
    """A trace of points, empty."""
    marker = {
        "color": color,
        "size": size,
        "symbol": symbol,
        "line": {"color": outline, "width": 1.5 if size > 8 else 0.5},
    }
    return go.Scatter(x=[], y=[], name=name, mode="markers", marker=marker, legendgroup=name, **more)


def area(name: str, color: str, opacity: float, **more: Any) -> go.Scatter:
    """A trace that fills an outline, empty."""
    fill = with_opacity(color, opacity)
    return go.Scatter(
        x=[], y=[], name=name, mode="lines", line={"width": 0}, fill="toself", fillcolor=fill, hoverinfo="skip", **more
    )


def verbatim(name: str) -> str:
    """A name or a value that people gave, as text for Plotly, which reads HTML.

    >>> verbatim("<b>a & b</b>")
    '&lt;b&gt;a &amp; b&lt;/b&gt;'
    """
    return html.escape(name, quote=False)


def log_axis(title: str, decades: Sequence[float]) -> dict[str, Any]:
    """A log axis that can name 1, 1.5, 2, 3, 5, 7, 10, ...: Plotly's own choice puts bare small digits between the decades.

    The page names as many of them as its height has room for.
    """
    values = [factor * 10.0**exponent for exponent in range(-9, 10) for factor in (1, 1.5, 2, 3, 5, 7)]
    return {
        "type": "log",
        "range": list(decades),
        "title": {"text": title},
        "tickmode": "array",
        "tickvals": values,
        "ticktext": [tick(value) for value in values],
    }


def tick(value: float) -> str:
    """What stands at a tick of a logarithmic axis."""
    if 9e-4 < value < 9e3:
        return f"{value:.4g}"
    exponent = math.floor(math.log10(value * 1.01))
    factor = round(value / 10.0**exponent)
    return f"10<sup>{exponent}</sup>" if factor == 1 else f"{factor}·10<sup>{exponent}</sup>"


def columns(title: str) -> dict[str, Any]:
    """Columns of one unit each; their names stand under them and come with the layout of a run."""
    ticks = {"showticklabels": False, "ticks": "", "tickmode": "linear", "tick0": 0, "dtick": 1, "range": [0, 1]}
    return {**ticks, "title": {"text": title, "standoff": 24}}


def column_names(shown: Mapping[int, str], palette: Palette) -> dict[str, Any]:
    """Names under columns, as a layout patch.

    Args:
        shown: The columns that are named.
        palette: The same as the figure's.
    """
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
            for at, name in shown.items()
        ]
    }
