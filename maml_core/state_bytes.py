"""A run state as bytes, and back: safetensors for the numbers, JSON for the rest. Nothing here can execute what it reads."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.numpy import load, save

from maml_core.baselines import baselines_of
from maml_core.config import RunConfig, learns_inner_loop
from maml_core.errors import StateError
from maml_core.headers import facts_of, whole
from maml_core.moments import CHECKPOINTS
from maml_core.normalization import PER_STEP, at_step
from maml_core.optim import OptimizerState
from maml_core.params import split_meta
from maml_core.problem import Problem, check_parameters, torch_dtype
from maml_core.records import Status
from maml_core.run_state import Checkpoint, Learner, RunState
from maml_core.types import Params

FORMAT = 3
"""Version of the layout of the bytes."""

Arrays = dict[str, npt.NDArray[Any]]
State = TypeVar("State")


def state_to_bytes(state: RunState, *, checkpoints: bool = True) -> bytes:
    """Everything that `state_from_bytes` needs to give back an equal state, bit for bit.

    Args:
        state: The state.
        checkpoints: Whether with what a roll-back goes back to; without it the bytes are those of `moments.light`, in less time.

    >>> from maml_core.runs import init_run
    >>> state_from_bytes(state_to_bytes(init_run(RunConfig()))).step
    0
    """
    if not isinstance(state, RunState):
        raise TypeError(f"a {type(state).__name__} is no RunState")
    arrays: Arrays = {}
    steps: dict[str, int] = {}

    def put(prefix: str, learner: Learner) -> None:
        steps[prefix] = learner.optimizer.step
        parts = {
            "parameters": learner.meta_parameters,
            "first": learner.optimizer.first,
            "second": learner.optimizer.second,
            "statistics": learner.statistics,
        }
        for part, params in parts.items():
            for name, value in params.items():
                arrays[f"{prefix}/{part}/{name}"] = np.ascontiguousarray(value.detach().cpu().numpy())

    places: dict[str, RunState | Checkpoint] = {"": state}
    if checkpoints:
        places |= {"good/": state.good, "candidate/": state.candidate}
    for place, point in places.items():
        for name, learner in {"meta": point.meta, **point.baselines}.items():
            put(place + name, learner)
    facts = {
        "format": FORMAT,
        "step": state.step,
        "order": {
            name: list(learner.meta_parameters) for name, learner in {"meta": state.meta, **state.baselines}.items()
        },
        "optimizer_steps": steps,
        "good_step": state.good.step if checkpoints else state.step,
        "candidate_step": state.candidate.step if checkpoints else state.step,
        "loss_scale": state.loss_scale,
        "high_loss_steps": state.high_loss_steps,
        "status": list(state.status),
        "own_problem": state.own_problem,
        "compiled": state.compiled,
    }
    return save(arrays, metadata={"run_state": json.dumps(facts)})


def state_from_bytes(data: bytes, device: str = "cpu") -> RunState:
    """The state that `state_to_bytes` wrote, in the memory of a device.

    Raises:
        StateError: The bytes are damaged, of another format, or no run state at all.
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(
            f"a {type(data).__name__} is no saved run state: bytes are expected, as state_to_bytes gives them"
        )
    try:
        facts = facts_of(data, "run_state")
        arrays = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise StateError(f"these bytes are not a saved run state ({error})") from error
    if facts.get("format") != FORMAT:
        raise StateError(f"the run state has format {facts.get('format')!r}, this version reads {FORMAT}")

    parts = _parts(arrays)

    def params(prefix: str, part: str) -> Params:
        names = facts["order"][prefix.rpartition("/")[2]]
        present = parts.get(f"{prefix}/{part}", {})
        if not present or present.keys() != set(names):
            raise ValueError(f"{prefix}/{part}/ holds {sorted(present)}, not {names}")
        # Copied into torch's own memory: sums must not depend on how a buffer happens to be aligned.
        return {name: torch.tensor(present[name], device=device) for name in names}

    def learner(prefix: str) -> Learner:
        has_moments = f"{prefix}/first" in parts
        moments = OptimizerState(
            whole(facts["optimizer_steps"][prefix], "optimizer_steps"),
            params(prefix, "first") if has_moments else {},
            params(prefix, "second") if has_moments else {},
        )
        theta, rates = split_meta(params(prefix, "parameters"))
        averages = sorted(parts.get(f"{prefix}/statistics", {}).items())
        statistics = {name: torch.tensor(value, device=device) for name, value in averages}
        return Learner(theta, moments, rates, statistics)

    def baselines(place: str) -> dict[str, Learner]:
        return {name: learner(place + name) for name in facts["order"] if name != "meta"}

    def checkpoint(place: str) -> Checkpoint:
        step = whole(facts[f"{place}_step"], f"{place}_step")
        if step == facts["step"] and not any(name.startswith(f"{place}/") for name in parts):
            return Checkpoint(step, learner("meta"), baselines(""))  # a light one: see `moments`
        return Checkpoint(step, learner(f"{place}/meta"), baselines(f"{place}/"))

    try:
        kind, sentence = facts["status"]
        if kind not in ("ok", "diverged", "dead") or not isinstance(sentence, str):
            raise ValueError(f"status is {kind!r}")
        if not isinstance(facts["loss_scale"], float):
            raise ValueError(f"loss_scale is {facts['loss_scale']!r}")
        return RunState(
            step=whole(facts["step"], "step"),
            meta=learner("meta"),
            baselines=baselines(""),
            good=checkpoint("good"),
            candidate=checkpoint("candidate"),
            loss_scale=facts["loss_scale"],
            high_loss_steps=whole(facts["high_loss_steps"], "high_loss_steps"),
            status=Status(kind, sentence),
            own_problem=facts.get("own_problem", False) is True,
            compiled=str(facts.get("compiled", "")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StateError(f"the run state is incomplete or damaged ({error})") from error


def _parts(arrays: Arrays) -> dict[str, Arrays]:
    """Arrays by learner and part, as in ``good/meta/first``, and then by the name of the parameter."""
    found: dict[str, Arrays] = {}
    for name, value in arrays.items():
        pieces = name.split("/", 3 if name.startswith(CHECKPOINTS) else 2)
        found.setdefault("/".join(pieces[:-1]), {})[pieces[-1]] = value
    return found


class Recent(Generic[State]):
    """States by their bytes: a worker that computes the next chunk of a run need not read again what it has just written.

    A state is a value, so it does not matter which of the two is used. Runs that stand at equal states have each their own turn with it.

    Args:
        write: A state as bytes.
        read: The state of bytes, in the memory of a device.
        example: Some tensor of a state, which tells where it lies.
    """

    MAX_STATES, MAX_BYTES = 32, 2**22

    def __init__(
        self,
        write: Callable[[State], bytes],
        read: Callable[[bytes, str], State],
        example: Callable[[State], torch.Tensor],
    ) -> None:
        self._write, self._read, self._example = write, read, example
        self._states: OrderedDict[bytes, tuple[State, int]] = OrderedDict()
        """Each with how often it was written and not yet read."""

    def data(self, state: State) -> bytes:
        """The state as bytes, remembered."""
        data = self._write(state)
        if len(data) <= self.MAX_BYTES:
            _, written = self._states.pop(data, (state, 0))
            self._states[data] = state, written + 1
            while len(self._states) > self.MAX_STATES:
                self._states.popitem(last=False)
        return data

    def state(self, data: bytes, device: str = "cpu") -> State:
        """The state of bytes, from memory where it is there."""
        found, written = self._states.pop(data, (None, 0))
        if found is None or self._example(found).device != torch.empty(0, device=device).device:
            return self._read(data, device)
        if written > 1:
            self._states[data] = found, written - 1
        return found


class RecentStates(Recent[RunState]):
    """Recent states of runs."""

    def __init__(self) -> None:
        super().__init__(state_to_bytes, state_from_bytes, lambda state: next(iter(state.meta.theta.values())))

    @staticmethod
    @lru_cache(maxsize=1)
    def shared() -> RecentStates:
        """The ones of this process."""
        return RecentStates()


def check_state(state: RunState, config: RunConfig, problem: Problem) -> None:
    """See that a state belongs to a config and its model.

    Raises:
        StateError: Names, shapes or floating-point type of the parameters differ, or the state is of another outer optimiser or with
            another choice of baselines, or of a run with a problem of its own where the config's is given.
    """
    if state.own_problem and problem.is_of(config):
        raise StateError(
            "the run was trained with a problem of its own, which its settings do not name; give that problem again, as problem=..."
        )
    has_moments = bool(state.meta.optimizer.second)
    if has_moments != (config.outer_optimizer == "adam"):
        raise StateError(
            f"the run state is not one of {config.outer_optimizer}: it has {'' if has_moments else 'no '}moments"
        )
    wanted_baselines = baselines_of(config, problem)
    if set(state.baselines) != set(wanted_baselines):
        found_names, names = (", ".join(sorted(all_of)) or "none" for all_of in (state.baselines, wanted_baselines))
        raise StateError(f"the run state has other baselines than the config: {found_names} instead of {names}")
    for what, present, asked in (
        ("learned rates or matrices", bool(state.meta.rates), learns_inner_loop(config)),
        ("scales and shifts of single inner steps", _has_steps(state.meta.theta), config.per_step_norm),
        ("running averages", bool(state.meta.statistics), config.batch_norm_treatment == "running"),
    ):
        if present != asked:
            raise StateError(f"the run state has {'' if present else 'no '}{what}, the config says otherwise")
    learners = [(state.meta, problem), *((state.baselines[name], b.problem) for name, b in wanted_baselines.items())]
    for learner, its_problem in learners:
        check_parameters(at_step(learner.theta, 0), its_problem, torch_dtype(config))


def _has_steps(theta: Params) -> bool:
    return any(name.startswith(PER_STEP) for name in theta)
