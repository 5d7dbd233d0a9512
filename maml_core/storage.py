"""A run state as bytes, and back: safetensors for the numbers, JSON for the rest. Nothing here can execute what it reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.numpy import load, save

from maml_core.errors import StateError
from maml_core.optim import OptimizerState
from maml_core.records import Status
from maml_core.runs import Checkpoint, Learner, RunState
from maml_core.types import Params

FORMAT = 1
"""Version of the layout of the bytes."""

Arrays = dict[str, npt.NDArray[Any]]


def state_to_bytes(state: RunState) -> bytes:
    """Everything that `state_from_bytes` needs to give back an equal state, bit for bit."""
    arrays: Arrays = {}
    steps: dict[str, int] = {}

    def put(prefix: str, learner: Learner | None) -> None:
        if learner is None:
            return
        steps[prefix] = learner.optimizer.step
        parts = {"theta": learner.theta, "first": learner.optimizer.first, "second": learner.optimizer.second}
        for part, params in parts.items():
            for name, value in params.items():
                arrays[f"{prefix}/{part}/{name}"] = np.ascontiguousarray(value.detach().numpy())

    put("meta", state.meta)
    put("joint", state.joint)
    for place, point in (("good", state.good), ("candidate", state.candidate)):
        put(f"{place}/meta", point.meta)
        put(f"{place}/joint", point.joint)
    facts = {
        "format": FORMAT,
        "step": state.step,
        "order": list(state.meta.theta),
        "optimizer_steps": steps,
        "good_step": state.good.step,
        "candidate_step": state.candidate.step,
        "loss_scale": state.loss_scale,
        "high_loss_steps": state.high_loss_steps,
        "status": list(state.status),
    }
    return save(arrays, metadata={"run_state": json.dumps(facts)})


def state_from_bytes(data: bytes) -> RunState:
    """The state that `state_to_bytes` wrote.

    Raises:
        StateError: The bytes are damaged, of another format, or no run state at all.
    """
    try:
        facts = _facts(data)
        arrays = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise StateError(f"these bytes are not a saved run state ({error})") from error
    if facts.get("format") != FORMAT:
        raise StateError(f"the run state has format {facts.get('format')!r}, this version reads {FORMAT}")

    def params(prefix: str) -> Params:
        # Copied into torch's own memory: sums must not depend on how a buffer happens to be aligned.
        return {
            name: torch.tensor(arrays[f"{prefix}/{name}"]) for name in facts["order"] if f"{prefix}/{name}" in arrays
        }

    def learner(prefix: str) -> Learner | None:
        if prefix not in facts["optimizer_steps"]:
            return None
        moments = OptimizerState(
            facts["optimizer_steps"][prefix], params(f"{prefix}/first"), params(f"{prefix}/second")
        )
        return Learner(params(f"{prefix}/theta"), moments)

    def present(prefix: str) -> Learner:
        found = learner(prefix)
        if found is None or not found.theta:
            raise StateError(f"the run state has no {prefix}")
        return found

    def checkpoint(place: str) -> Checkpoint:
        return Checkpoint(facts[f"{place}_step"], present(f"{place}/meta"), learner(f"{place}/joint"))

    try:
        return RunState(
            step=facts["step"],
            meta=present("meta"),
            joint=learner("joint"),
            good=checkpoint("good"),
            candidate=checkpoint("candidate"),
            loss_scale=facts["loss_scale"],
            high_loss_steps=facts["high_loss_steps"],
            status=Status(*facts["status"]),
        )
    except (KeyError, TypeError) as error:
        raise StateError(f"the run state is incomplete ({error})") from error


def _facts(data: bytes) -> Mapping[str, Any]:
    """The JSON in the safetensors header: 8 bytes of length, then the header."""
    length = int.from_bytes(data[:8], "little")
    if length > len(data):
        raise ValueError("the header is longer than the file")
    facts = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["run_state"])
    if not isinstance(facts, dict):
        raise TypeError("the run state's facts are not a table")
    return facts
