"""Loss curves in bounded memory."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.live.history import MAX_POINTS, SMOOTHING_STEPS, Curve, Envelope, History
from maml_core.records import Records, Summary

FIRST_LOOK = Summary(
    mean=np.array([5.0, 3.0]), ci95=np.zeros(2), median=np.zeros(2), diverged_share=np.zeros(2), worse_share=np.zeros(2)
)
LOSSES = st.floats(1e-6, 1e6)


def records(
    losses: list[float],
    start: int = 0,
    held_out: list[tuple[int, float, float]] | None = None,
    residual: float | None = None,
    accuracies: list[float] | None = None,
    shares: list[tuple[float, float]] | None = None,
) -> Records:
    rows = held_out or []
    unknown = np.full(len(losses), np.nan)
    before, after = np.array(shares or [(np.nan, np.nan)] * len(rows), dtype=np.float64).reshape(-1, 2).T
    return Records(
        steps=np.arange(start, start + len(losses)),
        query_loss=np.array(losses, dtype=np.float64),
        joint_loss=unknown,
        oracle_loss=unknown,
        residual=unknown if residual is None else np.full(len(losses), residual),
        accuracy=unknown if accuracies is None else np.array(accuracies),
        held_out_steps=np.array([row[0] for row in rows], dtype=np.int64),
        held_out_before=np.array([row[1] for row in rows], dtype=np.float64),
        held_out_after=np.array([row[2] for row in rows], dtype=np.float64),
        held_out_diverged=np.zeros(len(rows)),
        held_out_worse=np.zeros(len(rows)),
        held_out_accuracy_before=before,
        held_out_accuracy_after=after,
        events=(),
    )


class TestCurve:
    def test_an_empty_curve_has_no_points(self):
        steps, values = Curve().arrays()
        assert steps.shape == values.shape == (0,)

    def test_a_short_curve_is_kept_whole(self):
        curve = Curve(max_points=8)
        for step in range(8):
            curve.add(step, 10.0 * step)
        np.testing.assert_array_equal(curve.arrays(), [np.arange(8), 10.0 * np.arange(8)])

    @given(count=st.integers(1, 3000), max_points=st.integers(2, 40))
    def test_its_points_are_bounded_and_evenly_spaced_with_both_ends(self, count: int, max_points: int):
        curve = Curve(max_points)
        for step in range(count):
            curve.add(step, -float(step))
        steps, values = curve.arrays()
        assert len(steps) <= max_points + 1
        assert (steps[0], steps[-1]) == (0, count - 1)
        assert len(set(np.diff(steps)[:-1])) <= 1
        np.testing.assert_array_equal(values, -steps)

    def test_at_least_half_of_its_room_is_used(self):
        curve = Curve(max_points=100)
        for step in range(12_345):
            curve.add(step, 1.0)
        assert len(curve.arrays()[0]) >= 50

    def test_the_default_bound_holds_for_a_long_run(self):
        curve = Curve()
        for step in range(70_000):
            curve.add(step, 1.0)
        assert len(curve.arrays()[0]) <= MAX_POINTS + 1


class TestEnvelope:
    @given(values=st.lists(LOSSES, min_size=1, max_size=400), max_points=st.integers(4, 40))
    def test_it_keeps_the_extremes_however_much_it_is_thinned(self, values: list[float], max_points: int):
        envelope = Envelope(max_points)
        for step, value in enumerate(values):
            envelope.add(step, value)
        kept = envelope.arrays()[1]
        assert (kept.min(), kept.max()) == (np.float32(min(values)), np.float32(max(values)))

    @given(values=st.lists(LOSSES, min_size=1, max_size=400), max_points=st.integers(4, 40))
    def test_its_points_are_some_of_those_added_in_order_and_bounded(self, values: list[float], max_points: int):
        envelope = Envelope(max_points)
        for step, value in enumerate(values):
            envelope.add(step, value)
        steps, kept = envelope.arrays()
        assert len(steps) <= max_points + 1
        assert (np.diff(steps) > 0).all()
        np.testing.assert_array_equal(kept, np.array(values, dtype=np.float32)[steps.astype(int)])

    def test_a_short_curve_is_kept_whole(self):
        envelope = Envelope(max_points=10)
        for step, value in enumerate([3.0, 1.0, 2.0]):
            envelope.add(step, value)
        np.testing.assert_array_equal(envelope.arrays(), [[0, 1, 2], [3.0, 1.0, 2.0]])

    def test_steps_far_apart_do_not_need_more_room(self):
        envelope = Envelope(max_points=8)
        for step in range(0, 1_000_000, 9973):
            envelope.add(step, 1.0)
        assert len(envelope.arrays()[0]) <= 8


class TestHistory:
    def test_a_new_history_is_empty(self):
        curves = History().curves()
        assert len(curves.raw) == len(curves.smoothed) == len(curves.before) == 0

    def test_the_newest_losses_are_known(self):
        history = History()
        history.add(records([3.0, 2.0], held_out=[(0, 5.0, 4.0)]))
        assert history.newest("loss") == (2.0, 5.0, 4.0, 0)

    def test_the_smoothed_curve_is_an_exponential_mean_without_bias(self):
        losses = [4.0, 2.0, 3.0, 1.0]
        history = History()
        history.add(records(losses))
        kept = 1.0 - 1.0 / SMOOTHING_STEPS
        expected = [
            np.average(losses[:count], weights=[kept**age for age in reversed(range(count))]) for count in range(1, 5)
        ]
        np.testing.assert_allclose(history.curves().smoothed, expected, rtol=1e-6)

    def test_the_smoothed_curve_of_a_short_run_follows_what_it_smooths(self):
        rising = [0.2 + 0.7 * min(step, 30) / 30 for step in range(50)]
        history = History()
        history.add(records(rising, accuracies=rising))
        assert (
            history.curves("accuracy").smoothed[-1] > 0.7
        )  # 0.65 where the first value counts for as much as all after it

    def test_how_the_records_are_cut_does_not_matter(self):
        losses = [float(value) for value in np.random.default_rng(0).uniform(0.1, 5.0, 60)]
        whole, cut = History(), History()
        whole.add(records(losses))
        cut.add(records(losses[:7]))
        cut.add(records(losses[7:], start=7))
        np.testing.assert_array_equal(whole.curves().smoothed, cut.curves().smoothed)

    @given(losses=st.lists(LOSSES | st.sampled_from([math.nan, math.inf, -math.inf, 1e300]), max_size=60))
    def test_the_curves_are_finite_whatever_the_losses_are(self, losses: list[float]):
        history = History()
        history.add(records(losses))
        curves = history.curves()
        assert np.isfinite(curves.smoothed).all()
        assert np.isfinite(curves.raw).all()

    def test_a_loss_that_is_not_finite_does_not_stop_the_smoothed_curve(self):
        history = History()
        history.add(records([2.0, math.inf, math.nan, 2.0]))
        np.testing.assert_array_equal(history.curves().smoothed_steps, [0, 3])
        np.testing.assert_allclose(history.curves().smoothed, [2.0, 2.0])

    def test_held_out_losses_that_are_not_finite_leave_a_gap(self):
        history = History()
        history.add(records([1.0], held_out=[(0, 4.0, 3.0), (20, 4.0, math.inf), (40, math.nan, 2.0)]))
        curves = history.curves()
        np.testing.assert_array_equal(curves.held_out_steps, [0, 20, 40])
        np.testing.assert_array_equal(curves.before, [4.0, 4.0, np.nan])
        np.testing.assert_array_equal(curves.after, [3.0, np.nan, 2.0])

    def test_the_smoothed_curve_comes_back_soon_after_a_roll_back(self):
        # One exploded loss of 1e30 in a mean of 50 steps would hide the next 3,000 steps.
        history = History()
        history.add(records([1.0] * 50 + [1e30] + [1.0] * 250))
        assert history.curves().smoothed[-1] < 10.0

    def test_the_first_look_opens_the_held_out_curves(self):
        history = History()
        history.open(FIRST_LOOK, 1)
        assert history.newest()[1:] == (5.0, 3.0, 0)
        curves = history.curves()
        assert (curves.held_out_steps.tolist(), curves.before.tolist(), curves.after.tolist()) == ([0.0], [5.0], [3.0])

    def test_the_first_measured_point_takes_the_place_of_the_first_look(self):
        history = History()
        history.open(FIRST_LOOK, 1)
        history.add(records([1.0], held_out=[(0, 4.0, 2.0)]))
        assert history.curves().before.tolist() == [4.0]

    def test_accuracies_are_kept_beside_the_losses(self):
        history = History()
        history.add(records([3.0, 2.0], held_out=[(0, 5.0, 4.0)], accuracies=[0.0, 0.5], shares=[(0.2, 0.3)]))
        assert history.newest("accuracy") == (0.5, 0.2, 0.3, 0)
        assert history.newest("loss") == (2.0, 5.0, 4.0, 0)
        curves = history.curves("accuracy")
        np.testing.assert_array_equal(curves.raw, [0.0, 0.5])
        np.testing.assert_allclose(curves.smoothed, [0.0, 0.5 / (2.0 - 1.0 / SMOOTHING_STEPS)])  # it rises from 0
        np.testing.assert_allclose([curves.before, curves.after], [[0.2], [0.3]])

    def test_accuracies_are_thinned_as_the_losses_are(self):
        steps = 2000
        values = [float(value) for value in np.random.default_rng(0).uniform(0.1, 1.0, steps)]
        rows = [(step, value, value) for step, value in enumerate(values)]
        history = History.from_records(
            records(values, held_out=rows, accuracies=values, shares=list(zip(values, values)))
        )
        losses, accuracies = history.curves("loss"), history.curves("accuracy")
        assert len(losses.raw) <= MAX_POINTS
        for name in ("steps", "raw", "smoothed_steps", "smoothed", "held_out_steps", "before", "after"):
            np.testing.assert_array_equal(getattr(losses, name), getattr(accuracies, name))

    def test_the_first_look_opens_the_accuracies_too(self):
        history = History()
        history.open(FIRST_LOOK._replace(accuracy=np.array([0.2, 0.4])), 1)
        curves = history.curves("accuracy")
        assert (curves.before.tolist(), curves.after.tolist()) == (pytest.approx([0.2]), pytest.approx([0.4]))

    def test_a_first_look_at_fewer_steps_than_n_opens_half_a_curve(self):
        history = History()
        history.open(FIRST_LOOK, 2)
        assert history.newest().before == 5.0
        assert math.isnan(history.newest().after)
        assert math.isnan(history.newest().held_out_step)  # nothing is said of both

    def test_regression_has_no_accuracies(self):
        history = History()
        history.add(records([3.0, 2.0], held_out=[(0, 5.0, 4.0)]))
        curves = history.curves("accuracy")
        assert len(curves.raw) == len(curves.smoothed) == 0
        assert np.isnan(curves.after).all()

    @pytest.mark.parametrize("num_steps", [10_000])
    def test_memory_is_bounded(self, num_steps: int):
        history = History()
        history.add(records([1.0] * num_steps, held_out=[(step, 1.0, 1.0) for step in range(0, num_steps, 2)]))
        curves = history.curves()
        assert max(len(curves.raw), len(curves.smoothed), len(curves.before)) <= MAX_POINTS + 1
