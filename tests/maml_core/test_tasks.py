"""Task families: what is drawn, from which seed, and the reference levels."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maml_core.config import LinearConfig, RunConfig, SinusoidConfig, TaskConfig
from maml_core.errors import ConfigError
from maml_core.families.curves import CurveFamily, Curves
from maml_core.levels import Numbers
from maml_core.problem import Problem, build_problem, held_out_tasks, tasks_of_steps, training_tasks
from maml_core.rng import Stream, generator
from maml_core.settings import Interval, setting
from maml_core.tasks import Linear, Regression, Sinusoid, build_family
from maml_core.tasks.family import ALIGNMENT
from maml_core.types import Tasks
from tests.maml_core.helpers import same, tiny

CLOSED: list[CurveFamily] = [
    SinusoidConfig(),
    SinusoidConfig(noise_std=0.5, x=(0.0, 2.0), amplitude=(1.0, 3.0), phase_rad=(-1.0, 0.5)),
    LinearConfig(),
    LinearConfig(num_features=3, w_mean=0.7, w_std=0.4, x=(-1.0, 2.5), noise_std=0.5),
    LinearConfig(num_features=2, w_mean=-1.0, w_std=0.0, x=(1.0, 1.0)),
    SinusoidConfig(frequency=(0.8, 1.2)),
    SinusoidConfig(frequency=(2.0, 2.0), x=(0.0, 2.0), phase_rad=(-1.0, 0.5), noise_std=0.5),
]
"""Families with closed forms of their levels."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StepsConfig(Curves):
    """Tasks y = height where x is beyond an edge, else 0."""

    kind: str = "steps"
    height: Interval = setting((1.0, 3.0), "Range of the height.", low=-100.0, high=100.0)
    edge: Interval = setting((-4.0, 4.0), "Range of the edge.", low=-100.0, high=100.0)

    def curve(self, x: Numbers, height: Numbers, edge: Numbers) -> Numbers:
        return height * (x > edge)


STEPS = StepsConfig(noise_std=0.1)
FAMILIES = [
    *CLOSED,
    STEPS,
    *(family() for family in get_args(TaskConfig) if issubclass(family, Curves)),
]
each_closed = pytest.mark.parametrize("config", CLOSED, ids=lambda config: f"{config.kind}-{FAMILIES.index(config)}")
each_family = pytest.mark.parametrize("config", FAMILIES, ids=lambda config: f"{config.kind}-{FAMILIES.index(config)}")


def draw(
    config: TaskConfig, *, seed: int = 0, index: int = 0, num_tasks: int = 4, shots: int = 5, num_query: int = 6
) -> Tasks:
    return build_family(config).draw_tasks(
        seed=seed,
        stream=Stream.TRAINING_TASKS,
        index=index,
        num_tasks=num_tasks,
        shots=shots,
        num_query=num_query,
        dtype=torch.float64,
    )


@each_family
def test_shapes(config: TaskConfig) -> None:
    tasks, family = draw(config), build_family(config)
    assert tasks.support.x.shape == (4, 5, family.num_inputs)
    assert tasks.query.x.shape == (4, 6, family.num_inputs)
    assert tasks.support.y.shape == (4, 5, family.num_outputs)
    assert tasks.query.y.shape == (4, 6, family.num_outputs)


@each_family
def test_the_same_seed_and_index_give_the_same_bits(config: TaskConfig) -> None:
    assert same(draw(config, seed=3, index=9), draw(config, seed=3, index=9))


@pytest.mark.parametrize("other", [{"seed": 4}, {"index": 10}])
@pytest.mark.parametrize("config", FAMILIES[:4], ids=lambda config: config.kind)
def test_another_seed_or_step_gives_other_tasks_and_other_points(config: TaskConfig, other: dict[str, int]) -> None:
    """Trap 14: a seed that reaches one and not the other."""
    a, b = draw(config, **{"seed": 3, "index": 9}), draw(config, **{"seed": 3, "index": 9, **other})
    for x, y in ((a.parameters, b.parameters), (a.support.x, b.support.x), (a.query.x, b.query.x)):
        assert not torch.isclose(x, y).any()


