"""What the sidebar does with kept sweeps: whose they are, and that none is deleted that somebody computes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dashboard.setups.workspaces import named_workspace
from dashboard.sidebar import sweep_actions
from maml_core.errors import StoreError
from maml_core.sweeps.study import load_sweep, open_study
from tests.dashboard.sweeps.results import sweep


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
