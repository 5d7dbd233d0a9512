"""What a chart of the sensitivity screen is. Its figure depends on the sweep that is looked at, where a live chart's depends on the set-up alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import plotly.graph_objects as go

from dashboard.charts.scales import Previous, Range, Update
from dashboard.theme import PALETTES, Palette

Info = TypeVar("Info")
Looks = TypeVar("Looks")


def _no_matrix(*_: object) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepChart(Generic[Info, Looks]):
    """From a record to the figure that fits it, and to the numbers and words that go into it. Traces go by name here and on the page."""

    id: str
    looks: Callable[[Info, str], Looks]
    """What the figure depends on; takes the record and the name of the loss."""
    figure: Callable[[Palette, Looks], go.Figure]
    """The chart with all its traces, empty."""
    ranges: Callable[[Info, Previous], Range]
    """What its axes and colours span; what they spanned before is kept while it still serves."""
    update: Callable[[Info, Range], list[Update]]
    """Every array of the record; takes what the axes span."""
    subtitle: Callable[[Info], str]
    """The line under the title."""
    summary: Callable[[Info], str]
    """Its content in a plain sentence, for the aria-label."""
    shape: Callable[[Info], tuple[int, int] | None] = _no_matrix
    """Rows and columns of its matrices; None where it has none."""

    def figures(self, looks: Looks) -> dict[str, dict[str, Any]]:
        """The figure as plain JSON values: ``{"light": {id: figure}, "dark": {...}}``."""
        return {
            name: {self.id: json.loads(self.figure(palette, looks).to_json())} for name, palette in PALETTES.items()
        }