@each_family
@given(few=st.integers(1, 6), more=st.integers(6, 12))
def test_fewer_shots_are_a_prefix_of_more(config: TaskConfig, few: int, more: int) -> None:
    a, b = draw(config, shots=few), draw(config, shots=more)
    assert same(tuple(a.support), tuple(values[:, :few] for values in b.support))


@each_family
@given(shots=st.integers(1, 12), num_query=st.integers(1, 12))
def test_the_number_of_shots_moves_no_query_point_and_the_reverse(
    config: TaskConfig, shots: int, num_query: int
) -> None:
    plain = draw(config)
    assert same(tuple(draw(config, shots=shots).query), tuple(plain.query))
    assert same(tuple(draw(config, num_query=num_query).support), tuple(plain.support))
    assert same(draw(config, shots=shots, num_query=num_query).parameters, plain.parameters)


@pytest.mark.parametrize("config", FAMILIES[:4], ids=lambda config: config.kind)
def test_support_and_query_share_no_point(config: TaskConfig) -> None:
    """Trap 6."""
    tasks = draw(config, shots=20, num_query=20)
    for task in range(4):
        support, query = (set(points.x[task, :, 0].tolist()) for points in tasks[:2])
        assert len(support) == len(query) == 20
        assert not support & query


def test_support_and_query_noise_are_independent() -> None:
    """Trap 6: the same noise on both would let the support set tell the query's."""
    config = SinusoidConfig(noise_std=1.0)
    tasks, family = draw(config, shots=6, num_query=6), build_family(config)
    noise = [points.y - family.target(tasks.parameters, points.x) for points in tasks[:2]]
    assert not torch.isclose(noise[0], noise[1]).any()


def test_sinusoid_is_amplitude_times_sine_of_x_minus_phase() -> None:
    tasks = draw(SinusoidConfig())
    for task in range(4):
        amplitude, phase = tasks.parameters[task].tolist()
        for points in tasks[:2]:
            np.testing.assert_allclose(
                points.y[task].numpy(), amplitude * np.sin(points.x[task].numpy() - phase), rtol=0, atol=1e-12
            )


def test_linear_target_is_the_dot_product() -> None:
    tasks = draw(LinearConfig(num_features=3))
    for task in range(4):
        np.testing.assert_allclose(
            tasks.query.y[task, :, 0].numpy(), tasks.query.x[task].numpy() @ tasks.parameters[task].numpy()
        )


@pytest.mark.parametrize("config", FAMILIES[:2], ids=["default", "other"])
def test_sinusoid_draws_fill_the_configured_ranges_and_no_more(config: SinusoidConfig) -> None:
    tasks = draw(config, num_tasks=2000, shots=5)
    for values, (low, high) in (
        (tasks.parameters[:, 0], config.amplitude),
        (tasks.parameters[:, 1], config.phase_rad),
        (tasks.support.x, config.x),
        (tasks.query.x, config.x),
    ):
        width = high - low
        assert low <= float(values.min()) < low + 0.01 * width
        assert high - 0.01 * width < float(values.max()) <= high
        assert float(values.mean()) == pytest.approx((low + high) / 2.0, abs=0.03 * width)


def test_noise_has_the_configured_deviation_on_support_and_query() -> None:
    config = SinusoidConfig(noise_std=0.5)
    tasks, family = draw(config, num_tasks=2000), build_family(config)
    for points in tasks[:2]:
        noise = points.y - family.target(tasks.parameters, points.x)
        assert float(noise.std()) == pytest.approx(0.5, rel=0.03)
        assert float(noise.mean()) == pytest.approx(0.0, abs=0.02)


@each_family
def test_the_first_tasks_are_the_same_whatever_their_number(config: TaskConfig) -> None:
    assert same(draw(config, num_tasks=2).parameters, draw(config, num_tasks=7).parameters[:2])


def test_reference_levels_of_the_default_sinusoids() -> None:
    family = build_family(SinusoidConfig())
    assert family.zero_level() == pytest.approx(4.2517, abs=5e-5)
    assert family.non_adapting_level() == pytest.approx(3.0057, abs=5e-5)


