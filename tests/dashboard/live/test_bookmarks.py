"""Moments that are saved, and opened again: of the run that is there, and of one that is not."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.live import bookmarks
from dashboard.live.keeping import KEEP_S
from dashboard.live.page import Page
from dashboard.live.run import LiveRun
from dashboard.live.viewer import Choices
from dashboard.setups import address
from maml_core.config import FolderConfig, replace
from maml_core.presets import few_shot
from maml_core.state_bytes import state_from_bytes
from tests.dashboard.live.driver import TINY, Driver
from tests.maml_core.helpers import same


class Opened:
    """A page with a run that has taken some outer steps, in chunks of five."""

    def __init__(self, steps: int) -> None:
        self.driver = Driver(TINY).opened()
        self.run = self.driver.run
        self.page = Page(self.run, 0.0)
        self.train(steps)

    def train(self, steps: int) -> None:
        """Play, and pause."""
        self.run.play()
        for _ in range(steps // 5):
            self.driver.trained(KEEP_S)
            self.driver.chunk(steps=5)
        self.run.pause()
        self.driver.chunk()

    def save(self) -> dict[str, Any]:
        return bookmarks.save(self.run, self.page.viewer)

    def open_again(self, saved: dict[str, Any]) -> None:
        bookmarks.open_again(self.page, {key: saved[key] for key in ("step", "address", "view")})

    def jump(self) -> None:
        """To where the run plays, in chunks that end there."""
        while self.run.playback.playing:
            self.driver.chunk(steps=self.run.playback.stop_at)


def test_a_moment_is_shown_again_while_its_run_is_there_also_after_many_more_steps() -> None:
    opened = Opened(20)
    viewer = opened.page.viewer
    choices = Choices("layers", "loss", (2.0, 1.0), 3, tasks_chart="landscape")
    viewer.choose(choices)
    saved = opened.save()
    assert (saved["step"], saved["alpha"], saved["num_inner_steps"]) == (20, TINY.alpha, TINY.num_inner_steps)
    assert opened.run.kept.moments.newest is not None
    opened.run.kept.limit(
        3 * len(opened.run.kept.moments.newest.state) + 100
    )  # of those that nobody has saved but the ends go
    opened.run.change({"alpha": 0.05}, now=opened.driver.now)
    opened.train(30)
    viewer.choose(Choices())
    opened.open_again(saved)
    target = viewer.travel.target
    assert target is not None
    assert (target.step, target.config.alpha) == (20, TINY.alpha)
    assert viewer.choices == choices
    assert opened.run.num_left == 0  # nothing was left for it
    opened.train(5)
    later = opened.save()  # of the earlier step, which is what is seen
    assert later["step"] == 20
    viewer.travel.go(None)
    now = opened.save()
    assert now["step"] == opened.run.step
    opened.open_again(saved)
    opened.open_again(now)
    assert viewer.travel.target is None
    outbox = opened.page.connect(opened.driver.now)
    opened.page.hear()
    while not outbox.empty():
        outbox.get_nowait()
    opened.open_again(now)  # shown already: whoever asked is told nevertheless
    opened.page.hear()
    assert '"then":null' in str(outbox.get_nowait())


def test_a_run_that_was_undone_or_opened_again_is_still_its_run() -> None:
    opened = Opened(25)
    saved = opened.save()
    opened.run.restart(replace(TINY, {"weights_seed": 5}))
    opened.driver.opened()
    opened.run.undo()
    opened.driver.chunk()
    opened.train(5)
    opened.open_again(saved)
    assert opened.run.step == 30
    assert opened.page.viewer.travel.target is not None
    assert opened.page.viewer.travel.target.step == 25


def test_of_another_run_it_is_trained_anew_to_the_same_numbers_and_undo_brings_back_what_was_there() -> None:
    opened = Opened(10)
    opened.run.change({"alpha": 0.03}, now=opened.driver.now)
    opened.train(10)
    opened.run.change({"num_inner_steps": 2}, now=opened.driver.now)
    opened.driver.chunk()  # stands, with a change at this very step
    saved, state = opened.save(), opened.run.state
    opened.run.restart(replace(TINY, {"weights_seed": 5}))
    opened.driver.opened()
    opened.train(5)
    opened.open_again(saved)
    opened.driver.opened()
    opened.jump()
    opened.driver.chunk()
    assert (opened.run.step, opened.run.config.alpha, opened.run.config.num_inner_steps) == (20, 0.03, 2)
    assert state is not None
    assert opened.run.state is not None
    assert same(state_from_bytes(opened.run.state), state_from_bytes(state))
    opened.run.undo()
    assert (opened.run.step, opened.run.config.weights_seed) == (5, 5)


def test_visits_leave_no_ghost_and_undo_leads_back_to_where_the_first_began() -> None:
    opened = Opened(20)
    first = opened.save()
    opened.run.restart(replace(TINY, {"weights_seed": 5}))
    opened.driver.opened()
    opened.train(25)
    second = opened.save()
    opened.run.restart(replace(TINY, {"weights_seed": 6}))
    opened.driver.opened()
    opened.train(30)
    ghosts = opened.run.ghosts.all
    assert len(ghosts) == 2

    def visit(saved: dict[str, Any]) -> None:
        num_left = opened.run.num_left
        opened.open_again(saved)
        opened.driver.opened()
        opened.jump()
        opened.driver.chunk()
        assert opened.run.step == saved["step"]
        assert opened.run.ghosts.all == ghosts
        assert opened.run.num_left == num_left + 1  # Undo is offered

    for saved in (first, second, first):
        visit(saved)
    opened.run.undo()
    assert (opened.run.step, opened.run.config.weights_seed) == (30, 6)
    assert opened.run.ghosts.all == ghosts
    visit(second)
    opened.run.branch(next(moment for moment in opened.run.kept.moments if moment.step > 0))
    assert len(opened.run.ghosts.all) == 3  # what somebody goes on from is their own
    opened.run.undo()
    ghosts = opened.run.ghosts.all
    visit(first)
    opened.train(5)  # on from there: a run like any other
    opened.run.restart()
    assert len(opened.run.ghosts.all) == len(ghosts) + 1
    assert opened.run.before is not None
    assert opened.run.before.step == 25


def test_what_cannot_be_opened_is_refused_in_words_and_changes_nothing() -> None:
    opened = Opened(20)
    saved = opened.save()
    folder = replace(few_shot(FolderConfig(folder="/somewhere")), {"meta_batch_size": 2})
    for changes, why in (
        ({"step": "x"}, "outer step"),
        ({"address": "v=1&alpha=wide"}, "cannot be opened"),
        ({"address": address.write(folder)}, "images in a folder"),
        ({"address": "v=1&" + "a" * 30_000}, "an address"),
        ({"view": {**saved["view"], "chart": "nothing"}}, "chart"),
    ):
        with pytest.raises(ValueError, match=why):
            opened.open_again({**saved, **changes})
        assert opened.run.step == 20
    with pytest.raises(ValueError, match="nothing was computed"):
        bookmarks.save(LiveRun(TINY), opened.page.viewer)
