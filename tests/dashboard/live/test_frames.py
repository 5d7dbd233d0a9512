"""Binary frames, read back the way the page reads them: a length, a strict JSON header, floats behind it."""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest

from dashboard.charts.all import infos, layouts
from dashboard.charts.fit import FIT
from dashboard.live.chart_data import looks, results
from dashboard.live.feed import Feed
from dashboard.live.frames import Content, FrameMaker
from dashboard.live.run import LiveRun
from dashboard.live.training import status_kind
from dashboard.live.viewer import Viewer
from dashboard.theme import PALETTES
from maml_core.config import GlyphsConfig, LinearConfig, MLPConfig, RunConfig, SinusoidConfig, replace
from maml_core.records import Levels
from tests.dashboard.live.driver import EXPLOSIVE, TINY, Driver, adaptation_info, fit_info
from tests.dashboard.server.clients import strict

NUMBERS = {"training": 0.25, "steps_per_s": 40.0}
OVERFLOWING = replace(TINY, {"model": MLPConfig(hidden_widths=()), "alpha": 100.0, "num_inner_steps": 12})
"""Inner steps that leave what a float can hold."""

CHARTS_OF_A_RUN = {"loss", "fit", "adaptation", "path", "gauge"}


class Frame(NamedTuple):
    header: dict[str, Any]
    floats: np.ndarray

    @property
    def charts(self) -> set[str]:
        return {chart for chart, *_ in self.header["arrays"]}

    def array(self, chart: str, trace: str, axis: str) -> np.ndarray:
        ((offset, size),) = [place[3:] for place in self.places if place[:3] == [chart, trace, axis]]
        return self.floats[offset : offset + size]

    @property
    def places(self) -> list[list[Any]]:
        """The place of every array: chart, trace, axis, offset, size."""
        return list(self.header["arrays"])


def decoded(frame: bytes) -> Frame:
    (length,) = struct.unpack_from("<I", frame)
    start = 4 + length + -(4 + length) % 4
    return Frame(strict(frame[4 : 4 + length].decode()), np.frombuffer(frame, dtype="<f4", offset=start))


class Maker:
    """A page that gets every frame of a viewer."""

    def __init__(self) -> None:
        self._maker = FrameMaker()
        self._had: Content | None = None

    def frame(self, run: LiveRun, viewer: Viewer, numbers: Mapping[str, float]) -> bytes:
        content = self._maker.look(run, viewer, numbers)
        frame = content.frame(self._had)
        self._had = content
        return frame

    def forget(self) -> None:
        self._had = None


def first_frame(driver: Driver) -> Frame:
    return decoded(Maker().frame(driver.run, driver.viewer, NUMBERS))


@pytest.fixture(scope="module")
def played() -> Driver:
    """Twelve outer steps into a run. Tests that share it only look."""
    return Driver(replace(TINY, {"num_inner_steps": 2})).opened().played(12)


@pytest.fixture(scope="module")
def diverged() -> Driver:
    driver = Driver(EXPLOSIVE).opened().played(200)
    assert status_kind(driver.run) == "diverged"
    return driver


@pytest.fixture(scope="module")
def overflowing() -> Driver:
    return Driver(OVERFLOWING).opened()


class TestLayout:
    def test_the_floats_begin_at_a_multiple_of_four_behind_zeros(self, played: Driver):
        for extra in range(4):  # other header lengths
            frame = Maker().frame(played.run, played.viewer, {"n" * (1 + extra): 1.0})
            (length,) = struct.unpack_from("<I", frame)
            end = 4 + length
            assert frame[end : end + -end % 4].strip(b"\0") == b""
            assert len(frame) % 4 == 0

    def test_every_float_belongs_to_one_array(self, played: Driver):
        frame = first_frame(played)
        steps = frame.header["steps"]
        places = [(offset, size) for *_, offset, size in frame.places if size]
        places.append((steps["offset"], steps["count"] * steps["width"]))
        places.append((steps["grid_offset"], steps["width"]))
        ends = [0]
        for offset, size in sorted(places):
            assert offset == ends[-1]
            ends.append(offset + size)
        assert ends[-1] == len(frame.floats)

    def test_frames_are_counted(self, played: Driver):
        maker = Maker()
        assert [decoded(maker.frame(played.run, played.viewer, NUMBERS)).header["frame"] for _ in range(3)] == [1, 2, 3]

    def test_the_header_says_the_outer_step(self, played: Driver):
        assert first_frame(played).header["step"] == 12

    def test_the_numbers_are_passed_on(self, played: Driver):
        assert first_frame(played).header["numbers"] == NUMBERS

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_a_number_that_is_none_is_null(self, played: Driver, value: float):
        frame = decoded(Maker().frame(played.run, played.viewer, {"steps_per_s": value}))
        assert frame.header["numbers"] == {"steps_per_s": None}


