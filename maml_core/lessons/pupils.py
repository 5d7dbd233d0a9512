"""Model pupils: runs that do what a lesson asks, one a seed, trained as lanes of one batch where none of them goes wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch

from maml_core.config import RunConfig, replace
from maml_core.lessons.measures import LOOK_OF, RECENT_STEPS, Observed, of_snapshot
from maml_core.optim import OptimizerState
from maml_core.params import flattened
from maml_core.records import Entry, Records, View
from maml_core.run_state import Checkpoint, Learner, RunState
from maml_core.runs import advance, apply_entry, init_run
from maml_core.snapshots import snapshot
from maml_core.sweeps.lanes import ROW, Batch, Lanes, outer_step
from maml_core.threads import single_threaded
from maml_core.types import Params

KEPT_EVERY = 100
"""Outer steps between states that are kept: lessons that begin alike share their training."""


class Stretch(NamedTuple):
    """Training with one set-up."""

    config: RunConfig
    until: int
    """Outer step, counted from the run's start."""


class Pupil(NamedTuple):
    """A run at one seed."""

    config: RunConfig
    state: RunState
    rollbacks: int = 0
    recent: tuple[tuple[float, float], ...] = ()
    """Training loss and accuracy of the newest outer steps."""

    @property
    def goes_on(self) -> bool:
        """Whether it has not diverged, and is not dead."""
        return self.state.status.kind == "ok"


def begun(config: RunConfig) -> tuple[Stretch, ...]:
    """A run at outer step 0."""
    return (Stretch(config, 0),)


def trained(stretches: tuple[Stretch, ...], config: RunConfig, until: int, seeds: Sequence[int]) -> tuple[Stretch, ...]:
    """The same run, trained on as far as `until` with this set-up; one that waits after a divergence goes on first."""
    *before, last = stretches
    if last.config == config and all(pupil.goes_on for pupil in pupils(stretches, tuple(seeds))):
        return (*before, Stretch(config, max(until, last.until))) if before else (last, Stretch(config, until))
    return (*stretches, Stretch(config, max(until, last.until)))


@lru_cache(maxsize=1024)
@single_threaded
def pupils(stretches: tuple[Stretch, ...], seeds: tuple[int, ...]) -> tuple[Pupil, ...]:
    """The runs of all seeds where these stretches end."""
    *before, (config, until) = stretches
    if not before:
        return tuple(_begun(replace(config, {"weights_seed": seed, "tasks_seed": seed})) for seed in seeds)
    mark = (until - 1) // KEPT_EVERY * KEPT_EVERY
    if mark > before[-1].until:
        start = pupils((*before, Stretch(config, mark)), seeds)
    else:
        start = tuple(_with(pupil, config) for pupil in pupils(tuple(before), seeds))
    going = [at for at, pupil in enumerate(start) if pupil.goes_on]
    found = dict(zip(going, _moved([start[at] for at in going], until), strict=True))
    return tuple(found.get(at, pupil) for at, pupil in enumerate(start))


def observed(pupil: Pupil, config: RunConfig, *, measures: frozenset[str], look: str) -> Observed:
    """What is seen of a run under the set-up that holds by now, as far as these measures need it.

    Args:
        pupil: The run.
        config: The set-up, of any seed.
        measures: Names of `measures.MEASURES`.
        look: The chart that stands in the place of the paths.
    """
    own = {name: getattr(pupil.config, name) for name in ("weights_seed", "tasks_seed")}
    view = View(
        tasks=(),
        joint_trajectory=any(name.startswith("joint_") for name in measures),
        curvature=bool(measures & {"lambda_max", "limit", "alpha_lambda", "raised_share"}),
        rates=False,
        moves=any(name.startswith("layers.") for name in measures),
        paths=False,
        look=LOOK_OF.get(look, "") if any(name.startswith(f"{look}.") for name in measures) else "",
    )
    config = replace(config, own)
    seen = snapshot(config, pupil.state, view)
    losses, accuracies = ([values[at] for values in pupil.recent] for at in (0, 1))
    status = pupil.state.status
    return of_snapshot(config, status, seen, rollbacks=pupil.rollbacks, losses=losses, accuracies=accuracies)


def _begun(config: RunConfig) -> Pupil:
    return Pupil(config, init_run(config))


def _with(pupil: Pupil, config: RunConfig) -> Pupil:
    """The run under another set-up; one that waits goes on."""
    changes = {
        name: value
        for name in RunConfig.__dataclass_fields__
        if name not in ("weights_seed", "tasks_seed")
        and (value := getattr(config, name)) != getattr(pupil.config, name)
    }
    own, state = apply_entry(pupil.config, pupil.state, Entry(step=pupil.state.step, kind="change", changes=changes))
    if not pupil.goes_on:
        own, state = apply_entry(own, state, Entry(step=state.step, kind="resume"))
    return pupil._replace(config=own, state=state)


