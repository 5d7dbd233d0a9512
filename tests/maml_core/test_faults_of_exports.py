"""Exports, the cache of compiled steps and the cache of images, of which each file operation fails, is the last of its process or finds the disk full: what
is written is there as a whole or not at all, and what cannot be read is said.
"""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from typer.testing import CliRunner

from maml_core.cli import app
from maml_core.compiled import files
from maml_core.datasets.imageset import ImageSet
from maml_core.datasets.omniglot import download_omniglot, import_omniglot, kept_omniglot, load_omniglot
from maml_core.errors import DataError, StoreError
from maml_core.store import RunStore
from maml_core.sweeps import places
from maml_core.sweeps.driver import run_sweep
from maml_core.sweeps.study import open_study
from tests.contracts.test_choices import Here
from tests.maml_core.datasets.layout import official, zipped
from tests.maml_core.datasets.test_omniglot import BACKGROUND, Server, published
from tests.maml_core.file_faults import EXPLAINED, Case, fail_at_each, failing, filling, kill_at_each
from tests.maml_core.store.saved import OTHER
from tests.maml_core.test_file_faults import SWEEP, called

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*grace_period:UserWarning")]

needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks in /proc for what is written to")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for the lock of a process that was killed."""
    monkeypatch.setattr(places, "LOST_LOCK_S", 0.2)


# Exports

OLD = b"an export of last week"

OF_RUNS = {
    "curves as CSV": ("--csv", "one.csv"),
    "a zip": ("--zip", "one.zip"),
    "a script": ("--script", "one.py"),
    "weights": ("--weights", "one.safetensors"),
    "weights for torch": ("--weights", "one.pt"),
}
OF_SWEEPS = {
    "a table of a sweep": ("--csv", "one.csv"),
    "curves of a sweep": ("--curves", "one.csv"),
    "a zip of a sweep": ("--zip", "one.zip"),
}


def _exports(command: str, option: str, name: str) -> Callable[[Path], None]:
    """What writes an export over an older one, beside the runs or sweeps of the folder."""

    def export(root: Path) -> None:
        where = ("--root", str(root / "runs")) if command == "runs" else ("--storage", str(root / "sweeps"))
        arguments = [command, "export", "one", option, *where, "--out", str(root / name), "--force"]
        said = CliRunner().invoke(app, arguments)
        assert said.exception is None or isinstance(said.exception, SystemExit), said.exception
        if said.exit_code:
            raise StoreError("refused", said.stderr)

    return export


def _export_case(kept: Path, command: str, option: str, name: str) -> Case:
    """An export of what is kept in a folder, over an older one."""

    def prepare(root: Path) -> None:
        shutil.copytree(kept, root, dirs_exist_ok=True)
        (root / name).write_bytes(OLD)

    act = _exports(command, option, name)
    prepare(whole := kept.with_name(f"whole {name}"))
    act(whole)
    expected = (whole / name).read_bytes()
    assert len(expected) > len(OLD)

    def is_done(root: Path) -> bool:
        found = (root / name).read_bytes()
        # What archives say of the time at which they were made is no part of it.
        return found == expected if name.endswith((".csv", ".py")) else len(found) == len(expected)

    def check(root: Path) -> None:
        assert (root / name).read_bytes() == OLD or is_done(root)

    return Case(prepare, act, check, is_done)


@pytest.fixture(scope="module")
def a_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept") / "kept"
    RunStore(folder / "runs").save(called(OTHER, "one"))
    return folder


@pytest.fixture(scope="module")
def a_sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept") / "kept"
    with open_study(SWEEP, "one", storage=folder / "sweeps") as study:
        run_sweep(SWEEP, study, Here(), at_once=1)
    return folder


def _told(folder: Path, case: Case) -> None:
    """Each of its operations fails, each of its writes finds the disk full, and its process is killed at each."""
    explained = (*EXPLAINED, OSError)  # the last of the cache of compiled steps, of which nobody waits for one
    for name, how in (("once", failing), ("lasting", functools.partial(failing, lasts=True)), ("full", filling)):
        (folder / name).mkdir()
        assert fail_at_each(case, folder / name, how, explained) > 1
    if hasattr(os, "fork"):
        (folder / "killed").mkdir()
        assert kill_at_each(case, folder / "killed", explained) > 1


@needs_proc
@pytest.mark.parametrize("kind", OF_RUNS)
def test_an_export_of_a_run_is_whole_or_the_one_before(tmp_path: Path, a_run: Path, kind: str) -> None:
    _told(tmp_path, _export_case(a_run, "runs", *OF_RUNS[kind]))


@needs_proc
@pytest.mark.thorough
@pytest.mark.parametrize("kind", OF_SWEEPS)
def test_an_export_of_a_sweep_is_whole_or_the_one_before(tmp_path: Path, a_sweep: Path, kind: str) -> None:
    _told(tmp_path, _export_case(a_sweep, "sweeps", *OF_SWEEPS[kind])._replace(each=3))


# Compiled steps

KEY = "0" * 32
LIBRARIES = {"step": b"machine code", "inner": b"more of it"}


@needs_proc
def test_a_compiled_step_is_loaded_as_a_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kept(root: Path) -> dict[str, bytes] | None:
        monkeypatch.setenv("MAML_COMPILED", str(root / "compiled"))
        found = files.checked(KEY)
        return None if found is None else {part: path.read_bytes() for part, path in found.items()}

    def keep(root: Path) -> None:
        monkeypatch.setenv("MAML_COMPILED", str(root / "compiled"))
        files.keep(KEY, LIBRARIES)

    def check(root: Path) -> None:
        assert kept(root) in (None, LIBRARIES)

    _told(tmp_path, Case(lambda root: None, keep, check, lambda root: kept(root) == LIBRARIES))


# Images


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Omniglot's official folders, as small as they can be."""
    return official(tmp_path_factory.mktemp("files"), (BACKGROUND,), characters=2, drawings=2)


def _images(small: Path, monkeypatch: pytest.MonkeyPatch, act: Callable[[], ImageSet]) -> Case:
    def at(root: Path) -> None:
        monkeypatch.setenv("MAML_DATA", str(root / "data"))

    def kept(root: Path) -> int:
        at(root)
        try:
            return len(load_omniglot().images)
        except DataError as error:
            if error.kind != "missing":
                raise AssertionError("what is kept is half there") from error
            return 0

    def acted(root: Path) -> None:
        at(root)
        act()

    def check(root: Path) -> None:
        at(root)
        assert not kept_omniglot().exists() or kept(root) == 12

    return Case(lambda root: None, acted, check, lambda root: kept(root) == 12)


@needs_proc
def test_imported_images_are_whole_or_as_before(tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _told(tmp_path, _images(small, monkeypatch, lambda: import_omniglot(small)))


@pytest.fixture
def server(tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        server.files[f"{BACKGROUND}.zip"] = zipped(small, BACKGROUND, tmp_path / "zips").read_bytes()
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@needs_proc
def test_downloaded_images_are_whole_or_as_before(
    tmp_path: Path, small: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = published(server)
    (folder := tmp_path / "data").mkdir()
    _told(folder, _images(small, monkeypatch, lambda: download_omniglot(base_url=server.url, published=known)))
