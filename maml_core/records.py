"""What the engine hands out: plain frozen records of numbers, text and numpy arrays. Nothing here imports torch.

They cross the seam between processes and are all that a screen or a table ever sees of a run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from maml_core.class_fit import ClassFit
from maml_core.plain import plain
from maml_core.planes import Plane as Plane

if TYPE_CHECKING:
    import pandas as pd

Ints = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]


class Status(NamedTuple):
    """Whether a run can go on, and if not, why, in a sentence for people."""

    kind: Literal["ok", "diverged", "dead"] = "ok"
    sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a run's timeline."""

    step: int
    """Outer step before which it acts."""
    kind: Literal["change", "resume", "compiled", "branch", "rollback"]
    """A changed setting; going on after a roll-back; outer steps in their compiled form from here on, as far as they have it; going on from a
    state that was kept, so that roll-backs go back no further; or the note that a roll-back happened (a replay makes its own)."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """The changed fields and their new values; of a compiled form its ``key``; for a roll-back, the step that it went back to, as ``to_step``."""

    def __post_init__(self) -> None:
        step, changes = plain(self.step), self.changes
        if isinstance(step, bool) or not isinstance(step, int):
            raise TypeError(f"step = {step!r}: an outer step is a whole number from 0 on")
        if not isinstance(changes, Mapping):
            raise TypeError(f"changes = {changes!r}: give fields and their new values, such as {{'alpha': 0.02}}")
        object.__setattr__(self, "step", step)
        object.__setattr__(self, "changes", {name: plain(value) for name, value in changes.items()})


class Records(NamedTuple):
    """What was measured while advancing. Losses belong to theta_0 BEFORE the step's update."""

    steps: Ints
    query_loss: Numbers
    """Training query loss after adaptation, mean over the step's tasks."""
    joint_loss: Numbers
    """The joint baseline's training query loss; NaN where it is off."""
    oracle_loss: Numbers
    """The oracle's training query loss; NaN where it is off."""
    residual: Numbers
    """iMAML's relative residual of the linear solve, the worst task of the step; NaN for every other algorithm."""
    accuracy: Numbers
    """Share of right training query predictions after adaptation, 0..1, mean over the step's tasks; NaN in regression."""
    held_out_steps: Ints
    held_out_before: Numbers
    """Held-out query loss before adaptation, mean over tasks."""
    held_out_after: Numbers
    """Held-out query loss after N steps, mean over tasks."""
    held_out_diverged: Numbers
    """Share of the held-out tasks that diverged within N steps; see `Summary.diverged_share`."""
    held_out_worse: Numbers
    """Share of the held-out tasks whose query loss is higher after N steps than before adaptation."""
    held_out_accuracy_before: Numbers
    """Held-out query accuracy before adaptation, 0..1, mean over tasks; NaN in regression."""
    held_out_accuracy_after: Numbers
    """Held-out query accuracy after N steps."""
    events: tuple[Entry, ...]
    """Roll-backs."""

    @staticmethod
    def joined(parts: list[Records]) -> Records:
        """Records of consecutive stretches as one, each column in its own type, also where a part holds it in a narrower one."""
        columns: dict[str, Any] = {
            name: np.concatenate(
                [getattr(part, name) for part in parts], dtype=np.int64 if name.endswith("steps") else np.float64
            )
            for name in Records._fields
            if name != "events"
        }
        return Records(**columns, events=tuple(event for part in parts for event in part.events))

    def until(self, step: int) -> Records:
        """What had been measured when the run stood at an outer step.

        >>> from maml_core import RunConfig, replay
        >>> _, _, records = replay(RunConfig(meta_batch_size=2, evaluation_tasks=2, evaluate_every=2), [], num_steps=5)
        >>> records.until(2)
        Records(2 outer steps, 0 to 1; held-out losses at 1 of them)
        """
        held_out = {name for name in self._fields if name.startswith("held_out_")}
        taken, judged = self.steps < step, self.held_out_steps < step
        columns = {
            name: getattr(self, name)[judged if name in held_out else taken]
            for name in self._fields
            if name != "events"
        }
        return Records(**columns, events=tuple(event for event in self.events if event.step <= step))

    def frame(self) -> pd.DataFrame:
        """The curves as a table of pandas: a row an outer step, indexed by it, a column a curve; NaN where nothing was measured.

        >>> from maml_core import RunConfig, replay
        >>> _, _, records = replay(RunConfig(meta_batch_size=2, evaluation_tasks=2, evaluate_every=2), [], num_steps=3)
        >>> records.frame().held_out_after.notna().tolist()
        [True, False, True]
        """
        import pandas as pd

        def table(steps: Ints, names: list[str]) -> pd.DataFrame:
            return pd.DataFrame({name: getattr(self, name) for name in names}, index=pd.Index(steps, name="outer_step"))

        curves = [name for name in self._fields if name not in ("steps", "held_out_steps", "events")]
        held_out = [name for name in curves if name.startswith("held_out_")]
        training = table(self.steps, [name for name in curves if name not in held_out])
        return training.join(table(self.held_out_steps, held_out), how="outer")

    def __repr__(self) -> str:
        if len(self.steps) == 0:
            return "Records(nothing yet)"
        events = f", {len(self.events)} roll-backs" if self.events else ""
        return (
            f"Records({len(self.steps)} outer steps, {self.steps[0]} to {self.steps[-1]}; held-out losses at "
            f"{len(self.held_out_steps)} of them{events})"
        )


