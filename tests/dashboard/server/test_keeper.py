"""What the server keeps of its pages on disk, and that the next server takes it up."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard.live.page import Page
from dashboard.server import keeper as keeper_module
from dashboard.server import recovery
from dashboard.server.hub import KEEP_S, Hub
from dashboard.server.keeper import COPY_S, Copy, Keeper, read_copy, tidy, write_copy
from dashboard.setups import address
from dashboard.setups.workspaces import own_workspace, tab_workspace
from maml_core.config import RunConfig, replace
from maml_core.errors import StoreError
from maml_core.store import SavedRun
from tests.dashboard.server.clients import TINY, Clock, Inline

TAB, KEY = "t" * 22, "k" * 22


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAML_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


class Site:
    """One server after the other over the same disk."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.hub = Hub(Inline(), clock=self.clock)
        self.hub.keep(Keeper(clock=self.clock))

    async def __aenter__(self) -> Site:
        self._running = asyncio.create_task(self.hub.run())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self.hub.close()

    def open(self, config: RunConfig = TINY, *, resume: str = "", tab: str = TAB) -> Page:
        token = self.hub.open_page(config)
        page, _ = self.hub.connect(token, resume=resume, released=True, tab=tab)
        return page

    async def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20.0
        while not holds():
            assert time.monotonic() < deadline
            self.hub.wake()
            await asyncio.sleep(0.01)

    async def train(self, page: Page, steps: int = 30) -> None:
        """To exactly this outer step, where it pauses."""
        page.run.run_until(steps)
        await self.until(lambda: page.run.step == steps and not page.run.playback.playing)


def step_of_copy(page: Page, site: Site) -> int:
    """The outer step of the copy on the disk, some time later; 0 while there is none that can be read."""
    site.clock.now += 2.0
    try:
        return read_copy(kept(page)).run.step
    except StoreError:
        return 0


def kept(page: Page) -> Path:
    return Keeper().place(TAB, page.run.key)


def test_the_next_server_goes_on_with_the_same_theta_0_curves_and_timeline() -> None:
    async def scene() -> None:
        async with Site() as site:
            page = site.open()
            await site.train(page)
            page.run.change({"alpha": 0.05}, now=site.clock())
            await site.train(page, 40)
            before = page.run.saved("x")
            assert before is not None
        async with Site() as site:
            again = site.open(resume=page.run.key)
            await site.until(lambda: not again.recovering)
            after = again.run.saved("x")
            assert after is not None
            assert (after.state, after.step, after.timeline) == (before.state, 40, before.timeline)
            assert after.records.query_loss.tolist() == before.records.query_loss.tolist()
            assert (again.run.key, again.run.playback.playing) == (page.run.key, False)
            assert again.run.config.alpha == 0.05

    asyncio.run(scene())


def test_a_run_that_trained_goes_on_training_and_says_from_where() -> None:
    async def scene() -> None:
        async with Site() as site:
            page = site.open()
            page.run.play()
            await site.until(lambda: page.run.step > 20)
        step = page.run.step
        async with Site() as site:
            again = site.open(resume=page.run.key)
            said: list[str] = []
            put = again.connection.put_text
            again.connection.put_text = lambda text: (said.append(str(json.loads(text).get("notice", ""))), put(text))[
                1
            ]  # type: ignore[method-assign]
            await site.until(lambda: again.run.step > step)
            assert again.run.playback.playing
            assert any(f"goes on from outer step {step}, where it was last kept" in notice for notice in said)

    asyncio.run(scene())


