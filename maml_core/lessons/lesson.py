"""What a lesson is: steps that each may ask for a prediction, wait for something to be done, and judge both by what was measured.

A lesson never says what is true: its verdicts are cases over measured numbers, the same ones for a student's run and for the check on the
engine, and the case that the lesson teaches has to come out at every seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from maml_core.config import RunConfig

ActionKind = Literal["train", "set", "task", "inner"]
PredictionKind = Literal["choice", "number", "curve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What a person does in a step; the page notices when it is done."""

    kind: ActionKind
    """``train``: the run comes to an outer step, or stops because it diverged. ``set``: a setting comes to lie in a range. ``task``: other
    tasks are drawn. ``inner``: the inner steps are walked through on the page."""
    says: str
    """What to do, as an instruction, which is also the button's name where a button does it: ``Train to outer step 300``."""
    until: int = 0
    """``train``: the outer step, counted from the run's start."""
    setting: str = ""
    """``set``: the field of the run's config."""
    low: float = 0.0
    """``set``: the range, both ends included."""
    high: float = 0.0
    model: float | None = None
    """``set``: the value that the check takes; None for the middle of the range (geometric where both ends are positive)."""
    times: int = 1
    """``task`` and ``inner``: how often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An answer that can be chosen."""

    text: str
    right: str
    """A condition over measured numbers: the answer is right in a run where it holds. Of all options exactly one has to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What is asked before the result may be seen."""

    kind: PredictionKind
    question: str
    options: tuple[Option, ...] = ()
    """``choice``: two to five."""
    truth: str = ""
    """``number``: an expression over measured numbers. ``curve``: the name of a measured curve."""
    unit: str = ""
    """``number``: what is counted, for the axis' label."""
    low: float = 0.0
    """``number`` and ``curve``: the axis of values."""
    high: float = 1.0
    logarithmic: bool = False
    """Whether that axis is."""
    tolerance: float = 0.25
    """``number``: how far off, as a share of the axis, still counts as right. ``curve``: the same of the mean distance."""
    x_label: str = ""
    """``curve``: name of the axis along which it is drawn; its points are those of the measured curve, 0, 1, 2, ..."""
    num_points: int = 0
    """``curve``: how many of them are drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A sentence about what was measured, and when it is true."""

    when: str
    """A condition over measured numbers; empty for the last case, which is said where no other holds."""
    says: str
    """A sentence with numbers in it: ``{trained.loss_after:.2f}``."""
    taught: bool = False
    """What the lesson teaches: the check wants this case at every seed. Exactly one of a step's cases is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a lesson."""

    name: str
    """A short word; what is measured when its action is done, or when the step is entered where it has none, is known under it:
    ``trained.loss_after``."""
    text: str
    """Two or three sentences."""
    lit: tuple[str, ...] = ()
    """What is pointed at: ids of charts, names of settings, or ``play``, ``task``, ``formulas``."""
    free: tuple[str, ...] = ()
    """Settings that may be moved; the other dials are locked."""
    look: str = ""
    """The chart to show in the place of the paths; empty for the one that is there (`reading.look_of`)."""
    restart: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the lesson's own run that are other in the one which starts at outer step 0 when the step is entered (`reading.restarted`);
    the curves so far stay as a ghost. Empty where the run goes on."""
    prediction: Prediction | None = None
    action: Action | None = None
    """None: nothing is to be done but to read."""
    verdict: tuple[Case, ...] = ()
    """Judged when the action is done (or at once where there is none); the first case that holds is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A lesson of some three minutes."""

    name: str
    """What it is called in addresses and commands, the file's name without its ending: ``over-the-edge``."""
    title: str
    about: str
    """In a sentence: the question that it answers, without the answer."""
    source: str
    """Where it comes from."""
    order: int
    """Where it stands in the list."""
    minutes: int
    config: RunConfig
    """The run that it begins with."""
    steps: tuple[Step, ...]
    transfer: str
    """A question to carry on with, whose answer another run would give."""
    answer: str
    """Its answer, shown when asked for."""
