"""A live run under every order of what people ask for and what the workers give back: it is never stuck, and says nothing that no longer holds.

The engine is a stand-in: an outer step with a step size above `LIMIT` diverges, everything else goes well.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dashboard.live.pacing import Pace
from dashboard.live.run import LiveRun
from dashboard.live.training import status_kind
from maml_core.chunks import ChunkRequest, ChunkResult
from maml_core.config import MLPConfig, RunConfig, replace
from maml_core.records import Entry, Levels, Records, Snapshot, Status, TaskFit

LIMIT = 0.1
GOOD, OTHER, BAD, WORSE = 0.02, 0.05, 0.3, 0.5
START = RunConfig(model=MLPConfig(hidden_widths=(4,)), alpha=GOOD)

FIT = TaskFit(**dict.fromkeys(TaskFit._fields, np.zeros(2, np.float32)))._replace(dead=False)


@dataclasses.dataclass(frozen=True)
class State:
    """What the stand-in keeps of a run."""

    step: int
    status: Status


def computed(request: ChunkRequest, states: dict[bytes, State]) -> ChunkResult:
    """What the engine would do with a request, in this file's world."""
    state = states[request.state] if request.state is not None else State(0, Status())
    config, step, status, events = request.config, state.step, state.status, []
    entries = sorted((e for e in request.timeline if e.step >= step), key=lambda e: e.step)
    last = step + (3 if request.num_steps is None else request.num_steps)
    while True:
        while entries and entries[0].step == step:
            entry = entries.pop(0)
            config = replace(config, entry.changes) if entry.kind == "change" else config
            status = Status() if entry.kind == "resume" else status
        if status.kind != "ok" or step >= last:
            break
        step += 1
        if config.alpha > LIMIT:
            status = Status("diverged", f"It diverged: alpha = {config.alpha} is too large.")
            events.append(Entry(step=step, kind="rollback", changes={"to_step": 0}))
    key = f"{len(states)}".encode()
    states[key] = State(step, status)
    records = Records(*(np.zeros(0) for _ in range(len(Records._fields) - 1)), events=tuple(events))
    snapshot = Snapshot(step=step, fits=(FIT,), trajectories={}, paths=None, curvature=None) if request.view else None
    return ChunkResult(
        config=config,
        state=key,
        step=step,
        status=status,
        records=records,
        snapshot=snapshot,
        levels=Levels(4.0, 3.0),
        cpu_s=0.01,
        advance_s=0.01,
    )


class World:
    """A run, the chunk in flight if there is one, and whether the person wants it to train."""

    def __init__(self) -> None:
        self.run = LiveRun(START)
        self.now = 1000.0
        self.states: dict[bytes, State] = {}
        self.in_flight: tuple[ChunkRequest, int] | None = None
        self.wants_to_train = False

    def do(self, act: str) -> None:
        self.now += 0.05
        match act.partition(" "):
            case ("alpha", _, value):
                self.run.change({"alpha": float(value)}, now=self.now)
            case ("beta", _, value):
                self.run.change({"beta": float(value)}, now=self.now)
            case ("play", _, _):
                self.run.play()
                self.wants_to_train = True
            case ("pause", _, _):
                self.run.pause()
                self.wants_to_train = False
            case ("step", _, _):
                self.run.take_one_step()
                self.wants_to_train = False
            case ("reset", _, _):
                self.run.restart()
                self.wants_to_train = False
            case ("send", _, _):
                self.send()
            case ("finish", _, _):
                self.finish()
            case ("lose", _, _) if self.in_flight is not None:
                self.take_back(self.run.lost)
            case ("fail", _, _) if self.in_flight is not None:
                of_this_run = self.in_flight[1] == self.run.generation
                brought_change = any(entry.kind == "change" for entry in self.in_flight[0].timeline)
                self.take_back(lambda: self.run.failed("It could not be computed."))
                if of_this_run:
                    self.wants_to_train = self.wants_to_train and brought_change and self.run.playback.playing
                    assert not self.run.playback.playing or brought_change
        self.check()

    def send(self) -> None:
        if self.in_flight is None and self.run.is_due(self.now):
            request = self.run.next_request(self.now, budget_s=0.03, pace=Pace())
            self.in_flight = request, self.run.generation

    def finish(self) -> None:
        if self.in_flight is None:
            return
        result = computed(self.in_flight[0], self.states)
        self.take_back(lambda: self.run.finished(result, self.now))

    def take_back(self, act: Any) -> None:
        """As the hub does: what belongs to the run before a restart is dropped."""
        assert self.in_flight is not None
        (_, generation), self.in_flight = self.in_flight, None
        if generation == self.run.generation:
            act()

    def check(self) -> None:
        """Every sentence is about what is set now."""
        for quoted in re.findall(r"alpha = ([0-9.]+\d)", self.run.sentence):
            assert float(quoted) == self.run.config.alpha

    def settle(self) -> None:
        for _ in range(12):
            self.now += 1.0
            self.do("send")
            self.do("finish")


