"""What was measured of held-out tasks at the kept states of a run, as one file, and back. Nothing here imports torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from maml_core.headers import facts_of
from maml_core.moments import Moment
from maml_core.records import Curvature, InnerDescent, LearnedRates, Numbers, Snapshot, Summary

MAX_MEASURED_BYTES = 2**20
"""Kept of a run; where it is more, every second outer step is left out."""

LEARNERS = ("maml", "joint", "oracle", "random", "scratch")
"""Whose trajectories there may be, as of `Snapshot`."""

_CURVATURE, _DESCENT, _RATES, _OVERALL = "curvature", "descent", "rates", "overall"
"""What the arrays are called that are none of a learner's."""


def measured_only(found: Snapshot, before: Snapshot | None = None) -> Snapshot:
    """A snapshot without what depends on who looks: its tasks, and the plane of the paths.

    Args:
        found: What was measured.
        before: What was measured earlier at the same outer step: it stays where nothing new is found.
    """
    before = before or found
    return Snapshot(
        step=found.step,
        fits=(),
        paths=None,
        trajectories=found.trajectories or before.trajectories,
        curvature=found.curvature or before.curvature,
        descent=found.descent or before.descent,
        rates=found.rates or before.rates,
    )


def bounded(measured: Mapping[int, Snapshot], moments: Sequence[Moment]) -> Mapping[int, Snapshot]:
    """As much of what was measured as is of kept states and as there is room for.

    Args:
        measured: By outer step.
        moments: The states that are kept.
    """
    steps = [moment.step for moment in moments if moment.step in measured]
    sizes = {step: sum(array.nbytes for array in _arrays(measured[step]).values()) for step in steps}
    while sum(sizes[step] for step in steps) > MAX_MEASURED_BYTES and len(steps) > 1:
        steps = steps[-1::-2][::-1]  # the newest stays
    return {step: measured[step] for step in steps}


def measured_to_bytes(measured: Mapping[int, Snapshot]) -> bytes:
    """What was measured as a file of safetensors: each array under its outer step and name, and in the header the names of learned rates."""
    arrays = {f"{step}/{name}": array for step, found in measured.items() for name, array in _arrays(found).items()}
    names = {str(step): found.rates.names for step, found in measured.items() if found.rates is not None}
    return save(arrays, metadata={"rates": json.dumps(names)})


def measured_from_bytes(data: bytes, moments: Sequence[Moment]) -> Mapping[int, Snapshot]:
    """What `measured_to_bytes` wrote.

    Args:
        data: The file.
        moments: The kept states of the run; what was measured at others is left out.

    Raises:
        ValueError: It is damaged.
    """
    try:
        names, arrays = facts_of(data, "rates"), load(data)
        by_step: dict[int, dict[str, Numbers]] = {}
        for place, array in arrays.items():
            step, _, name = place.partition("/")
            if array.dtype != np.float64:
                raise ValueError(f"{place} holds no numbers in double precision")
            by_step.setdefault(int(step), {})[name] = array
        found = {step: _snapshot(step, parts, names.get(str(step), [])) for step, parts in by_step.items()}
    except (SafetensorError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return bounded(found, moments)


def _arrays(found: Snapshot) -> dict[str, Numbers]:
    arrays = {
        who: np.array([rows for rows in summary if rows is not None], np.float64)
        for who, summary in found.trajectories.items()
    }
    for name, fact in ((_CURVATURE, found.curvature), (_DESCENT, found.descent)):
        arrays |= {name: np.array(fact, np.float64)} if fact is not None else {}
    if (rates := found.rates) is not None:
        arrays |= {
            _RATES: np.array([rates.low, rates.median, rates.high], np.float64),
            _OVERALL: np.array([rates.overall], np.float64),
        }
    return arrays


def _snapshot(step: int, arrays: dict[str, Numbers], names: Sequence[str]) -> Snapshot:
    curvature, descent = arrays.pop(_CURVATURE, None), arrays.pop(_DESCENT, None)
    rates, overall = arrays.pop(_RATES, None), arrays.pop(_OVERALL, None)
    return Snapshot(
        step=step,
        fits=(),
        paths=None,
        trajectories=_trajectories(step, arrays),
        curvature=None if curvature is None else Curvature(*_shaped(step, curvature, 3).tolist()),
        descent=None if descent is None else _descent(*_shaped(step, descent, 6).tolist()),
        rates=None if rates is None or overall is None else _rates(step, rates, overall, names),
    )


def _trajectories(step: int, arrays: Mapping[str, Numbers]) -> Mapping[str, Summary]:
    if arrays and "maml" not in arrays:
        raise ValueError(f"at outer step {step} there is nothing of the run's own")
    for who, rows in arrays.items():
        if who not in LEARNERS or rows.ndim != 2 or len(rows) not in (5, 7) or rows.shape != arrays["maml"].shape:
            raise ValueError(f"{who!r} at outer step {step}, of shape {list(rows.shape)}, is no trajectory")
    return {who: Summary(*arrays[who]) for who in LEARNERS if who in arrays}


def _descent(alpha: float, num_steps: float, num_tasks: float, *shares: float) -> InnerDescent:
    return InnerDescent(alpha, int(num_steps), int(num_tasks), *shares)


def _rates(step: int, quantiles: Numbers, overall: Numbers, names: Sequence[str]) -> LearnedRates:
    if quantiles.ndim != 3 or len(quantiles) != 3 or quantiles.shape[2] != len(names):
        raise ValueError(f"the learned rates at outer step {step} are of shape {list(quantiles.shape)}")
    [of_all] = _shaped(step, overall, 1).tolist()
    low, median, high = quantiles
    return LearnedRates(tuple(map(str, names)), low, median, high, of_all)


def _shaped(step: int, array: Numbers, size: int) -> Numbers:
    if array.shape != (size,):
        raise ValueError(f"at outer step {step} there are {list(array.shape)} numbers where [{size}] are expected")
    return array
