"""`maml evaluate`: the figures of the engine, and what is said of them."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

from maml_core.cli.console import percent
from maml_core.config import replace
from maml_core.evaluation import concatenated, evaluate, in_groups, summarize
from maml_core.problem import build_problem, held_out_tasks
from maml_core.rng import Stream
from maml_core.run_state import rule
from maml_core.state_bytes import state_from_bytes
from maml_core.store import RunStore, SavedRun
from tests.maml_core.cli.cases import SMALL_IMAGES, WILD, maml, said, shown, trained

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("root")]


def summary_of(run: SavedRun, **changes: Any) -> Any:
    config = replace(run.config, changes)
    problem, state = build_problem(config), state_from_bytes(run.state)
    how = rule(config, problem, state.meta)
    tasks = held_out_tasks(config, problem)
    return summarize(evaluate(state.meta.theta, tasks, problem=problem, num_steps=config.evaluation_steps, how=how))


@pytest.mark.parametrize(
    "switches",
    [
        ["--per-step-rates"],
        ["--algorithm", "meta_curvature"],
        ["--batch-norm", "--batch-norm-treatment", "running", "--per-step-statistics"],
    ],
    ids=shown,
)
def test_an_evaluation_is_the_engines(switches: list[str]) -> None:
    run = trained("run", "-N", "2", *switches)
    arguments = ["--tasks", "700", "--shots", "3", "--shots", "8", "--eval-steps", "5", "--seed", "9", "--json"]
    data = json.loads(maml("evaluate", "run", *arguments).stdout)
    assert (data["step"], data["tasks"], data["seed"], data["algorithm"]) == (20, 700, 9, run.config.algorithm)
    assert [result["shots"] for result in data["results"]] == [3, 8]
    for result in data["results"]:
        expected = summary_of(
            run, shots=result["shots"], evaluation_tasks=700, evaluation_seed=9, evaluation_steps=5
        )._asdict()
        assert set(result) == {"shots"} | {name for name, values in expected.items() if values is not None}
        for name in set(result) - {"shots"}:
            np.testing.assert_allclose(result[name], expected[name], rtol=1e-12)


@pytest.mark.usefixtures("omniglot")
@pytest.mark.parametrize("split", ["meta_validation", "meta_test"])
def test_classes_are_held_out_for_validation_and_for_the_test(split: str) -> None:
    maml("train", *SMALL_IMAGES, "--name", "run", "--steps", "5")
    run = RunStore().load("run")
    arguments = ["evaluate", "run", "--tasks", "70", "--eval-steps", "2", "--split", split]
    data = json.loads(maml(*arguments, "--json").stdout)
    assert (data["split"], data["tasks"]) == (split, 70)
    config = replace(run.config, {"evaluation_tasks": 70, "evaluation_steps": 2})
    problem, state = build_problem(config), state_from_bytes(run.state)
    stream = {"meta_validation": Stream.HELD_OUT_TASKS, "meta_test": Stream.TEST_TASKS}[split]
    groups = list(in_groups(config, problem, stream=stream))
    assert [len(group.parameters) for group in groups] == [50, 20]
    how = rule(config, problem, state.meta)
    expected = summarize(
        concatenated([evaluate(state.meta.theta, group, problem=problem, num_steps=2, how=how) for group in groups])
    )._asdict()
    for name in ("mean", "accuracy", "accuracy_ci95"):
        np.testing.assert_allclose(data["results"][0][name], expected[name], rtol=1e-6)
    text = maml(*arguments).stdout
    assert f"70 held-out tasks of {split}" in text
    for share, ci95 in zip(expected["accuracy"], expected["accuracy_ci95"]):
        assert f"{percent(share)} ± {percent(ci95)}" in text


def test_an_evaluation_takes_the_runs_own_shots_and_seed() -> None:
    run = trained("run", "--evaluation-seed", "5")
    data = json.loads(maml("evaluate", "run", "--tasks", "30", "--json").stdout)
    assert data["results"][0]["shots"] == 4
    expected = summary_of(run, evaluation_tasks=30, evaluation_steps=10)
    np.testing.assert_allclose(data["results"][0]["mean"], expected.mean, rtol=1e-12)


def test_the_table_says_everything() -> None:
    run = trained("run")
    text = maml("evaluate", "run", "--tasks", "30", "--shots", "2", "--eval-steps", "2").stdout
    expected = summary_of(run, shots=2, evaluation_tasks=30, evaluation_steps=2)
    assert "2 shots (trained at 4)" in text
    for mean, ci95, median in zip(expected.mean, expected.ci95, expected.median):
        assert f"{mean:.4f} ± {ci95:.4f}" in text
        assert f"{median:.4f}" in text
    for word in ("inner step", "median", "diverged", "30 held-out tasks"):
        assert word in text


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ([], "every inner step uses alpha = 0.01, those beyond N too"),
        (
            ["--per-step-rates"],
            "each inner step uses its own learned rates; further steps repeat the last step's rates",
        ),
        (["--algorithm", "meta_sgd"], "every inner step uses the one learned rate of each parameter"),
        (["--algorithm", "meta_curvature"], "every inner step uses the learned matrices and alpha = 0.01"),
        (["--batch-norm", "--per-step-norm"], "further steps repeat the last step's batch-norm scales and shifts"),
    ],
    ids=["alpha", "rates", "meta_sgd", "meta_curvature", "batch_norm"],
)
def test_the_rule_beyond_the_trained_steps_is_said(arguments: list[str], rule: str) -> None:
    trained("run", *arguments)
    assert rule in " ".join(maml("evaluate", "run", "--tasks", "5").stdout.split())
    assert rule in json.loads(maml("evaluate", "run", "--tasks", "5", "--json").stdout)["rule"]


def test_no_further_steps_are_spoken_of_where_there_are_none() -> None:
    trained("run", "--per-step-rates", "--num-inner-steps", "3")
    rules = [
        json.loads(maml("evaluate", "run", "--tasks", "5", "--eval-steps", n, "--json").stdout)["rule"] for n in "34"
    ]
    assert rules[0] == "Trained with N = 3; each inner step uses its own learned rates."
    assert rules[1].endswith("its own learned rates; further steps repeat the last step's rates.")


def test_a_loss_beyond_all_bounds_is_null_in_json() -> None:
    maml("train", *WILD, "--name", "wild", "--steps", "20", code=3)
    data = json.loads(maml("evaluate", "wild", "--tasks", "50", "--eval-steps", "60", "--json").stdout)
    assert data["results"][0]["mean"][-1] is None
    assert data["results"][0]["diverged_share"][-1] > 0


def test_a_loss_beyond_all_bounds_is_called_not_finite_whether_it_overflowed_or_is_no_number() -> None:
    maml("train", *WILD, "--name", "wild", "--steps", "20", code=3)
    table = maml("evaluate", "wild", "--tasks", "50", "--eval-steps", "60").stdout.partition("worse: the share")[0]
    assert "not finite" in table
    assert not re.search(r"\b(inf|nan)\b", table)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--tasks", "1"], "evaluation_tasks = 1 is not accepted"),
        (["--tasks", "-1"], "evaluation_tasks = -1 is not accepted"),
        (["--shots", "0"], "shots = 0 is not accepted"),
        (["--eval-steps", "-1"], "evaluation_steps = -1 is not accepted"),
        (["--seed", "-1"], "evaluation_seed = -1 is not accepted"),
        (["--tasks", "0"], "evaluation_tasks = 0 is not accepted"),
        (["--split", "meta_test"], "split = 'meta_test' is not accepted: the tasks of this run have no classes"),
    ],
    ids=shown,
)
def test_an_evaluation_that_makes_no_sense_is_a_sentence(arguments: list[str], sentence: str) -> None:
    trained("run")
    assert sentence in said(maml("evaluate", "run", *arguments, code=2))
