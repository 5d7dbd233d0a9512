"""How sensitive meta-learning is to its two step sizes: seven algorithms on families of tasks, each a grid of alpha and beta with some seeds.

What is lost by step sizes that were not tuned is given as a share of what can be gained, from the loss of who has learned nothing down to the best one,
so that losses, errors and families can be put beside each other. Each grid is a sweep of its own, to be opened with `maml sweeps`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from maml_core.config import (
    ConvConfig,
    GlyphsConfig,
    LinearConfig,
    OmniglotConfig,
    RunConfig,
    SinusoidConfig,
    replace,
)
from maml_core.errors import ConfigError
from maml_core.families.curves import CurveFamily
from maml_core.intervals import half_width
from maml_core.presets import MAML_PLUS_PLUS
from maml_core.records import Numbers
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.scores import log_weights, scores

ALPHAS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
BETAS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
NUM_SEEDS = 5
RETAINED = 0.95
"""Share of the tuned performance that is to be kept by tuning some step sizes only (Adkins et al. 2024)."""


class Family(NamedTuple):
    """Tasks of one kind, with what is trained on them."""

    name: str
    base: RunConfig
    num_steps: int
    """Outer steps of each training."""


class Learner(NamedTuple):
    """An algorithm, with what sets it apart."""

    name: str
    settings: Mapping[str, Any]


FAMILIES = (
    Family("sinusoids", RunConfig(tasks=SinusoidConfig(), meta_batch_size=10, joint_baseline=False), 1000),
    Family("lines", RunConfig(tasks=LinearConfig(), meta_batch_size=10, joint_baseline=False), 500),
    *(
        Family(
            name,
            RunConfig(
                tasks=tasks,
                model=ConvConfig(num_filters=8),
                shots=1,
                num_query=3,
                meta_batch_size=4,
                evaluation_tasks=50,
                joint_baseline=False,
            ),
            200,
        )
        for name, tasks in (("glyphs", GlyphsConfig()), ("omniglot", OmniglotConfig()))
    ),
)
"""The last one needs Omniglot."""

LEARNERS = (
    Learner("MAML", {"num_inner_steps": 3}),
    Learner("FOMAML", {"num_inner_steps": 3, "order": "first"}),
    Learner("Reptile", {"num_inner_steps": 10, "algorithm": "reptile"}),
    Learner("ANIL", {"num_inner_steps": 3, "algorithm": "anil"}),
    Learner("Meta-SGD", {"algorithm": "meta_sgd"}),
    Learner("MAML++", {"num_inner_steps": 3, **MAML_PLUS_PLUS, "final_beta": 1e-5}),
    Learner("Meta-Curvature", {"algorithm": "meta_curvature"}),
)
"""N = 3 where nothing else is said of N; of Meta-SGD and Meta-Curvature 1. MAML++ with the horizons of its preset, in proportion to the training."""


class Cell(NamedTuple):
    """One algorithm on one family."""

    family: Family
    learner: Learner
    sweep: SweepConfig

    @property
    def name(self) -> str:
        """The name of its sweep.

        >>> cells(["lines"], ["MAML++"])[0].name
        'lines-mamlpp'
        """
        return f"{self.family.name}-{self.learner.name.lower().replace('+', 'p')}"


def cells(families: Sequence[str] = (), learners: Sequence[str] = (), *, num_steps: int | None = None) -> list[Cell]:
    """What is to be computed, family by family.

    Args:
        families: Names; all but Omniglot where none is given.
        learners: Names; all where none is given.
        num_steps: Outer steps of each training; None for the family's own.
    """
    return [
        Cell(family, learner, _sweep(family, learner, num_steps or family.num_steps))
        for family in FAMILIES
        if family.name in (families or [one.name for one in FAMILIES if one.name != "omniglot"])
        for learner in LEARNERS
        if learner.name in (learners or [one.name for one in LEARNERS])
    ]


def chosen_cells(names: Iterable[str], *, num_steps: int | None = None) -> list[Cell]:
    """The cells of some families and algorithms, named in any spelling of upper and lower case.

    Raises:
        ConfigError: A name that is neither.
    """
    known = {name.lower(): name for name in (*(one.name for one in FAMILIES), *(one.name for one in LEARNERS))}
    asked = []
    for name in names:
        if name.lower() not in known:
            raise ConfigError("only", name, f"one of {', '.join(known.values())}")
        asked.append(known[name.lower()])
    families = [one.name for one in FAMILIES if one.name in asked]
    return cells(families, [one.name for one in LEARNERS if one.name in asked], num_steps=num_steps)


def _sweep(family: Family, learner: Learner, num_steps: int) -> SweepConfig:
    settings = dict(learner.settings)
    if "num_epochs" in settings:  # the horizons are of 3,000 steps
        settings["epoch_steps"] = max(1, round(num_steps / settings["num_epochs"]))
    return SweepConfig(
        base=replace(family.base, settings),
        axes=(Axis(name="alpha", values=ALPHAS, log=True), Axis(name="beta", values=BETAS, log=True)),
        num_seeds=NUM_SEEDS,
        num_steps=num_steps,
        num_rungs=1,
    )


class Spread(NamedTuple):
    """Mean over the seeds, with the half-width of its 95% interval (Student's t)."""

    mean: float
    ci95: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.ci95:.3f}"


