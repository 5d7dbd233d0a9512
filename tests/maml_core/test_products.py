"""Fewer and larger products in a traced outer step: which are put together, which stay, and that the numbers stay what they were."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from maml_core.compiled import products
from maml_core.compiled.products import aten, graph_of

L, T, P, IN, OUT = 2, 3, 4, 5, 6
"""Lanes, tasks, points, and the two widths of a matrix."""


def some(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def over_tasks(matrix: Tensor) -> Tensor:
    return matrix.unsqueeze(1).expand(L, T, *matrix.shape[1:]).reshape(L * T, *matrix.shape[1:])


def rewritten(function: Callable[..., tuple[Tensor, ...]], *row: Tensor) -> list[tuple[int, ...]]:
    """The shapes of the products in the graph, which computes what the function does."""
    graph = graph_of(function, list(row))
    for found, wanted in zip(graph(*row), function(*row), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-13, atol=1e-13)
    return shapes(graph)


def shapes(graph: GraphModule) -> list[tuple[int, ...]]:
    both = (aten.bmm.default, aten.baddbmm.default)
    return [tuple(node.meta["tensor_meta"].shape) for node in graph.graph.nodes if node.target in both]


@pytest.mark.parametrize("turned", [False, True])
def test_points_of_all_tasks_that_share_a_matrix_are_one_product_a_lane(turned: bool) -> None:
    def apply(x: Tensor, matrix: Tensor) -> tuple[Tensor, ...]:
        each = over_tasks(matrix)
        return (torch.bmm(x, each.transpose(1, 2) if turned else each),)

    matrix = some(L, OUT, IN) if turned else some(L, IN, OUT)
    assert rewritten(apply, some(L * T, P, IN), matrix) == [(L, T * P, OUT)]


def test_so_they_are_with_a_bias() -> None:
    def apply(x: Tensor, matrix: Tensor, bias: Tensor) -> tuple[Tensor, ...]:
        return (torch.baddbmm(over_tasks(bias), x, over_tasks(matrix)),)

    assert rewritten(apply, some(L * T, P, IN), some(L, IN, OUT), some(L, 1, OUT)) == [(L, T * P, OUT)]


def test_tasks_with_matrices_of_their_own_keep_their_products() -> None:
    assert rewritten(lambda x, w: (torch.bmm(x, w),), some(L * T, P, IN), some(L * T, IN, OUT)) == [(L * T, P, OUT)]


def summed(value: Tensor) -> Tensor:
    return value.view(L, T, *value.shape[1:]).sum(1, keepdim=True)


def test_a_sum_of_products_over_tasks_is_one_product_a_lane() -> None:
    def gradient(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
        return (summed(torch.bmm(x.transpose(1, 2), y) + z + torch.bmm(y.transpose(1, 2), x).transpose(1, 2)),)

    row = some(L * T, P, IN), some(L * T, P, OUT), some(L * T, IN, OUT)
    assert rewritten(gradient, *row) == [(L, IN, OUT), (L, IN, OUT)]


def test_a_product_that_is_read_elsewhere_too_is_made_once() -> None:
    def gradient(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        each = torch.bmm(x.transpose(1, 2), y)
        return summed(each), each.exp()

    assert rewritten(gradient, some(L * T, P, IN), some(L * T, P, OUT)) == [(L * T, IN, OUT)]


def test_a_product_is_written_the_way_it_is_read() -> None:
    def turned(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        return (torch.bmm(x, y).transpose(1, 2).exp(), torch.bmm(x, y).transpose(-1, -2).transpose(1, 2).exp())

    assert sorted(rewritten(turned, some(T, P, IN), some(T, IN, OUT))) == [(T, P, OUT), (T, OUT, P)]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("sizes", [(P, 1, OUT), (P, IN, 1), (1, IN, OUT), (1, IN, 1), (1, 1, 1)])
def test_a_product_of_vectors_is_written_out(sizes: tuple[int, int, int], turned: bool) -> None:
    rows, length, columns = sizes

    def product(x: Tensor, y: Tensor, added: Tensor) -> tuple[Tensor, ...]:
        left, right = (x.transpose(1, 2), y.transpose(1, 2)) if turned else (x, y)
        return torch.bmm(left, right).exp(), torch.baddbmm(added, left, right).exp()

    x, y = (
        (some(T, length, rows), some(T, columns, length))
        if turned
        else (some(T, rows, length), some(T, length, columns))
    )
    assert rewritten(product, x, y, some(T, 1, columns)) == []


def test_products_of_products_are_written_out_too() -> None:
    def twice(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
        return (torch.bmm(torch.bmm(x, y), z),)

    assert rewritten(twice, some(T, P, 1), some(T, 1, IN), some(T, IN, 1)) == []


def test_nothing_is_left_to_put_together_in_a_meta_gradient() -> None:
    """What autograd makes of a second-order step of two lanes follows the patterns."""
    from maml_core.inner import Adaptation
    from maml_core.outer import meta_gradient
    from maml_core.problem import build_problem, training_tasks
    from maml_core.types import Examples, Tasks
    from tests.maml_core.helpers import tiny

    config = tiny(num_inner_steps=2, joint_baseline=False)
    problem = build_problem(config)
    tasks = training_tasks(config, problem, 0)
    theta = {
        name: value.repeat(L, *[1] * (value.ndim - 1)) for name, value in problem.model.init(0, torch.float64).items()
    }

    def gradient(*row: Tensor) -> tuple[Tensor, ...]:
        weights, data = dict(zip(theta, row, strict=False)), row[len(theta) :]
        of = Tasks(Examples(*data[:2]), Examples(*data[2:4]), data[4])
        found = meta_gradient(weights, of, problem=problem, how=Adaptation(0.01), num_inner_steps=2)
        return tuple(found.gradient.values())

    row = [*theta.values(), *tasks.support, *tasks.query, tasks.parameters]
    graph = graph_of(gradient, row)
    for found, wanted in zip(graph(*row), gradient(*row), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    found: list[Node] = [node for node in graph.graph.nodes if node.target in (aten.bmm.default, aten.baddbmm.default)]
    assert not [node for node in found if products._shared(node.args[-1]) is not None]
    assert not [node for node in found if {user.target for user in node.users} == {aten.transpose.int}]
    whole = [node for node in found if products._shape(node)[0] == L]
    assert not [node for node in found if 1 in products._shape(node)[1:]]
    assert len(whole) >= 6  # forwards and back through theta_0, and its gradient
