"""Published protocols, trained and evaluated: what this engine reaches, beside what papers report.

Each training is a run folder of its own, so a reproduction that was stopped goes on where it was, and every run can be opened
afterwards. Nothing here imports torch: training and evaluation are work for an executor.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from maml_core.chunks import ChunkRequest, ChunkResult, run_chunk
from maml_core.config import RunConfig, replace
from maml_core.errors import ConfigError, StoreError
from maml_core.files import write_file
from maml_core.records import Entry, Records, Status, Summary
from maml_core.store import DOCUMENT, SavedRun, load_run, save_run

TEST_SEED = 90_210
"""Seed of the test tasks. No setting was ever chosen by them: choices were made on tasks of other seeds."""

NUM_EVALUATION_STEPS = 10
REPORTED_STEPS = (1, 5, 10)
CHUNK_STEPS = 250
SAVE_EVERY = 5_000
MAX_RESUMED = 50
"""A training that was rolled back more often than this is reported as it then is."""


class Setup(NamedTuple):
    """A line of the table."""

    name: str
    settings: Mapping[str, Any]
    """What differs from the protocol."""
    learner: Literal["meta", "oracle", "random", "scratch"] = "meta"
    """What is judged: the run, its oracle, its untrained weights, or those trained on each test task from scratch."""

    @property
    def is_trained(self) -> bool:
        """Whether there is a run to train."""
        return self.learner in ("meta", "oracle")


class Published(NamedTuple):
    """A figure that somebody reports: test loss and, where it is given, the half-width of its 95% interval."""

    mean: float
    ci95: float | None
    source: str


class Case(NamedTuple):
    """One training of a set-up."""

    setup: Setup
    config: RunConfig

    @property
    def folder(self) -> str:
        """Name of its run folder."""
        return f"{self.setup.name}, {self.config.shots} shots".replace("+", "p")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one training reaches on test tasks of some number of shots."""

    name: str
    trained_shots: int | None
    """None where nothing was trained."""
    test_shots: int
    settings: Mapping[str, Any]
    outer_steps: int
    seed: int
    test_tasks: int
    summary: Summary
    """After 0..10 inner steps."""
    resumed: int
    """How often the training was rolled back and went on."""
    stopped: str
    """Why it ended early; empty where it did not."""
    cpu_s: float
    """Processor time of the training."""
    published: Mapping[int, Published] = field(default_factory=dict)
    """By number of inner steps."""


_PLUS = {
    "num_inner_steps": 3,
    "multi_step_loss": True,
    "per_step_rates": True,
    "anneal_order": True,
    "anneal_beta": True,
    "num_epochs": 140,
    "clip_norm": 10.0,
}

SINUSOID = (
    Setup("Random start", {}, "random"),
    Setup("From scratch", {}, "scratch"),
    Setup("Oracle", {"num_inner_steps": 0, "oracle_baseline": True}, "oracle"),
    Setup("Joint pretraining", {"num_inner_steps": 0}),
    Setup("MAML", {}),
    Setup("FOMAML", {"order": "first"}),
    Setup("Reptile", {"algorithm": "reptile", "num_inner_steps": 5}),
    Setup("ANIL", {"algorithm": "anil", "alpha": 0.03}),
    Setup("Meta-SGD", {"algorithm": "meta_sgd"}),
    Setup("MAML++", _PLUS),
    Setup("Meta-Curvature", {"algorithm": "meta_curvature"}),
)
"""Finn et al. 2017, section 5.1: alpha 0.01, N = 1, 10 query points, Adam with 0.001, 25 tasks a step; each set-up names what differs."""

PROTOCOLS: Mapping[str, tuple[Setup, ...]] = {"sinusoid": SINUSOID}

