"""A module with a problem of one's own, as people write it, which leaves a trace when it is imported."""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from maml_core import own_code

CODE = """
from pathlib import Path

from torch import nn

from maml_core import ModuleModel, Problem, StreamTasks, momentum

with open(Path(__file__).with_name("imported"), "a") as trace:
    trace.write("x")


def planes(rng):
    while True:
        x, w = rng.uniform(-1, 1, (20, 2)), rng.normal(size=(2, 1))
        y = x @ w
        yield x[:10], y[:10], x[10:], y[10:]


def problem():
    model = ModuleModel(nn.Linear(2, 1), reinitialize=True)
    return Problem(family=StreamTasks(planes), model=model, loss=nn.HuberLoss(), inner_optimizer=momentum(0.5))


number = 3
"""
CURVES = """
from pathlib import Path

from torch import nn

from maml_core import ModuleModel, Problem, StreamTasks

with open(Path(__file__).with_name("imported"), "a") as trace:
    trace.write("x")


def lines(rng):
    while True:
        x, slope = rng.uniform(1.0, 2.0, (12, 1)), rng.normal()
        y = 3.0 + slope * (x - 1.5)
        yield x[:6], y[:6], x[6:], y[6:]


def problem():
    net = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    return Problem(family=StreamTasks(lines), model=ModuleModel(net, reinitialize=True))
"""
"""Tasks of one input and one output, with six points each."""
CLASSES = """
from pathlib import Path

import numpy as np
from torch import nn

from maml_core import ModuleModel, Problem, StreamTasks
from maml_core.losses import accuracy, cross_entropy

with open(Path(__file__).with_name("imported"), "a") as trace:
    trace.write("x")


def clouds(rng):
    while True:
        centres, y = rng.normal(size=(3, 2)), np.arange(12) % 3
        x = centres[y] + 0.2 * rng.normal(size=(12, 2))
        yield x[:6], y[:6], x[6:], y[6:]


def problem():
    net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 3))
    model = ModuleModel(net, reinitialize=True)
    return Problem(family=StreamTasks(clouds, classes=3), model=model, loss=cross_entropy, accuracy=accuracy)
"""
"""Tasks of three classes with two inputs and six points on either side."""
TRACE = "imported"
"""The file that says how often, a letter each time."""

_numbers = itertools.count()


def written(folder: Path, code: str = CODE) -> str:
    """Write the module; gives its name, another one each time, as Python keeps what it has imported."""
    name = f"tasks_of_a_test_{next(_numbers)}"
    (folder / f"{name}.py").write_text(code)
    return name


@contextmanager
def own_module(folder: Path, patch: pytest.MonkeyPatch, code: str = CODE) -> Iterator[str]:
    """The module in the current folder, beside which runs and sweeps are kept."""
    patch.setenv("MAML_RUNS", str(folder / "runs"))
    patch.setenv("MAML_SWEEPS", str(folder / "sweeps"))
    patch.delenv("MAML_SHARED", raising=False)
    patch.chdir(folder)
    name, path = written(folder, code), list(sys.path)
    yield name
    assert sys.path == path
    sys.modules.pop(name, None)


def rewritten(folder: Path, name: str, code: str) -> None:
    """Another text of the module, as a process that is started then imports it."""
    (folder / f"{name}.py").write_text(code)
    sys.modules.pop(name, None)
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)  # the new text may be as long, and of the same second
    own_code.first_losses.cache_clear()
    own_code._made.cache_clear()


def forget(folder: Path, name: str) -> None:
    """As in a new process that has imported nothing."""
    (folder / TRACE).unlink(missing_ok=True)
    sys.modules.pop(name, None)


def is_imported(folder: Path, name: str) -> bool:
    """Whether it was imported since it was forgotten, here or in another process."""
    return (folder / TRACE).exists() or name in sys.modules
