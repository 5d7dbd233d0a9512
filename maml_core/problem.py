"""A problem: the task family, the model and the loss that a config names, ready to compute with."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from maml_core.config import ModelConfig, PythonConfig, RunConfig, TaskConfig, at_test, check_is_config
from maml_core.datasets.trained import TrainedImages
from maml_core.errors import ConfigError, StateError
from maml_core.families.own import need_of_code
from maml_core.inner_optimizers import InnerOptimizer
from maml_core.losses import Loss, accuracy, cross_entropy, mse, per_task
from maml_core.models import Model, build_model
from maml_core.rng import Stream
from maml_core.tasks import FewShotImages, Regression, TaskFamily, build_family, images_of
from maml_core.tasks.family import SPLITS
from maml_core.tasks.pool import kept_images
from maml_core.types import Params, Tasks, as_tasks

DRAWN_POINTS = 2**16
"""Support and query points that are drawn at once, where those of several outer steps are: they are to stay in the processor's cache."""


class Named(NamedTuple):
    """What `build_problem` has built, and the settings that name it."""

    tasks: TaskConfig
    model: ModelConfig
    parts: tuple[TaskFamily, Model, Loss, Loss | None, TaskFamily | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is learned and with what. Give your own to `runs.init_run` and `runs.advance` to use any model or task family.

    >>> from torch import nn
    >>> from maml_core import ModuleModel, RunConfig, build_problem, replay
    >>> family = build_problem(RunConfig()).family
    >>> net = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    >>> problem = Problem(family=family, model=ModuleModel(net), loss=nn.HuberLoss())
    >>> replay(RunConfig(), [], num_steps=2, problem=problem)[1].step
    2

    Raises:
        TypeError: A family or a model that lacks something of `TaskFamily` or `Model`, or a loss that cannot be called.
    """

    family: TaskFamily
    model: Model
    """A network of the engine, or ``ModuleModel(module)`` of any `torch.nn.Module`."""
    loss: Loss = mse
    """Any loss of predictions and targets; see `losses.per_task`."""
    accuracy: Loss | None = None
    """Share of right predictions of each task, where tasks are of classes."""
    held_out: TaskFamily | None = None
    """Where held-out tasks are drawn from, if not from `family`."""
    inner_optimizer: InnerOptimizer | None = None
    """What the inner loop makes of a gradient before it steps along it (`inner_optimizers`); None for plain steps."""
    device: torch.device = torch.device("cpu")
    """Where tasks, parameters and all that is computed of them lie."""
    named: Named | None = field(default=None, repr=False, compare=False)
    """From `build_problem`; None in a problem of your own."""
    trained: TrainedImages | None = None
    """The images of the run that it was built for, where a new run would not split them like this."""

    def is_of(self, config: RunConfig) -> bool:
        """Whether a config's settings name this problem whole. They name neither one of your own nor one of which you changed a part."""
        if self.named is None or self.inner_optimizer is not None:
            return False
        parts = (self.family, self.model, self.loss, self.accuracy, self.held_out)
        settings = (self.named.tasks, self.named.model)
        return settings == (config.tasks, config.model) and all(
            part is built for part, built in zip(parts, self.named.parts, strict=True)
        )

    def __post_init__(self) -> None:
        for name, family in (("family", self.family), ("held_out", self.at_test)):
            _check_member(name, family, ("draw_tasks", "probe_inputs", "zero_level", "non_adapting_level"))
        model: object = self.model
        if isinstance(model, nn.Module) and not hasattr(model, "statistics"):
            raise TypeError(f"model is a bare torch.nn.Module, a {type(model).__name__}; give ModuleModel(module)")
        _check_member("model", self.model, ("init", "apply", "statistics", "is_dead"))
        for name in ("loss", "accuracy"):
            judge = getattr(self, name)
            if name == "accuracy" and judge is None:
                continue
            if isinstance(judge, type) or not callable(judge):
                raise TypeError(
                    f"{name} = {judge!r}: a function of predictions and targets is expected, such as nn.HuberLoss()"
                )
            object.__setattr__(self, name, per_task(judge))

    @property
    def at_test(self) -> TaskFamily:
        """The family of held-out tasks."""
        return self.family if self.held_out is None else self.held_out

    def family_of(self, stream: Stream) -> TaskFamily:
        """The family that a stream's tasks are of."""
        return self.family if SPLITS[stream] == "meta_train" else self.at_test

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
        dtype: torch.dtype,
    ) -> Tasks:
        """Tasks of the family that a stream's tasks are of; see `TaskFamily.draw_tasks`."""
        family = self.family_of(stream)
        drawn = family.draw_tasks(
            seed=seed,
            stream=stream,
            index=index,
            num_tasks=num_tasks,
            shots=shots,
            num_query=num_query,
            dtype=dtype,
            **({} if among is None else {"among": among}),
        )
        return as_tasks(drawn).to(self.device)

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
        dtype: torch.dtype,
    ) -> Iterator[Tasks]:
        """What `draw_tasks` gives for each index: at once where the family can, otherwise each when it is asked for."""
        about: dict[str, Any] = {
            **{"seed": seed, "stream": stream, "dtype": dtype},
            **{"num_tasks": num_tasks, "shots": shots, "num_query": num_query},
            **({} if among is None else {"among": among}),
        }
        family = self.family_of(stream)
        # A family of one's own may say otherwise how it draws its tasks.
        if not isinstance(family, Regression) or type(family).draw_tasks is not Regression.draw_tasks:
            for index in indices:
                yield self.draw_tasks(index=index, **about)
            return
        drawn = family.draw_batches(indices=indices, **about)
        as_tasks(drawn[0])
        for tasks in drawn:
            yield tasks if self.device.type == "cpu" else tasks.to(self.device)

    def probe_inputs(self, num_points: int, dtype: torch.dtype) -> Tensor:
        """Inputs that cover what the family draws, [1, num_points, inputs]."""
        return self.family.probe_inputs(num_points, dtype).to(self.device)

    def initial_theta(self, seed: int, dtype: torch.dtype) -> Params:
        """The model's initial weights, one lane."""
        return {name: value.to(self.device) for name, value in self.model.init(seed, dtype).items()}


