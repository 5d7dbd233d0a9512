"""A saved run, or a sweep, whose images lie elsewhere now, or are others: the page says so, asks, and it goes on as if nothing had been."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from dashboard.setups import address
from maml_core.config import replace, to_dict
from maml_core.store import RunStore
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.recognition import find_images
from maml_core.sweeps.study import load_sweep, open_study
from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage
from tests.browser.test_folder import COLORS, config_of
from tests.browser.test_saved import Panel
from tests.maml_core.sweeps.test_left_out import Here


def pictures(folder: Path, shift: int = 0) -> Path:
    """Seven classes of four images; with another shift the same names and other pixels."""
    for label, color in enumerate(COLORS):
        (folder / f"class {label}").mkdir(parents=True)
        for number in range(4):
            pixels = np.full((16, 16, 3), 255, dtype=np.uint8)
            pixels[3 : 13 - shift, 3 + number : 11 + number] = color
            Image.fromarray(pixels).save(folder / f"class {label}" / f"{number}.png")
    return folder


def losses(live: LivePage, step: int) -> list[list[float]]:
    return live.wait_trace("loss", "training, raw", lambda trace: trace[0][-1] == step - 1.0).tolist()


@pytest.mark.thorough
def test_a_run_whose_folder_moved_is_asked_where_it_lies_and_goes_on_bit_for_bit(
    open_page: OpenPage, tmp_path: Path
) -> None:
    here, there = pictures(tmp_path / "birds"), tmp_path / "my birds"
    live = open_page("?" + address.write(config_of(here, "rgb")))
    live.run_until(6)
    live.wait_step(6)
    live.wait_steady()
    panel = Panel(live)
    panel.save("of birds")
    panel.says("Saved of birds at outer step 6.")
    panel.close()
    live.run_until(12)
    whole = losses(live, 12)
    live.wait_steady()
    shutil.move(here, there)

    panel = Panel(live)
    panel.run("of birds").wait_for()
    live.wait_synced()
    panel.press("Open")
    panel.says("there is no")
    assert live.step == 12  # the page's run is as it was
    field = panel.body.get_by_label("Where the same images lie now")
    panel.press("Find")
    panel.says("type where the images lie now")
    field.fill(str(tmp_path / "nothing"))
    panel.press("Find")
    panel.says("nothing")
    expect(field).to_have_value(str(tmp_path / "nothing"))
    others = pictures(tmp_path / "other birds", shift=2)
    field.fill(str(others))
    panel.press("Find")
    panel.says("does not hold the images that the run was trained on")
    panel.body.get_by_role("button", name="Open with these other images").wait_for()
    assert live.step == 12
    assert RunStore().load("of birds").config.tasks == config_of(here, "rgb").tasks  # and so is the saved one

    field.fill(str(there))
    field.press("Enter")
    panel.body.wait_for(state="detached")
    live.page.get_by_text("Opened of birds, paused at outer step 6.").wait_for()
    live.wait("() => mamlStep() === 6 && document.querySelector('.maml-pill').textContent === 'Paused'")
    live.run_until(12)
    assert losses(live, 12) == whole
    live.page.reload()  # at once; the address names the new place
    live.wait_drawn()
    live.wait_step(12)


@pytest.mark.thorough
def test_other_images_take_their_place_only_where_that_is_said(open_page: OpenPage, tmp_path: Path) -> None:
    here = pictures(tmp_path / "fish")
    live = open_page("?" + address.write(config_of(here, "grey")))
    live.run_until(4)
    live.wait_step(4)
    live.wait_steady()
    panel = Panel(live)
    panel.save("of fish")
    panel.says("Saved of fish at outer step 4.")
    panel.close()
    shutil.rmtree(here)
    pictures(here, shift=2)

    panel = Panel(live)
    panel.run("of fish").wait_for()
    live.wait_synced()
    panel.press("Open")
    panel.says("does not hold the images that the run was trained on")
    panel.press("Open with these other images")
    panel.body.wait_for(state="detached")
    live.page.get_by_text("Opened of fish, paused at outer step 4.").wait_for()
    live.page.get_by_text("These are not the images that the run was trained on").wait_for()
    live.run_until(6)
    live.wait_step(6)


@pytest.mark.thorough
def test_a_sweep_whose_folder_moved_asks_where_it_lies_and_goes_on(open_page: OpenPage, tmp_path: Path) -> None:
    here, there = pictures(tmp_path / "plants"), tmp_path / "my plants"
    sweep = SweepConfig(
        base=config_of(here, "rgb"), axes=(Axis(name="alpha", values=(0.05, 0.1), log=True),), num_steps=4, num_rungs=2
    )
    with open_study(sweep, "plants 1") as study:
        find_images(study, Here())
    shutil.move(here, there)
    live = open_page()
    page = live.page
    page.goto(page.url.split("?")[0] + "sensitivity?sweep=plants%201")
    page.get_by_text("there is no").wait_for()
    page.wait_for_function("() => document.querySelector('.maml-sweep-name')?.textContent === 'plants 1'")
    field = page.get_by_label("Where the images of plants 1 lie now", exact=True)
    field.fill(str(pictures(tmp_path / "other plants", shift=2)))
    page.get_by_role("button", name="Find").click()
    page.get_by_text("does not hold the images that the sweep is computed on").wait_for()
    field.fill(str(there))
    page.get_by_role("button", name="Find").click()
    page.get_by_text("The images of plants 1 are found").wait_for()
    page.wait_for_function("() => !document.querySelector('[aria-label^=\"Where the images of\"]')")
    page.reload()  # the second time too
    page.wait_for_function("() => document.querySelector('.maml-sweep-name')?.textContent === 'plants 1'")
    page.locator("[data-action=resume]").click()
    page.wait_for_function(
        "() => document.querySelector('.maml-sweeps .maml-pill').textContent === 'Done'", timeout=90_000
    )
    with load_sweep("plants 1") as study:
        assert [one.status for one in study.results()] == ["ok", "ok"]
        assert study.folders == (str(here), str(there))


@pytest.mark.thorough
def test_an_address_whose_folder_is_missing_waits_for_it_with_all_its_settings(
    open_page: OpenPage, tmp_path: Path
) -> None:
    here, there = tmp_path / "shells", pictures(tmp_path / "my shells")
    config = replace(config_of(here, "rgb"), {"alpha": 0.07, "shots": 2, "num_query": 1})
    asked = "?" + address.write(config)
    live = open_page(asked)
    page = live.page
    page.get_by_text(f"names the folder {here}, which is not on this machine").wait_for()
    live.shows("mamlLive.config.tasks.kind", "glyphs")
    live.shows("[mamlLive.config.alpha, mamlLive.config.shots, mamlLive.config.tasks.ways]", [0.07, 2, 2])
    live.wait_synced()
    live.wait_address("tasks.folder=")
    page.reload()  # in the middle
    live.wait_drawn()
    page.get_by_text(f"names the folder {here}, which is not on this machine").wait_for()
    live.wait_synced()
    live.set(alpha=0.09)  # what is changed meanwhile counts
    live.wait_synced()

    second = open_page(asked)
    second.page.get_by_text(f"names the folder {here}, which is not on this machine").wait_for()
    for opened, alpha in ((live, 0.09), (second, 0.07)):
        field = opened.page.get_by_label("Where these images lie now", exact=True)
        field.fill(str(there))
        field.press("Enter")
        opened.page.get_by_role("button", name="Start with these images").click()
        opened.wait("() => mamlLive.config?.tasks.kind === 'folder' && mamlLive.frames > 0")
        opened.shows(
            "mamlLive.config",
            to_dict(replace(config, {"tasks": dataclasses.replace(config.tasks, folder=str(there)), "alpha": alpha})),
        )
        opened.run_until(4)
        opened.wait_step(4)
        opened.wait_steady()
    live.page.reload()
    live.wait_drawn()
    live.wait_step(4)


@pytest.mark.thorough
def test_a_live_run_whose_folder_moves_says_which_and_goes_on_where_it_is_now(
    open_page: OpenPage, tmp_path: Path
) -> None:
    here, there = pictures(tmp_path / "stones"), tmp_path / "my stones"
    live = open_page("?" + address.write(config_of(here, "grey")))
    live.run_until(25)
    live.wait_step(25)
    live.wait_steady()
    shutil.move(here, there)
    widths = live.page.get_by_label("Hidden widths", exact=True)
    widths.fill("9")
    widths.press("Enter")
    sentence = live.page.locator(".maml-sentence", has_text="The sidebar asks where the images lie now")
    sentence.wait_for()
    expect(sentence).to_contain_text(str(here))
    field = live.page.get_by_label("Where the same images lie now", exact=True)
    field.fill(str(there))
    live.page.get_by_role("button", name="Find").click()
    live.page.get_by_text("The images are found in").wait_for()
    live.wait_step(25)
    live.run_until(30)
    live.wait_step(30)
    live.shows("mamlLive.config.tasks.folder", str(there))
