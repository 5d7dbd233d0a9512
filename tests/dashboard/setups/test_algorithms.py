"""The algorithms and switches that the page offers: whatever is chosen, the engine takes it."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from dashboard.setups.algorithms import (
    HORIZONS,
    IDEAS,
    NAMES,
    NORM_SWITCHES,
    SWITCHES,
    Choice,
    Norm,
    choice_of,
    chosen,
    name_of,
    norm_of,
    normalized,
    norms_of,
    own_rule,
    switched,
    why_no_order,
    why_not,
)
from maml_core.config import ConvConfig, GlyphsConfig, RunConfig, replace
from maml_core.errors import ConfigError
from maml_core.presets import DEFAULT_PRESET, MAML_PLUS_PLUS, PRESETS, few_shot


def accepted(**fields: Any) -> list[RunConfig]:
    """The set-up, if the engine takes it."""
    try:
        return [RunConfig(**fields)]
    except ConfigError:
        return []


EVERY = [
    config
    for algorithm, order, switches, (n, alpha) in product(
        ("maml", "anil", "meta_sgd", "meta_curvature", "reptile", "imaml"),
        ("second", "first"),
        product((False, True), repeat=4),
        ((3, 0.01), (0, 0.01), (3, 0.0)),
    )
    for config in accepted(
        algorithm=algorithm, order=order, num_inner_steps=n, alpha=alpha, **dict(zip(SWITCHES, switches, strict=True))
    )
]
"""Every combination that the engine takes."""


def test_there_are_many_combinations() -> None:
    assert len(EVERY) > 80
    assert {choice_of(config) for config in EVERY} == set(NAMES) == set(IDEAS)


@pytest.mark.parametrize("choice", NAMES)
def test_from_everywhere_a_choice_leads_to_what_was_chosen(choice: Choice) -> None:
    for config in EVERY:
        after = chosen(config, choice)
        assert choice_of(after.config) == choice or (choice == "maml" and choice_of(config) == "maml"), config
        assert name_of(after.config) == NAMES[choice]


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("switch", SWITCHES)
def test_a_switch_that_can_act_is_switched(switch: Any, on: bool) -> None:
    for config in EVERY:
        if not why_not(config, switch):
            assert getattr(switched(config, switch, on).config, switch) is on


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_reason_stands_exactly_where_the_engine_refuses_a_switch(switch: Any) -> None:
    for config in EVERY:
        if config.num_inner_steps > 0:
            refused = not accepted(
                **{name: getattr(config, name) for name in ("algorithm", "order", *SWITCHES)} | {switch: True}
            )
            assert bool(why_not(config, switch)) is refused, config


def test_a_reason_stands_exactly_where_the_engine_refuses_an_order() -> None:
    for config in EVERY:
        fields = {name: getattr(config, name) for name in ("algorithm", "num_inner_steps", "alpha", *SWITCHES)}
        assert bool(why_no_order(config)) is not bool(accepted(**fields, order="first")), config


IMAGES = RunConfig(tasks=GlyphsConfig(), model=ConvConfig())


@pytest.mark.parametrize(
    ("start", "before", "norm"),
    [(start, *pair) for start in (RunConfig(), IMAGES) for pair in product(norms_of(start), repeat=2)],
    ids=lambda value: value.model.kind if isinstance(value, RunConfig) else value,
)
def test_from_every_norm_a_choice_leads_to_what_was_chosen(start: RunConfig, before: Norm, norm: Norm) -> None:
    config = normalized(start, before).config
    for switch in NORM_SWITCHES:
        if not why_not(config, switch):
            config = switched(config, switch, True).config
    after = normalized(config, norm)
    assert norm_of(after.config) == norm
    gave_way = [switch for switch in NORM_SWITCHES if getattr(config, switch) and not getattr(after.config, switch)]
    assert len(after.notes) == len(gave_way)
    for switch in NORM_SWITCHES:
        refused = not accepted(
            tasks=start.tasks,
            model=after.config.model,
            batch_norm_treatment=after.config.batch_norm_treatment,
            **{switch: True},
        )
        assert bool(why_not(after.config, switch)) is refused


def test_batch_norm_of_single_steps_needs_a_step() -> None:
    config = normalized(RunConfig(num_inner_steps=0), "running").config
    after = switched(config, "per_step_statistics", True)
    assert (after.config.num_inner_steps, after.config.per_step_statistics) == (1, True)
    assert "N was set to 1" in after.notes[0]


def test_what_gives_way_is_noted() -> None:
    after = chosen(RunConfig(multi_step_loss=True, anneal_beta=True, num_inner_steps=2), "reptile")
    assert after.notes == ("Multi-step loss cannot act with Reptile: it was switched off.",)
    assert (after.config.multi_step_loss, after.config.anneal_beta) == (False, True)


def test_rates_of_ones_own_replace_those_per_step() -> None:
    after = chosen(RunConfig(per_step_rates=True), "meta_sgd")
    assert after.notes == ("Learned rates per tensor and step cannot act with Meta-SGD: it was switched off.",)


def test_no_inner_step_and_no_step_size_are_noted() -> None:
    after = chosen(RunConfig(num_inner_steps=0, alpha=0.0), "imaml")
    assert (after.config.num_inner_steps, after.config.alpha) == (1, 0.01)
    assert len(after.notes) == 3
    none = chosen(RunConfig(num_inner_steps=0), "reptile")
    assert (none.config.num_inner_steps, none.notes) == (3, ("It needs at least one inner step: N was set to 3.",))
    assert switched(RunConfig(num_inner_steps=0), "multi_step_loss", True).config.num_inner_steps == 1


def test_recomputing_gives_way_where_nothing_is_stored() -> None:
    after = chosen(RunConfig(recompute=True, num_inner_steps=3), "reptile")
    assert after.config == RunConfig(algorithm="reptile", num_inner_steps=3)
    assert "recomputing" in after.notes[0]
    assert chosen(RunConfig(recompute=True), "anil").config.recompute


def test_maml_plus_plus_is_its_four_switches_within_a_demonstration() -> None:
    config, notes = chosen(RunConfig(num_inner_steps=3), "maml_plus_plus")
    assert config == replace(RunConfig(num_inner_steps=3), {**MAML_PLUS_PLUS, "clip_norm": 10.0})
    assert "clipped at a norm of 10" in notes[0]
    longest = config.epoch_steps * max(config.num_epochs, config.multi_step_epochs, config.first_order_epochs)
    assert longest <= 3000


@pytest.mark.parametrize(
    ("switch", "epochs", "until"),
    [
        ("multi_step_loss", "multi_step_epochs", 1000),
        ("anneal_order", "first_order_epochs", 500),
        ("anneal_beta", "num_epochs", 3000),
    ],
)
def test_a_switch_alone_acts_and_ends_within_a_demonstration(switch: Any, epochs: str, until: int) -> None:
    config = switched(RunConfig(), switch, True).config
    assert getattr(config, epochs) * config.epoch_steps == until
    for other in set(HORIZONS) - {switch}:  # one after the other they are what the choice of MAML++ has
        config = switched(config, other, True).config
    assert {name: getattr(config, name) for name in MAML_PLUS_PLUS} == {**MAML_PLUS_PLUS, "per_step_rates": False}


def test_a_horizon_that_was_chosen_stays() -> None:
    config = replace(switched(RunConfig(), "multi_step_loss", True).config, {"multi_step_epochs": 4, "epoch_steps": 7})
    again = switched(switched(config, "multi_step_loss", False).config, "multi_step_loss", True).config
    assert again == config
    after = switched(config, "anneal_order", True).config
    assert (after.epoch_steps, after.multi_step_epochs, after.first_order_epochs) == (7, 4, 10)


def test_another_switchs_end_does_not_move() -> None:
    long = RunConfig(anneal_beta=True)
    after = switched(long, "multi_step_loss", True).config
    assert (after.num_epochs, after.epoch_steps) == (long.num_epochs, long.epoch_steps)


def test_a_switch_without_a_horizon_leaves_all_others() -> None:
    assert switched(RunConfig(), "per_step_rates", True).config == RunConfig(per_step_rates=True)


def test_maml_plus_plus_has_several_steps_to_judge() -> None:
    config, notes = chosen(RunConfig(num_inner_steps=1), "maml_plus_plus")
    assert config.num_inner_steps == 3
    assert "N was set to 3" in notes[0]


def test_whoever_leaves_maml_plus_plus_leaves_its_switches_without_a_note() -> None:
    start = chosen(RunConfig(), "maml_plus_plus").config
    for choice in ("maml", "fomaml", "anil", "meta_sgd", "reptile", "imaml"):
        config, notes = chosen(start, choice)
        assert not any(getattr(config, switch) for switch in SWITCHES)
        assert [note for note in notes if not note.startswith(("For iMAML to learn", "Meta-SGD's learned rates"))] == []


@pytest.mark.parametrize("choice", NAMES)
def test_what_is_chosen_already_changes_nothing(choice: Choice) -> None:
    config = chosen(RunConfig(num_inner_steps=3), choice).config
    own = replace(config, {"clip_norm": None, "proximal": 0.5, "num_solver_steps": 3})
    assert chosen(own, choice) == (own, ())


def test_learned_rates_are_clipped_where_they_run_away() -> None:
    assert chosen(RunConfig(num_inner_steps=3), "maml_plus_plus").config.clip_norm == 10.0
    assert chosen(RunConfig(num_inner_steps=3, clip_norm=2.0), "maml_plus_plus").config.clip_norm == 2.0
    assert chosen(few_shot(GlyphsConfig()), "maml_plus_plus").config.clip_norm is None


def test_meta_sgd_takes_one_step_on_curves() -> None:
    config, notes = chosen(RunConfig(num_inner_steps=3), "meta_sgd")
    assert (config.num_inner_steps, config.clip_norm) == (1, None)
    assert any("N was set to 1" in note for note in notes)
    assert chosen(RunConfig(num_inner_steps=1), "meta_sgd").notes == ()
    images = replace(few_shot(GlyphsConfig()), {"num_inner_steps": 3})
    assert chosen(images, "meta_sgd").config.num_inner_steps == 3


@pytest.mark.parametrize("start", [RunConfig(), few_shot(GlyphsConfig())], ids=["curves", "images"])
def test_reptile_takes_several_steps(start: RunConfig) -> None:
    config, notes = chosen(start, "reptile")
    assert config.num_inner_steps == 3
    assert notes == ("With one inner step Reptile would train on all tasks jointly: N was set to 3.",)
    assert chosen(replace(start, {"num_inner_steps": 2}), "reptile").config.num_inner_steps == 2


def test_by_hand_maml_plus_plus_is_its_preset() -> None:
    by_name = {preset.name: preset.config for preset in PRESETS}
    assert chosen(by_name["Fast demo"], "maml_plus_plus").config == by_name["MAML++"]


@pytest.mark.parametrize("num_inner_steps", [1, 3])
def test_imamls_steps_do_not_leap_beyond_where_they_are_held(num_inner_steps: int) -> None:
    start = replace(few_shot(GlyphsConfig()), {"num_inner_steps": num_inner_steps})
    config = chosen(start, "imaml").config
    assert config.alpha == (0.8 if num_inner_steps == 1 else 0.05)
    assert num_inner_steps == 1 or config.alpha * config.proximal < 2.0


@pytest.mark.parametrize("start", [DEFAULT_PRESET.config, few_shot(GlyphsConfig())], ids=["curves", "images"])
def test_imaml_says_what_it_takes(start: RunConfig) -> None:
    config, notes = chosen(start, "imaml")
    for name in ("proximal", "num_solver_steps", "alpha", "beta"):
        before, now = getattr(start, name), getattr(config, name)
        assert (f"{now:g}" in notes[0]) or before == now
    assert config.num_inner_steps == start.num_inner_steps


def test_between_maml_and_fomaml_lies_the_order_alone() -> None:
    assert chosen(RunConfig(), "fomaml").config == RunConfig(order="first")
    assert chosen(RunConfig(order="first"), "maml").config == RunConfig()


def test_an_inner_loop_of_its_own_is_named() -> None:
    assert own_rule(RunConfig()) == own_rule(RunConfig(algorithm="reptile")) == ""
    assert own_rule(RunConfig(algorithm="anil")) == "only the head adapts"
    assert "repeat" in own_rule(RunConfig(per_step_rates=True))
    assert "λ" in own_rule(RunConfig(algorithm="imaml"))
    assert own_rule(RunConfig(algorithm="anil", per_step_rates=True)).count(";") == 1
