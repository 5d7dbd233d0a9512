"""A live run is saved and opened again: nothing is lost, and training goes on bit for bit."""

from __future__ import annotations

import asyncio
import dataclasses
import pickle
import shutil
import tracemalloc
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest

from dashboard.live import recording as recording_module
from dashboard.live.history import History
from dashboard.live.recording import Recording
from dashboard.live.run import LiveRun
from dashboard.live.training import status_kind
from dashboard.server import loop as server_loop
from dashboard.server.hub import Hub
from dashboard.server.loop import Loop
from dashboard.setups.workspaces import MAX_ENTERED
from maml_core.chunks import ChunkRequest, run_chunk
from maml_core.config import FolderConfig, LinearConfig, MLPConfig, RunConfig, replace
from maml_core.datasets.folder import load_folder
from maml_core.errors import ConfigError, StateError, StoreError
from maml_core.presets import MAML_PLUS_PLUS
from maml_core.records import Entry, Records, TaskFit
from maml_core.runs import replay
from maml_core.state_bytes import state_to_bytes
from maml_core.store import RunStore, SavedRun
from tests.dashboard.live.driver import EXPLOSIVE, TINY, Driver, replayed_state, texts
from tests.dashboard.server.clients import Client, Clock, Held, Inline, on_loop, states, turns, until
from tests.maml_core.datasets.test_folder import pictures


def saved(run: LiveRun, name: str = "run") -> SavedRun:
    found = run.saved(name)
    assert found is not None
    return found


def opened(run: SavedRun) -> Driver:
    """Another page with the saved run, after its first look."""
    driver = Driver()
    driver.run.open(run, History.from_records(run.records))
    return driver.opened()


def through_disk(run: SavedRun, root: Path) -> SavedRun:
    store = RunStore(root)
    store.save(run)
    return store.load(run.name)


def assert_same_records(one: Records, other: Records) -> None:
    for name in Records._fields:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def trained() -> Driver:
    """Twelve steps, a change, nine more."""
    driver = Driver().opened().played(12)
    driver.run.change({"alpha": 0.02, "num_inner_steps": 3}, now=driver.now)
    driver.chunk(steps=9)
    driver.run.pause()
    driver.chunk()
    return driver


class Silent(Loop):
    """An event loop that does nothing of what it is asked."""

    def post(self, act: Callable[[], None]) -> None:
        pass


class TestSaving:
    def test_nothing_can_be_saved_before_the_first_chunk(self):
        assert Driver().run.saved("run") is None

    def test_a_run_at_outer_step_0_can_be_saved(self):
        run = saved(Driver().opened().run)
        assert (run.step, len(run.records.steps)) == (0, 0)

    def test_it_is_the_run_that_the_engine_makes_of_start_and_timeline(self):
        run = saved(trained().run)
        config, state, records = replay(run.start, run.timeline, num_steps=run.step)
        assert (run.config, run.state, run.step) == (config, state_to_bytes(state), 21)
        assert_same_records(run.records, records)

    def test_a_change_that_no_chunk_has_made_yet_is_left_out(self):
        driver = Driver().opened().played(5)
        driver.run.change({"alpha": 0.5}, now=driver.now)
        run = saved(driver.run)
        assert (run.config, run.timeline) == (TINY, ())

    def test_changes_of_a_shared_run_that_are_still_to_come_are_kept(self):
        coming = Entry(step=30, kind="change", changes={"alpha": 0.02})
        driver = Driver(TINY, [coming]).opened().played(10)
        assert saved(driver.run).timeline == (coming,)

    def test_a_run_that_diverged_keeps_its_sentence_and_its_roll_back(self, tmp_path: Path):
        driver = Driver(EXPLOSIVE).opened().played(200)
        assert driver.run.status.kind == "diverged"
        run = through_disk(saved(driver.run), tmp_path)
        assert run.status == driver.run.status
        assert [entry.kind for entry in run.records.events] == ["rollback"]
        assert run.timeline == ()

    def test_a_restart_forgets_what_was_recorded(self):
        driver = trained()
        driver.run.restart()
        driver.opened()
        assert len(saved(driver.run).records.steps) == 0


