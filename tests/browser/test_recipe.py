"""A family of curves that somebody has added by the recipe is on the real page: it is chosen, trains, is exported and swept."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, hold_none
from tests.browser.server import Server
from tests.browser.test_saved import Panel
from tests.contracts.test_recipe import follow

TINY = "?v=1&model.hidden_widths=8&evaluation_tasks=10&meta_batch_size=3&joint_baseline=no"


@pytest.fixture
def of_the_copy(tmp_path: Path) -> Iterator[Server]:
    """The page of a copy in which the recipe was followed."""
    server = Server(repository=follow(tmp_path / "copy"))
    yield server
    hold_none(server.stop(), "processes that outlived the server that started them")


@pytest.mark.thorough
def test_the_new_family_is_chosen_trains_is_exported_and_swept(
    open_page: OpenPage, of_the_copy: Server, tmp_path: Path
) -> None:
    live = open_page("", ready=False)
    page = live.page
    live.open(of_the_copy.url + TINY)
    page.get_by_role("combobox", name="Tasks", exact=True).click()
    page.get_by_role("option", name="Steps", exact=True).click()
    live.wait_address("tasks.kind=steps")
    live.wait("() => mamlLive.config.tasks.kind === 'steps'")
    live.wait_drawn()
    live.run_until(10)
    live.wait_step(10)
    live.wait_steady()

    panel = Panel(live)
    panel.save("größe θ_0")
    panel.says("Saved größe θ_0 at outer step 10.")
    with page.expect_download() as waiting:
        panel.body.get_by_role("button", name="Python script").last.click()
    panel.close()
    assert waiting.value.suggested_filename == "größe θ_0.py"
    script = tmp_path / "exported.py"
    script.write_bytes(Path(waiting.value.path()).read_bytes())
    with_the_copy = {**os.environ, "PYTHONPATH": str(tmp_path / "copy")}
    done = subprocess.run(
        [sys.executable, script], env=with_the_copy, capture_output=True, text=True, timeout=120, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "10" in done.stdout

    page.get_by_role("link", name="Sensitivity").click()
    live.wait("() => window.mamlSweeps?.frames > 0")
    for label, text in (("α values", "2"), ("β values", "2"), ("Outer steps", "4"), ("Name", "of-steps")):
        field = page.get_by_label(label, exact=True)
        field.fill(text)
        field.press("Enter")
        live.wait_synced()
    page.get_by_role("button", name="Start").click()
    live.wait("() => document.querySelector('.maml-sweeps .maml-pill').textContent === 'Done'")
    expect(page.locator(".maml-sweep-count")).to_have_text("4 of 4")
