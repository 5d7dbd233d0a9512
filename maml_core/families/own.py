"""Tasks, a network and a loss of one's own: what a set-up says of them without their code, and the name of that code. Nothing here imports torch."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from maml_core.errors import ConfigError
from maml_core.settings import Interval, check_fields, documented, setting

VARIABLE = "MAML_PROBLEM"
"""The environment variable that names the code which a page's server may import, ``module:attribute``; `maml dashboard --problem` sets it. Nothing else
on a page can."""

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


class OwnCode(NamedTuple):
    """Python code that whoever started this computation has named, so that it may be imported (`own_code`)."""

    name: str
    """``module:attribute``."""
    losses: tuple[float, ...] = ()
    """What tells its problem from others (`own_code.first_losses`), where it has been computed before; empty: nothing is compared."""


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class PythonConfig:
    """A problem of your own, in Python code: its name, and what has been found of it where it was imported.

    A config with it imports nothing. Whoever computes it names the code anew: ``--problem`` on the command line, ``problem=`` in Python.
    `own_code.tasks_named` makes one.
    """

    kind: Literal["python"] = "python"
    problem: str = setting("", "Name of its code, module:attribute, such as my_tasks:problem.")
    num_inputs: int = setting(1, "Width of one x.", low=1, high=10**9)
    num_outputs: int = setting(1, "Width of one prediction.", low=1, high=10**9)
    classifies: bool = setting(False, "Tasks are of classes, judged by their accuracy.")
    loss: str = setting("", "What its loss is called; none where nobody knows.")
    inner_optimizer: bool = setting(False, "Its inner loop makes something else of a gradient than a plain step.")
    knows_truth: bool = setting(False, "It says the function that a task's points come from.")
    parameters: int = setting(1, "Numbers in theta_0.", low=1, high=10**12)
    draws_among: bool = setting(False, "It can draw its training tasks from among a fixed number of them.")
    zero: float = setting(1.0, "Expected loss of always saying 0, or of guessing.", low=0.0, high=1e300)
    constant: float = setting(1.0, "Expected loss of the best answer that is the same everywhere.", low=0.0, high=1e300)
    x: Interval = setting((0.0, 1.0), "Range of its inputs.", low=-1e300, high=1e300)
    shots: int = setting(
        10, "Support points with which a page begins: 10, or fewer where its tasks have so few.", low=1, high=100
    )
    num_query: int = setting(10, "Query points with which a page begins, likewise.", low=1, high=500)

    def __post_init__(self) -> None:
        check_fields(self)
        check_code_name("problem", self.problem)

    def check_run(self, model: Any, unsaid: Any, num_training_tasks: int | None) -> None:
        """Refuse what a run of it has nothing for.

        Args:
            model: The network that the run's settings name.
            unsaid: The one of settings that name none.
            num_training_tasks: As of a run.

        Raises:
            ConfigError: A network is named; or a fixed number of tasks is asked for, of a family that draws them without end only.
        """
        if model != unsaid:
            raise ConfigError("model", model.kind, "the network is that of your own problem; leave it out")
        if num_training_tasks is not None and not self.draws_among:
            accepted = "none: draw_tasks of your own family takes no `among`, so it draws tasks without end; add it, or leave this out"
            raise ConfigError("num_training_tasks", num_training_tasks, accepted)

    @property
    def is_curve(self) -> bool:
        """Whether a task is of points (x, y) of one number each, which can be drawn as a curve."""
        return self.num_inputs == self.num_outputs == 1 and not self.classifies

    @property
    def called(self) -> str:
        """What people call its tasks."""
        return called(self.problem)

    def zero_level(self) -> float:
        """Expected loss of the predictor that always says 0, or guesses."""
        return self.zero

    def non_adapting_level(self) -> float:
        """Expected loss of the best predictor that is the same for every task."""
        return self.constant


def called(problem: str) -> str:
    """What people call the tasks of code by its name."""
    return f"{problem}, Python code"


def is_said_shared() -> bool:
    """Whether whoever started this process says, by MAML_SHARED, that others use it: then nobody's own code is run."""
    return os.environ.get("MAML_SHARED", "0") not in ("", "0")


def need_of_code(tasks: PythonConfig) -> str:
    """What to do where somebody would have to name the code, as `ConfigError.accepted`."""
    return (
        f"this is of Python code, {tasks.problem}, which is run only where its owner names it: if it is yours, or you trust it, add "
        f"--problem {tasks.problem} on the command line, or problem=... in Python"
    )


def check_code_name(field: str, name: str) -> None:
    """Refuse what names no Python code.

    Raises:
        ConfigError: It is not ``module:attribute``.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            field, name, "module:attribute is expected, such as my_tasks:problem, of my_tasks.py in this folder"
        )
