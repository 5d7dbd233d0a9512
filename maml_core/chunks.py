"""A chunk: the unit of work that crosses the executor's seam, as plain bytes and numpy.

`run_chunk` is what executors run. This file imports without torch, so that whoever submits chunks need not load it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from maml_core.analysis_records import OneStep
from maml_core.compiled.files import has
from maml_core.config import RunConfig
from maml_core.datasets.trained import TrainedImages
from maml_core.families.own import OwnCode
from maml_core.records import Entry, Levels, Records, Snapshot, Status, View


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkRequest:
    """Move one run forward, and say what it looks like then."""

    config: RunConfig
    """The set-up that holds at `state`."""
    state: bytes | None = None
    """From `ChunkResult.state`; None is outer step 0."""
    timeline: tuple[Entry, ...] = ()
    """Entries to apply when their step is reached."""
    num_steps: int | None = None
    budget_s: float | None = None
    """Processor seconds; see `runs.advance`. Both None: do not advance."""
    view: View | None = None
    """What to look at afterwards; None for nothing."""
    apart: bool = False
    """Take the next outer step apart too, in the view's plane; not of every algorithm (`analysis.one_step`)."""
    keep: bool = False
    """Also give the state as it is kept to go back to."""
    device: str = "cpu"
    """Where to compute the steps, by PyTorch's name of it; what is looked at is computed on the processor."""
    images: TrainedImages | None = None
    """The images of the run, where it has any and has begun: they must be there, and are split as they were."""
    code: OwnCode | None = None
    """The Python code of a problem of one's own, which is computed on its own device; None for the problem that the config names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkResult:
    """Where the run is now."""

    config: RunConfig
    state: bytes
    step: int
    status: Status
    records: Records | None
    snapshot: Snapshot | None
    levels: Levels
    cpu_s: float
    """Processor time that the whole chunk took."""
    advance_s: float
    """Processor time of the outer steps alone."""
    apart: OneStep | None = None
    """The outer step after `state`, where it was asked for."""
    light: bytes | None = None
    """The state without its checkpoints (see `moments`), where it was asked for."""
    images: TrainedImages | None = None
    """Where the request had none: the images that were used, for the requests to come."""
    code: OwnCode | None = None
    """Where that of the request says no losses: it with those of the problem that was computed, for the requests to come."""
    entries: tuple[Entry, ...] = ()
    """Lines of the timeline that the chunk has made by itself before its first step: the change to a compiled form that is there now."""
    uncompiled: str = ""
    """Key of the best compiled form that the next step could have, where that is not there."""


def run_chunk(request: ChunkRequest) -> ChunkResult:
    """Do what a request asks for. Everything it depends on is in the request.

    Raises:
        ConfigError: The timeline changes something to a value that is not accepted; or the code cannot be had, or is of another problem than it was.
        StateError: The state is damaged, of another version or of another model.
        DataError: The images are not there, or not those of the run.
        ValueError: The outer step of its algorithm is not taken apart.
    """
    import torch

    from maml_core.analysis.one_step import one_step
    from maml_core.problem import build_problem
    from maml_core.runs import advance_through, apply_entry, compiled_steps, init_run
    from maml_core.schedules import schedule
    from maml_core.snapshots import snapshot
    from maml_core.state_bytes import RecentStates, check_state, state_from_bytes, state_to_bytes
    from maml_core.tasks import images_of

    start = time.thread_time()
    config = request.config
    code, found_code, device = request.code, None, request.device
    if code is not None:
        from maml_core.own_code import first_losses, problem_for

        problem = problem_for(config, code)
        found_code, device = None if code.losses else code._replace(losses=first_losses(code.name)), str(problem.device)
    else:
        problem = build_problem(config, device, request.images)
    if request.state is None:
        state = init_run(config, problem=problem)
    else:
        state = RecentStates.shared().state(request.state, device)
        check_state(state, config, problem)
    records = None
    entries: tuple[Entry, ...] = ()
    uncompiled = ""
    advance_start = time.thread_time()
    if request.num_steps is not None or request.budget_s is not None:
        replays = any(entry.step >= state.step for entry in request.timeline)  # then its own lines say when
        keys = compiled_steps(config, state, problem).keys(schedule(config, state.step))
        there = [key for key in keys if has(key)]
        uncompiled = "" if there[-1:] == [*keys[-1:]] else keys[-1]
        if there and there[-1] != state.compiled and not replays:
            entries = (Entry(step=state.step, kind="compiled", changes={"key": there[-1]}),)
            config, state = apply_entry(config, state, entries[0], problem=problem)
        config, state, records = advance_through(
            config, state, request.timeline, num_steps=request.num_steps, budget_s=request.budget_s, problem=problem
        )
    advance_s = time.thread_time() - advance_start
    data = RecentStates.shared().data(state) if records is not None or request.state is None else request.state
    seen, apart = None, None
    if request.view is not None:
        at, looked, view = state, problem, request.view
        if device != "cpu":
            at = state_from_bytes(data)
            here = torch.device("cpu")
            looked = (
                replace(problem, device=here) if code is not None else build_problem(config, trained=request.images)
            )
        seen = snapshot(config, at, view, problem=looked)
        if request.apart:
            planes = {"plane": view.plane, "previous": view.previous_plane}
            apart = one_step(config, looked, at.meta, step=at.step, **planes)
    return ChunkResult(
        config=config,
        state=data,
        step=state.step,
        status=state.status,
        records=records,
        snapshot=seen,
        apart=apart,
        levels=Levels(problem.at_test.zero_level(), problem.at_test.non_adapting_level()),
        cpu_s=time.thread_time() - start,
        advance_s=advance_s,
        light=state_to_bytes(state, checkpoints=False) if request.keep else None,
        images=images_of(problem.family) if request.images is None else None,
        code=found_code,
        entries=entries,
        uncompiled=uncompiled,
    )
