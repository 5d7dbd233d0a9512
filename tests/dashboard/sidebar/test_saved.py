"""Whose saved runs a page sees: workspaces, what keeps them apart, and their limits."""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard.setups import workspaces as saved_module
from dashboard.setups.workspaces import (
    KEEP_TAB_S,
    Workspace,
    is_shared,
    named_workspace,
    own_workspace,
    tab_workspace,
)
from maml_core.errors import ConfigError, StoreError
from maml_core.store import RunStore, SavedRun
from tests.dashboard.live.driver import Driver

ONE, OTHER = "a" * 22, "b" * 22
"""What two tabs prove themselves with."""


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAML_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture(scope="module")
def run() -> SavedRun:
    found = Driver().opened().played(3).run.saved("first")
    assert found is not None
    return found


def called(run: SavedRun, name: str) -> SavedRun:
    return dataclasses.replace(run, name=name)


def names(workspace: Workspace) -> list[str]:
    return [info.name for info in workspace.list()]


class TestSharing:
    @pytest.mark.parametrize("address", ["127.0.0.1", "127.0.1.1", "localhost", "LOCALHOST", "::1", "[::1]"])
    def test_a_server_that_listens_on_this_machine_is_ones_own(self, address: str):
        assert not is_shared(address, {})

    @pytest.mark.parametrize(
        "address", [None, "", "0.0.0.0", "::", "192.168.1.5", "127.0.0.1.example.org", "a localhost"]
    )
    def test_any_other_is_shared(self, address: str | None):
        assert is_shared(address, {})

    @pytest.mark.parametrize("host", ["127.0.0.1:8501", "localhost:8501", "LOCALHOST", "[::1]:8501", ""])
    def test_who_comes_to_this_machine_by_its_own_name_is_at_it(self, host: str):
        assert not is_shared("127.0.0.1", {}, headers={"Host": host, "Origin": host and f"http://{host}"})

    @pytest.mark.parametrize(
        "headers",
        [
            {"Host": "class.example.edu"},
            {"host": "class.example.edu:8501"},
            {"Host": "127.0.0.1:8501", "Origin": "https://class.example.edu"},
            {"Host": "localhost", "X-Forwarded-For": "10.0.0.7"},
            {"Host": "localhost", "Forwarded": "for=10.0.0.7"},
            {"Host": "localhost", "x-real-ip": "10.0.0.7"},
            {"Host": "localhost.example.edu"},
        ],
    )
    def test_who_comes_by_a_proxy_shares_it(self, headers: dict[str, str]):
        assert is_shared("127.0.0.1", {}, headers=headers)
        assert not is_shared("127.0.0.1", {"MAML_SHARED": "0"}, headers=headers)

    def test_maml_shared_decides(self):
        assert is_shared("127.0.0.1", {"MAML_SHARED": "1"})
        assert not is_shared("0.0.0.0", {"MAML_SHARED": "0"})
        assert is_shared(None, {"MAML_SHARED": ""})


class TestOwn:
    def test_it_holds_what_the_command_line_sees(self, root: Path, run: SavedRun):
        own_workspace().save(run, replace=False)
        assert [info.name for info in RunStore(root).list()] == ["first"]
        RunStore(root).save(called(run, "second"))
        assert set(names(own_workspace())) == {"first", "second"}

    def test_workspaces_of_others_are_not_in_the_list(self, run: SavedRun):
        tab_workspace(ONE).save(run, replace=False)
        named_workspace("group").save(run, replace=False)
        assert names(own_workspace()) == []

    def test_there_is_no_limit_on_ones_own_disk(self, run: SavedRun, monkeypatch: pytest.MonkeyPatch):
        for limit in ("MAX_RUNS", "MAX_BYTES"):
            monkeypatch.setattr(saved_module, limit, 0)
        monkeypatch.setattr(saved_module, "MIN_FREE_BYTES", 2**80)
        own_workspace().save(run, replace=False)
        assert names(own_workspace()) == ["first"]


@pytest.mark.parametrize("of", [tab_workspace, named_workspace])
def test_a_server_has_room_for_so_many_workspaces_and_those_that_are_there_go_on(
    of: Callable[[str], saved_module.Workspace], run: SavedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_module, "MAX_WORKSPACES", 2)
    of("one").save(run, replace=False)
    of("two").keep_before(run)
    for act in (lambda: of("three").save(run, replace=False), lambda: of("three").keep_before(run)):
        with pytest.raises(
            StoreError, match=r"^2 workspaces here have runs, all that there is room for; download the run"
        ):
            act()
    of("one").save(called(run, "second"), replace=False)
    assert set(names(of("one"))) == {"first", "second"}
    assert names(of("three")) == []
    own_workspace().save(run, replace=False)


