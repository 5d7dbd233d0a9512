"""What a page may ask of a server that it shares."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.live.run import LiveRun
from dashboard.setups import limits
from dashboard.setups.address import Address
from maml_core.config import ConvConfig, GlyphsConfig, MLPConfig, RunConfig, replace
from maml_core.errors import ConfigError
from maml_core.presets import PRESETS, few_shot
from maml_core.records import Entry

HUGE: list[dict[str, Any]] = [
    {"model": MLPConfig(hidden_widths=(1024,) * 8)},
    {"evaluation_tasks": 100_000, "evaluation_steps": 100},
    {"meta_batch_size": 500, "num_inner_steps": 50, "shots": 100, "model": MLPConfig(hidden_widths=(100, 100))},
]


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_presets_are_within_the_limits(preset: Any) -> None:
    assert limits.check(preset.config) is preset.config


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_nobody_waits_for_the_chunks_of_a_preset(preset: Any) -> None:
    assert not limits.is_long(preset.config)


@pytest.mark.parametrize(
    "changes",
    [
        {"evaluation_tasks": 10_000, "evaluation_steps": 50},
        {"meta_batch_size": 200, "num_inner_steps": 10, "shots": 100},
    ],
    ids=str,
)
def test_what_a_page_may_ask_for_may_still_take_long(changes: dict[str, Any]) -> None:
    assert limits.is_long(limits.check(RunConfig(**changes)))


@pytest.mark.parametrize("widths", [(), (40, 40), (200, 200), (100, 100, 100), (512,)])
def test_usual_networks_are_within_the_limits(widths: tuple[int, ...]) -> None:
    limits.check(RunConfig(model=MLPConfig(hidden_widths=widths), num_inner_steps=20))


@pytest.mark.parametrize("changes", HUGE, ids=str)
def test_what_would_hold_a_worker_for_long_is_refused_with_what_to_do(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="fewer"):
        limits.check(RunConfig(**changes))


@pytest.mark.parametrize("algorithm", ["maml", "anil", "meta_sgd", "meta_curvature", "reptile", "imaml"])
def test_every_algorithm_of_usual_size_is_within_the_limits(algorithm: Any) -> None:
    config = RunConfig(algorithm=algorithm, num_inner_steps=10, model=MLPConfig(hidden_widths=(200, 200)))
    assert limits.check(config) is config


def test_the_solvers_steps_count() -> None:
    big = {"algorithm": "imaml", "model": MLPConfig(hidden_widths=(300, 300)), "shots": 100, "meta_batch_size": 100}
    limits.check(RunConfig(**big, num_solver_steps=3))
    with pytest.raises(ConfigError, match="fewer"):
        limits.check(RunConfig(**big, num_solver_steps=200))


def test_a_solvers_step_counts_as_an_inner_step_that_is_differentiated() -> None:
    """Both are products with a Hessian of the support loss."""

    def points(**changes: Any) -> int:
        return limits._points_of_a_step(RunConfig(shots=7, num_query=5, **changes))

    inner = points(num_inner_steps=5) - points(num_inner_steps=4)
    assert points(algorithm="imaml", num_solver_steps=5) - points(algorithm="imaml", num_solver_steps=4) == inner > 0


def test_the_adapted_parameters_of_held_out_tasks_fit_into_memory_a_thousand_at_a_time() -> None:
    wide = {"model": MLPConfig(hidden_widths=(1000, 1000)), "meta_batch_size": 1, "evaluation_steps": 1}
    limits.check(RunConfig(**wide, evaluation_tasks=40))
    with pytest.raises(ConfigError, match="parameters times tasks on the live page, not 1,004,001 times 60"):
        limits.check(RunConfig(**wide, evaluation_tasks=60))
    limits.check(RunConfig(evaluation_tasks=100_000, evaluation_steps=1))


def test_turning_gradients_by_matrices_counts() -> None:
    wide = {"model": MLPConfig(hidden_widths=(500, 500)), "shots": 3, "meta_batch_size": 50}
    limits.check(RunConfig(**wide))
    with pytest.raises(ConfigError, match="fewer"):
        limits.check(RunConfig(**wide, algorithm="meta_curvature"))


def test_every_judged_inner_step_counts() -> None:
    big = {"num_inner_steps": 40, "shots": 1, "num_query": 500, "meta_batch_size": 100}
    big["model"] = MLPConfig(hidden_widths=(120, 120))
    limits.check(RunConfig(**big))
    with pytest.raises(ConfigError, match="fewer"):
        limits.check(RunConfig(**big, multi_step_loss=True))


FEW_SHOT = few_shot(GlyphsConfig())


def test_meta_curvature_counts_for_images_too() -> None:
    large = {"tasks": GlyphsConfig(ways=2), "model": ConvConfig(num_filters=128), "num_inner_steps": 5}
    config = replace(FEW_SHOT, {**large, "meta_batch_size": 10, "evaluation_tasks": 2})
    limits.check(config)
    with pytest.raises(ConfigError, match="meta_batch_size = 10 is not accepted: too much work at once"):
        limits.check(replace(config, {"algorithm": "meta_curvature"}))


def test_twenty_ways_of_five_shots_with_the_papers_filters_are_refused_with_what_to_do() -> None:
    large = {"tasks": GlyphsConfig(ways=20), "shots": 5, "model": ConvConfig(num_filters=64)}
    with pytest.raises(ConfigError) as caught:
        limits.check(replace(FEW_SHOT, large))
    assert str(caught.value).endswith(
        "is not accepted: too much work at once for the live page; "
        "take fewer tasks, points or inner steps, or a smaller network"
    )


def test_what_would_not_fit_into_memory_is_refused_with_what_to_do() -> None:
    large = {"num_inner_steps": 15, "meta_batch_size": 50, "model": ConvConfig(num_filters=16, downsample="max_pool")}
    with pytest.raises(ConfigError, match="too much for the memory of a live page; take fewer tasks"):
        limits.check(replace(FEW_SHOT, large))


def test_a_small_server_takes_less_into_memory_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    images = replace(
        FEW_SHOT,
        {"num_inner_steps": 15, "meta_batch_size": 20, "model": ConvConfig(num_filters=16, downsample="max_pool")},
    )
    monkeypatch.setenv("MAML_SMALL", "0")
    limits.check(images)
    monkeypatch.setenv("MAML_SMALL", "1")
    with pytest.raises(ConfigError, match="too much for the memory of a live page; take fewer tasks"):
        limits.check(images)


def test_a_timeline_that_moves_learned_rates_start_ends_before_it() -> None:
    entries = (
        Entry(step=5, kind="change", changes={"beta": 0.01}),
        Entry(step=9, kind="change", changes={"alpha": 0.1}),
    )
    opened = limits.checked(Address(RunConfig(algorithm="meta_sgd"), entries, ()), RunConfig())
    assert opened.timeline == entries[:1]
    assert "learned" in opened.notes[0]
    assert "outer step 9" in opened.notes[0]


@pytest.mark.parametrize("changes", HUGE, ids=str)
def test_a_live_run_stays_as_it_was(changes: dict[str, Any]) -> None:
    run = LiveRun(RunConfig())
    with pytest.raises(ConfigError):
        run.restart(replace(run.config, changes))
    with pytest.raises(ConfigError):
        run.change(changes, now=0.0)
    assert run.config == RunConfig()


def test_an_address_that_asks_for_too_much_opens_with_the_default_and_a_note() -> None:
    opened = limits.checked(Address(RunConfig(**HUGE[0]), (), ("a note",)), RunConfig(alpha=0.3))
    assert opened.config == RunConfig(alpha=0.3)
    assert opened.notes[0] == "a note"
    assert "hidden_widths" in opened.notes[1]


def test_a_timeline_that_asks_for_too_much_ends_before_it() -> None:
    entries = [
        Entry(step=step, kind="change", changes=changes)
        for step, changes in ((5, {"alpha": 0.1}), (12_000, {"meta_batch_size": 500}))
    ]
    config = RunConfig(model=MLPConfig(hidden_widths=(400, 400)))
    opened = limits.checked(Address(config, tuple(entries), ()), RunConfig())
    assert opened.timeline == (entries[0],)
    assert "outer step 12,000" in opened.notes[0]