def test_a_page_that_comes_back_after_a_long_silence_has_its_dials_and_its_place_in_training_and_is_told() -> None:
    """A laptop that was closed for minutes: the page was forgotten, and the same server opens it anew."""

    async def scene() -> None:
        async with Site() as site:
            page, outbox = site.hub.connect(site.hub.open_page(TINY), resume="", released=True, tab=TAB)
            page.run.play()
            await site.until(lambda: page.run.step > 5)
            page.run.change({"alpha": 0.05}, now=site.clock())
            await site.until(lambda: bool(page.run.changes.done))
            changed_at = page.run.step
            await site.until(lambda: step_of_copy(page, site) > changed_at)
            site.hub.disconnect(page, outbox)
            site.clock.now += KEEP_S + 1
            await site.until(lambda: not site.hub.knows(page.token))
            step = read_copy(kept(page)).run.step
            again = site.open(resume=page.run.key)
            said: list[str] = []
            put = again.connection.put_text
            again.connection.put_text = lambda text: (said.append(text), put(text))[1]  # type: ignore[method-assign]
            await site.until(lambda: again.run.step > step)
            assert any(f"goes on from outer step {step}, where it was last kept" in text for text in said)
            assert (again.run.config.alpha, again.run.key) == (0.05, page.run.key)
            assert again.run.playback.trains

    asyncio.run(scene())


def test_a_server_that_is_killed_leaves_the_copy_of_the_last_save() -> None:
    async def scene() -> None:
        async with Site() as site:
            page = site.open()
            await site.train(page)
            await site.until(lambda: step_of_copy(page, site) == 30)
            page.run.play()
            site.clock.now += COPY_S
            await site.until(lambda: step_of_copy(page, site) > 30)

    asyncio.run(scene())


def test_a_change_that_is_made_while_it_is_paused_is_in_the_copy() -> None:
    """Its address has it at once, and a copy without it would be another run than the address names."""

    async def scene() -> None:
        async with Site() as site:
            page = site.open()
            await site.train(page)
            await site.until(lambda: step_of_copy(page, site) == 30)
            for alpha in (0.05, 0.06):
                page.run.change({"alpha": alpha}, now=site.clock())

                def holds(alpha: float = alpha) -> bool:
                    return step_of_copy(page, site) == 30 and read_copy(kept(page)).run.config.alpha == alpha

                await site.until(holds)

    asyncio.run(scene())


def test_of_a_run_that_was_started_again_the_old_copy_does_not_wait_for_the_usual_time() -> None:
    async def scene() -> None:
        async with Site() as site:
            page = site.open()
            await site.train(page)
            await site.until(lambda: step_of_copy(page, site) == 30)
            page.run.restart()
            page.run.play()
            site.clock.now += COPY_S / 2

            def step() -> int:
                try:
                    return read_copy(kept(page)).run.step
                except StoreError:
                    return 0

            await site.until(lambda: step() != 30)

    asyncio.run(scene())


def test_two_tabs_find_each_its_own() -> None:
    async def scene() -> None:
        async with Site() as site:
            pages = [site.open(tab=tab) for tab in (TAB, "u" * 22)]
            for steps, page in zip((30, 50), pages, strict=True):
                await site.train(page, steps)
        async with Site() as site:
            again = [site.open(resume=page.run.key, tab=page.tab or "") for page in pages]
            await site.until(lambda: not any(page.recovering for page in again))
            assert [page.run.step for page in again] == [30, 50]

    asyncio.run(scene())


def test_the_sensitivity_screen_takes_the_live_run_up_whatever_its_address_names() -> None:
    async def scene() -> None:
        async with Site() as site:
            page = site.open(replace(TINY, {"alpha": 0.03}))
            await site.train(page)
            state = page.run.state
        async with Site() as site:
            token = site.hub.open_page(TINY)
            site.hub.connect_sweeps(token, resume=page.run.key, tab=TAB)
            again = site.hub.pages.get(token)
            assert again is not None
            await site.until(lambda: not again.recovering)
            assert (again.run.step, again.run.state, again.run.config.alpha) == (30, state, 0.03)

    asyncio.run(scene())


@pytest.mark.parametrize("who", [("x" * 22, None), (TAB, "x" * 22)], ids=["another tab", "another key"])
def test_nobody_else_finds_it(who: tuple[str, str | None]) -> None:
    async def scene() -> None:
        async with Site() as site:
            page = site.open()
            await site.train(page)
        tab, key = who
        async with Site() as site:
            again = site.open(resume=key or page.run.key, tab=tab)
            assert not again.recovering
            assert again.run.step == 0

    asyncio.run(scene())


