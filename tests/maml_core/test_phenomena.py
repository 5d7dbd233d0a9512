"""Claims and their verdicts: the machinery, at tiny horizons. Whether the claims hold is what the command says."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn import functional

from maml_core.config import replace
from maml_core.errors import ConfigError
from maml_core.problem import build_problem, held_out_tasks, training_tasks
from maml_core.reproduce.claims import (
    CLAIMS,
    SEEDS,
    Claim,
    Expectation,
    chosen_claims,
    claims_table,
    judged,
    plain_finding,
    summary_line,
)
from maml_core.reproduce.experiments import SETUPS, measure_claim, train_setup
from maml_core.runs import replay
from maml_core.types import Examples, Tasks
from tests.maml_core.cli.cases import maml, said

CLAIM = Claim(
    "bends", "It bends.", "Somebody 2020", (), (Expectation("angle", 1.0, 2.0), Expectation("length", low=0.5))
)


@pytest.mark.parametrize(
    ("angles", "holds"),
    [
        ((1.5, 1.5, 1.5), True),
        ((1.4, 1.5, 1.6), True),  # 1.5 +- 0.25
        ((1.1, 1.5, 1.9), False),  # the mean lies within, the interval does not
        ((0.9, 0.9, 0.9), False),
        ((2.1, 2.1, 2.1), False),
        ((1.5, 1.5, math.nan), False),
        ((1.5, 1.5, math.inf), False),
    ],
)
def test_a_claim_holds_where_every_interval_lies_within(angles: tuple[float, ...], holds: bool) -> None:
    found = judged(CLAIM, {"angle": angles, "length": (1.0, 1.0, 1.0)}, 0.1)
    assert found.figures[0].holds == found.holds == holds
    assert found.figures[1].holds
    assert not judged(CLAIM, {"angle": angles, "length": (0.1, 0.1, 0.1)}, 0.1).holds


def test_intervals_are_students_over_seeds() -> None:
    values = (1.1, 1.4, 1.8)
    figure = judged(CLAIM, {"angle": values, "length": values}, 0.0).figures[0]
    interval = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    np.testing.assert_allclose((figure.mean - figure.ci95, figure.mean + figure.ci95), interval)


def test_the_table_and_the_last_line_say_what_does_not_hold() -> None:
    good = judged(CLAIM, {"angle": (1.4, 1.5, 1.6), "length": (1.0, 1.0, 1.0)}, 0.0)
    bad = judged(CLAIM._replace(name="breaks"), {"angle": (3.0, 3.0, 3.0), "length": (1.0, 1.0, 1.0)}, 0.0)
    rows = claims_table([good, bad]).splitlines()[2:]
    assert rows[0] == "| bends | angle | 1.5 ± 0.25 | 1 to 2 | holds |"
    assert rows[1] == "|  | length | 1 ± 0 | above 0.5 | holds |"
    assert rows[2] == "| breaks | angle | 3 ± 0 | 1 to 2 | does not hold |"
    assert summary_line([good, good], 9.7) == "2 of 2 claims hold at seeds 0, 1, 2 (10 s)."
    assert summary_line([good, bad], 9.7) == "1 of 2 claims hold at seeds 0, 1, 2; not: breaks (10 s)."


def test_a_finding_as_json_has_every_seed() -> None:
    found = plain_finding(judged(CLAIM, {"angle": (1.4, 1.5, 1.6), "length": (1.0, 1.0, 1.0)}, 0.0))
    assert (found["claim"], found["holds"], found["seeds"]) == ("bends", True, [0, 1, 2])
    assert found["figures"][0]["values"] == [1.4, 1.5, 1.6]


def test_there_are_fourteen_claims_of_trained_set_ups() -> None:
    assert len({claim.name for claim in CLAIMS}) == len(CLAIMS) == 14
    assert {name for claim in CLAIMS for name in claim.setups} == set(SETUPS)
    assert all(claim.expected for claim in CLAIMS)


def test_claims_are_chosen_by_name() -> None:
    assert [claim.name for claim in chosen_claims(["coherence", "first-order"])] == ["coherence", "first-order"]
    assert chosen_claims([]) == list(CLAIMS)
    with pytest.raises(ConfigError, match="did you mean 'coherence'"):
        chosen_claims(["coherent"])


def test_a_lane_is_the_run_of_its_config() -> None:
    found = train_setup("fast demo", num_steps=3)
    assert [(config.weights_seed, config.tasks_seed) for config in found.configs] == [(seed, seed) for seed in SEEDS]
    for lane, config in enumerate(found.configs):
        _, state, _ = replay(replace(config, {"evaluation_tasks": 2}), [], num_steps=3)
        for name, value in state.meta.theta.items():
            np.testing.assert_allclose(found.end[name][lane], value[0].numpy(), rtol=1e-4, atol=1e-5)
            assert found.start[name][lane].shape == value[0].shape
    assert not np.array_equal(found.start["w0"][0], found.end["w0"][0])


def test_every_lane_of_an_axis_has_its_alpha() -> None:
    configs = SETUPS["alphas"].configs
    assert [config.alpha for config in configs[::3]] == [3e-05, 0.0003, 0.003, 0.03]
    assert [config.weights_seed for config in configs[:3]] == list(SEEDS)


def test_every_lane_of_few_tasks_has_its_number() -> None:
    configs = SETUPS["few tasks"].configs
    assert [config.num_training_tasks for config in configs[::3]] == [3, 30, 300]
    fixed, shuffled = (SETUPS[f"{labels} labels"].configs[0] for labels in ("fixed", "shuffled"))
    assert replace(fixed, {"tasks": shuffled.tasks}) == shuffled != fixed


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize("claim", CLAIMS, ids=[claim.name for claim in CLAIMS])
def test_every_figure_is_measured_at_every_seed(claim: Claim, trained: dict[str, object]) -> None:
    found = measure_claim(claim.name, {name: trained[name] for name in claim.setups})  # type: ignore[misc]
    for expected in claim.expected:
        assert len(found[expected.figure]) == len(SEEDS)
        assert np.isfinite(found[expected.figure]).all()


@pytest.fixture(scope="module")
def trained() -> dict[str, object]:
    return {name: train_setup(name, num_steps=2) for name in SETUPS}


def network(theta: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    for w, b in zip(theta[:-2:2], theta[1:-2:2], strict=True):
        x = torch.relu(x @ w + b)
    return x @ theta[-2] + theta[-1]


def after_a_step(theta: list[torch.Tensor], alpha: float, support: Examples, loss: Any) -> list[torch.Tensor]:
    theta = [value.clone().requires_grad_() for value in theta]
    slopes = torch.autograd.grad(loss(network(theta, support.x), support.y), theta)
    return [(value - alpha * slope).detach() for value, slope in zip(theta, slopes, strict=True)]


def one_by_one(tasks: Tasks) -> list[tuple[Examples, Examples]]:
    """Support and query of each task."""
    (xs, ys), (query_xs, query_ys) = tasks.support, tasks.query
    return [(Examples(*one[:2]), Examples(*one[2:])) for one in zip(xs, ys, query_xs, query_ys, strict=True)]


@pytest.mark.thorough
@pytest.mark.slow
def test_what_few_tasks_and_fixed_labels_come_to_is_a_plain_loop_over_tasks(trained: dict[str, Any]) -> None:
    few, fixed = trained["few tasks"], trained["fixed labels"]
    config, problem = few.configs[0], build_problem(few.configs[0])
    theta_0 = [torch.tensor(value[0], dtype=torch.float32) for value in few.end.values()]
    medians = []
    for tasks in (
        held_out_tasks(config, problem, num_tasks=500),
        training_tasks(replace(config, {"meta_batch_size": 500}), problem, 1_000_000),
    ):
        losses = []
        for support, query in one_by_one(tasks):
            theta = theta_0
            for _ in range(config.num_inner_steps):
                theta = after_a_step(theta, config.alpha, support, functional.mse_loss)
            losses.append(float(functional.mse_loss(network(theta, query.x), query.y)))
        medians.append(np.median(losses))
    gaps = measure_claim("number-of-tasks", {"few tasks": few})
    name = "loss on new tasks minus on those of training, 3 tasks"
    np.testing.assert_allclose(gaps[name][0], medians[0] - medians[1], atol=1e-4)

    config, problem = fixed.configs[0], build_problem(fixed.configs[0])
    theta_0 = [torch.tensor(value[0], dtype=torch.float32) for value in fixed.end.values()]
    known = training_tasks(replace(config, {"meta_batch_size": 100}), problem, 1_000_000)
    right: dict[int, list[float]] = {0: [], 1: []}
    for support, query in one_by_one(known):
        for turn in right:  # every class has the next one's number in the support
            labels = functional.one_hot((support.y.argmax(1) + turn) % 5, 5).float()
            theta = after_a_step(theta_0, config.alpha, Examples(support.x, labels), functional.cross_entropy)
            said = network(theta, query.x).argmax(1)
            right[turn].append(float((said == query.y.argmax(1)).float().mean()))
    found = measure_claim("memorisation", {name: trained[name] for name in ("fixed labels", "shuffled labels")})
    for turn, name in enumerate(
        ("accuracy on training tasks, fixed labels", "the same with the support numbered otherwise")
    ):
        np.testing.assert_allclose(found[name][0], np.mean(right[turn]), atol=0.003)


def test_a_training_that_diverged_has_no_figures() -> None:
    begun = train_setup("sinusoid", num_steps=0)
    lost = {name: value.copy() for name, value in begun.end.items()}
    lost["w0"][1] = np.nan
    found = measure_claim("more-steps", {"sinusoid": begun._replace(end=lost)})
    assert np.isnan(found["median loss after 10 steps over after 3"]).tolist() == [False, True, False]


@pytest.mark.thorough
@pytest.mark.slow
def test_the_command_prints_verdicts_and_ends_with_a_summary() -> None:
    """After two outer steps nothing has been learned, so that this claim does not hold, and the exit code says so."""
    found = maml("reproduce", "phenomena", "--only", "task-vectors", "--steps", "2", "--workers", "1", code=1)
    assert "| task-vectors | R² of the polar coordinates at the start |" in found.stdout
    assert found.stdout.strip().splitlines()[-1].startswith("0 of 1 claims hold at seeds 0, 1, 2; not: task-vectors (")
    found = maml("reproduce", "phenomena", "--only", "task-vectors", "--steps", "2", "--workers", "1", "--json", code=1)
    (one,) = json.loads(found.stdout)
    assert (one["claim"], one["holds"]) == ("task-vectors", False)
    assert "0 of 1 claims hold" in said(found)


@pytest.mark.slow
def test_the_command_comes_back_well_where_all_that_was_asked_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    easy = (CLAIMS[4]._replace(expected=(Expectation("R² of the polar coordinates after", low=-1.0),)),)
    monkeypatch.setattr("maml_core.cli.reproduce.chosen_claims", lambda _: easy)
    found = maml("reproduce", "phenomena", "--steps", "1", "--workers", "1")
    assert found.stdout.strip().splitlines()[-1].startswith("1 of 1 claims hold")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--only", "nothing"), "one of alpha-curvature"),
        (("--scale", "paper"), "scale = 'paper' is not accepted: phenomena has none"),
        (("--tasks", "20"), "tasks = '20' is not accepted: phenomena has none"),
        (("--seed", "3"), "seed = '3' is not accepted"),
        (("--folder", "here"), "folder = 'here' is not accepted"),
        (("--device", "cuda"), "phenomena is computed on processors"),
        (("--steps", "0"), "steps = 0"),
    ],
    ids=str,
)
def test_what_phenomena_does_not_have_is_refused(arguments: tuple[str, str], sentence: str) -> None:
    assert sentence in said(maml("reproduce", "phenomena", *arguments, code=2))
