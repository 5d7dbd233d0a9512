"""The card of an image task: it shows what the engine says of its query images, at the inner step that is chosen."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from dashboard.setups import address
from maml_core.chunks import ChunkRequest, run_chunk
from maml_core.config import ConvConfig, GlyphsConfig, MLPConfig, RunConfig, replace
from maml_core.records import Demonstration, ImageFit, View
from tests.browser.conftest import OpenPage, opened_page
from tests.browser.live_page import LivePage
from tests.browser.server import Server

CONFIG = RunConfig(
    tasks=GlyphsConfig(ways=3),
    model=ConvConfig(num_layers=2, num_filters=6),
    alpha=0.4,
    num_inner_steps=2,
    shots=1,
    num_query=2,
    meta_batch_size=2,
    evaluation_tasks=3,
    evaluation_steps=3,
    joint_baseline=False,
)
STEPS = 20
PICTURE = "() => document.querySelector('[data-chart=images] canvas').toDataURL()"


def engine_fit(*, task: int = 0) -> ImageFit:
    """What the engine says after `STEPS` outer steps."""
    trained = run_chunk(ChunkRequest(config=CONFIG, num_steps=STEPS, view=View(tasks=(Demonstration(draw=task),))))
    assert trained.snapshot is not None
    assert isinstance(trained.snapshot.fit, ImageFit)
    return trained.snapshot.fit


@pytest.fixture(scope="module")
def opened(browser: Browser, server: Server) -> Iterator[LivePage]:
    with opened_page(browser) as live:
        live.open(f"{server.url}?{address.write(CONFIG, ())}")
        live.run_until(STEPS)
        live.wait_step(STEPS)
        live.wait_steady()
        yield live


@pytest.fixture
def live(opened: LivePage) -> LivePage:
    """The page with its images in view, after N inner steps."""
    look(opened, "images")
    choose_k(opened, CONFIG.num_inner_steps)
    return opened


def look(live: LivePage, view: str) -> None:
    live.page.locator(f"[data-view={view}]").click()
    live.wait_steady()


def choose_k(live: LivePage, k: int) -> None:
    live.dial("k").fill(str(k))
    live.wait_steady()


def rows(live: LivePage) -> list[list[str]]:
    """The file behind the card, without its head."""
    with live.page.expect_download() as downloading:
        live.menu("images", "Download CSV")
    with downloading.value.path().open(newline="") as file:
        return list(csv.reader(file))[1:]


def shown(live: LivePage) -> tuple[str, list[str], np.ndarray]:
    """True and predicted letters of the query images, and their probabilities."""
    found = rows(live)
    probabilities = np.array([[float(cell) for cell in row[3:]] for row in found])
    return "".join(row[1] for row in found), [row[2] for row in found], probabilities


def letters(labels: np.ndarray) -> list[str]:
    return ["ABC"[label] for label in labels]


def test_images_take_the_place_of_the_curves(live: LivePage) -> None:
    expect(live.page.locator("[data-chart=fit]")).to_be_hidden()
    expect(live.plot("images")).to_have_attribute("role", "img")
    said = re.compile("held-out task with 3 example images of 3 classes")
    expect(live.plot("images")).to_have_attribute("aria-label", said)


@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_the_numbers_are_the_engines_at_every_inner_step(live: LivePage, k: int) -> None:
    fit = engine_fit()
    choose_k(live, k)
    truth, predicted, probabilities = shown(live)
    assert list(truth) == letters(fit.query_labels)
    np.testing.assert_allclose(probabilities, fit.query_probabilities[k], rtol=1e-6)
    answers = fit.query_probabilities[k].argmax(axis=1)
    assert predicted == letters(answers)
    right = live.page.locator(".maml-losses tbody tr").nth(2).locator("td").nth(1)
    expect(right).to_have_text(f"{round(100 * (answers == fit.query_labels).mean())}%")


def test_the_subtitle_says_what_was_gained(live: LivePage) -> None:
    fit = engine_fit()
    before, after = ((fit.query_probabilities[k].argmax(1) == fit.query_labels).mean() for k in (0, 2))
    expect(live.page.locator("[data-chart=images] .maml-subtitle")).to_have_text(
        f"{before:.0%} right before, {after:.0%} after 2 inner steps. Loss {fit.query_loss[0]:.3g} → {fit.query_loss[2]:.3g}."
    )


@pytest.mark.parametrize("view", ["images", "confusion", "filters"])
def test_the_slider_changes_every_picture(live: LivePage, view: str) -> None:
    look(live, view)
    after = live.page.evaluate(PICTURE)
    choose_k(live, 0)
    live.wait(f"(after) => ({PICTURE})() !== after", after)
    choose_k(live, 2)
    live.wait(f"(after) => ({PICTURE})() === after", after)


def test_the_confusion_counts_every_query_image(live: LivePage) -> None:
    fit = engine_fit()
    look(live, "confusion")
    counts = np.array([[int(cell) for cell in row[2:]] for row in rows(live)]).reshape(2, 3, 4)
    for k, found in zip((0, 2), counts, strict=True):
        expected = np.zeros((3, 4), dtype=int)
        np.add.at(expected, (fit.query_labels, fit.query_probabilities[k].argmax(1)), 1)
        np.testing.assert_array_equal(found, expected)


def test_of_a_fully_connected_layer_the_units_that_move_most_are_drawn_pixel_by_pixel(open_page: OpenPage) -> None:
    config = replace(CONFIG, {"model": MLPConfig(hidden_widths=(48,)), "alpha": 0.1})
    shown = run_chunk(ChunkRequest(config=config, num_steps=0, view=View())).snapshot
    assert shown is not None
    assert isinstance(shown.fit, ImageFit)
    weights, units, num_units = shown.fit.filters
    live = open_page(f"?{address.write(config, ())}")
    live.wait_steady()
    look(live, "filters")
    choose_k(live, 1)
    found = rows(live)
    assert num_units == 48
    assert len(units) == 20
    assert [int(row[0]) for row in found[::784]] == (units + 1).tolist()
    np.testing.assert_allclose(
        np.array([row[4:] for row in found], dtype=float).T, weights[:2].reshape(2, -1), rtol=1e-6
    )
    live.menu("images", "Show table")
    caption = live.page.locator("[data-chart=images] .maml-table caption")
    expect(caption).to_have_text("20 of the first layer's 48 units: those that 2 inner steps move most")
    live.menu("images", "Show chart")
    box = live.plot("images").bounding_box()
    assert box is not None
    tip, x = live.page.locator(".maml-image-tip"), 0.0
    while tip.is_hidden() and x < box["width"]:
        live.page.mouse.move(box["x"] + x, box["y"] + 0.4 * box["height"])
        x += 8
    assert int(tip.inner_text().split()[1]) - 1 in units


def test_the_filters_are_those_of_the_first_layer(live: LivePage) -> None:
    fit = engine_fit()
    look(live, "filters")
    found = np.array([[float(cell) for cell in row[4:]] for row in rows(live)])
    np.testing.assert_allclose(found.T, fit.filters.weights[[0, 2]].reshape(2, -1), rtol=1e-6)


def test_a_query_image_is_read_with_the_keyboard(live: LivePage) -> None:
    live.plot("images").focus()
    live.page.keyboard.press("ArrowRight")
    said = live.page.locator("[data-chart=images] .maml-visually-hidden")
    expect(said).to_have_text(re.compile("^true A, predicted"))
    words = said.inner_text()
    _, predicted, probabilities = shown(live)
    verdict = "right" if predicted[0] == "A" else "wrong"
    best = round(100 * probabilities[0].max())
    assert words.startswith(f"true A, predicted {predicted[0]}: {verdict}. ")
    assert f". {predicted[0]} {best}%" in words


def test_pointing_at_an_image_says_its_numbers(live: LivePage) -> None:
    tip = live.page.locator(".maml-image-tip")
    box = live.plot("images").bounding_box()
    assert box is not None
    live.page.mouse.move(box["x"] + 3, box["y"] + 3)
    expect(tip).to_be_hidden()
    x = 0.3 * box["width"]
    while tip.is_hidden() and x < box["width"]:
        live.page.mouse.move(box["x"] + x, box["y"] + 0.3 * box["height"])
        x += 8
    expect(tip).to_contain_text("true A, predicted")
    live.page.mouse.move(0, 0)
    tip.wait_for(state="hidden")


def test_it_is_saved_as_a_picture(live: LivePage) -> None:
    with live.page.expect_download() as downloading:
        live.menu("images", "Save PNG")
    assert downloading.value.path().read_bytes().startswith(b"\x89PNG")


def test_a_table_is_behind_it(live: LivePage) -> None:
    live.menu("images", "Show table")
    table = live.page.locator("[data-chart=images] .maml-table table")
    head, count = table.locator("th").all_inner_texts(), table.locator("tbody tr").count()
    live.menu("images", "Show chart")
    assert head == ["test image", "true", "predicted", "P(A)", "P(B)", "P(C)"]
    assert count == 6


def test_a_new_task_is_another_one(live: LivePage) -> None:
    fit, before = engine_fit(task=1), live.page.evaluate(PICTURE)
    live.page.keyboard.press("t")
    live.wait(f"(before) => ({PICTURE})() !== before", before)
    live.wait_steady()
    np.testing.assert_allclose(shown(live)[2], fit.query_probabilities[2], rtol=1e-6)