def _moved(pupils: Sequence[Pupil], until: int) -> list[Pupil]:
    """The runs trained on: those at one outer step as lanes, and those that go wrong, have a baseline or stand alone each by itself."""
    together = [
        pupil
        for pupil in pupils
        if pupil.state.step == pupils[0].state.step and not pupil.state.baselines and len(pupils) > 1
    ]
    by_lanes = dict(zip(map(id, together), _as_lanes(together, until), strict=True)) if together else {}
    return [by_lanes.get(id(pupil)) or _alone(pupil, until) for pupil in pupils]


def _alone(pupil: Pupil, until: int) -> Pupil:
    """A run as the page has it, with its roll-backs."""
    state, records = advance(pupil.config, pupil.state, num_steps=max(0, until - pupil.state.step))
    return Pupil(pupil.config, state, pupil.rollbacks + len(records.events), _newest(pupil, records))


def _newest(pupil: Pupil, records: Records) -> tuple[tuple[float, float], ...]:
    found = zip(records.query_loss.tolist(), records.accuracy.tolist(), strict=True)
    return (*pupil.recent, *found)[-RECENT_STEPS:]


def _as_lanes(pupils: Sequence[Pupil], until: int) -> list[Pupil | None]:
    """The runs trained on as lanes of one batch; None for one that goes wrong on the way."""
    batch = Batch.from_configs(tuple(pupil.config for pupil in pupils))
    lanes = _lanes(pupils)
    recent = [list(pupil.recent) for pupil in pupils]
    while lanes.places and lanes.step < until:
        places, step = lanes.places, outer_step(batch, lanes)
        accuracy = step.accuracy or [math.nan] * len(places)
        for place, values in zip(places, zip(step.query_loss, accuracy, strict=True), strict=True):
            recent[place] = [*recent[place][1 - RECENT_STEPS :], values]
        lanes = step.lanes
    found: list[Pupil | None] = [None] * len(pupils)
    for lane, place in enumerate(lanes.places):
        state = _state(pupils[place].state, batch, lanes.only([lane]))
        found[place] = pupils[place]._replace(state=state, recent=tuple(recent[place]))
    return found


def _lanes(pupils: Sequence[Pupil]) -> Lanes:
    states = [pupil.state for pupil in pupils]
    moments = [state.meta.optimizer for state in states]
    return Lanes(
        step=states[0].step,
        places=tuple(range(len(states))),
        meta=torch.cat([flattened(state.meta.meta_parameters) for state in states]),
        optimizer=OptimizerState(
            moments[0].step, _rows([one.first for one in moments]), _rows([one.second for one in moments])
        ),
        statistics={
            name: torch.cat([state.meta.statistics[name] for state in states]) for name in states[0].meta.statistics
        },
        loss_scale=tuple(state.loss_scale for state in states),
        high_loss_steps=tuple(state.high_loss_steps for state in states),
    )


def _rows(of: Sequence[Params]) -> Params:
    """Moments of each run as rows of one tensor; nothing where the optimiser has none."""
    return {ROW: torch.cat([flattened(params) for params in of])} if of[0] else {}


def _state(before: RunState, batch: Batch, lane: Lanes) -> RunState:
    """A lane as the state of its run, which goes back to here where it goes wrong later."""
    theta, rates = batch.meta_parameters(lane)
    names = before.meta.meta_parameters
    first, second = (_parts(params, batch.shapes, names) for params in (lane.optimizer.first, lane.optimizer.second))
    learner = Learner(
        {name: value.clone() for name, value in theta.items()},
        OptimizerState(lane.optimizer.step, first, second),
        tuple({name: value.clone() for name, value in entry.items()} for entry in rates),
        lane.statistics,
    )
    here = Checkpoint(lane.step, learner, {})
    return before._replace(
        step=lane.step, meta=learner, good=here, candidate=here, high_loss_steps=lane.high_loss_steps[0]
    )


def _parts(rows: Params, shapes: Mapping[str, torch.Size], names: Params) -> Params:
    if not rows:
        return {}
    parts = torch.split(rows[ROW], [shape.numel() for shape in shapes.values()], dim=1)
    found = {name: part.reshape(-1, *shape) for part, (name, shape) in zip(parts, shapes.items(), strict=True)}
    return {name: found[name] for name in names}
