"""Commands that tests of the command line run in this process, and what they ask of the runs that come of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from maml_core.cli import app
from maml_core.config import RunConfig
from maml_core.records import Entry
from maml_core.runs import replay
from maml_core.state_bytes import state_to_bytes
from maml_core.store import RunStore, SavedRun
from tests.maml_core.commands import with_options
from tests.maml_core.helpers import same

TINY = [
    *("--hidden-widths", "6,5", "--activation", "tanh", "--meta-batch-size", "3", "--shots", "4", "--num-query", "5"),
    *("--evaluation-tasks", "4", "--evaluation-steps", "3", "--evaluate-every", "7", "--dtype", "float64"),
]
WILD = with_options(
    TINY, "--alpha", "1", "-N", "20", "--activation", "relu", "--hidden-widths", "40,40", "--dtype", "float32"
)

SMALL_IMAGES = [
    *("--tasks", "omniglot", "--split", "background", "--ways", "3", "--model", "conv", "--num-filters", "4"),
    *("--shots", "1", "--num-query", "2", "--meta-batch-size", "2", "--evaluation-tasks", "4", "--evaluate-every", "3"),
]

MAML = [sys.executable, "-c", "from maml_core.cli import main; main()"]


def maml(*arguments: str, code: int = 0, input: str | None = None) -> Result:
    """Run a command in this process, expecting this exit code and no traceback."""
    result = CliRunner().invoke(app, list(arguments), input=input)
    assert result.exit_code == code, f"{result.exit_code}\n{result.output}\n{result.exception!r}"
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def trained(name: str, *arguments: str, steps: int = 20, code: int = 0) -> SavedRun:
    maml("train", *TINY, "--name", name, "--steps", str(steps), *arguments, code=code)
    return RunStore().load(name)


def is_run_of(run: SavedRun, start: RunConfig, timeline: tuple[Entry, ...] = (), steps: int = 20) -> bool:
    """Whether a saved run is this one, bit for bit."""
    config, state, records = replay(start, timeline, num_steps=steps)
    return same(
        (run.start, run.config, run.timeline, run.step, run.state, run.records),
        (start, config, timeline, steps, state_to_bytes(state), records),
    )


def said(result: Result) -> str:
    """Everything on stderr as one line."""
    return " ".join(result.stderr.split())


def shown(value: Any) -> str:
    """The id of a case: its arguments, not what is expected of it."""
    return " ".join(value) if isinstance(value, list) else ""


def damage(folder: Path) -> None:
    state = next(folder.glob("state-*"))
    state.write_bytes(state.read_bytes()[:-1])