_MAML, _RERUN = "Finn et al. 2017, table 2", "Park & Oliva 2019"
PUBLISHED: Mapping[tuple[str, int], Mapping[int, Published]] = {
    ("Joint pretraining", 5): {
        1: Published(2.41, None, _MAML),
        5: Published(2.23, None, _MAML),
        10: Published(2.19, None, _MAML),
    },
    ("MAML", 5): {1: Published(0.67, None, _MAML), 5: Published(0.38, None, _MAML), 10: Published(0.35, None, _MAML)},
    ("MAML", 10): {1: Published(0.44, 0.04, _RERUN)},
    ("Meta-SGD", 5): {1: Published(0.48, 0.06, _RERUN)},
    ("Meta-SGD", 10): {1: Published(0.26, 0.03, _RERUN)},
    ("Meta-Curvature", 5): {1: Published(0.41, 0.05, _RERUN)},
    ("Meta-Curvature", 10): {1: Published(0.20, 0.02, _RERUN)},
}
"""By set-up and shots, then by inner steps."""


class Update(NamedTuple):
    """Where a reproduction is."""

    case: Case
    step: int
    loss: float
    """Mean training loss of the last chunk."""


def cases(setups: Sequence[Setup], *, seed: int, dtype: str = "float32") -> list[Case]:
    """The trainings of some set-ups, at 10 and at 5 shots; one only where training looks at no support point, or there is none."""
    found = []
    for setup in setups:
        for shots in (10, 5):
            config = replace(
                RunConfig(weights_seed=seed, tasks_seed=seed, joint_baseline=False, evaluate_every=1000, dtype=dtype),  # type: ignore[arg-type]
                {"shots": shots, **setup.settings},
            )
            if shots == 10 or (config.num_inner_steps > 0 and setup.is_trained):
                found.append(Case(setup, config))
    return found


def chosen(names: Sequence[str], protocol: str = "sinusoid") -> list[Setup]:
    """The protocol's set-ups of these names, in any spelling of upper and lower case; all of them where no name is given.

    Raises:
        ConfigError: A name that is none of them.
    """
    setups = PROTOCOLS[protocol]
    by_name = {setup.name.lower(): setup for setup in setups}
    for name in names:
        if name.lower() not in by_name:
            raise ConfigError("only", name, f"one of {', '.join(setup.name for setup in setups)}")
    return [by_name[name.lower()] for name in names] if names else list(setups)


