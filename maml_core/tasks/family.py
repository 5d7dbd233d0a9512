"""What every task family offers, and what the regression families share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from maml_core.datasets.imageset import Split
from maml_core.levels import Measured, Numbers, measured
from maml_core.records import Ints
from maml_core.rng import WHICH, Rewound, Stream, generator
from maml_core.types import Examples, Tasks

SPLITS: Mapping[Stream, Split] = {
    Stream.TRAINING_TASKS: "meta_train",
    Stream.HELD_OUT_TASKS: "meta_validation",
    Stream.DEMO_TASK: "meta_validation",
    Stream.PROBE: "meta_train",
    Stream.TEST_TASKS: "meta_test",
}
"""The split whose classes the tasks of a stream have. Regression families have one distribution, and no classes to hold out."""

ALIGNMENT = 64
"""Bytes to which torch aligns the memory of a tensor: sums must not depend on where a buffer happens to lie."""


def which_of(among: int, *, seed: int, stream: Stream, index: int, num_tasks: int) -> Ints:
    """Which of a fixed number of tasks each of these is, [num_tasks]: one as likely as another, and the same one may come twice."""
    return (generator(seed, stream, index, WHICH).random(num_tasks) * among).astype(np.int64)


class TaskFamily(Protocol):
    """A distribution over tasks."""

    num_inputs: int
    num_outputs: int

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
        """Draw a batch of tasks that depends on (seed, stream, index) alone.

        With `among`, each is one of the first so many tasks of (seed, stream), which are the same at every index, with new points; fewer
        are a prefix of more. A family that does not take it has tasks without end only.

        Fewer shots (or query points) are a prefix of more, and support and query points come from separate draws, so changing one
        never moves the other. Tensors lie in memory of torch's own alignment: sums must not depend on where a buffer happens to lie.

        Returns:
            T tasks, support [T, K, ...] and query [T, M, ...]: K points are `shots`, or so many of each class.
        """
        ...

    def probe_inputs(self, num_points: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Inputs that cover what the family draws, [1, num_points, inputs]; always the same."""
        ...

    def zero_level(self) -> float:
        """Expected loss of the predictor that always says 0: for classes, of guessing."""
        ...

    def non_adapting_level(self) -> float:
        """Expected loss of the best predictor that is the same for every task: a floor for the loss before adaptation."""
        ...