class TestArrays:
    def test_the_first_frame_fills_every_chart(self, played: Driver):
        assert first_frame(played).charts == CHARTS_OF_A_RUN

    @pytest.mark.parametrize("name", ["played", "diverged", "overflowing"])
    def test_they_are_what_the_charts_ask_for(self, name: str, request: pytest.FixtureRequest):
        driver: Driver = request.getfixturevalue(name)
        frame = first_frame(driver)
        found = infos(results(driver.run, driver.viewer))
        expected = [(chart.id, *update) for chart, info in found for update in chart.update(info)]
        assert [tuple(place[:3]) for place in frame.places] == [
            (chart, trace, axis) for chart, trace, axis, _ in expected
        ]
        for chart, trace, axis, values in expected:
            np.testing.assert_array_equal(frame.array(chart, trace, axis), values)

    def test_a_run_that_was_never_looked_at_sends_its_empty_curves(self):
        frame = first_frame(Driver())
        assert frame.charts == {"loss", "adaptation", "gauge"}
        assert frame.array("loss", "ghost_0", "y").size == 0
        assert np.isnan(frame.array("gauge", "limit", "y")).all()  # a limit that nobody has measured

    def test_the_gauge_of_another_run_has_no_limit_until_its_own_is_measured(self):
        driver, maker = Driver(TINY).opened(), Maker()
        assert np.isfinite(decoded(maker.frame(driver.run, driver.viewer, NUMBERS)).array("gauge", "limit", "y")).all()
        driver.run.restart(replace(TINY, {"alpha": 0.07}))
        frame = decoded(maker.frame(driver.run, driver.viewer, NUMBERS))
        assert np.isnan(frame.array("gauge", "limit", "y")).all()
        np.testing.assert_allclose(frame.array("gauge", "alpha_line", "y"), 0.07)


class TestHeader:
    @pytest.mark.parametrize("name", ["played", "diverged", "overflowing"])
    def test_every_chart_that_is_sent_has_its_range_and_its_words(self, name: str, request: pytest.FixtureRequest):
        driver: Driver = request.getfixturevalue(name)
        header = first_frame(driver).header
        for chart, info in infos(results(driver.run, driver.viewer)):
            assert header["ranges"][chart.id] == chart.ranges(info, None)
            assert header["summaries"][chart.id] == chart.summary(info)
            assert header["subtitles"][chart.id] == chart.subtitle(info)
        assert header["ranges"].keys() == header["summaries"].keys() == header["subtitles"].keys() == CHARTS_OF_A_RUN

    @pytest.mark.parametrize("name", ["played", "diverged", "overflowing"])
    def test_the_ranges_are_finite_and_ascend(self, name: str, request: pytest.FixtureRequest):
        for axes in first_frame(request.getfixturevalue(name)).header["ranges"].values():
            for low, high in axes.values():
                assert -math.inf < low < high < math.inf

    def test_the_run_that_overflows_does(self, overflowing: Driver):
        assert overflowing.viewer.fit is not None
        assert not np.isfinite(overflowing.viewer.fit.query_loss).all()

    def test_losses_that_are_not_finite_are_null(self, overflowing: Driver):
        assert overflowing.viewer.fit is not None
        losses = first_frame(overflowing).header["steps"]["query_loss"]
        assert [isinstance(loss, str) for loss in losses] == (~np.isfinite(overflowing.viewer.fit.query_loss)).tolist()
        assert {loss for loss in losses if isinstance(loss, str)} <= {"∞", "NaN"}

    def test_what_acts_now_is_said(self):
        config = replace(TINY, {"anneal_order": True, "first_order_epochs": 1, "epoch_steps": 3, "anneal_beta": True})
        driver = Driver(config).opened()
        driver.run.play()
        seen = []
        for _ in range(2):
            header = first_frame(driver).header
            seen.append((header["now"]["order"], [switch[:2] for switch in header["now"]["acting"]]))
            driver.chunk(steps=3)
        assert seen == [
            ("first", [["Derivative order", True], ["β annealing", True]]),
            ("second", [["Derivative order", False], ["β annealing", True]]),
        ]

    def test_no_change_is_null(self, played: Driver):
        assert first_frame(played).header["change"] is None

    def test_the_newest_change_that_acts_is_echoed(self):
        driver = Driver().opened().played(5)
        driver.run.change({"alpha": 0.02}, now=driver.now)
        driver.viewer.expect(6)
        driver.run.change({"alpha": 0.03}, now=driver.now)
        driver.viewer.expect(7)
        driver.chunk(steps=1)
        assert first_frame(driver).header["change"] == 7

    def test_a_change_that_no_chunk_has_seen_is_not_echoed(self):
        driver = Driver().opened().played(5)
        driver.run.change({"alpha": 0.02}, now=driver.now)
        driver.viewer.expect(7)
        assert first_frame(driver).header["change"] is None


