"""Lanes against the single runs of their configs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from maml_core.config import ConvConfig, GlyphsConfig, MLPConfig
from tests.maml_core.sweeps.helpers import lane_runs, single_run, trained

STEPS = 62
"""Beyond a checkpoint, and beyond an epoch of the schedules below."""

DIFFERENT: tuple[dict[str, Any], ...] = (
    {},
    {"alpha": 0.05, "beta": 3e-3, "weights_seed": 1},
    {"alpha": 0.002, "clip_norm": 0.5, "tasks_seed": 7},
    {"alpha": 0.08, "beta": 1e-2, "weights_seed": 3, "tasks_seed": 7, "clip_norm": 2.0, "adam_eps": 1e-3},
)

NORMED = {"model": MLPConfig(hidden_widths=(6, 5), activation="tanh", batch_norm=True)}
SCHEDULED = {"epoch_steps": 20, "num_epochs": 4, "multi_step_epochs": 2, "first_order_epochs": 1, "final_beta": 1e-4}
IMAGES = {
    "tasks": GlyphsConfig(ways=3),
    "model": ConvConfig(num_layers=2, num_filters=4),
    "shots": 1,
    "num_query": 2,
    "meta_batch_size": 2,
    "alpha": 0.4,
}

CASES: dict[str, dict[str, Any]] = {
    "MAML, N = 1": {},
    "MAML, N = 3": {"num_inner_steps": 3},
    "joint pretraining": {"num_inner_steps": 0},
    "ReLU": {"model": MLPConfig(hidden_widths=(20, 20))},
    "sgd": {"outer_optimizer": "sgd", "num_inner_steps": 2},
    "FOMAML": {"num_inner_steps": 3, "order": "first"},
    "recomputed": {"num_inner_steps": 3, "recompute": True},
    "ANIL": {"algorithm": "anil", "num_inner_steps": 3},
    "Meta-SGD": {"algorithm": "meta_sgd", "num_inner_steps": 2},
    "Meta-Curvature": {"algorithm": "meta_curvature", "num_inner_steps": 2},
    "Reptile": {"algorithm": "reptile", "num_inner_steps": 3},
    "iMAML": {"algorithm": "imaml", "num_inner_steps": 3},
    "MAML++": {
        "num_inner_steps": 3,
        "multi_step_loss": True,
        "per_step_rates": True,
        "anneal_order": True,
        "anneal_beta": True,
        **SCHEDULED,
    },
    "multi step loss, recomputed": {"num_inner_steps": 3, "multi_step_loss": True, "recompute": True, **SCHEDULED},
    "batch norm by batch": {**NORMED, "num_inner_steps": 2},
    "batch norm by support": {**NORMED, "num_inner_steps": 2, "batch_norm_treatment": "support"},
    "running averages": {**NORMED, "num_inner_steps": 2, "batch_norm_treatment": "running"},
    "running averages of iMAML": {**NORMED, "algorithm": "imaml", "batch_norm_treatment": "running"},
    "batch norm of single steps": {
        **NORMED,
        "num_inner_steps": 2,
        "batch_norm_treatment": "running",
        "per_step_norm": True,
        "per_step_statistics": True,
    },
    "images": IMAGES,
    "images, running averages": {**IMAGES, "batch_norm_treatment": "running", "num_inner_steps": 2},
}


@pytest.mark.parametrize("common", CASES.values(), ids=CASES.keys())
def test_lanes_equal_the_single_runs_of_their_configs(common: dict[str, Any]) -> None:
    configs = lane_runs(*DIFFERENT, **common)
    found = trained(configs, STEPS)
    assert found.lanes == found.query_lanes == (0, 1, 2, 3)
    assert found.summaries is not None
    assert found.curvatures is not None
    for lane, config in enumerate(configs):
        alone = single_run(config, STEPS)
        assert alone.status.kind == "ok"
        np.testing.assert_allclose(found.query_loss[:, lane], alone.query_loss, rtol=1e-9)
        if found.accuracy is not None:
            np.testing.assert_allclose(found.accuracy[:, lane], alone.accuracy)
        measured = {name: values for name, values in alone.summary._asdict().items() if values is not None}
        assert ("accuracy" in measured) == config.classifies
        for name, values in measured.items():
            np.testing.assert_allclose(getattr(found.summaries[lane], name), values, rtol=1e-9, err_msg=name)
        np.testing.assert_allclose(found.curvatures[lane], alone.lambda_max, rtol=1e-6)
