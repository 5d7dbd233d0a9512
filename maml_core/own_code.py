"""A problem of one's own by the name of its Python code, for whoever has no Python call to give it to: the command line, and processes that compute.

Configs, run folders and sweeps say such a name (`PythonConfig`), and none of them is ever followed: opening what came from elsewhere imports nothing.
Who trains or judges names the code anew, each time, and processes that compute are told so by whoever started them (`OwnCode`).
"""

from __future__ import annotations

import importlib
import math
import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from maml_core.config import PythonConfig, RunConfig
from maml_core.datasets.trained import TrainedImages
from maml_core.errors import ConfigError
from maml_core.evaluation import evaluate
from maml_core.families.own import OwnCode, check_code_name, is_said_shared
from maml_core.inner import Adaptation
from maml_core.losses import name_of
from maml_core.own_failures import own_failure, own_failures_said
from maml_core.problem import Problem, build_problem, check_draws_tasks, try_drawing
from maml_core.rng import Stream
from maml_core.tasks import Regression
from maml_core.threads import single_threaded

NUM_TASKS = 2
"""Held-out tasks, of one support and one query point, whose losses tell a problem from others."""

_TRIED = ((10, 10), (5, 10), (5, 5), (3, 3), (2, 2), (1, 1))
"""Support and query points of a task that a page may begin with."""

SAME = 1e-3
"""How far these losses may be apart on two machines, relative to the larger."""


def problem_named(name: str) -> Problem:
    """The `Problem` that ``module:attribute`` names: one, or a function without arguments that makes one, which is called once a process.

    The module is looked for where Python looks, and last in the current folder. While it is imported the global random numbers of Python, numpy and
    torch are those of seed 0, so that weights which a module draws are the same in all processes.

    Raises:
        ConfigError: This is a shared server (`MAML_SHARED`), the name is none, or what it names cannot be had or is no problem.

    >>> problem_named("maml_core.config:RunConfig")
    Traceback (most recent call last):
    maml_core.errors.ConfigError: problem = 'maml_core.config:RunConfig' is not accepted: it gives a RunConfig; name a Problem, or a function without \
arguments that makes one
    """
    if is_said_shared():
        raise ConfigError(
            "problem", name, "a shared server (MAML_SHARED) runs nobody's own code; train on a machine of your own"
        )
    return _made(name)


def tasks_named(name: str) -> PythonConfig:
    """The tasks of a config of one's own problem: its name, and what is found of it where it is imported now.

    Raises:
        ConfigError: As of `problem_named`; or it fails where it is tried.
    """
    problem = problem_named(name)
    with own_failures_said(name):
        return _tasks(name, problem)


def _tasks(name: str, problem: Problem) -> PythonConfig:
    family, (shots, num_query) = problem.at_test, _points(problem)
    inputs = problem.family.probe_inputs(64, torch.float64)
    theta = problem.initial_theta(0, torch.float32)
    return PythonConfig(
        problem=name,
        num_inputs=int(inputs.shape[-1]),
        num_outputs=int(problem.model.apply(theta, inputs.to(problem.device, torch.float32)[:, :1]).shape[-1]),
        classifies=problem.accuracy is not None,
        loss=name_of(problem.loss),
        knows_truth=isinstance(family, Regression),
        inner_optimizer=problem.inner_optimizer is not None,
        draws_among=_draws_among(problem),
        parameters=sum(value.numel() for value in theta.values()),
        zero=_level(name, "zero_level", family.zero_level()),
        constant=_level(name, "non_adapting_level", family.non_adapting_level()),
        x=(_rounded(float(inputs.min())), _rounded(float(inputs.max()))),
        shots=shots,
        num_query=num_query,
    )


@lru_cache(maxsize=16)
def first_losses(name: str) -> tuple[float, ...]:
    """The losses of a problem's first network on a few held-out tasks, before and after inner steps: other tasks, another network, loss or inner
    optimizer have others.
    """
    problem = problem_named(name)
    with own_failures_said(name):
        return _first_losses(problem)


def problem_for(
    config: RunConfig, code: OwnCode | None = None, device: str = "cpu", images: TrainedImages | None = None
) -> Problem:
    """The problem of a config: what its settings name, or the code that has been named, which computes on its own device.

    Args:
        config: Of the run.
        code: From whoever started this computation.
        device: As of `build_problem`.
        images: As of `build_problem`.

    Raises:
        ConfigError: As of `problem_named`; or the code's problem is another one than it was.
    """
    if code is None:
        return build_problem(config, device, images)
    problem = problem_named(code.name)
    if code.losses:
        check_same(code, first_losses(code.name))
    return problem