class TestSteps:
    """The curves of all inner steps, of which the page picks one."""

    def test_the_curves_are_those_of_the_fit_chart(self, played: Driver):
        frame, fit = first_frame(played), fit_info(played.run, played.viewer)
        assert fit is not None
        steps = frame.header["steps"]
        assert (steps["count"], steps["width"]) == fit.curves.shape
        curves = frame.floats[steps["offset"] :][: steps["count"] * steps["width"]]
        np.testing.assert_array_equal(curves.reshape(fit.curves.shape), fit.curves)

    def test_the_grid_is_that_of_the_fit_chart(self, played: Driver):
        frame, fit = first_frame(played), fit_info(played.run, played.viewer)
        assert fit is not None
        steps = frame.header["steps"]
        np.testing.assert_array_equal(frame.floats[steps["grid_offset"] :][: steps["width"]], fit.grid)

    def test_the_losses_are_one_for_each_curve(self, played: Driver):
        steps, fit = first_frame(played).header["steps"], fit_info(played.run, played.viewer)
        assert fit is not None
        assert steps["support_loss"] == [float(loss) for loss in fit.support_loss]
        assert steps["query_loss"] == [float(loss) for loss in fit.query_loss]
        assert len(steps["query_loss"]) == steps["count"]

    def test_n_is_said(self, played: Driver):
        assert first_frame(played).header["steps"]["num_inner_steps"] == 2

    def test_the_curve_of_n_is_the_one_that_the_chart_draws_as_theta_n(self, played: Driver):
        frame = first_frame(played)
        steps = frame.header["steps"]
        begin = steps["offset"] + steps["num_inner_steps"] * steps["width"]
        np.testing.assert_array_equal(frame.floats[begin:][: steps["width"]], frame.array("fit", "theta_N", "y"))

    def test_they_come_only_with_the_fit_chart(self):
        assert "steps" not in first_frame(Driver()).header


