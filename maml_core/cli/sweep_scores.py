"""What `maml sweeps show`, `scores`, `importance` and `compare` say of a kept sweep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import typer

from maml_core.cli.tables import Column, print_table
from maml_core.errors import ConfigError
from maml_core.intervals import Interval
from maml_core.sweeps.axes import Value, full_name, label, setting_words
from maml_core.sweeps.comparing import Comparison, task_axes
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.findings import ONE_SEED, importance_words, trust_words, value_words
from maml_core.sweeps.importance import Importance
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.scores import RateSensitivity, Scores, tuning_words
from maml_core.sweeps.tables import Map, map_of, values_along
from maml_core.values import shown
from maml_core.wording import counted, listed


def wanted_map(
    sweep: SweepConfig, results: Sequence[SettingResult], x: str | None, y: str | None, slices: Sequence[str]
) -> Map:
    """The map that the options of `maml sweeps show` ask for; without an axis across the sweep's first one that has no other place.

    Raises:
        ConfigError: No such axis, or no such value of it.
    """
    values: dict[str, Value] = {}
    for text in slices:
        short, equals, value = text.partition("=")
        name = _axis(sweep, "--slice", short.strip())
        there = {shown(known): known for known in values_along(sweep, results, name)}
        if not equals or value.strip() not in there:
            raise ConfigError(
                "--slice", text, f"a value of {label(name)}, as in {short}={next(iter(there), 1)}: {', '.join(there)}"
            )
        values[name] = there[value.strip()]
    up = None if y is None else _axis(sweep, "--y", y)
    free = [axis.name for axis in sweep.axes if axis.name != up and axis.name not in values]
    if x is None and not free:
        raise ConfigError("--x", "none", "an axis that is left to go across: say fewer slices")
    across = free[0] if x is None else _axis(sweep, "--x", x)
    try:
        return map_of(sweep, results, across, up, slices=values)
    except ValueError as error:
        raise ConfigError("--y", y, str(error)) from error


def _axis(sweep: SweepConfig, option: str, name: str) -> str:
    """The field of an axis by the name that people give it."""
    axes = [axis.name for axis in sweep.axes]
    if (full := full_name(sweep.base, name)) in axes:
        return full
    raise ConfigError(option, name, f"an axis of this sweep: {', '.join(map(label, axes))}")


def plain_map(seen: Map) -> dict[str, Any]:
    """A map as JSON has it."""
    return {key: value.tolist() if hasattr(value, "tolist") else value for key, value in seen._asdict().items()}


def plain_scores(found: Scores) -> dict[str, Any]:
    """Scores as JSON has them."""
    tuning = {key: list(map(float, value)) for key, value in found.tuning._asdict().items()}
    rates = [{**one._asdict(), "cost": one.cost._asdict()} for one in found.rates]
    return {**found._asdict(), "rates": rates, "tuning": tuning}


def print_scores(sweep: SweepConfig, found: Scores) -> None:
    """Scores as sentences, and the tuning curve as a table."""
    judged = "held-out accuracy" if sweep.maximises else "held-out loss"
    for one in found.rates:
        typer.echo(_rate_words(sweep, one))
    left_out = sweep.size - found.num_settings
    without = f" ({left_out:,} more were pruned, left out or not finished, and count nowhere here)" if left_out else ""
    typer.echo(
        f"Of {counted(found.num_settings, 'setting')}{without} {found.near_share:.0%} come within a tenth of the best, "
        f"and {found.diverged_share:.0%} diverge."
    )
    curve = found.tuning
    columns = [
        Column("settings tried", [f"{count:,}" for count in curve.num_tried]),
        *(
            Column(name, [f"{value:.3g}" for value in values])
            for name, values in (("expected", curve.expected), ("5%", curve.low), ("95%", curve.high))
        ),
    ]
    print_table(f"Best {judged} of so many settings, drawn from these", columns)
    for sentence in tuning_words(sweep, found):
        typer.echo(sentence)


def _rate_words(sweep: SweepConfig, one: RateSensitivity) -> str:
    name, cost = label(one.axis), one.cost
    known = (
        f" (95%: {cost.low:.3g} to {cost.high:.3g}, over {sweep.num_seeds} seeds)"
        if math.isfinite(cost.low)
        else " (one seed: no interval)"
    )
    what = "error" if sweep.maximises else "loss"
    return (
        f"Sensitivity to {name}: {what} {cost.value:.3g} above the best, mean over its range{known}. Within a tenth of the best on "
        f"{one.near_share:.0%} of the range; on {one.diverged_share:.0%} every setting diverges."
    )


def plain_importance(sweep: SweepConfig, found: Importance) -> dict[str, Any]:
    """What each axis does, as JSON has it."""

    def plain(one: Any) -> dict[str, Any]:
        known = one._asdict()
        return {
            key: value._asdict()
            if isinstance(value, Interval)
            else value.tolist()
            if hasattr(value, "tolist")
            else value
            for key, value in known.items()
        }

    parts = {"axes": [plain(one) for one in found.axes], "interactions": [plain(one) for one in found.interactions]}
    return {**found._asdict(), **parts, "reading": [*importance_words(sweep, found), trust_words(found)]}


def print_importance(sweep: SweepConfig, found: Importance) -> None:
    """What each axis does as a table, of those that are told from chance, and as sentences."""
    judged = "accuracy" if sweep.maximises else "loss"
    told = [axis for axis in found.axes if axis.is_told]
    if told:

        def words(part: Interval) -> str:
            return f"{part.low:.0%} to {part.high:.0%}" if math.isfinite(part.value) else ""

        columns = [
            Column("axis", [label(axis.axis) for axis in told], is_text=True),
            Column("best at", [axis.groups[axis.best] for axis in told]),
            Column(f"{judged} there", [f"{axis.means[axis.best]:.3g}" for axis in told]),
            Column("worst at", [axis.groups[axis.worst] for axis in told]),
            Column(f"{judged} there ", [f"{axis.means[axis.worst]:.3g}" for axis in told]),
            Column("explains", [words(axis.share) for axis in told]),
        ]
        if any(math.isfinite(axis.top_share.value) for axis in told):  # of 30 settings or more
            columns.append(Column("of the best tenth", [words(axis.top_share) for axis in told]))
        print_table("Mean over the other axes", columns)
    typer.echo("\n".join([*importance_words(sweep, found), trust_words(found)]))


class Compared(NamedTuple):
    """Two settings of a sweep."""

    first: int
    second: int
    values: tuple[str, str]
    """Each setting's values and what it came to, in words."""
    difference: float
    """How much higher the second one's held-out value is, mean over seeds and tasks; NaN where the tasks' values are not known."""
    ci95: float
    """Half-width over tasks, paired."""
    num_tasks: int
    num_seeds: int
    better: int | None
    """The better one's number, where seeds and tasks tell."""
    better_training: int | None
    """The better one's number, of these trainings alone."""
    are_judged_alike: bool
    """Whether no axis in which they differ changes the held-out tasks; otherwise neither is better."""


