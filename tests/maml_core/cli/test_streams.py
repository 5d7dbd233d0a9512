"""Every command that prints, where what it prints cannot be written: one sentence and an exit code, and never a traceback."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from maml_core.store import load_run
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.study import open_study
from tests.maml_core.cli.cases import MAML, maml
from tests.maml_core.commands import SOON_S, needs_processes
from tests.maml_core.forks import CLOSED, Forked
from tests.maml_core.members import pictures

TRAIN = ["train", "--hidden-widths", "4", "--meta-batch-size", "2", "--evaluation-tasks", "2", "--no-joint-baseline"]
COMMANDS = (
    *(["--version"], ["--help"], [], ["train", "--help"], ["runs"], ["sweeps", "show", "--help"]),
    *([*TRAIN, "--steps", "2", "--out", "new"], [*TRAIN, "--steps", "2", "--out", "newer", "--json"]),
    *(["train", "--dry-run"], ["evaluate", "one", "--tasks", "5"], ["evaluate", "one", "--tasks", "5", "--json"]),
    *(["runs", "list"], ["runs", "list", "--json"], ["runs", "show", "one"], ["runs", "show", "one", "--json"]),
    *(["runs", "export", "one", "--csv"], ["runs", "export", "one", "--csv", "--out", "-"]),
    *(["runs", "export", "one", "--tensorboard", "tb"], ["runs", "import", "runs/one", "--name", "two"]),
    *(["sweep", "--axis", "alpha=0.1,0.2", "--dry-run"], ["sweeps", "list"], ["sweeps", "list", "--json"]),
    *(["sweeps", "show", "one"], ["sweeps", "show", "one", "--json"]),
    *(["sweeps", "export", "one", "--curves"], ["sweeps", "export", "one", "--csv", "--out", "-"]),
    *(["data"], ["data", "--json"], ["data", "folder", "pictures"], ["data", "folder", "pictures", "--json"]),
    *(["runs", "rename", "one", "three"], ["runs", "delete", "three", "--yes"], ["sweeps", "delete", "one", "--yes"]),
)

pytestmark = [pytest.mark.slow, needs_processes]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("runs", "sweeps", "data"):
        monkeypatch.setenv(f"MAML_{name.upper()}", str(tmp_path / name))
    monkeypatch.setenv("PYTHONUNBUFFERED", "")
    monkeypatch.chdir(tmp_path)
    maml(*TRAIN, "--steps", "2", "--name", "one")
    open_study(SweepConfig(axes=(Axis(name="alpha", values=(0.1, 0.2)),)), "one").close()
    pictures(tmp_path / "pictures", images=3)
    return tmp_path


def printing(arguments: list[str], **streams: int) -> tuple[int, str]:
    """The exit code of a command whose streams lead somewhere, and what it says on stderr."""
    command = Forked(arguments, **{"stderr": subprocess.PIPE, **streams})
    said = command.communicate(SOON_S)[1]
    return command.wait(), said


def a_full_disk() -> int:
    return os.open("/dev/full", os.O_WRONLY)


def a_reader_who_has_gone() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.thorough
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_a_closed_stream_and_a_reader_who_has_gone(here: Path) -> None:
    """All commands in one test: what they work on is made once."""
    full, gone = a_full_disk(), a_reader_who_has_gone()
    for number, arguments in enumerate(COMMANDS):
        stdout, sentence, code = (
            (full, "maml: stdout: No space left on device\n", 4),
            (CLOSED, "maml: stdout: it is closed\n", 4),
            (gone, "", 141),
        )[number % 3]
        found = printing(arguments, stdout=stdout)
        assert (found[0], found[1][-len(sentence) :] if sentence else found[1]) == (code, sentence), (arguments, found)
        assert "Traceback" not in found[1], (arguments, found)
    os.close(full)
    os.close(gone)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
@pytest.mark.parametrize(
    ("to", "sentence", "code"),
    [
        (">/dev/full", "maml: stdout: No space left on device\n", 4),
        (">&-", "maml: stdout: it is closed\n", 4),
        ("| sleep 0", "", 141),
    ],
)
def test_a_command_that_a_shell_starts_says_the_same(here: Path, to: str, sentence: str, code: int) -> None:
    done = subprocess.run(
        ["bash", "-c", f'set -o pipefail; "$@" {to}', "bash", *MAML, "runs", "list"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=SOON_S,
    )
    assert (done.returncode, done.stderr) == (code, sentence)


def test_a_run_is_saved_before_it_is_printed_and_streams_that_are_all_closed_break_nothing(here: Path) -> None:
    closed = {"stdin": CLOSED, "stdout": CLOSED, "stderr": CLOSED}
    assert printing([*TRAIN, "--steps", "3", "--name", "all"], **closed) == (4, "")
    assert load_run(here / "runs" / "all").step == 3
    assert printing(["runs", "list"], stderr=CLOSED) == (0, "")
    code, said = printing(["runs", "delete", "all"], stdin=CLOSED)
    assert (code, "Traceback" in said) == (2, False)
    assert (here / "runs" / "all" / "run.json").is_file()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_diverged_run_whose_report_cannot_be_printed_says_so(here: Path) -> None:
    full = a_full_disk()
    code, said = printing([*TRAIN, "--alpha", "100", "--steps", "50", "--name", "wild"], stdout=full)
    os.close(full)
    assert code == 4
    assert said.endswith("maml: stdout: No space left on device\n")
    assert load_run(here / "runs" / "wild").status.kind != "ok"
