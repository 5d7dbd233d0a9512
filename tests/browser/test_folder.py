"""A folder of images, grey or of colours: what the page shows of them is what the network gets, on light and dark pages alike."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from dashboard.setups import address
from maml_core.config import FolderConfig, MLPConfig, RunConfig
from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage

COLORS = list(itertools.product((40, 200), repeat=3))[1:]
"""The colours of seven classes; each image has a patch of its class's colour on white."""

COLORS_OF = """(selector) => {
  const { width, height } = document.querySelector(selector);
  const { data } = document.querySelector(selector).getContext("2d").getImageData(0, 0, width, height);
  const found = new Map();
  for (let i = 0; i < data.length; i += 4) found.set(data.slice(i, i + 4).join(), (found.get(data.slice(i, i + 4).join()) ?? 0) + 1);
  return [...found].filter(([, count]) => count > 60).map(([color]) => color);
}"""
"""The colours that cover more than a few pixels of a canvas."""

CARD = "[data-chart=images] canvas"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for label, color in enumerate(COLORS):
        (tmp_path / f"class {label}").mkdir()
        for number in range(4):
            pixels = np.full((16, 16, 3), 255, dtype=np.uint8)
            pixels[3:13, 3 + number : 11 + number] = color
            Image.fromarray(pixels).save(tmp_path / f"class {label}" / f"{number}.png")
    return tmp_path


def config_of(folder: Path, color: str) -> RunConfig:
    """A small set-up with its images."""
    return RunConfig(
        tasks=FolderConfig(folder=str(folder), size=16, color=color, ways=2),  # type: ignore[arg-type]
        model=MLPConfig(hidden_widths=(8,)),
        alpha=0.1,
        num_inner_steps=1,
        shots=1,
        num_query=2,
        meta_batch_size=2,
        evaluation_tasks=3,
        evaluation_steps=2,
        joint_baseline=False,
    )


def opened(open_page: OpenPage, folder: Path, color: str, scheme: str, **options: object) -> LivePage:
    live = open_page("?" + address.write(config_of(folder, color)), color_scheme=scheme)
    live.wait_steady()
    return live


def shows_two_of(live: LivePage, colors: set[str]) -> bool:
    """Whether the card of the images has the colours of two classes, on white."""
    found = set(live.page.evaluate(COLORS_OF, CARD))
    return "255,255,255,255" in found and len(colors & found) == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_are_those_of_the_images(open_page: OpenPage, folder: Path, scheme: str) -> None:
    live = opened(open_page, folder, "rgb", scheme)
    colors = {",".join(map(str, (*color, 255))) for color in COLORS}
    live.until(lambda: shows_two_of(live, colors))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_greys_are_those_of_the_images(open_page: OpenPage, folder: Path, scheme: str) -> None:
    """And no negatives of them."""
    live = opened(open_page, folder, "grey", scheme)
    greys = {Image.new("RGB", (1, 1), color).convert("L").getpixel((0, 0)) for color in COLORS}
    live.until(lambda: shows_two_of(live, {f"{grey},{grey},{grey},255" for grey in greys}))


@pytest.mark.parametrize("color", ["grey", "rgb"])
def test_what_is_drawn_is_black_on_the_images_white_paper(open_page: OpenPage, folder: Path, color: str) -> None:
    live = opened(open_page, folder, color, "dark")
    live.page.locator("[data-action=draw]").click()
    panel = live.page.locator(".maml-draw")
    expect(panel.locator("h3")).to_have_text("Draw your own images")
    box = live.page.locator(".maml-pad").bounding_box()
    assert box is not None
    live.page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.1 * box["height"])
    live.page.mouse.down()
    live.page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.9 * box["height"], steps=5)
    live.page.mouse.up()
    for canvas in (".maml-pad", ".maml-seen"):
        live.wait(f"() => ({COLORS_OF})('{canvas}').length > 1")
        live.wait(f"(canvas) => ({COLORS_OF})(canvas).includes('255,255,255,255')", canvas)
    live.wait(f"() => ({COLORS_OF})('.maml-pad').includes('0,0,0,255')")

    panel.get_by_role("button", name="Fill with images").click()
    live.wait("() => document.querySelector('.maml-verdict strong')")
    live.wait(f"() => ({COLORS_OF})('.maml-seen').includes('255,255,255,255')")
