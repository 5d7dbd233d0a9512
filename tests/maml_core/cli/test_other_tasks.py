"""`maml evaluate --set`: a run on other tasks of its family than it was trained on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from maml_core.cli import app
from maml_core.config import SinusoidConfig, replace
from maml_core.evaluation import concatenated, evaluate, in_groups, summarize
from maml_core.problem import build_problem
from maml_core.run_state import rule
from maml_core.state_bytes import state_from_bytes
from maml_core.store import RunStore

SMALL = ["--meta-batch-size", "2", "--evaluation-tasks", "2", "--no-joint-baseline", "--steps", "3"]


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAML_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("MAML_DATA", str(tmp_path / "data"))
    return tmp_path


def maml(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, (result.output, result.exception)
    return result


def losses(*arguments: str) -> list[float]:
    found = json.loads(maml("evaluate", "it", "--tasks", "30", "--eval-steps", "2", "--json", *arguments).stdout)
    mean: list[float] = found["results"][0]["mean"]
    return mean


def test_the_tasks_are_those_that_are_asked_for_and_the_run_stays(root: Path) -> None:
    maml("train", *SMALL, "--hidden-widths", "5", "--name", "it")
    saved = RunStore().load("it")
    before = {path.name: path.read_bytes() for path in (root / "runs" / "it").iterdir()}
    more = ["--set", "tasks.amplitude=6,9", "--set", "tasks.noise_std=0.5", "--set", "num_query=3"]
    found = losses(*more)
    config = replace(
        saved.config,
        {
            "tasks": SinusoidConfig(amplitude=(6.0, 9.0), noise_std=0.5),
            "num_query": 3,
            "evaluation_tasks": 30,
            "evaluation_steps": 2,
        },
    )
    problem, state = build_problem(config), state_from_bytes(saved.state)
    how = rule(config, problem, state.meta)
    parts = [
        evaluate(state.meta.theta, part, problem=problem, num_steps=2, how=how) for part in in_groups(config, problem)
    ]
    np.testing.assert_array_equal(found, summarize(concatenated(parts)).mean)
    assert found[0] > 4 * losses()[0]
    assert losses("--shots", "5", *more) != found
    shown = maml("evaluate", "it", "--tasks", "5", *more).stdout
    assert "tasks.amplitude = 6,9 (trained with 0.1,5)" in shown
    assert {path.name: path.read_bytes() for path in (root / "runs" / "it").iterdir()} == before


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        (
            "model.hidden_widths=4",
            "theta_0 was trained with what the run has; what can be another here: num_query, test_alpha, tasks.",
        ),
        ("alpha=0.1", "what can be another here"),
        ("amplitude=1,2", "did you mean 'tasks.amplitude'?"),
        ("tasks=linear", "what can be another here"),
        ("shots=5", "it has an option of its own here: --shots"),
        ("evaluation_seed=5", "--seed"),
        ("tasks.amplitude=9,1", "tasks.amplitude"),
        ("tasks.nothing=1", "what can be another here"),
    ],
)
def test_what_is_no_other_task_is_refused(assignment: str, words: str) -> None:
    maml("train", *SMALL, "--hidden-widths", "5", "--name", "it")
    result = maml("evaluate", "it", "--set", assignment, code=2)
    assert words in result.stderr
    assert (result.stdout, result.stderr.count("\n")) == ("", 1)


@pytest.mark.parametrize(
    ("tasks", "assignment", "words"),
    [
        (["linear"], "tasks.num_features=2", "the network of the run has 1 input and 1 output"),
        (
            ["glyphs", "--ways", "3", "--model", "mlp", "--hidden-widths", "4", "--shots", "1"],
            "tasks.ways=4",
            "and 3 outputs",
        ),
    ],
)
def test_tasks_that_the_network_does_not_fit_are_refused(tasks: list[str], assignment: str, words: str) -> None:
    maml("train", *SMALL, "--tasks", *tasks, "--name", "it")
    assert words in maml("evaluate", "it", "--set", assignment, code=2).stderr


def test_what_is_asked_for_stands_above_the_held_out_tasks_of_the_run() -> None:
    maml("train", *SMALL, "--hidden-widths", "5", "--test-amplitude", "6,9", "--name", "it")
    near, further = losses("--set", "tasks.amplitude=1,2"), losses("--set", "tasks.test_amplitude=20,30")
    assert near[0] < losses()[0] < further[0]


def test_another_alpha_at_test_is_taken() -> None:
    maml("train", *SMALL, "--hidden-widths", "5", "--name", "it")
    assert losses("--set", "test_alpha=0")[-1] == losses("--set", "test_alpha=0")[0]
    assert losses("--set", "test_alpha=0.05") != losses()
    shown = maml("evaluate", "it", "--tasks", "5", "--set", "test_alpha=0.05").stdout
    assert "every inner step uses alpha = 0.05" in shown
    assert "test_alpha = 0.05 (trained with none)" in shown


def test_what_is_of_training_alone_is_refused() -> None:
    maml("train", *SMALL, "--tasks", "glyphs", "--model", "mlp", "--hidden-widths", "4", "--shots", "1", "--name", "it")
    result = maml("evaluate", "it", "--set", "tasks.labels=fixed", code=2)
    assert "what can be another here: num_query, test_alpha, tasks.ways, tasks.difficulty" in result.stderr


def test_harder_glyphs_are_other_tasks() -> None:
    maml(
        "train",
        *SMALL,
        *[
            "--tasks",
            "glyphs",
            "--ways",
            "3",
            "--model",
            "mlp",
            "--hidden-widths",
            "4",
            "--shots",
            "1",
            "--num-query",
            "2",
        ],
        "--name",
        "it",
    )
    assert losses("--set", "tasks.difficulty=0.9") != losses()
