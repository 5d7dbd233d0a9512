"""Whatever file operation fails, or is the last of a process that is killed: what was kept is read as it was or as it should be, nothing is half there, and
the same thing done once more is done.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest

from maml_core.errors import StoreError
from maml_core.store import RunStore, SavedRun
from maml_core.store.archive import import_run
from maml_core.sweeps import places
from maml_core.sweeps import study as study_module
from maml_core.sweeps.archive import import_sweep, zip_sweep
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.catalog import delete_sweep, list_sweeps, rename_sweep
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.driver import run_sweep
from maml_core.sweeps.study import load_sweep, open_study
from tests.contracts.test_choices import Here
from tests.maml_core.file_faults import Case, fail_at_each, failing, filling, kill_at_each
from tests.maml_core.helpers import tiny
from tests.maml_core.store.saved import OTHER, RUN, equal, unstamped

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*grace_period:UserWarning")]

# Runs


def _names(root: Path) -> dict[str, int]:
    """The runs of a store and their steps, each of them whole."""
    store, found = RunStore(root / "runs"), {}
    for info in store.list():
        assert info.problem is None, info.problem
        run = store.load(info.name)
        assert equal(unstamped(run), called(OTHER if run.step == OTHER.step else RUN, info.name))
        found[info.name] = run.step
    return found


def called(run: SavedRun, name: str) -> SavedRun:
    return dataclasses.replace(run, name=name)


def _saved(root: Path, run: SavedRun = OTHER, name: str = "one") -> None:
    RunStore(root / "runs").save(called(run, name))


def _zipped(root: Path) -> None:
    _saved(root)
    (root / "one.zip").write_bytes(RunStore(root / "runs").zip("one"))
    RunStore(root / "runs").delete("one")


def _listed(root: Path) -> None:
    """What cannot be read is said to be so, and never left out."""
    [info] = RunStore(root / "runs").list()
    assert info.name == "one"
    assert info.problem is not None or info.step == OTHER.step
    found = RunStore(root / "runs").load("one")
    assert equal(unstamped(found), called(OTHER, "one"))


RUNS = {
    "a first save": Case(
        lambda root: None,
        lambda root: _saved(root, RUN),
        lambda root: None,
        lambda root: _names(root) == {"one": RUN.step},
    ),
    "a save over another": Case(
        _saved,
        lambda root: _saved(root, RUN),
        lambda root: _is_one_of(_names(root), {"one": OTHER.step}, {"one": RUN.step}),
        lambda root: _names(root) == {"one": RUN.step},
    ),
    "a new name": Case(
        _saved,
        lambda root: RunStore(root / "runs").rename("one", "two"),
        lambda root: _is_one_of(_names(root), {"one": OTHER.step}, {"two": OTHER.step}),
        lambda root: _names(root) == {"two": OTHER.step},
    ),
    "a deletion": Case(
        _saved,
        lambda root: RunStore(root / "runs").delete("one"),
        lambda root: _is_one_of(_names(root), {"one": OTHER.step}, {}),
        lambda root: _names(root) == {},
    ),
    "an import": Case(
        _zipped,
        lambda root: import_run(root / "one.zip", RunStore(root / "runs")),
        lambda root: _is_one_of(_names(root), {"one": OTHER.step}, {}),
        lambda root: _names(root) == {"one": OTHER.step},
    ),
    "a list": Case(
        _saved,
        _listed,
        lambda root: _is_one_of(_names(root), {"one": OTHER.step}),
        lambda root: _names(root) == {"one": OTHER.step},
    ),
}
READING = ("a list", "a new name", "a deletion", "a deletion of a sweep")
"""What writes nothing."""


def _is_one_of(found: object, *expected: object) -> None:
    assert found in expected


# Sweeps

SWEEP = SweepConfig(base=tiny(), axes=(Axis(name="alpha", values=(0.01, 0.02)),), num_steps=1)


def _swept(root: Path) -> None:
    with open_study(SWEEP, "one", storage=root / "sweeps") as study:
        run_sweep(SWEEP, study, Here(), at_once=1)


def _finished(root: Path, name: str = "one") -> list[int]:
    """The settings that are done, each with its result."""
    with load_sweep(name, storage=root / "sweeps") as study:
        done = [result for result in study.results() if result.is_finished]
    assert all(result.status == "ok" and np.isfinite(result.value) for result in done)
    return [result.number for result in done]


def _some_finished(root: Path) -> None:
    """What is finished is read, each with its result; a sweep that was not yet made, or only begun, says so."""
    with contextlib.suppress(StoreError):
        _finished(root)


def _is_listed(root: Path) -> dict[str, int]:
    found = list_sweeps(root / "sweeps")
    return {info.name: info.num_finished for info in found if not info.problem}


def _sweep_zipped(root: Path) -> None:
    shutil.copyfile(_a_zip(), root / "one.zip")


@functools.cache
def _a_zip() -> Path:
    """The archive of a finished sweep, made once."""
    folder = Path(tempfile.mkdtemp())
    _swept(folder)
    (folder / "one.zip").write_bytes(zip_sweep("one", storage=folder / "sweeps"))
    return folder / "one.zip"


SWEEPS = {
    "a sweep": Case(
        lambda root: None, _swept, lambda root: _some_finished(root), lambda root: _finished(root) == [0, 1], each=9
    ),
    "a new name of a sweep": Case(
        _swept,
        lambda root: rename_sweep("one", "two", storage=root / "sweeps"),
        lambda root: _is_one_of(_is_listed(root), {"one": 2}, {"two": 2}, {"one": 2, "two": 2}),
        lambda root: _is_listed(root).get("two") == 2,
        each=9,
    ),
    "an import of a sweep": Case(
        _sweep_zipped,
        lambda root: import_sweep(root / "one.zip", storage=root / "sweeps"),
        lambda root: _is_one_of(_is_listed(root), {"one": 2}, {}),
        lambda root: _is_listed(root) == {"one": 2},
        each=7,
    ),
    "a deletion of a sweep": Case(
        _swept,
        lambda root: delete_sweep("one", storage=root / "sweeps"),
        lambda root: _is_one_of(_is_listed(root), {"one": 2}, {}),
        lambda root: _is_listed(root) == {},
    ),
}

CASES = {**RUNS, **SWEEPS}
LONG = [name for name, case in CASES.items() if case.each > 1]
"""Those of some hundred operations, which wait for locks that are lost."""
TRIED = [pytest.param(name, marks=pytest.mark.thorough if name in LONG else ()) for name in CASES]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for the lock of a process that was killed."""
    monkeypatch.setattr(places, "LOST_LOCK_S", 0.2)
    monkeypatch.setattr(study_module, "MAKING_S", 0.2)
    monkeypatch.setattr(study_module, "LOOKING_S", 0.0)


@pytest.mark.parametrize("lasts", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("name", TRIED)
def test_a_file_operation_that_fails_loses_nothing(tmp_path: Path, name: str, lasts: bool) -> None:
    assert fail_at_each(CASES[name], tmp_path, functools.partial(failing, lasts=lasts)) > 2


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks in /proc for what is written to")
@pytest.mark.parametrize("name", [name for name in CASES if name not in READING])
def test_a_disk_that_is_full_loses_nothing(tmp_path: Path, name: str) -> None:
    assert fail_at_each(CASES[name]._replace(each=1), tmp_path, filling) > 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are killed where they fork")
@pytest.mark.parametrize("name", TRIED)
def test_a_process_that_is_killed_at_a_file_operation_loses_nothing(tmp_path: Path, name: str) -> None:
    assert kill_at_each(CASES[name], tmp_path) > 2
