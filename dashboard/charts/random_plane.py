"""Closer look: the losses of the landscape over two random directions, to compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard.charts.chart import Chart
from dashboard.charts.closer import MEASURING, is_chosen, looked
from dashboard.charts.glossary import TERMS, Card
from dashboard.charts.landscape import (
    STEEP,
    LandscapeInfo,
    landscape_of,
    log_losses,
    panel_axes,
    panel_lines,
    panel_ranges,
    pictures,
)
from dashboard.charts.phrases import number, percent
from dashboard.charts.results import Results
from dashboard.charts.scales import Line, Previous, Range, Update, float32
from dashboard.charts.style import Looks
from dashboard.theme import Palette

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomPlaneInfo:
    """The losses of a landscape whose plane is a random one."""

    landscape: LandscapeInfo


def random_plane_info(of: Results) -> RandomPlaneInfo | None:
    """The record of a run; None while it is not open, or not measured."""
    found = looked(of, "random_plane", "random_plane")
    return None if found is None else RandomPlaneInfo(landscape=landscape_of(found.found))


# --- The figure -------------------------------------------------------------------------------------------------------


def _traces(palette: Palette, looks: Looks) -> dict[str, Any]:
    return pictures(palette, f"log<sub>10</sub> of the {looks.loss_name} over that at θ<sub>0</sub>")


def _axes(palette: Palette, looks: Looks) -> dict[str, Any]:
    """Those of the landscape, but that shades reach over a fixed range: what hardly changes has one."""
    axes, reach = panel_axes(palette, looks), float(np.log10(STEEP))
    return {**axes, "coloraxis": {**axes["coloraxis"], "cmin": -reach, "cmax": reach}}


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _lines(info: RandomPlaneInfo) -> dict[str, Line]:
    return panel_lines(info.landscape)


def _shades(info: RandomPlaneInfo) -> Sequence[Update]:
    """Each panel's losses over its own at theta_0."""
    middle = len(info.landscape.axis) // 2
    logs = log_losses(info.landscape)
    return [(name, "z", float32((found - found[middle, middle]).ravel())) for name, found in logs.items()]


def _ranges(info: RandomPlaneInfo, previous: Previous) -> Range:
    return panel_ranges(info.landscape, previous)


# --- Words ------------------------------------------------------------------------------------------------------------

_CARD = Card(
    "The three losses of Landscape over a plane of two random directions, as far from θ_0 as the path goes: in a space of so many dimensions, a random step "
    "meets next to nothing of the few directions that matter. Shades tell the loss beside that at θ_0, over the same range whatever is seen: one shade is "
    "a loss that hardly changes. Compare with Landscape before you call a loss flat.",
    {"path": "What the plane shows of the first task's inner steps.", "theta_0": TERMS["θ_0"]},
    ("support", "query", "adaptation"),
)


def _summary(info: RandomPlaneInfo) -> str:
    return f"Losses in a plane of two random directions. {_subtitle(info)}"


def _subtitle(info: RandomPlaneInfo) -> str:
    loss, path = info.landscape.losses["support"], info.landscape.path
    known = loss[np.isfinite(loss)]
    if not len(known):
        return "No loss in this plane is finite."
    holds = (
        "With N = 0 there is no path."
        if len(path) == 1
        else f"It holds {percent(info.landscape.explained)} of the path."
    )
    return f"{holds} One task's support loss: {number(float(known.min()))} to {number(float(known.max()))} over the whole square."


RANDOM_PLANE = Chart(
    id="random_plane",
    title="Random directions",
    hint=MEASURING,
    card=_CARD,
    info=RandomPlaneInfo,
    make=random_plane_info,
    traces=_traces,
    axes=_axes,
    lines=_lines,
    others=_shades,
    ranges=_ranges,
    summary=_summary,
    subtitle=_subtitle,
    tab="Random plane",
    look="random_plane",
    belongs=is_chosen("random_plane"),
)
