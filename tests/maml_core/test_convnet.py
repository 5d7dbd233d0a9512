"""The convolutional network against torch's own layers in a plain loop over tasks, and with every part of the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.autograd.functional import hessian
from torch.func import functional_call

from maml_core.algorithms import initial_rates
from maml_core.config import ConvConfig, GlyphsConfig, MLPConfig, RunConfig, replace
from maml_core.inner import Adaptation, adapt
from maml_core.landscape import largest_eigenvalues
from maml_core.losses import accuracy, cross_entropy
from maml_core.models import MLP, ConvNet, build_model
from maml_core.models.conv_forms import Patches, SideBySide
from maml_core.models.convolution import convolved, moments, rectified
from maml_core.normalization import Normalization, Treatment, predict
from maml_core.outer import meta_gradient
from maml_core.params import merge_meta, over_tasks
from maml_core.problem import Problem, training_tasks
from maml_core.rng import Stream, generator
from maml_core.runs import advance, init_run
from maml_core.state_bytes import state_from_bytes, state_to_bytes
from maml_core.tasks.images import DrawnImages, FewShotImages
from maml_core.types import Examples, Params, Tasks
from tests.maml_core.helpers import lanes, outer_gradient_at, same, task_slice

WAYS = 3
SHAPE = (2, 9, 8)
SMALL: dict[str, Any] = {"num_layers": 2, "num_filters": 4}
KINDS = {
    "strided": ConvConfig(**SMALL),
    "pooled": ConvConfig(**SMALL, downsample="max_pool"),
    "strided with group norm": ConvConfig(**SMALL, norm="group"),
    "pooled with group norm": ConvConfig(**SMALL, downsample="max_pool", norm="group"),
    "strided without norm": ConvConfig(**SMALL, norm="none"),
    "pooled without norm": ConvConfig(**SMALL, downsample="max_pool", norm="none"),
}


class Noise:
    """Classes of noise, each with its own brightness."""

    image_shape = SHAPE

    def num_classes(self, split: Any) -> None:
        return None

    def class_names(self, classes: Any) -> tuple[str, ...]:
        return tuple(map(str, classes))

    def draw(
        self, *, seed: int, stream: Stream, index: int, num_tasks: int, ways: int, shots: int, num_query: int, **_: Any
    ) -> DrawnImages:
        bright = generator(seed, stream, index).random((num_tasks, 1, ways, 1))
        support, query = (
            (bright + generator(seed, stream, index, part).random((num_tasks, count, ways, int(np.prod(SHAPE))))) / 2
            for part, count in ((1, shots), (2, num_query))
        )
        return DrawnImages(
            support.astype(np.float32), query.astype(np.float32), np.tile(np.arange(ways), (num_tasks, 1))
        )


def network(kind: str = "strided") -> ConvNet:
    return ConvNet(KINDS[kind], image_shape=SHAPE, num_outputs=WAYS)


def problem_of(model: ConvNet) -> Problem:
    return Problem(family=FewShotImages(Noise(), ways=WAYS), model=model, loss=cross_entropy, accuracy=accuracy)


def run_config(kind: str = "strided", **changes: Any) -> RunConfig:
    small: dict[str, Any] = {
        "tasks": GlyphsConfig(ways=WAYS),
        "model": KINDS[kind],
        "meta_batch_size": 3,
        "shots": 1,
        "num_query": 2,
        "num_inner_steps": 2,
        "alpha": 0.1,
        "evaluation_tasks": 3,
        "joint_baseline": False,
        "dtype": "float64",
    }
    return RunConfig(**{**small, **changes})


def prepared(kind: str = "strided", **changes: Any) -> tuple[Problem, Params, Tasks]:
    """A problem, a theta_0 in which nothing is 0 or 1, and the tasks of outer step 0."""
    problem = problem_of(network(kind))
    random = torch.Generator().manual_seed(5)
    theta_0 = {
        name: value + 0.1 * torch.randn(value.shape, generator=random, dtype=value.dtype)
        for name, value in problem.model.init(0, torch.float64).items()
    }
    return problem, theta_0, training_tasks(run_config(kind, **changes), problem, 0)


class Plain(nn.Module):
    """The same network of torch's own layers, for the images of one task."""

    def __init__(self, model: ConvNet) -> None:
        super().__init__()
        config, (channels, *_) = model.config, SHAPE
        strided = config.downsample == "stride"
        blocks: list[nn.Module] = []
        for _ in range(config.num_layers):
            norm: nn.Module = nn.Identity()
            if config.norm == "batch":
                norm = nn.BatchNorm2d(config.num_filters, track_running_stats=False)
            elif config.norm == "group":
                norm = nn.GroupNorm(model.num_groups, config.num_filters)
            conv = nn.Conv2d(
                channels, config.num_filters, 3, stride=2 if strided else 1, padding=1, bias=config.norm == "none"
            )
            blocks.append(nn.Sequential(conv, norm, nn.ReLU(), nn.Identity() if strided else nn.MaxPool2d(2)))
            channels = config.num_filters
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(channels, model.num_outputs)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(self.blocks(x.view(-1, *SHAPE)).mean((2, 3)))
        return found

    def predict(self, theta: Params, x: Tensor) -> Tensor:
        """Predictions [points, outputs] of one parameter set in our names, without their leading axis."""
        last = len(self.blocks)
        named = {"head.weight": theta[f"w{last}"].T, "head.bias": theta[f"b{last}"]}
        for layer in range(last):
            named[f"blocks.{layer}.0.weight"] = theta[f"w{layer}"]
            if f"b{layer}" in theta:
                named[f"blocks.{layer}.0.bias"] = theta[f"b{layer}"]
            else:
                named[f"blocks.{layer}.1.weight"] = theta[f"scale{layer}"]
                named[f"blocks.{layer}.1.bias"] = theta[f"shift{layer}"]
        found: Tensor = functional_call(self, named, (x,))
        return found