def compared(sweep: SweepConfig, results: Sequence[SettingResult], first: int, second: int) -> Compared:
    """Compare two settings by their numbers.

    Raises:
        ConfigError: There is no such setting, or it was not trained to the end.
    """
    by_number = {one.number: one for one in results}
    for number in (first, second):
        if number not in by_number:
            raise ConfigError("setting", number, f"a number from 0 to {max(by_number, default=0)}")
        if by_number[number].status not in ("ok", "diverged"):
            raise ConfigError("setting", number, f"one that was trained to the end; it is {by_number[number].status}")
    if first == second:
        raise ConfigError("setting", second, "another one than the first")
    one, other = by_number[first], by_number[second]
    by = Comparison(sweep, results)
    found = by.difference(one, other)
    pairs = ((one, other), (other, one))
    return Compared(
        first=first,
        second=second,
        values=(_words(sweep, one), _words(sweep, other)),
        difference=math.nan if found is None else found.mean,
        ci95=math.nan if found is None else found.ci95,
        num_tasks=0 if found is None else found.num_tasks,
        num_seeds=sweep.num_seeds,
        better=next((a.number for a, b in pairs if by.differs(a, b)), None),
        better_training=next((a.number for a, b in pairs if by.trainings_differ(a, b)), None),
        are_judged_alike=by.are_judged_alike(one, other),
    )


def _words(sweep: SweepConfig, one: SettingResult) -> str:
    return f"{setting_words(one.values) or 'the base'}: {'diverged' if one.status == 'diverged' else value_words(sweep, one)}"


def comparison_words(sweep: SweepConfig, found: Compared) -> list[str]:
    """Two settings compared, in sentences."""
    sentences = [f"{number}: {words}" for number, words in zip((found.first, found.second), found.values, strict=True)]
    if math.isfinite(found.difference):
        sentences.append(
            f"{found.second} minus {found.first}: {found.difference:+.3g} ± {found.ci95:.2g} over {found.num_tasks:,} tasks in common, paired."
        )
    if not found.are_judged_alike:
        names = listed([label(name) for name in task_axes(sweep)])
        return [
            *sentences,
            f"They differ in {names} and are judged on other held-out tasks: their values do not compare.",
        ]
    if sweep.num_seeds == 1:
        told = (
            f"This training of {found.better_training} is better"
            if found.better_training is not None
            else "The two trainings cannot be told apart"
        )
        return [*sentences, f"{told} on these tasks.", ONE_SEED]
    told = f"{found.better} is better" if found.better is not None else "The two cannot be told apart"
    by = f"{sweep.num_seeds} seeds{' and the tasks' if found.num_tasks else ''}"
    return [*sentences, f"{told}, by {by}, corrected for all settings of the sweep."]
