"""Every algorithm that is chosen by hand from a set-up that the page offers learns: three seeds of curves, two of images, as lanes of one batch."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.setups.algorithms import NAMES, Choice, chosen
from dashboard.setups.choices import with_tasks
from maml_core.config import GlyphsConfig, LinearConfig, RunConfig, SinusoidConfig, TaskConfig, replace
from maml_core.presets import DEFAULT_PRESET
from maml_core.sweeps.chunks import LanesRequest, LanesResult, run_lanes

pytestmark = pytest.mark.slow

NUM_SEEDS: dict[type[TaskConfig], int] = {SinusoidConfig: 3, LinearConfig: 3, GlyphsConfig: 2}

NUM_STEPS: dict[type[TaskConfig], int] = {SinusoidConfig: 300, LinearConfig: 100, GlyphsConfig: 60}
"""Outer steps of each family; of images, whose steps are long, as many as a quarter of a minute of a demonstration takes."""


def trained(family: type[TaskConfig], choice: Choice) -> tuple[RunConfig, LanesResult]:
    config = chosen(with_tasks(DEFAULT_PRESET.config, family()).config, choice).config
    config = replace(config, {"joint_baseline": False})
    seeds = tuple(replace(config, {"weights_seed": seed, "tasks_seed": seed}) for seed in range(NUM_SEEDS[family]))
    return config, run_lanes(LanesRequest(configs=seeds, until=NUM_STEPS[family], budget_s=None, evaluate=True))


@pytest.mark.thorough
@pytest.mark.parametrize("choice", NAMES)
@pytest.mark.parametrize("family", NUM_STEPS, ids=lambda family: family.__name__)
def test_no_seed_diverges_and_adapting_helps(family: type[TaskConfig], choice: Choice) -> None:
    config, result = trained(family, choice)
    assert result.stopped == ()
    assert result.summaries is not None
    before, after = (np.array([summary.median[n] for summary in result.summaries]) for n in (0, config.num_inner_steps))
    assert (after < 0.85 * before).all()
    accuracies = [
        summary.accuracy[config.num_inner_steps] for summary in result.summaries if summary.accuracy is not None
    ]
    assert len(accuracies) == (len(result.summaries) if config.classifies else 0)
    assert min(accuracies, default=1.0) > 0.4  # much better than one of five by chance