class TestOpening:
    def test_it_stands_at_its_step_with_its_settings(self, tmp_path: Path):
        run = opened(through_disk(saved(trained().run), tmp_path)).run
        assert (run.step, status_kind(run), run.playback.playing) == (21, "paused", False)
        assert (run.changes.start, run.config) == (TINY, replace(TINY, {"alpha": 0.02, "num_inner_steps": 3}))

    def test_the_curves_and_the_marks_are_back(self):
        before = trained().run
        run = opened(saved(before)).run
        np.testing.assert_array_equal(run.history.curves().raw, before.history.curves().raw)
        assert texts(run) == texts(before) == ["alpha 0.01 -> 0.02, N 1 -> 3"]

    def test_the_charts_are_those_of_its_state(self):
        before = trained()
        after = opened(saved(before.run))
        assert isinstance(before.viewer.fit, TaskFit)
        assert isinstance(after.viewer.fit, TaskFit)
        np.testing.assert_array_equal(after.viewer.fit.curves, before.viewer.fit.curves)
        means = [driver.run.audience.seen.trajectories["maml"].mean for driver in (after, before)]
        np.testing.assert_array_equal(*means)

    def test_training_goes_on_as_if_nothing_had_happened(self, tmp_path: Path):
        never_saved = trained().played(17).run
        driver = opened(through_disk(saved(trained().run), tmp_path)).played(17)
        assert driver.run.state == never_saved.state
        assert driver.run.state == replayed_state(driver.run)
        assert_same_records(saved(driver.run).records, saved(never_saved).records)

    @pytest.mark.parametrize(
        "changes",
        [
            {"algorithm": "meta_sgd"},
            {"algorithm": "imaml", "num_inner_steps": 3},
            {**MAML_PLUS_PLUS, "num_inner_steps": 3},
        ],
        ids=["meta_sgd", "imaml", "maml++"],
    )
    def test_so_does_every_algorithm(self, changes: dict[str, object], tmp_path: Path):
        config = replace(TINY, changes)
        driver = opened(through_disk(saved(Driver(config).opened().played(8).run), tmp_path)).played(7)
        assert driver.run.state == Driver(config).opened().played(15).run.state

    def test_the_run_before_stays_as_a_ghost(self):
        driver = Driver().opened().played(8)
        curves = driver.run.history.curves()
        run = saved(trained().run)
        driver.run.open(run, History.from_records(run.records))
        (ghost,) = driver.run.ghosts.all
        np.testing.assert_array_equal(ghost.curves["loss"].smoothed, curves.smoothed)

    def test_of_another_family_there_is_no_ghost(self):
        driver = Driver(replace(TINY, {"tasks": LinearConfig()})).opened().played(8)
        run = saved(trained().run)
        driver.run.open(run, History.from_records(run.records))
        assert driver.run.ghosts.all == ()

    def test_a_shared_run_goes_on_with_its_changes(self):
        coming = Entry(step=15, kind="change", changes={"alpha": 0.02})
        driver = opened(saved(Driver(TINY, [coming]).opened().played(10).run)).played(10)
        assert (driver.run.config.alpha, driver.run.changes.done) == (0.02, [coming])
        assert driver.run.state == replayed_state(driver.run)

    def test_a_run_that_diverged_goes_on_from_its_last_good_state(self, tmp_path: Path):
        before = Driver(EXPLOSIVE).opened().played(200)
        driver = opened(through_disk(saved(before.run), tmp_path))
        assert (status_kind(driver.run), driver.run.sentence) == ("diverged", before.run.sentence)
        assert texts(driver.run) == ["rolled back"]
        for each in (before, driver):
            each.run.change({"alpha": 0.01}, now=each.now)
            each.played(10)
        assert status_kind(driver.run) == "running"
        assert driver.run.state == before.run.state

    def test_changes_of_its_own_step_that_were_made_are_not_made_again(self):
        driver = Driver().opened().played(5)
        driver.run.change({"alpha": 0.02}, now=driver.now)
        driver.run.pause()
        driver.chunk()
        again = opened(saved(driver.run))
        assert again.run.changes.done == [Entry(step=5, kind="change", changes={"alpha": 0.02})]

    def test_changes_of_its_own_step_that_were_not_made_are(self):
        # As `maml train --resume` saves it before it begins.
        change = Entry(step=5, kind="change", changes={"alpha": 0.02})
        run = dataclasses.replace(saved(Driver().opened().played(5).run), timeline=(change,))
        driver = opened(run)
        assert (driver.run.config.alpha, driver.run.changes.done) == (0.02, [change])

    def test_a_resumption_that_was_not_made_waits_for_play(self):
        stopped = saved(Driver(EXPLOSIVE).opened().played(200).run)
        resume = Entry(step=stopped.step, kind="resume")
        driver = opened(dataclasses.replace(stopped, timeline=(resume,)))
        assert (status_kind(driver.run), driver.run.changes.done[1:]) == ("diverged", [])

    def test_one_that_is_too_large_is_refused_and_changes_nothing(self):
        driver = trained()
        large = replace(TINY, {"model": MLPConfig(hidden_widths=(1024,) * 8), "meta_batch_size": 20})
        state = driver.run.state
        with pytest.raises(ConfigError, match="hidden_widths"):
            driver.run.open(dataclasses.replace(saved(driver.run), config=large), History())
        assert (driver.run.step, driver.run.state) == (21, state)

    def test_a_drag_of_a_saved_run_has_one_mark(self):
        records = saved(trained().run).records
        drag = [Entry(step=1000 + 3 * i, kind="change", changes={"alpha": 0.02 + 0.01 * i}) for i in range(4)]
        late = Entry(step=1500, kind="change", changes={"alpha": 0.2})
        run = dataclasses.replace(saved(trained().run), timeline=(*drag, late), step=2000, start=TINY)
        run = dataclasses.replace(run, config=replace(TINY, {"alpha": 0.2}), records=records)
        live = LiveRun(TINY)
        live.open(run, History())
        assert texts(live) == ["alpha 0.01 -> 0.05", "alpha 0.05 -> 0.2"]


