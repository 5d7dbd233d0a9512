"""States that `maml train` keeps of a run, what `maml runs states` says of them, and `maml evaluate --step`."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import pytest

from maml_core import state_at
from maml_core.records import Entry
from maml_core.runs import replay
from maml_core.store import RunStore, SavedRun
from tests.maml_core.cli.cases import TINY, WILD, is_run_of, maml, said, trained
from tests.maml_core.helpers import same, tiny

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("root")]


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step each, so that a short run keeps many."""
    monkeypatch.setattr(sys.modules["maml_core.cli.train"], "CHUNK_S", 0.0)


def kept_steps(run: SavedRun) -> list[int]:
    return [moment.step for moment in run.moments]


def test_training_keeps_states_and_goes_on_with_those_that_are_there() -> None:
    first = trained("run", steps=12)
    assert kept_steps(first) == list(range(13))
    maml("train", "--resume", "run", "--steps", "20", "--alpha", "0.05")
    run = RunStore().load("run")
    timeline = (Entry(step=12, kind="change", changes={"alpha": 0.05}),)
    assert is_run_of(run, tiny(), timeline, steps=20)
    assert kept_steps(run) == list(range(21))
    assert same(run.moments[:13], first.moments)
    assert [moment.config.alpha for moment in run.moments] == [0.01] * 13 + [0.05] * 8
    for step in (5, 12, 17):
        _, state = state_at(run, step)
        assert same(state.meta, replay(tiny(), timeline, num_steps=step)[1].meta)


def test_a_change_that_is_planned_acts_before_the_states_that_come_after_it() -> None:
    Path("run.toml").write_text("[[timeline]]\nstep = 4\nchanges = { alpha = 0.02 }\n")
    maml("train", *TINY, "--config", "run.toml", "--name", "planned", "--steps", "6")
    run = RunStore().load("planned")
    assert kept_steps(run) == [0, 1, 2, 3, 5, 6]  # the change is made within a chunk
    assert [moment.config.alpha for moment in run.moments] == [0.01] * 4 + [0.02] * 2


def test_a_change_at_the_very_step_where_training_ends_is_in_the_state_that_is_kept_there() -> None:
    late = (Entry(step=5, kind="change", changes={"alpha": 0.02}),)
    RunStore().save(dataclasses.replace(trained("run", steps=3), timeline=late))
    maml("train", "--resume", "run", "--steps", "5")
    there = RunStore().load("run")
    assert there.config.alpha == there.moments[-1].config.alpha == 0.02
    maml("train", "--resume", "run", "--steps", "7")
    run = RunStore().load("run")
    assert is_run_of(run, tiny(), late, steps=7)
    assert [moment.config.alpha for moment in run.moments] == [0.01] * 5 + [0.02] * 3


def test_a_run_that_stopped_keeps_where_it_stopped_and_where_it_went_on() -> None:
    maml("train", *WILD, "--name", "run", "--steps", "60", code=3)
    run = RunStore().load("run")
    assert kept_steps(run)[-1] == run.step < 60
    maml("train", "--resume", "run", "--steps", str(run.step + 5), "--alpha", "0.001", "-N", "1")
    more = RunStore().load("run")
    assert kept_steps(more)[-6:] == list(range(run.step, run.step + 6))
    for step in (run.step - 1, run.step, run.step + 3):
        _, state = state_at(more, step)
        assert same(state.meta, replay(more.start, more.timeline, num_steps=step)[1].meta)


def test_states_are_listed_with_what_was_set_otherwise() -> None:
    trained("run", steps=2)
    maml("train", "--resume", "run", "--steps", "4", "--alpha", "0.05", "-N", "3")
    run = RunStore().load("run")
    data = json.loads(maml("runs", "states", "run", "--json").stdout)
    assert (data["run"], data["step"]) == (str(RunStore().folder("run")), 4)
    assert [state["step"] for state in data["states"]] == [0, 1, 2, 3, 4]
    assert [state["size_bytes"] for state in data["states"]] == [len(moment.state) for moment in run.moments]
    changed = {"alpha": "0.05", "num_inner_steps": "3"}
    assert [state["settings"] for state in data["states"]] == [{}, {}, {}, changed, changed]
    lines = maml("runs", "states", "run").stdout.splitlines()
    assert "States kept of run, at outer step 4 now" in lines[0]
    assert all(words in lines[2] for words in ("outer step", "settings unlike at the start", "size"))
    row = next(line for line in lines if line.split()[1:2] == ["3"])
    assert "alpha = 0.05" in row
    assert "num_inner_steps = 3" in " ".join(lines)
    assert f"{len(run.moments[3].state) / 1000:,.0f} kB" in row


def test_a_run_that_keeps_none_says_so() -> None:
    run = trained("run", steps=2)
    RunStore().save(dataclasses.replace(run, moments=()))
    assert "No states of earlier outer steps are kept of run" in maml("runs", "states", "run").stdout
    assert json.loads(maml("runs", "states", "run", "--json").stdout)["states"] == []


@pytest.mark.parametrize("step", [0, 3, 5])
def test_an_earlier_state_is_judged_as_the_run_that_ended_there_was(step: int) -> None:
    trained("short", steps=5)
    trained("run", steps=5)
    maml("train", "--resume", "run", "--steps", "9", "--alpha", "0.05")
    judge = ["--tasks", "20", "--eval-steps", "2", "--json"]
    expected = json.loads(maml("evaluate", "short", *judge, "--step", str(step)).stdout)
    found = json.loads(maml("evaluate", "run", *judge, "--step", str(step)).stdout)
    assert found["step"] == step
    assert (found["results"] == expected["results"]) is (step < 5)  # at step 5 the second run has another alpha
    if step == 5:
        assert json.loads(maml("evaluate", "short", *judge).stdout)["results"] == expected["results"]
        assert "alpha = 0.05" in found["rule"]
    assert f"after {step} outer step" in maml("evaluate", "run", *judge[:-1], "--step", str(step)).stdout


def test_a_step_that_makes_no_sense_is_refused() -> None:
    trained("run", steps=2)
    for step in ("-1", "3"):
        words = said(maml("evaluate", "run", "--step", step, code=2))
        assert f"step = {step} is not accepted: an outer step from 0 to 2, where the run stands" in words
    words = said(maml("evaluate", "run", "--step", "1", "--any-images", code=2))
    assert "leave --any-images out" in words