class TestIsolation:
    """Two tabs of a shared server, both with a run of the same name."""

    @pytest.fixture(autouse=True)
    def _two_tabs(self, run: SavedRun) -> None:
        tab_workspace(ONE).save(run, replace=False)
        tab_workspace(OTHER).save(run, replace=False)
        tab_workspace(OTHER).save(called(run, "secret"), replace=False)

    def test_one_does_not_see_the_runs_of_the_other(self):
        assert names(tab_workspace(ONE)) == ["first"]

    def test_nor_open_nor_download_them(self):
        for action in (tab_workspace(ONE).load, tab_workspace(ONE).zip):
            with pytest.raises(StoreError, match="no run"):
                action("secret")

    def test_nor_rename_or_delete_them(self):
        with pytest.raises(StoreError, match="no run"):
            tab_workspace(ONE).rename("secret", "mine")
        with pytest.raises(StoreError, match="no run"):
            tab_workspace(ONE).delete("secret")
        assert set(names(tab_workspace(OTHER))) == {"first", "secret"}

    def test_its_own_delete_leaves_the_others_run_of_that_name(self):
        tab_workspace(ONE).delete("first")
        assert set(names(tab_workspace(OTHER))) == {"first", "secret"}
        assert tab_workspace(OTHER).deleted() is None

    @pytest.mark.parametrize("up", ["..", "../..", "../../..", "../../.workspaces", "/"])
    def test_no_name_leads_out_of_a_workspace(self, root: Path, up: str):
        one = tab_workspace(ONE)
        others = tab_workspace(OTHER)._root
        RunStore(root).save(one.load("first"))
        for name in (
            f"{up}/{others.name}/secret",
            f"../{others.name}/secret",
            str(others / "secret"),
            f"{up}/first",
            up,
        ):
            for action in (
                one.load,
                one.zip,
                one.delete,
                lambda n: one.rename(n, "x"),
                lambda n: one.rename("first", n),
            ):
                with pytest.raises(ConfigError):
                    action(name)
            with pytest.raises(ConfigError):
                one.save(called(one.load("first"), name), replace=True)
        assert set(names(tab_workspace(OTHER))) == {"first", "secret"}
        assert names(own_workspace()) == ["first"]

    @pytest.mark.parametrize("tab", ["..", "../../x", "/etc", "", "a\0b", "\ud800", "ä" * 500])
    def test_a_tab_leads_nowhere_else_whatever_it_sends(self, root: Path, tab: str):
        assert tab_workspace(tab)._root.parent == root / ".tabs"
        assert names(tab_workspace(tab)) == []

    def test_the_folder_does_not_tell_the_secret(self, root: Path):
        assert not [path for path in root.rglob("*") if ONE in path.name]

    def test_a_link_in_place_of_a_workspace_is_refused(self):
        one, other = tab_workspace(ONE), tab_workspace(OTHER)
        shutil.rmtree(one._root)
        one._root.symlink_to(other._root, target_is_directory=True)
        for action in (one.list, one.deleted, one.restore, lambda: one.delete("secret"), lambda: one.load("secret")):
            with pytest.raises(StoreError, match="link"):
                action()
        assert set(names(other)) == {"first", "secret"}

    def test_a_link_in_place_of_a_run_is_refused(self):
        one, other = tab_workspace(ONE), tab_workspace(OTHER)
        (one._root / "linked").symlink_to(other._root / "secret", target_is_directory=True)
        assert names(one) == ["first"]
        for action in (one.load, one.zip):
            with pytest.raises(StoreError, match="link"):
                action("linked")
        with pytest.raises(StoreError):
            one.delete("linked")
        assert set(names(other)) == {"first", "secret"}

    def test_errors_do_not_tell_where_the_folders_are(self, root: Path, run: SavedRun):
        one = tab_workspace(ONE)
        (one._root / "first" / "run.json").write_bytes(b'{"format": "maml-live run"}')
        (problem,) = [info.problem for info in one.list()]
        assert problem is not None
        assert "damaged" in problem
        assert str(root) not in problem
        with pytest.raises(StoreError) as caught:
            one.load("first")
        assert str(root) not in str(caught.value)