class TestRecording:
    def part(self, start: int, count: int) -> Records:
        steps = np.arange(start, start + count)
        numbers = {name: steps * 1.0 for name in Records._fields if name != "events"}
        return Records(
            **{**numbers, "steps": steps, "held_out_steps": steps, "events": (Entry(step=start, kind="rollback"),)}
        )

    def test_there_is_nothing_before_the_first_chunk(self):
        assert Recording().records() is None

    def test_everything_is_kept_in_order(self):
        recording = Recording()
        for start in range(0, 6000, 10):
            recording.add(self.part(start, 10))
        records = recording.records()
        assert records is not None
        np.testing.assert_array_equal(records.steps, np.arange(6000))
        np.testing.assert_array_equal(records.query_loss, np.arange(6000.0))
        assert len(records.events) == 600

    def test_it_does_not_grow_beyond_its_limit(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(recording_module, "MAX_RECORDED", 100)
        recording = Recording()
        for start in range(0, 1000, 10):
            recording.add(self.part(start, 10))
        records = recording.records()
        assert records is not None
        assert 25 <= len(records.steps) == len(records.query_loss) <= 50
        assert (np.diff(records.steps) > 0).all()
        assert (records.steps[0], records.steps[-1] >= 980) == (0, True)

    def test_a_part_that_is_too_long_by_itself_is_thinned(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(recording_module, "MAX_RECORDED", 100)
        recording = Recording()
        recording.add(self.part(0, 500))
        records = recording.records()
        assert records is not None
        assert len(records.steps) <= 50

    @pytest.mark.parametrize(("num_runs", "most"), [(1, 1_000_000), (2, 1_000_000), (10, 200_000), (30, 100_000)])
    def test_hours_of_many_runs_take_no_more_than_minutes_of_one(self, num_runs: int, most: int):
        at, chunk = 1_200_000, 100
        nothing, none = np.full(chunk, np.nan), np.array([])
        tracemalloc.start()
        recording = Recording()
        recording.share(num_runs)
        for start in range(0, at, chunk):
            columns = {
                name: none if name.startswith("held_out_") else nothing.copy()
                for name in Records._fields
                if name != "events"
            }
            steps = {"steps": np.arange(start, start + chunk), "held_out_steps": none.astype(int)}
            recording.add(Records(**{**columns, **steps, "query_loss": np.float32(steps["steps"]) / 7.0, "events": ()}))
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert kept < 16 * most
        records = recording.records()
        assert records is not None
        assert most // 2 <= len(records.steps) <= most
        assert (records.steps[0], records.steps[-1] >= at - 32) == (0, True)

    def test_what_is_old_takes_few_bytes_and_is_the_same_to_the_bit(self):
        """A float32 run's losses, accuracies that there are none of, and numbers that only a float64 holds; held-out tasks are looked at now and then."""
        losses, judged = np.random.default_rng(0).random(60_000), np.arange(0, 60_000, 9_000)
        losses[-1] = 1e300
        nothing, few = np.full(60_000, np.nan), np.random.default_rng(1).random(len(judged))
        columns = {
            name: few if name.startswith("held_out_") else nothing for name in Records._fields if name != "events"
        }
        whole = Records(
            **columns
            | {
                "steps": np.arange(60_000),
                "query_loss": np.minimum(losses, 1.0).astype(np.float32).astype(float),
                "joint_loss": losses,
                "accuracy": np.where(losses < 0.5, np.nan, 0.25),
                "held_out_steps": judged,
            },
            events=(),
        )
        tracemalloc.start()
        recording = Recording()
        for start in range(0, 60_000, 50):
            steps, evaluations = slice(start, start + 50), (judged >= start) & (judged < start + 50)
            recording.add(
                Records(
                    **{
                        name: column[evaluations if name.startswith("held_out_") else steps].copy()
                        for name, column in whole._asdict().items()
                        if name != "events"
                    },
                    events=(),
                )
            )
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        records = recording.records()
        assert records is not None
        for name in columns:
            np.testing.assert_array_equal(getattr(records, name), getattr(whole, name), strict=True)
        assert kept < 60_000 * 40


async def stepped(client: Client, steps: int) -> None:
    """Play until so many outer steps are taken, and stand."""
    client.say("run_until", step=client.page.run.step + steps)
    await until(lambda: not client.page.run.playback.playing)
    await turns()


class TestHub:
    """A script's thread saves and opens, while the loop turns."""

    def test_pages_share_what_is_kept_of_their_runs(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(recording_module, "MAX_RECORDED_IN_ALL", 60)
        monkeypatch.setattr(recording_module, "LEAST_RECORDED", 5)

        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            one = Client(hub, hub.open_page(TINY))
            await stepped(one, 40)
            assert recorded(one) == 40
            others = [Client(hub, hub.open_page(TINY)) for _ in range(3)]
            await stepped(others[0], 4)
            assert 7 <= recorded(one) <= 15
            assert recorded(others[0]) == 4

        def recorded(client: Client) -> int:
            records = client.page.run.recording.records()
            assert records is not None
            return len(records.steps)

        on_loop(scene)

    def test_a_run_that_was_saved_goes_on_in_another_page(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            one, other = Client(hub, hub.open_page(TINY)), Client(hub, hub.open_page(TINY))
            await stepped(one, 6)
            run = await asyncio.to_thread(hub.saved_run, one.page.token, "mine")
            assert run is not None
            assert (run.name, run.step) == ("mine", 6)
            await stepped(one, 4)
            await asyncio.to_thread(hub.open_run, other.page.token, run)
            assert (other.page.run.step, status_kind(other.page.run)) == (6, "paused")
            await stepped(other, 4)
            assert other.page.run.state == one.page.run.state

        on_loop(scene)

    def test_the_page_is_told(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            one, other = Client(hub, hub.open_page(TINY)), Client(hub, hub.open_page(RunConfig()))
            await stepped(one, 6)
            run = await asyncio.to_thread(hub.saved_run, one.page.token, "mine")
            assert run is not None
            await turns()
            other.take()
            await asyncio.to_thread(hub.open_run, other.page.token, run)
            await turns()
            messages = other.take()
            assert states(messages)[-1]["config"]["shots"] == TINY.shots
            assert messages[-1]["type"] == "frame"
            assert messages[-1]["step"] == 6

        on_loop(scene)

    @pytest.mark.parametrize("fault", ["bytes", "model", "step"])
    def test_a_state_that_the_worker_refuses_leaves_the_run_as_it_was(self, fault: str):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            await stepped(client, 6)
            run = await asyncio.to_thread(hub.saved_run, client.page.token, "mine")
            assert run is not None
            wider = replace(TINY, {"model": MLPConfig(hidden_widths=(7,))})
            broken = {
                "bytes": dataclasses.replace(run, state=run.state[:-40]),
                "model": dataclasses.replace(run, start=wider, config=wider),
                "step": dataclasses.replace(run, step=9),
            }[fault]
            live, state = client.page.run, client.page.run.state
            with pytest.raises(StoreError, match="mine cannot be opened") as caught:
                await asyncio.to_thread(hub.open_run, client.page.token, broken)
            assert caught.value.kind == "damaged"
            assert (client.page.run, live.state, live.sentence, live.step) == (live, state, "", 6)
            await stepped(client, 2)
            assert live.state == replayed_state(live)

        on_loop(scene)

    def test_the_images_of_a_run_are_kept_and_missed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """A class that came since is left out; a picture that changed, or a folder that was moved, is a sentence."""
        monkeypatch.setenv("MAML_DATA", str(tmp_path / "data"))
        folder = pictures(tmp_path / "birds", classes=10)
        config = RunConfig(
            tasks=FolderConfig(folder=str(folder), ways=2, size=8),
            model=MLPConfig(hidden_widths=(4,)),
            shots=1,
            num_query=1,
            meta_batch_size=2,
            evaluation_tasks=2,
            joint_baseline=False,
        )

        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            one, other = Client(hub, hub.open_page(config)), Client(hub, hub.open_page(TINY))
            await stepped(one, 4)
            run = await asyncio.to_thread(hub.saved_run, one.page.token, "mine")
            assert run is not None
            assert run.images is not None
            assert run.images.num_classes == 10
            goes_on = ChunkRequest(config=run.config, state=run.state, num_steps=2)
            expected = run_chunk(goes_on).state
            shutil.copytree(folder / "class 1", folder / "class 00")
            load_folder(folder, size=8, color="grey")
            await asyncio.to_thread(hub.open_run, other.page.token, run)
            await stepped(one, 2)
            await stepped(other, 2)
            assert one.page.run.state == other.page.run.state == expected
            assert run_chunk(goes_on).state != expected  # a run that did not know its images

            shutil.copy(folder / "class 1" / "1.png", folder / "class 2" / "0.png")
            load_folder(folder, size=8, color="grey")
            with pytest.raises(
                StoreError, match=r"mine cannot be opened: .* the pictures of class 'class 2' have changed"
            ):
                await asyncio.to_thread(hub.open_run, other.page.token, run)
            moved = folder.rename(tmp_path / "elsewhere")
            shutil.rmtree(tmp_path / "data")
            with pytest.raises(StoreError, match=r"mine cannot be opened: there is no .*birds"):
                await asyncio.to_thread(hub.open_run, other.page.token, run)
            assert moved.is_dir()
            assert other.page.run.step == 6

        on_loop(scene)

    def test_a_worker_that_ends_leaves_the_run_as_it_was(self):
        class Broken(Inline):
            broken = False

            def compute(self, request: ChunkRequest):  # type: ignore[no-untyped-def]
                if self.broken:
                    raise BrokenProcessPool
                return super().compute(request)

        async def scene(hub: Hub, executor: Broken, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            await stepped(client, 6)
            run = await asyncio.to_thread(hub.saved_run, client.page.token, "mine")
            assert run is not None
            executor.broken = True
            with pytest.raises(StoreError, match="try again"):
                await asyncio.to_thread(hub.open_run, client.page.token, run)
            executor.broken = False
            assert client.page.run.step == 6

        on_loop(scene, Broken())

    def test_a_chunk_of_the_run_before_is_dropped(self):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            saving = Driver().opened().played(5)
            client = Client(hub, hub.open_page(TINY))
            await until(lambda: len(executor.waiting) == 1)
            run = saved(saving.run)
            client.page.run.open(run, History.from_records(run.records))
            executor.finish()
            await turns()
            assert (client.page.run.step, client.page.run.state) == (5, run.state)

        on_loop(scene, Held())

    def test_a_page_that_is_not_known_has_nothing_to_save(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            assert await asyncio.to_thread(hub.saved_run, "nobody", "x") is None
            assert (hub.step("nobody"), hub.tab("nobody"), hub.workspace("nobody")) == (0, None, "")
            hub.enter_workspace("nobody", "x")

        on_loop(scene)

    def test_a_loop_that_does_not_answer_is_said(self, monkeypatch: pytest.MonkeyPatch):
        hub = Hub(Inline())
        hub.loop = Silent()
        monkeypatch.setattr(server_loop, "ANSWER_S", 0.01)
        with pytest.raises(StoreError, match="try again"):
            hub.saved_run(hub.open_page(TINY), "mine")

    def test_without_a_loop_it_is_done_at_once(self):
        hub = Hub(Inline())
        token = hub.open_page(TINY)
        run = saved(trained().run)
        hub.open_run(token, run)
        assert hub.step(token) == 21


class TestTabs:
    def connected(self, hub: Hub, **options: object) -> Client:
        return Client(hub, hub.open_page(TINY), **options)  # type: ignore[arg-type]

    def test_a_tab_is_unknown_until_its_socket_says_hello(self):
        hub = Hub(Inline())
        token = hub.open_page(TINY)
        assert hub.tab(token) is None

    def test_each_new_tab_gets_a_secret_of_its_own(self):
        hub = Hub(Inline())
        one, other = self.connected(hub), self.connected(hub)
        assert one.page.tab != other.page.tab
        assert one.take()[0]["tab"] == one.page.tab

    def test_a_reload_keeps_it(self):
        hub = Hub(Inline())
        tab = self.connected(hub).page.tab
        assert self.connected(hub, tab=tab).page.tab == tab

    def test_a_socket_that_lost_its_memory_keeps_the_tab_of_its_page(self):
        hub = Hub(Inline())
        client = self.connected(hub)
        assert Client(hub, client.page.token).page.tab == client.page.tab

    @pytest.mark.parametrize(
        "tab", ["", "../../etc", "x", "a" * 21, "a" * 23, "a" * 21 + "/", "a" * 21 + "\n", "ä" * 22]
    )
    def test_what_is_no_secret_of_ours_is_not_taken(self, tab: str):
        assert self.connected(Hub(Inline()), tab=tab).page.tab != tab

    def test_a_reload_stays_in_its_workspace(self):
        hub = Hub(Inline())
        client = self.connected(hub)
        hub.enter_workspace(client.page.token, "group 3")
        client.close()
        again = self.connected(hub, tab=client.page.tab, resume=client.page.run.key)
        assert hub.workspace(again.page.token) == "group 3"
        assert hub.workspace(self.connected(hub).page.token) == ""


def test_a_page_that_enters_one_workspace_after_the_other_is_stopped_and_can_go_back() -> None:
    hub = Hub(Inline())
    token, other = hub.open_page(TINY), hub.open_page(TINY)
    for number in range(MAX_ENTERED):
        hub.enter_workspace(token, f"group {number}")
    with pytest.raises(StoreError, match=f"this page has entered {MAX_ENTERED} workspaces, and one may not enter more"):
        hub.enter_workspace(token, "one more")
    assert hub.workspace(token) == f"group {MAX_ENTERED - 1}"
    hub.enter_workspace(token, " GROUP  0")
    hub.enter_workspace(token, "")
    assert hub.workspace(token) == ""
    hub.enter_workspace(other, "one more")
    assert hub.workspace(other) == "one more"


@pytest.mark.parametrize(
    "error", [ConfigError("alpha", -1.0, "from 0 on"), StoreError("full", "no room"), StateError("no")]
)
def test_errors_reach_the_server_from_a_worker_process(error: Exception):
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.__dict__) == (type(error), str(error), error.__dict__)


def test_a_worker_accepts_the_state_of_a_saved_run():
    run = saved(trained().run)
    assert run_chunk(ChunkRequest(config=run.config, state=run.state)).step == 21