class Regression(ABC):
    """A family of functions y = f(x) with x drawn uniformly; a family of one's own says what f is, and its levels where it knows them."""

    num_inputs: int
    num_outputs: int
    input_range: tuple[float, float]
    noise_std: float
    is_pointwise = False
    """Whether `target` gives each number from one x and its task's parameters alone, so that it comes out the same to the bit whatever is
    computed with it: then those of many batches are computed at once."""

    @abstractmethod
    def draw_parameters(self, rng: np.random.Generator, num_tasks: int) -> Numbers:
        """What defines each task, [T, ...]. The first tasks are the same whatever `num_tasks` is."""

    @abstractmethod
    def target(self, parameters: Tensor, x: Tensor) -> Tensor:
        """The noise-free target at x [T, points, inputs] of tasks given by `parameters` [T, ...]: [T, points, outputs]."""

    def zero_level(self) -> float:
        """Expected squared error of the predictor that always says 0; measured, where a family has no closed form."""
        return self._measured.zero

    def non_adapting_level(self) -> float:
        """Expected squared error of the best predictor that is the same for every task; measured likewise."""
        return self._measured.non_adapting

    @cached_property
    def _measured(self) -> Measured:
        def target(parameters: Numbers, x: Numbers) -> Numbers:
            values: Numbers = self.target(torch.tensor(parameters), torch.tensor(x)).double().numpy()
            return values

        return measured(self.draw_parameters, target, self.input_range, self.noise_std, num_inputs=self.num_inputs)

    def probe_inputs(self, num_points: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """A grid over the range for one input, fixed random points for more, [1, num_points, inputs]."""
        low, high = self.input_range
        if self.num_inputs == 1:
            return torch.linspace(low, high, num_points, dtype=dtype).view(1, -1, 1)
        points = generator(0, Stream.PROBE).random((1, num_points, self.num_inputs))
        return torch.tensor(low + (high - low) * points, dtype=dtype)

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
        """Tasks as `TaskFamily` promises them, with support [T, shots, inputs] and query [T, num_query, inputs]."""
        (tasks,) = self.draw_batches(
            seed=seed,
            stream=stream,
            indices=(index,),
            num_tasks=num_tasks,
            shots=shots,
            num_query=num_query,
            among=among,
            dtype=dtype,
        )
        return tasks

    def draw_batches(
        self,
        *,
        seed: int,
        stream: Stream,
        indices: Sequence[int],
        num_tasks: int,
        shots: int,
        num_query: int,
        among: int | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> list[Tasks]:
        """What `draw_tasks` gives for each index, to the bit, in less time than one after the other."""
        low, high = self.input_range
        draws = Rewound(seed, stream)

        def numbers(part: int, points: int, width: int, draw: Literal["random", "standard_normal"]) -> Numbers:
            """[batches, points, T, width]"""
            # Points lead, so that fewer points are a prefix.
            found = np.empty((len(indices), points, num_tasks, width))
            for row, index in zip(found, indices, strict=True):
                getattr(draws.at(index, part), draw)(out=row)
            return found

        def inputs(part: int, points: int) -> Tensor:
            found = numbers(part, points, self.num_inputs, "random")
            found *= high - low
            found += low
            return apart(torch.from_numpy(found).transpose(1, 2), dtype)

        def targets(x: Tensor, part: int) -> Tensor:
            exact = self._targets(parameters, x)
            if self.noise_std == 0.0:
                return exact
            noise = torch.from_numpy(numbers(part, x.shape[2], self.num_outputs, "standard_normal"))
            return exact.add_(noise.transpose(1, 2).to(dtype).mul_(self.noise_std))

        if among is None:
            drawn = [self.draw_parameters(draws.at(index, 0), num_tasks) for index in indices]
        else:
            first = _first_parameters(self, seed, stream, among)
            which = (which_of(among, seed=seed, stream=stream, index=index, num_tasks=num_tasks) for index in indices)
            drawn = [first[of] for of in which]
        parameters = apart(torch.from_numpy(np.array(drawn)), dtype)
        support_x, query_x = inputs(1, shots), inputs(2, num_query)
        parts = (support_x, targets(support_x, 3), query_x, targets(query_x, 4), parameters)
        return [
            Tasks(Examples(*of[:2]), Examples(*of[2:4]), of[4])
            for of in zip(*(part.unbind() for part in parts), strict=True)
        ]

    def _targets(self, parameters: Tensor, x: Tensor) -> Tensor:
        """The targets of batches of tasks, [batches, T, points, outputs]."""
        if not self.is_pointwise:
            return apart(torch.stack(list(map(self.target, parameters.unbind(), x.unbind()))), x.dtype)
        found = self.target(parameters.flatten(0, 1), x.flatten(0, 1))
        return apart(found.view(*x.shape[:2], *found.shape[1:]), x.dtype)


def apart(batches: Tensor, dtype: torch.dtype) -> Tensor:
    """Batches [batches, ...] in this type, each in memory that is aligned as a tensor of its own is."""
    if len(batches) == 1:
        return torch.empty(batches.shape, dtype=dtype).copy_(batches)
    flat, in_a_line = batches.flatten(1), ALIGNMENT // dtype.itemsize
    room = torch.empty(len(flat), -(-flat.shape[1] // in_a_line) * in_a_line, dtype=dtype)
    return room[:, : flat.shape[1]].copy_(flat).view(batches.shape)


@lru_cache(maxsize=8)
def _first_parameters(family: Regression, seed: int, stream: Stream, count: int) -> Numbers:
    """What defines the tasks that a fixed number of them are, [count, ...]."""
    return family.draw_parameters(generator(seed, stream), count)
