"""The panel of saved runs: what it offers, what its presses do, and that nobody reaches another's runs through it."""

from __future__ import annotations

import ast
import csv
import dataclasses
import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import streamlit as st

from dashboard.live.pacing import Pace
from dashboard.live.training import status_kind
from dashboard.server.start import get_hub
from dashboard.setups.algorithms import name_of
from dashboard.setups.workspaces import Workspace, named_workspace, own_workspace
from dashboard.sidebar.saved_runs import ago, default_name
from maml_core.chunks import ChunkRequest, run_chunk
from maml_core.config import RunConfig, replace
from maml_core.errors import StoreError
from maml_core.presets import MAML_PLUS_PLUS
from maml_core.store import RunStore, check_name
from tests.dashboard.live.driver import TINY, Driver
from tests.dashboard.server.clients import Client
from tests.dashboard.sidebar.test_main_page import Visit, hub, own_hub

USUAL = "MAML a0.02 N3 step 6"


@pytest.fixture(autouse=True)
def _own_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with own_hub(monkeypatch):
        yield


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAML_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("MAML_SHARED", "0")
    return tmp_path / "runs"


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAML_SHARED", "1")


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], bytes]]:
    """What the download buttons would compute, by file name; without a server, Streamlit drops it."""
    found: dict[str, Callable[[], bytes]] = {}
    draw = st.download_button

    def download_button(label: str, data: Callable[[], bytes], **options: Any) -> bool:
        found[options["file_name"]] = data
        return draw(label, data, **options)

    monkeypatch.setattr(st, "download_button", download_button)
    return found


class Panel(Visit):
    """A page with the panel open."""

    def __init__(self, **query: str) -> None:
        query = {"model__hidden_widths": "6", "evaluation_tasks": "4", "alpha": "0.02", "num_inner_steps": "3", **query}
        super().__init__(**query)
        self.app.session_state["runs"] = True
        self.rerun()

    def train(self, steps: int) -> Panel:
        """What the hub does meanwhile."""
        self.run.play()
        for num_steps in (steps, 0):
            request = self.run.next_request(0.0, budget_s=1.0, pace=Pace())
            self.run.finished(run_chunk(_exactly(request, num_steps)), 0.0)
            self.run.pause()
        self.rerun()
        return self

    def press(self, key: str) -> Panel:
        self.app.button(key=key).click()
        self.rerun()
        return self

    def submit(self, label: str, **texts: str) -> Panel:
        for key, text in texts.items():
            self.app.text_input(key=f"runs.{key}").set_value(text)
        next(button for button in self.app.button if button.label == label).click()
        self.rerun()
        return self

    def press_again(self, label: str) -> Panel:
        """Press a form's button and leave its field as it is."""
        return self.submit(label)

    def save(self, name: str = "") -> Panel:
        return self.submit("Save", name=name)

    def take_in(self, file: str, data: bytes) -> Panel:
        self.app.file_uploader[0].set_value((file, data, "application/zip"))
        self.rerun()
        return self

    def select(self, name: str) -> Panel:
        self.app.radio(key="runs.chosen").set_value(name)
        self.rerun()
        return self

    def enter(self, workspace: str) -> Panel:
        self.app.text_input(key="runs.workspace").set_value(workspace)
        self.rerun()
        return self

    @property
    def said(self) -> list[str]:
        return [plain(element.value) for element in (*self.app.success, *self.app.error)]

    @property
    def errors(self) -> list[str]:
        return [plain(element.value) for element in self.app.error]

    @property
    def listed(self) -> list[str]:
        return [plain(name) for radio in self.app.radio for name in radio.options]

    @property
    def keys(self) -> set[str]:
        return {button.key for button in self.app.button}


def _exactly(request: ChunkRequest, num_steps: int) -> ChunkRequest:
    return dataclasses.replace(request, num_steps=num_steps, budget_s=None)


def plain(text: str) -> str:
    return text.replace("\\", "")


def connected(panel: Panel) -> str:
    """The secret of the page's tab, after its socket said hello."""
    client = Client(hub(), panel.token)
    client.close()
    panel.rerun()
    assert client.page.tab is not None
    return client.page.tab


