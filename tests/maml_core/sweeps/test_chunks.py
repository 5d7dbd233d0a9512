"""Chunks of a sweep: how a batch crosses the executor's seam."""

from __future__ import annotations

import pickle
import random
import subprocess
import sys
from dataclasses import replace as changed

import numpy as np
import pytest

from maml_core.config import MLPConfig, RunConfig
from maml_core.errors import StateError
from maml_core.execution import ChunkPool
from maml_core.sweeps.chunks import LanesRequest, LanesResult, run_lanes
from maml_core.sweeps.lane_bytes import RecentLanes, lanes_from_bytes, lanes_to_bytes
from maml_core.sweeps.lanes import Batch, init_lanes, outer_step
from tests.maml_core.helpers import same
from tests.maml_core.sweeps.helpers import lane_runs, trained

CONFIGS = lane_runs({}, {"alpha": 0.05}, {"beta": 0.01, "weights_seed": 1}, {"tasks_seed": 3})
NORMED = {"model": MLPConfig(hidden_widths=(5,), activation="tanh", batch_norm=True), "batch_norm_treatment": "running"}


def results(result: LanesResult) -> tuple[object, ...]:
    """What must not depend on how a batch is cut into chunks."""
    return result.state, result.step, result.lanes, result.summaries, result.curvatures


@pytest.mark.parametrize("remembered", [True, False])
def test_how_a_batch_is_cut_into_chunks_does_not_matter(remembered: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not remembered:
        monkeypatch.setattr(RecentLanes, "MAX_BYTES", 0)
    whole = trained(CONFIGS, 9)
    request = LanesRequest(configs=CONFIGS, until=4)
    parts = [run_lanes(request)]
    for until in (5, 9):
        parts.append(run_lanes(changed(request, state=parts[-1].state, until=until)))
    assert same(results(parts[-1]), results(whole))
    assert same(np.concatenate([part.query_loss for part in parts]), whole.query_loss)
    assert np.concatenate([part.steps for part in parts]).tolist() == whole.steps.tolist() == list(range(9))


def test_a_budget_takes_one_step_at_least_and_does_not_evaluate_before_the_end() -> None:
    found = trained(CONFIGS, 9, budget_s=0.0)
    assert (found.step, len(found.query_loss)) == (1, 1)
    assert found.summaries is None
    assert found.curvatures is None
    assert 0.0 < found.advance_s < found.cpu_s


def test_where_the_end_is_reached_already_lanes_are_judged_and_not_moved() -> None:
    before = trained(CONFIGS, 3, evaluate=False)
    assert before.summaries is None
    after = run_lanes(LanesRequest(configs=CONFIGS, state=before.state, until=3))
    assert (after.state, after.query_loss.shape) == (before.state, (0, 4))
    assert same(after.summaries, trained(CONFIGS, 3).summaries)


def test_dropped_lanes_leave_and_the_others_go_on_as_before() -> None:
    start = trained(CONFIGS, 3)
    request = LanesRequest(configs=CONFIGS, state=start.state, until=8)
    whole, fewer = run_lanes(request), run_lanes(changed(request, drop=(0, 2)))
    assert fewer.lanes == fewer.query_lanes == (1, 3)
    assert fewer.stopped == ()
    np.testing.assert_allclose(fewer.query_loss, whole.query_loss[:, [1, 3]], rtol=1e-12)
    again = run_lanes(changed(request, state=fewer.state, until=9, drop=(0, 1)))
    assert again.lanes == (3,)


def test_a_batch_whose_last_lane_has_left_stands_still() -> None:
    configs = lane_runs({"alpha": 100.0}, {"alpha": 90.0}, num_inner_steps=5)
    found = trained(configs, 5)
    assert (found.lanes, found.step, found.query_loss.shape) == ((), 1, (1, 2))
    assert {stop.lane for stop in found.stopped} == {0, 1}
    after = run_lanes(LanesRequest(configs=configs, state=found.state, until=5))
    assert (after.state, after.lanes, after.stopped, after.summaries) == (found.state, (), (), None)


def test_a_batch_that_loses_its_last_lane_at_the_end_has_nothing_to_judge() -> None:
    found = trained(lane_runs({"alpha": 100.0}, num_inner_steps=5), 1)
    assert found.summaries == ()
    assert found.curvatures is not None
    assert found.curvatures.shape == (0,)


@pytest.mark.parametrize("common", [{}, {"outer_optimizer": "sgd"}, NORMED, {"algorithm": "meta_sgd"}], ids=str)
def test_lanes_are_read_as_they_were_written(common: dict[str, object]) -> None:
    batch = Batch.from_configs(lane_runs({}, {"alpha": 0.05}, **common))
    lanes, _ = init_lanes(batch)
    for _ in range(3):
        lanes = outer_step(batch, lanes).lanes
    assert same(lanes_from_bytes(lanes_to_bytes(lanes)), lanes)


@pytest.mark.parametrize(
    "other",
    [
        CONFIGS[:3],
        lane_runs({}, {}, {}, {}, model=MLPConfig(hidden_widths=(7, 5))),
        lane_runs({}, {}, {}, {}, outer_optimizer="sgd"),
        lane_runs({}, {}, {}, {}, algorithm="meta_sgd"),
        lane_runs({}, {}, {}, {}, dtype="float32"),
    ],
    ids=["fewer", "model", "optimiser", "algorithm", "dtype"],
)
def test_lanes_of_other_configs_are_refused(other: tuple[RunConfig, ...]) -> None:
    state = trained(CONFIGS, 1, evaluate=False).state
    with pytest.raises(StateError, match="other configs"):
        run_lanes(LanesRequest(configs=other, state=state, until=2))


def test_damaged_bytes_are_refused_or_read_as_lanes() -> None:
    data, chance, refused = trained(CONFIGS, 1, evaluate=False).state, random.Random(0), 0
    for _ in range(300):
        damaged = bytearray(data)
        damaged[chance.randrange(600)] = chance.randrange(256)
        try:
            lanes_from_bytes(bytes(damaged))
        except StateError:
            refused += 1
    assert refused > 100
    with pytest.raises(StateError, match="not the lanes"):
        lanes_from_bytes(b"")


def test_a_worker_process_computes_what_this_one_computes() -> None:
    request = LanesRequest(configs=CONFIGS, until=3)
    with ChunkPool(1) as pool:
        there = pool.submit(run_lanes, request).result()
    assert same(results(there), results(run_lanes(request)))
    assert pickle.loads(pickle.dumps(request)) == request


def test_asking_for_lanes_needs_no_torch() -> None:
    code = (
        "import sys, maml_core.sweeps.chunks as c, maml_core.sweeps.frozen; from maml_core.config import RunConfig;"
        "c.max_lanes(RunConfig()); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
