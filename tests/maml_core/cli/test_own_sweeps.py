"""A sweep of a problem of one's own: each lane the single run of its setting, gone on with where its owner names the code, and imported for nothing else."""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from maml_core.cli import app
from maml_core.config import ConvConfig, PythonConfig, RunConfig, from_dict, replace, to_dict
from maml_core.divergence import DIVERGED_FACTOR
from maml_core.errors import ConfigError
from maml_core.evaluation import evaluate
from maml_core.execution import ChunkPool
from maml_core.families.own import OwnCode
from maml_core.own_code import first_losses, problem_named, tasks_named
from maml_core.problem import build_problem, held_out_tasks
from maml_core.run_state import rule
from maml_core.runs import replay
from maml_core.sizes import network_size
from maml_core.sweeps.axes import axis_from_text
from maml_core.sweeps.catalog import list_sweeps
from maml_core.sweeps.chunks import LanesRequest, run_lanes
from maml_core.sweeps.definition import lane_configs
from maml_core.sweeps.driver import Sweeping, run_sweep
from maml_core.sweeps.results import cap_of
from maml_core.sweeps.study import load_sweep
from tests.maml_core.own_module import CODE, forget, is_imported, own_module, written
from tests.maml_core.sweeps.own_sweep import Here, begun

SMALL = ["--meta-batch-size", "2", "--evaluation-tasks", "4", "--num-query", "5", "--dtype", "float64"]
AXES = ["--axis", "alpha=0.05,0.1", "--axis", "N=1,2"]


@pytest.fixture(name="module")
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with own_module(tmp_path, monkeypatch) as name:
        yield name


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def computing(*_: Any) -> Iterator[Here]:
        yield Here()

    monkeypatch.setattr("maml_core.cli.sweep.computing", computing)
    monkeypatch.setattr("maml_core.sweeps.budget.PROBE_S", 0.01)


def maml(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, [*arguments])
    assert done.exit_code == code, (done.output, done.exception)
    return done


def said(done: Result) -> str:
    return " ".join(done.output.split())


def swept(module: str, *more: str, code: int = 0) -> Result:
    return maml(
        "sweep", "--problem", f"{module}:problem", *AXES, "--steps", "6", "--name", "mine", *SMALL, *more, code=code
    )


def test_every_setting_is_the_single_run_of_it(module: str) -> None:
    done = swept(module, "--seeds", "2")
    assert "The best of 4 settings is" in said(done)
    problem = problem_named(f"{module}:problem")
    with load_sweep("mine") as study:
        for one in study.results():
            for lane, config in zip(one.lanes, lane_configs(study.sweep, one.values), strict=True):
                _, state, _ = replay(config, [], num_steps=6, problem=problem)
                how = rule(config, problem, state.meta)
                steps = config.num_inner_steps
                tasks = held_out_tasks(config, problem)
                loss = evaluate(state.meta.theta, tasks, problem=problem, num_steps=steps, how=how).query_loss[steps]
                assert lane.loss == pytest.approx(float(loss.mean()), rel=1e-9)
        assert study.sweep.base.num_inputs == 2
        assert cap_of(study.sweep) == DIVERGED_FACTOR * study.sweep.base.tasks.zero_level()


def test_it_goes_on_to_the_same_bits_where_its_owner_names_it(module: str, tmp_path: Path) -> None:
    begun(module)
    assert "add --problem " in said(maml("sweep", "--resume", "mine", code=2))
    maml("sweep", "--resume", "mine", "--problem", f"{module}:problem")
    with load_sweep("mine") as study:
        found = [one.value for one in study.results()]
    maml("sweeps", "rename", "mine", "first")
    swept(module)
    with load_sweep("mine") as study:
        assert found == pytest.approx([one.value for one in study.results()], rel=1e-12)


