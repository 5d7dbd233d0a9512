"""What a sweep will take, from steps that are measured before it starts. Nothing here imports torch."""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from collections.abc import Collection, Generator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor
from typing import NamedTuple

from maml_core.config import RunConfig
from maml_core.datasets.trained import TrainedImages
from maml_core.errors import ConfigError
from maml_core.execution import resubmitted
from maml_core.families.own import OwnCode
from maml_core.sweeps.chunks import LanesRequest, LanesResult, max_lanes, refusal_of_all, run_lanes
from maml_core.sweeps.compiling_pays import COMPILING_S, TIMES_AS_FAST, can_be_compiled, pays
from maml_core.sweeps.compiling_pays import seconds as compiling_seconds
from maml_core.sweeps.definition import Setting, SweepConfig, group_key, lane_configs
from maml_core.sweeps.images import SweepImages, views_of
from maml_core.sweeps.sampling import cost, groups_of, settings_of

PROBE_S = 0.25
"""Processor seconds that a batch is measured for, where nobody waits for the place that it takes."""

PIECE_S = 0.05
"""Processor seconds of a measurement's piece at most, where others wait: a live run behind one hardly notices."""

MAX_MEASURED = 3
"""Groups that are measured; the others are taken to cost what their sizes say next to the nearest one."""

MEASURED_LANES = 8
MEASURED_STEPS = 3
MEASURED_TASKS = 100
"""Held-out tasks that a lane is judged on at most; what more of them take is in proportion."""

MAX_SAMPLE = 256
"""Settings that are drawn in the place of TPE's to find its groups."""


class Cost(NamedTuple):
    """Processor seconds of one lane."""

    step_s: float
    """An outer step, among the lanes that it was measured with."""
    evaluation_s: float
    """To be judged once."""
    is_compiled: bool = False
    """The outer steps were taken in their compiled form, which is there already."""

    @property
    def eager_step_s(self) -> float:
        """An outer step where there is no compiled form."""
        return self.step_s * (TIMES_AS_FAST if self.is_compiled else 1.0)


REFUSED = Cost(0.0, 0.0)
"""What a group takes whose tasks cannot be drawn: its settings are left out."""


class Group(NamedTuple):
    """Settings that share a graph."""

    configs: tuple[RunConfig, ...]
    """Some lanes of it, up to `MEASURED_LANES`."""
    num_settings: float
    """How many are left of it; of TPE's, as many as may be expected."""


class Budget(NamedTuple):
    """What is left to do of a sweep."""

    num_settings: int
    num_lanes: int
    num_groups: int
    """Groups of settings that share a graph; of TPE's, those of settings that are drawn at random."""
    lanes_at_once: int
    """Lanes of a batch."""
    step_s: float
    """Processor seconds that a batch of the costliest group that was measured takes for an outer step."""
    cpu_s: float
    """Processor seconds of the whole sweep; less where lanes diverge or are pruned."""
    seconds: float
    """Seconds of waiting, with all places at work and nothing else to do. NaN, as the two above, while nothing was measured."""
    compiling_s: float = 0.0
    """Seconds for which outer steps are compiled beside the training."""


def groups(sweep: SweepConfig, finished: Collection[int] = ()) -> dict[RunConfig, Group]:
    """What is left of a sweep's groups by their `group_key`, the costliest first.

    Args:
        sweep: What is to be computed.
        finished: Numbers of the settings that need no more work.
    """
    settings = settings_of(sweep)
    if settings is None:
        return _expected(sweep, sweep.size - len(finished))
    found: dict[RunConfig, Group] = {}
    for numbers in groups_of(sweep):
        left = [settings[number] for number in numbers if number not in finished]
        if left:
            group = Group(_some_lanes(sweep, left), len(left))
            key = group_key(group.configs[0])
            same = found.setdefault(key, group._replace(num_settings=0))  # an alias, and what it means
            found[key] = same._replace(num_settings=same.num_settings + len(left))
    return found


def _expected(sweep: SweepConfig, num_left: int) -> dict[RunConfig, Group]:
    """The groups of settings that nobody knows yet: those of some that are drawn at random."""
    count = min(sweep.num_settings, sweep.num_combinations or MAX_SAMPLE, MAX_SAMPLE)
    drawn = groups(dataclasses.replace(sweep, sampler="random", num_settings=count)) if num_left > 0 else {}
    whole = sum(group.num_settings for group in drawn.values())
    return {key: group._replace(num_settings=num_left * group.num_settings / whole) for key, group in drawn.items()}


def _some_lanes(sweep: SweepConfig, settings: Sequence[Setting]) -> tuple[RunConfig, ...]:
    lanes = (lane for one in settings for lane in lane_configs(sweep, one.values))
    return tuple(itertools.islice(lanes, MEASURED_LANES))


