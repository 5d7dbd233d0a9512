"""Code of one's own that fails, wherever it does: a sentence with its line, what was trained is saved, and nothing is blamed on a setting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from maml_core.cli import app
from maml_core.own_failures import own_failures_said
from maml_core.store import RunStore, load_run
from tests.maml_core.own_module import own_module, rewritten

CODE = """
from itertools import count

import numpy as np
from torch import nn

from maml_core import ModuleModel, Problem, StreamTasks

LATE, MISSING, WIDE, LOSS = False, False, False, nn.MSELoss()
calls = count()


def lines(rng):
    if LATE and next(calls) > 60:
        raise RuntimeError("no more data")
    while True:
        x, slope = rng.uniform(-1.0, 1.0, (12, 2 if WIDE else 1)), rng.normal()
        y = np.full((12, 1), np.nan) if MISSING else slope * x[:, :1]
        yield x[:6], y[:6], x[6:], y[6:]


def problem():
    return Problem(family=StreamTasks(lines), model=ModuleModel(nn.Linear(1, 1), reinitialize=True), loss=LOSS)
"""
SMALL = ["--shots", "3", "--num-query", "3", "--meta-batch-size", "2", "--evaluation-tasks", "4"]

Module = Callable[..., str]


@pytest.fixture(name="module")
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Module]:
    with own_module(tmp_path, monkeypatch, CODE) as name:

        def with_(**values: str) -> str:
            line = next(line for line in CODE.splitlines() if line.startswith("LATE"))
            names, _, found = line.partition(" = ")
            asked = [values.get(one, value) for one, value in zip(names.split(", "), found.split(", "), strict=True)]
            rewritten(tmp_path, name, CODE.replace(line, f"{names} = {', '.join(asked)}"))
            return name

        yield with_


def maml(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments])


def trained(module: str, *more: str) -> Result:
    return maml("train", "--problem", f"{module}:problem", "--steps", "400", "--name", "mine", *SMALL, *more)


def said(done: Result) -> str:
    assert isinstance(done.exception, SystemExit), done.exception
    return " ".join(done.stderr.split())


def test_code_that_fails_in_the_middle_is_told_by_its_line_and_what_was_trained_is_saved(module: Module) -> None:
    done = trained(module(LATE="True"))
    assert done.exit_code == 2
    line = CODE.splitlines().index('        raise RuntimeError("no more data")') + 1
    assert f"line {line} (RuntimeError: no more data); correct it. The run is saved at outer step" in said(done)
    assert "Go on with: maml train --resume mine --problem " in said(done)
    assert load_run(RunStore().folder("mine")).step < 400
    assert trained(module(), "--force").exit_code == 0


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"MISSING": "True"}, "y of a task has missing or infinite values"),
        ({"WIDE": "True"}, "Linear cannot be called with x of shape [1, 2]"),
        ({"LOSS": "lambda said, there: 1 / 0"}, "(ZeroDivisionError: division by zero); correct it"),
    ],
)
def test_code_that_cannot_be_computed_leaves_nothing_behind(values: dict[str, str], words: str, module: Module) -> None:
    done = trained(module(**values))
    assert (done.exit_code, words in said(done)) == (2, True), done.stderr
    assert not RunStore().folder("mine").exists()


def test_judging_says_it_too(module: Module) -> None:
    name = module()
    done = maml("train", "--problem", f"{name}:problem", "--steps", "2", "--name", "mine", *SMALL)
    assert done.exit_code == 0, done.output
    module(LOSS="lambda said, there: 1 / 0")
    done = maml("evaluate", "mine", "--problem", f"{name}:problem", "--tasks", "4")
    assert (done.exit_code, "(ZeroDivisionError: division by zero); correct it" in said(done)) == (2, True)


def test_a_loss_that_is_no_number_is_blamed_on_no_setting(module: Module) -> None:
    done = trained(module(LOSS="lambda said, there: (said - there).sum() * float('nan')"))
    assert done.exit_code == 3
    assert "The support loss is not finite on 100% of the held-out tasks" in said(done)
    assert "mend that, and train a new one" in said(done)
    assert "overshoot" not in said(done)
    assert "--alpha" not in said(done)


def test_a_file_that_another_module_hides_is_told(module: Module, tmp_path: Path) -> None:
    (tmp_path / "this.py").write_text(CODE)  # Python has a module of this name, whose import is harmless
    done = trained("this")
    assert done.exit_code == 2
    assert "Python finds another this first, " in said(done)


def test_without_code_of_ones_own_everything_is_raised_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError), own_failures_said(None):
        1 / 0  # noqa: B018