def test_best_common_curve_of_the_default_sinusoids() -> None:
    x = torch.linspace(-5.0, 5.0, 11, dtype=torch.float64).view(-1, 1)
    found = build_family(SinusoidConfig()).non_adapting_prediction(x)
    np.testing.assert_allclose(found.numpy(), -1.6234 * np.cos(x.numpy()), rtol=0, atol=5e-5)


@each_closed
def test_reference_levels_agree_with_sampling(config: TaskConfig) -> None:
    family = build_family(config)
    tasks = draw(config, num_tasks=40_000, shots=1, num_query=4)
    for level, prediction in (
        (family.zero_level(), torch.zeros_like(tasks.query.y)),
        (family.non_adapting_level(), family.non_adapting_prediction(tasks.query.x)),
    ):
        losses = (prediction - tasks.query.y).square().mean((1, 2)).numpy()
        assert losses.mean() == pytest.approx(level, abs=4.0 * losses.std() / math.sqrt(len(losses)) + 1e-9)


@each_closed
def test_no_common_curve_nearby_beats_the_level(config: TaskConfig) -> None:
    """Paired on the same tasks: a little more or less of the best common prediction, or a shift of it, is worse."""
    family = build_family(config)
    tasks = draw(config, num_tasks=20_000, shots=1, num_query=4)
    best = family.non_adapting_prediction(tasks.query.x)
    bump = 0.3 * torch.cos(tasks.query.x[..., :1])
    best_loss = (best - tasks.query.y).square().mean()
    for other in (best + bump, best - bump, best + 0.3, best - 0.3):
        assert float((other - tasks.query.y).square().mean()) > float(best_loss)


def test_levels_of_a_family_without_closed_forms_are_measured() -> None:
    # E[h^2] P(x > edge) and E[h^2] E[p] - E[h]^2 E[p^2], p(x) = P(edge < x), each with the noise's variance
    family = build_family(STEPS)
    assert family.zero_level() == pytest.approx(13.0 / 6.0 + 0.01, rel=0.015)
    assert family.non_adapting_level() == pytest.approx(0.7 + 0.01, rel=0.015)
    assert STEPS.zero_level() == family.zero_level()
    assert STEPS.reach() == pytest.approx(3.0, rel=0.05)
    assert STEPS.parameter_ranges == ((1.0, 3.0), (-4.0, 4.0))


class _Planes(Linear):
    """Linear tasks that keep their closed forms to themselves."""

    zero_level = Regression.zero_level
    non_adapting_level = Regression.non_adapting_level


def test_measured_levels_agree_with_closed_forms_in_several_inputs() -> None:
    config = LinearConfig(num_features=3, w_mean=0.7, w_std=0.4, x=(-1.0, 2.5), noise_std=0.5)
    found, exact = _Planes(config), Linear(config)
    assert found.zero_level() == pytest.approx(exact.zero_level(), rel=0.2)  # 100 points of three inputs
    assert found.non_adapting_level() == pytest.approx(exact.non_adapting_level(), rel=0.2)


def test_a_setting_cannot_take_the_name_of_what_the_base_says() -> None:
    with pytest.raises(TypeError, match="Wrong: a setting cannot be called reach"):

        class Wrong(Curves):
            reach: Interval = (0.0, 1.0)


def test_a_function_that_is_not_finite_is_refused_by_its_range() -> None:
    class Roots(StepsConfig):
        def curve(self, x: Numbers, height: Numbers, edge: Numbers) -> Numbers:
            with np.errstate(invalid="ignore"):
                return np.sqrt(x) * height

    assert build_family(Roots(x=(0.0, 2.0))).zero_level() == pytest.approx(13.0 / 3.0, rel=0.015)
    with pytest.raises(ConfigError, match=r"x = \(-5.0, 5.0\) is not accepted: the tasks' function is not finite"):
        build_family(Roots()).zero_level()


def test_training_and_held_out_tasks_differ_even_under_one_seed() -> None:
    """Trap 7."""
    config = tiny(tasks_seed=1, evaluation_seed=1, meta_batch_size=4)
    problem = build_problem(config)
    held_out = held_out_tasks(config, problem)
    for step in range(5):
        assert not torch.isclose(training_tasks(config, problem, step).parameters, held_out.parameters).any()


