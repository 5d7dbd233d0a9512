"""Products of matrices in a traced outer step, put so that there are fewer and larger ones.

Autograd multiplies for every task alone. Where all tasks of a lane share a matrix, as theta_0's at the first inner step, their points are the
rows of one product; where products are summed over tasks, as in the meta-gradient, the sum is one product over all their points, and what each
task adds to it is never written down. Vectors are no matrices: their products are left to the compiler. It is the same sum in another order, so
it is equal to rounding.

Shapes below: L lanes of T tasks of p points; B = L * T.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._guards import TracingContext, tracing
from torch._subclasses import FakeTensorMode
from torch.fx import Graph, GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.passes.shape_prop import ShapeProp

aten: Any = torch.ops.aten


def graph_of(function: Callable[..., tuple[Tensor, ...]], row: list[Tensor]) -> GraphModule:
    """A function of tensors as a graph of PyTorch's own functions, with fewer products.

    Args:
        function: What is traced.
        row: What it is traced with.
    """
    # One mode for what is known of all values: otherwise every value gets a mode of its own, which takes half of the tracing.
    with tracing(TracingContext(FakeTensorMode(allow_fallback_kernels=True))):
        graph: GraphModule = make_fx(function)(*row)
    for rewrite in (_turn_factors, _sum_in_products, _share_matrices, _write_out_thin):
        rewrite(graph.graph)
        graph.graph.eliminate_dead_code()
        graph.recompile()
        ShapeProp(graph).propagate(*row)  # of what is new
    return graph


def _turn_factors(graph: Graph) -> None:
    """(A B)' = B' A': a product is written the way it is read, instead of along the other axis."""
    for node in list(graph.nodes):
        product = _turned(node)
        if product is None:
            continue
        if (inner := _turned(product)) is not None:
            node.replace_all_uses_with(inner)
        elif _calls(product, aten.bmm.default) and len(product.users) == 1:
            first, second = product.args
            with graph.inserting_before(node):
                node.replace_all_uses_with(
                    graph.call_function(aten.bmm.default, (_turn(graph, second), _turn(graph, first)))
                )


def _sum_in_products(graph: Graph) -> None:
    """The sum over a lane's tasks of X_t' Y_t, [B, p, i] and [B, p, j], is one product of [i, T * p] and [T * p, j] a lane."""
    for node in list(graph.nodes):
        summed = _summed_over_tasks(node)
        if summed is None:
            continue
        terms = _terms(summed.value, _shape(summed.value))
        products = [term for term in terms if _calls(term, aten.bmm.default) and len(term.users) == 1]
        products = [term for term in products if _turned(term.args[0]) is not None]
        if not products:
            continue
        with graph.inserting_before(node):
            found = []
            for term in products:
                left, right = (_rows(graph, one, summed.num_lanes) for one in (_turned(term.args[0]), term.args[1]))
                whole = graph.call_function(aten.bmm.default, (_turn(graph, left), right))
                found.append(graph.call_function(aten.unsqueeze.default, (whole, 1)))
            for term in terms:
                if term not in products:
                    view = graph.call_function(aten.view.default, (term, [summed.num_lanes, -1, *_shape(term)[1:]]))
                    found.append(graph.call_function(aten.sum.dim_IntList, (view, [1], True)))
            total = found[0]
            for one in found[1:]:
                total = graph.call_function(aten.add.Tensor, (total, one))
        node.replace_all_uses_with(total)


def _share_matrices(graph: Graph) -> None:
    """X_t W for all tasks of a lane, which share W: one product of [T * p, i] and [i, j] a lane, and W is never repeated."""
    for node in list(graph.nodes):
        if _calls(node, aten.bmm.default):
            added, (points, matrix) = None, node.args
        elif _calls(node, aten.baddbmm.default) and not node.kwargs:
            added, points, matrix = node.args
        else:
            continue
        base, is_turned = (matrix, False) if _turned(matrix) is None else (_turned(matrix), True)
        shared = _shared(base)
        if shared is None:
            continue
        with graph.inserting_before(node):
            factor = _turn(graph, shared) if is_turned else shared
            whole = graph.call_function(aten.bmm.default, (_rows(graph, points, _shape(shared)[0]), factor))
            found = graph.call_function(aten.view.default, (whole, list(_shape(node))))
            if added is not None:
                found = graph.call_function(aten.add.Tensor, (found, added))
        node.replace_all_uses_with(found)


