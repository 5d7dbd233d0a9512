"""What does not touch training does not restart it: over every field of a run's set-up, and every setting that the page offers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from dashboard.live.pacing import Pace
from dashboard.live.run import LiveRun
from dashboard.setups.settings import SETTINGS, differences
from maml_core.chunks import run_chunk
from maml_core.config import (
    BESIDE_TRAINING,
    CHANGEABLE,
    ConvConfig,
    GlyphsConfig,
    MLPConfig,
    OmniglotConfig,
    RunConfig,
    replace,
)
from maml_core.runs import replay
from maml_core.state_bytes import state_from_bytes, state_to_bytes
from tests.maml_core.helpers import same

SMALL = {
    "model": MLPConfig(hidden_widths=(6,)),
    "shots": 3,
    "num_query": 4,
    "meta_batch_size": 3,
    "evaluation_tasks": 4,
    "evaluation_steps": 2,
}
CURVES = RunConfig(**SMALL)
IMAGES = RunConfig(**{**SMALL, "tasks": GlyphsConfig(ways=3), "model": ConvConfig(num_layers=1, num_filters=2)})
OMNIGLOT = replace(IMAGES, {"tasks": OmniglotConfig()})
IMAML = replace(CURVES, {"algorithm": "imaml"})
ANNEALED = replace(CURVES, {"anneal_beta": True, "multi_step_loss": True, "anneal_order": True})
NORMED = replace(CURVES, {"model": MLPConfig(hidden_widths=(6,), batch_norm=True), "batch_norm_treatment": "running"})

CHOICES: Mapping[str, tuple[RunConfig, Any]] = {
    "family": (CURVES, "linear"),
    "difficulty": (IMAGES, 0.7),
    "split": (OMNIGLOT, "random"),
    "rotations": (OMNIGLOT, False),
    "ways": (IMAGES, 4),
    "labels": (IMAGES, "fixed"),
    "frequency": (CURVES, "0.8,1.2"),
    "test_amplitude": (CURVES, "5,7.5"),
    "test_phase_rad": (CURVES, "3,6"),
    "test_x": (CURVES, "5,6"),
    "test_difficulty": (IMAGES, "0.9"),
    "noise_std": (CURVES, 0.3),
    "test_alpha": (CURVES, "0.05"),
    "num_training_tasks": (CURVES, "7"),
    "shots": (CURVES, 5),
    "num_query": (CURVES, 6),
    "meta_batch_size": (CURVES, 2),
    "algorithm": (CURVES, "reptile"),
    "proximal": (IMAML, 3.0),
    "num_solver_steps": (IMAML, 2),
    "multi_step_loss": (CURVES, True),
    "per_step_rates": (CURVES, True),
    "anneal_order": (CURVES, True),
    "anneal_beta": (CURVES, True),
    "per_step_norm": (NORMED, True),
    "per_step_statistics": (NORMED, True),
    "multi_step_epochs": (ANNEALED, 3),
    "first_order_epochs": (ANNEALED, 3),
    "num_epochs": (ANNEALED, 3),
    "final_beta": (ANNEALED, 1e-4),
    "epoch_steps": (ANNEALED, 5),
    "order": (CURVES, "first"),
    "outer_optimizer": (CURVES, "sgd"),
    "model": (IMAGES, "mlp"),
    "num_filters": (IMAGES, 3),
    "num_layers": (IMAGES, 2),
    "downsample": (IMAGES, "max_pool"),
    "hidden_widths": (CURVES, "7"),
    "activation": (CURVES, "tanh"),
    "seed": (CURVES, 4),
    "norm": (CURVES, "batch"),
    "head": (IMAGES, "zeroed"),
    "recompute": (CURVES, True),
    "clip_norm": (CURVES, "2"),
    "evaluation_steps": (CURVES, 5),
    "joint_baseline": (CURVES, False),
    "oracle_baseline": (CURVES, True),
}
"""A set-up that has each setting, and another value of it."""


def test_every_setting_of_the_page_is_chosen_here() -> None:
    assert CHOICES.keys() == SETTINGS.keys()


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_says_that_it_restarts_where_it_does(name: str) -> None:
    config, value = CHOICES[name]
    changes = differences(SETTINGS[name].chosen(config, value).config, config)
    assert changes
    assert SETTINGS[name].restarts is not (changes.keys() <= CHANGEABLE)
    if changes.keys() <= BESIDE_TRAINING:
        assert not SETTINGS[name].restarts


def trained(run: LiveRun, steps: int) -> None:
    """Take so many steps."""
    run.play()
    request = run.next_request(0.0, budget_s=1.0, pace=Pace())
    run.finished(run_chunk(dataclasses.replace(request, num_steps=steps, budget_s=None)), 0.0)
    run.pause()


BESIDE = [name for name, (config, value) in CHOICES.items() if name in BESIDE_TRAINING]


@pytest.mark.parametrize("name", BESIDE)
def test_what_stands_beside_training_keeps_theta_0_step_and_curves_and_replays(name: str) -> None:
    config, value = CHOICES[name]
    run, alone = LiveRun(config), LiveRun(config)
    for one in (run, alone):
        trained(one, 6)
    curve = run.history.curves()
    changes = differences(SETTINGS[name].chosen(config, value).config, config)
    run.change(changes, now=0.0)
    assert (run.step, differences(run.config, config)) == (6, changes)
    assert same(run.history.curves().raw, curve.raw)
    for one in (run, alone):
        trained(one, 5)
    assert run.state is not None
    assert alone.state is not None
    assert same(state_from_bytes(run.state).meta, state_from_bytes(alone.state).meta)
    assert state_to_bytes(replay(run.changes.start, run.changes.done, num_steps=11)[1]) == run.state


def test_the_page_offers_what_stands_beside_training() -> None:
    assert set(BESIDE) == {"evaluation_steps", "test_alpha", "joint_baseline", "oracle_baseline"}
