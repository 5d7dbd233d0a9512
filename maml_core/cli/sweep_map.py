"""What a sweep came to, on a terminal: its map, or its best settings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from maml_core.cli.console import percent
from maml_core.cli.tables import Column, print_table
from maml_core.sweeps.axes import label
from maml_core.sweeps.comparing import has_common_tasks
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.findings import value_words
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.tables import STATUSES, Map, map_of
from maml_core.values import shown

MAX_COLUMNS = 12
"""Most columns of a map on a terminal."""

MAX_ROWS = 10
"""Rows of the best settings, where there is no map."""


def print_results(asked: SweepConfig, results: Sequence[SettingResult]) -> None:
    """The map, where there are one or two axes of few values; else the best settings."""
    lengths = [len(axis.values) for axis in asked.axes]
    if (
        asked.sampler == "grid"
        and 1 <= len(lengths) <= 2
        and min(lengths) <= MAX_COLUMNS
        and any(one.is_done for one in results)
    ):
        # As on the page the first axis goes across and the second up, unless only the other way fits.
        x, *y = (axis.name for axis in (asked.axes if lengths[0] <= MAX_COLUMNS else asked.axes[::-1]))
        print_map(asked, map_of(asked, results, x, y[0] if y else None))
        return

    ok = [one for one in results if one.status == "ok"]
    ranked = sorted(ok, key=lambda one: -one.value if asked.maximises else one.value)[:MAX_ROWS]
    judged = "held-out accuracy" if asked.maximises else "held-out loss"
    columns = [
        Column("", [str(place) for place in range(1, len(ranked) + 1)]),
        *(Column(label(axis.name), [shown(one.values[axis.name]) for one in ranked]) for axis in asked.axes),
        Column(judged, [value_words(asked, one).removeprefix(f"{judged} ") for one in ranked]),
        Column("2 / lambda_max", [f"{one.stability_limit:.3g}" for one in ranked]),
    ]
    if ranked:
        first = "best" if has_common_tasks(asked) else "highest" if asked.maximises else "lowest"
        print_table(f"The {first} {len(ranked)} of {len(ok):,} settings", columns)


def print_map(asked: SweepConfig, seen: Map, where: str = "") -> None:
    """A map as a table, the best of its cells marked, if they are judged on the same held-out tasks; `where` are the values of other axes that it is of."""
    found = np.where(seen.status == STATUSES.index("ok"), seen.value if not asked.maximises else -seen.value, np.inf)
    has_best = np.isfinite(found).any() and not seen.judged_by
    best = int(seen.number.flat[int(found.argmin())]) if has_best else None
    what = "accuracy" if asked.maximises else "loss"
    rows = []
    for row in reversed(range(len(seen.y_values))):  # a map has its larger values above
        cells = []
        for status, number, value in zip(seen.status[row], seen.number[row], seen.value[row]):
            kind = STATUSES[status] if status >= 0 else "waiting"
            words = {
                "diverged": "×",
                "pruned": "-",
                "refused": "/",
                "ok": percent(value) if asked.maximises else f"{value:.3g}",
            }
            cells.append(words.get(kind, "") + ("*" if number == best else ""))
        rows.append((shown(seen.y_values[row]) if seen.y is not None else "", *cells))
    corner = f"{label(seen.y)} \\ {label(seen.x)}" if seen.y is not None else label(seen.x)
    names = (corner, *(shown(value) for value in seen.x_values))
    of = f" of {where}" if where else ""
    title = f"Held-out {what}{of} after N inner steps; {'* best, ' if has_best else ''}× diverged, - pruned, / left out"
    print_table(title, [Column(name, cells) for name, cells in zip(names, zip(*rows), strict=True)])
