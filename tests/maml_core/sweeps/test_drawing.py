"""Figures of sweeps: what is in the files, and what cannot be drawn."""

from __future__ import annotations

import dataclasses
import io
import json
import sys
from typing import get_args
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from maml_core.config import GlyphsConfig, RunConfig
from maml_core.errors import ConfigError
from maml_core.records import Numbers
from maml_core.sweeps import drawing
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.definition import Setting, SweepConfig, fingerprint, sweep_to_dict
from maml_core.sweeps.drawing import Kind, figure_bytes
from maml_core.sweeps.result_colors import BEST_TO_WORST
from maml_core.sweeps.results import LaneResult, SettingResult, refused, result_of
from maml_core.sweeps.sampling import settings_of
from tests.maml_core.sweeps.test_importance import made

ALPHA = Axis(name="alpha", values=(0.01, 0.1, 1.0), log=True)
ALGORITHM = Axis(name="algorithm", values=("maml", "fomaml"))
SWEEP = SweepConfig(axes=(ALPHA, ALGORITHM), num_seeds=5)


def results_of(sweep: SweepConfig) -> list[SettingResult]:
    """The loss grows with alpha, and at alpha = 1 first order diverges."""
    found = made(sweep, lambda alpha, name="maml": np.inf if (alpha, name) == (1.0, "fomaml") else 0.3 * np.log(alpha))
    steps = np.array([0.0, 4.0, 8.0])
    return [dataclasses.replace(one, steps=steps, curve=np.array([3.0, 2.0, one.value])) for one in found]


def text_of(svg: bytes) -> str:
    """Title and description; letters of the drawing are paths."""
    return " ".join(element.text or "" for element in ElementTree.fromstring(svg).iter())


@pytest.mark.parametrize("kind", get_args(Kind))
def test_each_kind_is_drawn_with_its_set_up_in_the_file(kind: Kind) -> None:
    results = results_of(SWEEP)
    svg = figure_bytes("my $sweep_1", SWEEP, results, kind, "svg")
    assert svg == figure_bytes("my $sweep_1", SWEEP, results, kind, "svg")
    words = text_of(svg)
    assert fingerprint(SWEEP) in words
    kept, _ = json.JSONDecoder().raw_decode(words[words.index("{") :])
    assert kept == {"sweep": "my $sweep_1", "fingerprint": fingerprint(SWEEP), "set_up": sweep_to_dict(SWEEP)}
    assert svg != figure_bytes("my $sweep_1", SWEEP, results[:-2], kind, "svg")


def test_other_formats_say_the_same_of_themselves() -> None:
    results = results_of(SWEEP)
    picture = Image.open(io.BytesIO(figure_bytes("one", SWEEP, results, "map", "png")))
    assert json.loads(picture.info["Description"])["set_up"] == sweep_to_dict(SWEEP)
    pdf = figure_bytes("one", SWEEP, results, "map", "pdf")
    assert pdf.startswith(b"%PDF")
    assert fingerprint(SWEEP).encode() in pdf
    page = figure_bytes("<one>", SWEEP, results, "importance", "html").decode()
    assert page.startswith("<!doctype html>")
    assert "<title>&lt;one&gt;: importance</title>" in page
    assert "Mean over the other axes, the held-out loss is " in page
    assert fingerprint(SWEEP) in page


@pytest.mark.parametrize("kind", ["map", "curves"])
def test_what_is_left_out_is_marked_and_said(kind: Kind) -> None:
    results = results_of(SWEEP)
    last = results[-1]
    without = [*results[:-1], refused(Setting(last.number, last.values), "why")]
    assert "1 of the" not in figure_bytes("one", SWEEP, results, kind, "html").decode()
    assert f"1 of the {SWEEP.size} settings is left out (" in figure_bytes("one", SWEEP, without, kind, "html").decode()
    assert figure_bytes("one", SWEEP, without, "map", "svg") != figure_bytes("one", SWEEP, results[:-1], "map", "svg")


def test_what_is_not_known_is_not_drawn() -> None:
    one = dataclasses.replace(SWEEP, num_seeds=1)
    with pytest.raises(ConfigError, match="cannot be told from what the seed does"):
        figure_bytes("one", one, results_of(one), "importance", "svg")
    with pytest.raises(ConfigError, match="none of this one has"):
        figure_bytes("one", SWEEP, [results_of(SWEEP)[-1]], "map", "svg")


