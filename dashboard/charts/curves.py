"""Losses or accuracies: while meta-training, and of held-out tasks against the inner step."""

from __future__ import annotations

import math
from typing import Any

import plotly.graph_objects as go

from dashboard.charts.basics import area, line, log_axis
from dashboard.charts.looks import LEARNERS, NOT_DATA, ONCE_THERE, SHARES, THETA_0, Looks
from dashboard.charts.overlays import reference_levels
from dashboard.info import Learner
from dashboard.theme import Palette, with_opacity


def loss_traces(palette: Palette, looks: Looks) -> list[go.Scatter]:
    """The run before, training, and held-out tasks before and after adaptation."""
    number = _hover(looks)
    return [
        line("previous run", palette.ghost, 2, "dash", hoverinfo="skip", meta=ONCE_THERE),
        *(
            line(
                f"previous run, {when}",
                palette.ghost,
                2,
                "dash",
                hoverinfo="skip",
                showlegend=False,
                legendgroup="previous run",
            )
            for when in ("before", "after")
        ),
        line("training, raw", palette.query_pale, 1, hoverinfo="skip"),
        line("training, smoothed", palette.query, 2.5, hovertemplate=number),
        line("held-out before", palette.theta_0, 2.5, hovertemplate=number),
        line("held-out after", palette.theta_N, 2.5, hovertemplate=number),
        # The newest point of the three curves above: where they are now, and all there is before the first outer step.
        go.Scatter(
            x=[],
            y=[],
            name="now",
            mode="markers",
            marker={
                "color": [palette.query, palette.theta_0, palette.theta_N],
                "size": 8,
                "line": {"color": palette.page, "width": 1},
            },
            hoverinfo="skip",
            showlegend=False,
            meta=NOT_DATA,
        ),
    ]


def loss_axes(palette: Palette, looks: Looks) -> dict[str, Any]:
    """Outer steps against the metric, with the reference levels across."""
    return {
        "xaxis": {
            "title": {"text": "outer step"},
            "range": [0, 100],
            "tickformat": "~s",
            "hoverformat": ",d",
            "nticks": 7,
        },
        "yaxis": _metric_axis(looks, looks.axis_title),
        "hovermode": "x unified",
        "uirevision": looks.uirevision,
        # Room on the right for the reference levels' names, on top for the marks'.
        "margin": {"l": 58, "r": 104, "t": 20, "b": 40},
        **reference_levels(palette, looks.levels, looks.metric),
    }


def _learner_names(looks: Looks) -> dict[Learner, str]:
    """The run by its algorithm; the baselines that adapt say so where they do it by another rule."""
    plain = ", plain α" if looks.own_rule else ""
    return {
        "maml": f"{looks.algorithm}'s {THETA_0}",
        "joint": f"joint pretraining{plain}",
        "random": f"random start{plain}",
        "oracle": "oracle",
        "scratch": "from scratch",
    }


def adaptation_traces(palette: Palette, looks: Looks) -> list[go.Scatter]:
    """A mean and its band for every learner, and the line at N."""
    names = _learner_names(looks)
    colors: dict[Learner, str] = {
        "maml": palette.theta_N,
        "joint": palette.joint,
        "random": palette.random,
        "oracle": palette.oracle,
        "scratch": palette.scratch,
    }
    dashes: dict[Learner, str] = {
        "maml": "solid",
        "joint": "dash",
        "random": "dot",
        "oracle": "dashdot",
        "scratch": "longdash",
    }
    at_n = line("N", with_opacity(palette.muted, 0.6), 1, hoverinfo="skip", showlegend=False, meta=NOT_DATA)
    bands = [
        area(
            f"{names[learner]}, 95% CI",
            colors[learner],
            0.2,
            legendgroup=names[learner],
            showlegend=False,
        )
        for learner in LEARNERS
    ]
    means = [
        line(
            names[learner],
            colors[learner],
            3 if learner == "maml" else 2.5,
            dashes[learner],
            hovertemplate=_hover(looks),
            showlegend=learner in looks.learners,
        )
        for learner in LEARNERS
    ]
    return [at_n, *bands, *means]


def adaptation_axes(looks: Looks) -> dict[str, Any]:
    """Inner steps against the metric."""
    title = f"inner step ({looks.own_rule})" if looks.own_rule else "inner step"
    return {
        "xaxis": {
            "title": {"text": title},
            "range": [-0.2, 10.2],
            "tick0": 0,
            "dtick": math.ceil(max(looks.evaluation_steps, 1) / 10),
            "tickformat": "d",
        },
        "yaxis": _metric_axis(looks, f"held-out {looks.axis_title}"),
        "hovermode": "x unified",
        "uirevision": looks.uirevision,
        "margin": {"l": 58, "r": 12, "t": 8, "b": 40},
    }


def _metric_axis(looks: Looks, title: str) -> dict[str, Any]:
    """The axis of losses or of accuracies."""
    if looks.metric == "loss":
        return log_axis(title, [-1.0, 1.0])
    return {
        "title": {"text": title},
        "range": SHARES,
        "tick0": 0,
        "dtick": 0.2,
        "tickformat": ".0%",
    }


def _hover(looks: Looks) -> str:
    return "%{y:.1%}" if looks.metric == "accuracy" else "%{y:.4g}"