class Summary(NamedTuple):
    """Held-out query loss after each of 0..N_eval inner steps; every field has shape [N_eval + 1]."""

    mean: Numbers
    """Over all tasks; inf if one task's loss is not finite."""
    ci95: Numbers
    """Half-width of the 95% confidence interval of the mean over tasks (Student's t); NaN of one task alone."""
    median: Numbers
    diverged_share: Numbers
    """Share of diverged tasks, 0..1: their loss is not finite, or above 10 times the larger of the family's zero level and their own loss
    before adaptation."""
    worse_share: Numbers
    """Share of tasks whose loss is higher than before adaptation, 0..1."""
    accuracy: Numbers | None = None
    """Share of right query predictions, 0..1, mean over tasks; None in regression."""
    accuracy_ci95: Numbers | None = None
    """Half-width of the accuracy's 95% confidence interval over tasks."""

    def frame(self) -> pd.DataFrame:
        """A table of pandas: a row an inner step, a column a figure."""
        import pandas as pd

        known = {name: values for name, values in self._asdict().items() if values is not None}
        return pd.DataFrame(known).rename_axis("inner_step")


class PairedDifference(NamedTuple):
    """How much higher the second of two runs' held-out losses, or accuracies, is than the first's, task by task."""

    mean: float
    """Mean of the second's value minus the first's over all tasks. Not finite where a task's loss is not."""
    ci95: float
    """Half-width of its 95% interval (Student's t over the tasks' differences)."""
    num_tasks: int

    @property
    def differs(self) -> bool:
        """Whether the interval leaves out zero."""
        return math.isfinite(self.mean) and abs(self.mean) > self.ci95


class LearnedRates(NamedTuple):
    """Learned inner step sizes: for each entry (inner step) and parameter tensor the quantiles over its rates.

    Meta-SGD has one entry with a rate a parameter; MAML++ an entry a step with a rate a tensor, where the three quantiles are equal.
    """

    names: tuple[str, ...]
    """Names of the P parameter tensors."""
    low: Numbers
    """10% quantile, [entries, P]."""
    median: Numbers
    high: Numbers
    """90% quantile, [entries, P]."""
    overall: float
    """Median of all rates."""


class Curvature(NamedTuple):
    """lambda_max, the largest eigenvalue of the Hessian of what the inner loop descends, over tasks.

    That is the support loss over the parameters that adapt, with the proximal term where there is one. Along its eigenvector gradient
    descent is stable for alpha < 2 / lambda_max.
    """

    median: float
    low: float
    """10% quantile over tasks."""
    high: float
    """90% quantile over tasks."""

    @staticmethod
    def stability_limit(lambda_max: float) -> float:
        """2 / lambda_max; inf where nothing curves upwards, NaN where it is not known.

        >>> Curvature.stability_limit(20.0)
        0.1
        """
        return float("inf") if lambda_max <= 0.0 else 2.0 / lambda_max


OVERSHOOT_SHARE = 0.4
"""Where some inner step raises the support loss of so many held-out tasks, the inner steps are said to overshoot, and are named as what made a
run diverge.

Measured at 0.3 to 3 times the alpha of presets, with two seeds: the sinusoids' fast demo trains at all of them, with at most 25% of the
tasks at any look; "Alpha too large" trains up to 0.7 times its alpha, with at most 28%; at 0.85 times it diverges with one seed, with 47%
at the last good theta_0, and with the other it does not learn, with 31 to 41%; from 1 time on it diverges, with 66 to 100%. The loss is
higher after N steps than before on 6 to 75% there, and on up to 12% where nothing diverges, which tells the two apart less well. Glyphs,
of which one inner step is taken: 0% at their alpha, 20% at three and 100% at ten times it, untrained; 0% up to three times, pretrained.
"""


