"""Closer look: which layers' features adaptation keeps, and how far it moves each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import columns, line, points
from dashboard.charts.chart import Chart
from dashboard.charts.closer import MEASURING, cosine, is_chosen, looked
from dashboard.charts.glossary import Card
from dashboard.charts.layers import layers_layout
from dashboard.charts.phrases import number, tasks
from dashboard.charts.results import Array, Results
from dashboard.charts.scales import Line, Previous, Range, bands, kept, linear_span, within_columns
from dashboard.charts.style import Looks
from dashboard.theme import Palette, with_opacity
from maml_core.analysis_records import LayerChanges, middle

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturesInfo:
    """How alike the outputs of P layers are before and after adaptation, and how far their parameters move; quantiles over tasks."""

    names: tuple[str, ...]
    similarity: Array
    """Linear CKA, 0..1; 10%, 50% and 90% quantiles over tasks, [3, P]. NaN where outputs do not vary."""
    moved: Array
    """||theta_N - theta_0|| / ||theta_0|| likewise."""
    num_tasks: int


def features_info(of: Results) -> FeaturesInfo | None:
    """The record of a run; None while it is not open, or not measured."""
    found = looked(of, "features", "layers")
    if found is None:
        return None
    changes: LayerChanges = found.found
    return FeaturesInfo(
        names=changes.layers,
        similarity=middle(changes.similarity),
        moved=middle(changes.moved),
        num_tasks=len(changes.moved),
    )


# --- The figure -------------------------------------------------------------------------------------------------------


def _traces(palette: Palette, _looks: Looks) -> dict[str, go.Scatter]:
    """A column a layer: how alike its outputs stay at the left, how far it moves at the right."""
    looks = {
        "similarity": ("features stay (CKA)", palette.theta_0, "square"),
        "moved": ("weights move", palette.theta_N, "circle"),
    }
    found: dict[str, go.Scatter] = {}
    for name, (label, color, symbol) in looks.items():
        band = line(f"{label}, 10–90% of tasks", with_opacity(color, 0.35), 5, hoverinfo="skip", showlegend=False)
        found[f"{name}_spread"] = band.update(legendgroup=label)
        found[name] = points(label, color, 9, palette.page, symbol, hovertemplate="%{y:.3g}<extra></extra>")
    return found


def _axes(_palette: Palette, _looks: Looks) -> dict[str, Any]:
    return {
        "xaxis": columns("layer"),
        "yaxis": {"title": {"text": "CKA, and share moved"}, "range": [-0.05, 1.05], "nticks": 6},
        "margin": {"l": 52, "r": 8, "t": 8, "b": 44},
    }


def _patch(of: Results, palette: Palette) -> dict[str, Any] | None:
    found = looked(of, "features", "layers")
    return None if found is None else layers_layout(found.found.layers, palette)


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _lines(info: FeaturesInfo) -> dict[str, Line]:
    x = within_columns(2, len(info.names))
    found: dict[str, Line] = {}
    for at, (name, (low, median, high)) in enumerate((("similarity", info.similarity), ("moved", info.moved))):
        found[f"{name}_spread"] = bands(x[at : at + 1], low[None], high[None])
        found[name] = (x[at], median)
    return found


def _ranges(info: FeaturesInfo, previous: Previous) -> Range:
    moved = info.moved[1][np.isfinite(info.moved[1])]
    highest = max(1.0, float(moved.max(initial=0.0)))
    span = [-0.05, 1.05] if highest == 1.0 else linear_span(0.0, highest, kept(previous, "yaxis"))
    return {"xaxis": [0.0, float(len(info.names))], "yaxis": span}


# --- Words ------------------------------------------------------------------------------------------------------------

_CARD = Card(
    "For each layer, whether its outputs before and after adaptation are alike, and how far its weights move, as a share of their length. "
    "CKA is 1 where outputs are the same up to rotation and scale. Where the body stays near 1, adaptation reuses its features; where it falls, "
    "they are learned anew.",
    {
        "similarity": "Linear CKA of the layer's outputs at θ_0 and at θ_N, the median over held-out tasks.",
        "moved": "||θ_N − θ_0|| / ||θ_0|| of the layer's weights, the median over held-out tasks.",
    },
    ("adaptation", "held-out"),
)


def _summary(info: FeaturesInfo) -> str:
    layers = ", ".join(
        f"{name} {cosine(float(alike))} and {number(float(far))}"
        for name, alike, far in zip(info.names, info.similarity[1], info.moved[1], strict=True)
    )
    return f"CKA of each layer's outputs before and after adaptation, and how far its weights move, median over {tasks(info.num_tasks)}: {layers}."


def _subtitle(info: FeaturesInfo) -> str:
    alike, moved = info.similarity[1], info.moved[1]
    if np.isnan(alike).all():
        return "No layer's outputs vary: there is nothing to compare."
    least = int(np.nanargmin(alike))
    says = f"Least alike: {info.names[least]}, CKA {cosine(float(alike[least]))}."
    if not np.isfinite(moved).any():
        return says
    most = int(np.nanargmax(np.where(np.isfinite(moved), moved, np.nan)))
    return f"{says} Furthest moved: {info.names[most]}, {number(float(moved[most]))} of its length."


FEATURES = Chart(
    id="features",
    title="Are features reused?",
    hint=MEASURING,
    card=_CARD,
    info=FeaturesInfo,
    make=features_info,
    traces=_traces,
    axes=_axes,
    lines=_lines,
    ranges=_ranges,
    summary=_summary,
    subtitle=_subtitle,
    tab="Features",
    look="layers",
    belongs=is_chosen("features"),
    patch=_patch,
)
