"""All that was measured of one run, so that it can be saved; what a page draws of it is in `history`."""

from __future__ import annotations

from maml_core.records import Records

MAX_RECORDED = 1_000_000
"""Outer steps and evaluations whose records are kept: 40 MB of a long run."""

_MAX_PARTS = 256


class Recording:
    """All that was measured of one run, so that it can be saved. Whenever there is too much, every second step of it is left out."""

    def __init__(self) -> None:
        self._parts: list[Records] = []
        self._count = 0

    def add(self, records: Records) -> None:
        """Append what a chunk measured."""
        self._parts.append(records)
        self._count += len(records.steps) + len(records.held_out_steps)
        if self._count > MAX_RECORDED or len(self._parts) > _MAX_PARTS:
            self._join()

    def records(self) -> Records | None:
        """Everything in one piece; None before the first chunk."""
        if len(self._parts) > 1:
            self._join()
        return self._parts[0] if self._parts else None

    def _join(self) -> None:
        records = Records.joined(self._parts)
        while (count := len(records.steps) + len(records.held_out_steps)) > MAX_RECORDED:
            records = _halved(records)
        self._parts, self._count = [records], count


def _halved(records: Records) -> Records:
    columns = {name: value if name == "events" else value[::2].copy() for name, value in records._asdict().items()}
    return Records(**columns)
