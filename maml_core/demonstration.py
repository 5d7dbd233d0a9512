"""What theta_0..theta_K say about one task: of a curve on a grid of x, of images and other examples their classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from maml_core.class_fit import ClassFit
from maml_core.config import PythonConfig, RunConfig
from maml_core.errors import ConfigError
from maml_core.first_layer import first_layer, most_moved
from maml_core.inner import Adaptation, PathForm, adapt
from maml_core.landscape import flat, floats
from maml_core.losses import Loss
from maml_core.models import Model
from maml_core.normalization import as_taken, at_step
from maml_core.problem import Problem, demonstration_task, torch_dtype, training_tasks
from maml_core.records import Bytes, Demonstration, Fit, ImageFit, OwnPoints, OwnTask, TaskFit
from maml_core.run_state import Learner, rule, training_rule
from maml_core.tasks import FewShotImages, Regression
from maml_core.types import Examples, Params, Tasks

GRID_POINTS = 121
"""Values of x at which the curves of a fit are drawn."""


def task_fit(
    config: RunConfig, learner: Learner, shown: Demonstration, problem: Problem, form: PathForm | None = None
) -> Fit | None:
    """theta_0..theta_K on a demonstration task, K the larger of N and N_eval; None for inputs that nobody can draw.

    Args:
        config: Of the run.
        learner: Whose theta_0 adapts.
        shown: The task.
        problem: Of the run.
        form: What computes the thetas where it fits.

    Raises:
        ConfigError: A task of somebody's own that does not fit the network.
    """
    family = problem.at_test
    if isinstance(config.tasks, PythonConfig):
        if config.tasks.classifies:
            return _class_fit(config, learner, shown, problem, form)
        return _own_code_fit(config, learner, shown, problem, form) if config.tasks.is_curve else None
    if isinstance(shown.own, OwnPoints) and (isinstance(family, FewShotImages) or family.num_inputs != 1):
        raise ConfigError("own", "points", "points (x, y) are a task of a family of curves over one x alone")
    if isinstance(family, FewShotImages):
        return _image_fit(config, learner, shown, problem, family)
    if isinstance(family, Regression) and family.num_inputs == 1:
        return _curve_fit(config, learner, shown, problem, family, form)
    return None


def _curve_fit(
    config: RunConfig,
    learner: Learner,
    shown: Demonstration,
    problem: Problem,
    family: Regression,
    form: PathForm | None,
) -> TaskFit:
    own = shown.own if isinstance(shown.own, OwnPoints) else None
    task = _points(own, config) if own is not None else _curve(config, shown, problem, family)
    grid = family.probe_inputs(GRID_POINTS, torch_dtype(config))
    if own is not None:
        grid = _reaching(grid, task)
    path = _followed(
        config,
        learner,
        problem,
        task.support,
        how=_rule_for(shown, config, problem, learner),
        loss=problem.loss,
        watched=grid,
        form=form,
    )
    truth = family.target(task.parameters, grid)[0, :, 0] if own is None else grid[0, :0, 0]
    kept = path.rows[: 0 if own is None else config.num_inner_steps + 1]
    return _fit_of(config, task, path, grid, truth=truth, kept=kept, loss=problem.loss)


def _own_code_fit(
    config: RunConfig, learner: Learner, shown: Demonstration, problem: Problem, form: PathForm | None
) -> TaskFit:
    """The fit of a problem of one's own with one input and one output, whose function is known where its family is a `Regression`."""
    family, task = problem.at_test, _drawn(config, shown, problem)
    grid = _reaching(family.probe_inputs(GRID_POINTS, torch_dtype(config)).to(problem.device), task)
    how = _rule_for(shown, config, problem, learner)
    path = _followed(config, learner, problem, task.support, how=how, loss=problem.loss, watched=grid, form=form)
    truth = family.target(task.parameters, grid)[0, :, 0] if isinstance(family, Regression) else grid[0, :0, 0]
    return _fit_of(config, task, path, grid, truth=truth, kept=path.rows[:0], loss=problem.loss)


def _class_fit(
    config: RunConfig, learner: Learner, shown: Demonstration, problem: Problem, form: PathForm | None
) -> ClassFit | None:
    """The fit of a problem of one's own with classes; None where its targets do not say which class a point is of."""
    assert problem.accuracy is not None, "it classifies"
    task = _drawn(config, shown, problem)
    labels = _labels(task.query.y[0], config.num_outputs)
    if labels is None:
        return None
    how = _rule_for(shown, config, problem, learner)
    path = _followed(
        config, learner, problem, task.support, how=how, loss=problem.loss, watched=task.support.x, form=form
    )
    logits = path.predictions(task.query.x)
    return ClassFit(
        num_support=task.support.x.shape[1],
        query_x=floats(task.query.x[0]),
        query_labels=labels.cpu().numpy(),
        query_probabilities=floats(functional.softmax(logits, dim=2)),
        query_accuracy=floats(path.judged(logits, task.query.y, problem.accuracy)),
        support_loss=floats(path.losses(task.support, problem.loss)),
        query_loss=floats(path.judged(logits, task.query.y, problem.loss)),
        dead=path.dead,
        vector=floats(path.rows[config.num_inner_steps] - path.rows[0]),
    )


