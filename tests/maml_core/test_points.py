"""Points of somebody's own: what is read as them, in which line it is refused, and how theta_0 adapts to them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maml_core.config import GlyphsConfig, LinearConfig, RunConfig, SinusoidConfig
from maml_core.errors import ConfigError
from maml_core.points import LARGEST, MAX_LETTERS, MAX_POINTS, outside, read_points
from maml_core.records import Demonstration, OwnPoints, TaskFit, View
from maml_core.runs import advance, init_run
from maml_core.snapshots import snapshot
from tests.maml_core.helpers import tiny

ONLY_THE_FIT = {"trajectories": False, "curvature": False, "rates": False, "paths": False}


def pairs(text: str) -> list[tuple[float, float]]:
    found = read_points(text)
    return list(zip(found.support_x.tolist(), found.support_y.tolist(), strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "1.5,-2\n3,4e-1",
        "1.5, -2\n3, 0.4",
        "1.5 , -2\r\n3 , .4\r\n",
        "1.5 -2\r3 0.4",
        "1.5\t-2\n3\t0.4",
        "1,5\t-2\n3\t0,4",
        "1,5   -2,0\n 3  ,4",
        "1,5;-2\n3;0,4;",
        "1.5;-2;;\n3; 0.4",
        "\n\n1.5 -2\n\n   \n3 0.4\n\n",
        "x,y\n1.5,-2\n3,0.4",
        "# x y\n1.5 -2\n3 0.4",
        "Zeit in s;Höhe\n1,5;-2\n3;0,4",
        "day 1, day 2\n1.5, -2\n3, 0.4",
        '"x","y"\n"1.5","-2"\n"3","0.4"',
        "\ufeff1.5,\N{MINUS SIGN}2\n3,+0.4",
    ],
)
def test_pairs_are_read_however_they_are_written(text: str) -> None:
    assert pairs(text) == [(1.5, -2.0), (3.0, 0.4)]


@given(
    st.lists(st.tuples(*[st.floats(-LARGEST, LARGEST, allow_subnormal=False)] * 2), min_size=1, max_size=MAX_POINTS),
    st.sampled_from([(",", "."), (", ", "."), ("\t", "."), (" ", "."), (";", "."), ("; ", ","), ("\t", ",")]),
)
def test_what_is_written_is_read_back(points: list[tuple[float, float]], style: tuple[str, str]) -> None:
    between, decimal = style
    lines = [between.join(repr(value).replace(".", decimal) for value in pair) for pair in points]
    assert pairs("\n".join(["a" + between + "b", *lines])) == points


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1,2\n\n3,abc", "line 3: 'abc' is not a number"),
        ("x,y\n1,2\n3,", "line 3: a number is missing"),
        ("1 2\nx y", "line 2: 'x' is not a number"),
        ("1 nan", "line 1: 'nan' is not a number"),
        ("1 2\n1 inf", "line 2: 'inf' is not a number"),
        ("1_0 2", "line 1: '1_0' is not a number"),
        ("1 0x10", "line 1: '0x10' is not a number"),
        ("1\n2", "line 1: one x and one y are needed, and here is 1 number"),
        ("1 2\n3 4 5", "line 2: one x and one y are needed, and here are 3 numbers"),
        ("1;2;3;4", "line 1: one x and one y are needed, and here are 4 numbers"),
        ("1 2\n3 -1e7", "line 2: -1e7 is further from 0 than 1,000,000"),
        ("1 1e999", "line 1: 1e999 is further from 0 than 1,000,000"),
        ("", "there are no points: write one x and one y a line"),
        ("x, y\n", "there are no points: write one x and one y a line"),
        ("1 2\n" * 60 + "\n" + "3 4\n" * 60, f"line 102: these are more than {MAX_POINTS} points; leave some out"),
        ("1" * (MAX_LETTERS + 1), "the text has 20,001 letters; at most 20,000 are read"),
    ],
)
def test_what_is_no_pair_is_refused_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        read_points(text)


def test_decimal_commas_between_commas_are_told_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"here are 4 numbers; where commas are decimal, put a semicolon or a blank"):
        read_points("1,5,2,5")


def test_every_third_point_is_held_back_where_that_is_asked_for() -> None:
    text = "\n".join(f"{x} {10 * x}" for x in range(7))
    found = read_points(text, hold_back=True)
    assert found.support_x.tolist() == [0, 1, 3, 4, 6]
    assert found.query_x.tolist() == [2, 5]
    assert found.query_y.tolist() == [20, 50]
    assert read_points(text).query_x.tolist() == []
    with pytest.raises(ValueError, match="every third point is held back: give at least 3, not 2"):
        read_points("1 2\n3 4", hold_back=True)


def test_the_first_line_is_kept_where_it_names_the_columns() -> None:
    assert read_points("time, height\n1, 2").header == "time, height"
    assert read_points("1, 2").header == ""


def test_what_lies_outside_of_training_is_said() -> None:
    family = SinusoidConfig(test_x=(-20.0, 20.0))  # held-out tasks may lie there; nothing was trained there
    inside = np.array([-5.0, 5.0])
    assert outside(inside, inside, family) == ""
    assert outside(np.array([5.5]), np.array([0.0]), family) == "Outside of training: x reaches 5.5 (there −5 to 5)."
    assert outside(np.array([0.0]), np.array([-6.0]), family) == "Outside of training: y reaches −6 (there −5 to 5)."


# --- How theta_0 adapts to them ---------------------------------------------------------------------------------------

OWN = read_points("-1 0.5\n0 -0.25\n2 1\n3 0\n7.5 -1\n1 1", hold_back=True)


def fit_of(config: RunConfig, own: OwnPoints, *, num_steps: int = 5) -> TaskFit:
    state, _ = advance(config, init_run(config), num_steps=num_steps)
    found = snapshot(config, state, View(tasks=(Demonstration(own=own),), **ONLY_THE_FIT)).fit  # type: ignore[arg-type]
    assert isinstance(found, TaskFit)
    return found


def plain_path(config: RunConfig, own: OwnPoints, num_steps: int) -> list[list[torch.Tensor]]:
    """theta_0, theta_1, ... by a plain loop over the weights of a tanh network, which knows nothing of the engine's."""
    state, _ = advance(config, init_run(config), num_steps=5)
    theta = [value[0].detach().double() for value in state.meta.theta.values()]
    x, y = (torch.tensor(values)[:, None] for values in (own.support_x, own.support_y))
    found = [theta]
    for _ in range(num_steps):
        theta = [value.clone().requires_grad_() for value in theta]
        gradients = torch.autograd.grad((network(theta, x) - y).square().mean(), theta)
        theta = [(value - config.alpha * slope).detach() for value, slope in zip(theta, gradients, strict=True)]
        found.append(theta)
    return found


