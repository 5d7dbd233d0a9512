"""The map of alpha over a frozen theta_0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from maml_core.causes import inner_curvature
from maml_core.config import ConvConfig, GlyphsConfig, MLPConfig, RunConfig, replace
from maml_core.errors import ConfigError, StateError
from maml_core.evaluation import evaluate, summarize
from maml_core.problem import build_problem, held_out_tasks
from maml_core.run_state import RunState, rule
from maml_core.runs import advance, init_run
from maml_core.state_bytes import state_to_bytes
from maml_core.sweeps.frozen import frozen_map
from tests.maml_core.helpers import tiny

ALPHAS = (0.0, 0.003, 0.05, 100.0)

CASES: dict[str, dict[str, Any]] = {
    "maml": {},
    "anil": {"algorithm": "anil"},
    "imaml": {"algorithm": "imaml"},
    "meta_curvature": {"algorithm": "meta_curvature"},
    "running averages": {
        "model": MLPConfig(hidden_widths=(5,), activation="tanh", batch_norm=True),
        "batch_norm_treatment": "running",
    },
    "images": {
        "tasks": GlyphsConfig(ways=3),
        "model": ConvConfig(num_layers=2, num_filters=4),
        "shots": 1,
        "num_query": 2,
    },
}


def prepared(**changes: Any) -> tuple[RunConfig, RunState]:
    config = tiny(joint_baseline=False, num_inner_steps=2, **changes)
    return config, advance(config, init_run(config), num_steps=4)[0]


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES.keys())
def test_a_row_is_what_the_run_would_show_with_that_alpha(changes: dict[str, Any]) -> None:
    config, state = prepared(**changes)
    found, problem = frozen_map(config, state_to_bytes(state), ALPHAS, 4), build_problem(config)
    assert found.alphas.tolist() == list(ALPHAS)
    assert found.curvature == inner_curvature(config, problem, state.meta)
    assert found.seconds > 0.0
    for row, alpha in enumerate(ALPHAS):
        how = rule(config, problem, state.meta)._replace(alpha=alpha)
        tasks = held_out_tasks(config, problem)
        alone = summarize(evaluate(state.meta.theta, tasks, problem=problem, num_steps=4, how=how))
        measured = {name: values for name, values in alone._asdict().items() if values is not None}
        assert ("accuracy" in measured) == config.classifies
        for name, values in measured.items():
            np.testing.assert_allclose(getattr(found, name)[row], values, rtol=1e-9, err_msg=name)


def test_without_alpha_or_steps_nothing_adapts() -> None:
    config, state = prepared()
    found = frozen_map(config, state_to_bytes(state), ALPHAS, 3)
    assert len(set(found.mean[0])) == 1
    np.testing.assert_allclose(found.mean[:, 0], found.mean[0, 0])
    assert len(set(found.mean[:, 3])) == 4
    assert frozen_map(config, state_to_bytes(state), ALPHAS, 0).mean.shape == (4, 1)


@pytest.mark.parametrize(
    ("changes", "alphas", "num_steps", "says"),
    [
        ({"algorithm": "meta_sgd"}, ALPHAS, 2, "no alpha to vary"),
        ({"per_step_rates": True}, ALPHAS, 2, "no alpha to vary"),
        ({}, (), 2, "at least one"),
        ({}, (0.1, -0.1), 2, "-0.1 is not accepted"),
        ({}, (float("nan"),), 2, "nan is not accepted"),
        ({}, ALPHAS, -1, "-1 is not accepted"),
    ],
)
def test_what_cannot_be_mapped_is_refused(
    changes: dict[str, Any], alphas: tuple[float, ...], num_steps: int, says: str
) -> None:
    config, state = prepared(**changes)
    with pytest.raises(ConfigError, match=says):
        frozen_map(config, state_to_bytes(state), alphas, num_steps)


def test_the_state_of_another_run_is_refused() -> None:
    config, state = prepared()
    with pytest.raises(StateError):
        frozen_map(replace(config, {"dtype": "float32"}), state_to_bytes(state), ALPHAS, 1)
