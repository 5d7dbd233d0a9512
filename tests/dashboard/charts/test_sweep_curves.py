"""The curves by the names of their traces and axes; their numbers exactly."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dashboard.charts import sweep_curves, sweep_pins
from dashboard.charts.sweep_curves import BINS, LANES, MOST_NUMBERS, MOST_WORDS, groups_of
from dashboard.charts.sweep_pins import PINS, PinsInfo, PinsLooks
from dashboard.setups.sweep_axes import axis_info
from dashboard.theme import DARK, LIGHT, Palette
from maml_core.records import PairedDifference
from maml_core.sweeps.axes import Axis
from tests.dashboard.charts.test_sweep_map import PROFILE, drawn, lanes_looks_of
from tests.dashboard.sweeps.results import ALPHA, sweep
from tests.dashboard.sweeps.test_info import OF_ALPHA_BETA

LANES_LOOKS = lanes_looks_of(sweep(), OF_ALPHA_BETA)


def test_the_curves_have_a_trace_for_each_colour() -> None:
    figure = LANES.figure(LIGHT, LANES_LOOKS)
    assert [trace.name for trace in figure.data] == ["0.01", "0.1", "selected"]
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("outer step", "held-out loss (MSE)")


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("count", range(1, 41))
def test_no_two_curves_look_alike_however_many_there_are(count: int, palette: Palette) -> None:
    names = tuple(f"word {number}" for number in range(count))
    traces = LANES.figure(palette, dataclasses.replace(LANES_LOOKS, color_names=names)).data[:-1]
    assert [trace.name for trace in traces] == list(names)
    assert len({(trace.line.color, trace.marker.color) for trace in traces}) == count
    # Who sees no colours tells them apart too.
    assert len({(trace.marker.symbol, trace.line.dash) for trace in traces}) == count
    assert (traces[0].line.color, traces[-1].line.color)[: min(count, 2)] in (
        (palette.along[0], palette.along[-1]),
        (palette.along[0],),
    )


@pytest.mark.parametrize("count", range(1, 61))
def test_every_word_has_curves_of_its_own_and_many_numbers_have_ranges(count: int) -> None:
    words = Axis(name="algorithm", values=tuple(f"word {number}" for number in range(count)))
    of_words = groups_of(axis_info(words, ()))
    assert len(of_words) == min(count, MOST_WORDS)
    assert (max(map(len, of_words)) == 1) == (count <= MOST_WORDS)
    numbers = tuple(0.01 * 1.1**number for number in range(count))
    of_numbers = groups_of(axis_info(Axis(name="alpha", values=numbers, log=True), ()))
    assert len(of_numbers) == (count if count <= MOST_NUMBERS else BINS)
    assert [value for group in of_numbers for value in group] == list(numbers)
    looks = LANES.figure(LIGHT, dataclasses.replace(LANES_LOOKS, color_names=tuple("x" for _ in of_words)))
    assert len(looks.data) == len(of_words) + 1


def test_their_numbers() -> None:
    _, lanes = drawn(sweep(ALPHA), PROFILE)
    found = {(trace, what): values.tolist() for trace, what, values in LANES.update(lanes, {})}
    assert found["color_0", "x"][:2] == [4.0, 8.0]
    assert found["color_1", "customdata"] == [1.0, 1.0, 1.0]
    figure = LANES.figure(LIGHT, lanes_looks_of(sweep(ALPHA), PROFILE))
    assert {trace for trace, _ in found} == set(figure.layout.meta["traces"]) - {sweep_curves.SELECTED}


PINNED = PinsInfo(
    numbers=(3, 5),
    steps=(np.array([0.0, 10.0, 20.0]), np.array([0.0, 10.0])),
    losses=(np.array([4.0, 2.0, 1.0]), np.array([4.0, np.nan])),
    stopped=(False, True),
    differences=(None, None),
    num_steps=20,
    num_compared=2,
)


def test_pinned_settings_have_a_line_each_by_their_letters() -> None:
    drawn = PINS.figure(LIGHT, PinsLooks("MSE", 2))
    assert [(trace.name, trace.line.dash) for trace in drawn.data] == [("A", "solid"), ("B", "dash")]
    assert drawn.layout.xaxis.title.text == "outer step"
    updates = PINS.update(PINNED, {})
    assert [(trace, key) for trace, key, _ in updates] == [("A", "x"), ("A", "y"), ("B", "x"), ("B", "y")]
    np.testing.assert_array_equal(updates[1][2], np.float32([4.0, 2.0, 1.0]))
    np.testing.assert_array_equal(updates[3][2], np.float32([4.0, np.nan]))


def test_pinned_settings_fit_their_chart() -> None:
    found = PINS.ranges(PINNED, None)
    assert found["xaxis"] == [0.0, pytest.approx(20.6)]
    low, high = found["yaxis"]
    assert low <= 0.0
    assert high >= np.log10(4.0)


def test_the_summary_says_what_the_settings_have_come_to():
    _, lanes = drawn(sweep(ALPHA), PROFILE)
    assert LANES.summary(lanes) == (
        "Held-out loss of every setting at the rungs, by α: 2 settings, at their newest rungs "
        "from 1 (α 0.01, outer step 8) to 2 (α 0.1, outer step 8)."
    )
    nothing = dataclasses.replace(lanes.curves, steps=(), values=(), numbers=(), names=())
    assert LANES.summary(dataclasses.replace(lanes, curves=nothing)).endswith("none is measured yet.")


def test_the_summary_of_pinned_settings_says_where_each_stands_and_how_they_differ():
    compared = dataclasses.replace(PINNED, stopped=(False, False), differences=(PairedDifference(0.5, 0.1, 100),))
    assert PINS.summary(compared) == (
        "Held-out loss of 2 pinned settings side by side: A 1 at outer step 20; "
        "B not a number at outer step 10 (from A: loss +0.5 ± 0.1, worse)."
    )
    assert "B diverged" in PINS.summary(PINNED)


def test_a_pinned_setting_is_told_apart_as_in_the_table_of_all_settings():
    """The same difference stood on one screen twice, as "better" and as "unclear"."""
    near = dataclasses.replace(PINNED, stopped=(False, False), differences=(PairedDifference(-0.5, 0.4, 100),))
    assert sweep_pins.differences(near) == [None, "loss −0.5 ± 0.4, better"]
    among = dataclasses.replace(near, num_compared=9)
    assert sweep_pins.differences(among) == [None, "loss −0.5 ± 0.4, not told apart"]
