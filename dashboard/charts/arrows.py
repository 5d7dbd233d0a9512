"""Closer look: which way the meta-gradient and simpler rules would move theta_0, as arrows in the plane of the inner paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import line, points, weight_plane
from dashboard.charts.chart import Chart
from dashboard.charts.closer import MEASURING, around, cosine, is_chosen, looked
from dashboard.charts.directions import RULES
from dashboard.charts.glossary import TERMS, Card, plain
from dashboard.charts.names import ADAPTED, START
from dashboard.charts.phrases import percent
from dashboard.charts.results import Array, Results
from dashboard.charts.scales import Line, Previous, Range, arrows_joined, joined
from dashboard.charts.style import Looks
from dashboard.theme import Palette, with_opacity
from maml_core.analysis_records import Arrows

_LONG = 1.5
"""The longest arrow over the longest path, along an axis."""
_SMALL_SHARE = 0.3
"""Share of its length: an arrow that keeps less of it in the plane points mostly out of it."""

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrowsInfo:
    """Directions of steepest descent at theta_0, in the plane of P inner paths."""

    paths: Array
    """theta_0..theta_N of P tasks, [P, N + 1, 2]."""
    explained: float
    """Share of the paths' squared length that lies in the plane, 0..1."""
    rules: tuple[str, ...]
    """``maml``, and what is beside it."""
    arrows: Array
    """Unit vectors in the plane, [1 + R, 2]; their length is the share of the direction that lies in it. NaN where a direction is zero."""
    cosine: Array
    """Cosine of each direction with the meta-gradient in the whole space, [1 + R]."""
    num_inner_steps: int


def arrows_info(of: Results) -> ArrowsInfo | None:
    """The record of a run; None while it is not open, or not measured."""
    looked_at = looked(of, "arrows", "arrows")
    if looked_at is None:
        return None
    found: Arrows = looked_at.found
    return ArrowsInfo(
        paths=found.paths.paths,
        explained=found.paths.explained,
        rules=("maml", *found.directions.rules),
        arrows=found.directions.arrows[:, 0],
        cosine=np.array([1.0, *found.directions.cosine[:, 0, 0]]),
        num_inner_steps=found.directions.num_inner_steps[0],
    )


# --- The figure -------------------------------------------------------------------------------------------------------

_NAMES = {"maml": "meta-gradient", **RULES}


def _traces(palette: Palette, _looks: Looks) -> dict[str, go.Scatter]:
    """The inner paths, thin, and an arrow a rule from theta_0 on."""
    looks = {
        "maml": (palette.text, 3.5, "solid"),
        "fomaml": (palette.theta_N, 2.5, "solid"),
        "joint": (palette.joint, 2.5, "dash"),
        "reptile": (palette.query, 2.5, "dashdot"),
    }
    return {
        "inner_steps": line("inner steps", with_opacity(palette.theta_N, 0.45), 1.5, hoverinfo="skip"),
        "theta_N": points(ADAPTED, palette.theta_N, 6, palette.page, hoverinfo="skip", showlegend=False),
        **{rule: line(_NAMES[rule], *look, hoverinfo="name") for rule, look in looks.items()},
        "theta_0": points(START, palette.theta_0, 10, palette.page, "square", hoverinfo="name"),
    }


def _axes(_palette: Palette, _looks: Looks) -> dict[str, Any]:
    return weight_plane()


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _lines(info: ArrowsInfo) -> dict[str, Line]:
    paths = np.where(np.isfinite(info.paths), info.paths, np.nan)
    start = info.paths[0, 0]
    found: dict[str, Line] = {
        "inner_steps": joined(list(paths[:, :, 0]), list(paths[:, :, 1])),
        "theta_N": (paths[:, -1, 0], paths[:, -1, 1]),
        "theta_0": (start[:1], start[1:]),
        **dict.fromkeys(_NAMES, ([], [])),
    }
    for rule, tip in zip(info.rules, _tips(info), strict=True):
        if np.isfinite(tip).all():
            found[rule] = arrows_joined([np.stack([start, tip])])
    return found


def _tips(info: ArrowsInfo) -> Array:
    """Where the arrows end, [1 + R, 2]: they all have one scale, so that their lengths compare among themselves."""
    start, finite = info.paths[0, 0], np.isfinite(info.paths)
    reach = float(np.abs(np.where(finite, info.paths - start, 0.0)).max(initial=0.0)) or 1.0
    lengths = np.linalg.norm(info.arrows, axis=1)
    longest = float(lengths[np.isfinite(lengths)].max(initial=0.0)) or 1.0
    tips: Array = start + _LONG * reach / longest * info.arrows
    return tips


def _ranges(info: ArrowsInfo, previous: Previous) -> Range:
    return around(np.concatenate([info.paths.reshape(-1, 2), _tips(info)]), previous)


# --- Words ------------------------------------------------------------------------------------------------------------

_CARD = Card(
    "Which way downhill is for θ_0: the meta-gradient, and what simpler rules would take for it, each on the same held-out tasks, as they are seen in the plane "
    "of the inner paths. Lengths compare the shares of the directions that lie in this plane, not the sizes of steps. Most of a direction may point out of the "
    "plane: the line above says how much of it is seen, and Directions compares them in the whole space.",
    {
        "inner_steps": "The inner steps of some of the tasks.",
        "maml": "Downhill by the whole meta-gradient.",
        "fomaml": "Downhill by the query gradient at θ_N, without the way back through the inner steps (FOMAML).",
        "joint": "Downhill by the query gradient at θ_0, as if nothing adapted.",
        "reptile": "Where the inner steps have moved, θ_N − θ_0, which is where Reptile goes.",
        "theta_0": TERMS["θ_0"],
    },
    ("outer step", "inner step", "held-out"),
)


def _shares(info: ArrowsInfo) -> Array:
    shares: Array = np.linalg.norm(info.arrows, axis=1)
    return shares


def _summary(info: ArrowsInfo) -> str:
    told = ", ".join(
        f"{plain(_NAMES[rule])} {percent(float(share))} of its length in the plane, cosine {cosine(float(angle))}"
        for rule, share, angle in zip(info.rules, _shares(info), info.cosine, strict=True)
        if np.isfinite(share)
    )
    return f"Directions of steepest descent at θ_0 in a plane that holds {percent(info.explained)} of the inner paths, at N = {info.num_inner_steps}: {told}."


def _subtitle(info: ArrowsInfo) -> str:
    share = float(_shares(info)[0])
    if np.isnan(share):
        return "The meta-gradient is zero, or there is no plane."
    only = "only " if share < _SMALL_SHARE else ""
    shown = f"The plane holds {percent(info.explained)} of the paths."
    return f"{shown} At N = {info.num_inner_steps} it shows {only}{percent(share)} of the meta-gradient's length."


ARROWS = Chart(
    id="arrows",
    title="Downhill, in the plane",
    hint=MEASURING,
    card=_CARD,
    info=ArrowsInfo,
    make=arrows_info,
    traces=_traces,
    axes=_axes,
    lines=_lines,
    ranges=_ranges,
    summary=_summary,
    subtitle=_subtitle,
    tab="Arrows",
    look="arrows",
    belongs=is_chosen("arrows"),
)
