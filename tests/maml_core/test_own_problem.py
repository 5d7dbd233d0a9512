"""A run with a problem that no settings name says so: from Python it goes on, whatever has only its settings refuses it in a sentence."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from maml_core.chunks import ChunkRequest, run_chunk
from maml_core.cli import app
from maml_core.config import LinearConfig, RunConfig
from maml_core.errors import ConfigError, StateError, StoreError
from maml_core.exports.script import run_script
from maml_core.models import ModuleModel
from maml_core.problem import Problem, build_problem
from maml_core.runs import advance, init_run, replay
from maml_core.state_bytes import check_state, state_from_bytes, state_to_bytes
from maml_core.store import RunStore, SavedRun, default_root, load_run, run_info, save_run
from maml_core.sweeps.paired import task_losses
from tests.maml_core.helpers import same, tiny
from tests.maml_core.store.saved import contents


def huber(prediction: Tensor, target: Tensor) -> Tensor:
    return nn.functional.huber_loss(prediction, target, reduction="none").flatten(1).mean(1)


def other_tasks(config: RunConfig) -> Problem:
    """Linear tasks where the settings say sinusoids, for the network of the settings: every shape fits."""
    lines = build_problem(dataclasses.replace(config, tasks=LinearConfig()))
    return Problem(family=lines.family, model=build_problem(config).model)


PROBLEMS: dict[str, Callable[[RunConfig], Problem]] = {
    "own tasks": other_tasks,
    "own module": lambda config: Problem(family=build_problem(config).family, model=ModuleModel(nn.Linear(1, 1))),
    "own loss": lambda config: dataclasses.replace(build_problem(config), loss=huber),
    "of other settings": lambda config: build_problem(dataclasses.replace(config, tasks=LinearConfig())),
}


def trained(config: RunConfig, problem: Problem | None, steps: int = 4) -> SavedRun:
    """As people build it from Python: with nothing said of the problem."""
    _, state, records = replay(config, [], num_steps=steps, problem=problem)
    data = state_to_bytes(state)
    return SavedRun(
        name="mine", start=config, config=config, records=records, state=data, step=state.step, status=state.status
    )


CONFIG = tiny(joint_baseline=False)


@pytest.fixture(params=PROBLEMS)
def problem(request: pytest.FixtureRequest) -> Problem:
    return PROBLEMS[request.param](CONFIG)


@pytest.fixture
def saved(problem: Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAML_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    return RunStore().folder(RunStore().save(trained(CONFIG, problem)).name)


def test_a_saved_run_knows_that_its_problem_is_its_own(saved: Path) -> None:
    assert load_run(saved).own_problem
    assert run_info(saved).own_problem


@pytest.mark.parametrize(
    "command",
    [
        ["evaluate", "mine", "--tasks", "10"],
        ["train", "--resume", "mine", "--steps", "9"],
        ["train", "--resume", "mine", "--steps", "9", "--name", "other"],
        ["runs", "export", "mine", "--script"],
    ],
    ids=" ".join,
)
def test_the_command_line_refuses_it_in_a_sentence(command: list[str], saved: Path, tmp_path: Path) -> None:
    before = contents(saved)
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 2
    assert done.output.startswith("maml: mine was trained with a Problem of its own, from Python")
    assert len(done.output.splitlines()) == 1
    assert contents(saved) == before
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    assert [path.name for path in default_root().iterdir()] == ["mine"]


def test_what_needs_no_settings_is_still_there(saved: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["runs", "export", "mine", "--csv", "--zip"])
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.csv", "mine.zip", "runs"]
    assert "a Problem of its own" in CliRunner().invoke(app, ["runs", "show", "mine"]).output


def test_nothing_computes_with_its_settings(saved: Path) -> None:
    run = load_run(saved)
    state = state_from_bytes(run.state)
    with pytest.raises(StateError, match="a problem of its own"):
        run_chunk(ChunkRequest(config=run.config, state=run.state, num_steps=1))
    with pytest.raises(StateError, match="a problem of its own"):
        check_state(state, run.config, build_problem(run.config))
    with pytest.raises(StateError, match="a problem of its own"):
        task_losses(run.config, run.state)
    with pytest.raises(ConfigError, match="trained with a problem of its own"):
        advance(run.config, state, num_steps=1)
    with pytest.raises(StoreError, match="cannot be written as a script"):
        run_script(run)


def test_with_its_problem_it_goes_on_to_the_bit(problem: Problem, saved: Path) -> None:
    run = load_run(saved)
    state, _ = advance(run.config, state_from_bytes(run.state), num_steps=3, problem=problem)
    whole, _ = advance(CONFIG, init_run(CONFIG, problem=problem), num_steps=7, problem=problem)
    assert same(state, whole)
    assert state.own_problem


def test_a_run_that_went_on_with_an_own_problem_is_no_more_what_its_settings_say() -> None:
    state, _ = advance(CONFIG, init_run(CONFIG), num_steps=2)
    assert not state.own_problem
    state, _ = advance(CONFIG, state, num_steps=2, problem=other_tasks(CONFIG))
    assert state.own_problem


def test_the_problem_that_the_settings_name_is_not_an_own_one(tmp_path: Path) -> None:
    assert build_problem(CONFIG).is_of(CONFIG)
    assert build_problem(CONFIG).is_of(dataclasses.replace(CONFIG, alpha=0.5, shots=2))
    run = save_run(tmp_path / "run", trained(CONFIG, build_problem(CONFIG)))
    assert not run.own_problem
    assert b"own_problem" not in (tmp_path / "run" / "run.json").read_bytes()  # older versions read it
    assert not load_run(tmp_path / "run").own_problem


def test_a_state_of_before_is_of_its_settings(tmp_path: Path) -> None:
    run = trained(CONFIG, None)
    old = run.state.replace(b', \\"own_problem\\": false', b"")
    assert old != run.state
    length = int.from_bytes(old[:8], "little") - (len(run.state) - len(old))
    old = length.to_bytes(8, "little") + old[8:]
    assert same(state_from_bytes(old), state_from_bytes(run.state))
    assert not save_run(tmp_path / "run", dataclasses.replace(run, state=old)).own_problem


def test_a_module_on_another_device_type_is_compared_by_its_parts() -> None:
    problem = build_problem(CONFIG)
    assert dataclasses.replace(problem, device=torch.device("meta")).is_of(CONFIG)
    assert not dataclasses.replace(problem, loss=huber).is_of(CONFIG)
    assert not problem.is_of(dataclasses.replace(CONFIG, tasks=LinearConfig()))