def spread(by_seed: Numbers) -> Spread:
    """The spread of one number a seed, [seeds].

    >>> str(spread(np.array([1.0, 2.0, 3.0])))
    '2.000 ± 2.484'
    """
    return Spread(float(by_seed.mean()), float(half_width(by_seed)))


class Entry(NamedTuple):
    """What one cell came to."""

    cell: Cell
    best: float
    """Mean over the seeds of the best setting's held-out loss, or error of classes."""
    best_alpha: float
    best_beta: float
    alpha: Numbers
    """What an alpha that was not tuned loses, as a share of what can be gained, with the best beta for each; [seeds]."""
    beta: Numbers
    """The same of beta, [seeds]."""
    near_share: float
    """Share of the settings within a tenth of the best."""
    diverged_share: float
    gains: Numbers
    """What each setting gains as a share of what the best of its family does, [alphas, betas, seeds]."""


def entries(cells_and_results: Sequence[tuple[Cell, Sequence[SettingResult]]]) -> list[Entry]:
    """The atlas of cells that were computed to the end.

    Raises:
        ValueError: A cell in which every setting diverged.
    """
    tables = [_losses(cell, results) for cell, results in cells_and_results]
    best_of: dict[str, float] = {}
    for (cell, _), table in zip(cells_and_results, tables, strict=True):
        family = cell.family.name
        best_of[family] = min(float(table.mean(axis=2).min()), best_of.get(family, math.inf))
    found = []
    for (cell, results), table in zip(cells_and_results, tables, strict=True):
        start = nothing_learned(cell.family)
        known = scores(cell.sweep, results)
        if known is None:
            raise ValueError(f"{cell.name}: every setting diverged")
        mean = table.mean(axis=2)
        a, b = np.unravel_index(int(mean.argmin()), mean.shape)
        reach = max(start - float(mean.min()), 1e-12)
        found.append(
            Entry(
                cell=cell,
                best=float(mean.min()),
                best_alpha=ALPHAS[a],
                best_beta=BETAS[b],
                alpha=_lost(table.min(axis=1), ALPHAS) / reach,
                beta=_lost(table.min(axis=0), BETAS) / reach,
                near_share=known.near_share,
                diverged_share=known.diverged_share,
                gains=np.clip((start - table) / max(start - best_of[cell.family.name], 1e-12), 0.0, 1.0),
            )
        )
    return found


def nothing_learned(family: Family) -> float:
    """The loss of the prediction 0, or the error of guessing.

    >>> [round(nothing_learned(family), 3) for family in FAMILIES]
    [4.252, 8.333, 0.8, 0.8]
    """
    tasks = family.base.tasks
    return tasks.zero_level() if isinstance(tasks, CurveFamily) else 1.0 - 1.0 / family.base.num_outputs


def _losses(cell: Cell, results: Sequence[SettingResult]) -> Numbers:
    """Held-out losses, or errors, at most that of who has learned nothing, [alphas, betas, seeds]."""
    most = nothing_learned(cell.family)
    table = np.full((len(ALPHAS) * len(BETAS), NUM_SEEDS), most)
    for one in results:
        for lane in one.lanes:
            loss = 1.0 - lane.accuracy if cell.sweep.maximises else lane.loss
            if lane.status == "ok" and loss < most:
                table[one.number, lane.seed] = loss
    return table.reshape(len(ALPHAS), len(BETAS), NUM_SEEDS)


def _lost(lowest: Numbers, rates: Sequence[float]) -> Numbers:
    """Mean over the rates of what each loses against the best one, [rates, seeds] -> [seeds]."""
    lost: Numbers = log_weights(rates) @ (lowest - lowest.min(axis=0))
    return lost


class Across(NamedTuple):
    """One algorithm on all families (Adkins et al. 2024, section 3)."""

    learner: str
    sensitivity: Numbers
    """Performance lost by one setting for all families against each family's own best, [seeds]; performance is the gain as a share of the best one."""
    dimensionality: int
    """How many of the two step sizes are to be tuned for each family to keep `RETAINED` of the performance with all tuned."""