def _write_out_thin(graph: Graph) -> None:
    """A product with an axis of length 1 becomes products of numbers and their sum, and what is added to a product is added by itself: both are
    computed together with what is around them, where a library of matrices takes as long for a column as for forty.
    """
    for node in list(graph.nodes):
        if _calls(node, aten.bmm.default):
            added, (left, right) = None, node.args
        elif _calls(node, aten.baddbmm.default) and not node.kwargs:
            added, left, right = node.args
        else:
            continue
        with graph.inserting_before(node):
            found = _written_out(graph, left, right)
            if added is not None:
                found = graph.call_function(aten.add.Tensor, (found, added))
        found.meta["tensor_meta"] = node.meta["tensor_meta"]  # the next product may be of it
        node.replace_all_uses_with(found)


def _written_out(graph: Graph, left: Any, right: Any) -> Node:
    """The product of [B, i, k] and [B, k, j], written out where i, j or k is 1."""
    (_, num_rows, length), num_columns = _shape(left), _shape(right)[2]
    if length == 1:
        return graph.call_function(aten.mul.Tensor, (left, right))
    if num_columns == 1:
        return _times_column(graph, left, right)
    if num_rows == 1:
        return _row_times(graph, left, right)
    return graph.call_function(aten.bmm.default, (left, right))


def _times_column(graph: Graph, matrix: Any, column: Any) -> Node:
    """A matrix [B, i, k] times a column [B, k, 1], in the order in which the matrix lies in the memory."""
    lying = _turned(matrix)
    if lying is None:
        return _summed_products(graph, matrix, _turn(graph, column), 2)
    return _turn(graph, _summed_products(graph, lying, column, 1))


def _row_times(graph: Graph, row: Any, matrix: Any) -> Node:
    """A row [B, 1, k] times a matrix [B, k, j], in the order in which the matrix lies in the memory."""
    lying = _turned(matrix)
    if lying is None:
        return _summed_products(graph, matrix, _turn(graph, row), 1)
    return _turn(graph, _summed_products(graph, lying, row, 2))


def _summed_products(graph: Graph, one: Any, other: Any, axis: int) -> Node:
    terms = graph.call_function(aten.mul.Tensor, (one, other))
    return graph.call_function(aten.sum.dim_IntList, (terms, [axis], True))


# Patterns


class _Summed(NamedTuple):
    """A sum over each lane's tasks."""

    value: Node
    """[B, ., .]"""
    num_lanes: int


def _calls(node: Any, *functions: Any) -> bool:
    return isinstance(node, Node) and node.op == "call_function" and node.target in functions


def _shape(node: Any) -> tuple[int, ...]:
    return tuple(node.meta["tensor_meta"].shape)


def _turned(node: Any) -> Any:
    """X where the node is X', for every row of a batch; None where it is not."""
    is_turned = _calls(node, aten.transpose.int) and len(_shape(node)) == 3
    return node.args[0] if is_turned and {axis % 3 for axis in node.args[1:]} == {1, 2} else None


def _turn(graph: Graph, node: Any) -> Node:
    return graph.call_function(aten.transpose.int, (node, 1, 2))


def _rows(graph: Graph, node: Any, num_lanes: int) -> Node:
    """All points of a lane's tasks below each other, [B, p, i] -> [L, T * p, i]."""
    return graph.call_function(aten.reshape.default, (node, [num_lanes, -1, _shape(node)[2]]))


def _summed_over_tasks(node: Any) -> _Summed | None:
    if not _calls(node, aten.sum.dim_IntList) or len(node.args) != 3 or list(node.args[1]) != [1] or not node.args[2]:
        return None
    view = node.args[0]
    if not _calls(view, aten.view.default) or len(view.users) != 1:
        return None
    value = view.args[0]
    splits = len(_shape(value)) == 3 and len(_shape(view)) == 4 and _shape(value)[1:] == _shape(view)[2:]
    return _Summed(value, _shape(view)[0]) if splits else None


def _terms(node: Any, shape: tuple[int, ...]) -> list[Any]:
    """What a sum that nobody else reads is made of."""
    adds = _calls(node, aten.add.Tensor) and len(node.users) == 1 and len(node.args) == 2 and not node.kwargs
    if adds and all(isinstance(one, Node) and _shape(one) == shape for one in node.args):
        return [term for one in node.args for term in _terms(one, shape)]
    return [node]


def _shared(node: Any) -> Any:
    """[L, i, j] where the node is that for each of T tasks, [B, i, j]; None where it is not."""
    if not _calls(node, aten.view.default, aten._unsafe_view.default):
        return None
    repeated = node.args[0]
    if _calls(repeated, aten.clone.default):
        repeated = repeated.args[0]
    if not _calls(repeated, aten.expand.default):
        return None
    one = repeated.args[0]
    if not _calls(one, aten.unsqueeze.default) or one.args[1] != 1 or len(_shape(one)) != 4:
        return None
    num_lanes, num_tasks, *rest = _shape(repeated)
    is_whole = _shape(one) == (num_lanes, 1, *rest) and _shape(node) == (num_lanes * num_tasks, *rest)
    return one.args[0] if is_whole else None