class Reproduction:
    """Trains cases side by side on an executor, saves them as it goes, and evaluates what has come out.

    Args:
        cases: What to train.
        folder: Where the run folders and the table go; a training that is there already goes on.
        num_steps: Outer steps of each training.
        executor: Where chunks run.
        at_once: Trainings in flight.
        on_progress: Called after every chunk.

    Raises:
        StoreError: A run folder cannot be read, or is one of another training.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        folder: Path,
        *,
        num_steps: int,
        executor: Executor,
        at_once: int = 1,
        on_progress: Callable[[Update], None] = lambda _: None,
    ) -> None:
        self.folder = folder
        self.num_steps = num_steps
        self._executor = executor
        self._at_once = at_once
        self._on_progress = on_progress
        self._trainings = [_Training(case, folder / case.folder) for case in cases]
        for training in self._trainings:
            training.open(num_steps)

    @property
    def num_steps_in_all(self) -> int:
        """Outer steps of all trainings together, when they are done."""
        return self.num_steps * sum(training.case.setup.is_trained for training in self._trainings)

    @property
    def steps_done(self) -> int:
        """Outer steps of all trainings together."""
        return sum(training.step for training in self._trainings)

    def train(self) -> None:
        """Train all cases to the end. Interrupted, it saves what there is and raises again.

        Raises:
            StoreError: A run cannot be saved.
        """
        waiting = [training for training in self._trainings if not training.ended(self.num_steps)]
        flying: dict[Future[ChunkResult], _Training] = {}
        try:
            while waiting or flying:
                while waiting and len(flying) < self._at_once:
                    training = waiting.pop(0)
                    flying[self._executor.submit(run_chunk, training.request(self.num_steps))] = training
                for future in wait(flying, return_when=FIRST_COMPLETED).done:
                    training = flying.pop(future)
                    training.take(future.result())
                    self._on_progress(Update(training.case, training.step, training.last_loss))
                    if training.ended(self.num_steps):
                        training.save()
                    else:
                        if training.step - training.saved_step >= SAVE_EVERY:
                            training.save()
                        waiting.insert(0, training)
        except BaseException:
            for training in self._trainings:
                if training.step > training.saved_step:
                    training.save()
            raise

    def rows(self, *, num_tasks: int, test_shots: Sequence[int] = (5, 10)) -> list[Row]:
        """Evaluate every training on test tasks: one trained at 5 shots at 5, one trained at 10 at both."""
        submitted = []
        for training in self._trainings:
            for shots in test_shots:
                if shots <= training.config.shots:
                    work = (training.case.setup.learner, training.config, training.state, shots, num_tasks)
                    submitted.append((training, shots, self._executor.submit(summary_on_test_tasks, *work)))
        return [training.row(shots, num_tasks, future.result()) for training, shots, future in submitted]


class _Training:
    """One case on its way."""

    def __init__(self, case: Case, folder: Path) -> None:
        self.case = case
        self.folder = folder
        self.config = case.config
        self.state: bytes | None = None
        self.step = self.saved_step = 0
        self.last_loss = math.nan
        self._status = Status()
        self._records: list[Records] = []
        self._timeline: list[Entry] = []
        self._cpu_s = 0.0

    def open(self, num_steps: int) -> None:
        """Take up what the folder holds."""
        if not (self.folder / DOCUMENT).exists():
            return
        saved = load_run(self.folder)
        if saved.start != self.case.config or saved.step > num_steps:
            raise StoreError(
                "foreign",
                f"{self.folder} holds another training (other settings, or more than {num_steps} steps): choose another folder",
            )
        self.config, self.state, self.step, self._status = saved.config, saved.state, saved.step, saved.status
        self.saved_step = saved.step
        self._records, self._timeline = [saved.records], list(saved.timeline)
        self._cpu_s = _times(self.folder.parent).get(self.case.folder, 0.0)

    @property
    def resumed(self) -> int:
        return sum(entry.kind == "resume" for entry in self._timeline)

    def ended(self, num_steps: int) -> bool:
        if not self.case.setup.is_trained:
            return True
        return self.step >= num_steps or (self._status.kind != "ok" and self.resumed >= MAX_RESUMED)

    def request(self, num_steps: int) -> ChunkRequest:
        """The next chunk; a run that was rolled back goes on."""
        entries = (Entry(step=self.step, kind="resume"),) if self._status.kind != "ok" else ()
        self._timeline.extend(entries)
        return ChunkRequest(
            config=self.config,
            state=self.state,
            timeline=entries,
            num_steps=min(CHUNK_STEPS, num_steps - self.step),
        )

    def take(self, result: ChunkResult) -> None:
        self.config, self.state, self.step, self._status = result.config, result.state, result.step, result.status
        self._cpu_s += result.cpu_s
        if result.records is not None:
            self._records.append(result.records)
            self._timeline.extend(result.records.events)
            if len(result.records.query_loss) > 0:
                self.last_loss = float(result.records.query_loss.mean())

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
        )
        save_run(self.folder, run)
        root = self.folder.parent
        write_file(root / _TIMES, json.dumps(_times(root) | {self.case.folder: self._cpu_s}, indent=1).encode())
        self.saved_step = self.step

    def row(self, shots: int, num_tasks: int, summary: Summary) -> Row:
        setup = self.case.setup
        return Row(
            name=setup.name,
            trained_shots=self.config.shots if setup.is_trained else None,
            test_shots=shots,
            settings=dict(setup.settings),
            outer_steps=self.step,
            seed=self.config.tasks_seed,
            test_tasks=num_tasks,
            summary=summary,
            resumed=self.resumed,
            stopped=self._status.sentence,
            cpu_s=self._cpu_s,
            published=PUBLISHED.get((setup.name, shots), {}),
        )


_TIMES = "times.json"


def _times(folder: Path) -> dict[str, float]:
    """Processor seconds of every training in a reproduction's folder."""
    path = folder / _TIMES
    found: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}
    return found