def network(theta: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    w0, b0, w1, b1, w2, b2 = theta
    return torch.tanh(torch.tanh(x @ w0 + b0) @ w1 + b1) @ w2 + b2


def test_it_is_a_plain_inner_loop_over_these_points() -> None:
    config = tiny(alpha=0.05, num_inner_steps=2, evaluation_steps=4)
    fit, path = fit_of(config, OWN), plain_path(config, OWN, 4)
    np.testing.assert_allclose(fit.support_x, OWN.support_x)
    np.testing.assert_allclose(fit.query_y, OWN.query_y)
    grid, query_x, query_y = (torch.tensor(values)[:, None] for values in (fit.grid, OWN.query_x, OWN.query_y))
    support_x, support_y = (torch.tensor(values)[:, None] for values in (OWN.support_x, OWN.support_y))
    for k, theta in enumerate(path):
        np.testing.assert_allclose(fit.curves[k], network(theta, grid.double())[:, 0], rtol=1e-4, atol=1e-5)
        for losses, x, y in ((fit.support_loss, support_x, support_y), (fit.query_loss, query_x, query_y)):
            np.testing.assert_allclose(losses[k], (network(theta, x) - y).square().mean(), rtol=1e-4)
    assert len(fit.curves) == len(fit.support_loss) == 5
    assert fit.support_loss[4] < fit.support_loss[0]
    rows = np.stack([np.concatenate([value.numpy().ravel() for value in theta]) for theta in path[:3]])
    np.testing.assert_allclose(fit.path, rows, atol=1e-5)  # theta_0..theta_N
    np.testing.assert_allclose(fit.vector, rows[2] - rows[0], atol=1e-5)


def test_the_grid_reaches_as_far_as_the_points_and_nobody_knows_the_truth() -> None:
    fit = fit_of(tiny(), OWN)
    assert (fit.grid[0], fit.grid[-1]) == (-5.0, 7.5)
    assert fit.is_own
    assert len(fit.truth) == len(fit.parameters) == 0
    generated = snapshot(tiny(), init_run(tiny()), View(**ONLY_THE_FIT)).fit  # type: ignore[arg-type]
    assert isinstance(generated, TaskFit)
    assert not generated.is_own
    assert generated.path.shape == (0, len(generated.vector))


def test_where_none_is_held_back_no_query_loss_is_claimed() -> None:
    fit = fit_of(tiny(), read_points("1 2"))
    assert np.isnan(fit.query_loss).all()
    assert np.isfinite(fit.support_loss).all()


@pytest.mark.parametrize(
    "changes",
    [{"tasks": LinearConfig(num_features=2)}, {"tasks": GlyphsConfig(), "shots": 1}],
    ids=["x of two", "images"],
)
def test_what_has_no_curve_over_one_x_refuses_points(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="curves over one x"):
        fit_of(tiny(**changes), OWN, num_steps=0)
