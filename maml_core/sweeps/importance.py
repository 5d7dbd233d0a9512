"""What each axis of a sweep does: main effects, importance over the whole range and among the best tenth, and interactions, with intervals.

The table of trainings, seeds x settings, is taken apart as by an analysis of variance (fANOVA where it is a whole grid): what an axis does alone,
beside what the others do alone, and what two of them do beyond that. All of it is on the scale on which settings are compared (`comparing`): the
logarithm of a loss, or an accuracy. Every part is a linear map of a seed's values, so that how much of it is chance is seen from how it differs
between the seeds, and the parts' own: F = the part's square in the mean over seeds / what the seeds' scatter of this very part makes of it. A
seed may favour small rates for a whole row of settings (neighbours are alike), which is why degrees of freedom are Box's, from the scatter itself.

An axis is spoken of where F's chance, corrected for everything that was asked, is below 1 in 100, and where the tasks show it too. Intervals are
simultaneous for all pairs of an axis's values (Bonferroni), and for shares they are a parametric bootstrap over the seeds, with Student's t
for so few. Axes that change the held-out tasks are not asked: what they do to the loss says how hard the tasks are. The others are asked about the
differences among settings that have their tasks in common. Where settings are drawn, or a grid has holes, what the axes leave unexplained is chance too. Of one seed nothing is said.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from maml_core.intervals import Interval
from maml_core.records import Ints, Numbers
from maml_core.sweeps.axes import Axis, Value, in_sentence, is_number
from maml_core.sweeps.comparing import settings_by_seed, task_axes, task_influences, without_task_axes
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.tables import axis_values, values_along
from maml_core.values import shown

CHANCE = 0.01
"""Share of the sweeps without any effect in which any axis or interaction is spoken of."""

FEWEST_SETTINGS = 4
"""Settings known with every seed; fewer say nothing."""

MOST_GROUPS = 8
"""Values of an axis of numbers that are told apart; of more, neighbours count as one."""

TOP_SHARE = 0.1
"""What counts as the best settings."""

FEWEST_TOP = 3
"""With fewer settings among the best tenth nothing is said of these."""

_FEWEST_OF_A_GROUP = 4
"""Settings that each of the groups of a drawn axis has."""

_NUM_DRAWS = 2000


class AxisEffect(NamedTuple):
    """What one axis does, mean over the others."""

    axis: str
    groups: tuple[str, ...]
    """Its values in words, or what neighbours are taken together, [G]."""
    means: Numbers
    """Geometric mean of the loss at each, or the mean accuracy, [G]; a training that diverged has the cap there."""
    sizes: Ints
    """Settings at each, [G]."""
    num_diverged: Ints
    """How many of them diverged, [G]."""
    best: int
    worst: int
    """Places among the groups."""
    change: Interval
    """Worst over best loss, or best less worst accuracy; over the seeds, for all pairs of its values at once."""
    change_over_tasks: Interval
    """That change with its interval over the held-out tasks; NaN ends where their values are not known."""
    share: Interval
    """Share of the settings' differences that is explained by this axis alone; over the seeds."""
    top_share: Interval
    """Its share among the best tenth: of how far trainings are ahead of the tenth best. NaN where these are too few, or it is not told."""
    is_told: bool
    """Whether it does anything, beyond chance."""
    chance: float
    """Probability of seeing as much without any effect, before correction."""


class Interaction(NamedTuple):
    """What two axes do together beyond what each does alone."""

    first: str
    second: str
    share: Interval
    """Share of the settings' differences; over the seeds."""
    is_told: bool
    chance: float


class Importance(NamedTuple):
    """See the module."""

    num_settings: int
    """Compared: trained to the end or diverged with every seed known."""
    num_left_out: int
    """Pruned, or not known with every seed."""
    num_seeds: int
    num_top: int
    """Settings that are the best tenth."""
    axes: tuple[AxisEffect, ...]
    """Those with two values or more that leave the held-out tasks as they are, in the sweep's order."""
    interactions: tuple[Interaction, ...]
    """Every pair of them that settings tell apart, the strongest first."""


