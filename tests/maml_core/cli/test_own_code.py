"""A problem of one's own by the name of its code: through training, resuming and judging, and imported only where its owner names it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from maml_core.chunks import ChunkRequest, run_chunk
from maml_core.cli import app
from maml_core.config import RunConfig
from maml_core.errors import ConfigError
from maml_core.families.own import OwnCode
from maml_core.own_code import problem_named
from maml_core.runs import replay
from maml_core.state_bytes import state_from_bytes
from maml_core.store import RunStore, load_run, run_info
from tests.maml_core.helpers import same
from tests.maml_core.own_module import own_module, rewritten

SMALL = ["--meta-batch-size", "2", "--evaluation-tasks", "4"]


@pytest.fixture(name="module")
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with own_module(tmp_path, monkeypatch) as name:
        yield name


def maml(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments])


def trained(module: str, steps: int = 4) -> Result:
    return maml("train", "--problem", f"{module}:problem", "--steps", str(steps), "--name", "mine", *SMALL)


def test_it_is_trained_resumed_and_judged(module: str, tmp_path: Path) -> None:
    done = trained(module)
    assert done.exit_code == 0, done.output
    assert f"maml evaluate mine --problem {module}:problem" in " ".join(done.output.split())
    done = maml("train", "--resume", "mine", "--problem", f"{module}:problem", "--steps", "7", "--alpha", "0.05")
    assert done.exit_code == 0, done.output
    run = load_run(RunStore().folder("mine"))
    assert (run.step, run.own_problem, run.config.alpha) == (7, True, 0.05)
    whole = replay(run.start, run.timeline, num_steps=7, problem=problem_named(f"{module}:problem"))[1]
    assert same(state_from_bytes(run.state), whole)
    for more in ([], ["--step", "2"]):
        done = maml("evaluate", "mine", "--problem", f"{module}:problem", "--tasks", "10", *more)
        assert done.exit_code == 0, done.output
    assert (tmp_path / "imported").read_text() == "x"


def test_another_problem_under_its_name_is_refused(module: str, tmp_path: Path) -> None:
    assert trained(module).exit_code == 0
    text = (tmp_path / f"{module}.py").read_text()
    rewritten(tmp_path, module, text.replace("momentum(0.5)", "momentum(0.9)"))
    done = maml("train", "--resume", "mine", "--problem", f"{module}:problem", "--steps", "7")
    assert done.exit_code == 2
    assert "it is another problem than the one that this was begun with" in " ".join(done.output.split())
    (tmp_path / f"{module}_b.py").write_text(text)  # it has moved
    done = maml("train", "--resume", "mine", "--problem", f"{module}_b:problem", "--steps", "7")
    assert done.exit_code == 0, done.output


def test_no_command_that_does_not_name_it_imports_it(module: str, tmp_path: Path) -> None:
    assert trained(module).exit_code == 0
    (tmp_path / "imported").unlink()
    sys.modules.pop(module)
    assert load_run(RunStore().folder("mine")).config.tasks.called == f"{module}:problem, Python code"
    assert maml("runs", "export", "mine", "--zip").exit_code == 0
    assert maml("runs", "rename", "mine", "yours").exit_code == 0
    for command, code in (
        (["runs", "list"], 0),
        (["runs", "show", "yours"], 0),
        (["runs", "states", "yours"], 0),
        (["runs", "import", "mine.zip", "--name", "mine"], 0),
        (["runs", "export", "mine", "--script", "--force"], 2),
        (["evaluate", "mine"], 2),
        (["train", "--resume", "mine", "--steps", "9"], 2),
        (["adapt", "yours", "points.csv"], 2),
    ):
        done = maml(*command)
        assert done.exit_code == code, done.output
    assert run_info(RunStore().folder("mine")).own_problem
    with pytest.raises(ConfigError, match="run only where its owner names it"):
        run_chunk(ChunkRequest(config=load_run(RunStore().folder("mine")).config, state=RunStore().load("mine").state))
    assert not (tmp_path / "imported").exists()
    assert module not in sys.modules


def test_a_shared_server_imports_nothing(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAML_SHARED", "1")
    done = trained(module)
    assert done.exit_code == 2
    assert "a shared server (MAML_SHARED) runs nobody's own code" in done.output
    with pytest.raises(ConfigError, match="MAML_SHARED"):
        run_chunk(ChunkRequest(config=RunConfig(), code=OwnCode(f"{module}:problem")))
    assert not (tmp_path / "imported").exists()
    assert not (tmp_path / "runs" / "mine").exists()


REFUSED = {
    "{module}": "module:attribute is expected, such as my_tasks:problem",
    "{module}:": "module:attribute is expected",
    "../{module}:problem": "module:attribute is expected",
    "no_such_module_here:problem": "there is no module no_such_module_here, neither installed nor in",
    "{module}:other": "its module cannot be used",
    "{module}:number": "it gives a int; name a Problem",
    "{module}:planes": "calling it fails: it cannot be computed (TypeError",
    "{module}:momentum": "it gives a InnerOptimizer; name a Problem",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_problem_is_refused_with_what_to_do(name: str, module: str) -> None:
    with pytest.raises(ConfigError) as refused:
        problem_named(name.format(module=module))
    assert REFUSED[name] in str(refused.value)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import nothing_like_it", "its module asks for nothing_like_it"),
        ("1 / 0", "importing its module fails (ZeroDivisionError"),
    ],
)
def test_a_module_that_fails_says_how(code: str, said: str, module: str, tmp_path: Path) -> None:
    (tmp_path / f"{module}.py").write_text(code)
    done = trained(module)
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())


def test_a_run_that_its_settings_name_takes_none(module: str) -> None:
    assert maml("train", "--steps", "2", "--name", "plain", *SMALL).exit_code == 0
    for command in (["train", "--resume", "plain"], ["evaluate", "plain"]):
        done = maml(*command, "--problem", f"{module}:problem")
        assert done.exit_code == 2
        assert "was trained on what its settings name; leave it out" in " ".join(done.output.split())


def test_tasks_of_its_own_have_no_settings(module: str) -> None:
    assert trained(module).exit_code == 0
    done = maml("evaluate", "mine", "--problem", f"{module}:problem", "--set", "tasks.amplitude=1,2")
    assert done.exit_code == 2
    assert "the tasks are those of your own problem" in " ".join(done.output.split())


TABLE = """
import numpy as np
from torch import nn

from maml_core import ModuleModel, Problem, TableTasks

rng = np.random.default_rng(0)
x, clinics = rng.normal(size=(100, 1)), np.arange(100) % 10
problem = Problem(family=TableTasks(x, x[:, 0] * clinics, clinics), model=ModuleModel(nn.Linear(1, 1)))
"""


def test_of_a_table_the_groups_are_counted_that_the_held_out_tasks_are_draws_of(module: str, tmp_path: Path) -> None:
    rewritten(tmp_path, module, TABLE)
    points = ["--shots", "3", "--num-query", "3"]
    assert (
        maml("train", "--problem", f"{module}:problem", "--steps", "2", "--name", "mine", *SMALL, *points).exit_code
        == 0
    )
    judged = ["evaluate", "mine", "--problem", f"{module}:problem", "--tasks", "20"]
    words = " ".join(maml(*judged).output.split())
    assert "They are draws of the 2 groups of the table that are held out: the intervals are of these groups" in words
    assert json.loads(maml(*judged, "--json").stdout)["groups"] == 2