@pytest.mark.parametrize("what", ["state-*.safetensors", "run.json", "page.json"])
def test_a_damaged_copy_is_said_and_the_run_starts_from_its_address(what: str) -> None:
    async def scene() -> None:
        async with Site() as site:
            page = site.open()
            await site.train(page)
        (file,) = kept(page).rglob(what)
        file.write_bytes(file.read_bytes()[:-40])
        async with Site() as site:
            again = site.open(resume=page.run.key)
            said: list[str] = []
            again.connection.put_text = lambda text: said.append(str(json.loads(text).get("notice", "")))  # type: ignore[method-assign]
            await site.until(lambda: not again.recovering)
            assert (again.run.step, again.run.config) == (0, TINY)
            assert "The copy that was kept of this run is damaged: the page starts from its address." in said
            assert not kept(page).exists()
            await site.train(again)

    asyncio.run(scene())


def test_a_copy_that_cannot_be_used_now_is_found_in_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with Site() as site:
            page = site.open()
            await site.train(page)
        async with Site() as site:

            def broken(*_: object) -> None:
                raise StoreError("refused", "no worker just now")

            monkeypatch.setattr(recovery, "usable", broken)
            again = site.open(resume=page.run.key)
            said: list[str] = []
            again.connection.put_text = lambda text: said.append(str(json.loads(text).get("notice", "")))  # type: ignore[method-assign]
            await site.until(lambda: not again.recovering)
            assert again.run.step == 0
            assert any("cannot be used now, and stands in Runs" in notice for notice in said)
        assert [info.step for info in own_workspace().before()] == [30]

    asyncio.run(scene())


def test_what_is_asked_of_a_run_that_is_being_read_waits_for_it() -> None:
    async def scene() -> None:
        async with Site() as site:
            page = site.open()
            await site.train(page)
        async with Site() as site:
            again = site.open(resume=page.run.key)
            for message in ({"type": "set", "changes": {"alpha": 0.05}}, {"type": "outer_step"}, {"type": "reset"}):
                if message["type"] == "reset":
                    await site.until(lambda: again.run.step == 31)
                else:
                    assert again.recovering
                site.hub.receive(again, message)
            assert (again.run.step, again.run.config.alpha) == (0, 0.05)
            assert again.run.before is not None
            assert again.run.before.step == 31  # the run went on from where it was kept, and was not left at once

    asyncio.run(scene())


def test_a_page_whose_connection_comes_back_keeps_the_run_that_it_has() -> None:
    async def scene() -> None:
        async with Site() as site:
            page = site.open()
            await site.train(page)
            await site.until(lambda: step_of_copy(page, site) == 30)
            page.run.restart()
            site.hub.connect(page.token, resume=page.run.key, released=False, tab=TAB)
            assert not page.recovering

    asyncio.run(scene())


def test_an_address_of_another_run_opens_that_and_the_old_run_is_found_in_runs() -> None:
    async def scene() -> None:
        async with Site() as site:
            page = site.open()
            await site.train(page)
        async with Site() as site:
            again = site.open(replace(TINY, {"weights_seed": 5}), resume=page.run.key)
            await site.until(lambda: not again.recovering)
            assert (again.run.step, again.run.config.weights_seed) == (0, 5)
        assert [info.step for info in own_workspace().before()] == [30]

    asyncio.run(scene())


def test_a_run_that_was_reset_does_not_come_back_by_itself() -> None:
    async def scene() -> None:
        async with Site() as site:
            page = site.open()
            await site.train(page)
            await site.until(lambda: step_of_copy(page, site) == 30)
            page.run.restart()
            await site.until(lambda: step_of_copy(page, site) == 0 and not kept(page).exists())
        async with Site() as site:
            again = site.open(resume=page.run.key)
            assert not again.recovering
        assert [info.step for info in own_workspace().before()] == [30]

    asyncio.run(scene())