class TestNamed:
    def test_whoever_types_the_name_sees_the_runs(self, run: SavedRun):
        named_workspace("Group 3").save(run, replace=False)
        assert names(named_workspace("group  3 ")) == ["first"]
        named_workspace("GROUP 3").delete("first")
        assert names(named_workspace("Group 3")) == []

    def test_nobody_else_does(self, run: SavedRun):
        named_workspace("Group 3").save(run, replace=False)
        for workspace in (
            named_workspace("Group 4"),
            named_workspace("Group3"),
            tab_workspace("Group 3"),
            own_workspace(),
        ):
            assert names(workspace) == []

    def test_the_name_is_not_on_the_disk(self, root: Path, run: SavedRun):
        named_workspace("quartz").save(run, replace=False)
        assert not [path for path in root.rglob("*") if "quartz" in path.name]

    @pytest.mark.parametrize("name", ["", "   ", "x" * 81])
    def test_what_is_no_name_is_refused(self, name: str):
        with pytest.raises(ConfigError, match="workspace"):
            named_workspace(name)

    @pytest.mark.parametrize("name", ["../tabs", "/etc/passwd", "a\0b", "..", "\ud800"])
    def test_a_name_is_never_a_path(self, root: Path, name: str):
        assert named_workspace(name)._root.parent == root / ".workspaces"