class TestSaving:
    def test_it_says_that_it_is_saved(self):
        assert Panel().train(6).save().said == [f"Saved {USUAL} at outer step 6."]

    def test_it_is_the_one_that_is_chosen_whatever_was_before(self):
        panel = Panel().train(6).save("a")
        for name in ("b", "c"):
            panel.select("a").train(1).save(name)
            assert panel.app.radio(key="runs.chosen").value == name
        assert panel.select("a").press_again("Save").app.radio(key="runs.chosen").value == "c"  # it is saved already

    def test_the_run_is_where_the_command_line_looks(self, root: Path):
        panel = Panel().train(6).save("lecture 1")
        run = RunStore(root).load("lecture 1")
        assert (run.step, run.config, run.state) == (6, panel.config, panel.run.state)

    def test_it_has_the_step_of_the_press(self):
        panel = Panel().train(6)
        panel.run.play()
        panel.run.finished(run_chunk(_exactly(panel.run.next_request(0.0, budget_s=1.0, pace=Pace()), 3)), 0.0)
        assert panel.save().said == ["Saved MAML a0.02 N3 step 9 at outer step 9."]

    def test_a_name_that_is_taken_is_asked_about(self):
        panel = Panel().train(6).save("x").train(2).save("x")
        assert [plain(warning.value) for warning in panel.app.warning] == ["There is a run called x already."]
        assert own_workspace().load("x").step == 6
        assert panel.press("runs.replace").said == ["Saved x at outer step 8."]
        assert own_workspace().load("x").step == 8
        assert "runs.replace" not in panel.keys

    def test_another_name_is_not_a_yes(self):
        panel = Panel().train(6).save("x").train(2).save("x").save("y")
        assert "runs.replace" not in panel.keys
        assert set(panel.listed) == {"x", "y"}

    @pytest.mark.parametrize("name", ["a/b", "../x", ".hidden", "con", "a*b", "x.", "n" * 81, "lecture " * 30])
    def test_a_name_that_cannot_be_used_is_refused_in_words(self, root: Path, name: str):
        panel = Panel().train(6).save(name)
        assert len(panel.errors) == 1
        assert "name" in panel.errors[0]
        assert not list(root.glob("*"))
        assert panel.app.text_input(key="runs.name").value == name  # to be mended, not typed again

    def test_pressed_again_it_is_the_same_run(self):
        panel = Panel().train(6).save("lecture 1").press_again("Save")
        assert panel.said == ["lecture 1 is saved already, at outer step 6."]
        assert panel.listed == ["lecture 1"]
        assert panel.train(2).press_again("Save").said == []
        assert "runs.replace" in panel.keys  # another step is another run, which is asked about

    def test_without_a_name_it_is_saved_once_too(self):
        panel = Panel().train(6).save().save()
        assert panel.said == [f"{USUAL} is saved already, at outer step 6."]
        assert panel.listed == [USUAL]

    def test_there_is_nothing_to_save_before_the_first_chunk(self):
        assert "nothing to save yet" in Panel().save().errors[0]

    def test_a_full_disk_is_said_and_the_run_is_unharmed(self, monkeypatch: pytest.MonkeyPatch):
        def full(*_: Any) -> None:
            raise OSError(28, "No space left on device")

        panel = Panel().train(6)
        state = panel.run.state
        monkeypatch.setattr("maml_core.store.folder.write_file", full)
        assert "the disk is full" in panel.save().errors[0]
        assert (panel.run.state, panel.run.step) == (state, 6)

    def test_left_out_steps_are_said(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("dashboard.live.recording.MAX_RECORDED", 10)
        assert "some steps were left out" in Panel().train(20).save().said[0]

    @pytest.mark.parametrize(
        "config",
        [
            RunConfig(),
            RunConfig(alpha=1e-5, order="first"),
            RunConfig(alpha=0.123456789, algorithm="meta_sgd"),
            RunConfig(algorithm="imaml", num_inner_steps=50),
            replace(RunConfig(num_inner_steps=5), MAML_PLUS_PLUS),
        ],
        ids=name_of,
    )
    def test_the_usual_name_can_be_used(self, config: RunConfig):
        name = default_name(config, 9_999_999)
        assert check_name(name) == name


class TestList:
    def test_it_is_empty_at_first(self):
        assert "No saved runs." in [caption.value for caption in Panel().app.caption]

    def test_nothing_is_looked_up_while_it_is_closed(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(Workspace, "list", lambda _: pytest.fail("the panel is closed"))
        Visit()

    def test_it_says_what_the_runs_are(self):
        panel = Panel().train(1200).save("one")
        (radio,) = panel.app.radio
        assert radio.proto.captions[0] == "MAML · outer step 1,200 · just now"

    def test_the_newest_is_first_and_a_damaged_one_last(self, root: Path):
        panel = Panel().train(6).save("one").train(1).save("two").train(1).save("three")
        next((root / "two").glob("state-*")).unlink()
        panel.rerun()
        assert panel.listed == ["three", "one", "two"]
        assert "is missing" in panel.app.radio[0].proto.captions[2]

    def test_a_damaged_one_can_only_be_renamed_and_deleted(self, root: Path, downloads: dict[str, Any]):
        panel = Panel().train(6).save("one")
        next((root / "one").glob("state-*")).unlink()
        downloads.clear()
        panel.rerun()
        assert panel.app.button(key="runs.open").disabled
        assert "one.zip" not in downloads
        assert panel.press("runs.delete").listed == []

    def test_how_long_ago(self):
        now = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
        passed = {
            -5: "just now",
            59: "just now",
            60: "1 min ago",
            3599: "59 min ago",
            7200: "2 h ago",
            86_400: "2026-06-30",
        }
        assert {s: ago((now - timedelta(seconds=s)).isoformat(), now) for s in passed} == passed


class TestOpening:
    def test_it_stands_at_the_saved_step_with_its_settings(self):
        Panel().train(6).save("one")
        panel = Panel(shots="3", alpha="0.5").press("runs.open")
        assert [plain(toast.value) for toast in panel.app.toast] == ["Opened one, paused at outer step 6."]
        assert panel.keys.isdisjoint({"runs.open", "runs.delete"})  # the panel closes: it would lie over the charts
        assert (panel.run.step, status_kind(panel.run), panel.config.shots) == (6, "paused", 10)
        assert panel.shown["shots"] == 10

    def test_training_goes_on_bit_for_bit(self):
        kept = Panel().train(6).save("one").train(5)
        assert Panel().press("runs.open").train(5).run.state == kept.run.state

    def test_a_run_of_the_command_line_is_opened(self, root: Path):
        run = Driver(TINY).opened().played(9).run.saved("from the shell")
        assert run is not None
        RunStore(root).save(run)
        panel = Panel().press("runs.open")
        assert (panel.run.step, panel.config) == (9, TINY)

    def test_one_that_is_damaged_inside_is_said_and_the_page_stays(self, root: Path):
        panel = Panel().train(6).save("one")
        file = next((root / "one").glob("state-*"))
        file.write_bytes(b"\0" * file.stat().st_size)
        state = panel.train(2).run.state
        assert "checksum does not fit" in panel.press("runs.open").errors[0]
        assert (panel.run.step, panel.run.state) == (8, state)

    @pytest.mark.parametrize("pressed", ["runs.open", "runs.delete"])
    def test_one_that_was_deleted_meanwhile_is_said(self, root: Path, pressed: str):
        panel = Panel().train(6).save("one")
        own_workspace().delete("one")
        (said,) = panel.press(pressed).errors
        assert "no run called 'one' any more" in said
        assert str(root) not in said  # a folder tells nobody what has become of it

    def test_files_of_one_that_was_deleted_meanwhile_are_refused_in_words(self, root: Path):
        Panel().train(6).save("one")
        workspace = own_workspace()
        workspace.delete("one")
        for do in (workspace.load, workspace.zip, lambda name: workspace.rename(name, "two")):
            with pytest.raises(StoreError, match="no run called 'one' any more"):
                do("one")


class TestOwnProblems:
    def test_it_is_shown_and_neither_opened_nor_written_as_a_script(
        self, root: Path, downloads: dict[str, Callable[[], bytes]]
    ):
        panel = Panel().train(6)
        run = panel.run.saved("mine")
        assert run is not None
        RunStore(root).save(dataclasses.replace(run, own_problem=True))
        panel.rerun()
        assert "with a Problem of its own" in panel.app.radio[0].proto.captions[0]
        assert panel.app.button(key="runs.open").disabled
        assert {name for name in downloads if name.startswith("mine.")} == {"mine.csv", "mine.zip"}
        with pytest.raises(StoreError, match="mine was trained with a Problem of its own"):
            get_hub().open_run("any", RunStore(root).load("mine"))
        assert panel.run.step == 6


class TestChanging:
    def test_rename(self):
        panel = Panel().train(6).save("one").submit("Rename", new_name="two")
        assert (panel.said, panel.listed) == (["one is now called two."], ["two"])

    @pytest.mark.parametrize(
        ("name", "why"), [("", "new name of two"), ("../x", "name"), ("n" * 81, "1 to 80"), ("two", "already")]
    )
    def test_a_rename_that_cannot_be_is_said(self, name: str, why: str):
        panel = Panel().train(6).save("two").save("one").select("two").submit("Rename", new_name=name)
        assert why in panel.errors[0]
        assert set(panel.listed) == {"one", "two"}
        assert panel.app.text_input(key="runs.new_name").value == name

    def test_why_a_name_was_refused_is_said_until_another_run_is_chosen_or_the_panel_is_closed(self):
        panel = Panel().train(6).save("two").save("one").select("two").submit("Rename", new_name="one")
        assert len(panel.errors) == 1
        assert panel.select("one").errors == []
        assert len(panel.submit("Rename", new_name="two").errors) == 1
        for is_open in (False, True):
            panel.app.session_state["runs"] = is_open
            panel.rerun()
        assert panel.errors == []

    def test_after_a_rename_its_field_is_empty(self):
        panel = Panel().train(6).save("one").submit("Rename", new_name="two")
        assert panel.app.text_input(key="runs.new_name").value == ""

    def test_the_chosen_one_is_deleted_and_comes_back(self):
        panel = Panel().train(6).save("one").save("two").select("one").press("runs.delete")
        assert (panel.said, panel.listed) == (["Deleted one."], ["two"])
        assert panel.press("runs.restore").said == ["one is back."]
        assert set(panel.listed) == {"one", "two"}
        assert "runs.restore" not in panel.keys


class TestDownloads:
    def test_each_row_says_of_which_run_it_is(self):
        panel = Panel().train(6).save("one")
        headings = [caption.value for caption in panel.app.caption if "as a file" in caption.value]
        assert headings == ["**This run** as a file", "**Chosen run** as a file"]

    def test_nothing_is_computed_before_the_press(self, monkeypatch: pytest.MonkeyPatch):
        panel = Panel().train(6).save("one")
        monkeypatch.setattr(Workspace, "load", lambda *_: pytest.fail("nobody pressed"))
        monkeypatch.setattr("dashboard.sidebar.run_files.curves_csv", lambda *_: pytest.fail("nobody pressed"))
        panel.rerun()

    @pytest.mark.parametrize("name", [USUAL, "one"], ids=["the live run", "a saved run"])
    def test_the_curves(self, downloads: dict[str, Callable[[], bytes]], name: str):
        panel = Panel().train(6).save("one")
        rows = list(csv.DictReader(io.StringIO(downloads[f"{name}.csv"]().decode())))
        run = panel.run.saved("x")
        assert run is not None
        assert [float(row["query_loss"]) for row in rows] == run.records.query_loss.tolist()

    @pytest.mark.parametrize("name", [USUAL, "one"], ids=["the live run", "a saved run"])
    def test_the_folder(self, downloads: dict[str, Callable[[], bytes]], name: str, tmp_path: Path):
        panel = Panel().train(6).save("one")
        with zipfile.ZipFile(io.BytesIO(downloads[f"{name}.zip"]())) as archive:
            archive.extractall(tmp_path / "elsewhere")
        run = RunStore(tmp_path / "elsewhere").load(name)
        assert (run.step, run.state) == (6, panel.run.state)

    @pytest.mark.parametrize("name", [USUAL, "one"], ids=["the live run", "a saved run"])
    def test_the_script(self, downloads: dict[str, Callable[[], bytes]], name: str):
        Panel().train(6).save("one")
        text = downloads[f"{name}.py"]().decode()
        ast.parse(text)
        assert "alpha, beta, N = 0.02, 0.001, 3" in text

    @pytest.mark.parametrize("kind", ["csv", "zip", "py"])
    def test_of_a_run_that_is_gone_the_panel_says_so(
        self, root: Path, downloads: dict[str, Callable[[], bytes]], kind: str
    ):
        panel = Panel().train(6).save("two").save("one")
        RunStore(root).delete("one")
        with pytest.raises(StoreError):
            downloads[f"one.{kind}"]()
        panel.rerun()
        words = "There is no run called 'one' any more; it may have been deleted or renamed in another tab."
        assert (panel.said, panel.listed) == ([words], ["two"])
        assert panel.rerun().said == [words]
        assert panel.press("runs.delete").said == ["Deleted two."]

    def test_the_live_runs_are_of_the_newest_step(self, downloads: dict[str, Callable[[], bytes]]):
        panel = Panel().train(6)
        make = downloads[f"{USUAL}.csv"]
        panel.train(4)
        assert make().decode().count("\n") == 11


def cut(data: bytes) -> bytes:
    """An archive of which one byte in the middle is another."""
    return data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 255]) + data[len(data) // 2 + 1 :]


class TestImporting:
    def test_what_was_downloaded_and_deleted_comes_back_as_it_was(self, root: Path):
        panel = Panel().train(6).save("x")
        data, before = own_workspace().zip("x"), own_workspace().load("x")
        panel.press("runs.delete").take_in("x (1).zip", data)
        assert panel.said == ["Imported x, at outer step 6."]
        assert own_workspace().holds(before)
        assert "runs.restore" not in panel.keys  # its place is taken
        assert panel.take_in("x.zip", data).said == ["x is here already, at outer step 6."]
        assert panel.listed == ["x"]

    def test_another_run_of_that_name_keeps_it(self):
        panel = Panel().train(6).save("x")
        data = own_workspace().zip("x")
        panel.train(2).save("x").press("runs.replace").take_in("x.zip", data)
        assert panel.said == ["Imported x 2, at outer step 6."]
        assert panel.app.radio(key="runs.chosen").value == "x 2"  # which opens next
        assert [own_workspace().load(name).step for name in ("x", "x 2")] == [8, 6]
        assert panel.take_in("x.zip", data).said == [
            "x 2 is here already, at outer step 6."
        ]  # under the number that it was given
        assert len(panel.listed) == 2

    @pytest.mark.parametrize("spoiled", [cut, lambda data: data[:-100], lambda _: b"no archive", lambda _: b""])
    def test_a_damaged_file_is_refused_by_its_name_and_leaves_nothing(
        self, root: Path, spoiled: Callable[[bytes], bytes]
    ):
        panel = Panel().train(6).save("x")
        data = own_workspace().zip("x")
        panel.press("runs.delete").take_in("from a mail.zip", spoiled(data))
        [said] = panel.errors
        assert said.startswith("from a mail.zip is no ZIP archive, or a damaged or locked one")
        assert panel.listed == []
        assert [folder.name for folder in root.iterdir() if not folder.name.startswith(".")] == []
        assert panel.take_in("x.zip", data).said == ["Imported x, at outer step 6."]  # the field is free again

    @pytest.mark.usefixtures("shared")
    def test_on_a_shared_server_it_has_the_room_of_a_workspace(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
        panel = Panel()
        connected(panel)
        panel.train(6).enter("group 3").save("x")
        data = named_workspace("group 3").zip("x")
        monkeypatch.setattr("dashboard.setups.workspaces.MAX_RUNS", 1)
        assert panel.take_in("x.zip", data).said == ["x is here already, at outer step 6."]
        panel.train(1).save("x").press("runs.replace").take_in("x.zip", data)
        assert panel.errors == ["There are 1 runs here, which is all there is room for; delete one first."]
        assert str(tmp_path) not in panel.errors[0]


@pytest.mark.usefixtures("shared")
class TestSharedServer:
    def test_a_tab_that_has_not_said_hello_has_to_wait(self):
        panel = Panel()
        assert "The page is still connecting; open this again in a moment." in [
            caption.value for caption in panel.app.caption
        ]
        assert [button.label for button in panel.app.button if button.label == "Save"] == []

    def test_whoever_came_by_a_proxy_is_told_what_to_do_about_it(self, monkeypatch: pytest.MonkeyPatch):
        words = "start it with MAML_SHARED=0"
        panel = Panel()
        connected(panel)
        assert not any(words in caption.value for caption in panel.rerun().app.caption)
        monkeypatch.delenv("MAML_SHARED")
        monkeypatch.setattr("dashboard.setups.workspaces._came_by_proxy", lambda headers: True)
        monkeypatch.setattr(st, "get_option", {"server.address": "127.0.0.1"}.get)
        assert any(words in caption.value for caption in panel.rerun().app.caption)

    def test_two_tabs_do_not_see_each_others_runs(self):
        one, other = Panel(), Panel()
        connected(one)
        connected(other)
        one.train(6).save("mine")
        other.train(2).save("theirs")
        assert (one.rerun().listed, other.rerun().listed) == (["mine"], ["theirs"])

    def test_the_own_runs_of_the_server_are_not_shown(self, root: Path):
        run = Driver(TINY).opened().played(3).run.saved("private")
        assert run is not None
        RunStore(root).save(run)
        panel = Panel()
        connected(panel)
        assert panel.listed == []

    def test_a_reload_finds_the_tabs_runs_again(self):
        panel = Panel()
        tab = connected(panel)
        panel.train(6).save("mine")
        again = Panel()
        Client(hub(), again.token, tab=tab)
        assert again.rerun().listed == ["mine"]

    def test_a_named_workspace_is_shared_by_those_who_know_it(self):
        one, other, third = Panel(), Panel(), Panel()
        for panel in (one, other, third):
            connected(panel)
        one.train(6).enter("group 3").save("ours")
        assert other.enter("Group 3").listed == ["ours"]
        assert third.enter("group 4").listed == []
        other.press("runs.delete")
        assert one.rerun().listed == []
        assert [info.name for info in named_workspace("group 3").list()] == []

    def test_leaving_it_shows_the_tabs_own_runs(self):
        panel = Panel()
        connected(panel)
        panel.train(6).save("mine").enter("group 3")
        assert panel.listed == []
        assert panel.enter("").listed == ["mine"]

    def test_a_name_that_is_refused_leaves_the_one_whose_runs_are_shown(self):
        panel = Panel()
        connected(panel)
        panel.train(6).enter("group 3").save("ours").enter("g" * 81)
        assert "1 to 80" in panel.errors[0]
        assert panel.app.text_input(key="runs.workspace").value == "group 3"
        assert panel.listed == ["ours"]

    def test_a_name_that_is_taken_elsewhere_is_not_asked_about_here(self):
        panel = Panel()
        connected(panel)
        panel.train(6).save("x").train(2).save("x").enter("group 3")
        assert "runs.replace" not in panel.keys

    def test_names_of_workspaces_are_shown_to_nobody(self):
        one, other = Panel(), Panel()
        for panel in (one, other):
            connected(panel)
        one.train(6).enter("quartz").save("ours")
        other.rerun()
        texts = [
            element.value
            for kind in ("caption", "markdown", "error", "success")
            for element in getattr(other.app, kind)
        ]
        assert "quartz" not in str(texts)
        assert other.app.text_input(key="runs.workspace").value == ""


def test_on_ones_own_server_there_are_no_workspaces():
    assert [widget for widget in Panel().app.text_input if widget.key == "runs.workspace"] == []


def test_the_runs_settings_do_not_change_by_saving():
    panel = Panel(shots="4").train(6)
    before = panel.config
    assert panel.save().config == before == replace(before, {"shots": 4})


def test_a_run_before_a_reset_is_opened_from_the_panel_and_deleted_there():
    panel = Panel().train(6)
    run = panel.run.saved("before")
    assert run is not None
    own_workspace().keep_before(run)
    panel.rerun()
    assert panel.app.selectbox(key="runs.left").options == ["MAML · outer step 6 · just now"]
    panel.run.restart()
    panel.press("runs.before.open")
    assert (panel.run.step, panel.run.state) == (6, run.state)
    assert any("before a reset, paused at outer step 6" in note for note in panel.notes)
    panel.app.session_state["runs"] = True
    panel.rerun()
    panel.press("runs.before.delete")
    assert own_workspace().before() == []
