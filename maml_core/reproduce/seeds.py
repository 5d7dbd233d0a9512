"""Trainings of one set-up with several seeds, as one line of a table: their mean, with one interval over test tasks and one over seeds.

How far another seed would move a figure says something else than how far other test tasks would, and is often more: neither stands for both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from maml_core.intervals import half_width
from maml_core.records import Numbers
from maml_core.reproduce.tables import (
    Row,
    accuracy_heads,
    loss_words,
    number,
    plain,
    published_accuracies,
    steps_words,
    write_table,
)
from maml_core.wording import listed


class Spread(NamedTuple):
    """What one set-up's trainings reach on common test tasks after each of R reported numbers of inner steps: losses, or accuracies where there are classes."""

    rows: tuple[Row, ...]
    """A row a seed, K of them."""
    mean: Numbers
    """Over all tasks and seeds, [R]; inf where a task's loss is not finite."""
    over_tasks: Numbers
    """Half-width of the 95% interval over test tasks of the mean over the seeds, [R]; NaN where the mean is not finite."""
    over_seeds: Numbers
    """Half-width of the 95% interval over seeds of the mean over tasks (Student's t), [R]; NaN for one seed or where a mean is not finite."""

    @property
    def by_seed(self) -> Numbers:
        """The mean over tasks of each seed's training, [K, R]."""
        return np.array([row.means for row in self.rows])


def spreads(rows: Sequence[Row]) -> list[Spread]:
    """The rows of several seeds, those of one set-up together, in the order of the first seed's.

    Raises:
        ValueError: A row without the losses of its tasks, or with others than those of the other seeds.
    """
    together: dict[tuple[str, int | None, int], list[Row]] = {}
    for row in rows:
        together.setdefault((row.name, row.trained_shots, row.test_shots), []).append(row)
    return [_spread(tuple(each)) for each in together.values()]


def _spread(rows: tuple[Row, ...]) -> Spread:
    by_task = [row.by_task for row in rows if row.by_task is not None]
    if len(by_task) < len(rows) or len({values.shape for values in by_task}) > 1:
        raise ValueError(f"{rows[0].name}: the losses of the same test tasks are needed of every seed")
    means = np.array([row.means for row in rows])
    return Spread(
        rows=rows,
        mean=means.mean(axis=0),
        over_tasks=_finite_width(np.mean(by_task, axis=0, dtype=np.float64)),
        over_seeds=_finite_width(means.T),
    )


def _finite_width(values: Numbers) -> Numbers:
    """Half-widths over the last axis; NaN where a value is not finite."""
    found = np.full(len(values), np.nan)
    finite = np.isfinite(values).all(axis=1)
    found[finite] = half_width(values[finite])
    return found


def spread_markdown(found: Sequence[Spread]) -> str:
    """The lines as a Markdown table, each figure beside the published one: losses, or accuracies where there are classes."""
    accurate = all(row.summary.accuracy is not None for spread in found for row in spread.rows)
    return "\n".join(_accuracies(found) if accurate else _losses(found))


def _losses(found: Sequence[Spread]) -> list[str]:
    steps = found[0].rows[0].exam.reported
    each = " / ".join(map(str, steps))
    lines = [
        f"| mean ± over tasks, ± over seeds | trained / test shots | {' | '.join(steps_words(steps))} | median {each} | diverged % {each} | published {each} |",
        f"|---|---|{'---|' * len(steps)}---|---|---|",
    ]
    for spread in found:
        first = spread.rows[0]
        cells = zip(spread.mean, spread.over_tasks, spread.over_seeds, strict=True)
        means = " | ".join(_words(*cell) for cell in cells)
        medians = " / ".join(f"{_mean_over(spread.rows, 'median', step):.3f}" for step in steps)
        diverged = " / ".join(f"{100 * _mean_over(spread.rows, 'diverged_share', step):.1f}" for step in steps)
        name = first.name + _rolled_back(spread.rows)
        shots = f"{first.trained_shots or '-'} / {first.test_shots}"
        lines.append(f"| {name} | {shots} | {means} | {medians} | {diverged} | {_published(spread)} |")
    return lines


