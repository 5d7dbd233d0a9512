"""The gauge: its zones, its scale, how it judges."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dashboard.charts.gauge import AT_IDENTITY
from maml_core.records import InnerDescent
from tests.dashboard.charts.infos import (
    gauge_info,
    lines,
    ranges,
    subtitle,
    summary,
)


def test_gauge_zones_meet() -> None:
    zones = [y for _, y in list(lines(gauge_info(alpha=0.05)).values())]
    np.testing.assert_allclose(zones[0], [1e-9, 1e-9, 0.1, 0.1])
    np.testing.assert_allclose(zones[1], [0.1, 0.1, 0.4, 0.4])
    np.testing.assert_allclose(zones[2][:2], [0.4, 0.4])
    np.testing.assert_allclose(zones[5], [0.05])


def test_the_gauge_scale_holds_every_usual_alpha() -> None:
    assert ranges(gauge_info(alpha=1e-3)) == ranges(gauge_info(alpha=1.0)) == {"xaxis": [0, 1], "yaxis": [-4, 1]}
    assert ranges(gauge_info(alpha=1e-6))["yaxis"][0] == -8


@pytest.mark.parametrize("alpha", [100.0, 30.0, 2.0, 1.2])
def test_alpha_keeps_out_of_the_name_at_the_top(alpha: float) -> None:
    """The name and the marker are 26 pixels high together, and the least axis of a card beside others 134."""
    low, high = ranges(gauge_info(alpha=alpha))["yaxis"]
    assert (high - np.log10(alpha)) / (high - low) >= 0.2


@pytest.mark.parametrize("alpha", [1e-7, 1e-4, 3e-4, 1e-3, 3e-3, 0.02, 0.3, 10.0])
def test_the_letter_of_alpha_keeps_out_of_the_name_at_the_bottom(alpha: float) -> None:
    """Under the marker's middle the letter reaches 23 pixels down, and the name is 19 high, of the 134 of the least axis."""
    info = gauge_info(alpha=alpha)
    low, high = ranges(info)["yaxis"]
    letters = lines(info)["alpha_name"][1]
    below, above = np.isfinite(letters)  # as the trace has their places
    assert below != above
    np.testing.assert_allclose(letters[below ^ 1], alpha)
    assert above or (np.log10(alpha) - low) / (high - low) >= (23 + 19) / 134
    if above:
        assert (high - np.log10(alpha)) / (high - low) >= (23 + 19) / 134


def test_the_gauge_says_of_what_its_limit_is() -> None:
    assert "2/λ_max of the head is 0.2" in summary(dataclasses.replace(gauge_info(), of="of the head"))
    turned = dataclasses.replace(gauge_info(alpha=0.1), of=AT_IDENTITY)
    assert subtitle(turned) == "α is 0.5 × limit at M = I"


@pytest.mark.parametrize(
    ("lower", "higher", "raised", "words"),
    [
        (0.97, 0.03, 0.39, "5 × limit; loss falls on 97%"),
        (0.94, 0.06, 0.69, "5 × limit; overshoots on 69%"),
        (0.2, 0.8, 0.8, "5 × limit; overshoots on 80%"),
        (0.1, 0.2, 0.3, "5 × limit; loss rises on 20%"),
        (0.0, 0.0, 0.0, "5 × limit; loss stays as it is"),
    ],
)
def test_the_gauge_says_what_the_inner_steps_did(lower: float, higher: float, raised: float, words: str) -> None:
    """Far beyond the limit of a quadratic a run may learn well: what is said follows what was measured."""
    info = dataclasses.replace(
        gauge_info(alpha=1.0, limit=0.2), descent=InnerDescent(1.0, 3, 32, lower, higher, raised)
    )
    assert subtitle(info) == words
    assert f"on {100 * raised:.0f}% some step raises it" in summary(info)


def test_below_0_the_gauge_names_no_limit_and_marks_no_place() -> None:
    info = gauge_info(alpha=-0.02)
    assert subtitle(info) == "α is below 0: the inner steps climb."
    assert "no limit of a descent holds" in summary(info)
    assert np.isnan(lines(info)["alpha"][1]).all()
    assert lines(gauge_info(alpha=0.0))["alpha"][1][0] > 0.0
    assert ranges(info) == ranges(gauge_info(alpha=0.02))


def test_one_step_that_raises_the_loss_ends_higher_and_is_said_so() -> None:
    found = InnerDescent(1.0, 1, 32, 0.2, 0.8, 0.8)
    assert (
        subtitle(dataclasses.replace(gauge_info(alpha=1.0, limit=0.2), descent=found)) == "5 × limit; loss rises on 80%"
    )


@pytest.mark.parametrize(
    ("alpha", "words"),
    [
        (0.01, "within it for nearly all"),
        (0.15, "on some tasks"),
        (0.3, "on most tasks"),
        (0.4, "on nearly all tasks"),  # as large as the limit of nine tasks in ten
        (0.5, "on nearly all tasks"),
    ],
)
def test_the_gauge_judges(alpha: float, words: str) -> None:
    assert words in summary(gauge_info(alpha=alpha))


@pytest.mark.parametrize(
    ("lower", "higher", "words"),
    [
        (0.5, 0.5, "loss falls on 50%"),
        (0.0, 0.03, "loss rises on 3%"),
        (0.0, 0.004, "loss rises on less than 1%"),
    ],
)
def test_shares_of_tasks_are_said_to_a_per_cent(lower: float, higher: float, words: str) -> None:
    found = InnerDescent(1.0, 3, 1000, lower, higher, 0.3)
    assert subtitle(dataclasses.replace(gauge_info(), descent=found)).endswith(words)
