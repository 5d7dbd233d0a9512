"""A task that somebody drew: what theta_0..theta_K say about images of which nobody knows the class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from maml_core.analysis.one_step import one_step
from maml_core.chunks import ChunkRequest, run_chunk
from maml_core.config import ConvConfig, GlyphsConfig, MLPConfig, RunConfig
from maml_core.errors import ConfigError
from maml_core.models.mlp import MLP
from maml_core.problem import build_problem
from maml_core.records import Demonstration, ImageFit, OwnTask, TaskFit, View
from maml_core.runs import advance, init_run
from maml_core.snapshots import snapshot
from maml_core.state_bytes import state_to_bytes
from maml_core.types import Params
from tests.maml_core.helpers import same, tiny

ONLY_THE_FIT = {"trajectories": False, "curvature": False, "rates": False, "paths": False}


def glyphs(**changes: Any) -> RunConfig:
    small: dict[str, Any] = {
        "tasks": GlyphsConfig(ways=4),
        "model": MLPConfig(hidden_widths=(6,), activation="tanh"),
        "shots": 1,
        "num_query": 2,
        "alpha": 0.3,
        "num_inner_steps": 2,
        "joint_baseline": False,
    }
    return tiny(**{**small, **changes})


def convolutional(treatment: str, **changes: Any) -> RunConfig:
    model = ConvConfig(num_layers=2, num_filters=3)
    return glyphs(model=model, batch_norm_treatment=treatment, **changes)


def drawn(num_classes: int = 3, *, examples: int = 2, num_query: int = 3, seed: int = 0) -> OwnTask:
    """Strokes at random, two straight lines an image."""
    random = np.random.default_rng(seed)

    def images(count: int) -> np.ndarray:
        found = np.zeros((count, 28, 28), dtype=np.uint8)
        for image in found:
            row, column = random.integers(3, 25, size=2)
            image[row, 4:24] = image[4:24, column] = random.integers(128, 256)
        return found.reshape(count, -1)

    labels = np.tile(np.arange(num_classes), examples)
    return OwnTask(images(len(labels)), labels, images(num_query))


def fit_of(config: RunConfig, own: OwnTask | None, *, num_steps: int = 0, draw: int = 0, **view: Any) -> ImageFit:
    state = init_run(config)
    if num_steps:
        state, _ = advance(config, state, num_steps=num_steps)
    found = snapshot(config, state, View(tasks=(Demonstration(own=own, draw=draw),), **{**ONLY_THE_FIT, **view})).fit
    assert isinstance(found, ImageFit)
    return found


def test_a_drawn_task_takes_the_generated_ones_place() -> None:
    own = drawn(3)
    fit = fit_of(glyphs(), own)
    assert fit.class_names == ()
    assert fit.image_shape == (1, 28, 28)
    np.testing.assert_array_equal(fit.support_images, own.support_images)
    np.testing.assert_array_equal(fit.support_labels, own.support_labels)
    np.testing.assert_array_equal(fit.query_images, own.query_images)
    assert fit.query_labels.tolist() == [-1, -1, -1]
    assert np.isnan(fit.query_loss).all()
    assert fit.support_probabilities.shape == (4, 6, 3)  # theta_0..theta_K, K of evaluation
    assert fit.query_probabilities.shape == (4, 3, 3)


@pytest.mark.parametrize("num_classes", [2, 3, 4])
def test_the_probabilities_of_the_drawn_classes_sum_to_1(num_classes: int) -> None:
    fit = fit_of(glyphs(), drawn(num_classes), num_steps=3)
    for probabilities in (fit.support_probabilities, fit.query_probabilities):
        assert probabilities.shape[2] == num_classes
        np.testing.assert_allclose(probabilities.sum(2), 1.0, atol=1e-6)
    assert np.ptp(fit.query_probabilities) > 0.01


def test_it_is_a_plain_inner_loop_over_the_drawn_classes_outputs() -> None:
    """Classes that the head has and nobody drew do not compete."""
    config, own = glyphs(), drawn(3)
    state, _ = advance(config, init_run(config), num_steps=3)
    model = build_problem(config).model
    support, query = (torch.tensor(images / 255.0)[None] for images in (own.support_images, own.query_images))
    theta = {name: value.detach().clone() for name, value in state.meta.theta.items()}
    labels, said, losses = torch.tensor(own.support_labels), [], []
    for _ in range(config.evaluation_steps + 1):
        point = {name: value.clone().requires_grad_() for name, value in theta.items()}
        loss = functional.cross_entropy(model.apply(point, support)[0, :, :3], labels)
        said.append(torch.softmax(model.apply(theta, query)[0, :, :3], dim=1).detach().numpy())
        losses.append(loss.item())
        gradients = torch.autograd.grad(loss, list(point.values()))
        theta = {name: theta[name] - config.alpha * grad for name, grad in zip(theta, gradients, strict=True)}
    fit = snapshot(config, state, View(tasks=(Demonstration(own=own),), **ONLY_THE_FIT)).fit
    assert isinstance(fit, ImageFit)
    np.testing.assert_allclose(fit.query_probabilities, said, atol=1e-6)
    np.testing.assert_allclose(fit.support_loss, losses, atol=1e-6)
    assert fit.support_loss[-1] < fit.support_loss[0]


def test_what_is_said_of_all_thetas_is_computed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A prediction of eleven costs what one of one does: a class of thirty asks for sixty looks a second."""
    config = tiny(evaluation_steps=7, num_inner_steps=2)
    state, rows = init_run(config), []
    plain = MLP.apply

    def counted(model: MLP, theta: Params, x: torch.Tensor, **options: bool) -> torch.Tensor:
        rows.append(x.shape[0])
        return plain(model, theta, x, **options)

    monkeypatch.setattr(MLP, "apply", counted)
    fit = snapshot(config, state, View(tasks=(Demonstration(),), **ONLY_THE_FIT)).fit
    assert isinstance(fit, TaskFit)
    assert fit.curves.shape[0] == 8
    assert sorted(rows) == [*([1] * 7), *([8] * 3)]


