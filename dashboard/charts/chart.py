"""What a chart of the live page is: one file of this folder ends in one, and `all` lists them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import plotly.graph_objects as go

from dashboard.charts.basics import layout
from dashboard.charts.glossary import Card, card_help
from dashboard.charts.results import Level, Results
from dashboard.charts.scales import Line, Previous, Range, Update, filled
from dashboard.charts.style import Looks
from dashboard.theme import Palette
from dashboard.wire.packing import Floats
from maml_core.config import RunConfig

Info = TypeVar("Info")


def _always(*_: object) -> bool:
    return True


def _never(*_: object) -> str:
    return ""


def _none(*_: object) -> None:
    return None


def _no_bytes(*_: object) -> bytes:
    return b""


def _nothing(*_: object) -> dict[str, Any]:
    return {}


def _no_updates(*_: object) -> Sequence[Update]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart(Generic[Info]):
    """From results to a record, from the record to numbers and words; and the figure, without numbers, that they go into.

    Traces go by name here and on the page; where one lies in its figure is the figure's own affair.
    """

    id: str
    title: str
    hint: str
    """The line under the title while there is nothing to say yet."""
    card: Card
    """Its explanation, and those of its traces that the legend names."""
    info: type[Info]
    """Its record."""
    make: Callable[[Results], Info | None]
    """The record of a run; None where it has nothing to show."""
    traces: Callable[[Palette, Looks], Mapping[str, Any]]
    """Its traces by name, in drawing order, empty."""
    axes: Callable[[Palette, Looks], dict[str, Any]]
    """Its own part of Plotly's layout."""
    lines: Callable[[Info], Mapping[str, Line]]
    """Numbers of the traces, by name; of those that the page fills, none."""
    ranges: Callable[[Info, Previous], Range]
    """What its axes span; what they spanned before is kept while it still serves. An axis that is missing stays as the figure has it."""
    summary: Callable[[Info], str]
    """Its content in a plain sentence, for the aria-label."""
    subtitle: Callable[[Info], str]
    """The short line under the title, with live numbers where there are any."""
    accuracy_title: str = ""
    """The title where the metric is the accuracy, if that is another one."""
    is_of_a_moment: bool = True
    """Whether it shows the run at one outer step, and not the whole of it."""
    withholds: frozenset[str] = frozenset()
    """Measures of lessons (`maml_core.lessons.measures`) that it leaves out where `Results.withheld` names them; of all others it is covered."""
    is_of_the_task: bool = False
    """Whether it shows one task, that of its viewer."""
    shows_now: bool = False
    """Whether it also shows now, in grey, beside an earlier outer step."""
    tab: str = ""
    """What it is called in the list of the charts that share one place; empty for a chart that has a place of its own."""
    look: str = ""
    """The look of `maml_core.analysis.looks.LOOKS` that it shows; empty where it needs none."""
    remembers: bool = False
    """Whether it also shows what earlier looks have found while it was open."""
    belongs: Callable[[RunConfig, str], bool] = _always
    """Whether a run of this set-up has it, by the chart that is chosen for the movement of the parameters."""
    why_empty: Callable[[RunConfig], str] = _never
    """Why there is nothing to show of such a run, in a sentence; empty where there is."""
    patch: Callable[[Results, Palette], dict[str, Any] | None] = _none
    """What its layout has of this run alone; None before that is known."""
    more: Callable[[Info, Floats, bytes | None], dict[str, Any]] = _nothing
    """What it adds to a frame's header besides its traces; takes the frame's floats and the pixels, None where the page has them."""
    pixels: Callable[[Info], bytes] = _no_bytes
    """What is sent only where the page does not have it."""
    others: Callable[[Info], Sequence[Update]] = _no_updates
    """Arrays of its traces besides those along x and y."""
    lasting: frozenset[str] = frozenset()
    """Traces whose numbers stay as they are: a frame has them only where the page has not."""
    content: Callable[[Info], bytes] = _no_bytes
    """What makes a record another one, besides its words and the numbers of its traces."""

    def figure(self, palette: Palette, looks: Looks) -> go.Figure:
        """The chart with all its traces, empty."""
        title = self.accuracy_title if self.accuracy_title and looks.metric == "accuracy" else self.title
        traces, axes = self.traces(palette, looks), self.axes(palette, looks)
        return assembled(traces, axes, palette, self.card, title=title, hint=self.hint, levels=looks.levels)

    def update(self, info: Info) -> list[Update]:
        """Every array of the record."""
        return [*filled(self.lines(info)), *self.others(info)]


def assembled(
    traces: Mapping[str, Any],
    axes: Mapping[str, Any],
    palette: Palette,
    card: Card,
    *,
    title: str,
    hint: str = "",
    levels: Iterable[Level] = (),
) -> go.Figure:
    """A figure of named traces. What stands in ``layout.meta`` is for the page: the card's title, a first subtitle, its explanation, the
    palette, and the names of the traces as they lie.

    Args:
        traces: By name, in drawing order.
        axes: What the layout has besides what all charts share.
        palette: `theme.LIGHT` or `theme.DARK`.
        card: The explanations.
        title: Of the card. Titles use Plotly's ``<sub>``; the page reads the same text for its own legends.
        hint: The first subtitle.
        levels: Reference levels that are drawn.
    """
    meta = {
        "title": title,
        "hint": hint,
        "palette": dataclasses.asdict(palette),
        "help": card_help(card, traces, levels),
        "traces": list(traces),
    }
    placed = go.Layout(layout(palette))
    placed.update(meta=meta, **axes)
    return go.Figure(data=list(traces.values()), layout=placed)
