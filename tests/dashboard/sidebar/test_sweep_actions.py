"""What the sidebar does with kept sweeps: whose they are, and that none is deleted that somebody computes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dashboard.setups.workspaces import named_workspace
from dashboard.sidebar import sweep_actions
from maml_core.config import FolderConfig, MLPConfig, replace
from maml_core.errors import ConfigError, StoreError
from maml_core.sweeps.archive import zip_sweep
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.catalog import list_sweeps
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.study import load_sweep, open_study
from tests.dashboard.sweeps.results import STEPS, TINY, grid, sweep


def hub_with(job: Any = None) -> Any:
    """A hub that holds this sweep, or none, and lets go of it."""
    return SimpleNamespace(sweeps=SimpleNamespace(job=lambda _: job), forget_sweep=lambda _, **__: None)


@pytest.mark.parametrize("is_shown", [False, True], ids=["elsewhere", "shown here too"])
def test_a_sweep_that_another_process_computes_is_not_deleted(tmp_path: Path, is_shown: bool) -> None:
    with open_study(sweep(), "busy", storage=tmp_path) as other:
        taken = other.take(1)
        with load_sweep("busy", storage=tmp_path) as ours:
            hub = hub_with(SimpleNamespace(study=ours) if is_shown else None)
            with pytest.raises(StoreError, match="somebody computes the sweep busy"):
                sweep_actions.delete(hub, "page", "busy", tmp_path)
        assert sweep_actions.names(tmp_path) == ["busy"]
        other.give_back(*(one.number for one in taken))
    sweep_actions.delete(hub_with(), "page", "busy", tmp_path)
    assert sweep_actions.names(tmp_path) == []
    assert sweep_actions.restore(tmp_path) == "busy"


def test_what_this_server_computes_itself_may_be_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[str] = []
    monkeypatch.setattr(sweep_actions, "_move", lambda folder, _: moved.append(folder.name))
    with open_study(sweep(), "ours", storage=tmp_path) as study:
        study.take(1)
        sweep_actions.delete(hub_with(SimpleNamespace(study=study)), "page", "ours", tmp_path)
    assert moved == ["ours"]


def test_a_workspace_has_one_name_for_runs_and_sweeps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path / "sweeps"))
    monkeypatch.setenv("MAML_RUNS", str(tmp_path / "runs"))
    for name in ("Group 3", "  group   3 ", "\N{FULLWIDTH LATIN CAPITAL LETTER G}ROUP 3"):
        place = sweep_actions.shared_place("tab", name)
        assert isinstance(place, Path)
        assert place == sweep_actions.shared_place("another", "GROUP 3")
        assert place.name == named_workspace(name)._root.name


@pytest.mark.parametrize("is_shown", [False, True], ids=["elsewhere", "shown here too"])
def test_a_sweep_that_another_process_computes_is_not_renamed(tmp_path: Path, is_shown: bool) -> None:
    with open_study(sweep(), "busy", storage=tmp_path) as other:
        taken = other.take(1)
        with load_sweep("busy", storage=tmp_path) as ours:
            hub = hub_with(SimpleNamespace(study=ours, status="stopped") if is_shown else None)
            with pytest.raises(StoreError, match="somebody computes the sweep busy"):
                sweep_actions.rename(hub, "page", "busy", "other", tmp_path)
        assert sweep_actions.names(tmp_path) == ["busy"]
        other.give_back(*(one.number for one in taken))
    assert sweep_actions.rename(hub_with(), "page", "busy", "other", tmp_path) == "other"
    assert sweep_actions.names(tmp_path) == ["other"]


@pytest.mark.parametrize("status", ["running", "stopping"])
def test_a_sweep_that_this_server_computes_is_not_renamed(tmp_path: Path, status: str) -> None:
    open_study(sweep(), "ours", storage=tmp_path).close()
    with pytest.raises(StoreError, match="ours is being computed; wait for its end, or cancel it, before"):
        sweep_actions.rename(hub_with(SimpleNamespace(status=status)), "page", "ours", "other", tmp_path)
    assert sweep_actions.names(tmp_path) == ["ours"]


# Sweeps from elsewhere


def packed(folder: Path, of: SweepConfig) -> bytes:
    with open_study(of, "theirs", storage=folder):
        pass
    return zip_sweep("theirs", storage=folder)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path / "sweeps"))
    place = sweep_actions.shared_place("a tab", "")
    assert isinstance(place, Path)
    return place


def test_a_sweep_goes_from_one_place_to_another(tmp_path: Path, place: Path) -> None:
    with open_study(sweep(), "mine", storage=tmp_path) as study:
        study.take(6)
        study.put(*grid(sweep()))
    data = sweep_actions.zipped("mine", tmp_path)
    assert sweep_actions.take_in(data, "x.zip", None, place, is_limited=True) == "mine"
    assert sweep_actions.take_in(data, "../x.zip", "again", place, is_limited=False) == "again"
    assert [(info.name, info.num_finished) for info in list_sweeps(place)] == [("again", 6), ("mine", 6)]
    assert sweep_actions.names(sweep_actions.shared_place("another tab", "")) == []


def test_an_import_keeps_to_the_limits_of_a_shared_server(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = packed(tmp_path, sweep())
    assert sweep_actions.take_in(data, "x.zip", "first", place, is_limited=True) == "first"
    with monkeypatch.context() as patch:
        patch.setattr(sweep_actions, "MAX_SWEEPS", 1)
        with pytest.raises(StoreError, match="there are 1 sweeps here, which is all there is room for; delete one"):
            sweep_actions.take_in(data, "x.zip", None, place, is_limited=True)
    used = sum(path.stat().st_size for path in place.rglob("*"))
    with monkeypatch.context() as patch:
        patch.setattr(sweep_actions, "MAX_BYTES", used + 10)
        with pytest.raises(StoreError, match=r"the sweep theirs takes .* MB, and there is room for .* MB more here"):
            sweep_actions.take_in(data, "x.zip", None, place, is_limited=True)
    monkeypatch.setattr(sweep_actions.workspaces, "MIN_FREE_BYTES", 10**18)
    with pytest.raises(StoreError, match="the server's disk is almost full"):
        sweep_actions.take_in(data, "x.zip", None, place, is_limited=True)
    assert sweep_actions.names(place) == ["first"]


WIDE = replace(TINY, {"model": MLPConfig(hidden_widths=(1024, 1024)), "evaluation_tasks": 1000})
IN_A_FOLDER = replace(TINY, {"tasks": FolderConfig(folder="/etc"), "shots": 1, "num_query": 1})
REFUSED = {
    "large": (sweep(base=WIDE), ConfigError, "parameters times tasks"),
    "long": (sweep(Axis(name="alpha", values=tuple(i / 5000 for i in range(1, 4200)))), ConfigError, "at most 4,096"),
    "a folder": (SweepConfig(base=IN_A_FOLDER, axes=(STEPS,)), StoreError, "reads no folders from its disk"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_shared_server_does_not_compute_it_does_not_take_in(tmp_path: Path, place: Path, what: str) -> None:
    of, kind, words = REFUSED[what]
    data = packed(tmp_path, of)
    with pytest.raises(kind, match=words):
        sweep_actions.take_in(data, "x.zip", None, place, is_limited=True)
    assert sweep_actions.names(place) == []
    assert sweep_actions.take_in(data, "x.zip", None, tmp_path / "own", is_limited=False) == "theirs"


def test_what_is_said_of_an_import_names_its_file_and_no_folder_of_the_server(tmp_path: Path, place: Path) -> None:
    sweep_actions.take_in(packed(tmp_path, sweep()), "x.zip", None, place, is_limited=True)
    for data, name, words in (
        (b"nothing", None, "x.zip is no ZIP archive, or a damaged or locked one"),
        (zip_sweep("theirs", storage=tmp_path), None, "there is a sweep called 'theirs' already; choose another name"),
    ):
        with pytest.raises(StoreError, match=words) as error:
            sweep_actions.take_in(data, "/a/b/x.zip", name, place, is_limited=True)
        assert "/" not in str(error.value)
    for act in (
        lambda: sweep_actions.zipped("gone", place),
        lambda: sweep_actions.rename(hub_with(), "page", "gone", "other", place),
    ):
        with pytest.raises(StoreError, match="there is no sweep gone in this workspace"):
            act()