def _labels(target: Tensor, ways: int) -> Tensor | None:
    """Which of several classes each point is of, [points], by targets that have a place for each class, or their numbers; None of others."""
    if ways < 2:
        return None
    if target.shape[1] == ways:
        return target.argmax(1)
    numbers = target[:, 0].round().long()
    is_one = target.shape[1] == 1 and bool(((numbers == target[:, 0]) & (numbers >= 0) & (numbers < ways)).all())
    return numbers if is_one else None


def _reaching(grid: Tensor, task: Tasks) -> Tensor:
    """Values of x at which curves are drawn that reach as far as these and as a task's points, [1, GRID_POINTS, 1]."""
    reached = torch.cat([grid, task.support.x, task.query.x], dim=1)
    ends = float(reached.min()), float(reached.max())
    return torch.linspace(*ends, GRID_POINTS, dtype=grid.dtype, device=grid.device).view(1, -1, 1)


def _fit_of(
    config: RunConfig, task: Tasks, path: _Path, grid: Tensor, *, truth: Tensor, kept: Tensor, loss: Loss
) -> TaskFit:
    support_loss = path.losses(task.support, loss)
    has_query = task.query.x.shape[1] > 0
    return TaskFit(
        parameters=task.parameters[0].double().numpy(),
        grid=floats(grid[0, :, 0]),
        truth=floats(truth),
        curves=floats(path.predictions(grid)[:, :, 0]),
        support_x=floats(task.support.x[0, :, 0]),
        support_y=floats(task.support.y[0, :, 0]),
        query_x=floats(task.query.x[0, :, 0]),
        query_y=floats(task.query.y[0, :, 0]),
        support_loss=floats(support_loss),
        query_loss=floats(path.losses(task.query, loss) if has_query else torch.full_like(support_loss, torch.nan)),
        dead=path.dead,
        vector=floats(path.rows[config.num_inner_steps] - path.rows[0]),
        path=floats(kept),
    )


def _curve(config: RunConfig, shown: Demonstration, problem: Problem, family: Regression) -> Tasks:
    """A generated task, perhaps with parameters of somebody's choice: the same points (and noise), another curve through them."""
    task = _drawn(config, shown, problem)
    if shown.parameters is None:
        return task
    chosen = torch.tensor([shown.parameters], dtype=torch_dtype(config))
    return Tasks(
        _moved(family, task.support, task.parameters, chosen),
        _moved(family, task.query, task.parameters, chosen),
        chosen,
    )


def _points(own: OwnPoints, config: RunConfig) -> Tasks:
    """Points of somebody's own as the network takes them."""
    support_x, support_y, query_x, query_y = (
        torch.tensor(values, dtype=torch_dtype(config)).view(1, -1, 1) for values in own[:4]
    )
    return Tasks(Examples(support_x, support_y), Examples(query_x, query_y), torch.zeros((1, 0)))


def _image_fit(
    config: RunConfig, learner: Learner, shown: Demonstration, problem: Problem, family: FewShotImages
) -> ImageFit:
    if not isinstance(shown.own, OwnTask):
        task = _drawn(config, shown, problem)
        ways, names = family.num_outputs, family.source.class_names(task.parameters[0].numpy())
    else:
        task, ways = _own(config, shown.own, problem), int(shown.own.support_labels.max()) + 1
        names = ()

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        return problem.loss(
            logits[..., :ways], target[..., :ways]
        )  # fewer classes than the head has: the others do not compete

    path = _followed(
        config,
        learner,
        problem,
        task.support,
        how=_rule_for(shown, config, problem, learner),
        loss=loss,
        watched=task.support.x,
        alone=shown.own is not None,
    )
    logits = [path.predictions(part.x) for part in (task.support, task.query)]
    of_support, of_query = (functional.softmax(each[..., :ways], dim=2) for each in logits)
    support_loss, query_loss = (
        path.judged(each, part.y, loss) for each, part in zip(logits, (task.support, task.query), strict=True)
    )
    known = task.query.y[0].sum(1) > 0
    return ImageFit(
        image_shape=family.image_shape,
        class_names=names,
        support_images=_bytes(task.support.x[0]),
        support_labels=task.support.y[0].argmax(1).numpy(),
        query_images=_bytes(task.query.x[0]),
        query_labels=torch.where(known, task.query.y[0].argmax(1), -1).numpy(),
        support_probabilities=floats(of_support),
        query_probabilities=floats(of_query),
        support_loss=floats(support_loss),
        query_loss=floats(query_loss if bool(known.all()) else torch.full_like(query_loss, torch.nan)),
        filters=most_moved(
            [first_layer(theta, family.image_shape) for theta in path.thetas], num_inner_steps=config.num_inner_steps
        ),
        dead=path.dead,
        vector=floats(path.rows[config.num_inner_steps] - path.rows[0]),
    )


