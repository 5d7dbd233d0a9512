"""Every preset: four seeds train to its horizon, and what its sentence claims is seen there. The seeds are lanes of one batch."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from dashboard import address
from maml_core.config import OmniglotConfig, replace
from maml_core.presets import PRESETS, Preset
from maml_core.records import Summary
from maml_core.runs import replay
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.chunks import LanesRequest, LanesResult, run_lanes
from maml_core.sweeps.space import SweepConfig

NUM_SEEDS = 4

BY_NAME = {preset.name: preset for preset in PRESETS}
GENERATED = [preset for preset in PRESETS if not isinstance(preset.config.tasks, OmniglotConfig)]
"""Omniglot's images are not on every machine; its preset is the glyphs' with other tasks, which a test holds."""

each_preset = pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)


@cache
def trained(name: str, num_steps: int, **changes: Any) -> LanesResult:
    """A preset, with some settings changed, after so many outer steps from each of four seeds."""
    config = replace(BY_NAME[name].config, {"joint_baseline": False, **changes})
    seeds = tuple(replace(config, {"weights_seed": seed, "tasks_seed": seed}) for seed in range(NUM_SEEDS))
    return run_lanes(LanesRequest(configs=seeds, until=num_steps, budget_s=None, evaluate=True))


def at_horizon(name: str, **changes: Any) -> tuple[Summary, ...]:
    """What held-out tasks say of the four seeds at a preset's horizon."""
    result = trained(name, BY_NAME[name].horizon, **changes)
    assert result.stopped == ()
    assert result.summaries is not None
    return result.summaries


def losses(name: str, inner_steps: int, **changes: Any) -> np.ndarray:
    """Median held-out loss of each seed after so many inner steps: no handful of tasks carries it away."""
    return np.array([summary.median[inner_steps] for summary in at_horizon(name, **changes)])


def accuracies(name: str, inner_steps: int, **changes: Any) -> np.ndarray:
    return np.array([summary.accuracy[inner_steps] for summary in at_horizon(name, **changes)])  # type: ignore[index]


@pytest.mark.parametrize("preset", GENERATED, ids=lambda preset: preset.name)
def test_four_seeds_reach_the_horizon(preset: Preset) -> None:
    stopped = trained(preset.name, preset.horizon).stopped
    assert len(stopped) == (NUM_SEEDS if preset.diverges else 0)
    assert all(stop.status.kind == "diverged" for stop in stopped)


@pytest.mark.parametrize(
    "preset",
    [p for p in GENERATED if not p.diverges and p.name != "Too many inner steps"],
    ids=lambda preset: preset.name,
)
def test_adapting_helps_every_seed_at_the_horizon(preset: Preset) -> None:
    after, before = losses(preset.name, preset.config.num_inner_steps), losses(preset.name, 0)
    assert (after < (0.9 if preset.config.classifies else 0.8) * before).all()


@each_preset
def test_it_has_an_address(preset: Preset) -> None:
    query = dict(part.split("=") for part in address.write(preset.config).split("&"))
    opened = address.read(query)
    assert (opened.config, opened.notes) == (preset.config, ())


@each_preset
def test_it_can_be_swept_over_alpha(preset: Preset) -> None:
    base = replace(preset.config, {"joint_baseline": False})
    sweep = SweepConfig(base=base, axes=(Axis(name="alpha", values=(0.01, 0.1), log=True),), num_steps=10)
    assert sweep.size == 2


def test_omniglots_is_the_glyphs_with_other_tasks() -> None:
    real, glyphs = BY_NAME["Omniglot, fast demo"].config, BY_NAME["Glyphs, fast demo"].config
    assert replace(real, {"tasks": glyphs.tasks}) == glyphs


class TestClaims:
    def test_the_papers_setting_is_slower_than_the_fast_demo(self) -> None:
        num_steps = BY_NAME["Fast demo"].horizon
        slow = trained("The paper's setting", num_steps).summaries
        assert slow is not None
        assert np.mean([s.median[1] for s in slow]) > 1.2 * losses("Fast demo", 3).mean()

    def test_alpha_too_large_lies_beyond_the_limit(self) -> None:
        config = BY_NAME["Alpha too large"].config
        curvatures = trained("Alpha too large", 1).curvatures
        assert curvatures is not None
        assert (config.alpha > 2.0 / curvatures).all()

    def test_twenty_steps_leave_the_loss_where_it_began_and_one_step_trains_well(self) -> None:
        name = "Too many inner steps"
        assert BY_NAME[name].config.evaluation_steps >= BY_NAME[name].config.num_inner_steps  # or nobody sees it
        left = losses(name, 20) / losses(name, 0)
        assert left.mean() > 0.9
        assert left.min() > 0.75
        one = {"num_inner_steps": 1, "evaluation_steps": 1}
        assert (losses(name, 1, **one) < 0.8 * losses(name, 0, **one)).all()

    def test_anil_is_nearly_as_good_as_adapting_everything(self) -> None:
        assert losses("ANIL", 5).mean() < 1.5 * losses("Fast demo", 3).mean()

    def test_meta_sgds_rates_spread_from_where_they_started(self) -> None:
        config = replace(BY_NAME["Meta-SGD"].config, {"joint_baseline": False})
        _, state, _ = replay(config, (), num_steps=300)
        rates = np.concatenate([np.asarray(rate).ravel() for step in state.meta.rates for rate in step.values()])
        assert rates.std() > 0.2 * config.alpha

    def test_meta_curvature_adapts_further_in_one_step_than_maml_in_three(self) -> None:
        assert (losses("Meta-Curvature", 1) < losses("Fast demo", 3)).all()

    def test_reptile_needs_its_ten_steps(self) -> None:
        assert (losses("Reptile", 10) < 0.3 * losses("Reptile", 1, num_inner_steps=1)).all()

    @pytest.mark.parametrize(("proximal", "solved"), [(None, True), (0.5, False)])
    def test_imamls_residual_says_whether_it_is_solved(self, proximal: float | None, solved: bool) -> None:
        config = replace(BY_NAME["iMAML"].config, {"joint_baseline": False})
        config = config if proximal is None else replace(config, {"proximal": proximal})
        _, _, records = replay(config, (), num_steps=40)
        assert (np.median(records.residual) < 0.05) == solved

    @pytest.mark.parametrize("name", ["Glyphs, fast demo", "Glyphs, 20 ways"])
    def test_before_adaptation_it_guesses(self, name: str) -> None:
        assert accuracies(name, 0).mean() == pytest.approx(1.0 / BY_NAME[name].config.num_outputs, abs=0.05)

    def test_most_new_drawings_are_named_right(self) -> None:
        assert (accuracies("Glyphs, fast demo", 1) > 0.5).all()

    def test_twenty_ways_are_named_far_better_than_by_guessing(self) -> None:
        assert (accuracies("Glyphs, 20 ways", 1) > 3.0 / 20.0).all()

    def test_inductive_is_harder_than_transductive(self) -> None:
        assert accuracies("Glyphs, inductive", 1).mean() < accuracies("Glyphs, fast demo", 1).mean()

    def test_the_body_serves_all_characters_as_it_is(self) -> None:
        assert (accuracies("Glyphs, ANIL", 1) > 0.5).all()