def _accuracies(found: Sequence[Spread]) -> list[str]:
    lines = accuracy_heads("accuracy % ± over tasks, ± over seeds", found[0].rows[0].exam.reported)
    for spread in found:
        first, exam = spread.rows[0], spread.rows[0].exam
        cells = [_percent(*cell) for cell in zip(spread.mean, spread.over_tasks, spread.over_seeds, strict=True)]
        at = exam.reported.index(exam.result)
        verdict = ""
        if first.published:
            behind = first.published[0].mean - spread.mean[at]
            verdict = f", {said}" if (said := _verdict(behind, spread.over_seeds[at])) else ""
        published = published_accuracies(first.published, float(spread.mean[at]), verdict)
        minutes = sum(row.cpu_s for row in spread.rows) / 60
        name = first.name + _rolled_back(spread.rows)
        steps = " | ".join(cells)
        lines.append(
            f"| {name} | {first.outer_steps:,} | {steps} | {cells[at]} after {exam.result} | {published} | {minutes:.0f} |"
        )
    return lines


def _percent(mean: float, over_tasks: float, over_seeds: float) -> str:
    seeds = f", ± {100 * over_seeds:.1f} seeds" if math.isfinite(over_seeds) else ""
    return f"{100 * mean:.1f} ± {100 * over_tasks:.1f} tasks{seeds}"


def _verdict(behind: float, over_seeds: float) -> str:
    """What is said of a published figure that is better than ours by so much: missed, or, within the interval over seeds, not decided.

    >>> _verdict(0.01, 0.02), _verdict(0.03, 0.02), _verdict(-0.01, 0.02)
    ('not decided', 'missed', '')
    """
    return "" if behind <= 0.0 else "not decided" if behind <= over_seeds else "missed"


def _mean_over(rows: Sequence[Row], name: str, step: int) -> float:
    """Mean over the seeds of a figure of `Summary`, after so many inner steps."""
    return float(np.mean([getattr(row.summary, name)[step] for row in rows]))


def _words(mean: float, over_tasks: float, over_seeds: float) -> str:
    known = [f", ± {over_seeds:.3g} seeds"] if math.isfinite(over_seeds) else []
    tasks = f" ± {over_tasks:.3g} tasks" if math.isfinite(over_tasks) else ""
    return loss_words(mean) + tasks + "".join(known)


def _rolled_back(rows: Sequence[Row]) -> str:
    seeds = [row.seed for row in rows if row.resumed]
    return f" (rolled back with seed {listed([str(seed) for seed in seeds])})" if seeds else ""


def _published(spread: Spread) -> str:
    """The published losses, each with its verdict."""
    first = spread.rows[0]
    by_steps = {figure.steps: figure for figure in first.published}
    parts = []
    for at, step in enumerate(first.exam.reported):
        figure = by_steps.get(step)
        if figure is None:
            parts.append("-")
            continue
        verdict = _verdict(
            spread.mean[at] - figure.mean, spread.over_seeds[at]
        )  # inf where a task's loss is not finite
        parts.append(f"{figure.mean:g}" + (f" ({verdict})" if verdict else ""))
    return " / ".join(parts) if first.published else ""


def plain_spread(spread: Spread) -> dict[str, Any]:
    """A line as plain JSON values, with the trainings that it is of."""
    first = spread.rows[0]
    return {
        "name": first.name,
        "trained_shots": first.trained_shots,
        "test_shots": first.test_shots,
        "seeds": [row.seed for row in spread.rows],
        "after": list(first.exam.reported),
        "measure": "loss" if first.summary.accuracy is None else "accuracy",
        "mean": [number(value) for value in spread.mean],
        "over_tasks": [number(value) for value in spread.over_tasks],
        "over_seeds": [number(value) for value in spread.over_seeds],
        "by_seed": [[number(value) for value in values] for values in spread.by_seed],
        "trainings": [plain(row) for row in spread.rows],
    }


def save_spreads(found: Sequence[Spread], folder: Path, notes: Sequence[str] = ()) -> None:
    """Write ``table.json`` (everything) and ``table.md`` (as printed, with some notes below) into a folder."""
    write_table([plain_spread(spread) for spread in found], [spread_markdown(found), *notes], folder)