def _check_member(name: str, value: object, methods: tuple[str, ...]) -> None:
    if isinstance(value, type):
        raise TypeError(f"{name} is the class {value.__name__}; give an object made of it: {value.__name__}(...)")
    if lacking := [method for method in methods if not callable(getattr(value, method, None))]:
        raise TypeError(
            f"{name} is a {type(value).__name__}, which lacks {', '.join(lacking)}; it needs {', '.join(methods)}"
        )


Signature = Mapping[str, tuple[tuple[int, ...], torch.dtype]]
"""Shape and floating-point type of each parameter, by name."""


@lru_cache(maxsize=16)
def _signature(model: Model, dtype: torch.dtype) -> Signature:
    return signature_of(model.init(0, dtype))


def signature_of(theta: Params) -> Signature:
    """Names, shapes and types of parameters."""
    return {name: (tuple(value.shape), value.dtype) for name, value in theta.items()}


def check_parameters(theta: Params, problem: Problem, dtype: torch.dtype) -> None:
    """See that parameters are those of a problem's model.

    Raises:
        StateError: Their names, shapes or types differ.
    """
    wanted = _signature(problem.model, dtype)  # type: ignore[arg-type]  # a Protocol does not say that its members hash, as every plain object does
    found = signature_of(theta)
    if found == wanted:
        return
    raise StateError(
        f"the run state holds another model: its parameters are {_in_words(found, wanted)}, needed are {_in_words(wanted, found)}. "
        "A run with a model of its own needs its Problem at every call: problem=..."
    )


def _in_words(one: Signature, other: Signature) -> str:
    """The parameters of one model that another has not; the first few, where there are many."""
    own = [(name, *kind) for name, kind in one.items() if kind != other.get(name)]
    words = [f"{name} {list(shape)} {str(dtype).removeprefix('torch.')}" for name, shape, dtype in own]
    more = f" and {len(words) - 4} more" if len(words) > 4 else ""
    return ", ".join(words[:4]) + more if words else "these without some"


