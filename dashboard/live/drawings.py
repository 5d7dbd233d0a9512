"""Characters that people draw on the page: from a message to a task, what it takes to draw like the run's images, and the answer."""

from __future__ import annotations

import base64
import binascii
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from maml_core.config import RunConfig
from maml_core.records import Bytes, Fit, Floats, ImageFit, OwnTask

MAX_CLASSES, MAX_EXAMPLES, MAX_QUERY = 5, 5, 5
"""What the page has room for; examples are those of each class."""

_INK = 64
"""Bytes above it belong to a stroke's bounding box."""

_SMALLEST_SHARE = 0.3
"""What is drawn gets no smaller, whatever the images are."""


class Hand(NamedTuple):
    """How a run's images are drawn, so that drawings can be like them."""

    share: float
    """Longer side of what is drawn, as a share of the image's."""
    width: float
    """Width of a stroke in pixels."""
    dark: bool
    """Ink is darker than paper."""


def hand(fit: ImageFit) -> Hand:
    """How the images of a generated task are drawn: the medians over its images."""
    channels, height, width = fit.image_shape
    rows = np.concatenate([fit.support_images, fit.query_images])
    images = rows.reshape(-1, channels, height, width).astype(np.float32).mean(1)
    edges = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    dark = bool(np.median(edges) > 127.0)
    images = 255.0 - images if dark else images
    inked = images > _INK
    sides = [
        inked.any(axis).sum(1) / size if size > 0 else np.zeros(len(images)) for axis, size in ((1, width), (2, height))
    ]
    # The outline of a stroke of length L and width w is 2 L long, and its area w L.
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    outline = np.hypot(np.diff(padded, axis=1)[:, :, 1:], np.diff(padded, axis=2)[:, 1:]).sum(axis=(1, 2))
    drawn = outline > 0.0
    widths = 2.0 * images.sum(axis=(1, 2))[drawn] / outline[drawn]
    return Hand(
        share=max(_SMALLEST_SHARE, float(np.median(np.max(sides, axis=0)))),
        width=float(np.median(widths)) if len(widths) else 2.0,
        dark=dark,
    )


class Drawings:
    """The drawn task that a run shows in its demonstration task's place, if any, the generated one that it showed last, and the hand of
    the images.
    """

    def __init__(self) -> None:
        self.task: OwnTask | None = None
        self.generated: ImageFit | None = None
        self.hand: Hand | None = None

    def look(self, fit: Fit | None) -> None:
        """Keep a generated task. The first one's hand stays, so that the same strokes stay the same image."""
        if not isinstance(fit, ImageFit) or not fit.class_names:
            return
        self.hand = self.hand or hand(fit)
        self.generated = fit

    def leave(self, old: RunConfig, new: RunConfig) -> None:
        """Forget what a run with another set-up cannot use."""
        if (old.image_shape, old.num_outputs) != (new.image_shape, new.num_outputs):
            self.task = None
        if old.tasks != new.tasks:
            self.generated = self.hand = None

    def example(self) -> dict[str, Any]:
        """Images of the generated task to start from, as the page takes them: `own_task` with all channels.

        Raises:
            ValueError: There is none.
        """
        fit = self.generated
        if fit is None:
            raise ValueError("there are no images to copy yet; try again in a moment")
        found: Counter[int] = Counter()
        support: list[list[Any]] = []
        for label, image in zip(fit.support_labels.tolist(), fit.support_images, strict=True):
            found[label] += 1
            if label < MAX_CLASSES and found[label] <= MAX_EXAMPLES:
                support.append([label, _text(image)])
        first = [int(np.flatnonzero(fit.query_labels == label)[0]) for label in range(min(MAX_QUERY, max(found) + 1))]
        return {"support": support, "query": [_text(fit.query_images[i]) for i in first]}


