"""The first layer's weights as pictures, and which of them are shown."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from maml_core import first_layer as module
from maml_core.config import ConvConfig, GlyphsConfig, MLPConfig, RunConfig
from maml_core.first_layer import first_layer, most_moved
from maml_core.models import MLP, ModuleModel
from maml_core.problem import Problem, build_problem
from maml_core.records import Filters, ImageFit, View
from maml_core.runs import init_run
from maml_core.snapshots import snapshot
from tests.maml_core.helpers import same, tiny

ONLY_THE_FIT = View(trajectories=False, curvature=False, rates=False, paths=False)
SHAPE = (3, 2, 4)


def glyphs(**changes: Any) -> RunConfig:
    small: dict[str, Any] = {
        "tasks": GlyphsConfig(ways=3),
        "model": MLPConfig(hidden_widths=(5,), activation="tanh"),
        "shots": 1,
        "num_query": 1,
        "alpha": 0.3,
        "num_inner_steps": 2,
        "joint_baseline": False,
    }
    return tiny(**{**small, **changes})


def shown(problem: Problem | None = None, **changes: Any) -> Filters:
    config = glyphs(**changes)
    fit = snapshot(config, init_run(config, problem=problem), ONLY_THE_FIT, problem=problem).fit
    assert isinstance(fit, ImageFit)
    return fit.filters


def moved_by(lengths: list[float], steps: int = 2, shape: tuple[int, ...] = (1, 1, 2)) -> list[Tensor]:
    """Pictures of units that each inner step moves by a length."""
    start = torch.arange(float(len(lengths)))[:, None, None, None].expand(-1, *shape)
    move = torch.tensor(lengths)[:, None, None, None].expand(-1, *shape)
    return [start + k * move for k in range(steps + 1)]


def test_a_unit_is_a_weight_a_pixel() -> None:
    """What it adds up over an image is the product of the picture and the image."""
    theta = MLP(MLPConfig(hidden_widths=(7,), use_bias=False), num_inputs=24, num_outputs=2).init(0, torch.float64)
    image = torch.rand(SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    pictures = first_layer(theta, SHAPE)
    assert pictures.shape == (7, *SHAPE)
    expected = image.reshape(1, -1) @ theta["w0"][0]
    torch.testing.assert_close((pictures * image).flatten(1).sum(1), expected[0])


def test_kernels_are_what_they_are() -> None:
    kernels = torch.rand(1, 4, 3, 3, 3)
    assert torch.equal(first_layer({"w0": kernels}, SHAPE), kernels[0])


@pytest.mark.parametrize(
    "theta", [{"0.weight": torch.zeros(1, 5, 24)}, {"w0": torch.zeros(1, 6, 5)}], ids=["named", "sized"]
)
def test_a_layer_that_does_not_look_at_pixels_has_no_pictures(theta: dict[str, Tensor]) -> None:
    pictures = first_layer(theta, SHAPE)
    assert pictures.shape == (0, *SHAPE)
    found = most_moved([pictures, pictures], num_inner_steps=1)
    assert (found.weights.shape, found.units.tolist(), found.num_units) == ((2, 0, *SHAPE), [], 0)


def test_where_there_is_room_all_are_shown() -> None:
    pictures = moved_by([1.0, 3.0, 2.0])
    found = most_moved(pictures, num_inner_steps=2)
    np.testing.assert_array_equal(found.weights, torch.stack(pictures).numpy())
    assert (found.weights.dtype, found.units.tolist(), found.num_units) == (np.float32, [0, 1, 2], 3)


def test_otherwise_those_that_the_inner_steps_move_most_in_the_order_of_the_layer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_NUMBERS", 2 * 3 * 2 + 1)  # two units of two pixels at three inner steps
    pictures = moved_by([1.0, 3.0, -0.5, -2.0])
    found = most_moved(pictures, num_inner_steps=2)
    assert (found.units.tolist(), found.num_units) == ([1, 3], 4)
    np.testing.assert_array_equal(found.weights, torch.stack(pictures)[:, [1, 3]].numpy())


def test_it_is_n_steps_that_count_not_all_that_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_NUMBERS", 3 * 2)
    start, end = moved_by([1.0, 3.0, 2.0], steps=1)
    later = start + torch.tensor([9.0, 0.0, 0.0])[:, None, None, None]
    assert most_moved([start, end, later], num_inner_steps=1).units.tolist() == [1]
    assert most_moved([start, end, later], num_inner_steps=2).units.tolist() == [0]


def test_of_units_that_move_equally_the_first_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_NUMBERS", 2 * 3 * 2)
    assert most_moved(moved_by([0.0] * 40), num_inner_steps=2).units.tolist() == [0, 1]


def test_a_movement_that_is_no_number_is_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_NUMBERS", 3 * 2)
    assert most_moved(moved_by([1.0, 5.0, torch.nan]), num_inner_steps=2).units.tolist() == [2]


def test_one_unit_is_shown_however_large_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_NUMBERS", 1)
    assert most_moved(moved_by([1.0, 3.0]), num_inner_steps=2).units.tolist() == [1]


def test_a_fully_connected_networks_units_are_shown_at_every_inner_step() -> None:
    found = shown()
    assert found.weights.shape == (4, 5, 1, 28, 28)  # K = 3
    state = init_run(glyphs())
    np.testing.assert_allclose(found.weights[0], state.meta.theta["w0"][0].T.reshape(5, 1, 28, 28), rtol=1e-6)
    assert (np.abs(found.weights[3] - found.weights[0]).max(axis=(1, 2, 3)) > 0.0).all()


def test_a_large_layer_shows_what_fits() -> None:
    found = shown(model=MLPConfig(hidden_widths=(64,), activation="tanh"))
    assert (found.weights.shape, found.num_units) == ((4, module.MOST_NUMBERS // (4 * 784), 1, 28, 28), 64)
    everything = shown(model=MLPConfig(hidden_widths=(64,), activation="tanh"), evaluation_steps=2)
    moved = np.linalg.norm((everything.weights[2] - everything.weights[0]).reshape(len(everything.units), -1), axis=1)
    assert len(everything.units) == module.MOST_NUMBERS // (3 * 784)
    most = np.sort(everything.units[np.argsort(-moved)[: len(found.units)]])
    assert same(found.units, most)


def test_every_kernel_of_the_papers_network_is_shown() -> None:
    found = shown(model=ConvConfig(num_filters=64), evaluation_steps=10)
    assert (found.weights.shape, found.num_units) == ((11, 64, 1, 3, 3), 64)


def test_a_network_of_ones_own_has_no_pictures() -> None:
    plain = build_problem(glyphs())
    own = ModuleModel(nn.Linear(784, 3, dtype=torch.float64))
    assert shown(dataclasses.replace(plain, model=own)).num_units == 0
