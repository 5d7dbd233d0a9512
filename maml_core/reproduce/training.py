"""Trainings side by side, each in a run folder of its own."""

from __future__ import annotations

import json
import math
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from pathlib import Path
from typing import NamedTuple

from maml_core.chunks import ChunkRequest, ChunkResult, run_chunk
from maml_core.datasets.trained import TrainedImages
from maml_core.errors import StoreError
from maml_core.execution import MAX_LOST
from maml_core.files import write_file
from maml_core.records import Entry, Records, Status
from maml_core.reproduce.cases import Case
from maml_core.reproduce.estimates import Left
from maml_core.reproduce.exams import Judged, judged
from maml_core.reproduce.kept_exams import Work, keep, kept
from maml_core.reproduce.tables import Row
from maml_core.store import DOCUMENT, SavedRun, load_run, save_run

CHUNK_STEPS, CHUNK_S = 250, 2.0
"""A chunk ends after so many outer steps, or so many processor seconds."""

POLL_S = 0.5
"""Seconds between two looks at whether to stop, at most."""

SAVE_EVERY_S = 60.0
"""Processor seconds of a training between two saves."""

MAX_RESUMED = 50
"""A training that was rolled back more often than this is reported as it then is."""


class Update(NamedTuple):
    """Where a reproduction is."""

    case: Case
    step: int
    loss: float
    """Mean training loss of the last chunk."""
    accuracy: float
    """Mean training accuracy of the last chunk; NaN in regression."""


class Reproduction:
    """Trains cases side by side on an executor, saves them as it goes, and evaluates what has come out.

    Args:
        cases: What to train.
        folder: Where the run folders and the table go; a training that is there already goes on.
        executor: Where chunks run.
        at_once: Trainings in flight.
        device: Where chunks compute, by PyTorch's name of it.
        on_progress: Called after every chunk.

    Raises:
        StoreError: A run folder cannot be read, or is one of another training.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        folder: Path,
        *,
        executor: Executor,
        at_once: int = 1,
        device: str = "cpu",
        on_progress: Callable[[Update], None] = lambda _: None,
    ) -> None:
        self.folder = folder
        self._executor = executor
        self._at_once = at_once
        self._device = device
        self._on_progress = on_progress
        self._turn = threading.Lock()
        self._trainings = [_Training(case, folder / case.folder) for case in cases]
        for training in self._trainings:
            training.open()

    @property
    def num_steps_in_all(self) -> int:
        """Outer steps of all trainings together, when they are done."""
        return sum(training.case.num_steps for training in self._trainings if training.case.setup.is_trained)

    @property
    def steps_done(self) -> int:
        """Outer steps of all trainings together."""
        return sum(training.step for training in self._trainings)

    @property
    def left(self) -> list[Left]:
        """What is left of each training."""
        return [training.left for training in self._trainings]

    def train(self, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Train all cases to the end, or until somebody asks to stop. However it ends, what there is has been saved.

        Raises:
            StoreError: A run cannot be saved.
            BrokenExecutor: A training's chunk was lost `MAX_LOST` times in a row, each time with its worker.
        """
        waiting = [training for training in self._trainings if not training.ended]
        flying: dict[Future[ChunkResult], _Training] = {}
        try:
            while (waiting or flying) and not should_stop():
                while waiting and len(flying) < self._at_once:
                    training = waiting.pop(0)
                    flying[self._executor.submit(run_chunk, training.request(self._device))] = training
                for future in wait(flying, timeout=POLL_S, return_when=FIRST_COMPLETED).done:
                    training = flying.pop(future)
                    try:
                        result = future.result()
                    except BrokenExecutor:
                        training.num_lost += 1
                        if training.num_lost >= MAX_LOST:
                            raise
                        waiting.insert(0, training)
                        continue
                    with self._turn:
                        training.take(result)
                        if training.ended or training.cpu_s - training.saved_cpu_s >= SAVE_EVERY_S:
                            training.save()
                    self._on_progress(training.update())
                    if not training.ended:
                        waiting.insert(0, training)
        finally:
            self.save()

    def save(self) -> None:
        """Save every training that has gone on since it was saved; another thread may ask for it.

        Raises:
            StoreError: A run cannot be saved.
        """
        with self._turn:
            for training in self._trainings:
                if training.step > training.saved_step:
                    training.save()

    def rows(self, *, num_tasks: int, on_evaluated: Callable[[int, int], None] = lambda _done, _of: None) -> list[Row]:
        """Evaluate every training on test tasks, as its case asks for. Each result is kept when it is there, and is not computed again.

        Args:
            num_tasks: Test tasks of each.
            on_evaluated: Called with how many results there are, of how many, whenever there is another one.

        Raises:
            BrokenExecutor: An evaluation was lost `MAX_LOST` times, each time with its worker.
        """
        wanted = [
            (training, training.work(shots, num_tasks, self._device))
            for training in self._trainings
            for shots in training.case.exam.shots
        ]
        found: dict[int, Judged] = {}
        for at, (training, work) in enumerate(wanted):
            if (there := kept(self.folder, training.case.folder, work)) is not None:
                found[at] = there
        waiting = [at for at in range(len(wanted)) if at not in found]
        flying: dict[Future[Judged], int] = {}
        lost: Counter[int] = Counter()
        on_evaluated(len(found), len(wanted))
        while waiting or flying:
            while waiting and len(flying) < self._at_once:
                at = waiting.pop(0)
                flying[self._executor.submit(judged, *wanted[at][1])] = at
            for future in wait(flying, timeout=POLL_S, return_when=FIRST_COMPLETED).done:
                at = flying.pop(future)
                training, work = wanted[at]
                try:
                    found[at] = future.result()
                except BrokenExecutor:
                    lost[at] += 1
                    if lost[at] >= MAX_LOST:
                        raise
                    waiting.insert(0, at)
                    continue
                keep(self.folder, training.case.folder, work, found[at])
                on_evaluated(len(found), len(wanted))
        return [training.row(work.shots, num_tasks, found[at]) for at, (training, work) in enumerate(wanted)]


