"""Lanes in their compiled form: the graph computes what the eager step computes, whatever number of lanes is left, and a sweep that changes to it
finds the same, and says since when."""

from __future__ import annotations

import dataclasses
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from maml_core.compiled.files import STEP
from maml_core.config import MLPConfig, RunConfig
from maml_core.records import Status
from maml_core.sweeps import compiled_lanes
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.batch import RunningBatch
from maml_core.sweeps.chunks import run_lanes
from maml_core.sweeps.compiled_lanes import CompiledLanes
from maml_core.sweeps.definition import Setting, SweepConfig
from maml_core.sweeps.driver import Sweeping
from maml_core.sweeps.lane_making import traced
from maml_core.sweeps.lanes import Batch, Step, init_lanes, outer_step
from maml_core.sweeps.results import LaneStop, SettingResult
from maml_core.sweeps.study import load_sweep, open_study
from maml_core.sweeps.tables import compiled_words, table
from tests.maml_core.helpers import tiny

NORMED = MLPConfig(hidden_widths=(6, 5), activation="tanh", batch_norm=True)
KINDS: dict[str, dict[str, Any]] = {
    "MAML": {"num_inner_steps": 2},
    "first order": {"order": "first"},
    "Meta-SGD": {"algorithm": "meta_sgd", "alpha": 0.01},
    "Reptile": {"algorithm": "reptile", "num_inner_steps": 3},
    "iMAML": {"algorithm": "imaml", "proximal": 2.0},
    "clipped": {"clip_norm": 0.5},
    "plain SGD": {"outer_optimizer": "sgd"},
    "multi-step loss": {"num_inner_steps": 2, "multi_step_loss": True},
    "running averages": {"model": NORMED, "batch_norm_treatment": "running"},
    "float32": {"dtype": "float32"},
}


@pytest.fixture(autouse=True)
def _switched_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAML_COMPILED", str(tmp_path / "compiled"))


def lanes_of(seeds: bool, **changes: Any) -> tuple[RunConfig, ...]:
    base = tiny(**{"joint_baseline": False, "num_inner_steps": 1, **changes})
    return tuple(
        dataclasses.replace(base, beta=0.001 * (i + 1), tasks_seed=i if seeds else 0, weights_seed=i) for i in range(6)
    )


def check_same(found: Step, wanted: Step, rounding: float) -> None:
    assert found.lanes.places == wanted.lanes.places
    assert found.lanes.optimizer.step == wanted.lanes.optimizer.step
    assert found.lanes.high_loss_steps == wanted.lanes.high_loss_steps
    np.testing.assert_allclose(found.query_loss, wanted.query_loss, rtol=10 * rounding)
    torch.testing.assert_close(
        found.lanes.meta, wanted.lanes.meta, rtol=0.0, atol=rounding * float(wanted.lanes.meta.abs().max())
    )
    for name, value in wanted.lanes.statistics.items():
        torch.testing.assert_close(found.lanes.statistics[name], value, rtol=10 * rounding, atol=rounding)


@pytest.mark.parametrize("seeds", [False, True], ids=["common tasks", "own tasks"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_traced_step_of_lanes_computes_what_the_eager_one_does(kind: str, seeds: bool) -> None:
    batch = Batch.from_configs(lanes_of(seeds, **KINDS[kind]))
    lanes, _ = init_lanes(batch)
    graph, step = traced(batch, lanes)
    form = CompiledLanes(graph, lambda row: step(*row))
    lanes = outer_step(batch, outer_step(batch, lanes).lanes).lanes
    rounding = 1e-6 if batch.dtype == torch.float32 else 1e-12
    check_same(outer_step(batch, lanes, form), outer_step(batch, lanes), rounding)
    fewer = lanes.only([5, 3, 1])
    check_same(outer_step(batch, fewer, form), outer_step(batch, fewer), rounding)


def test_a_lane_that_is_not_finite_stops_alone() -> None:
    batch = Batch.from_configs(lanes_of(False))
    lanes, _ = init_lanes(batch)
    graph, step = traced(batch, lanes)
    meta = lanes.meta.clone()
    meta[2, 0] = torch.inf
    found = outer_step(batch, lanes._replace(meta=meta), CompiledLanes(graph, lambda row: step(*row)))
    assert found.lanes.places == (0, 1, 3, 4, 5)
    assert [stop.lane for stop in found.stopped] == [2]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_sweep_that_takes_a_form_over_between_two_chunks_finds_the_same(
    dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    axes = (Axis(name="alpha", values=(0.01, 0.02, 0.03)),)
    one_group = SweepConfig(base=tiny(joint_baseline=False, dtype=dtype), axes=axes, num_steps=20, num_rungs=2)

    @cache
    def step_of(configs: tuple[RunConfig, ...]) -> Any:
        batch = Batch.from_configs(configs)
        return traced(batch, init_lanes(batch)[0])[1]

    def found(configs: tuple[RunConfig, ...] | None, key: str) -> Any:
        return None if configs is None else {STEP: lambda row: step_of(configs)(*row)}

    def computed(name: str, *, there: range, stops_at: int = 99) -> tuple[SettingResult, ...]:
        with open_study(one_group, name, storage=tmp_path) as study:
            sweeping, done = Sweeping(one_group, study, takes_over=True), 0
            while done < stops_at and (ticket := sweeping.next_request(budget_s=0.0)) is not None:  # a step a chunk
                is_there = done in there
                lanes = ticket.request.configs if is_there else None
                monkeypatch.setattr(compiled_lanes, "loaded", partial(found, lanes))
                result = run_lanes(ticket.request)
                assert result.num_compiled == is_there
                sweeping.finished(ticket, result)
                done = result.step
            sweeping.close()
            kept = study.results()
        assert table(one_group, kept)["compiled"].tolist() == [compiled_words(one.form_changes) for one in kept]
        with load_sweep(name, storage=tmp_path) as study:
            assert [one.form_changes for one in study.results()] == [one.form_changes for one in kept]
        return kept

    rounding = 1e-6 if dtype == "float32" else 1e-12
    eager, changed = computed("eager", there=range(0)), computed("changed", there=range(7, 99))
    for one, other in zip(eager, changed, strict=True):
        assert one.status == other.status == "ok"
        assert other.value == pytest.approx(one.value, rel=rounding)
    assert [one.form_changes for one in eager] == [()] * 3
    assert [one.form_changes for one in changed] == [(7,)] * 3
    back = computed("back", there=range(7, 12))  # a file that was thrown away
    assert [one.form_changes for one in back] == [(7, 12)] * 3
    assert computed("resumed", there=range(3, 99), stops_at=9)[0].status == "waiting"
    again = computed("resumed", there=range(0))  # which begins anew, and says what it has done itself
    assert [one.form_changes for one in again] == [()] * 3
    assert [one.value for one in again] == [one.value for one in eager]


def test_a_lane_that_left_before_the_change_was_eager() -> None:
    of = SweepConfig(base=tiny(joint_baseline=False), axes=(Axis(name="alpha", values=(0.01, 0.02)),), num_steps=20)
    settings = [Setting(number, {"alpha": 0.01 * (number + 1)}) for number in range(2)]
    batch = RunningBatch(1, of, settings)
    request = dataclasses.replace(batch.request(None), until=5, evaluate=False)
    result = run_lanes(request)
    gone = LaneStop(1, 3, Status(kind="diverged", sentence="it has left"))
    batch.take_in(request, dataclasses.replace(result, compiled=(False,) * 4 + (True,), stopped=(gone,)))
    assert [one.form_changes for one in batch.completed()] == [()]
    assert [one.form_changes for one in batch.running()] == [(4,)]
