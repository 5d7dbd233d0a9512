"""Kept moments: bounded, thinner with age, and a run that goes on from one is the run that it was."""

from __future__ import annotations

import itertools

import pytest
import torch

from maml_core.config import RunConfig
from maml_core.moments import Moment, Moments, light, set_ups
from maml_core.records import Entry
from maml_core.runs import advance, apply_entry, init_run, replay
from maml_core.state_bytes import state_from_bytes, state_to_bytes
from tests.maml_core.helpers import same

SMALL = RunConfig(meta_batch_size=2, evaluation_tasks=2, num_inner_steps=3)


def moment(step: int, size: int = 100) -> Moment:
    return Moment(step, SMALL, bytes(size), 0)


def kept(steps: range, max_bytes: int) -> list[int]:
    moments = Moments(max_bytes)
    for step in steps:
        moments.add(moment(step))
    return [one.step for one in moments]


def test_all_are_kept_while_there_is_room() -> None:
    assert kept(range(0, 1000, 10), 100 * 100) == list(range(0, 1000, 10))


@pytest.mark.parametrize("count", [3, 20, 95])
def test_the_first_and_the_newest_stretch_stay_and_the_distance_grows_with_age(count: int) -> None:
    found = kept(range(0, 100_000, 25), count * 100)
    assert len(found) == count
    assert found[0] == 0
    assert found[-1] == 99_975
    gaps = [after - before for before, after in itertools.pairwise(found[1:])]
    assert all(after <= before * 2 for before, after in itertools.pairwise(gaps))  # as good as sorted
    if count > 20:
        assert gaps[-5:] == [25] * 5


def test_of_one_step_the_newest_stays() -> None:
    moments = Moments()
    moments.add(moment(0))
    moments.add(moment(5, size=10))
    moments.add(moment(5, size=20))
    assert [(one.step, len(one.state)) for one in moments] == [(0, 100), (5, 20)]


def test_a_smaller_limit_holds_from_then_on() -> None:
    moments = Moments(1000, [moment(step) for step in range(10)])
    moments.limit(300)
    assert [one.step for one in moments][0::2] == [0, 9]
    moments.add(moment(10))
    assert len(moments) == 3


def test_what_is_pinned_stays_as_long_as_others_can_go() -> None:
    moments = Moments(2000)
    for step in range(0, 5000, 10):
        moments.add(moment(step))
        if step in (310, 320, 1470):
            moments.pin(moment(step))
    steps = [one.step for one in moments]
    assert len(steps) == 20
    assert {0, 310, 320, 1470, 4990} <= set(steps)
    moments.pin(moment(5001))  # one that nobody knew
    assert moments.newest == moment(5001)
    moments.limit(300)
    assert [one.step for one in moments][0::2] == [0, 5001]
    for step in range(6000, 6050):  # only the newest of so many
        moments.pin(moment(step))
    assert len(moments) == 3


def test_what_is_near_and_beside() -> None:
    moments = Moments(kept=[moment(step) for step in (0, 10, 20)])
    assert [moments.nearest(step).step for step in (-5, 4, 5, 6, 15, 16, 99)] == [0, 0, 0, 10, 10, 20, 20]  # type: ignore[union-attr]
    assert [moments.beside(10, by).step for by in (-9, -1, 0, 1, 9)] == [0, 0, 10, 20, 20]  # type: ignore[union-attr]
    assert Moments().nearest(3) is None
    assert Moments().beside(3, 1) is None


def test_a_light_state_is_a_third_and_goes_back_to_itself() -> None:
    state, _ = advance(SMALL, init_run(SMALL), num_steps=120)
    data = state_to_bytes(state)
    small = light(data)
    assert small == state_to_bytes(state, checkpoints=False)
    assert len(small) < 0.4 * len(data)
    read = state_from_bytes(small)
    assert read.good.step == read.candidate.step == 120
    assert same(read, apply_entry(SMALL, state, Entry(step=120, kind="branch"))[1])
    assert same(state_from_bytes(state_to_bytes(read)), read)


def test_going_on_from_a_moment_is_the_run_with_a_branch_in_its_timeline() -> None:
    """Bit for bit, also where it rolls back to the branch."""
    explodes = Entry(step=130, kind="change", changes={"alpha": 100.0})
    timeline = [Entry(step=120, kind="branch"), explodes]
    whole = replay(SMALL, timeline, num_steps=150)
    before = replay(SMALL, [], num_steps=120)
    state = state_from_bytes(light(state_to_bytes(before[1])))
    state, _ = advance(SMALL, state, num_steps=10)
    config, state = apply_entry(SMALL, state, explodes)
    state, records = advance(config, state, num_steps=20)
    assert state.status.kind == "diverged"
    assert "went back to outer step 120" in state.status.sentence
    assert same(state, whole[1])
    assert whole[2].events == records.events
    plain = replay(SMALL, [explodes], num_steps=150)[1]
    assert plain.good.step < 120
    assert not all(torch.equal(plain.meta.theta[name], value) for name, value in state.meta.theta.items())


def test_the_set_up_at_a_moment() -> None:
    timeline = [
        Entry(step=3, kind="change", changes={"alpha": 0.5}),
        Entry(step=4, kind="rollback", changes={"to_step": 0}),
        Entry(step=4, kind="resume"),
        Entry(step=9, kind="change", changes={"alpha": 0.25}),
    ]
    assert [config.alpha for config in set_ups(SMALL, timeline)] == [SMALL.alpha, 0.5, 0.5, 0.25]
