"""What each chart shows, as plain frozen numpy records: engine results in, `charts` out.

Nothing here draws and nothing here knows streamlit, plotly or torch. `charts` turns a record into a Plotly figure or into the
numbers of a live frame; tests compare records exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from maml_core.records import Filters, InnerDescent

Array = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Learner = Literal["maml", "random", "joint", "oracle", "scratch"]
Metric = Literal["accuracy", "loss"]
"""What the curves show: the share of right predictions, 0..1, which only tasks of classes have, or the query loss."""

AT_IDENTITY = "at M = I"
"""Of a stability limit that learned matrices, which start as I, are not counted in."""


def _empty() -> Array:
    return np.empty(0, dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A change of the set-up while training, drawn as a thin line on the loss curves."""

    step: int
    """Outer step from which the change acts."""
    text: str
    """For example ``alpha 0.01 -> 0.1``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What a predictor that learns nothing reaches, drawn as a thin line across the curves."""

    name: str
    value: float
    meaning: str
    """In a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """The curves of one run in one metric. Every loss is positive, every accuracy 0..1, or NaN (which leaves a gap)."""

    steps: Array = field(default_factory=_empty)
    """Outer steps of `raw`, shape [n] (decimated: a bucket gives its smallest and its largest value)."""
    raw: Array = field(default_factory=_empty)
    """Training query points after adaptation, shape [n]."""
    smoothed_steps: Array = field(default_factory=_empty)
    smoothed: Array = field(default_factory=_empty)
    """Exponential moving average of `raw` before it was decimated, shape [m]."""
    held_out_steps: Array = field(default_factory=_empty)
    before: Array = field(default_factory=_empty)
    """Held-out query points before adaptation (inner step 0), mean over tasks, shape [h]."""
    after: Array = field(default_factory=_empty)
    """Held-out query points after N inner steps, mean over tasks, shape [h]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossInfo:
    """The loss chart, or the accuracy's: this run, the ghost of the previous one, change marks and reference levels."""

    metric: Metric = "loss"
    """Of all curves and levels."""

    curves: Curves = field(default_factory=Curves)
    ghost: Curves = field(default_factory=Curves)
    """The run before the last reset; empty where there was none."""
    marks: tuple[Mark, ...] = ()
    levels: tuple[Level, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FitInfo:
    """theta_0 against theta_N on one held-out task with a one-dimensional input. K is the number of inner steps computed, K >= N."""

    grid: Array
    """Inputs of the curves, shape [G]."""
    truth: Array
    """The task's function without noise, shape [G]."""
    curves: Array
    """Predictions of theta_0..theta_K, shape [K + 1, G]."""
    support_x: Array
    support_y: Array
    """Support points, shape [shots]."""
    query_x: Array
    query_y: Array
    """Query points, shape [num_query]."""
    support_loss: Array
    query_loss: Array
    """Losses of theta_0..theta_K on the task, shape [K + 1]."""
    num_inner_steps: int
    """N: theta_N is ``curves[N]``."""
    dead: bool = False
    """Whether theta_N says the same everywhere, because a whole hidden layer is off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagesInfo:
    """theta_0 against theta_N on one few-shot task of images: W classes, S support and Q query images. K >= N inner steps are computed."""

    image_shape: tuple[int, int, int]
    """Channels, height, width."""
    class_names: tuple[str, ...]
    """What people call the W classes, A first; empty for a task that somebody drew."""
    support_images: Bytes
    """[S, channels * height * width], ink = 255."""
    support_labels: Ints
    query_images: Bytes
    """[Q, channels * height * width]"""
    query_labels: Ints
    """[Q]; -1 where nobody knows."""
    probabilities: Array
    """What theta_0..theta_K say about the query images, shape [K + 1, Q, W]; NaN where the network's output is not finite."""
    support_loss: Array
    query_loss: Array
    """Losses of theta_0..theta_K on the task, shape [K + 1]; NaN on query images that nobody knows."""
    filters: Filters
    """What the inner steps do to the first layer: its kernels, or those of its units that they move most."""
    num_inner_steps: int
    """N: theta_N is the one at index N."""
    ink: bool = True
    """Pixels are ink on paper, which has the page's own colours; otherwise they are grey levels or colours of photographs."""
    dead: bool = False
    """Whether theta_N says the same about every image, because a whole hidden layer is off."""

    @property
    def known(self) -> bool:
        """Whether the query images' classes are known, so that answers are right or wrong."""
        return bool((self.query_labels >= 0).all())

    @property
    def predicted(self) -> Ints:
        """The most probable class of each query image by theta_0..theta_K, shape [K + 1, Q]; -1 where it is not a number."""
        finite = np.isfinite(self.probabilities).all(axis=2)
        found: Ints = np.where(finite, np.nan_to_num(self.probabilities).argmax(axis=2), -1)
        return found

    @property
    def accuracy(self) -> Array:
        """Share of the query images that theta_0..theta_K get right, shape [K + 1]; NaN where nobody knows."""
        right = (self.predicted == self.query_labels).mean(axis=1)
        return right if self.known else np.full(len(right), np.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """Held-out query loss, or accuracy, against the inner step, shape [E + 1] each."""

    mean: Array
    low: Array
    high: Array
    """95% confidence interval of the mean over tasks."""
    diverged_share: Array
    """Share of the tasks whose loss has diverged after each step, 0..1; see `maml_core.records.Summary`."""
    worse_share: Array
    """Share of the tasks whose loss is higher than before adaptation, 0..1."""
    median: Array | None = None
    """Of a loss, whose mean a few tasks can spoil."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptationInfo:
    """The adaptation chart."""

    num_inner_steps: int
    """N, drawn as a thin line."""
    trajectories: Mapping[Learner, Trajectory]
    algorithm: str = "MAML"
    """What the run's own trajectory is called."""
    metric: Metric = "loss"
    """Of all trajectories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathInfo:
    """The parameter-path chart: inner paths of P tasks in a plane fitted to them."""

    paths: Array
    """theta_0..theta_N of P tasks, shape [P, N + 1, 2]."""
    trail: Array
    """Where theta_0 was, oldest first, the current one last, shape [t, 2]."""
    explained: float
    """Share of the paths' variance that lies in the plane, 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayersInfo:
    """The layers chart: how far each layer moves in the inner loop, a column for each, in it the inner steps."""

    names: tuple[str, ...]
    """Of the P layers, from the input to the head."""
    low: Array
    median: Array
    high: Array
    """10%, 50% and 90% quantiles over tasks of ||theta_k - theta_0|| / ||theta_0|| of a layer, shape [N + 1, P]; inf where it diverges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GaugeInfo:
    """The stability gauge: alpha against 2 / lambda_max of the support Hessian at theta_0."""

    alpha: float
    limit: float
    """2 / the median of lambda_max over held-out tasks; inf where no direction curves upwards, NaN while none was measured."""
    limit_low: float
    limit_high: float
    """2 / lambda_max at its 90% and its 10% quantile over tasks: beyond `limit_low` a tenth of the tasks overshoot."""
    descent: InnerDescent | None = None
    """What the inner steps do to the support loss; None while that is not measured with this alpha and N."""
    of: str = ""
    """Of what, where the inner loop does not descend the plain support loss in all parameters: ``of the head``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesInfo:
    """The learned inner step sizes, in place of the gauge: a column for each parameter tensor, in it the inner steps."""

    names: tuple[str, ...]
    """Of the P tensors."""
    low: Array
    median: Array
    high: Array
    """10%, 50% and 90% quantiles over the rates of a tensor at a step, shape [steps, P]; equal where there is one rate."""
    overall: float
    """Median of all rates."""
    start: float
    """alpha, where all of them began."""
    limit: float
    limit_low: float
    limit_high: float
    """Of one step size common to all parameters, as in `GaugeInfo`."""
    descent: InnerDescent | None = None
    """As in `GaugeInfo`."""