def test_the_run_before_a_restart_is_kept_among_the_visitors_runs() -> None:
    async def scene() -> None:
        async with Site() as site:
            page = site.open()
            page.is_shared = True
            await site.train(page)
            state = page.run.state
            page.run.restart()
            await site.until(lambda: len(tab_workspace(TAB).before()) == 1)
            (info,) = tab_workspace(TAB).before()
            assert tab_workspace(TAB).load_before(info.name).state == state
            assert own_workspace().before() == []

    asyncio.run(scene())


def test_copies_are_for_the_servers_own_eyes(root: Path) -> None:
    async def scene() -> None:
        async with Site() as site:
            page = site.open()
            await site.train(page)
        for folder in (root / ".pages", kept(page)):
            assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
        assert page.run.key not in str(kept(page))

    asyncio.run(scene())


@pytest.fixture
def a_copy() -> Copy:
    async def scene() -> SavedRun:
        async with Site() as site:
            page = site.open()
            await site.train(page, 3)
            found = page.run.saved("run")
            assert found is not None
            return found

    return Copy(asyncio.run(scene()), playing=True, stop_at=None, steps_per_s=3.0, called="", scratch=False)


def test_what_is_written_is_read_back(a_copy: Copy, root: Path) -> None:
    write_copy(root / ".pages" / ("a" * 64), a_copy)
    found = read_copy(root / ".pages" / ("a" * 64))
    assert found[1:] == a_copy[1:]
    assert (found.run.state, found.run.step) == (a_copy.run.state, 3)


@pytest.mark.parametrize(
    "changes",
    [{"format": 2}, {"playing": 1}, {"stop_at": "5"}, {"stop_at": True}, {"steps_per_s": "fast"}, {"called": None}],
    ids=str,
)
def test_what_is_no_copy_is_refused(a_copy: Copy, root: Path, changes: dict[str, object]) -> None:
    folder = root / ".pages" / ("a" * 64)
    write_copy(folder, a_copy)
    facts = json.loads((folder / "page.json").read_text())
    (folder / "page.json").write_text(json.dumps(facts | changes))
    with pytest.raises(StoreError, match=r"page\.json is damaged"):
        read_copy(folder)


def test_copies_that_are_old_or_too_many_go(a_copy: Copy, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(root / ".pages")
    monkeypatch.setattr(keeper_module, "MAX_COPIES", 2)
    folders = [root / ".pages" / (letter * 64) for letter in "abcd"]
    for age, folder in zip((10.0, 20.0, 30.0, keeper_module.KEEP_COPIES_S + 10.0), folders, strict=True):
        write_copy(folder, a_copy)
        for path in [folder, *folder.rglob("*")]:
            os.utime(path, (time.time() - age, time.time() - age))
    tidy()
    assert [folder.exists() for folder in folders] == [True, True, False, False]
    each = sum(path.lstat().st_size for path in folders[0].rglob("*"))
    monkeypatch.setattr(keeper_module, "MAX_COPIES_BYTES", 2 * each)
    tidy()
    assert [folder.exists() for folder in folders[:2]] == [True, True]
    monkeypatch.setattr(keeper_module, "MAX_COPIES_BYTES", 2 * each - 1)
    tidy()
    assert [folder.exists() for folder in folders[:2]] == [True, False]


def test_the_address_of_a_copy_is_that_of_its_run(a_copy: Copy) -> None:
    assert address.folded(a_copy.run.start, a_copy.run.timeline).config == TINY


def test_a_run_with_two_pages_is_copied_for_the_first_and_then_for_the_one_that_stays() -> None:
    async def scene() -> None:
        async with Site() as site:
            first = site.open()
            second, _ = site.hub.connect(site.hub.open_beside(first.token), resume="", released=False, tab="y" * 22)
            place = Keeper().place
            folders = [place(page.tab or "", page.run.key) for page in (first, second)]
            await site.train(first)
            await site.until(lambda: step_of_copy(first, site) == 30)
            assert [folder.is_dir() for folder in folders] == [True, False]
            first.connection.close()
            site.clock.now += KEEP_S + 1.0
            await site.until(lambda: (folders[1] / "page.json").is_file())
            assert read_copy(folders[1]).run.step == 30

    asyncio.run(scene())
