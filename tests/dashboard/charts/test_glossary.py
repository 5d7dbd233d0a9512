"""Every chart, card, legend entry, term and control is explained, by name; what is added without an explanation fails here."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import plotly.graph_objects as go
import pytest

from dashboard.charts import glossary, names, sweep_curves, sweep_edge, sweep_frozen, sweep_map, sweep_pins, sweep_rank
from dashboard.charts.all import CHARTS
from dashboard.charts.glossary import Card
from dashboard.charts.loss import LOSS, reference_levels
from dashboard.charts.results import Metric
from dashboard.charts.style import LEARNERS, Looks
from dashboard.charts.sweep_curves import LANES, LanesLooks
from dashboard.charts.sweep_edge import SWEEP_EDGE, SweepEdgeLooks
from dashboard.charts.sweep_frozen import FROZEN, FrozenLooks
from dashboard.charts.sweep_map import MAP, MapLooks
from dashboard.charts.sweep_pins import PINS, PinsLooks
from dashboard.charts.sweep_rank import RANK, RankLooks
from dashboard.setups.algorithms import NAMES
from dashboard.theme import DARK, LIGHT, Palette
from maml_core.config import GlyphsConfig, RunConfig
from maml_core.records import Levels
from tests.dashboard.charts.infos import legend_of

CARDS: dict[str, Card] = {
    **{chart.id: chart.card for chart in CHARTS},
    "map": sweep_map.CARD,
    "rank": sweep_rank.CARD,
    "lanes": sweep_curves.CARD,
    "sweep_edge": sweep_edge.CARD,
    "frozen": sweep_frozen.CARD,
    "pins": sweep_pins.CARD,
    "settings": glossary.SETTINGS,
}
WEB = Path(glossary.__file__).parents[1] / "web"


def looks_of_maps(
    metric: Metric = "loss",
    *,
    y: str = "β",
    is_grid: bool = True,
) -> MapLooks:
    return MapLooks(
        x="α",
        x_ticks=(),
        y=y,
        y_ticks=(),
        metric=metric,
        loss_name="MSE",
        is_grid=is_grid,
        across=8,
    )


def looks_of_lanes(
    metric: Metric = "loss",
    color_names: tuple[str, ...] = ("0.01", "0.02", "0.04", "0.08", "0.16", "0.32", "0.64"),
) -> LanesLooks:
    return LanesLooks(color="α", color_names=color_names, metric=metric, loss_name="MSE")


@cache
def all_figures(palette: Palette = LIGHT) -> tuple[tuple[str, go.Figure], ...]:
    """Every card of both screens, in every form that it takes."""
    return tuple(_figures(palette))


def _figures(palette: Palette) -> Iterator[tuple[str, go.Figure]]:
    levels = Levels(zero=4.0, non_adapting=3.0)
    rules = (("", ()), ("only the head adapts", (("joint", 1200), ("oracle", 7))))
    for name, (own_rule, since) in itertools.product(NAMES.values(), rules):
        looks = Looks(
            since=since,
            algorithm=name,
            own_rule=own_rule,
            learners=frozenset(LEARNERS),
            beside="2 α",
            levels=reference_levels(RunConfig(), levels, "loss"),
        )
        yield from ((chart.id, chart.figure(palette, looks)) for chart in CHARTS)
    guessing = reference_levels(RunConfig(tasks=GlyphsConfig()), levels, "accuracy")
    shares = Looks(metric="accuracy", levels=guessing)
    yield from ((chart.id, chart.figure(palette, shares)) for chart in CHARTS)
    for metric, y, is_grid in itertools.product(get_args(Metric), ("β", ""), (True, False)):
        yield "map", MAP.figure(palette, looks_of_maps(metric, y=y, is_grid=is_grid))
        yield "rank", RANK.figure(palette, RankLooks(metric, "MSE", 3, is_dense=not is_grid, is_pinned=not is_grid))
        yield "lanes", LANES.figure(palette, looks_of_lanes(metric))
        yield "sweep_edge", SWEEP_EDGE.figure(palette, SweepEdgeLooks(color="α", color_names=("0.01", "0.1")))
        yield "frozen", FROZEN.figure(palette, FrozenLooks(metric, "MSE", 8))
    yield "pins", PINS.figure(palette, PinsLooks("MSE", 6))


def test_every_card_of_both_screens_is_explained_in_three_sentences_at_most() -> None:
    assert {card for card, _ in all_figures()} == set(CARDS) - {"settings"}
    for name, card in CARDS.items():
        sentences = re.split(r"(?<=[.?]) (?=[A-Z])", card.text)
        assert 2 <= len(sentences) <= 3, name
        assert card.text.endswith("."), name


def test_every_legend_entry_and_level_is_explained() -> None:
    for card, drawn in all_figures():
        said = drawn.layout.meta["help"]
        assert said["text"] == CARDS[card].text
        assert set(said["legend"]) == set(legend_of(drawn.data)), card
        assert all(len(text) > 15 for text in said["legend"].values()), card
        listed = {glossary.plain(term) for term, _ in said["terms"]}
        for note in drawn.layout.annotations:
            if note.name == "level":
                assert note.text.split("<br>")[0] in listed, card


def test_a_symbol_that_a_legend_may_leave_out_stands_in_its_explanation() -> None:
    """Where there is little room a name is its words alone: what they stand for is then found on hover, focus and tap."""
    seen = set()
    for card, drawn in all_figures():
        said = drawn.layout.meta["help"]
        for name, forms in said["shorter"].items():
            symbols = re.findall(r"θ_\w|support|query", glossary.plain(name))
            assert not any("θ" in form or "(" in form for form in forms), name
            assert [forms[0], *forms] == sorted([forms[0], *forms], key=len, reverse=True), name
            assert all(symbol in said["legend"][name] for symbol in symbols), (card, name)
            seen.add(name)
    assert {names.BEFORE, names.AFTER, names.SUPPORT, names.QUERY, names.START, names.ADAPTED} <= seen


def test_nothing_is_explained_that_is_not_there() -> None:
    named: dict[str, set[str]] = {}
    for card, drawn in all_figures():
        shown = {
            name
            for name, trace in zip(drawn.layout.meta["traces"], drawn.data, strict=True)
            if trace.name in legend_of([trace])
        }
        named.setdefault(card, set()).update(shown)
    for card, entries in named.items():
        assert set(CARDS[card].legend) <= entries, card
    used = {term for card in CARDS.values() for term in card.terms}
    entries = " ".join(text for card in CARDS.values() for text in card.legend.values())
    rows = {"right", "θ_k"}  # of the task's table
    assert [term for term in glossary.TERMS.keys() - used - rows if glossary.TERMS[term] not in entries] == []


def test_a_new_entry_without_an_explanation_is_named() -> None:
    with pytest.raises(KeyError, match="moon"):
        glossary.card_help(LOSS.card, {"moon": go.Scatter(name="moon")})


def test_every_dial_and_row_of_the_page_finds_its_words() -> None:
    said = glossary.page_help()
    dials = re.findall(r"^  (\w+): \{ log: ", (WEB / "live/dials.js").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(dials) == sorted(said["dials"])
    assert {"θ_0", "θ_k", "θ_N", "support", "query", "right"} <= set(said["terms"])


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_no_two_entries_of_a_legend_are_told_apart_by_colour_only(palette: Palette) -> None:
    for card, drawn in all_figures(palette):
        looks = [_without_colour(trace) for trace in drawn.data if trace.showlegend is not False and trace.name]
        assert len(looks) == len(set(looks)), card


def _without_colour(trace: Any) -> tuple[Any, ...]:
    """What is left of a legend's picture in achromatopsia; a ghost's lines are paler than a run's, and have its number."""
    ghost = trace.name.rpartition(",")[0] or trace.name if "ghost" in trace.name else ""
    if trace.fill == "toself":
        return ("area", trace.fillcolor)
    marker = (trace.marker.symbol, trace.marker.size) if "markers" in trace.mode else None
    line = (trace.line.dash or "solid", trace.line.width) if "lines" in trace.mode else None
    return ghost, line, marker
