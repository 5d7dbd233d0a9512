"""How commands end when they are asked to, at any moment, and what becomes of them when their workers end."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from maml_core.execution import MAX_LOST
from maml_core.store import DOCUMENT, RunStore
from maml_core.sweeps.study import load_sweep
from tests.maml_core.cli.cases import maml
from tests.maml_core.commands import ENDED_S, SOON_S, Command, kill, needs_processes

pytestmark = [pytest.mark.slow, needs_processes]

SMALL = ["--hidden-widths", "6", "--meta-batch-size", "3", "--evaluation-tasks", "4", "--no-joint-baseline"]
ENDLESS = [*SMALL, "--steps", "1000000"]
SWEEP = ["sweep", "--axis", "alpha=0.001..1:log:30", "--axis", "N=1,2,3", *ENDLESS, "--name", "map", "--workers", "2"]


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where everything of this test is kept."""
    monkeypatch.setenv("MAML_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path / "sweeps"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ends(command: Command, code: int, words: str) -> None:
    """See that a command that was asked to stop does so in time, with a sentence and nothing left."""
    assert command.ended(ENDED_S) == code, command.said
    assert words in command.said
    assert "Traceback" not in command.said
    assert not command.left()


def wait_for_run(name: str, command: Command) -> None:
    deadline = time.monotonic() + SOON_S
    while not (RunStore().folder(name) / DOCUMENT).exists():
        assert command.process.poll() is None, command.said
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.3)


