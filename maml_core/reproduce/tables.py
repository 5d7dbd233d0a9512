"""What was reached, beside what papers report: as Markdown for people, as plain values for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maml_core.config import RunConfig, to_dict
from maml_core.files import write_file
from maml_core.records import Numbers, Summary
from maml_core.reproduce.cases import Exam, Published
from maml_core.reproduce.exams import TEST_SEED
from maml_core.wording import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one training reaches on test tasks of some number of shots."""

    name: str
    trained_shots: int | None
    """None where nothing was trained."""
    test_shots: int
    config: RunConfig
    outer_steps: int
    seed: int
    test_tasks: int
    exam: Exam
    summary: Summary
    """After 0.. inner steps of the exam."""
    resumed: int
    """How often the training was rolled back and went on."""
    stopped: str
    """Why it ended early; empty where it did not."""
    cpu_s: float
    """Processor time of the training."""
    published: tuple[Published, ...] = ()
    """The first figure is what ours is compared with."""
    by_task: Numbers | None = None
    """Losses of the T test tasks, or their accuracies, after each of the R reported numbers of inner steps, [R, T]."""

    @property
    def means(self) -> Numbers:
        """Mean loss of the test tasks, or mean accuracy where there are classes, after each of the R reported numbers of inner steps, [R]."""
        values = self.summary.mean if self.summary.accuracy is None else self.summary.accuracy
        return np.array([values[step] for step in self.exam.reported])

    @property
    def label(self) -> str:
        """The row's name for people."""
        return self.name + (f" (rolled back {counted(self.resumed, 'time')})" if self.resumed else "")


def save_table(rows: Sequence[Row], folder: Path, notes: Sequence[str] = ()) -> None:
    """Write ``table.json`` (everything) and ``table.md`` (as printed, with some notes below) into a folder."""
    write_table([plain(row) for row in rows], [markdown(rows), *notes], folder)