def check_same(code: OwnCode, now: tuple[float, ...]) -> None:
    """Refuse a problem that is another one than when it was named before.

    Raises:
        ConfigError: Its first losses are others.
    """
    if len(now) == len(code.losses) and all(map(_alike, now, code.losses)):
        return
    raise ConfigError(
        "problem",
        code.name,
        f"it is another problem than the one that this was begun with (first losses {_words(now)}, and {_words(code.losses)} then): begin "
        "anew under another name, or give its module back what it had; where it draws tasks at random while it is imported, let it do so from a seed",
    )


def _alike(one: float, other: float) -> bool:
    if not (math.isfinite(one) and math.isfinite(other)):
        return repr(one) == repr(other)
    return math.isclose(one, other, rel_tol=SAME, abs_tol=1e-9)


def _words(losses: tuple[float, ...]) -> str:
    return ", ".join(f"{loss:.4g}" for loss in losses)


def _points(problem: Problem) -> tuple[int, int]:
    """Support and query points that its tasks have, the most of a few numbers."""
    for shots, num_query in _TRIED:
        try:
            try_drawing(RunConfig(shots=shots, num_query=num_query), problem)
        except ConfigError:
            continue
        return shots, num_query
    return _TRIED[-1]


def _draws_among(problem: Problem) -> bool:
    try:
        check_draws_tasks(RunConfig(num_training_tasks=1), problem)
    except ConfigError:
        return False
    return True


def _level(name: str, what: str, value: float) -> float:
    if not (math.isfinite(value) and value >= 0.0):
        raise ConfigError(
            "problem", name, f"{what}() of its tasks gives {value:g}, and a finite number from 0 on is expected"
        )
    return _rounded(value)


def _rounded(value: float) -> float:
    """Six digits, the same on all machines."""
    return float(f"{value:.6g}")


@single_threaded
def _first_losses(problem: Problem) -> tuple[float, ...]:
    tasks = problem.draw_tasks(
        seed=0, stream=Stream.HELD_OUT_TASKS, num_tasks=NUM_TASKS, shots=1, num_query=1, dtype=torch.float32
    )
    theta = problem.initial_theta(0, torch.float32)
    found = evaluate(
        theta, tasks, problem=problem, num_steps=2, how=Adaptation(0.01, optimizer=problem.inner_optimizer)
    )
    return tuple(found.query_loss[:, 0].flatten().tolist())


@contextmanager
def _from_seed_0() -> Iterator[None]:
    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  # what people's modules use
    try:
        with torch.random.fork_rng(devices=[]):
            random.seed(0)
            np.random.seed(0)  # noqa: NPY002
            torch.manual_seed(0)
            yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)  # noqa: NPY002


@lru_cache(maxsize=16)
def _made(name: str) -> Problem:
    check_code_name("problem", name)
    module, _, attribute = name.partition(":")
    with _from_seed_0():
        found = _attribute(name, module, attribute)
        if not isinstance(found, Problem) and callable(found):
            try:
                found = found()
            except Exception as error:
                raise ConfigError("problem", name, f"calling it fails: {own_failure(error)}; correct it") from error
    if not isinstance(found, Problem):
        raise ConfigError(
            "problem",
            name,
            f"it gives a {type(found).__name__}; name a Problem, or a function without arguments that makes one",
        )
    return found


def _attribute(name: str, module: str, attribute: str) -> Any:
    here = os.getcwd()
    sys.path.append(here)
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name is not None and (module == error.name or module.startswith(f"{error.name}.")):
            accepted = (
                f"there is no module {error.name}, neither installed nor in {here}; go to its folder, or install it"
            )
        else:
            accepted = f"its module asks for {error.name}, which is not there; install that"
        raise ConfigError("problem", name, accepted) from error
    except AttributeError as error:
        found = getattr(sys.modules.get(module), "__file__", None)
        beside = Path(here, *module.split(".")).with_suffix(".py")
        other = (
            f"Python finds another {module} first, {found}, not the one in this folder; give yours another name"
            if found is not None and beside.exists() and not beside.samefile(found)
            else f"its module cannot be used ({error}); correct the name, or the module"
        )
        raise ConfigError("problem", name, other) from error
    except Exception as error:
        raise ConfigError(
            "problem", name, f"importing its module fails ({type(error).__name__}: {error}); correct it"
        ) from error
    finally:
        sys.path.remove(here)