class _Training:
    """One case on its way."""

    def __init__(self, case: Case, folder: Path) -> None:
        self.case = case
        self.folder = folder
        self.config = case.config
        self.state: bytes | None = None
        self.step = self.saved_step = 0
        self.last_loss = self.last_accuracy = math.nan
        self.cpu_s = self.saved_cpu_s = 0.0
        self._status = Status()
        self._records: list[Records] = []
        self._timeline: list[Entry] = []
        self._images: TrainedImages | None = None
        self._asked: ChunkRequest | None = None
        self.num_lost = 0
        """Times in a row that its chunk was lost."""

    def open(self) -> None:
        """Take up what the folder holds."""
        if not (self.folder / DOCUMENT).exists():
            return
        saved = load_run(self.folder)
        if saved.start != self.case.config or saved.step > self.case.num_steps:
            raise StoreError(
                "foreign",
                f"{self.folder} holds another training (other settings, or more than {self.case.num_steps} steps): choose another folder",
            )
        self.config, self.state, self.step, self._status = saved.config, saved.state, saved.step, saved.status
        self.saved_step, self._images = saved.step, saved.images
        self._records, self._timeline = [saved.records], list(saved.timeline)
        self.cpu_s = self.saved_cpu_s = _times(self.folder.parent).get(self.case.folder, 0.0)

    @property
    def resumed(self) -> int:
        return sum(entry.kind == "resume" for entry in self._timeline)

    @property
    def ended(self) -> bool:
        if not self.case.setup.is_trained:
            return True
        return self.step >= self.case.num_steps or (self._status.kind != "ok" and self.resumed >= MAX_RESUMED)

    @property
    def left(self) -> Left:
        step_s = self.cpu_s / self.step if self.step and self.cpu_s else math.nan
        return Left(self.case, 0 if self.ended else self.case.num_steps - self.step, step_s)

    def request(self, device: str) -> ChunkRequest:
        """The next chunk, or the one that was lost; a run that was rolled back goes on."""
        if self._asked is not None:
            return self._asked
        entries = (Entry(step=self.step, kind="resume"),) if self._status.kind != "ok" else ()
        self._asked = ChunkRequest(
            config=self.config,
            state=self.state,
            timeline=entries,
            num_steps=min(CHUNK_STEPS, self.case.num_steps - self.step),
            budget_s=CHUNK_S,
            device=device,
            images=self._images,
        )
        return self._asked

    def take(self, result: ChunkResult) -> None:
        self.config, self.state, self.step, self._status = result.config, result.state, result.step, result.status
        assert self._asked is not None
        self._timeline.extend([*result.entries, *self._asked.timeline])
        self._asked, self.num_lost = None, 0
        self.cpu_s += result.cpu_s
        self._images = self._images or result.images
        if result.records is not None:
            self._records.append(result.records)
            self._timeline.extend(result.records.events)
            if len(result.records.query_loss) > 0:
                self.last_loss = float(result.records.query_loss.mean())
                self.last_accuracy = float(result.records.accuracy.mean())

    def update(self) -> Update:
        return Update(self.case, self.step, self.last_loss, self.last_accuracy)

    def save(self) -> None:
        assert self.state is not None
        self._records = [Records.joined(self._records)]
        run = SavedRun(
            name=self.case.folder,
            start=self.case.config,
            config=self.config,
            timeline=tuple(self._timeline),
            records=self._records[0],
            state=self.state,
            step=self.step,
            status=self._status,
            images=self._images,
        )
        save_run(self.folder, run)
        root = self.folder.parent
        write_file(root / _TIMES, json.dumps(_times(root) | {self.case.folder: self.cpu_s}, indent=1).encode())
        self.saved_step, self.saved_cpu_s = self.step, self.cpu_s

    def work(self, shots: int, num_tasks: int, device: str) -> Work:
        """What evaluates it on so many test tasks of so many shots."""
        return Work(self.case.setup.learner, self.config, self.state, self.case.exam, shots, num_tasks, device)

    def row(self, shots: int, num_tasks: int, found: Judged) -> Row:
        setup = self.case.setup
        return Row(
            name=setup.name,
            trained_shots=self.config.shots if setup.is_trained else None,
            test_shots=shots,
            config=self.config,
            outer_steps=self.step,
            seed=self.config.tasks_seed,
            test_tasks=num_tasks,
            summary=found.summary,
            by_task=found.by_task,
            resumed=self.resumed,
            stopped=self._status.sentence,
            cpu_s=self.cpu_s,
            exam=self.case.exam,
            published=self.case.published.get(shots, ()),
        )


_TIMES = "times.json"


def _times(folder: Path) -> dict[str, float]:
    """Processor seconds of every training in a reproduction's folder."""
    path = folder / _TIMES
    found: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}
    return found