def write_table(values: Sequence[dict[str, Any]], paragraphs: Sequence[str], folder: Path) -> None:
    """Write ``table.json`` and ``table.md`` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / "table.json", json.dumps(values, indent=1).encode())
    write_file(folder / "table.md", ("\n\n".join(paragraphs) + "\n").encode())


def markdown(rows: Sequence[Row]) -> str:
    """The rows of one protocol as a Markdown table: losses, or accuracies where there are classes."""
    lines = _accuracies(rows) if all(row.summary.accuracy is not None for row in rows) else _losses(rows)
    return "\n".join(lines)


def _losses(rows: Sequence[Row]) -> list[str]:
    """Each figure beside the published one, with its verdict.

    A mean is over all tasks, so that a few diverged ones can carry it away; the median stands beside it, and the shares of tasks that got
    worse by adapting and of those that diverged.
    """
    steps = rows[0].exam.reported
    each = " / ".join(map(str, steps))
    afters = " | ".join(steps_words(steps))
    lines = [
        f"| | trained / test shots | {afters} | median {each} | worse % {each} | diverged % {each} | published {each} |",
        f"|---|---|{'---|' * len(steps)}---|---|---|---|",
    ]
    for row in rows:
        means = " | ".join(_loss(row.summary, step) for step in steps)
        medians = " / ".join(f"{row.summary.median[step]:.3f}" for step in steps)
        worse, diverged = (
            " / ".join(f"{shares[step]:.1%}".rstrip("%") for step in steps)
            for shares in (row.summary.worse_share, row.summary.diverged_share)
        )
        shots = f"{row.trained_shots or '-'} / {row.test_shots}"
        lines.append(
            f"| {row.label} | {shots} | {means} | {medians} | {worse} | {diverged} | {_published_losses(row)} |"
        )
    return lines


def steps_words(steps: Sequence[int]) -> list[str]:
    """The heads of columns after so many inner steps.

    >>> steps_words((1, 5))
    ['after 1 step', 'after 5']
    """
    first, *others = steps
    return [f"after {first} step{'s' * (first != 1)}", *(f"after {step}" for step in others)]


def loss_words(mean: float) -> str:
    """A loss as tables have it.

    >>> loss_words(0.5), loss_words(12345.0), loss_words(math.inf)
    ('0.500', '1.2e+04', 'inf')
    """
    return f"{mean:.3f}" if mean < 1000.0 else f"{mean:.1e}"


def _loss(summary: Summary, step: int) -> str:
    mean, ci95 = float(summary.mean[step]), float(summary.ci95[step])
    return loss_words(mean) + (f" ± {ci95:.3f}" if mean < 1000.0 else "")


def _published_losses(row: Row) -> str:
    """The published figures; where one is better than ours after as many steps, that is said."""
    if not row.published:
        return ""
    by_steps = {figure.steps: figure for figure in row.published}
    parts = []
    for step in row.exam.reported:
        figure = by_steps.get(step)
        if figure is None:
            parts.append("-")
            continue
        missed = not row.summary.mean[step] <= figure.mean
        parts.append(f"{figure.mean:g}" + (" (missed)" if missed else ""))
    return " / ".join(parts)


def _accuracies(rows: Sequence[Row]) -> list[str]:
    """Accuracies in percent with their intervals over tasks; the result beside the published figures."""
    steps = rows[0].exam.reported
    lines = accuracy_heads("accuracy %", steps)
    for row in rows:
        found = " | ".join(_accuracy(row.summary, step) for step in steps)
        result = f"{_accuracy(row.summary, row.exam.result)} after {row.exam.result}"
        assert row.summary.accuracy is not None
        published = published_accuracies(row.published, float(row.summary.accuracy[row.exam.result]))
        lines.append(f"| {row.label} | {row.outer_steps:,} | {found} | {result} | {published} | {row.cpu_s / 60:.0f} |")
    return lines


def accuracy_heads(corner: str, steps: Sequence[int]) -> list[str]:
    """The first two lines of a table of accuracies after so many inner steps."""
    afters = " | ".join("before" if step == 0 else f"after {step}" for step in steps)
    return [
        f"| {corner} | outer steps | {afters} | result | published | processor minutes |",
        f"|---|---|{'---|' * len(steps)}---|---|---|",
    ]


def _accuracy(summary: Summary, step: int) -> str:
    assert summary.accuracy is not None
    assert summary.accuracy_ci95 is not None
    return f"{100 * summary.accuracy[step]:.1f} ± {100 * summary.accuracy_ci95[step]:.1f}"


def published_accuracies(published: Sequence[Published], ours: float, verdict: str = "") -> str:
    """The published figures, with how much our result differs from the first of them, in percent points, and what that decides.

    >>> published_accuracies([Published(0.958, 0.003, "MAML (Finn et al. 2017)")], 0.95)
    'MAML 95.8 ± 0.3 (ours -0.8)'
    """
    parts = []
    for at, (mean, ci95, source, _) in enumerate(published):
        difference = f" (ours {100 * (ours - mean):+.1f}{verdict})" if at == 0 else ""
        interval = "" if ci95 is None else f" ± {100 * ci95:.1f}"
        parts.append(f"{source.partition(' (')[0]} {100 * mean:g}{interval}{difference}")
    return ", ".join(parts)


def plain(row: Row) -> dict[str, Any]:
    """A row as plain JSON values."""
    numbers = {
        name: [number(value) for value in values]
        for name, values in row.summary._asdict().items()
        if values is not None
    }
    return {
        "name": row.name,
        "trained_shots": row.trained_shots,
        "test_shots": row.test_shots,
        "config": to_dict(row.config),
        "outer_steps": row.outer_steps,
        "seed": row.seed,
        "test_seed": TEST_SEED,
        "test_tasks": row.test_tasks,
        "resumed": row.resumed,
        "stopped": row.stopped,
        "cpu_s": round(row.cpu_s, 1),
        "result_after": row.exam.result,
        "published": [figure._asdict() for figure in row.published],
        **numbers,
    }


def number(value: float) -> float | None:
    """JSON has no infinity; None stands for it."""
    return float(value) if math.isfinite(value) else None
