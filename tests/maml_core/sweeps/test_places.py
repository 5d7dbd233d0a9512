"""Sweeps where nothing can be written, and sweeps that were damaged: what can still be done with them."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from maml_core.cli import app
from maml_core.errors import StoreError
from maml_core.sweeps import places
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.catalog import delete_sweep, list_sweeps, rename_sweep
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.driver import run_sweep
from maml_core.sweeps.places import CLAIMS, JOURNAL
from maml_core.sweeps.study import load_sweep, open_study
from tests.contracts.test_choices import Here
from tests.maml_core.commands import needs_processes
from tests.maml_core.helpers import tiny

pytestmark = pytest.mark.slow

SWEEP = SweepConfig(base=tiny(), axes=(Axis(name="alpha", values=(0.1, 0.2)),), num_steps=1)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose permissions a test may take away."""
    yield tmp_path
    for path in (tmp_path, tmp_path / "one"):
        path.chmod(0o755)


def looked_at(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of somebody who may read the sweeps in a folder and not write there: root, too, asks the permissions then."""
    as_others = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"] if os.geteuid() == 0 else []
    return subprocess.run(
        [*as_others, sys.executable, "-m", "maml_core", *arguments],
        capture_output=True,
        text=True,
        cwd="/",
        env={**os.environ, "MAML_SWEEPS": str(folder), "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=120,
    )


@needs_processes
@pytest.mark.parametrize("left", [[], [CLAIMS]], ids=["whole", "without claims"])
def test_a_sweep_where_nothing_can_be_written_is_listed_shown_and_exported(left: list[str], folder: Path) -> None:
    open_study(SWEEP, "one", storage=folder).close()
    with open(folder / "one" / JOURNAL, "a") as journal:
        journal.write('{"half": ')  # of a line, from a client that was killed
    for name in left:
        (folder / "one" / name).unlink()
    for path in (*(folder / "one").iterdir(), folder / "one", folder):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = {path: path.read_bytes() for path in (folder / "one").iterdir()}

    listed = looked_at(folder, "sweeps", "list", "--json")
    assert [(one["name"], one["size"], one["problem"]) for one in json.loads(listed.stdout)] == [("one", 2, None)]
    shown = looked_at(folder, "sweeps", "show", "one")
    assert shown.stdout.startswith(f"one: 0 of 2 settings are finished, in {folder / 'one'}"), shown.stderr
    exported = looked_at(folder, "sweeps", "export", "one", "--csv", "--out", "-")
    assert exported.stdout.startswith("setting,"), exported.stderr
    deleted = looked_at(folder, "sweeps", "delete", "one", "--yes")
    assert (deleted.returncode, deleted.stdout) == (4, "")
    assert "Permission denied" in deleted.stderr
    assert {path: path.read_bytes() for path in (folder / "one").iterdir()} == before


def test_a_sweep_does_not_go_on_where_nothing_can_be_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_study(SWEEP, "one", storage=folder).close()

    def refused(*_arguments: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "symlink", refused)
    with load_sweep("one", storage=folder) as study:
        assert len(study.results()) == 2
        with pytest.raises(StoreError, match="cannot be read or written: Read-only file system"):
            study.take(1)


@pytest.mark.parametrize("content", [b"", b"not a journal\n{}\n", b'{"op_code": 99}\n{"op_code": 99}\n', b"\x00" * 100])
def test_a_sweep_that_was_damaged_is_listed_with_what_to_do_and_deleted(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "one" / JOURNAL
    path.parent.mkdir()
    path.write_bytes(content)
    storage = ["--storage", str(tmp_path)]
    listed = CliRunner().invoke(app, ["sweeps", "list", *storage], terminal_width=200)
    assert "delete it with: maml sweeps delete one" in " ".join(listed.output.split())
    assert CliRunner().invoke(app, ["sweeps", "show", "one", *storage]).exit_code == 4
    result = CliRunner().invoke(app, ["sweeps", "delete", "one", *storage, "--yes"])
    assert (result.exit_code, result.output) == (0, "Deleted one.\n")
    assert not path.parent.exists()


@pytest.mark.parametrize(("word", "instead"), [(b'"seed"', b'"3eed"'), (b'"loss":', b'"loss":"nanan","was":')])
def test_a_sweep_with_a_damaged_result_is_listed_beside_the_others(tmp_path: Path, word: bytes, instead: bytes) -> None:
    for name in ("one", "two"):
        with open_study(SWEEP, name, storage=tmp_path) as study:
            run_sweep(SWEEP, study, Here(), at_once=1)
    path = tmp_path / "one" / JOURNAL
    assert word in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(word, instead))
    two, one = list_sweeps(tmp_path)  # what cannot be read is last
    assert "what setting 0 came to cannot be read" in one.problem
    assert (two.problem, two.num_finished) == (None, 2)
    delete_sweep("one", storage=tmp_path)
    assert [info.name for info in list_sweeps(tmp_path)] == ["two"]


def test_a_sweep_whose_disk_was_full_at_its_start_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(places, "append_file", full)
        with pytest.raises(StoreError, match="No space left on device"):
            open_study(SWEEP, "one", storage=tmp_path)
    assert [info.name for info in list_sweeps(tmp_path)] == ["one"]
    delete_sweep("one", storage=tmp_path)
    assert list_sweeps(tmp_path) == []
    open_study(SWEEP, "one", storage=tmp_path).close()


def test_a_sweep_that_somebody_computes_is_not_deleted(tmp_path: Path) -> None:
    delete = ["sweeps", "delete", "one", "--storage", str(tmp_path), "--yes"]
    with open_study(SWEEP, "one", storage=tmp_path) as study:
        study.take(1)
        result = CliRunner().invoke(app, delete)
        assert (result.exit_code, "somebody computes the sweep one" in result.output) == (2, True)
    assert CliRunner().invoke(app, delete).exit_code == 0


def test_the_name_of_a_sweep_that_is_not_there_is_answered_with_what_was_meant(tmp_path: Path) -> None:
    open_study(SWEEP, "by-steps", storage=tmp_path).close()
    for command in (["show", "by-step"], ["delete", "by-step", "--yes"], ["export", "by-step", "--csv"]):
        result = CliRunner().invoke(app, ["sweeps", *command, "--storage", str(tmp_path)])
        assert (result.exit_code, "did you mean 'by-steps'?" in result.output) == (2, True)


def test_half_a_line_of_a_client_that_was_killed_beside_us_spoils_none_of_ours(tmp_path: Path) -> None:
    with open_study(SWEEP, "it", storage=tmp_path) as study:
        (first,) = study.take(1)
        with open(tmp_path / "it" / JOURNAL, "ab") as journal:
            journal.write(b'{"op_code":4,"worker_id":"another"')
        study.give_back(first.number)
        assert [one.number for one in study.take(1)] == [first.number]
    with load_sweep("it", storage=tmp_path) as study:
        assert len(study.results()) == SWEEP.size


def test_a_sweep_that_is_deleted_while_it_is_open_is_left_without_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_study(SWEEP, "it", storage=tmp_path, lease_s=0.2) as study:
        study.give_back(*(one.number for one in study.take(1)))
        delete_sweep("it", storage=tmp_path)
        time.sleep(0.3)  # a beat
        assert not study._claims._beating or not study._claims._beating.is_alive()
    assert caplog.text == ""


def test_what_a_killed_renaming_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    for name in ("one", "two"):
        open_study(SWEEP, name, storage=tmp_path).close()
    old, new = tmp_path / ".rename-old", tmp_path / ".rename-new"
    for folder in (old, new):
        (folder / "other").mkdir(parents=True)
    os.utime(old, (0, 0))
    rename_sweep("one", "three", storage=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".rename-new", "three", "two"]
