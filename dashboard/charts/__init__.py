"""Info records to pictures: `figures` draws them once, `numbers` fills them, `words` says what they show.

A figure holds no data. It is made per `Looks` and per palette, and its traces are then filled frame by frame with
`update` and `ranges`; the order of the traces is the contract between the two files, and a test holds it.
"""

from dashboard.charts.figures import figure, figures_json
from dashboard.charts.looks import CHARTS, ChartId, Looks
from dashboard.charts.numbers import AnyInfo, Range, chart_id, ranges, update
from dashboard.charts.overlays import layers_layout, marks_layout, rates_layout
from dashboard.charts.words import subtitle, summary

__all__ = [
    "CHARTS",
    "AnyInfo",
    "ChartId",
    "Looks",
    "Range",
    "chart_id",
    "figure",
    "figures_json",
    "layers_layout",
    "marks_layout",
    "ranges",
    "rates_layout",
    "subtitle",
    "summary",
    "update",
]