class _Part(NamedTuple):
    """A part of the table, of which only the seeds' products with each other are kept."""

    gram: Numbers
    """Products of its coordinates [S, R] in an orthonormal basis, [S, S]."""
    rank: int
    left_over: float = 0.0
    """What of the table's mean square nothing explains, for so many coordinates: of a grid with holes, or of drawn settings, a part has some of it by
    chance, however well the seeds agree."""
    left_rank: int = 0

    @classmethod
    def of(cls, values: Numbers, basis: Numbers) -> _Part:
        """What a basis [K, R] explains of a table [S, K]."""
        return cls.from_coordinates(values @ basis)

    @classmethod
    def from_coordinates(cls, by_seed: Numbers) -> _Part:
        """The part by its coordinates, [S, R]."""
        return cls(by_seed @ by_seed.T, by_seed.shape[1])

    @property
    def num_seeds(self) -> int:
        """As many as the Gram matrix has rows."""
        return len(self.gram)

    @property
    def square(self) -> float:
        """Its square in the mean over seeds."""
        return max(0.0, float(self.gram.mean()))

    @property
    def noise(self) -> float:
        """What chance makes of its square: the seeds' scatter, or what is left over."""
        of_seeds = max(0.0, float(np.trace(self.gram)) / self.num_seeds - self.square) / (self.num_seeds - 1)
        return max(of_seeds, self.left_over)

    @property
    def freedom(self) -> float:
        """How many independent numbers its scatter over seeds is like, from 1, where all seeds differ along one line, to its rank: Box's estimate
        with the correction of Huynh & Feldt (1976) for few seeds.
        """
        left = self.gram - self.gram.mean(axis=0) - self.gram.mean(axis=1, keepdims=True) + self.gram.mean()
        square = float((left**2).sum())
        if square <= 0.0:
            return 1.0
        box = float(np.trace(left)) ** 2 / square
        below = self.num_seeds - 1.0 - box
        corrected = (self.num_seeds * box - 2.0) / below if below > 0.0 else math.inf
        return min(max(1.0, corrected), max(1.0, float(self.rank)))

    @property
    def chance(self) -> float:
        """Probability of as large an F without any effect."""
        from scipy.special import fdtrc

        if self.rank == 0 or self.square <= 0.0:
            return 1.0
        if self.noise <= 0.0:
            return 0.0
        ratio = self.square / self.noise
        by_seeds = float(fdtrc(self.freedom, self.freedom * (self.num_seeds - 1), ratio))
        return max(by_seeds, float(fdtrc(self.rank, self.left_rank, ratio)) if self.left_rank else 0.0)

    def drawn(self, random: np.random.Generator) -> Numbers:
        """Its square, less what chance makes of it, if other seeds were drawn: Student's t, [draws]."""
        if self.rank == 0:
            return np.zeros(_NUM_DRAWS)
        freedom, noise = self.freedom, self.noise
        known = freedom * (self.num_seeds - 1)
        spread = known / random.chisquare(known, _NUM_DRAWS)
        along = random.normal(size=_NUM_DRAWS)
        across = random.chisquare(freedom - 1.0, _NUM_DRAWS) if freedom > 1.0 else 0.0
        step = np.sqrt(noise * spread / freedom)
        found: Numbers = self.square + 2.0 * math.sqrt(self.square) * step * along + step**2 * (along**2 + across)
        found -= noise * (1.0 + spread)
        return found