def of_task(theta: Params, task: int = 0) -> Params:
    return {name: value[task] for name, value in theta.items()}


def plain_meta_gradient(
    plain: Plain, theta_0: Params, tasks: Tasks, *, alpha: float, num_steps: int, second: bool
) -> Params:
    """One task after the other."""
    start = {name: value[0].clone().requires_grad_() for name, value in theta_0.items()}
    losses = []
    for support_x, support_y, query_x, query_y in zip(*tasks.support, *tasks.query, strict=True):
        theta = start
        for _ in range(num_steps):
            loss = nn.functional.cross_entropy(plain.predict(theta, support_x), support_y)
            pull = torch.autograd.grad(loss, list(theta.values()), create_graph=second)
            theta = {name: value - alpha * g for (name, value), g in zip(theta.items(), pull, strict=True)}
        losses.append(nn.functional.cross_entropy(plain.predict(theta, query_x), query_y))
    found = torch.autograd.grad(torch.stack(losses).mean(), list(start.values()))
    return dict(zip(start, found, strict=True))


# Against torch's own layers


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_of_every_task_are_those_of_torchs_layers(kind: str) -> None:
    problem, theta_0, tasks = prepared(kind)
    model = problem.model
    theta = {
        name: torch.cat([value, 1.5 * value, value - 0.1, value.flip(1)])[: len(tasks.support.x)]
        for name, value in theta_0.items()
    }
    plain = Plain(network(kind)).double()
    expected = torch.stack([plain.predict(of_task(theta, task), x) for task, x in enumerate(tasks.query.x)])
    assert expected.shape == (3, 2 * WAYS, WAYS)
    torch.testing.assert_close(model.apply(theta, tasks.query.x), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("order", ["second", "first"])
@pytest.mark.parametrize("num_steps", [0, 1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_the_meta_gradient_is_that_of_torchs_layers_in_a_loop(kind: str, num_steps: int, order: Any) -> None:
    problem, theta_0, tasks = prepared(kind)
    found = meta_gradient(
        theta_0, tasks, problem=problem, how=Adaptation(0.3), num_inner_steps=num_steps, order=order
    ).gradient
    plain = Plain(network(kind)).double()
    expected = plain_meta_gradient(plain, theta_0, tasks, alpha=0.3, num_steps=num_steps, second=order == "second")
    for name, value in expected.items():
        torch.testing.assert_close(found[name][0], value, rtol=0, atol=1e-11)
        assert float(value.abs().max()) > 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_the_meta_gradient_is_the_slope_of_the_meta_loss(kind: str) -> None:
    problem, theta_0, tasks = prepared(kind)

    def meta_loss(theta: Params) -> float:
        return float(meta_gradient(theta, tasks, problem=problem, how=Adaptation(0.3), num_inner_steps=2).query_loss)

    gradient = meta_gradient(theta_0, tasks, problem=problem, how=Adaptation(0.3), num_inner_steps=2).gradient
    random = torch.Generator().manual_seed(1)
    way = {
        name: torch.randn(value.shape, generator=random, dtype=torch.float64) * (value.abs().mean() + 0.1)
        for name, value in theta_0.items()
    }
    step = 1e-7  # so short that no unit switches in between, where the inner gradient would jump
    ahead, behind = (
        meta_loss({name: value + sign * step * way[name] for name, value in theta_0.items()}) for sign in (1, -1)
    )
    slope = float(sum((gradient[name] * way[name]).sum() for name in way))
    assert slope == pytest.approx((ahead - behind) / (2 * step), rel=1e-5)


# The parts that are our own


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(1, 1), (1, 4), (2, 3), (5, 4), (7, 7)], ids=str)
def test_a_convolution_is_torchs_at_every_size(size: tuple[int, int], stride: int) -> None:
    random = torch.Generator().manual_seed(0)
    maps = torch.randn(3, 2, *size, 4, generator=random, dtype=torch.float64)
    kernel = torch.randn(3, 5, 4, 3, 3, generator=random, dtype=torch.float64)
    found = convolved(maps, kernel, stride=stride)
    for task in range(3):
        images = maps[task].permute(0, 3, 1, 2)
        expected = nn.functional.conv2d(images, kernel[task], stride=stride, padding=1).permute(0, 2, 3, 1)
        torch.testing.assert_close(found[task], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_has_the_derivatives_of_its_differences(stride: int) -> None:
    random = torch.Generator().manual_seed(0)
    maps = torch.randn(2, 2, 3, 4, 2, generator=random, dtype=torch.float64, requires_grad=True)
    kernel = torch.randn(2, 2, 2, 3, 3, generator=random, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda *a: convolved(*a, stride=stride), (maps, kernel), fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda *a: convolved(*a, stride=stride), (maps, kernel), fast_mode=True)


def test_batch_norm_has_the_derivatives_of_its_differences() -> None:
    random = torch.Generator().manual_seed(0)
    maps = torch.randn(2, 2, 3, 2, 3, generator=random, dtype=torch.float64, requires_grad=True)
    scale, shift = (torch.randn(2, 3, generator=random, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(rectified, (maps, scale, shift))
    assert torch.autograd.gradgradcheck(rectified, (maps, scale, shift))


def test_a_third_derivative_of_batch_norm_is_refused() -> None:
    random = torch.Generator().manual_seed(0)
    maps = torch.randn(1, 2, 2, 1, 2, generator=random, dtype=torch.float64, requires_grad=True)
    scale = torch.randn(1, 2, generator=random, dtype=torch.float64)
    result = rectified(maps, scale, scale).pow(3).sum()
    (first,) = torch.autograd.grad(result, maps, create_graph=True)
    with pytest.raises(RuntimeError, match="twice, not three times"):
        torch.autograd.grad(first.square().sum(), maps, create_graph=True)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_first_layer_with_its_batch_norm_in_the_kernel_is_convolution_and_batch_norm(channels: int) -> None:
    random = torch.Generator().manual_seed(0)
    x = torch.rand(3, 4, channels * 7 * 5, generator=random, dtype=torch.float64) + 10.0  # far from 0, little variance
    kernel = torch.randn(3, 6, channels, 3, 3, generator=random, dtype=torch.float64, requires_grad=True)
    scale, shift = (torch.randn(3, 6, generator=random, dtype=torch.float64, requires_grad=True) for _ in range(2))
    found = []
    for form in (Patches(), SideBySide(3)):
        maps = form.maps(x, (channels, 7, 5))
        plain = form.rectified(form.convolved(maps, kernel, None, stride=2), scale, shift, None, None)
        for result in (form.first_rectified(maps, kernel, scale, shift), plain):
            weight = torch.randn(result.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
            found.append((result, *torch.autograd.grad((weight * result.square()).sum(), (kernel, scale, shift))))
    for folded, plain in (found[:2], found[2:]):
        for a, b in zip(folded, plain, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-11 * float(b.detach().abs().max()))


def test_a_max_pool_has_a_second_derivative() -> None:
    problem, theta_0, tasks = prepared("pooled without norm")
    theta = {name: value.clone().requires_grad_() for name, value in theta_0.items()}

    def loss(*values: Tensor) -> Tensor:
        named = dict(zip(theta, values, strict=True))
        return problem.loss(problem.model.apply(named, tasks.support.x[:1]), tasks.support.y[:1])

    assert torch.autograd.gradgradcheck(loss, tuple(theta.values()), fast_mode=True)


# Shapes and initial weights


@pytest.mark.parametrize("downsample", ["stride", "max_pool"])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 17, 30), (1, 19, 16)], ids=str)
def test_any_image_fits_that_is_large_enough(shape: tuple[int, int, int], downsample: Any) -> None:
    model = ConvNet(ConvConfig(num_filters=4, downsample=downsample), image_shape=shape, num_outputs=5)
    x = torch.rand(2, 3, int(np.prod(shape)))
    assert model.apply(over_tasks(model.init(0), 2), x).shape == (2, 3, 5)


def test_a_stride_halves_upwards_and_a_max_pool_downwards() -> None:
    maps = torch.rand(1, 1, 7, 7, 1)
    assert convolved(maps, torch.rand(1, 2, 1, 3, 3), stride=2).shape == (1, 1, 4, 4, 2)
    assert Patches().pooled(maps).shape == (1, 1, 3, 3, 1)
    side_by_side = SideBySide(1)
    beside = side_by_side.maps(torch.rand(1, 1, 49), (1, 7, 7))
    assert side_by_side.convolved(beside, torch.rand(1, 2, 1, 3, 3), None, stride=2).shape == (1, 2, 4, 4)
    assert side_by_side.pooled(beside).shape == (1, 1, 3, 3)


def test_the_papers_network_has_its_number_of_parameters() -> None:
    """Four layers of 64 filters, scale and shift in place of a bias, a linear layer of 5 (Finn et al. 2017, section 5.2)."""
    model = ConvNet(ConvConfig(num_filters=64), image_shape=(1, 28, 28), num_outputs=5)
    assert sum(value.numel() for value in model.init(0).values()) == 9 * 64 + 3 * 9 * 64**2 + 4 * 2 * 64 + 65 * 5


@pytest.mark.parametrize("kind", KINDS)
def test_layers_name_every_parameter_once_in_order(kind: str) -> None:
    model = network(kind)
    names = [name for layer in model.layers.values() for name in layer]
    assert names == list(model.init(0))
    assert list(model.layers) == ["conv 1", "conv 2", "head"]
    assert set(model.layers["head"]) == model.head


# Initial weights are part of every published run: a change here changes what a seed means, and needs a new version.
GOLDEN = {
    "w0": ([-0.1388514425231695, -0.07346919524734875, -0.11045904794864486], 2.2038051406524435),
    "w3": ([-0.09500981277814784, 0.01676761118749044, 0.03239644167233649], 2.7900164971987),
    "w4": ([0.08783460073119581, 0.12205105740543981, -0.3821678438252398], -4.086018523422171),
}


def test_initial_weights_of_a_seed_never_change() -> None:
    theta = ConvNet(ConvConfig(), image_shape=(1, 28, 28), num_outputs=5).init(0, torch.float64)
    for name, (first, total) in GOLDEN.items():
        assert theta[name].flatten()[:3].tolist() == pytest.approx(first, abs=1e-15)
        assert float(theta[name].sum()) == pytest.approx(total, abs=1e-12)


def test_initial_weights_fill_the_glorot_range_and_norms_change_nothing() -> None:
    model = ConvNet(ConvConfig(), image_shape=(1, 28, 28), num_outputs=5)
    theta = model.init(0, torch.float64)
    for name, bound in (("w0", (6 / (9 * 33)) ** 0.5), ("w1", (6 / (9 * 64)) ** 0.5), ("w4", (6 / 37) ** 0.5)):
        assert 0.97 * bound < float(theta[name].abs().max()) <= bound
    assert all(bool((theta[f"scale{layer}"] == 1.0).all()) for layer in range(4))
    assert all(not theta[name].any() for name in ("shift0", "shift3", "b4"))
    assert same(model.init(0), {name: value.to(torch.float32) for name, value in theta.items()})
    assert not torch.isclose(model.init(1)["w1"], model.init(0)["w1"]).all(1).any()


@pytest.mark.parametrize(("filters", "groups"), [(1, 1), (4, 1), (7, 1), (8, 2), (12, 3), (32, 8), (64, 8), (96, 8)])
def test_groups_are_equal_and_not_too_small(filters: int, groups: int) -> None:
    model = ConvNet(ConvConfig(num_filters=filters, norm="group"), image_shape=(1, 28, 28), num_outputs=5)
    assert model.num_groups == groups


def test_the_config_builds_it_and_asks_for_an_image() -> None:
    assert isinstance(build_model(ConvConfig(), num_inputs=784, num_outputs=5, image_shape=(1, 28, 28)), ConvNet)
    with pytest.raises(ValueError, match="channels, height, width"):
        build_model(ConvConfig(), num_inputs=784, num_outputs=5)


def test_the_papers_fully_connected_network_takes_images() -> None:
    """256, 128, 64, 64 with batch norm (Santoro et al. 2016; Finn et al. 2017)."""
    config = MLPConfig(hidden_widths=(256, 128, 64, 64), batch_norm=True)
    model = build_model(config, num_inputs=784, num_outputs=5, image_shape=(1, 28, 28))
    assert isinstance(model, MLP)
    x = torch.rand(3, 5, 784)
    tasks = Tasks(Examples(x, torch.eye(5).expand(3, 5, 5)), Examples(x.flip(1), torch.eye(5).expand(3, 5, 5)), x[:, 0])
    problem = Problem(family=FewShotImages(Noise(), ways=5), model=model, loss=cross_entropy)
    found = meta_gradient(model.init(0), tasks, problem=problem, how=Adaptation(0.1), num_inner_steps=1).gradient
    assert all(float(value.abs().max()) > 0.0 for value in found.values())


# Tasks apart


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_tasks_does_not_matter(kind: str) -> None:
    problem, theta_0, tasks = prepared(kind)
    here, there = (
        meta_gradient(theta_0, task_slice(tasks, order), problem=problem, how=Adaptation(0.3), num_inner_steps=2)
        for order in ([0, 1, 2], [2, 0, 1])
    )
    torch.testing.assert_close(there.task_losses[:, [1, 2, 0]], here.task_losses, rtol=0, atol=1e-12)
    for name, value in here.gradient.items():
        torch.testing.assert_close(there.gradient[name], value, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_task_that_overflows_leaves_the_others_alone(kind: str) -> None:
    """Trap 10."""
    problem, theta_0, tasks = prepared(kind)
    broken = tasks.support.x.clone()
    broken[1] = torch.inf
    hurt = tasks._replace(support=Examples(broken, tasks.support.y))
    losses = [
        meta_gradient(theta_0, each, problem=problem, how=Adaptation(0.3), num_inner_steps=2).task_losses[0]
        for each in (tasks, hurt)
    ]
    assert not bool(losses[1][1].isfinite())
    torch.testing.assert_close(losses[1][[0, 2]], losses[0][[0, 2]], rtol=0, atol=1e-12)


def test_every_lane_has_its_own_gradient() -> None:
    problem, theta_0, tasks = prepared()
    other = {name: 1.1 * value + 0.05 for name, value in theta_0.items()}
    both = meta_gradient(lanes(theta_0, other), tasks, problem=problem, how=Adaptation(0.3), num_inner_steps=2).gradient
    for lane, theta in enumerate((theta_0, other)):
        alone = meta_gradient(theta, tasks, problem=problem, how=Adaptation(0.3), num_inner_steps=2).gradient
        for name, value in alone.items():
            torch.testing.assert_close(both[name][lane], value[0], rtol=0, atol=1e-12)


# Statistics


@pytest.mark.parametrize("kind", ["strided", "pooled"])
def test_statistics_are_torchs_and_given_back_change_nothing(kind: str) -> None:
    problem, theta_0, tasks = prepared(kind)
    theta, x = over_tasks(theta_0, 3), tasks.query.x
    own = problem.model.statistics(theta, x)
    assert [(name, tuple(value.shape)) for name, value in own.items()] == [
        (f"{what}{layer}", (3, 4)) for layer in range(2) for what in ("mean", "var")
    ]
    stride = 2 if kind == "strided" else 1
    before = nn.functional.conv2d(x[1].view(-1, *SHAPE), theta["w0"][1], stride=stride, padding=1)
    torch.testing.assert_close(own["mean0"][1], before.mean((0, 2, 3)), rtol=0, atol=1e-12)
    torch.testing.assert_close(own["var0"][1], before.var((0, 2, 3), unbiased=False), rtol=0, atol=1e-12)
    expected = problem.model.apply(theta, x)
    torch.testing.assert_close(problem.model.apply({**theta, **own}, x), expected, rtol=0, atol=1e-12)
    alone = problem.model.apply({**theta, **own}, x[:, :1])
    torch.testing.assert_close(alone, expected[:, :1], rtol=0, atol=1e-12)


def test_statistics_of_later_layers_arise_under_those_given() -> None:
    problem, theta_0, tasks = prepared()
    given = {"mean0": torch.full((1, 4), 0.2, dtype=torch.float64), "var0": torch.full((1, 4), 2.0).double()}
    found = problem.model.statistics({**theta_0, **given}, tasks.query.x[:1])
    plain = problem.model.statistics(theta_0, tasks.query.x[:1])
    torch.testing.assert_close(found["mean0"], plain["mean0"], rtol=0, atol=1e-14)
    assert not torch.isclose(found["mean1"], plain["mean1"]).any()


@pytest.mark.parametrize("kind", ["strided with group norm", "strided without norm"])
def test_only_batch_norm_has_statistics(kind: str) -> None:
    problem, theta_0, tasks = prepared(kind)
    assert problem.model.statistics(theta_0, tasks.query.x[:1]) == {}


def test_moments_are_over_points_and_space() -> None:
    maps = torch.rand(2, 3, 4, 5, 6, dtype=torch.float64)
    mean, var = moments(maps)
    torch.testing.assert_close(mean, maps.mean((1, 2, 3)), rtol=0, atol=1e-14)
    torch.testing.assert_close(var, maps.var((1, 2, 3), unbiased=False), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("kind", "treatment", "inductive"),
    [
        ("strided", "batch", False),
        ("strided", "support", True),
        ("strided", "running", True),
        ("pooled", "batch", False),
        ("pooled", "support", True),
        ("strided with group norm", "batch", True),
        ("strided without norm", "batch", True),
    ],
)
def test_only_batch_norm_by_batch_lets_queries_see_each_other(kind: str, treatment: Treatment, inductive: bool) -> None:
    problem, theta_0, tasks = prepared(kind)
    running = {}
    if treatment == "running":
        running = {f"steps/{name}": value[:, None] for name, value in random_statistics().items()}
    theta = adapt(
        over_tasks(theta_0, 3),
        tasks.support,
        model=problem.model,
        loss=problem.loss,
        how=Adaptation(0.1, normalization=Normalization(treatment, over_tasks(running, 3))),
        num_steps=2,
        order="first",
    ).theta
    all_at_once, few = (
        predict(
            problem.model,
            theta,
            tasks.query.x[:, :count],
            step=2,
            normalization=Normalization(treatment, over_tasks(running, 3)),
            support_x=tasks.support.x,
        )
        for count in (6, 2)
    )
    assert torch.allclose(all_at_once[:, :2], few, rtol=0, atol=1e-12) == inductive


def random_statistics() -> Params:
    random = torch.Generator().manual_seed(2)
    return {
        f"{what}{layer}": torch.rand(1, 4, generator=random, dtype=torch.float64) + 0.1
        for layer in range(2)
        for what in ("mean", "var")
    }


# Dead networks


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layer", [0, 1])
def test_a_layer_that_is_off_everywhere_makes_a_network_dead(kind: str, layer: int) -> None:
    problem, theta_0, tasks = prepared(kind)
    assert not problem.model.is_dead(theta_0, tasks.query.x[:1]).any()
    name = f"b{layer}" if kind.endswith("without norm") else f"shift{layer}"
    off = {**theta_0, name: theta_0[name] - 1000.0}
    both = problem.model.is_dead(lanes(off, theta_0), tasks.query.x[:2])
    assert both.tolist() == [True, False]
    on = off[name].clone()
    on[0, 1] = 1000.0
    assert not problem.model.is_dead({**theta_0, name: on}, tasks.query.x[:1]).any()


# With the engine

SWITCHES: dict[str, dict[str, Any]] = {
    "maml": {},
    "pooled": {"model": KINDS["pooled"]},
    "group norm": {"model": KINDS["strided with group norm"]},
    "fomaml": {"order": "first"},
    "anil": {"algorithm": "anil"},
    "meta-sgd": {"algorithm": "meta_sgd"},
    "meta-curvature": {"algorithm": "meta_curvature"},
    "reptile": {"algorithm": "reptile"},
    "imaml": {"algorithm": "imaml"},
    "support": {"batch_norm_treatment": "support"},
    "running": {"batch_norm_treatment": "running"},
    "maml++": {
        "batch_norm_treatment": "running",
        "per_step_norm": True,
        "per_step_statistics": True,
        "multi_step_loss": True,
        "per_step_rates": True,
    },
}
UNROLLED = [name for name in SWITCHES if name not in ("reptile", "imaml", "fomaml")]


def trained(config: RunConfig, num_steps: int = 3) -> tuple[Problem, Any, Any]:
    problem = problem_of(ConvNet(config.model, image_shape=SHAPE, num_outputs=WAYS))  # type: ignore[arg-type]
    state, records = advance(config, init_run(config, problem=problem), num_steps=num_steps, problem=problem)
    return problem, state, records


@pytest.mark.parametrize("name", SWITCHES)
def test_every_algorithm_moves_all_that_it_learns(name: str) -> None:
    config = run_config(**SWITCHES[name])
    problem, state, records = trained(config, 4)
    assert np.isfinite(records.query_loss).all()
    before = init_run(config, problem=problem).meta.meta_parameters
    after = state.meta.meta_parameters
    assert {key for key in before if same(before[key], after[key])} == set()
    resumed, _ = advance(config, state_from_bytes(state_to_bytes(trained(config, 2)[1])), num_steps=2, problem=problem)
    assert same(resumed, state)


@pytest.mark.parametrize("name", UNROLLED)
def test_recomputed_inner_gradients_are_the_stored_ones(name: str) -> None:
    config = run_config(**SWITCHES[name], recompute=False)
    problem, state, _ = trained(config)
    tasks = training_tasks(config, problem, 5)
    stored, again = (
        outer_gradient_at(
            replace(config, {"recompute": recompute}),
            state.meta.theta,
            state.meta.rates,
            tasks,
            problem=problem,
            step=5,
            statistics=state.meta.statistics,
        )
        for recompute in (False, True)
    )
    found, expected = (merge_meta(each.gradient, each.rates_gradient) for each in (again, stored))
    assert list(found) == list(expected)
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=1e-9, atol=1e-12)


def test_anil_adapts_the_linear_layer_only() -> None:
    problem, theta_0, tasks = prepared()
    start = over_tasks(theta_0, 3)
    theta = adapt(
        start,
        tasks.support,
        model=problem.model,
        loss=problem.loss,
        how=Adaptation(0.1, names=problem.model.head),
        num_steps=1,
        order="first",
    ).theta
    assert {name for name in theta if not torch.equal(theta[name], start[name])} == {"w2", "b2"}


@pytest.mark.parametrize("num_iterations", [20, 400])
@pytest.mark.parametrize("kind", ["strided", "pooled without norm"])
def test_lambda_max_is_the_largest_eigenvalue_of_the_support_hessian(kind: str, num_iterations: int) -> None:
    """With more iterations than there are directions too: what is left then is rounding."""
    config = replace_filters(KINDS[kind], 2)
    problem = problem_of(ConvNet(config, image_shape=SHAPE, num_outputs=WAYS))
    theta_0 = problem.model.init(3, torch.float64)
    tasks = training_tasks(run_config(), problem, 0)
    found = largest_eigenvalues(theta_0, tasks, problem=problem, num_iterations=num_iterations)
    for task in range(3):
        assert float(found[task]) == pytest.approx(dense_lambda_max(problem, theta_0, tasks, task), rel=1e-6)


def replace_filters(config: ConvConfig, num_filters: int) -> ConvConfig:
    return ConvConfig(
        num_layers=config.num_layers, num_filters=num_filters, downsample=config.downsample, norm=config.norm
    )


def dense_lambda_max(problem: Problem, theta_0: Params, tasks: Tasks, task: int) -> float:
    def loss(row: Tensor) -> Tensor:
        pieces = dict(zip(theta_0, row.split([value.numel() for value in theta_0.values()]), strict=True))
        theta = {name: piece.view(theta_0[name].shape) for name, piece in pieces.items()}
        prediction = problem.model.apply(theta, tasks.support.x[task : task + 1])
        return problem.loss(prediction, tasks.support.y[task : task + 1])[0]

    row = torch.cat([value.flatten() for value in theta_0.values()])
    return float(torch.linalg.eigvalsh(hessian(loss, row))[-1])


def test_meta_curvature_has_the_published_matrices_of_a_kernel() -> None:
    """Park & Oliva 2019, section 4.1: over the filters, over the channels, and over the 9 places."""
    theta_0 = network().init(0, torch.float64)
    (matrices,) = initial_rates(run_config(algorithm="meta_curvature"), theta_0)
    sizes = {name: value.shape[1] for name, value in matrices.items() if name.startswith(("w", "b"))}
    assert sizes == {"w0/1": 4, "w0/2": 2, "w0/3": 9, "w1/1": 4, "w1/2": 4, "w1/3": 9, "w2/1": 4, "w2/2": 3, "b2/1": 3}


def test_meta_curvature_turns_a_kernels_gradient_as_published() -> None:
    problem, theta_0, tasks = prepared()
    random = torch.Generator().manual_seed(0)
    (identities,) = initial_rates(run_config(algorithm="meta_curvature"), theta_0)
    matrices = {
        name: value + 0.3 * torch.randn(value.shape, generator=random, dtype=torch.float64)
        for name, value in identities.items()
    }
    start = over_tasks(theta_0, 3)
    plain, curved = (
        adapt(
            start,
            tasks.support,
            model=problem.model,
            loss=problem.loss,
            how=Adaptation(0.1, matrices=turning),
            num_steps=1,
            order="first",
        ).theta
        for turning in (None, over_tasks(matrices, 3))
    )
    step = (plain["w1"] - start["w1"]).flatten(3)
    filters, channels, places = (matrices[f"w1/{axis}"][0] for axis in (1, 2, 3))
    expected = torch.einsum("ai,bj,ck,nijk->nabc", filters, channels, places, step)
    torch.testing.assert_close((curved["w1"] - start["w1"]).flatten(3), expected, rtol=0, atol=1e-12)


def test_tasks_in_parts_are_tasks_at_once() -> None:
    problem, theta_0, tasks = prepared()
    whole = meta_gradient(theta_0, tasks, problem=problem, how=Adaptation(0.3), num_inner_steps=2).task_losses
    parts = [
        meta_gradient(
            theta_0, task_slice(tasks, which), problem=problem, how=Adaptation(0.3), num_inner_steps=2
        ).task_losses
        for which in ([0], [1, 2])
    ]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=0, atol=1e-12)
