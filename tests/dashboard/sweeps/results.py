"""Sweeps and results that tests make up."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from maml_core.config import MLPConfig, RunConfig
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.results import LaneResult, SettingResult
from maml_core.sweeps.sampling import settings_of

TINY = RunConfig(
    model=MLPConfig(hidden_widths=(4,)),
    shots=2,
    num_query=2,
    meta_batch_size=2,
    evaluation_tasks=3,
    evaluation_steps=1,
    joint_baseline=False,
)

ALPHA = Axis(name="alpha", values=(0.01, 0.1), log=True)
BETA = Axis(name="beta", values=(0.001, 0.01, 0.1), log=True)
STEPS = Axis(name="num_inner_steps", values=(1, 5))


def sweep(*axes: Axis, **fields: Any) -> SweepConfig:
    """A small one of alpha and beta, if nothing else is said."""
    return SweepConfig(**{"base": TINY, "num_steps": 8, "num_rungs": 2, **fields}, axes=axes or (ALPHA, BETA))


def result(number: int, values: dict[str, Any], status: str = "ok", loss: float = 1.0, **fields: Any) -> SettingResult:
    """A setting of one seed; `limit` is its 2 / lambda_max."""
    limit = fields.pop("limit", math.nan)
    lane = LaneResult(
        seed=0,
        status="ok" if status in ("ok", "running") else status,  # type: ignore[arg-type]
        step=8,
        loss=loss,
        ci95=0.1,
        before=4.0,
        accuracy=math.nan,
        accuracy_ci95=math.nan,
        diverged_share=0.05,
        worse_share=0.08,
        lambda_max=2.0 / limit,
    )
    has_lane = status in ("ok", "diverged", "pruned")
    defaults: dict[str, Any] = {"ci95": 0.1, "lanes": (lane,) if has_lane else ()}
    if has_lane:
        defaults |= {"steps": np.array([4.0, 8.0]), "curve": np.array([2.0 * loss, loss])}
    value = loss if has_lane else math.nan
    return SettingResult(number=number, values=values, status=status, value=value, **{**defaults, **fields})  # type: ignore[arg-type]


def grid(of: SweepConfig, **at: dict[str, Any]) -> tuple[SettingResult, ...]:
    """A result for each setting of a grid, with losses 1, 2, 3, ...; `at` changes those of a number: ``s3={"status": "diverged"}``."""
    return tuple(
        result(one.number, dict(one.values), **{"loss": float(one.number + 1), **at.get(f"s{one.number}", {})})
        for one in settings_of(of)
    )