def importance(sweep: SweepConfig, results: Sequence[SettingResult]) -> Importance | None:
    """What each axis does; None with one seed, or where fewer than four settings are known with every seed.

    Args:
        sweep: That the results are of.
        results: Of its settings, in any order. Pruned ones are left out: what they would have come to is not known.
    """
    if sweep.num_seeds < 2:
        return None
    known, values = settings_by_seed(sweep, results)
    if len(known) < FEWEST_SETTINGS:
        return None
    judged_by = task_axes(sweep)
    level = float(values.mean())
    values = without_task_axes(sweep, known, values)
    is_drawn = sweep.sampler != "grid"
    columns = {axis.name: _Column.of(axis, known, is_drawn=is_drawn) for axis in sweep.axes}
    columns = {name: column for name, column in columns.items() if len(column.words) >= 2}
    num_top = math.floor(TOP_SHARE * len(known))
    top = _ahead_of_the_best(values, num_top) if num_top >= FEWEST_TOP else None
    if all(name in judged_by for name in columns):
        return None
    bases = _bases([column.places for column in columns.values()], [column.coarse for column in columns.values()])
    num_asked = max(1, len(bases.parts) + (len(columns) if top is not None else 0))
    is_whole = not is_drawn and len(known) == math.prod(len(values_along(sweep, known, name)) for name in columns)
    parts = _parts(values, bases, is_whole=is_whole)
    top_parts = None if top is None else _parts(top, bases, is_whole=is_whole)
    shares, top_shares = _shares(parts), None if top_parts is None else _shares(top_parts)
    chances = [part.chance for part in parts]
    influences, effects = task_influences(sweep, known), []
    gone = np.array([one.status == "diverged" for one in known])
    for place, (name, column) in enumerate(columns.items()):
        if name in judged_by:
            continue
        profile = values @ bases.levels[place].T
        best, worst = (int(at(profile.mean(axis=0))) for at in (np.argmin, np.argmax))
        weights = bases.levels[place][worst] - bases.levels[place][best]
        change = _change(profile, best, worst)
        over_tasks = _over_tasks(change.value, influences, weights, len(column.words))
        is_told = chances[place] * num_asked <= CHANCE and not over_tasks.low <= 0.0  # NaN: the seeds alone tell
        top_told = top_parts is not None and top_parts[place].chance * num_asked <= CHANCE
        effects.append(
            AxisEffect(
                axis=name,
                groups=column.words,
                means=_as_value(sweep, profile.mean(axis=0) + level),
                sizes=np.bincount(column.places, minlength=len(column.words)),
                num_diverged=np.bincount(column.places[gone], minlength=len(column.words)),
                best=best,
                worst=worst,
                change=_as_change(sweep, change),
                change_over_tasks=_as_change(sweep, over_tasks),
                share=shares[place],
                top_share=top_shares[place] if top_shares is not None and top_told else Interval.unknown(),
                is_told=is_told,
                chance=chances[place],
            )
        )
    pairs = [
        Interaction(first, second, shares[place], chances[place] * num_asked <= CHANCE, chances[place])
        for place, (first, second) in enumerate(itertools.combinations(columns, 2), len(columns))
        if bases.parts[place].shape[1] and not (first in judged_by and second in judged_by)
    ]
    pairs.sort(key=lambda pair: (not pair.is_told, -pair.share.value))
    return Importance(
        num_settings=len(known),
        num_left_out=sum(one.is_finished for one in results) - len(known),
        num_seeds=sweep.num_seeds,
        num_top=num_top if top is not None else 0,
        axes=tuple(effects),
        interactions=tuple(pairs),
    )