class InnerDescent(NamedTuple):
    """What the N inner steps of a set-up do to the support loss that they descend, measured on held-out tasks.

    2 / lambda_max says what would happen on a quadratic; this is what happens.
    """

    alpha: float
    """With which it was measured."""
    num_steps: int
    """N >= 1."""
    num_tasks: int
    lower_share: float
    """Share of the tasks on which the support loss is lower after N steps than before, 0..1."""
    higher_share: float
    """Share on which it is higher, or not finite."""
    raised_share: float
    """Share on which at least one of the steps raises it, wherever it ends."""

    @property
    def overshoots(self) -> bool:
        """Whether the steps are too long for the tasks."""
        return self.raised_share >= OVERSHOOT_SHARE


class TaskFit(NamedTuple):
    """One task of a one-input family, and what theta_0..theta_K say about it."""

    parameters: Numbers
    """What defines the task: amplitude and phase, or w; nothing of points of somebody's own."""
    grid: Floats
    """[G], over the family's range of x, and as far beyond it as points of somebody's own lie."""
    truth: Floats
    """[G], without noise; empty where nobody knows it: of points of somebody's own, and of most problems of one's own."""
    curves: Floats
    """[K + 1, G]"""
    support_x: Floats
    support_y: Floats
    query_x: Floats
    query_y: Floats
    support_loss: Floats
    """[K + 1]"""
    query_loss: Floats
    """[K + 1]; NaN where there is no query point."""
    dead: bool
    """Whether theta_N has a whole hidden layer off on the grid."""
    vector: Floats
    """theta_N - theta_0, [D]: where the task stands among the task vectors of others."""
    path: Floats
    """theta_0..theta_N, [N + 1, D], of points of somebody's own; of a generated task none, [0, D]."""

    @property
    def is_own(self) -> bool:
        """Whether the points are somebody's own: then nobody knows the truth."""
        return len(self.path) > 0


class OwnTask(NamedTuple):
    """A few-shot task that somebody drew: S support images of C classes, and Q query images of which nobody knows the class."""

    support_images: Bytes
    """[S, channels * height * width], ink = 255."""
    support_labels: Ints
    """[S], each of 0..C - 1 at least once."""
    query_images: Bytes
    """[Q, channels * height * width]"""


class OwnPoints(NamedTuple):
    """A regression task of somebody's own: S support points and Q query points of which nobody knows the function (`points.read_points`)."""

    support_x: Numbers
    """[S], at least one."""
    support_y: Numbers
    """[S]"""
    query_x: Numbers
    """[Q]; empty where none was held back: then there is no query loss."""
    query_y: Numbers
    """[Q]"""
    header: str = ""
    """The first line, where that named the columns."""

    @property
    def x(self) -> Numbers:
        """x of all points, support first, [S + Q]."""
        return np.concatenate([self.support_x, self.query_x])

    @property
    def y(self) -> Numbers:
        """y of all points, [S + Q]."""
        return np.concatenate([self.support_y, self.query_y])


class Filters(NamedTuple):
    """Pictures of M units of the first layer: kernels, or of a fully connected layer one weight a pixel."""

    weights: Floats
    """Weights of theta_0..theta_K, [K + 1, M, channels, height, width]."""
    units: Ints
    """Which of the layer's units they are, in growing order, [M]."""
    num_units: int
    """How many the layer has; 0 where it does not look at pixels."""


class ImageFit(NamedTuple):
    """One few-shot task of images of W classes, S support and Q query images, and what theta_0..theta_K say about them."""

    image_shape: tuple[int, int, int]
    """Channels, height, width."""
    class_names: tuple[str, ...]
    """[W]; empty for a task that somebody drew."""
    support_images: Bytes
    """[S, channels * height * width], ink = 255."""
    support_labels: Ints
    """[S]"""
    query_images: Bytes
    """[Q, channels * height * width]"""
    query_labels: Ints
    """[Q]; -1 where nobody knows."""
    support_probabilities: Floats
    """[K + 1, S, W]; NaN where the network's output is not finite."""
    query_probabilities: Floats
    """[K + 1, Q, W]"""
    support_loss: Floats
    """[K + 1]"""
    query_loss: Floats
    """[K + 1]; NaN where nobody knows the classes."""
    filters: Filters
    """What the inner steps do to the first layer: its kernels, or those of its units that they move most."""
    dead: bool
    """Whether theta_N has a whole hidden layer off on the task's images."""
    vector: Floats
    """theta_N - theta_0, [D]: where the task stands among the task vectors of others."""