def build_problem(config: RunConfig, device: str = "cpu", trained: TrainedImages | None = None) -> Problem:
    """The problem that a config names, on a device by PyTorch's name of it.

    Args:
        config: Of the run.
        device: Where it is computed.
        trained: The images of a saved run, where it has any: they must be there, and are split as they were.

    Raises:
        DataError: The images are not there, or not those that the run was trained on.
        ConfigError: `config` is none, or its tasks are Python code, which is never imported for what a config says.

    >>> from maml_core import RunConfig
    >>> type(build_problem(RunConfig()).model).__name__
    'MLP'
    """
    check_is_config(config)
    if isinstance(config.tasks, PythonConfig):
        raise ConfigError("problem", None, need_of_code(config.tasks))
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
    held_out = None if at_test(tasks) == tasks else build_family(at_test(tasks), trained)
    network = build_model(model, num_inputs=family.num_inputs, num_outputs=family.num_outputs, image_shape=image_shape)
    loss, right = (mse, None) if image_shape is None else (cross_entropy, accuracy)
    return Problem(
        family=family,
        model=network,
        loss=loss,
        accuracy=right,
        held_out=held_out,
        device=torch.device(device),
        named=Named(tasks, model, (family, network, loss, right, held_out)),
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


def check_draws_tasks(config: RunConfig, problem: Problem) -> None:
    """See that a problem's family can draw the training tasks that a config asks for.

    Raises:
        ConfigError: A fixed number of tasks is asked for, of a family or a source of images that draws without end only.
    """
    if config.num_training_tasks is None:
        return
    family = problem.family
    drawing: list[Any] = [family.draw_tasks, *([family.source.draw] if isinstance(family, FewShotImages) else [])]
    for draw in drawing:
        if "among" not in inspect.signature(draw).parameters:
            accepted = (
                f"none: {draw.__qualname__} takes no `among`, so it draws tasks without end; add it, or leave this out"
            )
            raise ConfigError("num_training_tasks", config.num_training_tasks, accepted)


def training_tasks(config: RunConfig, problem: Problem, step: int) -> Tasks:
    """The tasks of one outer step: a function of (tasks_seed, step), the number of different ones and the shapes asked for."""
    (tasks,) = tasks_of_steps(config, problem, (step,))
    return tasks


def tasks_of_steps(config: RunConfig, problem: Problem, steps: Sequence[int]) -> Iterator[Tasks]:
    """The `training_tasks` of some outer steps, one after the other."""
    points = config.meta_batch_size * (config.shots + config.num_query)
    at_once = max(1, DRAWN_POINTS // points)
    for first in range(0, len(steps), at_once):
        yield from problem.draw_batches(
            seed=config.tasks_seed,
            stream=Stream.TRAINING_TASKS,
            indices=steps[first : first + at_once],
            num_tasks=config.meta_batch_size,
            shots=config.shots,
            num_query=config.num_query,
            among=config.num_training_tasks,
            dtype=torch_dtype(config),
        )


def held_out_tasks(
    config: RunConfig, problem: Problem, num_tasks: int | None = None, *, stream: Stream = Stream.HELD_OUT_TASKS
) -> Tasks:
    """The evaluation tasks: a function of `evaluation_seed`, the stream (which names the split) and the shapes asked for, drawn once and
    kept.
    """
    return _held_out(
        problem.at_test,  # type: ignore[arg-type]  # a Protocol does not say that its members hash, as every plain object does
        config.evaluation_seed,
        stream,
        config.evaluation_tasks if num_tasks is None else num_tasks,
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
    return as_tasks(drawn).to(device)


def demonstration_task(config: RunConfig, problem: Problem, draw: int = 0) -> Tasks:
    """The demonstration task of a numbered draw, one task."""
    shape = config.shots, config.num_query, torch_dtype(config)
    return _demonstration(problem, config.evaluation_seed, draw, *shape)


@lru_cache(maxsize=64)
def _demonstration(problem: Problem, seed: int, index: int, shots: int, num_query: int, dtype: torch.dtype) -> Tasks:
    """A demonstration task, which every look at it shows again."""
    return problem.draw_tasks(
        seed=seed,
        stream=Stream.DEMO_TASK,
        index=index,
        num_tasks=1,
        shots=shots,
        num_query=num_query,
        dtype=dtype,
    )