def wait_for_lock(lock: Path, command: Command) -> None:
    """Wait until a command says in the lock file that it is the one who trains."""
    deadline = time.monotonic() + SOON_S
    while not (lock.exists() and lock.read_text().startswith(f"process {command.process.pid} ")):
        assert command.process.poll() is None, command.said
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize(
    "arguments",
    [
        ["train", *ENDLESS, "--name", "run"],
        SWEEP,
        ["reproduce", "sinusoid", "--folder", "here", "--workers", "1"],
        ["bench", "engine"],
        ["data", "omniglot"],
        ["evaluate", "nothing"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_ctrl_c_while_python_still_imports(arguments: list[str], times: int) -> None:
    code = (
        "import builtins, sys, time\n"
        "real = builtins.__import__\n"
        "def slow(name, *rest, **more):\n"
        "    if name == 'typer':\n"
        "        print('importing', file=sys.stderr, flush=True)\n"
        "        time.sleep(60)\n"
        "    return real(name, *rest, **more)\n"
        "builtins.__import__ = slow\n"
        "from maml_core.cli import main\n"
        "main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stderr is not None
        assert process.stderr.readline() == "importing\n"
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.05)
        said = process.communicate(timeout=ENDED_S)[1]
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert said == "maml: stopped by Ctrl-C.\n"


@pytest.mark.parametrize("times", [1, 2, 3])
def test_ctrl_c_while_training(times: int) -> None:
    with Command("train", *ENDLESS, "--name", "run") as command:
        wait_for_run("run", command)
        for _ in range(times):
            if command.process.poll() is None:
                command.signal(signal.SIGINT)
            time.sleep(0.1)
        ends(command, 130, "Ctrl-C")
        assert "maml train --resume run --steps 1000000" in command.said
    assert RunStore().load("run").name == "run"


@pytest.mark.parametrize(
    ("when", "times", "pause_s"),
    [("measuring some", 1, 0.0), ("Kept in", 2, 0.0), ("measuring some", 2, 0.4), ("Kept in", 3, 0.1)],
)
def test_ctrl_c_in_a_sweep(when: str, times: int, pause_s: float) -> None:
    with Command(*SWEEP) as command:
        command.wait_for(when)
        time.sleep(0.5)
        for _ in range(times):
            if command.process.poll() is None:
                command.signal(signal.SIGINT)
            time.sleep(pause_s)
        ends(command, 130, "Go on with: maml sweep --resume map --workers 2")


@pytest.mark.thorough
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_in_a_reproduction(times: int, root: Path) -> None:
    with Command("reproduce", "sinusoid", "--only", "MAML", "--folder", "here", "--workers", "2") as command:
        deadline = time.monotonic() + SOON_S
        while len(command.workers()) < 3:  # two, and the server that they are forked from
            assert command.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(2.0)
        for _ in range(times):
            command.signal(signal.SIGINT)
            time.sleep(0.05)
        ends(command, 130, "The same command goes on")


def test_ctrl_c_in_an_evaluation() -> None:
    maml("train", *SMALL, "--steps", "5", "--name", "run")
    with Command("evaluate", "run", "--tasks", "100000", "--eval-steps", "100") as command:
        time.sleep(3.0)
        command.signal(signal.SIGINT)
        ends(command, 130, "stopped by Ctrl-C")


def test_a_step_that_takes_too_long_is_given_up_and_what_was_before_is_saved(root: Path) -> None:
    """The main thread is in a computation that does not come back, as in one very large outer step."""
    code = (
        "import ctypes, sys\n"
        "import maml_core.cli.train as train\n"
        "real, steps = train.run_chunk, []\n"
        "def stuck(request):\n"
        "    steps.append(1)\n"
        "    if len(steps) == 3:\n"
        "        print('stuck', file=sys.stderr, flush=True)\n"
        "        while True:\n"
        "            ctypes.CDLL(None).sleep(60)\n"  # in C, as torch is
        "    return real(request)\n"
        "train.run_chunk = stuck\n"
        "from maml_core.cli import main\n"
        "main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, "train", *ENDLESS, "--name", "run"], stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        while process.stderr.readline() != "stuck\n":
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=ENDED_S)[1]
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert "What is saved goes on with: maml train --resume run" in said
    assert RunStore().load("run").step > 0


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM], ids=["SIGHUP", "SIGTERM"])
def test_other_signals_save_too(number: signal.Signals) -> None:
    with Command("train", *ENDLESS, "--name", "run") as command:
        wait_for_run("run", command)
        command.signal(number)
        ends(command, 128 + number, "and saved. Go on with: maml train --resume run --steps 1000000")
    assert RunStore().load("run").step > 0


@pytest.mark.thorough
def test_a_terminal_that_goes_away_loses_nothing(root: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(
            sys.executable,
            [sys.executable, "-c", "from maml_core.cli import main; main()", "train", *ENDLESS, "--name", "run"],
        )
    deadline = time.monotonic() + SOON_S
    seen = b""
    while b"steps/s" not in seen:  # the progress bar
        assert time.monotonic() < deadline
        seen += os.read(terminal, 4096)
    os.close(terminal)
    ended, status = os.waitpid(pid, 0)
    assert (ended, os.waitstatus_to_exitcode(status)) == (pid, 128 + signal.SIGHUP)
    assert RunStore().load("run").step > 0


def test_nohup_is_heeded(root: Path) -> None:
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        command = Command("train", *ENDLESS, "--name", "run")
    finally:
        signal.signal(signal.SIGHUP, ignored)
    with command:
        wait_for_run("run", command)
        command.signal(signal.SIGHUP)
        time.sleep(0.5)
        assert command.process.poll() is None
        command.signal(signal.SIGINT)
        ends(command, 130, "and saved")


@pytest.mark.parametrize("when", ["measuring some", pytest.param("Kept in", marks=pytest.mark.thorough)])
def test_a_sweep_replaces_a_worker_that_is_killed(when: str) -> None:
    axes = ["--axis", "alpha=0.01,0.02,0.03", "--axis", "N=1,2"]
    with Command("sweep", *axes, *SMALL, "--steps", "300", "--name", "map", "--workers", "2") as command:
        command.wait_for(when)
        for _ in range(2):
            deadline = time.monotonic() + SOON_S
            while not (workers := command.workers()) and command.process.poll() is None:
                assert time.monotonic() < deadline
            for pid in workers[-1:]:
                kill(pid)
            time.sleep(0.3)
        assert command.ended() == 0, command.said
        assert "Traceback" not in command.said
    with load_sweep("map") as study:
        assert [one.status for one in study.results()] == ["ok"] * 6


@pytest.mark.thorough
def test_a_reproduction_replaces_workers_that_are_killed(root: Path) -> None:
    command_line = ["reproduce", "sinusoid", "--only", "MAML", "--steps", "2000", "--tasks", "50", "--folder", "here"]
    with Command(*command_line, "--workers", "2") as command:
        killed = 0
        # Once less than a chunk may be lost in a row: on a busy machine the same one is.
        while killed < MAX_LOST - 1 and command.process.poll() is None:
            for pid in command.workers()[-1:]:
                kill(pid)
                killed += 1
            time.sleep(1.5)
        assert killed == MAX_LOST - 1
        assert command.ended() == 0, command.said
        assert "Traceback" not in command.said
    rows = json.loads((root / "here" / "table.json").read_text())
    assert {row["outer_steps"] for row in rows if row["name"] == "MAML"} == {2000}


def test_of_two_trainings_of_one_run_the_second_is_told() -> None:
    maml("train", *SMALL, "--steps", "5", "--name", "run")
    with Command("train", "--resume", "run", "--steps", "1000000") as first:
        lock = RunStore().folder("run") / "training.lock"
        wait_for_lock(lock, first)
        for arguments in (
            ["train", "--resume", "run", "--steps", "50"],
            ["train", *SMALL, "--steps", "50", "--name", "run", "--force"],
            ["runs", "delete", "run", "--yes"],
            ["runs", "rename", "run", "other"],
        ):
            second = maml(*arguments, code=2)
            assert f"somebody trains in {lock.parent} (process {first.process.pid} on " in second.stderr
        maml("train", "--resume", "run", "--steps", "50", "--name", "copy")
        first.process.kill()
        first.ended()
    step = RunStore().load("run").step
    with Command("train", "--resume", "run", "--steps", "100000000", "--save-every", "0.1") as again:
        deadline = time.monotonic() + SOON_S
        while RunStore().load("run").step == step:  # kill -9 leaves no lock
            assert again.process.poll() is None, again.said
            assert time.monotonic() < deadline
            time.sleep(0.1)
        again.signal(signal.SIGINT)
        ends(again, 130, "and saved")
    assert not lock.exists()


def test_two_reproductions_do_not_share_a_folder() -> None:
    command_line = ["reproduce", "sinusoid", "--only", "MAML", "--folder", "here", "--workers", "1"]
    with Command(*command_line) as first:
        wait_for_lock(Path("here/training.lock"), first)
        with Command(*command_line) as second:
            assert second.ended() == 2, second.said
            assert "somebody trains in here" in second.said
        first.signal(signal.SIGINT)
        ends(first, 130, "The same command goes on")
