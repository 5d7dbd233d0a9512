"""All that was measured of one run, so that it can be saved; what a page draws of it is in `history`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from maml_core.records import Records

MAX_RECORDED, LEAST_RECORDED = 1_000_000, 100_000
"""Outer steps and evaluations whose records are kept of a run, and as many at least: a million take 12 MB in float32, 20 in float64."""

MAX_RECORDED_IN_ALL = 2_000_000
"""The same of all runs together that somebody looks at: ten pages may train for hours beside each other."""

_MAX_PARTS = 64
"""Chunks that lie unpacked: each has an array of its own for each column, which weighs more than the numbers in it."""

_Column = npt.NDArray[Any]
_NARROWER: dict[str, type] = {"i": np.int32, "f": np.float32}
"""What may hold the numbers of a column in half of the bytes, by the kind of its own type."""


class Recording:
    """All that was measured of one run, so that it can be saved. Whenever there is too much, every second step of it is left out.

    What is older lies packed: a run on a page may go on for hours, and is read when it is saved.
    """

    def __init__(self) -> None:
        self._packed: list[Records] = []
        self._parts: list[Records] = []
        self._count = 0
        self._most = MAX_RECORDED

    def share(self, num_runs: int) -> None:
        """Keep no more from now on than the share of one of so many runs."""
        self._most = min(MAX_RECORDED, max(LEAST_RECORDED, MAX_RECORDED_IN_ALL // num_runs))
        if self._count > self._most:
            self._thin()

    def add(self, records: Records) -> None:
        """Append what a chunk measured."""
        self._parts.append(records)
        self._count += _length(records)
        if self._count > self._most:
            self._thin()
        elif len(self._parts) > _MAX_PARTS:
            self._packed.append(_packed(Records.joined(self._parts)))
            self._parts = []

    def records(self) -> Records | None:
        """Everything in one piece; None before the first chunk."""
        return Records.joined([*self._packed, *self._parts]) if self._packed or self._parts else None

    def _thin(self) -> None:
        records = Records.joined([*self._packed, *self._parts])
        while (count := _length(records)) > self._most:
            records = _by_column(records, lambda column: column[::2])
        self._packed, self._parts, self._count = [_packed(records)], [], count


def _length(records: Records) -> int:
    return len(records.steps) + len(records.held_out_steps)


def _packed(records: Records) -> Records:
    """The same numbers in as few bytes as hold them exactly: those of a run in float32 in half, a column of nothing in those of one number."""
    return _by_column(records, _narrowed)


def _narrowed(column: _Column) -> _Column:
    if column.dtype.kind == "f" and np.isnan(column).all():
        return np.broadcast_to(np.float32(np.nan), column.shape)
    with np.errstate(over="ignore"):  # a loss beyond all that float32 holds is told by its infinity, and stays as it is
        narrow: _Column = column.astype(_NARROWER[column.dtype.kind])
    return narrow if np.array_equal(narrow, column, equal_nan=True) else column.copy()


def _by_column(records: Records, change: Callable[[_Column], _Column]) -> Records:
    columns = {name: change(column) for name, column in records._asdict().items() if name != "events"}
    return Records(**columns, events=records.events)