def unmeasured(found: Mapping[RunConfig, Group], costs: Mapping[RunConfig, Cost]) -> list[RunConfig]:
    """The keys of the groups to measure yet: a few from the costliest to the least; where none of them can be drawn, one more."""
    keys = list(found)
    chosen = [keys[index] for index in _spread(len(keys), MAX_MEASURED)]
    left = [key for key in keys if key not in costs]
    if all(costs.get(key) == REFUSED for key in chosen) and not any(
        costs[key] != REFUSED for key in keys if key in costs
    ):
        return left[:1]
    return [key for key in chosen if key in left]


def measuring(
    configs: tuple[RunConfig, ...],
    *,
    piece_s: float = PIECE_S,
    until: int = MEASURED_STEPS,
    warms_up: bool = False,
    images: TrainedImages | None = None,
    compiled: bool = False,
    code: OwnCode | None = None,
) -> Generator[LanesRequest, LanesResult, Cost]:
    """Asks for short pieces of a group's work, takes their results, and returns what a lane costs. Lanes that left early make it a
    little too small.

    Args:
        configs: Of the lanes that are trained together.
        piece_s: Processor seconds of a piece.
        until: Outer steps that are measured at most.
        warms_up: Take a step before, which is not measured.
        images: That they are computed on.
        compiled: Take outer steps in their compiled form, where it is there.
        code: Of the problem, where it is one of one's own.
    """
    count, num_tasks = len(configs), configs[0].evaluation_tasks
    training = LanesRequest(
        configs=configs, until=until, budget_s=piece_s, evaluate=False, images=images, compiled=compiled, code=code
    )
    trained = yield dataclasses.replace(training, until=1) if warms_up else training
    if trained.refusal or len(trained.refused) == count:
        return REFUSED
    if warms_up and trained.lanes:
        trained = yield dataclasses.replace(training, state=trained.state)
    step_s = trained.advance_s / (max(1, len(trained.steps)) * count)
    few = min(num_tasks, MEASURED_TASKS)
    # One lane: several take as much each. The first time a worker does it, it takes longer.
    one = dataclasses.replace(configs[0], evaluation_tasks=few)
    judging = LanesRequest(configs=(one,), until=0, images=images, code=code)
    evaluation_s = min(_judged_s((yield judging)), _judged_s((yield judging)))
    return Cost(step_s, evaluation_s * num_tasks / few, is_compiled=trained.num_compiled > 0)


def _judged_s(result: LanesResult) -> float:
    return max(0.0, result.cpu_s - result.advance_s)


def reckoned(
    sweep: SweepConfig,
    found: Mapping[RunConfig, Group],
    costs: Mapping[RunConfig, Cost],
    *,
    at_once: int,
    slowdown: float = 1.0,
    lanes_at_once: int = MEASURED_LANES,
    compiles: bool = False,
) -> Budget:
    """What a sweep will take, from the groups that were measured.

    Args:
        sweep: What is to be computed.
        found: Its `groups`.
        costs: Of those that were measured, by their keys.
        at_once: Batches in flight.
        slowdown: Seconds of waiting for a processor second.
        lanes_at_once: Lanes of a batch.
        compiles: Groups that train for long have their outer steps compiled beside that, unless these are there.
    """
    keys = list(found)
    num_settings = round(sum(group.num_settings for group in found.values()))
    known = {index: costs[key] for index, key in enumerate(keys) if costs.get(key, REFUSED) != REFUSED}
    if not known and len(costs.keys() & found.keys()) == len(found):  # all is done, or nothing of it can be drawn
        return Budget(0, 0, 0, 0, 0.0, 0.0, 0.0)
    cpu_s = step_s = math.nan
    places = max(1, min(at_once, num_settings))
    num_compiled = 0
    if known:
        cpu_s, step_s = 0.0, lanes_at_once * known[min(known)].step_s
        for index, key in enumerate(keys):
            near = min(known, key=lambda other: abs(other - index))
            times = 1.0 if key in costs else cost(key) / cost(keys[near])
            of = costs.get(key, known[near])
            if of == REFUSED:
                continue
            num_lanes = found[key].num_settings * sweep.num_seeds
            is_there = key in costs and of.is_compiled
            training_s = num_lanes * times * sweep.num_steps * (of.step_s if is_there else of.eager_step_s)
            if (
                compiles
                and sweep.sampler != "tpe"
                and not is_there
                and can_be_compiled(key)
                and pays(training_s, places)
            ):
                training_s /= TIMES_AS_FAST
                num_compiled += 1
            cpu_s += training_s + num_lanes * times * len(sweep.rungs) * of.evaluation_s
    seconds = cpu_s / places
    if num_compiled:
        seconds = compiling_seconds(cpu_s, places, num_compiled=num_compiled)
    return Budget(
        num_settings=num_settings,
        num_lanes=num_settings * sweep.num_seeds,
        num_groups=len(found),
        lanes_at_once=lanes_at_once,
        step_s=step_s,
        cpu_s=cpu_s,
        seconds=seconds * slowdown,
        compiling_s=num_compiled * COMPILING_S,
    )