def test_nothing_that_only_looks_imports_it(module: str, tmp_path: Path) -> None:
    begun(module)
    shutil.copytree(tmp_path / "sweeps", tmp_path / "from elsewhere")
    forget(tmp_path, module)
    assert f"tasks: {module}:problem, Python code" in maml("sweeps", "show", "mine").output
    for command in (
        ("list",),
        ("scores", "mine"),
        ("importance", "mine"),
        ("export", "mine", "--csv", "--seeds", "--curves"),
        ("rename", "mine", "yours"),
        ("delete", "yours", "--yes"),
    ):
        maml("sweeps", *command)
    elsewhere = str(tmp_path / "from elsewhere")
    assert [info.problem for info in list_sweeps(elsewhere)] == [None]
    maml("sweep", "--resume", "mine", "--storage", elsewhere, "--dry-run")
    refused = said(maml("sweep", "--resume", "mine", "--storage", elsewhere, code=2))
    assert f"this is of Python code, {module}:problem, which is run only where its owner names it" in refused
    with load_sweep("mine", storage=elsewhere) as study:
        assert len(study.frame()) == 4
        with pytest.raises(ConfigError, match="run only where its owner names it"):
            run_sweep(study.sweep, study, Here(), at_once=1)
        with pytest.raises(ConfigError, match="run only where its owner names it"):
            Sweeping(study.sweep, study)
        (config,) = lane_configs(study.sweep, study.results()[0].values)
    for act in (lambda: build_problem(config), lambda: run_lanes(LanesRequest(configs=(config,), until=1))):
        with pytest.raises(ConfigError, match="run only where its owner names it"):
            act()
    assert from_dict(to_dict(config)) == config
    assert not is_imported(tmp_path, module)


def test_a_shared_server_sweeps_nothing(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAML_SHARED", "1")
    assert "a shared server (MAML_SHARED) runs nobody's own code" in said(swept(module, code=2))
    assert not is_imported(tmp_path, module)
    assert not (tmp_path / "sweeps").exists()


def test_another_problem_does_not_go_on_with_it_and_its_own_does_by_another_name(module: str, tmp_path: Path) -> None:
    begun(module)
    for change in ("nn.HuberLoss()", "momentum(0.5)", "y = x @ w\n"):
        other = {"nn.HuberLoss()": "nn.L1Loss()", "momentum(0.5)": "momentum(0.9)", "y = x @ w\n": "y = 2 * x @ w\n"}[
            change
        ]
        wrong = written(tmp_path, CODE.replace(change, other))
        refused = said(maml("sweep", "--resume", "mine", "--problem", f"{wrong}:problem", code=2))
        assert "it is another problem than the one that this was begun with" in refused
    with load_sweep("mine") as study:
        assert sum(one.is_done for one in study.results()) == 1
    moved = written(tmp_path)
    maml("sweep", "--resume", "mine", "--problem", f"{moved}:problem")
    with load_sweep("mine") as study:
        assert {one.status for one in study.results()} == {"ok"}


def test_code_that_is_not_there_leaves_no_setting_out(module: str) -> None:
    begun(module)
    assert "there is no module no_such_module" in said(
        maml("sweep", "--resume", "mine", "--problem", "no_such_module:problem", code=2)
    )
    with load_sweep("mine") as study:
        assert sorted(one.status for one in study.results()) == ["ok", "waiting", "waiting", "waiting"]
        (config,) = lane_configs(study.sweep, study.results()[0].values)
    with pytest.raises(ConfigError, match="no module no_such_module"):
        run_lanes(LanesRequest(configs=(config,), until=1, code=OwnCode("no_such_module:problem")))
    with pytest.raises(ConfigError, match="another problem"):
        run_lanes(LanesRequest(configs=(config,), until=1, code=OwnCode(f"{module}:problem", (1.0, 2.0))))


def test_what_the_problem_has_nothing_for_is_left_out_with_the_reason(module: str) -> None:
    axes = ["--axis", "algorithm=maml,anil", "--axis", "num_training_tasks=none,3"]
    done = said(maml("sweep", "--problem", f"{module}:problem", *axes, "--steps", "3", "--name", "some", *SMALL))
    assert "2 of the 4 settings are left out" in done
    assert "takes no `among`, so it draws tasks without end" in done


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--hidden-widths", "3"], "the tasks and the network are those of your own problem"),
        (["--tasks", "linear"], "the tasks and the network are those of your own problem"),
        (["--axis", "width=3,4"], "no such field"),
        (["--axis", "depth=1,2"], "no such field"),
        (["--axis", "tasks.problem=a:b,c:d"], "no such field"),
        (["--shots", "11"], "at most 10, what a task has; ask for shots=10"),
    ],
)
def test_what_it_has_no_setting_of_is_refused(more: list[str], words: str, module: str, tmp_path: Path) -> None:
    assert words in said(swept(module, *more, code=2))
    assert list_sweeps() == []


