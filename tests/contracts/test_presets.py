"""Every preset: three seeds of curves, two of images, train to its horizon, and what its sentence claims is seen there. The seeds are lanes of one batch.

Where lanes share what a step costs beside its arithmetic, three seeds cost little more than one. Steps of images are arithmetic: each seed costs
as much as the first, and beyond the horizon goes one only.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.charts.results import Metric
from dashboard.charts.sweep_curves import lanes_info
from dashboard.charts.sweep_places import map_info
from dashboard.charts.sweep_settings import View, setting_info
from dashboard.setups import address
from dashboard.setups.sweep_draft import Draft, Range, sweep_of
from maml_core.config import OmniglotConfig, RunConfig, replace
from maml_core.presets import PRESETS, Preset
from maml_core.records import Summary
from maml_core.runs import replay
from maml_core.sweeps.chunks import LanesRequest, LanesResult, run_lanes
from maml_core.sweeps.driver import run_sweep
from maml_core.sweeps.study import open_study
from maml_core.sweeps.tables import map_of
from tests.contracts.test_choices import Here
from tests.maml_core.members import images_there
from tests.maml_core.sweeps.helpers import single_run

pytestmark = pytest.mark.slow

LONG = 200
"""Outer steps to which one seed of images goes on, where the horizon lies before."""

BY_NAME = {preset.name: preset for preset in PRESETS}
GENERATED = [preset for preset in PRESETS if not isinstance(preset.config.tasks, OmniglotConfig)]
"""Omniglot's images are not on every machine; its preset is the glyphs' with other tasks, which a test holds."""

each_preset = pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)


def num_seeds(preset: Preset) -> int:
    """With how many seeds a preset is trained."""
    return 2 if preset.config.classifies else 3


def seeds_of(name: str, **changes: Any) -> tuple[RunConfig, ...]:
    """A preset, with some settings changed, with each of its seeds."""
    config = replace(BY_NAME[name].config, {"joint_baseline": False, **changes})
    return tuple(
        replace(config, {"weights_seed": seed, "tasks_seed": seed}) for seed in range(num_seeds(BY_NAME[name]))
    )


@cache
def trained(name: str, num_steps: int, **changes: Any) -> LanesResult:
    """A preset, with some settings changed, after so many outer steps from each of the seeds."""
    return run_lanes(LanesRequest(configs=seeds_of(name, **changes), until=num_steps, budget_s=None, evaluate=True))


def at_horizon(name: str, **changes: Any) -> tuple[Summary, ...]:
    """What held-out tasks say of the seeds at a preset's horizon."""
    result = trained(name, BY_NAME[name].horizon, **changes)
    assert result.stopped == ()
    assert result.summaries is not None
    return result.summaries


def losses(name: str, inner_steps: int, **changes: Any) -> np.ndarray:
    """Median held-out loss of each seed after so many inner steps: no handful of tasks carries it away."""
    return np.array([summary.median[inner_steps] for summary in at_horizon(name, **changes)])


def accuracies(name: str, inner_steps: int, **changes: Any) -> np.ndarray:
    return np.array([summary.accuracy[inner_steps] for summary in at_horizon(name, **changes)])  # type: ignore[index]


@pytest.mark.thorough
@pytest.mark.parametrize("preset", GENERATED, ids=lambda preset: preset.name)
def test_its_seeds_reach_the_horizon(preset: Preset) -> None:
    stopped = trained(preset.name, preset.horizon).stopped
    assert len(stopped) == (num_seeds(preset) if preset.diverges else 0)
    assert all(stop.status.kind == "diverged" for stop in stopped)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "preset",
    [p for p in GENERATED if not p.diverges and p.name != "Too many inner steps"],
    ids=lambda preset: preset.name,
)
def test_adapting_helps_every_seed_at_the_horizon(preset: Preset) -> None:
    after, before = losses(preset.name, preset.config.num_inner_steps), losses(preset.name, 0)
    assert (after < (0.9 if preset.config.classifies else 0.8) * before).all()


