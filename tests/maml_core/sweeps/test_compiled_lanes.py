"""Lanes in their compiled form: the graph computes what the eager step computes, whatever number of lanes is left, and a long sweep has it made first."""

from __future__ import annotations

import dataclasses
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from maml_core.compiled import files
from maml_core.config import ConvConfig, GlyphsConfig, MLPConfig, RunConfig
from maml_core.sweeps import compiled_lanes, compiling_first, driver
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.budget import Cost, groups, reckoned
from maml_core.sweeps.chunks import run_lanes
from maml_core.sweeps.compiled_lanes import CompiledLanes
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.driver import Sweeping
from maml_core.sweeps.footprint import eager_s
from maml_core.sweeps.lane_bytes import lanes_from_bytes
from maml_core.sweeps.lane_making import traced
from maml_core.sweeps.lanes import Batch, Step, init_lanes, outer_step
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.study import open_study
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


def sweep(num_steps: int) -> SweepConfig:
    base = tiny(joint_baseline=False)
    axes = (Axis(name="alpha", values=(0.01, 0.02)), Axis(name="num_inner_steps", values=(1, 2)))
    return SweepConfig(base=base, axes=axes, num_steps=num_steps)


def test_a_sweep_that_is_long_has_its_groups_compiled_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[float]] = []

    def compile_lanes(configs: tuple[RunConfig, ...], **_: Any) -> bool:
        asked.append([config.alpha for config in configs])
        return len(asked) == 1  # the second could not be compiled

    monkeypatch.setattr(driver, "compile_lanes", compile_lanes)
    monkeypatch.setattr(compiling_first, "LONG_S", 0.0)
    long = sweep(20)
    sweeping = Sweeping(long, open_study(long, "long", storage=tmp_path), at_once=1)
    seen: list[int] = []
    sweeping.compile_first(seen.append)
    assert asked == [[0.01, 0.02], [0.01, 0.02]]
    assert seen == [2, 2]
    tickets = [sweeping.next_request()]
    sweeping._at_once = 2  # for the batch of the other group
    tickets.append(sweeping.next_request())
    compiled = {one.request.configs[0].num_inner_steps: one.request.compiled for one in tickets if one is not None}
    assert compiled == {2: True, 1: False}  # the costlier group comes first


def test_a_short_one_begins_at_once(tmp_path: Path) -> None:
    short = sweep(20)
    assert Sweeping(short, open_study(short, "short", storage=tmp_path)).long_groups() == []


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
        return None if configs is None else lambda row: step_of(configs)(*row)

    def computed(name: str, *, taken_over_at: int) -> tuple[SettingResult, ...]:
        sweeping = Sweeping(one_group, open_study(one_group, name, storage=tmp_path), takes_over=True)
        while (ticket := sweeping.next_request(budget_s=0.0)) is not None:  # a step a chunk
            done = 0 if ticket.request.state is None else lanes_from_bytes(ticket.request.state).step
            is_there = done >= taken_over_at
            monkeypatch.setattr(compiled_lanes, "loaded", partial(found, ticket.request.configs if is_there else None))
            result = run_lanes(ticket.request)
            assert result.num_compiled == is_there
            sweeping.finished(ticket, result)
        return sweeping.results()

    rounding = 1e-6 if dtype == "float32" else 1e-12
    for eager, changed in zip(computed("eager", taken_over_at=99), computed("changed", taken_over_at=7), strict=True):
        assert changed.status == eager.status == "ok"
        assert changed.value == pytest.approx(eager.value, rel=rounding)


TWO_GROUPS = sweep(20)
IMAGES = tiny(joint_baseline=False, tasks=GlyphsConfig(), model=ConvConfig(num_filters=4))
DRAWN = (Axis(name="alpha", low=0.01, high=0.1), Axis(name="beta", low=0.001, high=0.01))
ALIASES = (Axis(name="alpha", values=(0.01, 0.02)), Axis(name="algorithm", values=("maml", "fomaml")))
LENGTHS: dict[str, tuple[SweepConfig, float, int]] = {
    "both are long": (TWO_GROUPS, 0.1, 2),
    "the costlier one is long": (TWO_GROUPS, 1.0, 1),
    "with two seeds it is": (dataclasses.replace(TWO_GROUPS, num_seeds=2), 2.0, 1),
    "none is long": (TWO_GROUPS, 1.5, 0),
    "an alias": (dataclasses.replace(TWO_GROUPS, axes=ALIASES), 0.1, 2),
    "convolutions": (dataclasses.replace(TWO_GROUPS, base=IMAGES), 0.0, 0),
    "nobody knows which": (dataclasses.replace(TWO_GROUPS, axes=DRAWN, sampler="tpe"), 0.0, 0),
}


@pytest.mark.parametrize("name", LENGTHS)
def test_the_budget_counts_the_groups_that_are_compiled_first(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of, least, num_long = LENGTHS[name]  # least: of what the costlier group of `TWO_GROUPS` takes
    two_steps = dataclasses.replace(TWO_GROUPS.base, num_inner_steps=2)
    monkeypatch.setattr(compiling_first, "LONG_S", least * 2 * 20 * eager_s(two_steps))
    assert len(Sweeping(of, open_study(of, "budget", storage=tmp_path)).long_groups()) == num_long
    need = reckoned(of, groups(of), {key: Cost(0.001, 0.0) for key in groups(of)}, at_once=1, compiles=True)
    assert need.compiling_s == num_long * compiling_first.COMPILING_S


def test_switched_off_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAML_COMPILED", files.OFF)
    assert not driver.compile_lanes(lanes_of(False))