def summary_on_test_tasks(learner: str, config: RunConfig, state: bytes | None, shots: int, num_tasks: int) -> Summary:
    """Test loss after 0..10 inner steps, on tasks that no training and no choice has seen; see `Setup.learner`."""
    from maml_core.baselines import evaluate_baseline, initial, repeated, scratch_evaluation
    from maml_core.evaluation import evaluate, summarize
    from maml_core.problem import build_problem, held_out_tasks
    from maml_core.runs import rule
    from maml_core.storage import state_from_bytes

    problem = build_problem(config)
    tasks = held_out_tasks(replace(config, {"shots": shots, "evaluation_seed": TEST_SEED}), problem, num_tasks)
    steps = NUM_EVALUATION_STEPS
    if learner == "scratch":
        theta = initial(config, problem).theta
        return summarize(repeated(scratch_evaluation(config, theta, tasks, problem=problem), steps))
    if learner == "random":
        start = initial(config, problem)
        return summarize(evaluate_baseline(config, learner, start, tasks, problem=problem, num_steps=steps))
    assert state is not None  # trained before
    run = state_from_bytes(state)
    if learner == "oracle":
        told = run.baselines["oracle"]
        return summarize(evaluate_baseline(config, learner, told, tasks, problem=problem, num_steps=steps))
    how = rule(config, problem, run.meta)
    return summarize(evaluate(run.meta.theta, tasks, problem=problem, num_steps=steps, **how._asdict()))


def save_table(rows: Sequence[Row], folder: Path) -> None:
    """Write ``table.json`` (everything) and ``table.md`` (as printed) into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / "table.json", json.dumps([plain(row) for row in rows], indent=1).encode())
    write_file(folder / "table.md", (markdown(rows) + "\n").encode())


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table, each figure beside the published one and, after one step, with its verdict.

    A mean is over all tasks, so that a few diverged ones can carry it away; the median and their share stand beside it.
    """
    lines = [
        "| | trained / test shots | after 1 step | after 5 | after 10 | median 1 / 5 / 10 | diverged % 1 / 5 / 10 | published 1 / 5 / 10 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        means = [_figure(row.summary, step) for step in REPORTED_STEPS]
        medians = " / ".join(f"{row.summary.median[step]:.3f}" for step in REPORTED_STEPS)
        shares = " / ".join(f"{row.summary.diverged_share[step]:.1%}".rstrip("%") for step in REPORTED_STEPS)
        name = row.name + (f" (rolled back {row.resumed} times)" if row.resumed else "")
        shots = f"{row.trained_shots or '-'} / {row.test_shots}"
        lines.append(f"| {name} | {shots} | {' | '.join(means)} | {medians} | {shares} | {_published(row)} |")
    return "\n".join(lines)


def _figure(summary: Summary, step: int) -> str:
    mean, ci95 = float(summary.mean[step]), float(summary.ci95[step])
    if not math.isfinite(mean):
        return "inf"
    return f"{mean:.3f} ± {ci95:.3f}" if mean < 1000.0 else f"{mean:.1e}"


def _published(row: Row) -> str:
    """The published figures; where one is better than ours after one step, that is said."""
    if not row.published:
        return ""
    parts = []
    for step in REPORTED_STEPS:
        figure = row.published.get(step)
        if figure is None:
            parts.append("-")
            continue
        missed = not row.summary.mean[step] <= figure.mean
        parts.append(f"{figure.mean:g}" + (" (missed)" if missed else ""))
    return " / ".join(parts)


def plain(row: Row) -> dict[str, Any]:
    """A row as plain JSON values."""
    numbers = {
        name: [_number(value) for value in values]
        for name, values in row.summary._asdict().items()
        if values is not None
    }
    return {
        "name": row.name,
        "trained_shots": row.trained_shots,
        "test_shots": row.test_shots,
        "settings": dict(row.settings),
        "outer_steps": row.outer_steps,
        "seed": row.seed,
        "test_seed": TEST_SEED,
        "test_tasks": row.test_tasks,
        "resumed": row.resumed,
        "stopped": row.stopped,
        "cpu_s": round(row.cpu_s, 1),
        "published": {str(step): figure._asdict() for step, figure in row.published.items()},
        **numbers,
    }


def _number(value: float) -> float | None:
    """JSON has no infinity; None stands for it."""
    return float(value) if math.isfinite(value) else None
