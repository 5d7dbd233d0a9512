"""The images card: its record exactly, its words, and the part of a frame that carries it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dashboard.charts.all import charts_of, infos, why_empty
from dashboard.charts.images import ImagesInfo
from dashboard.live.chart_data import looks, results
from dashboard.live.feed import _task
from maml_core.config import FolderConfig, GlyphsConfig, MLPConfig, RunConfig, replace
from maml_core.records import Filters, ImageFit, Levels
from tests.dashboard.charts.infos import subtitle, summary, update
from tests.dashboard.live.driver import Driver, fit_info, images_info
from tests.dashboard.live.test_frames import NUMBERS, Maker, decoded
from tests.maml_core.helpers import same

FEW_SHOT = RunConfig(
    tasks=GlyphsConfig(ways=2),
    model=MLPConfig(hidden_widths=(6,)),
    alpha=0.1,
    num_inner_steps=1,
    shots=2,
    num_query=3,
    meta_batch_size=2,
    evaluation_tasks=2,
    evaluation_steps=2,
    joint_baseline=False,
)


def image_fit(**more: object) -> ImageFit:
    """Two classes of 1 x 2 images, one support image each, three query images, K = 2."""
    fit = ImageFit(
        image_shape=(1, 1, 2),
        class_names=("alpha", "beta"),
        support_images=np.array([[0, 255], [255, 0]], dtype=np.uint8),
        support_labels=np.array([0, 1]),
        query_images=np.array([[0, 250], [250, 0], [10, 20]], dtype=np.uint8),
        query_labels=np.array([0, 1, 1]),
        support_probabilities=np.full((3, 2, 2), 0.5, dtype=np.float32),
        query_probabilities=np.array(
            [
                [[0.5, 0.5], [0.75, 0.25], [1.0, 0.0]],
                [[0.75, 0.25], [0.25, 0.75], [1.0, 0.0]],
                [[1.0, 0.0], [0.0, 1.0], [np.nan, np.nan]],
            ],
            dtype=np.float32,
        ),
        support_loss=np.array([0.7, 0.5, 0.25], dtype=np.float32),
        query_loss=np.array([1.5, 0.5, np.nan], dtype=np.float32),
        filters=Filters(np.arange(3 * 2 * 2, dtype=np.float32).reshape(3, 2, 1, 1, 2), np.array([1, 4]), 6),
        dead=False,
        vector=np.zeros(3, np.float32),
    )
    return fit._replace(**more)


DRAWN = {"class_names": (), "query_labels": np.full(3, -1), "query_loss": np.full(3, np.nan, dtype=np.float32)}
"""What differs where somebody drew the task."""


def shown(fit: ImageFit, **changes: object) -> Driver:
    driver = Driver(replace(FEW_SHOT, changes))
    driver.viewer.fit = fit
    return driver


def info_of(n: int = 1, **more: object) -> ImagesInfo:
    driver = shown(image_fit(**more), num_inner_steps=n)
    info = images_info(driver.run, driver.viewer)
    assert info is not None
    return info


@pytest.fixture(scope="module")
def driver() -> Driver:
    return Driver(FEW_SHOT).opened()


class TestRecord:
    def test_it_has_what_the_engine_says(self):
        fit, info = image_fit(), info_of()
        assert info.probabilities is not fit.support_probabilities
        for name in ("support_images", "support_labels", "query_images", "query_labels", "support_loss"):
            np.testing.assert_array_equal(getattr(info, name), getattr(fit, name))
        np.testing.assert_array_equal(info.probabilities, fit.query_probabilities)
        np.testing.assert_array_equal(info.query_loss, fit.query_loss)
        assert same(info.filters, fit.filters)
        assert (info.image_shape, info.class_names, info.num_inner_steps, info.dead) == (
            (1, 1, 2),
            ("alpha", "beta"),
            1,
            False,
        )
        assert info.ink

    def test_images_of_a_folder_are_no_ink(self):
        driver = shown(image_fit(), tasks=FolderConfig(folder="/birds", ways=2))
        info = images_info(driver.run, driver.viewer)
        assert info is not None
        assert not info.ink
        for of, ink in ((driver, False), (shown(image_fit()), True)):
            assert decoded(Maker().frame(of.run, of.viewer, NUMBERS)).header["images"]["ink"] is ink

    def test_n_is_no_more_than_what_was_computed(self):
        assert info_of(9).num_inner_steps == 2

    def test_predictions_are_the_most_probable_class_or_none(self):
        assert info_of().predicted.tolist() == [[0, 0, 0], [0, 1, 0], [0, 1, -1]]

    def test_accuracy_counts_what_is_no_number_as_wrong(self):
        np.testing.assert_allclose(info_of().accuracy, [1 / 3, 2 / 3, 2 / 3])

    def test_nobody_is_right_where_nobody_knows(self):
        info = info_of(**DRAWN)
        assert not info.known
        assert np.isnan(info.accuracy).all()
        assert info.accuracy.shape == (3,)

    def test_it_takes_the_place_of_the_curves(self):
        driver, plain = shown(image_fit()), Driver(RunConfig())
        assert charts_of(FEW_SHOT) == ("loss", "images", "adaptation", "path", "gauge")
        assert fit_info(driver.run, driver.viewer) is None
        shows = [type(info).__name__ for _, info in infos(results(driver.run, driver.viewer))]
        assert shows[:2] == ["LossInfo", "ImagesInfo"]
        assert why_empty(FEW_SHOT) == {}
        assert images_info(plain.run, plain.viewer) is None

    def test_it_has_no_traces(self):
        assert update(info_of()) == []


class TestWords:
    def test_the_subtitle_says_what_was_gained(self):
        assert subtitle(info_of(1)) == "33% right before, 67% after 1 inner step. Loss 1.5 → 0.5."

    def test_without_inner_steps_nothing_can_be_gained(self):
        assert subtitle(info_of(0)) == "With N = 0 nothing adapts: the start (θ_0) can only guess which class is which."

    def test_a_dead_network_is_named(self):
        expected = "2 inner steps switched a whole hidden layer off: θ_N is dead and says the same everywhere."
        assert subtitle(info_of(2, dead=True)) == expected

    def test_of_a_drawn_task_nothing_is_right_or_wrong(self):
        info = info_of(2, **DRAWN)
        assert subtitle(info) == "2 inner steps on 2 example images; nobody but you knows what the test images are."
        assert summary(info) == (
            "A drawn task with 2 example images of 2 classes: after adapting (θ_N) the network says A, B, no number of 3 test images."
        )

    def test_the_summary_has_the_numbers(self):
        assert summary(info_of(1)) == (
            "Before (θ_0) against after adapting (θ_N) on one held-out task with 2 example images of 2 classes: 33% of 3 test images right "
            "before, 67% after 1 inner step; query loss 1.5 and 0.5."
        )


class TestFrame:
    def test_the_numbers_of_every_inner_step(self):
        driver = shown(image_fit())
        frame = decoded(Maker().frame(driver.run, driver.viewer, NUMBERS))
        assert frame.header["steps"] == {
            "count": 3,
            "num_inner_steps": 1,
            "support_loss": [pytest.approx(0.7), 0.5, 0.25],
            "query_loss": [1.5, 0.5, "NaN"],
            "accuracy": [1 / 3, 2 / 3, 2 / 3],
        }
        images, fit = frame.header["images"], image_fit()
        assert (images["shape"], images["names"], images["ways"]) == ([1, 1, 2], ["alpha", "beta"], 2)
        assert (images["support_labels"], images["query_labels"]) == ([0, 1], [0, 1, 1])
        for name, values in (("probabilities", fit.query_probabilities), ("filters", fit.filters.weights)):
            np.testing.assert_array_equal(frame.floats[images[name] :][: values.size], values.ravel())
        assert (images["filters_shape"], images["units"], images["num_units"]) == ([2, 1, 1, 2], [1, 4], 6)

    def test_pixels_are_bytes_support_first(self):
        driver = shown(image_fit())
        frame = decoded(Maker().frame(driver.run, driver.viewer, NUMBERS))
        found = frame.floats[frame.header["images"]["pixels"] :][:3].tobytes()
        assert list(found) == [0, 255, 255, 0, 0, 250, 250, 0, 10, 20, 0, 0]  # filled up to whole floats

    def test_pixels_are_sent_once_a_task_and_numbers_when_they_change(self):
        maker, driver = Maker(), shown(image_fit())
        assert "pixels" in decoded(maker.frame(driver.run, driver.viewer, NUMBERS)).header["images"]
        assert "images" not in decoded(maker.frame(driver.run, driver.viewer, NUMBERS)).header
        driver.viewer.fit = image_fit(query_probabilities=image_fit().query_probabilities[::-1].copy())
        frame = decoded(maker.frame(driver.run, driver.viewer, NUMBERS))
        assert "pixels" not in frame.header["images"]
        driver.viewer.fit = image_fit(query_images=np.zeros((3, 2), dtype=np.uint8))
        assert "pixels" in decoded(maker.frame(driver.run, driver.viewer, NUMBERS)).header["images"]
        maker.forget()
        assert "pixels" in decoded(maker.frame(driver.run, driver.viewer, NUMBERS)).header["images"]

    @pytest.mark.parametrize(
        "changed",
        [
            {"filters": image_fit().filters._replace(weights=np.zeros((3, 2, 1, 1, 2), dtype=np.float32))},
            {"filters": image_fit().filters._replace(units=np.array([1, 5]))},
            {"support_loss": np.zeros(3, dtype=np.float32)},
            {"query_labels": np.array([1, 1, 1])},
        ],
        ids=lambda changed: next(iter(changed)),
    )
    def test_whatever_changes_is_sent(self, changed: dict[str, object]):
        maker, driver = Maker(), shown(image_fit())
        maker.frame(driver.run, driver.viewer, NUMBERS)
        driver.viewer.fit = image_fit(**changed)
        assert "images" in decoded(maker.frame(driver.run, driver.viewer, NUMBERS)).header

    def test_looks_need_no_x(self):
        look = looks(FEW_SHOT, Levels(math.log(2), math.log(2)))
        assert [level.value for level in look.levels] == pytest.approx([math.log(2)])


class TestRun:
    def test_the_engine_fills_the_card(self, driver: Driver):
        info = images_info(driver.run, driver.viewer)
        assert info is not None
        assert info.probabilities.shape == (3, 6, 2)
        assert sorted(info.query_labels) == [0, 0, 0, 1, 1, 1]
        np.testing.assert_allclose(info.probabilities.sum(axis=2), 1.0, rtol=1e-5)

    def test_the_loss_is_that_of_the_probabilities(self, driver: Driver):
        info = images_info(driver.run, driver.viewer)
        assert info is not None
        truth = info.probabilities[:, np.arange(6), info.query_labels]
        np.testing.assert_allclose(-np.log(truth).mean(axis=1), info.query_loss, rtol=1e-4)

    def test_a_new_task_has_other_images(self, driver: Driver):
        before = images_info(driver.run, driver.viewer)
        driver.viewer.draw_task()
        driver.chunk()
        after = images_info(driver.run, driver.viewer)
        assert before is not None
        assert after is not None
        assert not np.array_equal(before.query_images, after.query_images)

    def test_a_task_of_images_has_no_sliders(self, driver: Driver):
        assert _task(driver.run.config, driver.viewer) is None
        with pytest.raises(ValueError, match="not defined by numbers"):
            driver.viewer.choose_task((), driver.run.config.tasks)