class TestSaving:
    def test_a_name_that_is_taken_is_replaced_only_when_asked(self, run: SavedRun):
        workspace = tab_workspace(ONE)
        workspace.save(run, replace=False)
        later = dataclasses.replace(run, step=7)
        with pytest.raises(StoreError) as caught:
            workspace.save(later, replace=False)
        assert (caught.value.kind, workspace.load("first").step) == ("taken", 3)
        workspace.save(later, replace=True)
        assert workspace.load("first").step == 7

    def test_what_is_loaded_is_what_was_saved(self, run: SavedRun):
        tab_workspace(ONE).save(run, replace=False)
        found = tab_workspace(ONE).load("first")
        assert (found.state, found.config, found.timeline) == (run.state, run.config, run.timeline)

    def test_there_is_room_for_so_many_runs(self, run: SavedRun, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(saved_module, "MAX_RUNS", 2)
        workspace = tab_workspace(ONE)
        for name in ("one", "two"):
            workspace.save(called(run, name), replace=False)
        with pytest.raises(StoreError, match="2 runs here") as caught:
            workspace.save(called(run, "three"), replace=False)
        assert caught.value.kind == "full"
        workspace.save(called(run, "two"), replace=True)
        workspace.delete("one")
        workspace.save(called(run, "three"), replace=False)
        assert set(names(workspace)) == {"two", "three"}

    def test_there_is_room_for_so_many_bytes(self, run: SavedRun, monkeypatch: pytest.MonkeyPatch):
        workspace = tab_workspace(ONE)
        workspace.save(run, replace=False)
        (info,) = workspace.list()
        monkeypatch.setattr(saved_module, "MAX_BYTES", info.size_bytes + len(run.state) // 2)
        with pytest.raises(StoreError, match="delete one first"):
            workspace.save(called(run, "second"), replace=False)
        workspace.save(run, replace=True)
        tab_workspace(OTHER).save(run, replace=False)

    def test_the_servers_disk_is_not_filled(self, run: SavedRun, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(saved_module, "MIN_FREE_BYTES", shutil.disk_usage("/").total * 1000)
        with pytest.raises(StoreError, match="almost full"):
            tab_workspace(ONE).save(run, replace=False)
        assert names(tab_workspace(ONE)) == []


class TestDeleting:
    def test_the_run_that_was_deleted_last_comes_back(self, run: SavedRun):
        workspace = tab_workspace(ONE)
        for name in ("one", "two"):
            workspace.save(called(run, name), replace=False)
            workspace.delete(name)
        assert (names(workspace), workspace.deleted()) == ([], "two")
        assert workspace.restore() == "two"
        assert (names(workspace), workspace.deleted()) == (["two"], None)
        assert workspace.load("two").state == run.state

    def test_it_does_not_take_the_place_of_a_new_run(self, run: SavedRun):
        workspace = own_workspace()
        workspace.save(run, replace=False)
        workspace.delete("first")
        workspace.save(dataclasses.replace(run, step=9), replace=False)
        with pytest.raises(StoreError, match="already"):
            workspace.restore()
        assert (workspace.load("first").step, workspace.deleted()) == (9, "first")

    def test_nothing_to_bring_back_is_said(self):
        with pytest.raises(StoreError, match="no deleted run"):
            tab_workspace(ONE).restore()

    def test_a_run_that_is_not_there_leaves_the_deleted_one(self, run: SavedRun):
        workspace = tab_workspace(ONE)
        workspace.save(run, replace=False)
        workspace.delete("first")
        with pytest.raises(StoreError, match="no run"):
            workspace.delete("other")
        assert workspace.deleted() == "first"

    def test_a_damaged_run_can_be_deleted(self, run: SavedRun):
        workspace = tab_workspace(ONE)
        workspace.save(run, replace=False)
        next((workspace._root / "first").glob("state-*")).write_bytes(b"x")
        assert workspace.list()[0].problem is not None
        workspace.delete("first")
        assert names(workspace) == []

    def test_other_peoples_files_in_its_folder_survive_any_number_of_deletions(self, root: Path, run: SavedRun):
        workspace = own_workspace()
        for _ in range(3):
            workspace.save(run, replace=False)
            (root / "first" / "notes.txt").write_text("mine")
            workspace.delete("first")
            shutil.rmtree(root / "first", ignore_errors=True)
        assert (root / ".deleted" / "first" / "notes.txt").read_text() == "mine"


class TestTidying:
    def age(self, workspace: Workspace, seconds: float) -> None:
        then = time.time() - seconds
        os.utime(workspace._root, (then, then))

    def test_a_tab_that_was_not_used_for_a_month_is_forgotten(self, run: SavedRun):
        tab_workspace(ONE).save(run, replace=False)
        tab_workspace(OTHER).save(run, replace=False)
        self.age(tab_workspace(ONE), KEEP_TAB_S + 60)
        self.age(tab_workspace(OTHER), KEEP_TAB_S - 60)
        tab_workspace("c" * 22)
        assert not tab_workspace(ONE)._root.exists()
        assert names(tab_workspace(OTHER)) == ["first"]

    def test_looking_at_the_list_counts_as_use(self, run: SavedRun):
        workspace = tab_workspace(ONE)
        workspace.save(run, replace=False)
        self.age(workspace, KEEP_TAB_S - 60)
        workspace.list()
        assert workspace._root.stat().st_mtime > time.time() - 60

    def test_named_workspaces_and_ones_own_runs_stay(self, root: Path, run: SavedRun):
        for workspace in (named_workspace("group"), own_workspace()):
            workspace.save(run, replace=False)
            self.age(workspace, 10 * KEEP_TAB_S)
        tab_workspace(ONE)
        assert names(named_workspace("group")) == names(own_workspace()) == ["first"]

    def test_what_a_link_points_to_stays(self, root: Path, run: SavedRun, tmp_path: Path):
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "file").write_text("mine")
        (root / ".tabs").mkdir(parents=True)
        link = root / ".tabs" / ("0" * 64)
        link.symlink_to(elsewhere, target_is_directory=True)
        then = time.time() - 2 * KEEP_TAB_S
        os.utime(link, (then, then), follow_symlinks=False)
        os.utime(elsewhere, (then, then))
        tab_workspace(ONE)
        assert (elsewhere / "file").read_text() == "mine"
        assert link.is_symlink()


class TestBeforeAReset:
    def test_the_newest_are_kept_and_can_be_opened(self, run: SavedRun):
        workspace = own_workspace()
        for step in range(saved_module.MAX_BEFORE + 2):
            workspace.keep_before(dataclasses.replace(run, name="x", config=run.config, created=f"2026-01-0{step + 1}"))
        infos = workspace.before()
        assert [info.created[-1] for info in infos] == ["7", "6", "5", "4", "3"]
        assert workspace.load_before(infos[0].name).state == run.state

    def test_they_are_not_among_the_saved_runs(self, root: Path, run: SavedRun):
        own_workspace().keep_before(run)
        assert names(own_workspace()) == []
        assert RunStore().list() == []
        assert len(list((root / ".before").iterdir())) == 1

    def test_a_week_later_they_are_gone(self, run: SavedRun, monkeypatch: pytest.MonkeyPatch):
        workspace, later = own_workspace(), time.time() + saved_module.KEEP_BEFORE_S + 60
        workspace.keep_before(run)
        monkeypatch.setattr(saved_module.time, "time", lambda: later)
        assert workspace.before() == []

    def test_one_is_deleted_for_good(self, root: Path, run: SavedRun):
        workspace = own_workspace()
        workspace.keep_before(run)
        workspace.delete_before(workspace.before()[0].name)
        assert workspace.before() == []
        assert list((root / ".before").iterdir()) == []

    def test_nobody_elses_are_seen(self, run: SavedRun):
        tab_workspace(ONE).keep_before(run)
        assert tab_workspace(OTHER).before() == []
        assert len(tab_workspace(ONE).before()) == 1

    def test_a_full_disk_is_left_alone(self, run: SavedRun, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(saved_module, "MIN_FREE_BYTES", 10**18)
        with pytest.raises(StoreError, match="almost full"):
            own_workspace().keep_before(run)
