"""Axes fit the data: whatever the numbers are, they are held, they are not squeezed, what ran away flattens nothing, and nothing trembles."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dashboard.charts.adaptation import AdaptationInfo, Trajectory
from dashboard.charts.gauge import GaugeInfo
from dashboard.charts.loss import LossInfo
from dashboard.charts.rates import RatesInfo
from dashboard.charts.results import Curves, Level
from dashboard.charts.scales import decades
from dashboard.charts.sweep_frozen import FROZEN, FrozenInfo
from dashboard.charts.sweep_map import CASING, LIMIT, MAP
from dashboard.charts.sweep_pins import PINS, PinsInfo
from dashboard.charts.sweep_places import map_info
from dashboard.charts.sweep_settings import View, setting_info
from maml_core.sweeps.axes import Axis
from tests.dashboard.charts.infos import array, ranges, update
from tests.dashboard.sweeps.results import result, sweep

LOSSES = st.floats(1e-8, 1e8)


def trajectory(mean: list[float], spread: float = 0.2) -> Trajectory:
    line = np.array(mean)
    none = np.zeros(len(line))
    return Trajectory(
        mean=line, low=line * (1 - spread), high=line * (1 + spread), median=line, diverged_share=none, worse_share=none
    )


def adaptation(**lines: list[float]) -> AdaptationInfo:
    return AdaptationInfo(num_inner_steps=1, trajectories={name: trajectory(mean) for name, mean in lines.items()})


@given(st.lists(LOSSES, min_size=1, max_size=30), st.lists(LOSSES, min_size=1, max_size=30))
def test_a_log_axis_holds_its_data_is_filled_by_them_and_stays(before: list[float], now: list[float]) -> None:
    kept = decades([np.array(now)], decades([np.array(before)], None))
    logs = np.log10(now)
    assert kept[0] <= logs.min()
    assert logs.max() <= kept[1]
    span = kept[1] - kept[0]
    assert span <= 0.7 or logs.max() - logs.min() >= 0.3 * span
    assert decades([np.array(now)], kept) == kept


def test_the_adaptation_axis_is_not_squeezed_at_the_start() -> None:
    info = adaptation(maml=[4.4, 3.9, 3.6], random=[4.6, 4.1, 3.8])
    low, high = 10 ** np.array(ranges(info)["yaxis"])
    assert (low, high) == pytest.approx((2.0, 7.0))
    # A run that explodes first and comes back does not leave its axis behind.
    wide = ranges(adaptation(maml=[4.4, 40.0, 44.0], random=[4.6, 4.1, 0.03]))
    assert 10 ** np.array(ranges(info, wide)["yaxis"]) == pytest.approx((2.0, 7.0))


@given(st.floats(1e3, 1e9), st.sampled_from(["joint", "random", "maml"]))
def test_who_explodes_flattens_nobody(height: float, who: str) -> None:
    calm = {"maml": [4.0, 1.0, 0.5], "joint": [3.9, 3.5, 3.4], "random": [4.1, 4.0, 3.9]}
    low, high = 10 ** np.array(ranges(adaptation(**{**calm, who: [4.0, height, 100 * height]}))["yaxis"])
    assert high <= 70.0
    assert low <= 0.5 or who == "maml"


@pytest.mark.parametrize("spread", [0.1, 0.6, 0.9])
def test_bands_are_not_cut(spread: float) -> None:
    info = AdaptationInfo(num_inner_steps=1, trajectories={"maml": trajectory([4.0, 2.0, 1.0], spread)})
    low, high = 10 ** np.array(ranges(info)["yaxis"])
    assert low <= 1.0 - spread
    assert high >= 4.0 * (1 + spread)


@given(st.floats(1e4, 1e12), st.integers(1, 40))
def test_a_diverged_stretch_does_not_keep_the_loss_axis(height: float, length: int) -> None:
    losses = np.concatenate([np.full(50, 3.0), np.full(length, height)])
    steps = np.arange(len(losses), dtype=float)
    curves = Curves(
        steps=steps,
        raw=losses,
        smoothed_steps=steps,
        smoothed=losses,
        held_out_steps=steps,
        before=losses,
        after=losses,
    )
    low, high = 10 ** np.array(
        ranges(LossInfo(curves=curves, levels=(Level(name="always 0", value=4.25, meaning=""),)))["yaxis"]
    )
    assert low <= 3.0
    assert high <= 70.0


def test_losses_of_any_size_have_an_axis() -> None:
    """Tasks of large numbers are no divergence."""
    info = adaptation(maml=[4e6, 2e6, 1e6])
    low, high = 10 ** np.array(ranges(info)["yaxis"])
    assert low <= 0.8e6
    assert 4.8e6 <= high <= 1e7


def test_one_pinned_setting_that_explodes_does_not_flatten_the_others() -> None:
    steps = array(0, 10, 20)
    info = PinsInfo(
        stopped=(False, False),
        numbers=(1, 2),
        steps=(steps, steps),
        losses=(array(4, 1, 0.5), array(4, 1e6, 1e9)),
        num_steps=20,
        differences=(),
        num_compared=2,
    )
    assert 10 ** PINS.ranges(info, None)["yaxis"][1] <= 70.0


ALPHAS = st.floats(1e-6, 100.0)
OTHERS: dict[str, Any] = {
    "num_inner_steps": (1, 5, 20),
    "beta": (0.001, 0.01),
    "algorithm": ("maml", "reptile"),
    "": (),
}


@given(
    st.lists(st.tuples(ALPHAS, st.floats(1e-9, 1e9)), min_size=1, max_size=9, unique_by=lambda pair: pair[0]),
    st.sampled_from(sorted(OTHERS)),
    st.sampled_from(["listed", "logarithmic range", "linear range"]),
    st.booleans(),
    st.sampled_from(["ok", "diverged"]),
)
@example([(0.01, 0.2), (0.1, 0.2)], "", "logarithmic range", False, "ok")  # beyond the points drawn, and not by much
def test_the_line_of_the_limit_stays_within_its_map(
    measured: list[tuple[float, float]], beside: str, scale: str, upright: bool, status: str
) -> None:
    """Wherever the limits lie: on maps of cells, of drawn points, on profiles, with alpha across or up, after a divergence."""
    values = tuple(sorted(alpha for alpha, _ in measured))
    alpha = Axis(name="alpha", values=values, log=True)
    if scale != "listed":
        alpha = Axis(name="alpha", low=1e-7, high=100.0, log=scale.startswith("log"))
    axes = (alpha, *([Axis(name=beside, values=OTHERS[beside])] if beside else []))
    of = sweep(*axes, **({} if scale == "listed" else {"sampler": "random", "num_settings": 3}))
    results = [
        result(n, {"alpha": at} | ({beside: other} if beside else {}), status if n % 3 == 2 else "ok", limit=limit)
        for n, ((at, limit), other) in enumerate(itertools.product(measured, OTHERS[beside] or (None,)))
    ]
    view = View(x=beside, y="alpha") if upright and beside else View(x="alpha", y=beside or None)
    info = map_info([setting_info(one, of, "loss") for one in results], of, view, results)
    span = MAP.ranges(info, None)
    drawn = {(trace, what): numbers for trace, what, numbers in MAP.update(info, span) if trace in (CASING, LIMIT)}
    for (_, what), numbers in drawn.items():
        low, high = span[f"{what}axis"]
        if what == "y" and view.y is None:  # a profile's axis of losses is logarithmic
            numbers = np.log10(numbers)
        shown = numbers[np.isfinite(numbers)]
        room = 1e-6 * max(1.0, abs(low), abs(high))  # to the rounding of the numbers that are sent
        assert ((shown >= low - room) & (shown <= high + room)).all(), (what, low, high, shown)


@given(st.lists(ALPHAS, min_size=1, max_size=8), st.floats(1e-9, 1e9), st.floats(1e-9, 1e9))
def test_the_frozen_map_holds_its_limit(alphas: list[float], one: float, other: float) -> None:
    places = np.array(sorted(set(alphas)))
    cells = np.ones((3, len(places)))
    info = FrozenInfo(
        alphas=places,
        values=cells,
        ci95=cells,
        diverged=cells > 2,
        diverged_share=0 * cells,
        worse_share=0 * cells,
        limit=min(one, other),
        metric="loss",
        of="",
    )
    span = FROZEN.ranges(info, None)
    for trace, what, numbers in FROZEN.update(info, span):
        if trace in ("casing", "limit") and len(numbers):
            low, high = span[f"{what}axis"]
            assert low - 1e-5 <= numbers.min() <= numbers.max() <= high + 1e-5


@given(st.floats(1e-7, 1e7), st.floats(1e-7, 1e7), st.floats(1.0, 100.0))
def test_the_gauge_holds_alpha_and_its_limit(alpha: float, limit: float, spread: float) -> None:
    info = GaugeInfo(alpha=alpha, limit=limit, limit_low=max(limit / spread, 1e-7), limit_high=min(limit * spread, 1e7))
    low, high = ranges(info)["yaxis"]
    drawn = {trace: np.log10(numbers) for trace, what, numbers in update(info) if what == "y"}
    for trace in ("limit", "alpha_line"):
        assert low - 1e-6 <= drawn[trace].min() <= drawn[trace].max() <= high + 1e-6
    for value in np.log10([info.alpha, info.limit_low, info.limit_high]):  # the names of the zones stand beyond
        assert low + 0.19 * (high - low) <= value <= high - 0.12 * (high - low)


@given(st.lists(st.floats(-10.0, 10.0), min_size=1, max_size=6), st.floats(1e-6, 10.0), st.floats(1e-9, 1e9))
def test_the_limit_is_on_the_axis_of_the_rates_or_not_drawn(rates: list[float], start: float, limit: float) -> None:
    at = np.array([rates])
    info = RatesInfo(
        names=tuple(f"w{n}" for n in range(len(rates))),
        low=at,
        median=at,
        high=at,
        overall=0.0,
        start=start,
        limit=limit,
        limit_low=limit,
        limit_high=limit,
    )
    low, high = ranges(info)["yaxis"]
    (drawn,) = (numbers for trace, what, numbers in update(info) if (trace, what) == ("limit", "y"))
    assert ((drawn >= low) & (drawn <= high)).all()
    assert len(drawn) == (2 if limit <= 1.5 * max(start, *rates) else 0)