ACTS = st.sampled_from(
    [f"alpha {alpha}" for alpha in (GOOD, OTHER, BAD, WORSE)]
    + ["beta 0.002", "beta 0.003", "play", "play", "pause", "step", "reset", "lose", "fail"]
    + 3 * ["send", "finish"]
)


def played(acts: Sequence[str]) -> World:
    world = World()
    for act in acts:
        world.do(act)
    return world


@given(st.lists(ACTS, max_size=40))
@example(["play", "send", "finish", f"alpha {BAD}", "send", f"alpha {GOOD}", "finish"])
@settings(max_examples=400, deadline=None)
def test_after_a_change_that_can_be_trained_with_the_run_does_what_was_asked_of_it_last(acts: list[str]):
    world = played(acts)
    world.do(f"alpha {OTHER}")  # one of the two is a change, whatever was set before
    world.do(f"alpha {GOOD}")
    world.settle()
    run = world.run
    assert (run.status.kind, run.sentence) == ("ok", "")
    assert run.config.alpha == run.state_config.alpha == GOOD
    if world.wants_to_train:
        step = run.step
        world.settle()
        assert run.playback.playing
        assert run.step > step
    else:
        assert not run.playback.playing


@given(st.lists(ACTS, max_size=40))
@settings(max_examples=200, deadline=None)
def test_play_always_trains(acts: list[str]):
    world = played([*acts, f"alpha {OTHER}", f"alpha {GOOD}", "play"])
    world.settle()
    step = world.run.step
    world.settle()
    assert world.run.playback.playing
    assert world.run.step > step


@given(st.lists(ACTS, max_size=40))
@settings(max_examples=200, deadline=None)
def test_the_timeline_leads_to_the_run_in_every_order(acts: list[str]):
    world = played(acts)
    world.settle()
    run = world.run
    config = run.changes.start
    for entry in run.changes.done:
        config = replace(config, entry.changes) if entry.kind == "change" else config
    assert config == run.state_config == run.config


@pytest.mark.parametrize("way_back", [[GOOD], [OTHER, GOOD], [BAD, OTHER, GOOD]], ids=str)
@pytest.mark.parametrize("at", range(4))
def test_a_drag_back_from_a_divergence_trains_wherever_the_chunk_falls_into_it(way_back: list[float], at: int):
    """A value on the way resumes the run and diverges; the last one may come while that chunk is under way."""
    drag = [f"alpha {alpha}" for alpha in (WORSE, BAD, *way_back)]
    for position in range(len(drag) + 1):
        acts = ["play", "send", "finish", f"alpha {WORSE}", "send", "finish", *drag]
        between = ["send", "finish"][: 1 + at % 2] * (1 + at // 2)
        acts[6 + position : 6 + position] = between
        world = played(acts)
        world.settle()
        assert status_kind(world.run) == "running", (position, acts)


def test_a_run_that_stands_still_after_a_divergence_says_nothing_of_a_value_that_was_changed_since():
    world = played(["play", "send", "finish", f"alpha {BAD}", "send", "finish", "send", "finish"])
    assert status_kind(world.run) == "diverged"
    world.do("pause")
    world.do(f"alpha {GOOD}")
    assert (status_kind(world.run), world.run.sentence) == ("paused", "")


def test_a_failure_after_a_divergence_is_what_is_said():
    world = played(
        ["play", "send", "finish", f"alpha {BAD}", "send", "finish", "send", "finish", "play", "send", "fail"]
    )
    assert world.run.sentence.startswith("It could not be computed.")
