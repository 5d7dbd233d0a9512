"""The live page's charts: a new one is a file of this folder and a line here."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from dashboard.charts.adaptation import ADAPTATION
from dashboard.charts.arrows import ARROWS
from dashboard.charts.chart import Chart
from dashboard.charts.classes import CLASSES
from dashboard.charts.coherence import COHERENCE
from dashboard.charts.directions import DIRECTIONS
from dashboard.charts.edge import EDGE
from dashboard.charts.features import FEATURES
from dashboard.charts.fit import FIT
from dashboard.charts.gauge import GAUGE
from dashboard.charts.images import IMAGES
from dashboard.charts.label_orders import LABEL_ORDERS
from dashboard.charts.landscape import LANDSCAPE
from dashboard.charts.layers import LAYERS
from dashboard.charts.loss import LOSS
from dashboard.charts.path import PATH
from dashboard.charts.random_plane import RANDOM_PLANE
from dashboard.charts.rates import RATES
from dashboard.charts.results import Results
from dashboard.charts.shifts import SHIFTS
from dashboard.charts.spectrum import SPECTRUM
from dashboard.charts.style import Looks
from dashboard.charts.surface import SURFACE
from dashboard.charts.task_disk import TASK_DISK
from dashboard.theme import PALETTES
from maml_core.config import RunConfig

CLOSER: tuple[Chart[Any], ...] = (
    DIRECTIONS,
    ARROWS,
    TASK_DISK,
    COHERENCE,
    LANDSCAPE,
    SURFACE,
    RANDOM_PLANE,
    EDGE,
    SPECTRUM,
    FEATURES,
    LABEL_ORDERS,
    SHIFTS,
)
"""Closer looks, of which one stands in the place of the paths, and another in that of the held-out tasks; computed for whoever has them open."""

CHARTS: tuple[Chart[Any], ...] = (LOSS, FIT, IMAGES, CLASSES, ADAPTATION, PATH, LAYERS, *CLOSER, GAUGE, RATES)
"""In the order in which the page shows them."""

SHARING: dict[str, Chart[Any]] = {chart.id: chart for chart in CHARTS if chart.tab}
"""Charts of which one is shown at a time, in one place."""


def infos(results: Results) -> list[tuple[Chart[Any], Any]]:
    """The charts of a run that have something to show, each with its record."""
    found = ((chart, chart.make(results.for_chart(chart.id))) for chart in CHARTS)
    return [(chart, info) for chart, info in found if info is not None]


def charts_of(config: RunConfig, weights_chart: str = "path", tasks_chart: str = ADAPTATION.id) -> tuple[str, ...]:
    """The charts that a run has: learned rates take the gauge's place, images and classes the curves', paths, layers and closer looks share one, and a second
    closer look may take that of the held-out tasks.
    """
    return tuple(chart.id for chart in _own(config, weights_chart, tasks_chart))


def why_empty(config: RunConfig, weights_chart: str = "path", tasks_chart: str = ADAPTATION.id) -> dict[str, str]:
    """Charts of such a run that have nothing to show of it, each with the reason in a sentence."""
    own = _own(config, weights_chart, tasks_chart)
    return {chart.id: reason for chart in own if (reason := chart.why_empty(config))}


def _own(config: RunConfig, weights_chart: str, tasks_chart: str) -> list[Chart[Any]]:
    def belongs(chart: Chart[Any]) -> bool:
        if chart is ADAPTATION:
            return tasks_chart == chart.id
        return chart.id == tasks_chart or chart.belongs(config, weights_chart)

    return [chart for chart in CHARTS if belongs(chart)]


def layouts(results: Results) -> dict[str, dict[str, Any]]:
    """What a run's charts have besides their looks, for both palettes: marks and reference lines, and the names of the learned rates and layers."""
    found: dict[str, dict[str, Any]] = {}
    for chart in CHARTS:
        of = results.for_chart(chart.id)
        patches: dict[str, Any] = {name: chart.patch(of, palette) for name, palette in PALETTES.items()}
        if None not in patches.values():
            found[chart.id] = patches
    return found


def figures_json(looks: Looks, charts: Collection[Chart[Any]] = CHARTS) -> dict[str, dict[str, Any]]:
    """Figures as plain JSON values: ``{"light": {id: figure}, "dark": {...}}``."""
    return {
        name: {chart.id: json.loads(chart.figure(palette, looks).to_json()) for chart in charts}
        for name, palette in PALETTES.items()
    }
