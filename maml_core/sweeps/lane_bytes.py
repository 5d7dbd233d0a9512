"""A batch's lanes as bytes, and back: safetensors for the numbers, JSON for the rest. Nothing here can execute what it reads."""

from __future__ import annotations

import json
import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load, save

from maml_core.errors import StateError
from maml_core.headers import facts_of, whole
from maml_core.optim import OptimizerState
from maml_core.state_bytes import Arrays, Recent
from maml_core.sweeps.lanes import ROW, Batch, Lanes
from maml_core.types import Params

FORMAT = 1
"""Version of the layout of the bytes."""


def lanes_to_bytes(lanes: Lanes) -> bytes:
    """Everything that `lanes_from_bytes` needs to give back equal lanes, bit for bit."""
    tensors = {
        "meta": lanes.meta,
        **{f"first/{name}": value for name, value in lanes.optimizer.first.items()},
        **{f"second/{name}": value for name, value in lanes.optimizer.second.items()},
        **{f"statistics/{name}": value for name, value in lanes.statistics.items()},
    }
    arrays: Arrays = {name: np.ascontiguousarray(value.detach().cpu().numpy()) for name, value in tensors.items()}
    facts = {
        "format": FORMAT,
        "step": lanes.step,
        "optimizer_step": lanes.optimizer.step,
        "places": lanes.places,
        "loss_scale": lanes.loss_scale,
        "high_loss_steps": lanes.high_loss_steps,
    }
    return save(arrays, metadata={"lanes": json.dumps(facts)})


def lanes_from_bytes(data: bytes, device: str = "cpu") -> Lanes:
    """The lanes that `lanes_to_bytes` wrote, in the memory of a device.

    Raises:
        StateError: The bytes are damaged, of another format, or no lanes at all.
    """
    try:
        facts = facts_of(data, "lanes")
        if facts.get("format") != FORMAT:
            raise StateError(f"the lanes have format {facts.get('format')!r}, this version reads {FORMAT}")
        # Copied into torch's own memory: sums must not depend on how a buffer happens to be aligned.
        tensors = {name: torch.tensor(value, device=device) for name, value in load(data).items()}

        def params(part: str) -> Params:
            start = f"{part}/"
            return {name.removeprefix(start): tensors[name] for name in sorted(tensors) if name.startswith(start)}

        lanes = Lanes(
            step=whole(facts["step"], "step"),
            places=tuple(whole(place, "places") for place in facts["places"]),
            meta=tensors["meta"],
            optimizer=OptimizerState(
                whole(facts["optimizer_step"], "optimizer_step"), params("first"), params("second")
            ),
            statistics=params("statistics"),
            loss_scale=tuple(_positive(scale) for scale in facts["loss_scale"]),
            high_loss_steps=tuple(whole(steps, "high_loss_steps") for steps in facts["high_loss_steps"]),
        )
        count = len(lanes.places)
        rows = {len(values) for values in (lanes.loss_scale, lanes.high_loss_steps, *tensors.values())}
        if rows != {count}:
            raise ValueError(f"{count} lanes, but rows of {sorted(rows)}")
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise StateError(f"these bytes are not the lanes of a sweep, or damaged ({error})") from error
    return lanes


def check_lanes(lanes: Lanes, batch: Batch) -> None:
    """See that lanes belong to a batch.

    Raises:
        StateError: They are of other configs: more of them, another model, outer optimiser, algorithm or treatment of batch norm.
    """
    size = sum(math.prod(shape) for shape in batch.shapes.values())
    moments = {ROW} if batch.first.outer_optimizer == "adam" else set()
    fits = (
        max(lanes.places, default=-1) < len(batch.configs)
        and lanes.meta.shape[1:] == (size,)
        and lanes.meta.dtype == batch.dtype
        and set(lanes.optimizer.first) == set(lanes.optimizer.second) == moments
        and bool(lanes.statistics) == (batch.first.batch_norm_treatment == "running")
    )
    if not fits:
        raise StateError("the lanes are of other configs than those that they are to go on with")


class RecentLanes(Recent[Lanes]):
    """Lanes by their bytes, as `state_bytes.Recent` keeps them: a few batches at most."""

    MAX_STATES, MAX_BYTES = 4, 2**25

    def __init__(self) -> None:
        super().__init__(lanes_to_bytes, lanes_from_bytes, lambda lanes: lanes.meta)

    @staticmethod
    @lru_cache(maxsize=1)
    def shared() -> RecentLanes:
        """The ones of this process."""
        return RecentLanes()


def _positive(value: Any) -> float:
    if not isinstance(value, float) or not value > 0.0:
        raise ValueError(f"a loss scale is {value!r}")
    return value