@pytest.mark.parametrize("is_of_classes", [False, True])
def test_the_best_cell_is_the_darkest_and_the_bar_says_so(is_of_classes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    base = RunConfig(tasks=GlyphsConfig()) if is_of_classes else RunConfig()
    of = SweepConfig(base=base, axes=(ALPHA, Axis(name="beta", values=(0.001, 0.01))))
    places = range(1, 1 + of.size)
    results = [
        result_of(of, Setting(place - 1, values), (lane_of(0.1 * place),), done=True)
        for place, (_, values) in zip(places, settings_of(of) or (), strict=True)
    ]
    monkeypatch.setitem(drawing._RC, "svg.fonttype", "none")
    svg = figure_bytes("one", of, results, "map", "svg")
    begin, end = ("worse", "better (dark)") if is_of_classes else ("better (dark)", "worse")
    assert f"{begin} ← held-out {'accuracy' if is_of_classes else 'loss'} → {end}" in text_of(svg)
    picture = np.asarray(Image.open(io.BytesIO(figure_bytes("one", of, results, "map", "png"))).convert("RGB"))

    def places_of(color: str) -> Numbers:
        rows_and_columns: Numbers = np.argwhere(
            (picture == [int(color[at : at + 2], 16) for at in (1, 3, 5)]).all(axis=-1)
        )
        return rows_and_columns

    best, worst = (places_of(color) for color in (BEST_TO_WORST[0], BEST_TO_WORST[-1]))
    assert min(len(best), len(worst)) > 0.05 * picture.shape[0] * picture.shape[1]  # a sixth of the map each
    is_left = best[:, 1].mean() < worst[:, 1].mean()  # values rise with alpha
    assert is_left != is_of_classes


def lane_of(value: float) -> LaneResult:
    """A lane with this loss and this accuracy."""
    nothing = dict.fromkeys(LaneResult._fields, 0.0) | {"task_values": b""}
    return LaneResult(**(nothing | {"seed": 0, "status": "ok", "step": 1000, "loss": value, "accuracy": value}))


def test_without_matplotlib_a_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'maml-live\[figures\]'"):
        figure_bytes("one", SWEEP, results_of(SWEEP), "map", "svg")


MANY = Axis(name="alpha", values=tuple(0.001234 * 1.3**i for i in range(24)), log=True)
LONG = "a-very-long-name-of-a-sweep-which-somebody-has-chosen-to-tell-it-apart"


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("axis", [ALPHA, MANY], ids=["few", "many"])
def test_nothing_runs_out_of_the_figure(kind: Kind, axis: Axis) -> None:
    sweep = dataclasses.replace(SWEEP, axes=(axis, ALGORITHM))
    png = figure_bytes(LONG, sweep, results_of(sweep), kind, "png")
    picture = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
    edges = {"top": picture[:2], "bottom": picture[-2:], "left": picture[:, :2], "right": picture[:, -2:]}
    assert [side for side, pixels in edges.items() if pixels.min() < 255] == []


def test_numbers_that_have_no_room_beside_each_other_are_written_slantwise() -> None:
    few, many = (
        figure_bytes("one", sweep, results_of(sweep), "map", "svg").decode()
        for sweep in (SWEEP, dataclasses.replace(SWEEP, axes=(MANY, ALGORITHM)))
    )
    assert "rotate(-35" not in few
    assert "rotate(-35" in many


def test_of_a_sweep_under_way_it_says_the_best_so_far() -> None:
    page = figure_bytes("one", SWEEP, results_of(SWEEP)[:-2], "map", "html").decode()
    assert "When 4 of 6 settings were finished: The best of " in page


def test_a_scale_that_spans_little_has_numbers_enough() -> None:
    from matplotlib.figure import Figure

    for low, high, fewest in ((3.3, 3.9, 3), (0.4, 2.0, 3), (0.01, 40.0, 4)):
        axes = Figure().add_subplot()
        axes.plot([0, 1], [low, high])
        drawing._result_axis(axes, SWEEP)
        axes.figure.canvas.draw()
        shown = [tick.get_text() for tick in (*axes.get_yticklabels(), *axes.get_yticklabels(minor=True))]
        assert sum(low <= float(text) <= high for text in shown if text) >= fewest, (low, high, shown)