def test_a_file_of_settings_does_not_import_what_it_names(module: str, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    tasks = f'[base.tasks]\nkind = "python"\nproblem = "{module}:problem"\n'
    file.write_text(f'num_steps = 2\n{tasks}[[axes]]\nname = "alpha"\nvalues = [0.1, 0.2]\n')
    assert f"--problem {module}:problem" in said(maml("sweep", "--config", str(file), *SMALL, code=2))
    train = tmp_path / "train.toml"
    train.write_text(tasks.replace("base.", ""))
    assert f"--problem {module}:problem" in said(maml("train", "--config", str(train), "--steps", "2", code=2))
    assert not is_imported(tmp_path, module)
    maml("sweep", "--config", str(file), "--problem", f"{module}:problem", "--name", "mine", *SMALL)
    with load_sweep("mine") as study:
        assert [one.status for one in study.results()] == ["ok", "ok"]


def test_settings_that_name_all_take_no_code(module: str, tmp_path: Path) -> None:
    maml("sweep", "--axis", "alpha=0.1,0.2", "--steps", "2", "--name", "plain", *SMALL)
    refused = said(maml("sweep", "--resume", "plain", "--problem", f"{module}:problem", code=2))
    assert "is of what its settings name; leave it out" in refused
    assert not is_imported(tmp_path, module)


def test_what_is_found_of_a_problem_stands_in_its_config(module: str) -> None:
    config = RunConfig(tasks=tasks_named(f"{module}:problem"))
    assert (config.num_inputs, config.num_outputs, config.classifies, config.image_shape) == (2, 1, False, None)
    assert network_size(config).parameters == 3
    with pytest.raises(ConfigError, match="the network is that of your own problem"):
        replace(config, {"model": ConvConfig()})
    for name in ("", "os", "os:", "../os:system", "os:system()", "os:system\n"):
        with pytest.raises(ConfigError, match="module:attribute is expected"):
            PythonConfig(problem=name)
    with pytest.raises(ConfigError, match="no such field"):
        axis_from_text("activation=relu,tanh", config)


def test_a_module_that_draws_while_it_is_imported_draws_the_same_in_every_process(tmp_path: Path, module: str) -> None:
    code = CODE.replace(", reinitialize=True", "").replace(
        "number = 3", "offset = np.random.normal() + random.random()"
    )
    code = code.replace("y = x @ w\n", "y = x @ w + offset\n").replace(
        "import Path\n", "import Path\nimport random\n\nimport numpy as np\n"
    )
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    one, other = (first_losses(f"{written(tmp_path, code)}:problem") for _ in range(2))
    assert one == other
    assert states == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())  # noqa: NPY002
    assert one != first_losses(f"{module}:problem")


def test_processes_import_it_and_who_asks_them_does_not(module: str, tmp_path: Path) -> None:
    begun(module)
    forget(tmp_path, module)
    with ChunkPool(1) as pool, load_sweep("mine") as study:
        results = run_sweep(study.sweep, study, pool, at_once=1, problem=f"{module}:problem")
    assert [one.status for one in results] == ["ok"] * 4
    assert is_imported(tmp_path, module)
    assert module not in sys.modules