def test_it_depends_on_the_drawings_alone() -> None:
    config, own = glyphs(), drawn(3)
    assert same(tuple(fit_of(config, own)), tuple(fit_of(config, own, draw=5)))
    assert not same(fit_of(config, own).query_probabilities, fit_of(config, drawn(3, seed=1)).query_probabilities)
    moved = own._replace(support_images=own.support_images[::-1].copy())
    assert not np.allclose(
        fit_of(config, moved).query_probabilities[1:], fit_of(config, own).query_probabilities[1:], atol=1e-4
    )


@pytest.mark.parametrize("treatment", ["batch", "support", "running"])
def test_a_query_does_not_depend_on_the_other_queries(treatment: str) -> None:
    config, own = convolutional(treatment), drawn(3)
    together = fit_of(config, own, num_steps=2).query_probabilities
    for query in range(3):
        alone = own._replace(query_images=own.query_images[query : query + 1])
        np.testing.assert_allclose(
            fit_of(config, alone, num_steps=2).query_probabilities[:, 0], together[:, query], atol=1e-6
        )


def test_without_a_batch_of_its_own_a_query_takes_the_supports_statistics() -> None:
    own = drawn(3)
    by_batch, by_support = (fit_of(convolutional(treatment), own) for treatment in ("batch", "support"))
    assert same(by_batch.query_probabilities, by_support.query_probabilities)
    # A generated task is judged as the run says.
    by_batch, by_support = (fit_of(convolutional(treatment), None) for treatment in ("batch", "support"))
    assert not np.allclose(by_batch.query_probabilities, by_support.query_probabilities, atol=1e-3)


def test_looking_at_a_drawn_task_changes_nothing() -> None:
    config = convolutional("running")
    state, _ = advance(config, init_run(config), num_steps=2)
    before = state_to_bytes(state)
    snapshot(config, state, View(tasks=(Demonstration(own=drawn(3)),)))
    assert state_to_bytes(state) == before


