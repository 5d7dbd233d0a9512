"""Marks on the loss curve: what was changed when, one mark for a whole drag."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from dashboard.charts.results import Mark
from dashboard.setups.setting_names import noted
from maml_core.config import RunConfig, replace
from maml_core.records import Entry
from maml_core.values import written

DRAG_S = 1.2
"""Changes of one setting that follow each other within this time are one drag, as are those for which a pointer is held."""

_DRAG_SHARE = 0.01
"""A saved run has no times: there, changes of one setting within this share of its steps are one drag."""

_UNMARKED = frozenset({"evaluation_steps"})
"""Settings whose change leaves every curve as it was."""


class _Drag(NamedTuple):
    """The setting that is being dragged; its mark is the newest one."""

    name: str
    at: float
    old: Any
    number: Hashable

    def goes_on(self, name: str, at: float, number: Hashable) -> bool:
        """Whether a change belongs to it: its pointer is still held, or hardly any time has passed."""
        held = number is not None and number == self.number
        return name == self.name and (held or 0.0 <= at - self.at <= DRAG_S)


class Marks:
    """The marks of one run."""

    def __init__(self) -> None:
        self._marks: list[Mark] = []
        self._drag: _Drag | None = None

    @staticmethod
    def from_timeline(start: RunConfig, timeline: Sequence[Entry], num_steps: int) -> Marks:
        """The marks of a run of `num_steps` outer steps that was saved."""
        marks, config = Marks(), start
        for entry in timeline:
            if entry.kind == "rollback":
                marks.note(entry.step, "rolled back")
                continue
            if entry.kind == "compiled":  # the same training, in less time
                continue
            if entry.kind == "branch":
                marks.note(entry.step, "branch")
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

    def add(
        self, changes: Mapping[str, Any], before: RunConfig, *, step: int, now: float, drag: Hashable = None
    ) -> None:
        """Mark a change of settings. Changes within a drag share its mark, and a drag back to its start leaves none.

        Args:
            changes: The fields and their new values.
            before: The settings until then.
            step: Outer step from which the change acts.
            now: When it was asked for, in seconds.
            drag: What tells the drag that it is part of, however slow; None for a key or a typed value.
        """
        olds = {name: getattr(before, name) for name in changes}
        changed = {name: value for name, value in changes.items() if value != olds[name] and name not in _UNMARKED}
        if not changed or step == 0:
            return  # before the first step a change is not an event of the run
        name = next(iter(changed))
        last = self._drag
        if len(changed) == 1 and last is not None and last.goes_on(name, now, drag):
            olds[name] = last.old
            step = self._marks.pop().step
        texts = [f"{noted(n)} {written(olds[n], 3)} -> {written(v, 3)}" for n, v in changed.items() if v != olds[n]]
        if texts:
            self._marks.append(Mark(step=step, text=", ".join(texts)))
        self._drag = _Drag(name, now, olds[name], drag) if texts and len(changed) == 1 else None