def across(found: Sequence[Entry]) -> list[Across]:
    """What each algorithm loses without tuning for each family; of those on several families only."""
    rows = []
    for learner in dict.fromkeys(entry.cell.learner.name for entry in found):
        gains = np.stack(
            [entry.gains for entry in found if entry.cell.learner.name == learner]
        )  # [families, alphas, betas, seeds]
        if len(gains) < 2:
            continue
        tuned = gains.max(axis=(1, 2)).mean(axis=0)
        rows.append(Across(learner, tuned - gains.mean(axis=0).max(axis=(0, 1)), _dimensionality(gains.mean(axis=3))))
    return rows


def _dimensionality(gains: Numbers) -> int:
    """How many are to be tuned, from mean gains [families, alphas, betas]."""
    enough = RETAINED * gains.max(axis=(1, 2)).mean()
    if gains.mean(axis=0).max() >= enough:
        return 0
    one = max(gains.max(axis=axis).mean(axis=0).max() for axis in (1, 2))
    return 1 if one >= enough else 2


class Difference(NamedTuple):
    """MAML++'s sensitivity to alpha less MAML's on one family, over the seeds."""

    family: str
    less: Spread

    @property
    def words(self) -> str:
        """Whether MAML++ is less sensitive, where the seeds tell."""
        if not abs(self.less.mean) > self.less.ci95:
            return "not told apart"
        return "less sensitive" if self.less.mean < 0 else "more sensitive"


def differences(found: Sequence[Entry]) -> list[Difference]:
    """Antoniou et al. 2018's claim, that MAML++ is less sensitive, family by family; paired by seed."""
    alpha = {(entry.cell.family.name, entry.cell.learner.name): entry.alpha for entry in found}
    return [
        Difference(family, spread(alpha[family, "MAML++"] - alpha[family, "MAML"]))
        for family in dict.fromkeys(entry.cell.family.name for entry in found)
        if {(family, "MAML++"), (family, "MAML")} <= alpha.keys()
    ]


def atlas_tables(found: Sequence[Entry]) -> str:
    """The atlas as Markdown: a table of cells, one across the families, and MAML++ beside MAML."""
    lines = [
        "| tasks | algorithm | best loss or error | at alpha, beta | lost without tuning alpha | without tuning beta | near the best % | diverged % |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {one.cell.family.name} | {one.cell.learner.name} | {one.best:.3g} | {one.best_alpha:g}, {one.best_beta:g} | "
            f"{spread(one.alpha)} | {spread(one.beta)} | {100 * one.near_share:.0f} | {100 * one.diverged_share:.0f} |"
            for one in found
        ),
    ]
    if rows := across(found):
        lines += [
            "",
            "| algorithm | lost by one setting for all families | step sizes to tune for each |",
            "|---|---|---|",
            *(f"| {row.learner} | {spread(row.sensitivity)} | {row.dimensionality} |" for row in rows),
        ]
    if pairs := differences(found):
        lines += [
            "",
            "| tasks | sensitivity to alpha, MAML++ less MAML | |",
            "|---|---|---|",
            *(f"| {one.family} | {one.less} | MAML++ {one.words} |" for one in pairs),
        ]
    return "\n".join(lines)


def plain_entries(found: Sequence[Entry]) -> dict[str, Any]:
    """The atlas as plain values for programs, every seed's figures too."""
    return {
        "cells": [
            {
                "tasks": one.cell.family.name,
                "algorithm": one.cell.learner.name,
                "sweep": one.cell.name,
                "num_steps": one.cell.sweep.num_steps,
                "best": one.best,
                "best_alpha": one.best_alpha,
                "best_beta": one.best_beta,
                "alpha": one.alpha.tolist(),
                "beta": one.beta.tolist(),
                "near_share": one.near_share,
                "diverged_share": one.diverged_share,
                "gains": [
                    {"alpha": alpha, "beta": beta, "seeds": seeds}
                    for (alpha, beta), seeds in zip(
                        itertools.product(ALPHAS, BETAS), one.gains.reshape(-1, NUM_SEEDS).tolist(), strict=True
                    )
                ],
            }
            for one in found
        ],
        "across": [
            {"algorithm": row.learner, "sensitivity": row.sensitivity.tolist(), "dimensionality": row.dimensionality}
            for row in across(found)
        ],
        "maml_plus_plus": [
            {"tasks": one.family, "difference": one.less.mean, "ci95": one.less.ci95, "says": one.words}
            for one in differences(found)
        ],
    }
