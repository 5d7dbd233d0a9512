"""Compiling beside a sweep's training: which groups pay, which is next, how many chunks there are meanwhile, and what ends it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from maml_core.compiled import files
from maml_core.compiling import LaneCompiler
from maml_core.config import ConvConfig, GlyphsConfig, RunConfig
from maml_core.sweeps import compiling_beside, compiling_pays, driver
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.chunks import LanesRequest, run_lanes
from maml_core.sweeps.compiling_beside import CompilingBeside, Left
from maml_core.sweeps.compiling_pays import COMPILING_S, TIMES_AS_FAST, pays, seconds
from maml_core.sweeps.definition import SweepConfig, group_key
from maml_core.sweeps.driver import Sweeping, run_sweep
from maml_core.sweeps.sampling import cost
from maml_core.sweeps.study import SweepStudy, open_study
from tests.maml_core.helpers import tiny
from tests.maml_core.sweeps.compilers import Compilers

BASE = tiny(joint_baseline=False)
ALPHA = Axis(name="alpha", values=(0.01, 0.02))
TWO_GROUPS = SweepConfig(base=BASE, axes=(ALPHA, Axis(name="num_inner_steps", values=(1, 2))), num_steps=20)
ALIASES = dataclasses.replace(TWO_GROUPS, axes=(ALPHA, Axis(name="algorithm", values=("maml", "fomaml"))))
DRAWN = (Axis(name="alpha", low=0.01, high=0.1), Axis(name="beta", low=0.001, high=0.01))
LONG_S = 1000.0


@pytest.fixture(autouse=True)
def _on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAML_COMPILED", str(tmp_path / "compiled"))
    monkeypatch.setattr(compiling_beside, "LOOK_S", 0.0)
    monkeypatch.setattr(compiling_beside, "LOOK_SHARE", math.inf)
    monkeypatch.setattr(compiling_pays, "most_workers", lambda: 2)


@pytest.fixture
def compilers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Compilers]:
    found = Compilers()
    monkeypatch.setattr(compiling_beside, "LaneCompiler", found)
    yield found
    assert found.num_busy == 0


@pytest.fixture
def _measured_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling_beside, "MEASURED_S", 0.0)


def computed(sweeping: Sweeping, advance_s: float, *, compiled: bool = False) -> RunConfig:
    """Take the next chunk, of a step, which is said to have taken so long; gives its group."""
    ticket = sweeping.next_request(budget_s=0.0)
    assert ticket is not None
    result = run_lanes(ticket.request)
    sweeping.finished(ticket, dataclasses.replace(result, advance_s=advance_s, compiled=(compiled,)))
    return group_key(ticket.request.configs[0])


@pytest.mark.usefixtures("_measured_at_once")
def test_what_is_left_of_each_group_is_as_its_own_chunks_say(tmp_path: Path) -> None:
    sweeping = Sweeping(TWO_GROUPS, open_study(TWO_GROUPS, "s", storage=tmp_path))
    assert all(group.eager_s != group.eager_s for group in sweeping.left())  # nobody knows yet
    first = computed(sweeping, 0.5)  # a step of two lanes: of 2 * 20 lane steps 38 are left
    costlier, other = sweeping.left()
    assert group_key(costlier.configs[0]) == first
    assert costlier.eager_s == pytest.approx(38 * 0.25)
    per_cost = 0.25 / cost(first)  # of the group that has not begun its sizes speak
    assert other.eager_s == pytest.approx(2 * 20 * per_cost * cost(group_key(other.configs[0])))
    assert [config.alpha for config in other.configs] == [0.01, 0.02]
    computed(sweeping, 0.1)
    assert sweeping.left()[0].eager_s == pytest.approx(36 * (0.5 + 0.1) / 4)
    computed(sweeping, 0.1, compiled=True)
    assert [group.configs[0].num_inner_steps for group in sweeping.left()] == [1]  # the other one has its form


def test_a_chunk_alone_says_too_little(tmp_path: Path) -> None:
    sweeping = Sweeping(TWO_GROUPS, open_study(TWO_GROUPS, "s", storage=tmp_path))
    computed(sweeping, 0.9 * compiling_beside.MEASURED_S)
    assert not any(pays(group.eager_s, 1) for group in sweeping.left())
    computed(sweeping, 0.9 * compiling_beside.MEASURED_S)
    assert sweeping.left()[0].eager_s == pytest.approx(36 * 1.8 * compiling_beside.MEASURED_S / 4)


@pytest.mark.usefixtures("_measured_at_once")
def test_settings_that_share_a_graph_by_other_names_are_one_group(tmp_path: Path) -> None:
    of = dataclasses.replace(ALIASES, axes=(ALPHA, Axis(name="order", values=("second", "first"))))
    names = Axis(name="algorithm", values=("maml", "fomaml"))
    both = dataclasses.replace(of, axes=(*of.axes, names))  # FOMAML is MAML of first order
    groups = {group_key(group.configs[0]) for group in Sweeping(both, open_study(both, "s", storage=tmp_path)).left()}
    assert len(groups) == len(Sweeping(both, open_study(both, "s", storage=tmp_path)).left())


def test_nothing_is_known_of_settings_that_are_not_drawn_yet(tmp_path: Path) -> None:
    of = dataclasses.replace(TWO_GROUPS, axes=DRAWN, sampler="tpe")
    sweeping = Sweeping(of, open_study(of, "s", storage=tmp_path))
    computed(sweeping, LONG_S)
    assert sweeping.left() == []


def lanes(num_inner_steps: int, **changes: Any) -> tuple[RunConfig, ...]:
    return (tiny(**{"joint_baseline": False, "num_inner_steps": num_inner_steps, **changes}),)


def test_the_longest_group_comes_first_and_none_twice(compilers: Compilers) -> None:
    images = lanes(1, tasks=GlyphsConfig(), model=ConvConfig(num_filters=4))
    groups = [Left(lanes(1), LONG_S), Left(images, 9 * LONG_S), Left(lanes(2), 2 * LONG_S), Left(lanes(3), 1.0)]
    made: list[int] = []
    beside = CompilingBeside(
        lambda: groups, at_once=1, steps_back=True, on_made=lambda configs: made.append(configs[0].num_inner_steps)
    )
    beside.look()
    beside.look()
    assert [(configs[0].num_inner_steps, steps_back) for configs, steps_back in compilers.asked] == [(2, True)]
    compilers.finish()
    beside.look()
    compilers.finish(succeeded=False)
    beside.look()
    beside.look()
    assert [configs[0].num_inner_steps for configs, _ in compilers.asked] == [
        2,
        1,
    ]  # 3 is short, images are not compiled
    assert made == [2]


def test_switched_off_nothing_is_made(compilers: Compilers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAML_COMPILED", files.OFF)
    CompilingBeside(lambda: [Left(lanes(1), LONG_S)], at_once=1, steps_back=True).look()
    assert compilers.asked == []
    assert not LaneCompiler(lanes(1)).wait()


@pytest.mark.parametrize(
    ("at_once", "steps_back", "meanwhile"), [(1, False, 1), (2, False, 1), (4, False, 3), (4, True, 4)]
)
def test_the_compiler_takes_the_place_of_a_batch_where_there_is_no_processor_for_it(
    at_once: int, steps_back: bool, meanwhile: int, compilers: Compilers
) -> None:
    beside = CompilingBeside(lambda: [Left(lanes(1), LONG_S)], at_once=at_once, steps_back=steps_back)
    assert beside.places == at_once
    beside.look()
    assert beside.places == meanwhile
    beside.close()
    assert beside.places == at_once


@pytest.mark.parametrize("at_once", [1, 2, 8])
def test_it_pays_where_it_is_done_sooner_by_a_tenth(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def simulated_s(eager_s: float) -> float:
        """Seconds until so much eager work is done, an instant after the other."""
        meanwhile = at_once if at_once < 2 else at_once - 1
        now, left, instant = 0.0, eager_s, 0.01
        while left > 0.0:
            left -= instant * (meanwhile if now < COMPILING_S else TIMES_AS_FAST * at_once)
            now += instant
        return now

    for eager_s in (0.5, 1.2, 1.7, 2.6, 4.0, 9.0, 30.0):
        eager_s *= COMPILING_S * at_once
        if eager_s > at_once * COMPILING_S:  # otherwise it is done before
            assert seconds(eager_s / TIMES_AS_FAST, at_once) == pytest.approx(simulated_s(eager_s), abs=0.05)
        assert pays(eager_s, at_once) == (simulated_s(eager_s) < 0.9 * eager_s / at_once)


class Inline(Executor):
    """Computes each chunk when it is asked for, a step of it, which is said to have taken long."""

    def __init__(self) -> None:
        self.requests: list[LanesRequest] = []

    def submit(self, fn: Any, /, *args: Any, **_: Any) -> Future[Any]:
        self.requests.append(args[0])
        future: Future[Any] = Future()
        future.set_result(dataclasses.replace(run_lanes(dataclasses.replace(args[0], budget_s=0.0)), advance_s=LONG_S))
        return future


@pytest.fixture
def _this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "compiles", lambda study, executor: True)


def opened(tmp_path: Path) -> SweepStudy:
    return open_study(TWO_GROUPS, "s", storage=tmp_path)


@pytest.mark.usefixtures("_this_machine")
def test_a_sweep_has_its_groups_compiled_one_after_the_other_and_ends_what_is_under_way(
    tmp_path: Path, compilers: Compilers
) -> None:
    seen: list[int] = []

    def look(sweeping: Sweeping) -> None:
        seen.append(compilers.num_busy)
        if len(compilers.asked) == 1 and compilers.num_busy and sweeping.progress.lane_steps > 20:
            compilers.finish()

    executor = Inline()
    results = run_sweep(TWO_GROUPS, opened(tmp_path), executor, at_once=2, on_change=look)
    assert {one.status for one in results} == {"ok"}
    assert seen[0] == 0  # it has begun before
    assert set(seen) == {0, 1}
    assert [configs[0].num_inner_steps for configs, _ in compilers.asked] == [2, 1]
    assert not any(steps_back for _, steps_back in compilers.asked)  # it has the place of a batch
    assert all(request.compiled for request in executor.requests)


@pytest.mark.usefixtures("_this_machine")
def test_an_interrupted_sweep_leaves_no_compiler(tmp_path: Path, compilers: Compilers) -> None:
    def look(sweeping: Sweeping) -> None:
        if compilers.num_busy:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sweep(TWO_GROUPS, opened(tmp_path), Inline(), at_once=2, on_change=look)
    assert len(compilers.asked) == 1


def test_other_executors_than_a_pool_of_this_machine_take_eager_steps(tmp_path: Path, compilers: Compilers) -> None:
    executor = Inline()
    run_sweep(TWO_GROUPS, opened(tmp_path), executor, at_once=1)
    assert not any(request.compiled for request in executor.requests)
    assert compilers.asked == []
