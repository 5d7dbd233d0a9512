"""A problem: the task family, the model and the loss that a config names, ready to compute with."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from maml_core.config import ModelConfig, RunConfig, TaskConfig
from maml_core.datasets.trained import TrainedImages
from maml_core.losses import Loss, accuracy, cross_entropy, mse
from maml_core.models import Model, build_model
from maml_core.rng import Stream
from maml_core.tasks import TaskFamily, build_family, images_of
from maml_core.tasks.pool import kept_images
from maml_core.types import Params, Tasks


class Named(NamedTuple):
    """What `build_problem` has built, and the settings that name it."""

    tasks: TaskConfig
    model: ModelConfig
    parts: tuple[TaskFamily, Model, Loss, Loss | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is learned and with what. Give your own to `runs.init_run` and `runs.advance` to use any model or task family."""

    family: TaskFamily
    model: Model
    loss: Loss = mse
    accuracy: Loss | None = None
    """Share of right predictions of each task, where tasks are of classes."""
    device: torch.device = torch.device("cpu")
    """Where tasks, parameters and all that is computed of them lie."""
    named: Named | None = field(default=None, repr=False, compare=False)
    """From `build_problem`; None in a problem of your own."""
    trained: TrainedImages | None = None
    """The images of the run that it was built for, where a new run would not split them like this."""

    def is_of(self, config: RunConfig) -> bool:
        """Whether a config's settings name this problem whole. They name neither one of your own nor one of which you changed a part."""
        if self.named is None:
            return False
        parts = (self.family, self.model, self.loss, self.accuracy)
        settings = (self.named.tasks, self.named.model)
        return settings == (config.tasks, config.model) and all(
            part is built for part, built in zip(parts, self.named.parts, strict=True)
        )

    def draw_tasks(
        self,
        *,
        seed: int,
        stream: Stream,
        index: int = 0,
        num_tasks: int,
        shots: int,
        num_query: int,
        dtype: torch.dtype,
    ) -> Tasks:
        """Tasks of the family; see `TaskFamily.draw_tasks`."""
        drawn = self.family.draw_tasks(
            seed=seed, stream=stream, index=index, num_tasks=num_tasks, shots=shots, num_query=num_query, dtype=dtype
        )
        return drawn.to(self.device)

    def probe_inputs(self, num_points: int, dtype: torch.dtype) -> Tensor:
        """Inputs that cover what the family draws, [1, num_points, inputs]."""
        return self.family.probe_inputs(num_points, dtype).to(self.device)

    def initial_theta(self, seed: int, dtype: torch.dtype) -> Params:
        """The model's initial weights, one lane."""
        return {name: value.to(self.device) for name, value in self.model.init(seed, dtype).items()}


def build_problem(config: RunConfig, device: str = "cpu", trained: TrainedImages | None = None) -> Problem:
    """The problem that a config names, on a device by PyTorch's name of it.

    Args:
        config: Of the run.
        device: Where it is computed.
        trained: The images of a saved run, where it has any: they must be there, and are split as they were.

    Raises:
        DataError: The images are not there, or not those that the run was trained on.
    """
    about = (config.tasks, config.model, config.image_shape, device, kept_images(config.tasks))
    usual = _problem(*about, None)
    if trained is None or images_of(usual.family) == trained:
        return usual
    return _problem(*about, trained)


@lru_cache(maxsize=16)
def _problem(
    tasks: TaskConfig,
    model: ModelConfig,
    image_shape: tuple[int, int, int] | None,
    device: str,
    _kept: tuple[int, int, int] | None,
    trained: TrainedImages | None,
) -> Problem:
    family = build_family(tasks, trained)
    network = build_model(model, num_inputs=family.num_inputs, num_outputs=family.num_outputs, image_shape=image_shape)
    loss, right = (mse, None) if image_shape is None else (cross_entropy, accuracy)
    return Problem(
        family=family,
        model=network,
        loss=loss,
        accuracy=right,
        device=torch.device(device),
        named=Named(tasks, model, (family, network, loss, right)),
        trained=trained,
    )


def torch_dtype(config: RunConfig) -> torch.dtype:
    """The config's floating-point type."""
    return torch.float64 if config.dtype == "float64" else torch.float32


def try_drawing(config: RunConfig, problem: Problem) -> None:
    """See that the tasks of a set-up can be drawn, those of training and those that the curves are measured on, before anything is kept.

    Raises:
        ConfigError: There are too few classes, or too few images of one.
        DataError: There are no images.
    """
    for stream in (Stream.TRAINING_TASKS, Stream.HELD_OUT_TASKS):
        problem.draw_tasks(
            seed=config.tasks_seed,
            stream=stream,
            num_tasks=1,
            shots=config.shots,
            num_query=config.num_query,
            dtype=torch_dtype(config),
        )


def training_tasks(config: RunConfig, problem: Problem, step: int) -> Tasks:
    """The tasks of one outer step: a function of (tasks_seed, step) and the shapes asked for."""
    return problem.draw_tasks(
        seed=config.tasks_seed,
        stream=Stream.TRAINING_TASKS,
        index=step,
        num_tasks=config.meta_batch_size,
        shots=config.shots,
        num_query=config.num_query,
        dtype=torch_dtype(config),
    )


def held_out_tasks(
    config: RunConfig, problem: Problem, num_tasks: int | None = None, *, stream: Stream = Stream.HELD_OUT_TASKS
) -> Tasks:
    """The evaluation tasks: a function of `evaluation_seed`, the stream (which names the split) and the shapes asked for, drawn once and
    kept.
    """
    return _held_out(
        problem.family,  # type: ignore[arg-type]  # a Protocol does not say that its members hash, as every plain object does
        config.evaluation_seed,
        stream,
        num_tasks or config.evaluation_tasks,
        config.shots,
        config.num_query,
        torch_dtype(config),
        problem.device,
    )


@lru_cache(maxsize=16)
def _held_out(
    family: TaskFamily,
    seed: int,
    stream: Stream,
    num_tasks: int,
    shots: int,
    num_query: int,
    dtype: torch.dtype,
    device: torch.device,
) -> Tasks:
    drawn = family.draw_tasks(
        seed=seed,
        stream=stream,
        num_tasks=num_tasks,
        shots=shots,
        num_query=num_query,
        dtype=dtype,
    )
    return drawn.to(device)
