"""What is known of a sweep's settings: plain frozen records for the study, the table, the page and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from maml_core.records import Numbers
from maml_core.sweeps.axes import Value


class LaneResult(NamedTuple):
    """One seed of a setting."""

    seed: int
    """Added to the base's seeds."""
    status: Literal["ok", "diverged", "dead", "pruned"]
    step: int
    """Outer step that it reached."""
    loss: float
    """Held-out query loss after N inner steps, mean over tasks; inf or NaN where it is not finite."""
    ci95: float
    """Half-width over held-out tasks."""
    before: float
    """Held-out query loss before adaptation."""
    accuracy: float
    """After N inner steps, 0..1; NaN in regression."""
    accuracy_ci95: float
    diverged_share: float
    """Of the held-out tasks, after N inner steps."""
    lambda_max: float
    """NaN where it was not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingResult:
    """One setting, as far as it is known."""

    number: int
    values: Mapping[str, Value]
    status: Literal["waiting", "running", "ok", "diverged", "pruned"]
    """diverged: the status of a lane is not ok, or its held-out loss is not finite."""
    value: float
    """Mean over seeds of what is optimised: held-out loss, or accuracy of classes; NaN while nothing was measured, the cap where diverged."""
    ci95: float
    """With one seed over its held-out tasks; with several over the seeds (Student's t)."""
    lanes: tuple[LaneResult, ...] = ()
    steps: Numbers | None = None
    """Outer steps of the rungs that were measured, [R]."""
    curve: Numbers | None = None
    """Held-out value at the rungs, mean over seeds, [R]."""
