"""How many lanes make a batch: estimates against torch's own account of memory."""

from __future__ import annotations

from typing import Any

import pytest

from maml_core.config import ConvConfig, GlyphsConfig, MLPConfig, RunConfig, replace
from maml_core.sweeps.footprint import BATCH_NUMBERS, MOST_LANES, lane_numbers, max_lanes
from maml_core.sweeps.lanes import Batch, init_lanes, outer_step
from tests.benchmarks.memory import peak_bytes

IMAGES = {
    "tasks": GlyphsConfig(),
    "model": ConvConfig(num_filters=16),
    "shots": 1,
    "num_query": 3,
    "meta_batch_size": 4,
    "evaluation_tasks": 2,
}

CASES: dict[str, dict[str, Any]] = {
    "sinusoid": {},
    "sinusoid, N = 5": {"num_inner_steps": 5},
    "sinusoid, first order": {"num_inner_steps": 5, "order": "first"},
    "batch norm": {"model": MLPConfig(batch_norm=True)},
    "many points": {"shots": 100, "num_query": 100},
    "Meta-Curvature": {"algorithm": "meta_curvature", "meta_batch_size": 10},
    "iMAML": {"algorithm": "imaml", "num_inner_steps": 5},
    "iMAML, many points": {"algorithm": "imaml", "shots": 100, "num_query": 100},
    "iMAML, images": {"algorithm": "imaml", **IMAGES},
    "Reptile": {"algorithm": "reptile", "num_inner_steps": 5},
    "images": IMAGES,
    "images, first order": {**IMAGES, "order": "first"},
    "images, many support points": {**IMAGES, "shots": 5, "num_query": 1},
    "images, max-pool": {**IMAGES, "model": ConvConfig(num_filters=16, downsample="max_pool")},
}


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES.keys())
def test_a_step_holds_about_as_many_numbers_as_estimated(changes: dict[str, Any]) -> None:
    config = RunConfig(joint_baseline=False, alpha=1e-3, **changes)
    peaks = []
    for count in (1, 3):
        batch = Batch.from_configs(tuple(replace(config, {"alpha": 1e-3 + 1e-4 * lane}) for lane in range(count)))
        lanes, _ = init_lanes(batch)
        lanes = outer_step(batch, lanes).lanes
        peaks.append(peak_bytes(lambda batch=batch, lanes=lanes: outer_step(batch, lanes)))
    measured = (peaks[1] - peaks[0]) / 2 / 4  # a further lane's, float32
    assert 0.7 < lane_numbers(config) / measured < 1.4


def test_a_batch_stays_within_its_numbers_and_has_a_lane_at_least() -> None:
    for changes in CASES.values():
        config = RunConfig(joint_baseline=False, **changes)
        assert 1 <= max_lanes(config) <= MOST_LANES
        assert max_lanes(config) * lane_numbers(config) <= BATCH_NUMBERS
    huge = RunConfig(tasks=GlyphsConfig(ways=20), model=ConvConfig(num_filters=128), shots=20, num_query=20)
    assert lane_numbers(huge) > BATCH_NUMBERS
    assert max_lanes(huge) == 1