@pytest.mark.thorough
@pytest.mark.parametrize(
    "preset", [p for p in GENERATED if p.config.classifies and p.horizon < LONG], ids=lambda preset: preset.name
)
def test_of_images_a_seed_goes_on_beyond_the_horizon(preset: Preset) -> None:
    result = run_lanes(
        LanesRequest(
            configs=seeds_of(preset.name),
            state=trained(preset.name, preset.horizon).state,
            drop=tuple(range(1, num_seeds(preset))),
            until=LONG,
        )
    )
    assert (result.step, result.lanes, result.stopped) == (LONG, (0,), ())
    assert result.summaries is not None
    (summary,) = result.summaries
    assert summary.median[preset.config.num_inner_steps] < 0.9 * summary.median[0]


@each_preset
def test_it_has_an_address(preset: Preset) -> None:
    query = dict(part.split("=") for part in address.write(preset.config).split("&"))
    opened = address.read(query)
    assert (opened.config, opened.notes) == (preset.config, ())


@each_preset
def test_it_is_swept_over_alpha(preset: Preset, tmp_path: Path) -> None:
    """As the page's form makes the sweep, but for fewer held-out tasks of images. Each alpha has a cell of its own, the first with what a run with this
    alpha gives; the alpha that teaches what a divergence looks like is the one that diverges.
    """
    fewer = {"evaluation_tasks": 4} if preset.config.classifies else {}
    alpha = preset.config.alpha
    draft = Draft(base=preset.name, axes=("alpha",), ranges={"alpha": Range(alpha / 4, alpha, 3)}, num_steps=2)
    with images_there(tmp_path):
        sweep = sweep_of(draft, RunConfig())
        sweep = dataclasses.replace(sweep, base=replace(sweep.base, fewer))
        with open_study(sweep, "it", storage=str(tmp_path)) as study:
            results = run_sweep(sweep, study, Here(), at_once=1)
        alone = trained_alone(replace(preset.config, {"alpha": alpha / 4, "joint_baseline": False, **fewer}), 2)
    assert [one.status for one in results] == ["ok", "ok", "diverged" if preset.diverges else "ok"]
    seen = map_of(sweep, results, "alpha")
    assert seen.x_values == pytest.approx((alpha / 4, alpha / 2, alpha))
    finite = slice(0, 2 if preset.diverges else 3)
    assert np.isfinite([seen.value[0, finite], seen.ci95[0, finite], seen.limit[0, finite]]).all()
    assert seen.value[0, 0] == pytest.approx(alone, rel=1e-4)
    assert len({one.lanes[0].loss for one in results}) == 3
    for one in results[finite]:
        assert one.steps is not None
        assert one.curve is not None
        assert one.steps.tolist() == [1.0, 2.0]
        assert np.isfinite(one.curve).all()
    metric: Metric = "accuracy" if sweep.maximises else "loss"
    view = View(x="alpha", y=None, metric=metric)
    drawn = map_info([setting_info(one, sweep, metric) for one in results], sweep, view, results)
    assert [one.value for one in drawn.shown[finite]] == seen.value[0, finite].tolist()
    curves = lanes_info(results, sweep, view).curves
    for line, one in zip(curves.values[finite], results[finite], strict=True):
        np.testing.assert_array_equal(line[:2], one.curve)


def trained_alone(config: RunConfig, num_steps: int) -> float:
    """What a sweep judges, of a run by itself."""
    summary = single_run(config, num_steps).summary
    values = summary.accuracy if config.classifies else summary.mean
    return float(values[config.num_inner_steps])  # type: ignore[index]  # classes have an accuracy


def test_omniglots_is_the_glyphs_with_other_tasks() -> None:
    real, glyphs = BY_NAME["Omniglot, fast demo"].config, BY_NAME["Glyphs, fast demo"].config
    assert replace(real, {"tasks": glyphs.tasks}) == glyphs


@pytest.mark.thorough
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
        assert left.min() > 0.9
        with_one = trained(name, 400, num_inner_steps=1, evaluation_steps=1).summaries
        assert with_one is not None
        assert all(summary.median[1] < 0.8 * summary.median[0] for summary in with_one)

    @pytest.mark.thorough
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