def test_a_drawn_task_of_the_generated_images_gets_the_generated_tasks_answer() -> None:
    config = glyphs(num_query=1)
    generated = fit_of(config, None)
    copied = OwnTask(generated.support_images, generated.support_labels, generated.query_images)
    np.testing.assert_allclose(
        fit_of(config, copied).query_probabilities, generated.query_probabilities, atol=0.02
    )  # bytes are rounded


def test_a_trained_theta_0_tells_apart_what_is_drawn() -> None:
    """Ten tasks of three classes that it has never seen, one drawing of each to learn from and another to name."""
    config = glyphs(
        model=MLPConfig(hidden_widths=(32,)),
        tasks=GlyphsConfig(ways=4, difficulty=0.0),
        alpha=0.5,
        meta_batch_size=8,
        dtype="float32",
    )
    state, _ = advance(config, init_run(config), num_steps=150)
    named = []
    for task in range(10):
        generated = fit_of(config, None, draw=task)
        own = OwnTask(generated.support_images[:3], np.arange(3), generated.query_images[:3])
        fit = snapshot(config, state, View(tasks=(Demonstration(own=own),), **ONLY_THE_FIT)).fit
        assert isinstance(fit, ImageFit)
        named.append(fit.query_probabilities.argmax(2) == np.arange(3))
    right = np.mean(named, axis=(0, 2))
    assert right[0] < 0.6
    assert right[2] > 0.7


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"support_images": np.zeros((6, 783), np.uint8)}, "784 pixels"),
        ({"query_images": np.zeros((1, 785), np.uint8)}, "784 pixels"),
        ({"query_images": np.zeros(784, np.uint8)}, "784 pixels"),
        ({"query_images": np.zeros((0, 784), np.uint8)}, "at least one query"),
        ({"support_labels": np.array([0, 1, 2])}, "label for each"),
        ({"support_labels": np.array([0, 0, 0, 0, 0, 0])}, "2 to 4 classes"),
        ({"support_labels": np.array([0, 1, 3, 0, 1, 3])}, "each with a drawing"),
        ({"support_labels": np.array([-1, 0, 1, -1, 0, 1])}, "each with a drawing"),
        ({"support_labels": np.array([0, 1, 2, 3, 4, 0])}, "network of 4 ways"),
    ],
    ids=str,
)
def test_what_is_no_task_for_this_network_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        fit_of(glyphs(), drawn(3)._replace(**change))


def test_a_refusal_reaches_whoever_asked_for_a_chunk() -> None:
    own = drawn(3)._replace(support_images=np.zeros((6, 9), np.uint8))
    view = View(tasks=(Demonstration(own=own),), **ONLY_THE_FIT)
    with pytest.raises(ConfigError, match="own_task"):
        run_chunk(ChunkRequest(config=glyphs(), state=None, num_steps=0, view=view))


def test_a_family_without_images_has_nothing_to_draw() -> None:
    config = tiny()
    plain = snapshot(config, init_run(config), View(**ONLY_THE_FIT)).fit
    own = snapshot(config, init_run(config), View(tasks=(Demonstration(own=drawn(3)),), **ONLY_THE_FIT)).fit
    assert same(tuple(plain or ()), tuple(own or ()))


@pytest.mark.parametrize("setup", [{}, {"tasks": GlyphsConfig(ways=2), "shots": 1, "num_query": 2}])
def test_a_training_task_is_followed_as_training_does(setup: dict[str, Any]) -> None:
    """Not by the alpha at test, and on the points of the first task of that outer step."""
    config = tiny(alpha=0.05, test_alpha=0.4, num_inner_steps=2, evaluation_steps=1, **setup)
    problem, state = build_problem(config), init_run(config)
    fit = snapshot(config, state, View(tasks=(Demonstration(of_step=7),), **ONLY_THE_FIT)).fit
    found = one_step(config, problem, state.meta, step=7)
    assert fit is not None
    np.testing.assert_allclose(fit.query_loss, found.query_loss[0], rtol=1e-5)
    np.testing.assert_allclose(fit.support_loss, found.support_loss[0], rtol=1e-5)
