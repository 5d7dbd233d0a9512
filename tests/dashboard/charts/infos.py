"""Records of every chart, small and by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.adaptation import AdaptationInfo, Trajectory
from dashboard.charts.all import CHARTS
from dashboard.charts.arrows import ArrowsInfo
from dashboard.charts.chart import Chart
from dashboard.charts.classes import ClassesInfo
from dashboard.charts.coherence import CoherenceInfo
from dashboard.charts.directions import DirectionsInfo
from dashboard.charts.edge import EdgeInfo
from dashboard.charts.features import FeaturesInfo
from dashboard.charts.fit import FitInfo
from dashboard.charts.gauge import GaugeInfo
from dashboard.charts.label_orders import LabelOrdersInfo
from dashboard.charts.landscape import PANELS, LandscapeInfo
from dashboard.charts.layers import LayersInfo
from dashboard.charts.loss import LossInfo
from dashboard.charts.path import PathInfo
from dashboard.charts.random_plane import RandomPlaneInfo
from dashboard.charts.rates import RatesInfo
from dashboard.charts.results import Curves, Level
from dashboard.charts.scales import Previous, Range, Update
from dashboard.charts.shifts import ShiftsInfo
from dashboard.charts.spectrum import SpectrumInfo
from dashboard.charts.style import Looks
from dashboard.charts.surface import SurfaceInfo
from dashboard.charts.task_disk import TaskDiskInfo
from dashboard.theme import LIGHT, Palette

REFERENCE = (
    Level(name="always 0", value=4.2517, meaning="zero"),
    Level(name="best fixed", value=3.0057, meaning="fixed"),
)
GUESSING = (Level(name="guessing", value=0.2, meaning="of 5 classes"),)
LEVELS = Looks(levels=REFERENCE)
SHARES = Looks(metric="accuracy", levels=GUESSING, loss_name="cross-entropy")

NAMES = {
    "loss": [
        "newest ghost, training",
        "newest ghost, before",
        *["ghost 1", "ghost 2", "ghost 3", "ghost 4"],
        "training, raw",
        "training, smoothed",
        "held-out before (θ<sub>0</sub>)",
        "held-out after (θ<sub>N</sub>)",
        "second run",
        "number of a ghost",
        "shown",
        "now",
    ],
    "fit": [
        "test points (query)",
        "truth",
        "between",
        "after N steps (θ<sub>N</sub>), now",
        "before adapting (θ<sub>0</sub>)",
        "after N steps (θ<sub>N</sub>)",
        "second run",
        "at k (θ<sub>k</sub>)",
        "examples (support)",
    ],
    "images": [],
    "classes": [
        "guessing",
        "between",
        "before adapting (θ<sub>0</sub>)",
        "after N steps (θ<sub>N</sub>)",
        "still wrong",
        "at k (θ<sub>k</sub>)",
    ],
    "adaptation": [
        "N",
        *["random start, 95% CI", "joint pretraining, 95% CI", "from scratch, 95% CI", "oracle, 95% CI"],
        "MAML's start (θ<sub>0</sub>), 95% CI",
        *["ghost 1", "ghost 2", "ghost 3", "ghost 4"],
        "MAML's start (θ<sub>0</sub>) now",
        "your points",
        *["random start", "joint pretraining", "from scratch", "oracle", "MAML's start (θ<sub>0</sub>)"],
        "second run",
        "number of a ghost",
    ],
    "path": [
        "trail",
        "inner steps",
        "start (θ<sub>0</sub>), now",
        "first task",
        "downhill",
        "your points",
        "adapted (θ<sub>N</sub>)",
        "start (θ<sub>0</sub>)",
    ],
    "layers": ["10–90% of tasks", "inner steps", "adapted (θ<sub>N</sub>)", "start (θ<sub>0</sub>)"],
    "directions": [
        "two batches",
        *["first order, a batch", "first order", "first order, from 0", "first order, by layer"],
        *["joint, a batch", "joint", "joint, from 0", "joint, by layer"],
        *["the steps' way (θ<sub>0</sub> − θ<sub>N</sub>), a batch", "the steps' way (θ<sub>0</sub> − θ<sub>N</sub>)"],
        "the steps' way (θ<sub>0</sub> − θ<sub>N</sub>), from 0",
        "the steps' way (θ<sub>0</sub> − θ<sub>N</sub>), by layer",
    ],
    "arrows": [
        *[
            "inner steps",
            "adapted (θ<sub>N</sub>)",
            "meta-gradient",
            "first order",
            "joint",
            "the steps' way (θ<sub>0</sub> − θ<sub>N</sub>)",
        ],
        "start (θ<sub>0</sub>)",
    ],
    "task_disk": ["held-out task", "the task shown"],
    "coherence": ["halves of one task, 10–90%", "two tasks, 10–90%", "halves of one task", "two tasks"],
    "spectrum": [
        *[
            "start (θ<sub>0</sub>), 10–90% of tasks",
            "adapted (θ<sub>N</sub>), 10–90% of tasks",
            "limit (2/α)",
            "start (θ<sub>0</sub>)",
            "adapted (θ<sub>N</sub>)",
        ],
    ],
    "features": [
        *[
            "features stay (CKA), 10–90% of tasks",
            "features stay (CKA)",
            "weights move, 10–90% of tasks",
            "weights move",
        ],
    ],
    "edge": ["10–90% of tasks", "limit (2/λ<sub>max</sub>)", "α"],
    **{
        landscape: ["1 task, examples", "all, before", "all, after", "inner steps", "start (θ<sub>0</sub>)"]
        for landscape in ("landscape", "surface", "random_plane")
    },
    "label_orders": ["head zeroed", "a numbering"],
    "shifts": [
        *["as in training", "larger amplitude", "later phase", "higher frequency", "larger x", "more difficult"],
        "test classes",
    ],
    "rates": [
        *["within the limit", "10–90% of tasks", "beyond the limit", "limit (2/λ<sub>max</sub>)"],
        *["α at the start", "10–90% of a tensor", "step to step", "learned rate"],
    ],
    "gauge": [
        "within the limit",
        "10–90% of tasks",
        "beyond the limit",
        "limit (2/λ<sub>max</sub>)",
        "α",
        "α",
        "α, letter",
    ],
}


def array(*values: float | list[float]) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def loss_info(*, last: int = 400, after: float = 0.5, **more: object) -> LossInfo:
    curves = Curves(
        steps=array(0, 1, last),
        raw=array(4.0, 3.0, 0.6),
        smoothed_steps=array(0, last),
        smoothed=array(4.0, 0.7),
        held_out_steps=array(0, last),
        before=array(4.4, 3.6),
        after=array(3.9, after),
    )
    return LossInfo(**{"curves": curves, "levels": REFERENCE, **more})


def accuracy_info() -> LossInfo:
    curves = Curves(
        steps=array(0, 400),
        raw=array(0.0, 0.9),
        smoothed_steps=array(0, 400),
        smoothed=array(0.2, 0.612),
        held_out_steps=array(0, 400),
        before=array(0.2, 0.225),
        after=array(0.3, 0.75),
    )
    return LossInfo(metric="accuracy", curves=curves, levels=GUESSING)


def fit_info(n: int = 3) -> FitInfo:
    grid = np.linspace(-5, 5, 4)
    curves = np.arange(6)[:, None] + np.zeros(4)  # theta_k predicts k everywhere
    return FitInfo(
        grid=grid,
        truth=np.sin(grid),
        curves=curves,
        support_x=array(1, 2),
        support_y=array(3, 4),
        query_x=array(5),
        query_y=array(6),
        support_loss=1.0 / (1 + np.arange(6)),
        query_loss=2.0 / (1 + np.arange(6)),
        num_inner_steps=n,
    )


def classes_info(**changes: object) -> ClassesInfo:
    """Three classes, of which two have test points, two and one; theta_1 names one of them wrongly, and theta_2 none."""
    told = {
        "num_classes": 3,
        "num_support": 6,
        "labels": np.array([0, 0, 2]),
        "own": np.array([[0.2, 0.4, 0.3], [0.6, 0.3, 0.9], [0.7, 0.8, 0.95]]),
        "predicted": np.array([[1, 1, -1], [0, 1, 2], [0, 0, 2]]),
        "accuracy": array(0.0, 2 / 3, 1.0),
        "support_loss": array(1.2, 0.6, 0.3),
        "query_loss": array(1.3, 0.7, 0.2),
        "num_inner_steps": 1,
    }
    return ClassesInfo(**{**told, **changes})


def trajectory(*mean: float, diverged: float = 0.0) -> Trajectory:
    line = array(*mean)
    return Trajectory(
        mean=line,
        low=line - 0.1,
        high=line + 0.1,
        median=line,
        diverged_share=np.full(len(line), diverged),
        worse_share=np.full(len(line), 1.2 * diverged),
    )


def adaptation_info(**more: object) -> AdaptationInfo:
    lines = {"maml": trajectory(4, 1, 0.5), "joint": trajectory(4, 3, 2.5), "random": trajectory(5, 4, 3.5)}
    return AdaptationInfo(**{"num_inner_steps": 1, "trajectories": lines, **more})


def shares_info(diverged: float = 0.0) -> AdaptationInfo:
    lines = {"maml": trajectory(0.2, 0.75, 0.8, diverged=diverged), "random": trajectory(0.2, 0.35, 0.4)}
    of_shares = {name: dataclasses.replace(line, median=None) for name, line in lines.items()}
    return AdaptationInfo(num_inner_steps=1, trajectories=of_shares, metric="accuracy")


def layers_info(*far: float) -> LayersInfo:
    """One inner step that moves the layers so far, by up to twice as much on some tasks."""
    moved = array([0.0] * len(far), list(far))
    names = (*(f"conv {layer + 1}" for layer in range(len(far) - 1)), "head")
    return LayersInfo(names=names, low=moved, median=moved, high=2 * moved)


def path_info(scale: float = 1.0) -> PathInfo:
    paths = scale * np.array([[[1.0, 1.0], [2.0, 1.0]], [[1.0, 1.0], [1.0, 3.0]]])
    return PathInfo(paths=paths, trail=scale * np.array([[0.0, 0.0], [1.0, 1.0]]), explained=0.83)


def gauge_info(alpha: float = 0.01, limit: float = 0.2) -> GaugeInfo:
    return GaugeInfo(alpha=alpha, limit=limit, limit_low=limit / 2, limit_high=limit * 2)


def rates_info(**more: object) -> RatesInfo:
    """Three steps of two tensors, one rate each."""
    rates = array([0.02, -0.01], [0.03, 0.0], [0.04, 0.01])
    found = {"low": rates, "median": rates, "high": rates, "overall": 0.015, "start": 0.02}
    limits = {"limit": 0.2, "limit_low": 0.1, "limit_high": 0.4}
    return RatesInfo(**{"names": ("w0", "b0"), **found, **limits, **more})


def directions_info(**more: object) -> DirectionsInfo:
    """Two rules at N = 1 and 2, on two batches."""
    found = {
        "cosine": array([0.9, 0.8], [0.5, -0.1]),
        "by_batch": np.full((2, 2, 2), 0.7),
        "agreement": array(0.6, 0.3),
    }
    return DirectionsInfo(
        **{
            "rules": ("fomaml", "joint"),
            "steps": array(1, 2),
            "length_ratio": array([1.1, 1.2], [3.0, 4.0]),
            "layers": ("hidden 1", "head"),
            "by_layer": array([0.75, 0.85], [0.1, -0.1]),
            "num_inner_steps": 2,
            "batch_tasks": 25,
            **found,
            **more,
        }
    )


def arrows_info(**more: object) -> ArrowsInfo:
    """Two paths of two steps, and the directions of three rules."""
    found = {
        "paths": array([[0, 0], [1, 0], [2, 0]], [[0, 0], [0, 1], [0, 2]]),
        "arrows": array([0.3, 0.4], [0.4, 0.3], [0.1, 0.0]),
        "cosine": array(1.0, 0.9, 0.2),
    }
    told = {"explained": 0.9, "rules": ("maml", "fomaml", "joint"), "num_inner_steps": 2}
    return ArrowsInfo(**{**found, **told, **more})


def task_disk_info(**more: object) -> TaskDiskInfo:
    found = {"coordinates": array([1.0, 0.0], [-1.0, 0.5], [np.nan, np.nan]), "color": array(0.1, 3.0, 2.0)}
    found["amplitude"] = array(0.5, 5.0, 2.0)
    told = {"explained": 0.83, "r2": 0.91, "tells": "amplitude and phase", "shown": array(0.2, 0.1)}
    return TaskDiskInfo(**{**found, **told, **more})


def coherence_info(*means: float) -> CoherenceInfo:
    """At outer steps 0, 10, ...: halves of one task agree so much, two tasks not at all."""
    same = array(*([mean, mean - 0.1, mean + 0.1] for mean in means))
    return CoherenceInfo(
        steps=10.0 * np.arange(len(means)), same_task=same, two_tasks=0.0 * same, num_tasks=9, shown=len(means) - 1
    )


def spectrum_info(**more: object) -> SpectrumInfo:
    falls = array([40.0, 2.0], [50.0, 3.0], [60.0, 4.0])
    return SpectrumInfo(**{"at_theta_0": falls, "at_theta_n": 0.5 * falls, "bound": 100.0, "num_tasks": 9, **more})


def features_info(**more: object) -> FeaturesInfo:
    alike, moved = array([0.9, 0.4], [0.95, 0.5], [1.0, 0.6]), array([0.1, 0.2], [0.15, 0.3], [0.2, 2.0])
    return FeaturesInfo(**{"names": ("hidden 1", "head"), "similarity": alike, "moved": moved, "num_tasks": 50, **more})


def label_orders_info() -> LabelOrdersInfo:
    return LabelOrdersInfo(
        accuracy=array(0.73, 0.9, 1.0), zeroed=0.875, together=0.9, alone=0.9, asked_tasks=11, num_inner_steps=1
    )


def edge_info(*limits: float) -> EdgeInfo:
    """At outer steps 0, 100, ...: these limits beside alpha 0.02."""
    found = array(*limits)
    return EdgeInfo(
        steps=100.0 * np.arange(len(limits)),
        alpha=np.full(len(limits), 0.02),
        limit=found,
        low=0.5 * found,
        high=2.0 * found,
    )


def landscape_info(**more: object) -> LandscapeInfo:
    """A bowl on a grid of three by three."""
    axis = array(-1, 0, 1)
    loss = 1.0 + axis[:, None] ** 2 + 2.0 * axis**2
    losses = {"support": loss, "before": 2.0 * loss, "after": 0.5 * loss}
    at = {name: float(loss[1, 1]) for name, loss in losses.items()}
    path = array([0.0, 0.0], [0.3, 0.2], [5.0, 0.0])
    told = {"explained": 0.93, "at_theta_0": at, "num_tasks": 10}
    return LandscapeInfo(**{"axis": axis, "losses": losses, "path": path, **told, **more})


def shifts_info(**more: object) -> ShiftsInfo:
    found = {
        "median": {"inside": array(4.0, 0.12), "amplitude": array(9.0, 2.7), "phase_rad": array(4.0, 0.86)},
        "tasks": {"inside": "as in training", "amplitude": "amplitude 5 to 7.5", "phase_rad": "phase 3.14 to 4.71"},
        "diverged": {"inside": 0.0, "amplitude": 0.25, "phase_rad": 0.0},
    }
    return ShiftsInfo(**{**found, **more})


INFOS: list[Any] = [
    *[
        loss_info(),
        accuracy_info(),
        fit_info(),
        classes_info(),
        adaptation_info(),
        shares_info(),
        path_info(),
        layers_info(0.1, 0.5),
    ],
    *[gauge_info(), rates_info(), directions_info(), task_disk_info(), coherence_info(0.5), coherence_info(0.5, 0.7)],
    *[spectrum_info(), features_info(), label_orders_info(), shifts_info(), edge_info(0.2, 0.02), landscape_info()],
    *[RandomPlaneInfo(landscape=landscape_info()), SurfaceInfo(landscape=landscape_info()), arrows_info()],
]
EMPTY: list[Any] = [
    LossInfo(),
    fit_info(0),
    AdaptationInfo(num_inner_steps=0, trajectories={}),
    PathInfo(paths=np.zeros((0, 1, 2)), trail=np.zeros((0, 2)), explained=0.0),
    layers_info(0.0, 0.0),
    layers_info(np.inf, np.inf),
    dataclasses.replace(layers_info(0.1, 0.5), low=np.zeros((1, 2)), median=np.zeros((1, 2)), high=np.zeros((1, 2))),
    gauge_info(np.nan, np.inf),
    coherence_info(np.nan),
    edge_info(np.inf),
    landscape_info(
        path=np.zeros((1, 2)), losses={name: np.full((3, 3), np.inf) for name in ("support", "before", "after")}
    ),
    *[
        kind(landscape=landscape_info(path=np.zeros((1, 2)), losses=dict.fromkeys(PANELS, np.full((3, 3), np.nan))))
        for kind in (SurfaceInfo, RandomPlaneInfo)
    ],
    arrows_info(paths=np.zeros((2, 1, 2)), arrows=np.full((3, 2), np.nan)),
    spectrum_info(bound=np.nan, at_theta_n=np.full((3, 2), np.inf), at_theta_0=-np.ones((3, 2))),
    features_info(similarity=np.full((3, 2), np.nan), moved=np.full((3, 2), np.inf)),
    shifts_info(median={"inside": array(np.inf)}, diverged={"inside": 1.0}),
    directions_info(
        rules=("fomaml",),
        cosine=np.full((1, 2), np.nan),
        by_layer=np.full((1, 2), np.nan),
        agreement=array(np.nan, np.nan),
    ),
    task_disk_info(explained=np.nan, r2=np.nan, coordinates=np.full((3, 2), np.nan)),
]


def chart_of(info: Any) -> Chart[Any]:
    (found,) = (chart for chart in CHARTS if chart.info is type(info))
    return found


def figure(chart: str, palette: Palette, looks: Looks) -> go.Figure:
    (found,) = (each for each in CHARTS if each.id == chart)
    return found.figure(palette, looks)


def update(info: Any) -> list[Update]:
    return chart_of(info).update(info)


def ranges(info: Any, previous: Previous = None) -> Range:
    return chart_of(info).ranges(info, previous)


def summary(info: Any) -> str:
    return chart_of(info).summary(info)


def subtitle(info: Any) -> str:
    return chart_of(info).subtitle(info)


def legend_of(traces: Sequence[Any]) -> list[str]:
    """The names of a legend's entries: of all traces that have not left it."""
    return [trace.name for trace in traces if trace.showlegend is not False and trace.name]


def lines(info: Any) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    found: dict[str, dict[str, np.ndarray]] = {}
    for trace, axis, values in update(info):
        found.setdefault(trace, {})[axis] = values
    return {trace: (axes["x"], axes["y"]) for trace, axes in found.items()}


def named(info: Any) -> dict[str, list[list[float]]]:
    names = {name: trace.name for name, trace in chart_of(info).traces(LIGHT, LEVELS).items()}
    return {names[trace]: [x.tolist(), y.tolist()] for trace, (x, y) in lines(info).items()}
