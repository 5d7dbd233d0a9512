"""Few-shot classification of images: a source draws the images, this family makes tasks of them.

An image is a flat row of its channels' rows, so that every model takes it: x [B, points, channels * height * width], from 0 (paper) to
1 (ink). Targets are one-hot, [B, points, ways].
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from maml_core.datasets.imageset import Split
from maml_core.families.images import Labels
from maml_core.records import Ints
from maml_core.rng import NUMBERING, Stream, generator
from maml_core.tasks.family import SPLITS, which_of
from maml_core.types import Examples, Tasks

Chances = npt.NDArray[np.float64]

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.float32]
"""Bytes from 0 to 255, or numbers from 0 to 1."""


class DrawnImages(NamedTuple):
    """The images of T tasks."""

    support: Pixels
    """[T, shots, ways, channels * height * width]"""
    query: Pixels
    """[T, num_query, ways, channels * height * width]"""
    classes: Ints
    """Which class of the source each label of a task is, [T, ways]."""


class _DrawsClasses(Protocol):
    """A source that draws classes apart from their images."""

    labels: Labels

    def draw_classes(self, *, seed: int, stream: Stream, index: int, split: Split, num_tasks: int, ways: int) -> Ints:
        """Classes of each task in the order of their labels, [num_tasks, ways]; fewer tasks are a prefix of more."""
        ...


def are_fixed(labels: Labels, stream: Stream) -> bool:
    """Whether a class has the same label in all tasks of a stream: in none but training's."""
    return labels == "fixed" and stream is Stream.TRAINING_TASKS


def one_of_each(chance: Chances, number: int) -> Ints:
    """One of the numbers below `number` for each label, [T, ways], by chances in 0..1 of this shape: c has the label c % ways in every task."""
    labels = np.arange(chance.shape[1])
    of_each = (number - labels - 1) // len(labels) + 1
    return (chance * of_each).astype(np.int64) * len(labels) + labels


def classes_of(
    source: _DrawsClasses,
    *,
    seed: int,
    stream: Stream,
    index: int,
    split: Split,
    num_tasks: int,
    ways: int,
    among: int | None,
) -> Ints:
    """The classes of each task, [num_tasks, ways]. A task that is one of a fixed number has its classes, numbered anew where
    labels are not fixed.
    """
    if among is None:
        return source.draw_classes(seed=seed, stream=stream, index=index, split=split, num_tasks=num_tasks, ways=ways)
    which = which_of(among, seed=seed, stream=stream, index=index, num_tasks=num_tasks)
    first = _first_classes(source, seed, stream, split, among, ways)  # type: ignore[arg-type]  # a Protocol does not say that its members hash, as every plain object does
    classes = first[which]
    if are_fixed(source.labels, stream):
        return classes
    order = generator(seed, stream, index, NUMBERING).random((num_tasks, ways)).argsort(axis=1)
    return np.take_along_axis(classes, order, axis=1)


@lru_cache(maxsize=8)
def _first_classes(source: _DrawsClasses, seed: int, stream: Stream, split: Split, count: int, ways: int) -> Ints:
    """The classes of the tasks that a fixed number of them are, [count, ways]."""
    return source.draw_classes(seed=seed, stream=stream, index=0, split=split, num_tasks=count, ways=ways)


class ImageSource(Protocol):
    """Where images of classes come from."""

    image_shape: tuple[int, int, int]
    """Channels, height, width."""

    def num_classes(self, split: Split) -> int | None:
        """Classes of a split; None where they are without number."""
        ...

    def class_names(self, classes: Ints) -> tuple[str, ...]:
        """What people call these classes."""
        ...

    def draw(
        self,
        *,
        seed: int,
        stream: Stream,
        index: int,
        split: Split,
        num_tasks: int,
        ways: int,
        shots: int,
        num_query: int,
        among: int | None = None,
    ) -> DrawnImages:
        """The images of a batch of tasks, which depend on (seed, stream, index) alone; `among` as in `TaskFamily.draw_tasks`.

        The classes of a task are distinct and in the order of its labels: a random one, unless the source keeps labels fixed. Support and query share no image.
        Fewer shots, or query images, are a prefix of more; changing one never moves the other.
        """
        ...


class FewShotImages:
    """N-way K-shot tasks (Finn et al. 2017, section 5.2): `shots` support and `num_query` query images of each of `ways` classes."""

    def __init__(self, source: ImageSource, *, ways: int) -> None:
        self.source = source
        self.image_shape = source.image_shape
        self.num_inputs = math.prod(source.image_shape)
        self.num_outputs = ways

    def draw_tasks(
        self,
        *,
        seed: int,
        stream: Stream,
        index: int = 0,
        num_tasks: int,
        shots: int,
        num_query: int,
        among: int | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Tasks:
        """Tasks as `TaskFamily` promises them, of the classes of the stream's split: support [T, shots * ways, inputs], shot by shot,
        and query [T, num_query * ways, inputs]. `parameters` are the classes, [T, ways].
        """
        drawn = self.source.draw(
            seed=seed,
            stream=stream,
            index=index,
            split=SPLITS[stream],
            num_tasks=num_tasks,
            ways=self.num_outputs,
            shots=shots,
            num_query=num_query,
            **({} if among is None else {"among": among}),
        )
        return Tasks(
            support=self._examples(drawn.support, dtype),
            query=self._examples(drawn.query, dtype),
            parameters=torch.tensor(drawn.classes),
        )

    def probe_inputs(self, num_points: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Images of training classes, [1, num_points, inputs]."""
        num_tasks = math.ceil(num_points / self.num_outputs)
        tasks = self.draw_tasks(seed=0, stream=Stream.PROBE, num_tasks=num_tasks, shots=1, num_query=1, dtype=dtype)
        return tasks.support.x.reshape(1, -1, self.num_inputs)[:, :num_points]

    def zero_level(self) -> float:
        """ln(ways): every class equally likely."""
        return math.log(self.num_outputs)

    def non_adapting_level(self) -> float:
        """ln(ways) too: labels of held-out tasks are permuted from task to task, so without adaptation nothing is better than guessing."""
        return self.zero_level()

    def _examples(self, images: Pixels, dtype: torch.dtype) -> Examples:
        num_tasks, per_class, ways, inputs = images.shape
        x = torch.tensor(np.ascontiguousarray(images)).view(num_tasks, per_class * ways, inputs).to(dtype)
        labels = torch.eye(ways, dtype=dtype).repeat(per_class, 1)
        return Examples(x / 255.0 if images.dtype == np.uint8 else x, labels.expand(num_tasks, -1, -1).contiguous())
