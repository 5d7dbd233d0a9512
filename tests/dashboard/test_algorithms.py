"""The algorithms and switches that the page offers: whatever is chosen, the engine takes it."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from dashboard.algorithms import (
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
from maml_core.presets import MAML_PLUS_PLUS


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
    assert len(after.notes) == 2
    assert switched(RunConfig(num_inner_steps=0), "multi_step_loss", True).config.num_inner_steps == 1


def test_recomputing_gives_way_where_nothing_is_stored() -> None:
    after = chosen(RunConfig(recompute=True), "reptile")
    assert after.config == RunConfig(algorithm="reptile")
    assert "recomputing" in after.notes[0]
    assert chosen(RunConfig(recompute=True), "anil").config.recompute


def test_maml_plus_plus_is_its_four_switches_within_a_demonstration() -> None:
    config, notes = chosen(RunConfig(num_inner_steps=3), "maml_plus_plus")
    assert config == replace(RunConfig(num_inner_steps=3), MAML_PLUS_PLUS)
    assert notes == ()
    longest = config.epoch_steps * max(config.num_epochs, config.multi_step_epochs, config.first_order_epochs)
    assert longest <= 3000


def test_maml_plus_plus_has_several_steps_to_judge() -> None:
    config, notes = chosen(RunConfig(num_inner_steps=1), "maml_plus_plus")
    assert config.num_inner_steps == 3
    assert "N was set to 3" in notes[0]


def test_whoever_leaves_maml_plus_plus_leaves_its_switches_without_a_note() -> None:
    start = chosen(RunConfig(), "maml_plus_plus").config
    for choice in ("maml", "fomaml", "anil", "meta_sgd", "reptile", "imaml"):
        config, notes = chosen(start, choice)
        assert not any(getattr(config, switch) for switch in SWITCHES)
        assert notes == ()


def test_between_maml_and_fomaml_lies_the_order_alone() -> None:
    assert chosen(RunConfig(), "fomaml").config == RunConfig(order="first")
    assert chosen(RunConfig(order="first"), "maml").config == RunConfig()


def test_an_inner_loop_of_its_own_is_named() -> None:
    assert own_rule(RunConfig()) == own_rule(RunConfig(algorithm="reptile")) == ""
    assert own_rule(RunConfig(algorithm="anil")) == "only the head adapts"
    assert "repeat" in own_rule(RunConfig(per_step_rates=True))
    assert "λ" in own_rule(RunConfig(algorithm="imaml"))
    assert own_rule(RunConfig(algorithm="anil", per_step_rates=True)).count(";") == 1
