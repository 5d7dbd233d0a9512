"""The size of a network as it is reckoned, against the network itself."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maml_core import build_problem
from maml_core.algorithms import initial_theta
from maml_core.config import (
    ConvConfig,
    FolderConfig,
    GlyphsConfig,
    ImageConfig,
    LinearConfig,
    MLPConfig,
    RunConfig,
    replace,
)
from maml_core.models import MLP, ConvNet
from maml_core.models.conv_forms import Patches
from maml_core.presets import few_shot
from maml_core.sizes import network_size

MLPS = st.builds(
    MLPConfig,
    hidden_widths=st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple),
    use_bias=st.booleans(),
    batch_norm=st.booleans(),
)
CONVS = st.builds(
    ConvConfig,
    num_layers=st.integers(1, 4),
    num_filters=st.sampled_from((2, 4)),
    downsample=st.sampled_from(("stride", "max_pool")),
    norm=st.sampled_from(("batch", "group", "none")),
)
TASKS = st.sampled_from((LinearConfig(), LinearConfig(num_features=3), GlyphsConfig(), GlyphsConfig(ways=3)))


@settings(max_examples=60, deadline=None)
@given(model=MLPS | CONVS, tasks=TASKS, per_step_norm=st.booleans(), num_inner_steps=st.integers(1, 4))
def test_parameters_are_those_of_theta_0(
    model: MLPConfig | ConvConfig, tasks: LinearConfig | GlyphsConfig, per_step_norm: bool, num_inner_steps: int
) -> None:
    config = RunConfig(
        tasks=GlyphsConfig() if isinstance(model, ConvConfig) else tasks,
        model=model,
        per_step_norm=per_step_norm and model.batch_norm,
        num_inner_steps=num_inner_steps,
    )
    theta = initial_theta(config, build_problem(config))
    assert network_size(config).parameters == sum(value.numel() for value in theta.values())


@pytest.mark.parametrize(("norm", "expected"), [("batch", 28_357), ("group", 28_357), ("none", 28_229)])
def test_four_layers_of_32_filters_have_their_parameters(
    norm: Literal["batch", "group", "none"], expected: int
) -> None:
    config = RunConfig(tasks=GlyphsConfig(), model=ConvConfig(num_filters=32, norm=norm))
    of_each_layer = 32 if norm == "none" else 2 * 32
    assert network_size(config).parameters == 9 * 32 + 3 * 9 * 32 * 32 + 4 * of_each_layer + 33 * 5
    assert network_size(config).parameters == expected


@pytest.mark.parametrize(("downsample", "cheaper"), [("stride", True), ("max_pool", False)])
def test_a_pool_costs_about_four_times_a_stride(downsample: str, cheaper: bool) -> None:
    strided = network_size(RunConfig(tasks=GlyphsConfig(), model=ConvConfig(downsample="stride")))
    found = network_size(RunConfig(tasks=GlyphsConfig(), model=ConvConfig(downsample=downsample)))  # type: ignore[arg-type]
    assert (found.operations < 3 * strided.operations) == cheaper
    assert found.parameters == strided.parameters
    assert found.left_twice > found.left_once


FEW_SHOT = few_shot(GlyphsConfig())
NETWORKS = [
    ConvConfig(),
    ConvConfig(num_filters=5, num_layers=2, norm="group"),
    ConvConfig(num_filters=7, norm="none"),
    ConvConfig(num_filters=4, num_layers=3, downsample="max_pool"),
    ConvConfig(num_filters=4, downsample="max_pool", norm="none"),
]
PICTURES = [
    GlyphsConfig(),
    GlyphsConfig(ways=20),
    FolderConfig(folder="/x", ways=3, size=21, color="rgb"),
    FolderConfig(folder="/x", size=17),
]


@pytest.mark.parametrize("tasks", PICTURES, ids=str)
@pytest.mark.parametrize("model", NETWORKS, ids=str)
def test_a_convolutional_network_has_the_engines_size(model: ConvConfig, tasks: ImageConfig) -> None:
    config = replace(FEW_SHOT, {"tasks": tasks, "model": model})
    assert config.image_shape is not None
    engine = ConvNet(model, image_shape=config.image_shape, num_outputs=config.num_outputs)
    theta = engine.init(0)
    size = network_size(config)
    assert size.parameters == sum(value.numel() for value in theta.values())

    by = Patches()
    maps, operations, activations = by.maps(torch.zeros(1, 1, config.num_inputs), config.image_shape), 0, 0
    for layer in range(model.num_layers):
        before = engine._convolved(by, theta, layer, maps)
        activations += before.numel()
        operations += before.numel() * theta[f"w{layer}"][0, 0].numel()
        maps = engine._finished(by, theta, layer, before)
    head = theta[f"w{model.num_layers}"].numel()
    assert (size.operations, size.activations) == (operations + head, activations)


@pytest.mark.parametrize("widths", [(), (40, 40), (256, 128)])
def test_an_mlp_for_images_has_the_engines_size(widths: tuple[int, ...]) -> None:
    model = MLPConfig(hidden_widths=widths)
    config = replace(FEW_SHOT, {"model": model})
    theta = MLP(model, num_inputs=784, num_outputs=5).init(0)
    assert network_size(config).parameters == sum(value.numel() for value in theta.values())


def test_turning_a_kernel_multiplies_along_its_three_axes() -> None:
    config = replace(FEW_SHOT, {"model": ConvConfig(num_filters=6, num_layers=2)})
    kernels = 9 * 1 * 6 * (1 + 6 + 9) + 9 * 6 * 6 * (6 + 6 + 9)
    assert network_size(config).turning == kernels + 6 * 5 * (6 + 5)