def test_tasks_have_the_type_of_the_run() -> None:
    for name, dtype in (("float32", torch.float32), ("float64", torch.float64)):
        config = tiny(dtype=name)
        tasks = training_tasks(config, build_problem(config), 0)
        assert {tensor.dtype for tensor in (*tasks.support, *tasks.query, tasks.parameters)} == {dtype}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@each_family
def test_batches_that_are_drawn_together_are_those_of_their_indices_to_the_bit(
    config: TaskConfig, dtype: torch.dtype
) -> None:
    """Whether a run is cut into chunks must not matter; nor may it where a buffer lies, since sums depend on that."""
    family = build_family(config)
    assert isinstance(family, Regression)
    about: dict[str, Any] = {"seed": 3, "stream": Stream.TRAINING_TASKS, "num_tasks": 5, "shots": 3, "num_query": 7}
    together = family.draw_batches(indices=(9, 2, 10), dtype=dtype, **about)
    for index, tasks in zip((9, 2, 10), together, strict=True):
        assert same(tasks, family.draw_tasks(index=index, dtype=dtype, **about))
        for values in (*tasks.support, *tasks.query, tasks.parameters):
            assert values.is_contiguous()
            assert values.data_ptr() % ALIGNMENT == 0


def test_what_is_drawn_together_are_the_numbers_of_fresh_generators() -> None:
    """The bits that saved runs were trained on."""
    tasks = build_family(SinusoidConfig(noise_std=0.5)).draw_tasks(
        seed=3, stream=Stream.TRAINING_TASKS, index=9, num_tasks=4, shots=5, num_query=6, dtype=torch.float64
    )
    unit = generator(3, Stream.TRAINING_TASKS, 9, 1).random((5, 4, 1))
    noise = generator(3, Stream.TRAINING_TASKS, 9, 4).standard_normal((6, 4, 1))
    amplitude, phase = (tasks.parameters[:, of, None, None] for of in (0, 1))
    assert same(tasks.support.x, torch.tensor((-5.0 + 10.0 * unit).swapaxes(0, 1).copy()))
    exact = amplitude * torch.sin(tasks.query.x - phase)
    assert same(tasks.query.y, exact + 0.5 * torch.tensor(noise.swapaxes(0, 1).copy()))


def test_a_family_that_draws_its_tasks_in_its_own_way_is_asked_for_each_step() -> None:
    class Shifted(Sinusoid):
        def draw_tasks(self, **how: Any) -> Tasks:
            drawn = super().draw_tasks(**how)
            return drawn._replace(parameters=drawn.parameters + 1.0)

    plain = build_problem(tiny())
    own = Problem(family=Shifted(SinusoidConfig()), model=plain.model)
    for step, tasks in enumerate(tasks_of_steps(tiny(), own, range(3))):
        assert same(tasks.parameters, training_tasks(tiny(), plain, step).parameters + 1.0)


def test_more_points_than_are_drawn_at_once_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    config, problem, sizes = tiny(), build_problem(tiny()), []
    draw_batches = Regression.draw_batches

    def spied(self: Regression, *, indices: Sequence[int], **how: Any) -> list[Tasks]:
        sizes.append(len(indices))
        return draw_batches(self, indices=indices, **how)

    monkeypatch.setattr(Regression, "draw_batches", spied)
    points = config.meta_batch_size * (config.shots + config.num_query)
    monkeypatch.setattr("maml_core.problem.DRAWN_POINTS", 3 * points)
    found = list(tasks_of_steps(config, problem, range(4, 11)))
    assert sizes == [3, 3, 1]
    assert same(found[5], training_tasks(config, problem, 9))


def test_defaults_are_the_papers() -> None:
    """Finn et al. 2017, section 5.1."""
    config = RunConfig()
    assert config.tasks == SinusoidConfig(amplitude=(0.1, 5.0), phase_rad=(0.0, math.pi), x=(-5.0, 5.0), noise_std=0.0)
    assert (config.shots, config.num_query, config.num_inner_steps, config.alpha) == (10, 10, 1, 0.01)
    assert (config.meta_batch_size, config.beta, config.outer_optimizer) == (25, 1e-3, "adam")
