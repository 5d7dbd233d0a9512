"""Where `export` writes: files, stdout, devices and pipes."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from maml_core.cli import app
from maml_core.files import write_file
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.study import open_study
from tests.maml_core.commands import needs_processes

HEADER = {"runs": "outer_step,", "sweeps": "setting,"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAML_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path / "sweeps"))
    monkeypatch.chdir(tmp_path)
    small = ["--hidden-widths", "4", "--meta-batch-size", "2", "--evaluation-tasks", "2", "--no-joint-baseline"]
    assert CliRunner().invoke(app, ["train", *small, "--steps", "2", "--name", "one"]).exit_code == 0
    open_study(SweepConfig(axes=(Axis(name="alpha", values=(0.1, 0.2)),)), "one").close()
    return tmp_path


def export(kind: str, out: str, *others: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [kind, "export", "one", "--csv", "--out", out, *others])
    assert result.exit_code == code, (result.output, result.exception)
    return result


@pytest.mark.parametrize("kind", HEADER)
def test_a_minus_is_stdout_and_nothing_else_is_there(kind: str, here: Path) -> None:
    result = export(kind, "-")
    export(kind, "file.csv")
    assert result.stdout.encode() == (here / "file.csv").read_bytes()
    assert result.stdout.startswith(HEADER[kind])
    assert result.stderr == ""
    assert not (here / "-").exists()


@needs_processes
@pytest.mark.parametrize("force", [(), ("--force",)])
@pytest.mark.parametrize("kind", HEADER)
def test_a_pipe_and_a_device_are_written_into_and_stay(kind: str, force: tuple[str, ...], here: Path) -> None:
    os.mkfifo("pipe.csv")
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append((here / "pipe.csv").read_bytes()))
    reader.start()
    export(kind, "pipe.csv", *force)
    reader.join(60)
    assert found[0].startswith(HEADER[kind].encode())
    assert stat.S_ISFIFO(os.stat("pipe.csv").st_mode)
    export(kind, "/dev/null", *force)
    full = export(kind, "/dev/full", *force, code=4)
    assert full.stderr == "maml: /dev/full: No space left on device\n"
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


@pytest.mark.parametrize("kind", HEADER)
def test_what_is_no_file_or_of_another_format_is_refused(kind: str, here: Path) -> None:
    (here / "folder").mkdir()
    assert "a file; this is a folder, so say folder/one.csv" in export(kind, "folder", "--force", code=2).stderr
    for name in ("x.parquet", "x.JSON", "x.zip"):
        assert "a file that ends with .csv: that is what is written" in export(kind, name, code=2).stderr
        assert not (here / name).exists()
    for name in ("x.CSV", "x", "x.txt", "by-0.1"):
        export(kind, name)
        assert (here / name).read_text().startswith(HEADER[kind])
    assert "add --force" in export(kind, "x", code=2).stderr


@pytest.mark.parametrize("kind", HEADER)
def test_what_stands_in_the_way_of_a_file_is_said_and_stays(kind: str, here: Path) -> None:
    (here / "x.csv.part").mkdir()
    assert export(kind, "x.csv", code=4).stderr == "maml: x.csv: x.csv.part stands in the way\n"
    assert (here / "x.csv.part").is_dir()
    assert not (here / "x.csv").exists()


def test_a_file_is_not_where_tensorboard_is_written(here: Path) -> None:
    result = CliRunner().invoke(app, ["runs", "export", "one", "--tensorboard", "folder", "--out", "file"])
    assert (result.exit_code, (here / "folder").exists()) == (2, False)
    assert "it names a file, and --tensorboard a folder" in result.output


def test_a_file_without_what_to_write_into_it_is_asked_for_that(here: Path) -> None:
    result = CliRunner().invoke(app, ["runs", "export", "one", "--out", "one.zip"])
    assert (result.exit_code, (here / "one.zip").exists()) == (2, False)
    assert "say what to write into it: --csv, --zip, --script or --weights" in result.output
    assert "tensorboard" not in result.output


@needs_processes
def test_write_file_neither_replaces_what_is_no_file_nor_follows_what_stands_in_the_way(here: Path) -> None:
    os.mkfifo("pipe")
    for path in (here / "pipe", here / "runs", Path("/dev/full")):
        before = os.stat(path).st_mode
        with pytest.raises(OSError, match="no file") as caught:
            write_file(path, b"new")
        assert caught.value.filename == str(path)
        assert os.stat(path).st_mode == before
    (here / "other").write_bytes(b"old")
    (here / "x.part").symlink_to(here / "other")
    with pytest.raises(OSError, match="stands in the way"):
        write_file(here / "x", b"new")
    assert (here / "other").read_bytes() == b"old"
    (here / "y.part").write_bytes(b"half of a file from a process that was killed")
    write_file(here / "y", b"new", memoryview(b" and more"))
    assert (here / "y").read_bytes() == b"new and more"
    assert not (here / "y.part").exists()