Fit = TaskFit | ImageFit | ClassFit
"""What theta_0..theta_K say about one task."""


class LayerMoves(NamedTuple):
    """How far the inner loop moves each of the P layers, ||theta_k - theta_0|| / ||theta_0||, over tasks; [N + 1, P]."""

    layers: tuple[str, ...]
    low: Numbers
    """10% quantile over tasks."""
    median: Numbers
    high: Numbers
    """90% quantile over tasks."""


class InnerPaths(NamedTuple):
    """Inner paths of P tasks, in the plane."""

    paths: Floats
    """theta_0..theta_N of each task, [P, N + 1, 2]."""
    theta_0: Floats
    """All parameters of theta_0, [D], so that whoever keeps them can draw where it has been."""
    plane: Plane
    explained: float
    """Share of the paths' squared length that lies in the plane, 0..1."""


class Demonstration(NamedTuple):
    """A demonstration task: the one of a numbered draw, perhaps with parameters of somebody's choice, or one of somebody's own."""

    parameters: tuple[float, ...] | None = None
    """None keeps those that were drawn."""
    draw: int = 0
    """Number of the draw of the task and its points."""
    own: OwnTask | OwnPoints | None = None
    """Images, or points, that take the drawn task's place."""
    of_step: int | None = None
    """The first training task of this outer step, as theta_0 adapts to it in training, in place of the numbered draw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What somebody wants to see of a state; what is empty, None or False is not computed."""

    tasks: tuple[Demonstration, ...] = (Demonstration(),)
    """The demonstration tasks, one for each who looks at a task of their own; all else is the same for all of them."""
    trajectories: bool = True
    """The held-out losses of the current theta_0 (and of the random start, which costs nothing once known, and of the oracle, which
    takes no steps)."""
    joint_trajectory: bool = True
    """Trajectories of the joint baseline, too."""
    scratch: bool = False
    """Trajectory of training from scratch on each held-out task: takes seconds when it is first asked for, and nothing once known."""
    curvature: bool = True
    rates: bool = True
    """The learned rates, where the algorithm has them."""
    moves: bool = False
    """How far each layer moves."""
    paths: bool = True
    plane: Plane | None = None
    """The plane to draw paths in; None fits one to the paths."""
    previous_plane: Plane | None = None
    """A new fit takes its signs from this one."""
    look: str = ""
    """One of `analysis.looks.LOOKS` by name; empty for none."""
    look_draw: int = 0
    """Number of the draw of the demonstration task, for a look at one task."""
    task_losses: bool = False
    """With the trajectories, the run's held-out losses task by task."""
    against: Numbers | None = None
    """Another run's held-out losses on the same tasks, [T], to give the paired difference from; needs `task_losses`."""
    against_accuracy: Numbers | None = None
    """Its accuracies on them, [T], in classification."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What one state looks like: everything a live page shows besides the curves."""

    step: int
    fits: tuple[Fit | None, ...]
    """One for each of the view's tasks; None for a task that nobody can draw."""
    trajectories: Mapping[str, Summary]
    """Held-out losses by learner: "maml" (the run, whatever its algorithm), "random" (the initial weights), "joint", and "oracle" and
    "scratch", which are flat."""
    paths: InnerPaths | None
    curvature: Curvature | None
    descent: InnerDescent | None = None
    """Measured with the curvature; None where there is no inner step."""
    rates: LearnedRates | None = None
    """None where no rates are learned."""
    moves: LayerMoves | None = None
    look: object = None
    """What the look has found: a record of `analysis_records`, or a tuple of them."""
    task_losses: Numbers | None = None
    """Held-out query loss of each task after N inner steps, or after the last at evaluation where that is sooner, [T]; None unless asked for."""
    task_accuracy: Numbers | None = None
    """Accuracies where `task_losses` has the losses, each 0..1, [T]; None in regression."""
    difference: PairedDifference | None = None
    """How much higher the loss of `View.against` is, task by task; None unless asked for."""
    accuracy_difference: PairedDifference | None = None
    """How much higher the accuracy of `View.against_accuracy` is; None unless asked for."""
    seconds: Mapping[str, float] = field(default_factory=dict, compare=False)
    """Processor time that each part took, by its name, so that whoever looks can pace it."""

    @property
    def fit(self) -> Fit | None:
        """The first task's fit; None where there is none."""
        return self.fits[0] if self.fits else None


class Levels(NamedTuple):
    """Reference levels of a task family under its loss, from its configured ranges."""

    zero: float
    """Expected loss of the zero predictor."""
    non_adapting: float
    """Expected loss of the best predictor that cannot adapt: a floor for the loss before adaptation."""
