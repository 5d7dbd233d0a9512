"""One few-shot task of images: what theta_0..theta_N say of its query images. The page draws it itself, on a canvas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard.charts.chart import Chart
from dashboard.charts.fit import task_steps
from dashboard.charts.glossary import Card
from dashboard.charts.phrases import dead, number, right, second_run, steps
from dashboard.charts.results import Array, Bytes, Ints, Results
from dashboard.charts.scales import plain
from dashboard.wire.packing import Floats
from maml_core.config import FolderConfig, ImageConfig, RunTasks
from maml_core.records import Filters, ImageFit

# --- The record -------------------------------------------------------------------------------------------------------


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
    beside: float | None = None
    """Share of the query images that a second run gets right after its inner steps; None where there is none, or nobody knows."""
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


def images_info(of: Results) -> ImagesInfo | None:
    """The record of a run; None where x is no image."""
    fit = of.fit
    if not isinstance(fit, ImageFit):
        return None
    return ImagesInfo(
        image_shape=fit.image_shape,
        class_names=fit.class_names,
        support_images=fit.support_images,
        support_labels=fit.support_labels,
        query_images=fit.query_images,
        query_labels=fit.query_labels,
        probabilities=fit.query_probabilities,
        support_loss=fit.support_loss,
        query_loss=fit.query_loss,
        filters=fit.filters,
        num_inner_steps=min(of.computed.num_inner_steps, len(fit.query_probabilities) - 1),
        ink=is_ink(of.computed.tasks),
        beside=_of_second(of, fit),
        dead=fit.dead,
    )


def _of_second(of: Results, fit: ImageFit) -> float | None:
    """Where it is a look at the same task, and of now."""
    found = of.beside.fit if of.beside is not None and of.then is None else None
    if of.beside is None or not isinstance(found, ImageFit) or (found.query_labels < 0).any():
        return None
    if not np.array_equal(found.query_images, fit.query_images):
        return None
    says = found.query_probabilities[min(of.beside.num_inner_steps, len(found.query_probabilities) - 1)]
    is_number = np.isfinite(says).all(axis=1)
    return float(np.mean(is_number & (np.nan_to_num(says).argmax(axis=1) == found.query_labels)))


def is_ink(tasks: RunTasks) -> bool:
    """Whether images are ink on paper, so that they may have the colours of the page; those of a folder may show anything."""
    return not isinstance(tasks, FolderConfig)


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _pixels(info: ImagesInfo) -> bytes:
    return info.support_images.tobytes() + info.query_images.tobytes()


def _content(info: ImagesInfo) -> bytes:
    numbers = (info.probabilities, info.filters.weights, info.filters.units, info.support_loss, info.query_loss)
    labels = (info.support_labels, info.query_labels)
    return b"".join(part.tobytes() for part in (*numbers, *labels)) + _pixels(info)


def _more(info: ImagesInfo, body: Floats, pixels: bytes | None) -> dict[str, Any]:
    """The task's images where the page does not have them, and where in the body the rest is."""
    found: dict[str, Any] = {
        "shape": list(info.image_shape),
        "ink": info.ink,
        "names": list(info.class_names),
        "ways": info.probabilities.shape[2],
        "support_labels": info.support_labels.tolist(),
        "query_labels": info.query_labels.tolist(),
        "probabilities": body.add(info.probabilities.ravel()),
        "filters": body.add(info.filters.weights.ravel()),
        "filters_shape": list(info.filters.weights.shape[1:]),
        "units": info.filters.units.tolist(),
        "num_units": info.filters.num_units,
    }
    if pixels is not None:
        found["pixels"] = body.add_bytes(pixels)
    steps_of_task = task_steps(info.support_loss, info.query_loss, info.num_inner_steps)
    return {"steps": steps_of_task | {"accuracy": plain(info.accuracy)}, "images": found}


# --- Words ------------------------------------------------------------------------------------------------------------

_CARD = Card(
    "One task that was never trained on: a few classes, examples of each (support), and test images to name (query). The bars beside a test image "
    "say how probable each class is, before adapting and after the inner steps. Labels are dealt anew in every task, so the start, θ_0, can only guess.",
    {},
    ("task", "support", "query", "θ_0", "θ_N", "θ_k", "held-out"),
)


def _summary(info: ImagesInfo) -> str:
    ways, n = info.probabilities.shape[2], info.num_inner_steps
    of = f"{_images(len(info.support_images), 'example')} of {ways} classes"
    if not info.known:
        answers = ", ".join("no number" if label < 0 else class_letter(label) for label in info.predicted[n])
        return f"A drawn task with {of}: after adapting (θ_N) the network says {answers} of {_images(len(info.query_images), 'test')}."
    before, after = info.accuracy[[0, n]]
    return (
        f"Before (θ_0) against after adapting (θ_N) on one held-out task with {of}: {before:.0%} of {_images(len(info.query_images), 'test')} "
        f"right before, {after:.0%} after {steps(n)}{second_run(info.beside)}; query loss {number(info.query_loss[0])} and {number(info.query_loss[n])}."
    )


def _subtitle(info: ImagesInfo) -> str:
    n = info.num_inner_steps
    if n == 0:
        return "With N = 0 nothing adapts: the start (θ_0) can only guess which class is which."
    if info.dead:
        return dead(n)
    if not info.known:
        examples = _images(len(info.support_images), "example")
        return f"{steps(n).capitalize()} on {examples}; nobody but you knows what the test images are."
    return right(info.accuracy.tolist(), info.query_loss.tolist(), n, info.beside)


def class_letter(label: int) -> str:
    """What the page calls a class of a task.

    >>> class_letter(0), class_letter(19)
    ('A', 'T')
    """
    return chr(ord("A") + label)


def _images(count: int, kind: str) -> str:
    return f"1 {kind} image" if count == 1 else f"{count} {kind} images"


IMAGES = Chart(
    id="images",
    title="One new task",
    hint="The start (θ_0) knows no class of this task; N gradient steps on the examples teach it these.",
    card=_CARD,
    info=ImagesInfo,
    make=images_info,
    traces=lambda *_: {},
    axes=lambda *_: {},
    lines=lambda _: {},
    ranges=lambda *_: {},
    summary=_summary,
    subtitle=_subtitle,
    is_of_the_task=True,
    belongs=lambda config, _: isinstance(config.tasks, ImageConfig),
    more=_more,
    pixels=_pixels,
    content=_content,
)