class _Column(NamedTuple):
    """An axis as groups of settings."""

    words: tuple[str, ...]
    places: Ints
    """The group of each setting, [K]."""
    coarse: Ints
    """The group that it has in interactions, which are fewer where settings are drawn, [K]."""

    @classmethod
    def of(cls, axis: Axis, known: Sequence[SettingResult], *, is_drawn: bool) -> _Column:
        """Group the settings by an axis."""
        column = [one.values[axis.name] for one in known]
        values = tuple(value for value in axis_values(axis, known) if value in set(column))
        if not axis.is_numeric or not all(is_number(value) for value in values):
            places = np.array([values.index(value) for value in column])
            return cls(tuple(in_sentence(axis.name, value) for value in values), places, places)
        most = len(known) // _FEWEST_OF_A_GROUP if is_drawn else MOST_GROUPS
        words, places = _grouped(values, column, min(MOST_GROUPS, most))
        fewer = math.isqrt(len(known) // _FEWEST_OF_A_GROUP) if is_drawn else MOST_GROUPS
        return cls(words, places, _grouped(values, column, min(MOST_GROUPS, max(1, fewer)))[1])


def _grouped(values: Sequence[Value], column: Sequence[Value], most: int) -> tuple[tuple[str, ...], Ints]:
    """Sorted numbers in at most so many groups of neighbours that have about as many settings each."""
    numbers = np.array(values, dtype=np.float64)
    at = np.searchsorted(numbers, np.array(column, dtype=np.float64))
    if len(values) <= most:
        group = np.arange(len(values))
    else:
        counts = np.bincount(at, minlength=len(values))
        middle = (np.cumsum(counts) - counts / 2.0) / counts.sum()
        group = np.unique(np.minimum((middle * most).astype(int), most - 1), return_inverse=True)[1]
    words = []
    for place in range(int(group.max()) + 1):
        inside = numbers[group == place]
        low, high = shown(float(inside[0])), shown(float(inside[-1]))
        words.append(low if low == high else f"{low} to {high}")
    return tuple(words), group[at]


class _Bases(NamedTuple):
    parts: tuple[Numbers, ...]
    """For each axis, then for each pair of them, an orthonormal basis [K, R] of what only it explains."""
    mains: Numbers
    """A basis of what all axes explain together, without the mean."""
    levels: tuple[Numbers, ...]
    """For each axis, a map [G, K] to its groups' effects, as the other axes are the same at each."""


def _bases(places: Sequence[Ints], coarse: Sequence[Ints]) -> _Bases:
    size = len(places[0])
    blocks = [_one_hot(place) for place in places]
    whole = np.ones((size, 1))
    parts = []
    for at, block in enumerate(blocks):
        others = _orthonormal(np.hstack([whole, *blocks[:at], *blocks[at + 1 :]]))
        parts.append(_orthonormal(_without(block, others)))
    mains = _orthonormal(np.hstack([whole, *blocks]))
    for first, second in itertools.combinations(coarse, 2):
        cells = np.unique(first * (int(second.max()) + 1) + second, return_inverse=True)[1]
        # Where every setting is a cell of its own, all that the axes leave is theirs.
        parts.append(_orthonormal(_without(_one_hot(cells), mains)))
    solved = np.linalg.pinv(np.hstack([whole, *blocks]))
    levels, start = [], 1
    for block in blocks:
        rows = solved[start : start + block.shape[1]]
        levels.append(rows - rows.mean(axis=0))
        start += block.shape[1]
    return _Bases(tuple(parts), _orthonormal(_without(np.hstack(blocks), _orthonormal(whole))), tuple(levels))


def _one_hot(places: Ints) -> Numbers:
    found: Numbers = np.eye(int(places.max()) + 1)[places]
    return found


def _without(block: Numbers, basis: Numbers) -> Numbers:
    left: Numbers = block - basis @ (basis.T @ block)
    return left


def _orthonormal(block: Numbers) -> Numbers:
    """A basis of the columns' span, [K, R]."""
    values, vectors = np.linalg.eigh(block.T @ block)
    kept = values > 1e-9 * max(1.0, float(values[-1]))
    basis: Numbers = block @ (vectors[:, kept] / np.sqrt(values[kept]))
    return basis


def _ahead_of_the_best(values: Numbers, num_top: int) -> Numbers:
    """How far each training is ahead of the last of its seed's best tenth, as numbers below zero, and zero of all others, [S, K]."""
    cut = np.sort(values, axis=1)[:, num_top : num_top + 1]
    found: Numbers = np.minimum(values - cut, 0.0)
    return found


def _parts(values: Numbers, bases: _Bases, *, is_whole: bool) -> list[_Part]:
    """The parts of a table by the bases, and what is left of it."""
    whole = _Part.from_coordinates(values - values.mean(axis=1, keepdims=True))
    parts = [_Part.of(values, basis) for basis in bases.parts]
    mains, num_settings = _Part.of(values, bases.mains), values.shape[1]
    rest = whole.gram - sum(part.gram for part in parts)
    if not is_whole:
        num_axes = len(bases.levels)
        for place, part in enumerate(parts):
            also = part if place >= num_axes else _Part(np.zeros_like(whole.gram), 0)
            left_rank = num_settings - 1 - mains.rank - also.rank
            left = max(0.0, whole.square - mains.square - also.square)
            parts[place] = part._replace(
                left_over=part.rank * left / left_rank if left_rank > 0 else part.square, left_rank=max(0, left_rank)
            )
    return [*parts, _Part(rest, max(0, num_settings - 1 - sum(part.rank for part in parts)))]


def _shares(parts: Sequence[_Part]) -> list[Interval]:
    """What each part but the last, which is the rest, explains of the settings' differences, less what chance explains of them."""
    random = np.random.default_rng(0)
    point = np.array([[part.square - part.noise] for part in parts])
    values, drawn = _quotients(point)[:, 0], _quotients(np.stack([part.drawn(random) for part in parts]))
    low, high = np.quantile(drawn, [0.025, 0.975], axis=1)
    return [
        Interval(float(value), min(float(value), float(down)), max(float(value), float(up)))
        for value, down, up in zip(values, low, high, strict=True)
    ]


def _quotients(nets: Numbers) -> Numbers:
    """Shares of what all parts together explain, [parts - 1, draws]."""
    total = nets.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Numbers = np.clip(np.where(total > 0.0, nets[:-1] / total, 0.0), 0.0, 1.0)
    return found


def _change(profile: Numbers, best: int, worst: int) -> Interval:
    """Worst less best, with an interval that holds for all pairs of [S, G] effects."""
    mean = float((profile[:, worst] - profile[:, best]).mean())
    num_seeds, num_groups = profile.shape
    left = profile - profile.mean(axis=0)
    left -= left.mean(axis=1, keepdims=True)
    error = float((left**2).sum()) / ((num_groups - 1) * (num_seeds - 1) * num_seeds)
    freedom = min(_Part.from_coordinates(left).freedom, num_groups - 1) * (num_seeds - 1)
    own = float((profile[:, worst] - profile[:, best]).var(ddof=1)) / (2.0 * num_seeds)
    width = _for_all_pairs(num_groups, freedom) * math.sqrt(2.0 * max(error, own))
    return Interval(mean, mean - width, mean + width)


def _for_all_pairs(num_groups: int, freedom: float) -> float:
    """Quantile of Student's t for intervals that hold at once for the differences of all pairs of groups (Bonferroni)."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 1.0 - 0.025 / math.comb(num_groups, 2)))


def _over_tasks(change: float, influences: Numbers | None, weights: Numbers, num_groups: int) -> Interval:
    """A weighted sum over settings, with an interval over the held-out tasks that holds for all pairs of so many groups."""
    if influences is None:
        return Interval(change, math.nan, math.nan)
    each = weights @ influences
    num_tasks = len(each)
    width = _for_all_pairs(num_groups, num_tasks - 1) * float(each.std(ddof=1)) / math.sqrt(num_tasks)
    return Interval(change, change - width, change + width)


def _as_value(sweep: SweepConfig, values: Numbers) -> Numbers:
    found: Numbers = -values if sweep.maximises else np.exp(values)
    return found


def _as_change(sweep: SweepConfig, change: Interval) -> Interval:
    """A difference of logarithms is a factor; one of accuracies stays."""
    return change if sweep.maximises else Interval(*(math.exp(min(value, 700.0)) for value in change))
