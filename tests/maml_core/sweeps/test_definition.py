"""Sweeps: what is refused and how it is said, and the settings that come of what is accepted."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from maml_core.config import FolderConfig, GlyphsConfig, LinearConfig, RunConfig, replace
from maml_core.errors import ConfigError
from maml_core.sweeps.axes import DEPTH, Axis, Value, axis_from_text, axis_names, checked_axis, full_name, spaced
from maml_core.sweeps.definition import (
    MAX_SETTINGS,
    SweepConfig,
    fingerprint,
    group_key,
    lane_configs,
    sweep_from_dict,
    sweep_to_dict,
)
from maml_core.sweeps.sampling import groups_of, refused_of, settings_of

ALPHAS = Axis(name="alpha", values=(0.01, 0.1))
STEPS = Axis(name="num_inner_steps", values=(1, 5, 10))


def values_of(sweep: SweepConfig) -> list[tuple[Value, ...]]:
    return [tuple(one.values.values()) for one in settings_of(sweep) or ()]


@pytest.mark.parametrize(
    ("make", "field", "words"),
    [
        (lambda: Axis(name="alpha"), "alpha", "at least one value"),
        (lambda: Axis(name="alpha", values=(0.1, 0.2, 0.1)), "alpha", "it is there twice"),
        (lambda: Axis(name="alpha", values=(1, 1.0)), "alpha", "it is there twice"),
        (lambda: Axis(name="alpha", values=(0.0, 0.1), log=True), "alpha", "above 0 on a logarithmic axis"),
        (lambda: Axis(name="alpha", low=0.0, high=1.0, log=True), "alpha", "begins above 0"),
        (lambda: Axis(name="alpha", low=-1.0, high=1.0, log=True), "alpha", "begins above 0"),
        (lambda: Axis(name="alpha", low=1.0, high=1.0), "alpha", "low below high"),
        (lambda: Axis(name="alpha", low=0.0, high=float("inf")), "alpha", "finite"),
        (lambda: Axis(name="alpha", values=(float("nan"),)), "alpha", "finite numbers"),
        (lambda: Axis(name="alpha", values=(0.1, [1.0])), "alpha", "numbers, texts"),  # type: ignore[arg-type]
        (lambda: Axis(name="alpha", low=0.1), "alpha", "low below high"),
        (lambda: Axis(name="alpha", values=(0.1,), low=0.1, high=1.0), "alpha", "leave one out"),
        (lambda: SweepConfig(axes=(ALPHAS, ALPHAS)), "alpha", "one axis a field"),
        (lambda: SweepConfig(axes=(Axis(name="gamma", values=(1,)),)), "gamma", "no such field"),
        (lambda: SweepConfig(axes=(Axis(name="tasks.ways", values=(5,)),)), "tasks.ways", "no such field"),
        (lambda: SweepConfig(axes=(Axis(name="alpha.beta.x", values=(5,)),)), "alpha.beta.x", "no such field"),
        (lambda: SweepConfig(axes=(Axis(name="tasks", values=("linear",)),)), "tasks", "cannot be an axis"),
        (lambda: SweepConfig(axes=(Axis(name="adam_betas", values=(1,)),)), "adam_betas", "from 0 to 0.999999"),
        (lambda: SweepConfig(axes=(Axis(name="joint_baseline", values=(True,)),)), "joint_baseline", "no result"),
        (lambda: SweepConfig(axes=(Axis(name="alpha", values=(-101.0,)),)), "alpha", "from -100 to 100"),
        (lambda: Axis(name="shots", values=(10**400,)), "shots", "finite numbers"),  # beyond the largest float
        (lambda: SweepConfig(axes=(Axis(name="alpha", values=(None,)),)), "alpha", "a number"),
        (lambda: SweepConfig(axes=(Axis(name="num_inner_steps", values=(1.5,)),)), "num_inner_steps", "whole"),
        (lambda: SweepConfig(axes=(Axis(name="alpha", low=0.1, high=1000.0),), sampler="random"), "alpha", "100"),
        (lambda: SweepConfig(axes=(Axis(name="order", low=0.1, high=1.0),), sampler="random"), "order", "give values"),
        (lambda: SweepConfig(axes=(Axis(name="shots", low=1.5, high=9.0),), sampler="random"), "shots", "whole"),
        (lambda: SweepConfig(axes=(Axis(name="alpha", low=0.1, high=1.0),)), "alpha", "another sampler"),
        (lambda: SweepConfig(axes=(ALPHAS,), sampler="random", num_settings=3), "num_settings", "at most 2"),
        (lambda: SweepConfig(sampler="tpe"), "sampler", "no axis"),
        (lambda: SweepConfig(axes=(ALPHAS,), prune=1.0), "prune", "from 0 to 0.9"),
        (lambda: SweepConfig(axes=[ALPHAS]), "axes", "tuple of Axis"),  # type: ignore[arg-type]
        (lambda: sweep_from_dict({"axis": []}), "axis", "no such field"),
        (lambda: sweep_from_dict({"axes": [{"name": "alpha", "vals": []}]}), "axes[0].vals", "no such field"),
        (lambda: sweep_from_dict({"axes": ["alpha"]}), "axes[0]", "a table with a name"),
    ],
)
def test_what_cannot_be_swept_is_refused_with_the_field_and_what_to_do(
    make: Callable[[], Any], field: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words.replace("(", r"\(")) as caught:
        make()
    assert caught.value.field == field


def test_ten_million_settings_are_refused_at_once_and_said_as_people_say_it() -> None:
    axes = [axis_from_text(text, RunConfig()) for text in ("alpha=0.001..1:log:10000", "beta=0.001..1:log:1000")]
    with pytest.raises(ConfigError, match=f"10,000,000 settings.*at most {MAX_SETTINGS:,}"):
        SweepConfig(axes=tuple(axes))


def test_a_combination_that_the_set_up_refuses_is_left_out_with_its_reason() -> None:
    axes = (Axis(name="algorithm", values=("maml", "reptile")), Axis(name="order", values=("second", "first")))
    sweep = SweepConfig(axes=axes)
    ((number, refusal),) = refused_of(sweep).items()
    assert number == 3  # reptile, first
    assert "no second-order term" in refusal
    assert sorted(number for group in groups_of(sweep) for number in group) == [0, 1, 2]


def test_a_refused_end_of_an_axis_of_numbers_is_found_among_many() -> None:
    base = RunConfig(algorithm="reptile", num_inner_steps=3)
    sweep = SweepConfig(base=base, axes=(Axis(name="alpha", values=(0.1, 0.0, 0.2)), STEPS))
    assert set(refused_of(sweep)) == {3, 4, 5}  # alpha = 0, whatever N
    assert all("above 0" in refusal for refusal in refused_of(sweep).values())


def test_a_sweep_of_which_nothing_goes_together_is_refused() -> None:
    base = RunConfig(algorithm="reptile")
    with pytest.raises(
        ConfigError, match=r"order = first, alpha = 0\.1; .*no setting of these goes together.*no second-order term"
    ):
        SweepConfig(base=base, axes=(Axis(name="order", values=("first",)), Axis(name="alpha", values=(0.1, 0.2))))


def test_values_are_held_as_the_field_holds_them() -> None:
    (axis,) = SweepConfig(axes=(Axis(name="alpha", values=(1, 0.1)),)).axes
    assert [type(value) for value in axis.values] == [float, float]


def test_a_grid_is_all_combinations_the_last_axis_fastest() -> None:
    assert values_of(SweepConfig(axes=(STEPS, ALPHAS))) == [(n, a) for n in (1, 5, 10) for a in (0.01, 0.1)]


def test_a_range_of_whole_numbers_is_a_grid() -> None:
    assert values_of(SweepConfig(axes=(Axis(name="num_inner_steps", low=1, high=3),))) == [(1,), (2,), (3,)]


def test_a_range_on_a_grid_has_a_thousand_whole_numbers_at_most() -> None:
    assert SweepConfig(axes=(Axis(name="tasks_seed", low=1, high=1000),)).axes[0].values == tuple(range(1, 1001))
    with pytest.raises(ConfigError, match="tasks_seed = '1,001 values' is not accepted: at most 1,000 whole numbers"):
        SweepConfig(axes=(Axis(name="tasks_seed", low=0, high=1000),))


def test_without_an_axis_there_is_one_setting() -> None:
    assert values_of(SweepConfig(num_seeds=3)) == [()]
    assert SweepConfig(num_seeds=3).num_lanes == 3


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_drawn_settings_are_different_in_range_and_the_same_every_time(sampler: Any) -> None:
    axes = (Axis(name="alpha", low=0.001, high=1.0, log=True), STEPS, Axis(name="shots", low=1, high=4))
    sweep = SweepConfig(axes=axes, sampler=sampler, num_settings=128)
    found = values_of(sweep)
    assert len(set(found)) == 128
    alphas, steps, shots = (np.array(column) for column in zip(*found))
    assert alphas.min() >= 0.001
    assert alphas.max() <= 1.0
    assert set(steps) == {1, 5, 10}
    assert set(shots) == {1, 2, 3, 4}
    below = np.mean(alphas < 0.001**0.5)  # the middle of a logarithmic axis
    assert below == pytest.approx(0.5, abs=0.1)
    again = SweepConfig(axes=axes, sampler=sampler, num_settings=128, sampler_seed=1)
    settings_of.cache_clear()
    assert values_of(sweep) == found
    assert values_of(again) != found


def test_sobol_covers_more_evenly_than_chance() -> None:
    axes = (Axis(name="alpha", low=0.0, high=1.0),)
    drawn = values_of(SweepConfig(axes=axes, sampler="sobol", num_settings=64))
    counts, _ = np.histogram(np.array(drawn), bins=16, range=(0, 1))
    assert set(counts) == {4}


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_all_combinations_can_be_drawn(sampler: Any) -> None:
    sweep = SweepConfig(axes=(STEPS, ALPHAS), sampler=sampler, num_settings=6)
    assert sorted(values_of(sweep)) == sorted(values_of(SweepConfig(axes=(STEPS, ALPHAS))))


def test_what_tpe_will_look_at_nobody_knows_beforehand() -> None:
    assert settings_of(SweepConfig(axes=(ALPHAS,), sampler="tpe")) is None


def test_each_seed_is_a_run_of_its_own_without_baselines() -> None:
    base = RunConfig(weights_seed=7, tasks_seed=40, evaluation_steps=2, oracle_baseline=True)
    first, second = lane_configs(SweepConfig(base=base, axes=(STEPS,), num_seeds=2), {"num_inner_steps": 5})
    assert (first.weights_seed, first.tasks_seed) == (7, 40)
    assert (second.weights_seed, second.tasks_seed) == (8, 41)
    assert first.evaluation_seed == second.evaluation_seed == base.evaluation_seed
    assert first.num_inner_steps == first.evaluation_steps == 5
    assert not first.joint_baseline
    assert not first.oracle_baseline


def test_a_name_of_an_algorithm_and_a_width_mean_what_they_mean_elsewhere() -> None:
    sweep = SweepConfig(axes=(Axis(name="algorithm", values=("maml", "fomaml")),))
    assert [lane_configs(sweep, one.values)[0].order for one in settings_of(sweep) or ()] == ["second", "first"]
    sweep = SweepConfig(axes=(Axis(name="model.hidden_widths", values=(16, "40x20x10")),))
    found = [lane_configs(sweep, one.values)[0].model for one in settings_of(sweep) or ()]
    assert [model.hidden_widths for model in found] == [(16, 16), (40, 20, 10)]  # type: ignore[union-attr]


def test_groups_share_a_graph_the_costliest_first() -> None:
    sweep = SweepConfig(axes=(ALPHAS, STEPS))
    settings = settings_of(sweep)
    assert settings is not None
    groups = groups_of(sweep)
    assert sorted(number for group in groups for number in group) == list(range(6))
    keys = [{group_key(lane_configs(sweep, settings[number].values)[0]) for number in group} for group in groups]
    assert [len(key) for key in keys] == [1, 1, 1]
    assert [settings[group[0]].values["num_inner_steps"] for group in groups] == [10, 5, 1]


def test_a_sweep_survives_json_and_toml() -> None:
    axes = (ALPHAS, Axis(name="clip_norm", values=(1.0, 10.0), log=True), Axis(name="shots", low=1, high=9))
    sweep = SweepConfig(base=RunConfig(tasks=LinearConfig(noise_std=0.1)), axes=axes, sampler="tpe", prune=0.25)
    assert sweep_from_dict(json.loads(json.dumps(sweep_to_dict(sweep)))) == sweep
    text = 'sampler = "sobol"\nnum_settings = 4\n[base]\nbeta = 0.01\n[[axes]]\nname = "alpha"\nlow = 0.01\nhigh = 1.0\nlog = true\n'
    read = sweep_from_dict(tomllib.loads(text))
    assert read.base.beta == 0.01
    assert read.axes == (Axis(name="alpha", low=0.01, high=1.0, log=True),)


def test_a_fingerprint_tells_sweeps_apart_by_what_changes_their_results() -> None:
    sweep = SweepConfig(axes=(ALPHAS,))
    assert fingerprint(sweep) == fingerprint(SweepConfig(axes=(ALPHAS,), num_settings=7, sampler_seed=3))
    others = [
        SweepConfig(axes=(ALPHAS, STEPS)),
        SweepConfig(axes=(ALPHAS,), num_steps=999),
        SweepConfig(axes=(ALPHAS,), num_seeds=2),
        SweepConfig(axes=(ALPHAS,), base=replace(RunConfig(), {"beta": 0.1})),
        SweepConfig(axes=(ALPHAS,), prune=0.5),
    ]
    assert len({fingerprint(sweep), *(fingerprint(other) for other in others)}) == 6


@pytest.mark.parametrize("sampler", ["random", "sobol", "tpe"])
def test_of_drawn_settings_their_number_and_their_seed_make_another_sweep(sampler: Any) -> None:
    drawn = {"axes": (Axis(name="alpha", low=0.01, high=1.0),), "sampler": sampler}
    sweeps = [SweepConfig(**drawn), SweepConfig(**drawn, num_settings=7), SweepConfig(**drawn, sampler_seed=3)]
    assert len({fingerprint(sweep) for sweep in sweeps}) == 3


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        ("alpha=0.001..1:log:4", Axis(name="alpha", values=(0.001, 0.01, 0.1, 1.0), log=True)),
        ("alpha=0.001..1:4:log", Axis(name="alpha", values=(0.001, 0.01, 0.1, 1.0), log=True)),
        ("α=0.001..1:log:4", Axis(name="alpha", values=(0.001, 0.01, 0.1, 1.0), log=True)),
        ("β=1e-4..1e-2:log", Axis(name="beta", low=1e-4, high=1e-2, log=True)),
        ("α_test=0.1,1", Axis(name="test_alpha", values=(0.1, 1.0))),
        ("final-β=1e-5,1e-4", Axis(name="final_beta", values=(1e-5, 1e-4))),
        (
            "λ=0.1,1 if α=0.01",
            Axis(name="proximal", values=(0.1, 1.0), only_with="alpha", only_at=(0.01,)),
        ),
        ("alpha = 0..1:5", Axis(name="alpha", values=(0.0, 0.25, 0.5, 0.75, 1.0))),
        ("beta=1e-4..1e-2:log", Axis(name="beta", low=1e-4, high=1e-2, log=True)),
        ("N=1,5,10", STEPS),
        ("N=1..9:log:4", Axis(name="num_inner_steps", values=(1, 2, 4, 9), log=True)),
        ("alpha=0.1,1:log", Axis(name="alpha", values=(0.1, 1.0), log=True)),
        ("algorithm=maml,fomaml", Axis(name="algorithm", values=("maml", "fomaml"))),
        ("multi-step-loss=on,off", Axis(name="multi_step_loss", values=(True, False))),
        ("clip_norm=none,1", Axis(name="clip_norm", values=(None, 1.0))),
        ("width=16,32", Axis(name="model.hidden_widths", values=(16, 32))),
        ("noise-std=0,1", Axis(name="tasks.noise_std", values=(0.0, 1.0))),
        ("model.activation=relu,tanh", Axis(name="model.activation", values=("relu", "tanh"))),
    ],
)
def test_an_axis_is_written_as_people_write_it(text: str, axis: Axis) -> None:
    found = axis_from_text(text, RunConfig())
    assert repr(found) == repr(axis)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("alpha", "NAME=VALUES"),
        ("=1", "NAME=VALUES"),
        ("alpha=", "at least one value"),
        ("alpha=0..1:log:8", "begins above 0"),
        ("alpha=0.1..1:lg", "LOW..HIGH"),
        ("alpha=0.1..x", "LOW..HIGH"),
        ("alpha=nan,1", "^alpha = nan is not accepted: finite numbers; leave it out$"),
        ("alpha=1,inf:log", "^alpha = inf is not accepted: finite numbers; leave it out$"),
        ("alpha=1e9..0.3:log", r"^alpha = 1000000000 to 0.3 is not accepted: two finite numbers, low below high$"),
        ("alpha=0..1e400", "^alpha = 0 to inf is not accepted: two finite numbers, low below high$"),
        ("order=1..2", "^order = 1 to 2 is not accepted: only numbers have a range"),
        (
            "alpha=1e-320..0.3:log:8",
            "^alpha = 1e-320 is not accepted: it is too small for a logarithmic axis that ends at 0.3",
        ),
        (
            "alpha=1e-320..0.3:log",
            "^alpha = 1e-320 is not accepted: it is too small for a logarithmic axis that ends at 0.3",
        ),
        ("alpha=0.1..1:1", "from 2 to 10,000 values"),
        ("alpha=fast", "a number from -100 to 100"),
        ("algorithm=mmaml", "did you mean .maml."),
        ("order=1..2:2", "one of second, first"),
        ("width=axb", "whole number from 1 to 1,024"),
    ],
)
def test_an_axis_that_says_nothing_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        axis_from_text(text, RunConfig())


def test_a_name_without_its_dot_is_of_the_tasks_at_hand() -> None:
    glyphs = RunConfig(tasks=GlyphsConfig())
    assert full_name(glyphs, "difficulty") == "tasks.difficulty"
    assert full_name(RunConfig(), "difficulty") == "difficulty"
    assert "tasks.difficulty" in axis_names(glyphs)
    assert "tasks.difficulty" not in axis_names(RunConfig())


@pytest.mark.parametrize(
    ("name", "meant"),
    [("noise_std", "tasks.noise_std"), ("N", "num_inner_steps"), ("hidden-widths", "model.hidden_widths")],
)
def test_a_name_that_people_write_is_told_the_fields_own(name: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=f"did you mean '{meant}'"):
        SweepConfig(base=RunConfig(), axes=(Axis(name=name, values=(1, 2)),))


def test_every_field_that_is_offered_is_accepted() -> None:
    base = RunConfig(tasks=FolderConfig(folder="x"))
    for name in axis_names(base):
        section, _, field = name.rpartition(".")
        value = 2 if name == DEPTH else getattr(getattr(base, section) if section else base, field)
        checked_axis(Axis(name=name, values=(value[0] if isinstance(value, tuple) else value,)), base)


def test_close_values_stay_apart() -> None:
    assert len(spaced(1.0, 1.001, 50, log=False, whole=False)) == 50
