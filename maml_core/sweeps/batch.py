"""One batch of a sweep under way: some settings' lanes, what was measured of them, and when a setting is complete."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from maml_core.config import RunConfig
from maml_core.datasets.trained import TrainedImages
from maml_core.families.own import OwnCode
from maml_core.records import Numbers, Summary
from maml_core.sweeps.chunks import LanesRequest, LanesResult
from maml_core.sweeps.definition import Setting, SweepConfig, group_key, lane_configs
from maml_core.sweeps.kept_batches import KeptBatch
from maml_core.sweeps.results import LaneResult, SettingResult, capped, refused, result_of, value_of

MAX_STRETCHES = 200
"""Points of a training curve that is kept."""


class Outcome(NamedTuple):
    """What a chunk's result meant for a batch."""

    rung: int | None
    """The outer step of the rung that was reached; None where none was."""
    values: dict[int, float]
    """Losses of the settings that go on or end at that rung, by number, at worst the cap."""
    lane_steps: int
    """Outer steps that were taken, over all lanes."""
    refused: tuple[SettingResult, ...] = ()
    """Settings that turned out not to be computable; each is told once."""


class RunningBatch:
    """See the module. It changes in place; the driver alone holds it.

    Args:
        number: Of the batch in its driver.
        sweep: That it is of.
        settings: All of one `group_key`.
        images: That they are computed on, where they are of images in files.
        code: Of the problem, where it is one of one's own.
        compiled: Take outer steps in their compiled form, where it is there.
    """

    def __init__(
        self,
        number: int,
        sweep: SweepConfig,
        settings: Sequence[Setting],
        images: TrainedImages | None = None,
        compiled: bool = False,
        code: OwnCode | None = None,
    ) -> None:
        self.number = number
        self.settings = tuple(settings)
        self.in_flight = False
        self.step = 0
        self._sweep = sweep
        self._images, self._compiled, self._code = images, compiled, code
        self.configs = tuple(config for one in settings for config in lane_configs(sweep, one.values))
        """The set-ups of all lanes that it began with."""
        self.group: RunConfig = group_key(self.configs[0])
        self._state: bytes | None = None
        self._alive = set(range(len(self.configs)))
        self._dropped: set[int] = set()
        """Pruned, and not told to the lanes yet."""
        self._lanes: dict[int, LaneResult] = {}
        """What is known of each lane, by its place."""
        self._rungs: dict[int, list[tuple[int, float]]] = {one.number: [] for one in settings}
        self._curvatures: dict[int, dict[int, float]] = {one.number: {} for one in settings}
        """lambda_max of each setting by the outer step of the rung."""
        self._open = {one.number: one for one in settings}
        self._first = {one.number: index * sweep.num_seeds for index, one in enumerate(settings)}
        self._width = math.ceil(sweep.num_steps / MAX_STRETCHES)
        stretches = math.ceil(sweep.num_steps / self._width)
        self._sums = np.zeros((len(self.configs), stretches))
        self._counts = np.zeros(stretches, dtype=np.int64)
        self._form_changes: list[int] = []
        """As `SettingResult.form_changes`, of all lanes."""

    @property
    def at_rung(self) -> KeptBatch | None:
        """What to keep of it at a rung, before what is complete there is taken out; None where no lane goes on from there."""
        if self._state is None or self.step >= self._sweep.num_steps or not self._alive:
            return None
        return KeptBatch(
            settings=self.settings,
            open=frozenset(self._open),
            step=self.step,
            state=self._state,
            alive=frozenset(self._alive),
            dropped=frozenset(self._dropped),
            lanes=self._lanes,
            rungs=self._rungs,
            curvatures=self._curvatures,
            sums=self._sums,
            counts=self._counts,
            form_changes=tuple(self._form_changes),
        )

    def go_on(self, kept: KeptBatch, taken: Collection[int]) -> None:
        """Go on from a rung, instead of from the beginning.

        Args:
            kept: Of a batch of the same settings.
            taken: Which of them are ours. The others' lanes stay, so that ours come to the bits that they would have come to.
        """
        self._state, self.step = kept.state, kept.step
        self._alive, self._dropped, self._lanes = set(kept.alive), set(kept.dropped), dict(kept.lanes)
        self._rungs = {number: list(pairs) for number, pairs in kept.rungs.items()}
        self._curvatures = {number: dict(found) for number, found in kept.curvatures.items()}
        self._open = {number: one for number, one in self._open.items() if number in kept.open and number in taken}
        self._sums, self._counts = kept.sums.copy(), kept.counts.copy()
        self._form_changes = [*kept.form_changes]

    @property
    def has_rung(self) -> bool:
        """Whether it has reached one, from which somebody may go on."""
        return self.step >= self._sweep.rungs[0]

    @property
    def is_done(self) -> bool:
        """Whether all its settings are complete."""
        return not self._open

    @property
    def open(self) -> Collection[int]:
        """The numbers of the settings that are not complete."""
        return self._open.keys()

    @property
    def lane_steps_left(self) -> int:
        """Outer steps that are left, over all lanes, where none leaves."""
        return len(self._alive) * (self._sweep.num_steps - self.step)

    def request(self, budget_s: float | None) -> LanesRequest:
        """The next chunk: on to the next rung at most."""
        return LanesRequest(
            configs=self.configs,
            state=self._state,
            until=next(step for step in self._sweep.rungs if step > self.step),
            budget_s=budget_s,
            drop=tuple(sorted(self._dropped)),
            compiled=self._compiled,
            images=self._images,
            code=self._code,
        )

    def take_in(self, request: LanesRequest, result: LanesResult) -> Outcome:
        """What came of a request."""
        self._state, self.step = result.state, result.step
        self._dropped -= set(request.drop)
        self._note_training(result)
        self._note_forms(result)
        for stop in result.stopped:
            self._alive.discard(stop.lane)
            seed, is_dead = stop.lane % self._sweep.num_seeds, stop.status.kind == "dead"
            before = self._lanes.get(stop.lane)
            self._lanes[stop.lane] = _gone(seed, "dead" if is_dead else "diverged", stop.step, before)
        left_out = self._left_out({self._number_of(lane): why for lane, why in reversed(result.refused)})
        if result.summaries is None:
            return Outcome(None, {}, _steps_in(result), left_out)
        for index, (place, summary) in enumerate(zip(result.lanes, result.summaries, strict=True)):
            curvature = math.nan if result.curvatures is None else float(result.curvatures[index])
            self._lanes[place] = self._measured(place, summary, curvature)._replace(task_values=result.by_task[index])
        values = {}
        for number in self._open:
            places = self._places(number)
            if self._alive.isdisjoint(places):
                continue
            value, _ = value_of(self._sweep, [self._lanes[place] for place in places])
            values[number] = capped(self._sweep, value)
            self._rungs[number].append((self.step, values[number]))
            lambdas = [self._lanes[place].lambda_max for place in places if place in result.lanes]
            if known := [value for value in lambdas if math.isfinite(value)]:
                self._curvatures[number][self.step] = float(np.mean(known))
        return Outcome(self.step, values, _steps_in(result), left_out)

    def prune(self, numbers: Collection[int]) -> None:
        """These settings leave, with what the rung said of them."""
        for number in numbers:
            for place in self._places(number):
                if place in self._alive:
                    self._alive.discard(place)
                    self._dropped.add(place)
                    self._lanes[place] = self._lanes[place]._replace(status="pruned")

    def completed(self) -> list[SettingResult]:
        """The settings of which no lane goes on; each is told once."""
        if self.step >= self._sweep.num_steps:
            self._alive.clear()
        done = [one for one in self._open.values() if self._alive.isdisjoint(self._places(one.number))]
        found = [self.result(one, done=True) for one in done]
        for one in done:
            del self._open[one.number]
        return found

    def refuse(self, refusal: str) -> tuple[SettingResult, ...]:
        """All its settings are left out; each is told once."""
        return self._left_out(dict.fromkeys(self._open, refusal))

    def running(self) -> list[SettingResult]:
        """The open settings as far as they are known."""
        return [self.result(one, done=False) for one in self._open.values()]

    def result(self, setting: Setting, *, done: bool) -> SettingResult:
        """One setting as far as it is known."""
        places = self._places(setting.number)
        known = [self._lanes[place] for place in places if place in self._lanes]
        lanes = known if len(known) == len(places) else []
        reached = max((lane.step for lane in lanes), default=self.step)
        return result_of(
            self._sweep,
            setting,
            lanes,
            done=done,
            rungs=self._rungs[setting.number],
            curvatures=self._curvatures[setting.number],
            training=self._training(places),
            form_changes=[step for step in self._form_changes if step < reached],
        )

    def _left_out(self, refusals: Mapping[int, str]) -> tuple[SettingResult, ...]:
        """Leave settings out, with the lanes of all their seeds."""
        found = []
        for number, why in refusals.items():
            lanes = set(self._places(number))
            self._dropped |= lanes
            self._alive -= lanes
            if (setting := self._open.pop(number, None)) is not None:
                found.append(refused(setting, why))
        return tuple(found)

    def _number_of(self, place: int) -> int:
        return self.settings[place // self._sweep.num_seeds].number

    def _places(self, number: int) -> range:
        first = self._first[number]
        return range(first, first + self._sweep.num_seeds)

    def _measured(self, place: int, summary: Summary, lambda_max: float) -> LaneResult:
        n = self.configs[place].num_inner_steps
        accuracy = math.nan if summary.accuracy is None else float(summary.accuracy[n])
        accuracy_ci95 = math.nan if summary.accuracy_ci95 is None else float(summary.accuracy_ci95[n])
        return LaneResult(
            seed=place % self._sweep.num_seeds,
            status="ok",
            step=self.step,
            loss=float(summary.mean[n]),
            ci95=float(summary.ci95[n]),
            before=float(summary.mean[0]),
            accuracy=accuracy,
            accuracy_ci95=accuracy_ci95,
            diverged_share=float(summary.diverged_share[n]),
            worse_share=float(summary.worse_share[n]),
            lambda_max=lambda_max,
        )

    def _note_training(self, result: LanesResult) -> None:
        stretches = np.asarray(result.steps, dtype=np.int64) // self._width
        for column, place in enumerate(result.query_lanes):
            np.add.at(self._sums[place], stretches, result.query_loss[:, column])
        np.add.at(self._counts, stretches, 1)
        for place in set(range(len(self.configs))) - set(result.query_lanes):  # left before
            self._sums[place, stretches] = math.nan

    def _note_forms(self, result: LanesResult) -> None:
        for step, is_compiled in zip(result.steps.tolist(), result.compiled or itertools.repeat(False)):
            if is_compiled != (len(self._form_changes) % 2 == 1):
                self._form_changes.append(step)

    def _training(self, places: range) -> tuple[Numbers, Numbers]:
        taken = np.flatnonzero(self._counts)
        last = np.minimum((taken + 1) * self._width, self.step) - 1
        return last.astype(np.float64), self._sums[places.start : places.stop, taken] / self._counts[taken]


def _steps_in(result: LanesResult) -> int:
    """A lane that has left takes no steps."""
    return int(np.count_nonzero(~np.isnan(result.query_loss)))


def _gone(seed: int, status: Literal["diverged", "dead"], step: int, before: LaneResult | None) -> LaneResult:
    """A lane that left, with what the last rung before knew of its start and its curvature, where there was one."""
    return LaneResult(
        seed=seed,
        status=status,
        step=step,
        loss=math.inf,
        ci95=math.nan,
        before=math.nan if before is None else before.before,
        accuracy=math.nan,
        accuracy_ci95=math.nan,
        diverged_share=math.nan,
        worse_share=math.nan,
        lambda_max=math.nan if before is None else before.lambda_max,
    )