class TestWhatChanged:
    def test_nothing_is_sent_again(self, played: Driver):
        maker = Maker()
        maker.frame(played.run, played.viewer, NUMBERS)
        frame = decoded(maker.frame(played.run, played.viewer, NUMBERS))
        assert frame.charts == set()
        assert frame.floats.size == 0
        assert (frame.header["ranges"], frame.header["summaries"], frame.header["subtitles"]) == ({}, {}, {})
        assert "steps" not in frame.header

    def test_the_numbers_are_sent_each_time(self, played: Driver):
        maker = Maker()
        maker.frame(played.run, played.viewer, NUMBERS)
        assert decoded(maker.frame(played.run, played.viewer, NUMBERS)).header["numbers"] == NUMBERS

    def test_a_page_that_starts_afresh_gets_all_of_it(self, played: Driver):
        maker = Maker()
        first = decoded(maker.frame(played.run, played.viewer, NUMBERS))
        maker.forget()
        again = decoded(maker.frame(played.run, played.viewer, NUMBERS))
        assert again.header == {**first.header, "frame": 2}
        np.testing.assert_array_equal(again.floats, first.floats)

    def test_a_step_changes_the_loss_curve(self):
        driver = Driver().opened().played(5)
        maker = Maker()
        maker.frame(driver.run, driver.viewer, NUMBERS)
        driver.chunk(steps=1, frame_s=1e9)  # trained, not looked at
        assert decoded(maker.frame(driver.run, driver.viewer, NUMBERS)).charts == {"loss"}

    def test_a_change_of_alpha_moves_the_gauge(self):
        driver = Driver().opened()
        maker = Maker()
        maker.frame(driver.run, driver.viewer, NUMBERS)
        driver.run.change({"alpha": 0.02}, now=driver.now)
        assert decoded(maker.frame(driver.run, driver.viewer, NUMBERS)).charts == {"gauge"}

    def test_pages_that_have_the_same_get_the_same_bytes_and_one_that_skipped_frames_ends_up_with_the_same(self):
        driver, maker = Driver().opened(), FrameMaker()

        def contents() -> Iterator[Content]:
            for change in ({}, {"alpha": 0.02}, {"num_inner_steps": 2}, {"alpha": 0.05}):
                driver.run.change(change, now=driver.now)
                driver.chunk(steps=3)
                yield maker.look(driver.run, driver.viewer, NUMBERS)

        first, *between, last = contents()
        assert last.frame(first) is last.frame(first)
        assert last.frame(between[-1]) is not last.frame(first)

        def drawn(*frames: bytes) -> dict[tuple[str, str, str], list[float]]:
            found = {}
            for frame in map(decoded, frames):
                for chart, trace, axis, *_ in frame.places:
                    found[chart, trace, axis] = frame.array(chart, trace, axis).tolist()
                found |= {
                    (chart, "range", axis): each
                    for chart, r in frame.header["ranges"].items()
                    for axis, each in r.items()
                }
            return found

        each = [first, *between, last]
        whole = drawn(first.frame(), *(new.frame(had) for had, new in itertools.pairwise(each)))
        np.testing.assert_equal(drawn(first.frame(), last.frame(first)), whole)
        np.testing.assert_equal(drawn(last.frame()), whole)

    def test_another_task_redraws_its_fit_only(self):
        driver = Driver().opened().played(5)
        driver.run.pause()
        while driver.run.is_due(driver.now):
            driver.chunk()
        maker = Maker()
        maker.frame(driver.run, driver.viewer, NUMBERS)
        driver.viewer.choose_task((2.0, 0.5), driver.run.config.tasks)
        driver.chunk()
        assert decoded(maker.frame(driver.run, driver.viewer, NUMBERS)).charts == {"fit"}

    def test_the_words_follow_n_where_the_curves_do_not(self):
        driver = Driver(replace(TINY, {"alpha": 0.0, "num_inner_steps": 0})).opened()
        maker = Maker()
        maker.frame(driver.run, driver.viewer, NUMBERS)
        driver.run.change({"num_inner_steps": 1}, now=driver.now)
        driver.chunk()
        fit = fit_info(driver.run, driver.viewer)
        assert fit is not None
        header = decoded(maker.frame(driver.run, driver.viewer, NUMBERS)).header
        assert header["subtitles"]["fit"] == FIT.subtitle(fit)

    def test_a_range_stays_while_it_serves(self):
        driver = Driver(replace(TINY, {"evaluate_every": 1})).opened().played(5)
        maker = Maker()
        ranges = []
        for _ in range(6):
            header = decoded(maker.frame(driver.run, driver.viewer, NUMBERS)).header
            ranges.append(header["ranges"]["loss"]["xaxis"])
            driver.chunk(steps=1)
        assert ranges == [[0.0, 50.0]] * 6


