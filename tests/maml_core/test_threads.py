"""The same bits, however many threads torch has."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys

import pytest
import torch

from maml_core.config import ConvConfig, GlyphsConfig, RunConfig
from maml_core.problem import build_problem, held_out_tasks
from maml_core.records import View
from maml_core.runs import init_run, replay
from maml_core.snapshots import snapshot
from maml_core.threads import single_threaded

CONFIG = RunConfig(
    tasks=GlyphsConfig(),
    model=ConvConfig(num_filters=16),
    alpha=0.4,
    shots=1,
    num_query=3,
    meta_batch_size=3,
    evaluation_tasks=4,
    evaluation_steps=1,
    evaluate_every=1,
    joint_baseline=False,
)
"""A convolutional network, whose sums are divided among threads."""

PROGRAM = """
import json, sys, torch
torch.set_num_threads(int(sys.argv[1]))
from maml_core.evaluation import evaluate
from maml_core.inner import Adaptation
from maml_core.problem import build_problem, held_out_tasks
from maml_core.runs import replay
from tests.maml_core.test_threads import CONFIG
_, state, records = replay(CONFIG, [], num_steps=2)
problem = build_problem(CONFIG)
found = evaluate(state.meta.theta, held_out_tasks(CONFIG, problem), problem=problem, how=Adaptation(0.4), num_steps=1)
print(json.dumps([records.query_loss.tolist(), records.held_out_after.tolist(), found.query_loss.flatten().tolist(),
                  torch.get_num_threads()]))
"""


def printed(threads: int) -> list[object]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(threads)],
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    found: list[object] = json.loads(done.stdout)
    return found


@pytest.mark.thorough
def test_a_replay_in_python_has_the_bits_of_a_worker_with_one_thread() -> None:
    """The command line and the page compute with one thread; torch's default in Python is one for each core."""
    one, two = printed(1), printed(2)
    assert one[:3] == two[:3]
    assert (one[3], two[3]) == (1, 2)  # torch is left as it was


def test_within_it_torch_has_one_thread_and_afterwards_as_many_as_before() -> None:
    seen = []

    @single_threaded
    def look(fail: bool) -> None:
        seen.append(torch.get_num_threads())
        if fail:
            raise RuntimeError("stop")

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        look(False)
        with contextlib.suppress(RuntimeError):
            look(True)
        assert (seen, torch.get_num_threads()) == ([1, 1], 3)
    finally:
        torch.set_num_threads(before)


def test_every_way_into_the_engine_computes_with_one_thread() -> None:
    """What these call is seen from within: the loss of the problem."""
    seen: set[int] = set()
    problem = build_problem(CONFIG)

    def loss(prediction: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        seen.add(torch.get_num_threads())
        return problem.loss(prediction, y)

    spied = dataclasses.replace(problem, loss=loss)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        state = init_run(CONFIG, problem=spied)
        replay(CONFIG, [], num_steps=1, problem=spied)
        snapshot(CONFIG, state, View(), problem=spied)
        held_out_tasks(CONFIG, problem)
    finally:
        torch.set_num_threads(before)
    assert seen == {1}
