"""Marks on the loss curve: what was changed when, one mark for a whole drag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dashboard.info import Mark
from maml_core.config import RunConfig, replace
from maml_core.records import Entry

DRAG_S = 1.2
"""Changes of one setting that follow each other within this time are one drag."""

_DRAG_SHARE = 0.01
"""Of a saved run no times are known: there, changes of one setting within this share of its steps are."""

LABELS = {
    "num_inner_steps": "N",
    "meta_batch_size": "tasks per step",
    "num_query": "query points",
    "outer_optimizer": "optimiser",
    "clip_norm": "clip norm",
}
"""Short names of settings on marks."""


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else "off" if value is None else str(value)


class _Drag(NamedTuple):
    """The setting that is being dragged; its mark is the newest one."""

    name: str
    at: float
    old: Any


class Marks:
    """The marks of one run."""

    def __init__(self) -> None:
        self._marks: list[Mark] = []
        self._drag: _Drag | None = None

    @staticmethod
    def of(start: RunConfig, timeline: Sequence[Entry], num_steps: int) -> Marks:
        """The marks of a run of `num_steps` outer steps that was saved."""
        marks, config = Marks(), start
        for entry in timeline:
            if entry.kind == "rollback":
                marks.note(entry.step, "rolled back")
                continue
            now = DRAG_S * entry.step / (_DRAG_SHARE * max(1, num_steps))
            marks.add(entry.changes, config, step=entry.step, now=now)
            config = replace(config, entry.changes)
        marks._drag = None
        return marks

    @property
    def all(self) -> tuple[Mark, ...]:
        """The marks, oldest first."""
        return tuple(self._marks)

    def note(self, step: int, text: str) -> None:
        """Mark something that happened by itself."""
        self._marks.append(Mark(step=step, text=text))
        self._drag = None

    def add(self, changes: Mapping[str, Any], before: RunConfig, *, step: int, now: float) -> None:
        """Mark a change of settings. Changes within a drag share its mark, and a drag back to its start leaves none.

        Args:
            changes: The fields and their new values.
            before: The settings until then.
            step: Outer step from which the change acts.
            now: When it was asked for, in seconds.
        """
        olds = {name: getattr(before, name) for name in changes}
        changed = {name: value for name, value in changes.items() if value != olds[name]}
        if not changed or step == 0:
            return  # before the first step a change is not an event of the run
        name = next(iter(changed))
        drag = self._drag
        if len(changed) == 1 and drag is not None and drag.name == name and 0.0 <= now - drag.at <= DRAG_S:
            olds[name] = drag.old
            step = self._marks.pop().step
        texts = [f"{LABELS.get(n, n)} {_short(olds[n])} -> {_short(v)}" for n, v in changed.items() if v != olds[n]]
        if texts:
            self._marks.append(Mark(step=step, text=", ".join(texts)))
        self._drag = _Drag(name, now, olds[name]) if texts and len(changed) == 1 else None