def own_task(message: Mapping[str, Any], config: RunConfig) -> OwnTask:
    """The task of a page's message: `support` has pairs of a label and an image, `query` images; an image is base64 of its bytes, of all its
    channels or of one for all.

    Raises:
        ValueError: It is not such a task, or none that the run's network can take.
        KeyError: It lacks one of the two.
    """
    shape = config.image_shape
    if shape is None:
        raise ValueError("this run's tasks are not of images; choose one whose are to draw your own")
    support, query = message["support"], message["query"]
    if not (isinstance(support, list) and isinstance(query, list)):
        raise ValueError("a drawn task needs a list of support images and a list of query images; reload the page")
    if not 1 <= len(query) <= MAX_QUERY:
        raise ValueError(f"{len(query)} query images are drawn; draw 1 to {MAX_QUERY}")
    if len(support) > MAX_CLASSES * MAX_EXAMPLES:
        raise ValueError(
            f"{len(support)} examples are drawn; draw at most {MAX_CLASSES} classes of {MAX_EXAMPLES} examples"
        )
    pairs = [_pair(entry) for entry in support]
    labels = [label for label, _ in pairs]
    _check_labels(labels, config.num_outputs)
    return OwnTask(
        support_images=np.stack([_image(text, shape) for _, text in pairs]),
        support_labels=np.array(labels, dtype=np.int64),
        query_images=np.stack([_image(text, shape) for text in query]),
    )


def _pair(entry: Any) -> tuple[int, Any]:
    if not (isinstance(entry, list) and len(entry) == 2):
        raise ValueError("every support image needs its class; reload the page")
    label, text = entry
    if isinstance(label, bool) or not isinstance(label, int) or not 0 <= label < MAX_CLASSES:
        raise ValueError(f"{str(label)[:20]!r} is no class; classes are 0 to {MAX_CLASSES - 1}")
    return label, text


def _check_labels(labels: list[int], ways: int) -> None:
    counts = Counter(labels)
    if sorted(counts) != list(range(len(counts))):
        raise ValueError("a class before the last has no drawing; reload the page")
    if len(counts) < 2:
        raise ValueError(f"{'only one' if counts else 'no'} class has a drawing; draw examples of at least 2")
    if len(counts) > ways:
        raise ValueError(f"{len(counts)} classes are drawn and this network tells {ways} apart; remove some")
    if max(counts.values()) > MAX_EXAMPLES:
        raise ValueError(f"a class has {max(counts.values())} examples; draw at most {MAX_EXAMPLES}")


def _image(text: Any, shape: tuple[int, int, int]) -> Bytes:
    channels, height, width = shape
    try:
        pixels = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):  # not base64, or not even ASCII
        pixels = b""
    image = np.frombuffer(pixels, dtype=np.uint8)
    if image.size == height * width:
        return np.tile(image, channels)
    if image.size != channels * height * width:
        raise ValueError(f"a drawing is not an image of {height} x {width} pixels; reload the page")
    return image


def answer(fit: Fit | None, num_inner_steps: int) -> dict[str, Any] | None:
    """What theta_0..theta_K say about the drawn query images, [Q][K + 1][classes], and the class that theta_0 answers to every drawing, if it
    does; None where the fit is of no drawn task.
    """
    if not isinstance(fit, ImageFit) or fit.class_names:
        return None
    probabilities = fit.query_probabilities
    before = np.concatenate([fit.support_probabilities[0], fit.query_probabilities[0]])
    said = np.unique(before.argmax(axis=1))
    return {
        "always": int(said[0]) if len(said) == 1 and np.isfinite(before).all() else None,
        "num_inner_steps": min(num_inner_steps, len(probabilities) - 1),
        "probabilities": [_plain(probabilities[:, query]) for query in range(probabilities.shape[1])],
    }


def _plain(values: Floats) -> list[list[float | None]]:
    return [[round(p, 4) if math.isfinite(p) else None for p in row] for row in values.tolist()]


def _text(image: Bytes) -> str:
    return base64.b64encode(image.tobytes()).decode()