class TestLooks:
    def test_the_fit_chart_is_as_high_as_the_largest_sinusoid(self):
        tasks = SinusoidConfig(amplitude=(0.5, 2.0), x=(-3.0, 4.0))
        look = looks(RunConfig(tasks=tasks), Levels(4.25, 3.0))
        assert look.y_range == pytest.approx((-2.3, 2.3))
        assert look.x_range == (-3.0, 4.0)

    def test_the_fit_chart_holds_the_steep_lines(self):
        look = looks(RunConfig(tasks=LinearConfig(w_mean=-1.0, w_std=0.5, x=(-4.0, 2.0))), Levels(4.25, 3.0))
        assert look.y_range == pytest.approx((-9.2, 9.2))

    @pytest.mark.parametrize("tasks", [SinusoidConfig(amplitude=(0.0, 0.0)), LinearConfig(w_std=0.0)], ids=["A", "w"])
    def test_a_flat_family_still_has_a_height(self, tasks: SinusoidConfig | LinearConfig):
        low, high = looks(RunConfig(tasks=tasks), Levels(4.25, 3.0)).y_range
        assert low < high

    def test_the_reference_levels_are_the_engines(self):
        look = looks(TINY, Levels(4.25, 3.0))
        assert [(level.name, level.value) for level in look.levels] == [("always 0", 4.25), ("best fixed", 3.0)]

    def test_images_are_seen_against_guessing_in_the_metric_shown(self):
        config, levels = RunConfig(tasks=GlyphsConfig(ways=4), joint_baseline=False), Levels(math.log(4), math.log(4))
        found = {metric: looks(config, levels, metric=metric) for metric in ("loss", "accuracy")}
        assert {look.metric for look in found.values()} == {"loss", "accuracy"}
        assert [(level.name, level.value) for level in found["loss"].levels] == [("guessing", math.log(4))]
        assert [(level.name, level.value) for level in found["accuracy"].levels] == [("guessing", 0.25)]
        assert found["loss"].axis_title == "query loss (cross-entropy)"

    def test_the_legend_is_of_whoever_the_run_has(self):
        config = replace(TINY, {"joint_baseline": False, "oracle_baseline": True})
        assert looks(config, Levels(4.25, 3.0)).learners == {"maml", "random", "oracle"}
        assert looks(TINY, Levels(4.25, 3.0), scratch=True).learners == {"maml", "random", "joint", "scratch"}

    def test_the_algorithm_is_named_with_its_own_rule(self):
        look = looks(replace(TINY, {"algorithm": "anil"}), Levels(4.25, 3.0))
        assert (look.algorithm, look.own_rule) == ("ANIL", "only the head adapts")

    def test_the_learned_tensors_are_named_for_both_palettes(self):
        driver = Driver(replace(TINY, {"algorithm": "meta_sgd"})).opened()
        layout = layouts(results(driver.run, driver.viewer))["rates"]
        assert layout.keys() == PALETTES.keys()
        for patch in layout.values():
            assert [note["text"] for note in patch["annotations"]] == ["w0", "b0", "w1", "b1"]

    def test_marks_come_for_both_palettes(self):
        driver = Driver().opened().played(5)
        driver.run.change({"alpha": 0.02}, now=driver.now)
        driver.chunk(steps=1)
        layout = layouts(results(driver.run, driver.viewer))["loss"]
        assert layout.keys() == PALETTES.keys()
        for patch in layout.values():
            assert "α 0.01 → 0.02" in str(patch["annotations"])


def numbers_of(feed: Feed) -> dict[str, Any]:
    return decoded(feed.look({}).frame()).header["numbers"]


def stood_at(step: int) -> Driver:
    """A run that is judged at every fifth outer step, and was looked at where it stands."""
    driver = Driver().opened().played(step)
    driver.run.pause()
    while driver.run.is_due(driver.now):
        driver.chunk()
    return driver


class TestHeldOutNumbers:
    def test_where_a_run_stands_they_are_those_of_its_outer_step_which_its_chart_shows(self):
        driver = stood_at(8)
        numbers = numbers_of(Feed(driver.run, driver.viewer))
        shown = adaptation_info(driver.run, driver.viewer).trajectories["maml"].mean
        assert numbers["held_out_step"] == driver.run.step == 8
        assert (numbers["before"], numbers["after"]) == (shown[0], shown[1])

    def test_those_of_an_earlier_outer_step_say_so(self):
        driver = Driver().opened()
        driver.run.play()
        driver.run.audience.pacing.cost |= {"trajectories": 1e6}  # too dear to be looked at again soon
        driver.chunk(steps=8)
        numbers = numbers_of(Feed(driver.run, driver.viewer))
        newest = driver.run.history.newest()
        assert (driver.run.step, numbers["held_out_step"]) == (8, 5)
        assert (numbers["before"], numbers["after"]) == (newest.before, newest.after)

    def test_a_change_of_alpha_at_a_standing_run_changes_them(self):
        driver = stood_at(8)
        feed = Feed(driver.run, driver.viewer)
        before = numbers_of(feed)
        driver.run.change({"alpha": 0.1}, now=driver.now)
        driver.chunk()
        after = numbers_of(feed)
        assert before["before"] == after["before"]
        assert before["after"] != after["after"]