def compiling_words(need: Budget) -> str:
    """For how long outer steps are compiled beside the training, to stand behind the time; empty where nothing is.

    >>> compiling_words(Budget(64, 64, 1, 8, 0.01, 300.0, 180.0, compiling_s=24.0))
    ', compiling in the first 24 s'
    """
    if math.isnan(need.seconds) or need.compiling_s == 0.0:
        return ""
    seconds = need.compiling_s
    spoken = f"{round(seconds)} s" if seconds < 120.0 else f"{round(seconds / 60.0)} minutes"
    return f", compiling in the first {spoken}"


def budget(
    sweep: SweepConfig,
    executor: Executor,
    *,
    at_once: int,
    finished: Collection[int] = (),
    lanes: int | None = None,
    images: SweepImages | None = None,
    compiles: bool = False,
    code: OwnCode | None = None,
) -> Budget:
    """Measure some outer steps on the executor, and reckon.

    Args:
        sweep: What is to be computed.
        executor: Where; its workers should be warm.
        at_once: Batches in flight.
        finished: Numbers of the settings that need no more work.
        lanes: See `Sweeping`.
        images: That it is computed on.
        compiles: As of `reckoned`.
        code: Of the problem, where it is one of one's own.

    Raises:
        DataError: There are no images to draw tasks from.
        BrokenExecutor: A worker ended each time that it measured.
    """
    found = groups(sweep, set(finished))
    costs: dict[RunConfig, Cost] = {}
    first: tuple[int, float] | None = None
    while left := unmeasured(found, costs):
        key = left[0]
        config, count = found[key].configs[0], found[key].num_settings
        trained = None if images is None else images.of(sweep, config.tasks)
        if isinstance(trained, str):  # why there are none
            costs[key] = REFUSED
            continue
        num_lanes = max(1, min(lanes or max_lanes(config), math.ceil(count / at_once) * sweep.num_seeds))
        for one in dict.fromkeys(found[key].configs):  # code of one's own may refuse the first alone
            pieces = measuring(
                (one,) * num_lanes,
                piece_s=PROBE_S,
                until=10**9,
                warms_up=True,
                images=trained,
                compiled=compiles,
                code=code,
            )
            costs[key], slowdown = _measured(pieces, executor)
            if costs[key] != REFUSED:
                break
        if first is None and costs[key] != REFUSED:
            first = num_lanes, slowdown
    num_lanes, slowdown = first or (0, 1.0)
    return reckoned(sweep, found, costs, at_once=at_once, slowdown=slowdown, lanes_at_once=num_lanes, compiles=compiles)


def _measured(pieces: Generator[LanesRequest, LanesResult, Cost], executor: Executor) -> tuple[Cost, float]:
    """What a lane costs, and the seconds of waiting for a processor second: others may be at work on this machine, and chunks have a way to
    go.
    """
    request, longest, slowdown = next(pieces), 0.0, 1.0
    while True:
        began = time.monotonic()
        result = resubmitted(executor, run_lanes, request)
        if result.cpu_s > longest:
            longest, slowdown = result.cpu_s, max(1.0, (time.monotonic() - began) / max(result.cpu_s, 1e-3))
        try:
            request = pieces.send(result)
        except StopIteration as end:
            return end.value, slowdown


def check_drawable(sweep: SweepConfig, executor: Executor, code: OwnCode | None = None) -> None:
    """See that tasks of some setting can be drawn, before anything of the sweep is kept. Nobody knows before what TPE will draw: of its
    sweeps only the images must be there.

    Args:
        sweep: What is to be computed.
        executor: Where: the images are there.
        code: Of the problem, where it is one of one's own.

    Raises:
        ConfigError: No setting can be computed; says why. Or its images are read in too many ways.
        DataError: There are no images to draw tasks from.
    """
    views_of(sweep)
    known = settings_of(sweep) is not None
    configs = [group.configs[0] for group in groups(sweep).values()] if known else [sweep.base]
    kinds = {(one.tasks, one.model, one.shots, one.num_query): one for one in configs}
    try:
        refusal = resubmitted(executor, refusal_of_all, tuple(kinds.values()), code)
    except BrokenExecutor:  # which says nothing of the sweep; whoever computes it says that its workers end
        return
    if refusal and known:
        raise ConfigError("axes", f"all {sweep.size:,} settings", f"none of them can be computed: {refusal}")


def _spread(count: int, most: int) -> list[int]:
    """Up to `most` places from first to last.

    >>> _spread(7, 3), _spread(2, 3), _spread(1, 3), _spread(0, 3)
    ([0, 3, 6], [0, 1], [0], [])
    """
    picked = min(count, most)
    return [round(index * (count - 1) / (picked - 1)) for index in range(picked)] if picked > 1 else list(range(picked))
