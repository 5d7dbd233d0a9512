"""What a form of a sweep means, and what it is refused for."""

from __future__ import annotations

import dataclasses

import pytest

from dashboard.setups.sweep_costs import budget_words
from dashboard.setups.sweep_draft import LIVE, Draft, Range, base_of, offered, other_axes, suggested_name, sweep_of
from maml_core.config import RunConfig
from maml_core.errors import ConfigError
from maml_core.presets import PRESETS
from maml_core.sweeps.axes import Axis, with_values
from maml_core.sweeps.budget import REFUSED, Cost, groups, reckoned
from maml_core.sweeps.comparing import has_common_tasks
from maml_core.sweeps.sampling import cost, settings_of
from tests.dashboard.sweeps.results import ALPHA, STEPS, sweep

BASE = RunConfig()


def draft(**fields: object) -> Draft:
    return dataclasses.replace(Draft(), **fields)  # type: ignore[arg-type]


class TestSweepOf:
    def test_the_first_form_is_64_settings_of_alpha_and_beta(self):
        found = sweep_of(Draft(), BASE)
        assert [axis.name for axis in found.axes] == ["alpha", "beta"]
        assert (found.size, found.sampler, found.num_steps) == (64, "grid", 300)
        assert all(axis.log for axis in found.axes)
        assert (found.axes[0].values[0], found.axes[0].values[-1]) == (0.003, 0.3)

    def test_a_range_has_the_value_of_its_base_in_it(self):
        """The first sweep of images, which learn with alpha 0.8, had only alphas with which they do not."""
        for preset in PRESETS:
            for axis in sweep_of(draft(base=preset.name), BASE).axes:
                assert axis.values[0] <= getattr(preset.config, axis.name) <= axis.values[-1]
        glyphs = sweep_of(draft(base="Glyphs, fast demo"), BASE).axes[0]
        assert (glyphs.values[0], glyphs.values[-1]) == (0.003, 8.0)

    def test_every_offered_axis_makes_a_sweep_as_its_form_begins(self):
        for preset in (PRESETS[0], PRESETS[10]):
            for name in offered(preset.config):
                found = sweep_of(draft(base=preset.name, axes=(name,)), BASE)
                assert found.axes[0].name == name
                assert found.size >= 2

    def test_a_sampler_draws_from_the_range(self):
        found = sweep_of(draft(sampler="sobol", num_settings=16), BASE)
        assert found.axes[0] == Axis(name="alpha", low=0.003, high=0.3, log=True)
        assert found.size == 16

    def test_there_are_no_more_rungs_than_outer_steps(self):
        found = [sweep_of(draft(num_steps=steps, num_rungs=6), BASE).num_rungs for steps in (3, 6, 7)]
        assert found == [3, 6, 6]

    def test_the_base_is_a_preset_or_the_live_run(self):
        live = RunConfig(shots=3)
        assert base_of(draft(base=LIVE), live) == live
        assert base_of(draft(base="ANIL"), live).algorithm == "anil"

    @pytest.mark.parametrize(
        ("fields", "refusal"),
        [
            ({"axes": ()}, "at least one axis"),
            ({"axes": ("shots",), "lists": {"shots": ""}}, "at least one value"),
            ({"axes": ("shots",), "lists": {"shots": "5, 10, 5"}}, "it is there twice"),
            ({"ranges": {"alpha": Range(0.0, 0.3, 8)}}, "above 0"),
            ({"ranges": {"alpha": Range(0.3, 0.1, 8)}}, "low below high"),
            ({"ranges": {"alpha": Range(0.001, 0.3, 200), "beta": Range(0.001, 0.3, 200)}}, "at most 4,096"),
            ({"axes": ("algorithm",), "lists": {"algorithm": "maml, mamba"}}, "mamba"),
            ({"num_seeds": 100}, "at most 4,096"),
        ],
    )
    def test_what_cannot_be_swept_is_refused_with_a_sentence(self, fields: dict[str, object], refusal: str):
        with pytest.raises(ConfigError, match=refusal):
            sweep_of(draft(**fields), BASE)


def test_a_suggested_name_is_free() -> None:
    assert suggested_name(draft(axes=("num_inner_steps",)), ()) == "num-inner-steps-1"
    assert suggested_name(Draft(), {"alpha-beta-1", "alpha-beta-2"}) == "alpha-beta-3"


class TestBudget:
    def test_groups_share_a_graph(self):
        found = groups(sweep(ALPHA, STEPS))
        assert [(key.num_inner_steps, group.num_settings) for key, group in found.items()] == [(5, 2), (1, 2)]

    def test_it_is_what_the_groups_cost(self):
        of = sweep(ALPHA, STEPS, num_seeds=3)
        found = groups(of)
        costs = {key: Cost(0.001 * key.num_inner_steps, 0.01) for key in found}
        # 12 lanes; 8 steps and 2 rungs each: 6 x (8 x 0.001 + 0.02) + 6 x (8 x 0.005 + 0.02), on two workers.
        need = reckoned(of, found, costs, at_once=2)
        assert (need.num_settings, need.num_lanes, need.num_groups, need.seconds) == (4, 12, 2, pytest.approx(0.264))

    def test_a_group_that_was_not_measured_is_reckoned_by_its_size(self):
        of = sweep(ALPHA, STEPS)
        found = groups(of)
        measured, other = found
        need = reckoned(of, found, {measured: Cost(0.001, 0.0)}, at_once=1)
        assert need.seconds == pytest.approx(2 * 8 * 0.001 * (1 + cost(other) / cost(measured)))

    def test_what_cannot_be_drawn_takes_nothing(self):
        of = sweep(ALPHA, STEPS)
        found = groups(of)
        refused, other = found
        need = reckoned(of, found, {refused: REFUSED, other: Cost(0.001, 0.0)}, at_once=1)
        assert need.seconds == pytest.approx(2 * 8 * 0.001)
        assert reckoned(of, found, dict.fromkeys(found, REFUSED), at_once=1).seconds == 0.0

    def test_without_a_measurement_it_says_so(self):
        of = sweep(ALPHA)
        assert budget_words(reckoned(of, groups(of), {}, at_once=1)) == "2 settings · time not measured yet"


@pytest.mark.parametrize("preset", [LIVE, *(preset.name for preset in PRESETS)])
def test_the_example_of_other_axes_is_a_sweep_whose_settings_compare(preset: str) -> None:
    base = base_of(draft(base=preset), BASE)
    typed = sweep_of(draft(base=preset, axes=(), others=other_axes(base)), BASE)
    assert has_common_tasks(typed)
    assert not {axis.name for axis in typed.axes} & set(offered(base))
    assert [with_values(base, one.values) for one in settings_of(typed)]  # each is accepted
