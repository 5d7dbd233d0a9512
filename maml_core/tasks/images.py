"""Few-shot classification of images: a source draws the images, this family makes tasks of them.

An image is a flat row of its channels' rows, so that every model takes it: x [B, points, channels * height * width], from 0 (paper) to
1 (ink). Targets are one-hot, [B, points, ways].
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from maml_core.datasets.imageset import Split
from maml_core.records import Ints
from maml_core.rng import Stream
from maml_core.tasks.family import SPLITS
from maml_core.types import Examples, Tasks

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
    ) -> DrawnImages:
        """The images of a batch of tasks, which depend on (seed, stream, index) alone.

        The classes of a task are distinct and in random order, which is what permutes its labels. Support and query share no image.
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
        """ln(ways) too: labels are permuted from task to task, so without adaptation nothing is better than guessing."""
        return self.zero_level()

    def _examples(self, images: Pixels, dtype: torch.dtype) -> Examples:
        num_tasks, per_class, ways, inputs = images.shape
        x = torch.tensor(np.ascontiguousarray(images)).view(num_tasks, per_class * ways, inputs).to(dtype)
        labels = torch.eye(ways, dtype=dtype).repeat(per_class, 1)
        return Examples(x / 255.0 if images.dtype == np.uint8 else x, labels.expand(num_tasks, -1, -1).contiguous())
