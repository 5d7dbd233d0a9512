"""What researchers come to do with a problem of their own, each in no more lines than another library's loop takes for it.

Lines are those that are not empty, of the whole script.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Example(NamedTuple):
    """A whole script, and how long it may be."""

    most_lines: int
    code: str


EXAMPLES = {
    "own module, own tasks of two inputs": Example(
        19,
        """
from torch import nn
from maml_core import ModuleModel, Problem, RunConfig, StreamTasks, replay

def planes(rng):
    while True:
        x, w = rng.uniform(-1, 1, (20, 2)), rng.normal(size=(2, 1))
        y = x @ w
        yield x[:10], y[:10], x[10:], y[10:]

net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
problem = Problem(family=StreamTasks(planes), model=ModuleModel(net, reinitialize=True))
config = RunConfig(alpha=0.1, beta=0.01, num_inner_steps=3, meta_batch_size=5, joint_baseline=False)
config, state, records = replay(config, [], num_steps=41, problem=problem)
assert records.held_out_after[-1] < 0.5 * records.held_out_after[0]
""",
    ),
    "another loss": Example(
        19,
        """
from torch import nn
from maml_core import ModuleModel, Problem, RunConfig, build_problem, replay

net = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))
problem = Problem(family=build_problem(RunConfig()).family, model=ModuleModel(net), loss=nn.HuberLoss())
config = RunConfig(meta_batch_size=5, evaluation_tasks=10)
config, state, records = replay(config, [], num_steps=2, problem=problem)
assert state.step == 2
""",
    ),
    "momentum inside": Example(
        12,
        """
from dataclasses import replace
from maml_core import RunConfig, build_problem, momentum, replay

config = RunConfig(meta_batch_size=5, evaluation_tasks=10, num_inner_steps=3)
problem = replace(build_problem(config), inner_optimizer=momentum(0.9))
config, state, records = replay(config, [], num_steps=2, problem=problem)
assert state.step == 2
""",
    ),
    "a table with a column of groups": Example(
        15,
        """
import numpy as np, pandas as pd
from torch import nn
from maml_core import ModuleModel, Problem, RunConfig, TableTasks, replay

rng = np.random.default_rng(0)
table = pd.DataFrame({"age": rng.normal(size=400), "dose": rng.normal(size=400), "clinic": np.arange(400) % 20})
table["effect"] = np.sin(table.clinic) * table.age + table.dose
model = ModuleModel(nn.Linear(2, 1), reinitialize=True)
problem = Problem(family=TableTasks.of_frame(table, group="clinic", target="effect"), model=model)
config = RunConfig(alpha=0.1, beta=0.03, shots=5, num_query=10, evaluate_every=40)
config, state, records = replay(config, [], num_steps=81, problem=problem)
print(records.held_out_after)
assert records.held_out_after[-1] < 0.7 * records.held_out_after[0]
""",
    ),
    "a DataLoader of tasks": Example(
        15,
        """
import torch
from torch.utils.data import DataLoader, TensorDataset
from maml_core import ModuleModel, Problem, RunConfig, StreamTasks, replay

x, w = torch.randn(60, 15, 2), torch.randn(60, 2, 1)
y = x @ w
tasks = TensorDataset(x[:, :5], y[:, :5], x[:, 5:], y[:, 5:])
family = StreamTasks(DataLoader(tasks, batch_size=4, sampler=range(40)), held_out=DataLoader(tasks, sampler=range(40, 60)))
problem = Problem(family=family, model=ModuleModel(torch.nn.Linear(2, 1)))
config = RunConfig(shots=5, meta_batch_size=4, evaluation_tasks=20, joint_baseline=False)
config, state, records = replay(config, [], num_steps=12, problem=problem)
assert state.step == 12
""",
    ),
    "log, checkpoints and early stopping": Example(
        10,
        """
from maml_core import RunConfig, iterate, load_run
config, best, patience = RunConfig(meta_batch_size=5, evaluation_tasks=20), float("inf"), 3
for now in iterate(config, num_steps=60, every=20):
    print(now.step, now.loss, now.held_out_loss)
    if now.held_out_loss < best:
        best, patience = now.held_out_loss, 3
        now.save("best")
    elif (patience := patience - 1) == 0:
        break
assert load_run("best").step in (20, 40, 60)
""",
    ),
    "other amplitudes at test": Example(
        11,
        """
from maml_core import RunConfig, SinusoidConfig, build_problem, evaluate, held_out_tasks, replace, replay, rule, summarize

config, state, _ = replay(RunConfig(meta_batch_size=5, evaluation_tasks=10), [], num_steps=2)
shifted = replace(config, {"tasks": SinusoidConfig(amplitude=(5, 10))})
problem = build_problem(shifted)
tasks, how = held_out_tasks(shifted, problem), rule(config, problem, state.meta)
print(summarize(evaluate(state.meta.theta, tasks, problem=problem, num_steps=3, how=how)).mean)
""",
    ),
    "theta_0 and theta_N as plain modules, and fine-tuned": Example(
        8,
        """
import torch
from maml_core import RunConfig, fine_tune, plain_module, replay

config, state, _ = replay(RunConfig(meta_batch_size=5, evaluation_tasks=10), [], num_steps=2)
x, y = [-1.0, 0.0, 2.0], [0.3, 1.1, 0.2]
torch.save(plain_module(config, state).state_dict(), "theta_0.pt")
theta_n = plain_module(config, state, support=(x, y), num_steps=5)
tuned = fine_tune(config, state, x, y, num_steps=20, optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=0.01))
""",
    ),
    "a prediction": Example(
        4,
        """
from maml_core import RunConfig, predict, replay

config, state, _ = replay(RunConfig(meta_batch_size=5, evaluation_tasks=10), [], num_steps=2)
print(predict(config, state, [-1.0, 0.0, 2.0], [0.3, 1.1, 0.2], [0.5, 1.0]))
""",
    ),
    "the outer loop by torch.optim": Example(
        12,
        """
import torch
from maml_core import MetaLearner, RunConfig, training_tasks

config = RunConfig(meta_batch_size=5)
learner = MetaLearner(config)
optimizer = torch.optim.AdamW(learner.parameters(), lr=1e-3, weight_decay=0.01)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
for step in range(10):
    loss = learner.backward(training_tasks(config, learner.problem, step))
    optimizer.step()
    schedule.step()
assert learner.state().step == 10
""",
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_in_few_lines(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    example = EXAMPLES[name]
    assert sum(bool(line.strip()) for line in example.code.splitlines()) <= example.most_lines
    assert all(len(line) <= 130 for line in example.code.splitlines())
    scope: dict[str, Any] = {"__name__": "example"}
    exec(compile(example.code, name, "exec", dont_inherit=True), scope)