class _Path(NamedTuple):
    model: Model
    thetas: list[Params]
    """theta_0..theta_K."""
    together: Params
    """All of them as the model takes them, one a row."""
    rows: Tensor
    """All parameters of each in a row, [K + 1, D]."""
    dead: bool
    """Whether theta_N is dead on the watched inputs."""

    def predictions(self, x: Tensor) -> Tensor:
        """What each theta says of inputs [1, points, inputs]: [K + 1, points, outputs]."""
        with torch.no_grad():
            return self.model.apply(self.together, self._each(x), first_order_only=True)

    def losses(self, examples: Examples, loss: Loss) -> Tensor:
        """Loss of each theta, [K + 1]."""
        return self.judged(self.predictions(examples.x), examples.y, loss)

    def judged(self, predictions: Tensor, target: Tensor, loss: Loss) -> Tensor:
        """Loss of what each theta says, where that is known already, [K + 1]."""
        return loss(predictions, self._each(target))

    def _each(self, values: Tensor) -> Tensor:
        return values.expand(len(self.thetas), *values.shape[1:])


def _followed(
    config: RunConfig,
    learner: Learner,
    problem: Problem,
    support: Examples,
    *,
    how: Adaptation,
    loss: Loss,
    watched: Tensor,
    alone: bool = False,
    form: PathForm | None = None,
) -> _Path:
    """The way of theta_0 to theta_K on one task. What is said of it is computed of all its points at once: each alone costs as much.

    Query points that are `alone` are no batch of all classes, whose own statistics batch norm could use: it takes the support's.
    """
    model = problem.model
    judged = how.normalization
    if alone and judged.treatment == "batch":
        judged = judged._replace(treatment="support")

    num_steps = max(config.num_inner_steps, config.evaluation_steps)
    found = None if form is None else form.path(learner.theta, support, how, num_steps)
    with torch.no_grad():
        found = (
            found
            or adapt(
                learner.theta,
                support,
                model=model,
                loss=loss,
                num_steps=num_steps,
                order="first",
                record=lambda _, theta: theta,
                how=how,
            ).records
        )
        thetas = [at_step(theta, step) for step, theta in enumerate(found)]
        taken = [
            as_taken(model, theta, step=step, normalization=judged, support_x=support.x, first_order_only=True)
            for step, theta in enumerate(found)
        ]
        together, rows = _together(taken), flat(_together(found))
        dead = bool(model.is_dead(thetas[config.num_inner_steps], watched)[0])
    return _Path(model, thetas, together, rows, dead)


def _together(thetas: Sequence[Params]) -> Params:
    """Parameters of one task each, [1, ...], as those of as many tasks."""
    return {name: torch.cat([theta[name] for theta in thetas]) for name in thetas[0]}


def _rule_for(shown: Demonstration, config: RunConfig, problem: Problem, learner: Learner) -> Adaptation:
    return (rule if shown.of_step is None else training_rule)(config, problem, learner)


def _drawn(config: RunConfig, shown: Demonstration, problem: Problem) -> Tasks:
    if shown.of_step is not None:
        support, query, parameters = training_tasks(config, problem, shown.of_step)
        return Tasks(Examples(support.x[:1], support.y[:1]), Examples(query.x[:1], query.y[:1]), parameters[:1])
    return demonstration_task(config, problem, shown.draw)


def _own(config: RunConfig, own: OwnTask, problem: Problem) -> Tasks:
    """A drawn task as the network takes it; of its query images no class is known.

    Raises:
        ConfigError: Images of another size than the network's, a class without a drawing, or more classes than the network has.
    """
    inputs, head = problem.at_test.num_inputs, problem.at_test.num_outputs
    for images in (own.support_images, own.query_images):
        if images.ndim != 2 or images.shape[1] != inputs:
            raise ConfigError("own_task", images.shape, f"rows of {inputs} pixels")
    labels = own.support_labels
    if len(labels) != len(own.support_images) or len(own.query_images) == 0:
        raise ConfigError("own_task", len(labels), "a label for each support image, and at least one query image")
    found = set(labels.tolist())
    if found != set(range(len(found))) or not 2 <= len(found) <= head:
        accepted = f"2 to {head} classes, each with a drawing: theta_0 is a network of {head} ways"
        raise ConfigError("own_task", sorted(found), accepted)

    def pixels(images: Bytes) -> Tensor:
        return torch.tensor(images[None], dtype=torch_dtype(config)) / 255.0

    targets = torch.eye(head, dtype=torch_dtype(config))[torch.tensor(labels)][None]
    unknown = torch.zeros(1, len(own.query_images), head, dtype=torch_dtype(config))
    return Tasks(
        Examples(pixels(own.support_images), targets),
        Examples(pixels(own.query_images), unknown),
        torch.zeros((1, 0), dtype=torch.int64),
    )


def _moved(family: Regression, examples: Examples, old: Tensor, new: Tensor) -> Examples:
    return Examples(examples.x, examples.y - family.target(old, examples.x) + family.target(new, examples.x))


def _bytes(images: Tensor) -> Bytes:
    found: Bytes = (images * 255.0).round().clamp(0, 255).to(torch.uint8).numpy()
    return np.array(found)
