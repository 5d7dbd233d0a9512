"""An outer step, and what its held-out evaluations are made of, traced and compiled ahead of time to libraries: up to a minute of a processor,
and a C++ compiler.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.fx import GraphModule

from maml_core.compiled import files
from maml_core.compiled.held_out import FEW, TASKS, InnerStep, QueryLosses, held_out_graph, inner_row, query_row
from maml_core.compiled.products import graph_of
from maml_core.compiled.step import Graph, Graphed, graph_at, graph_numbers, key_of, row_of
from maml_core.config import RunConfig
from maml_core.outer_step import META
from maml_core.params import over_tasks
from maml_core.problem import Problem, build_problem, held_out_tasks, training_tasks
from maml_core.run_state import Learner, baseline_learners, first_learner
from maml_core.schedules import schedule
from maml_core.types import Params, Tasks


def made(config: RunConfig, step: int, work: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """The key of an outer step of a run and the library that computes it, and then its key with what is looked at beside it and the libraries of
    both, by their parts: who trains need not wait for the second half.

    Args:
        config: Of the run.
        step: Which one: its schedule says what is computed.
        work: A folder for what is written on the way.

    Raises:
        RuntimeError: There is no compiler, or it could not compile this.
    """
    torch.set_num_threads(1)  # the library is for workers that have one thread each
    problem = build_problem(config)
    graph = graph_at(config, problem, schedule(config, step))
    learners = {META: first_learner(config, problem), **baseline_learners(config, problem, {})}
    tasks = training_tasks(config, problem, 0)
    libraries = {files.STEP: library_of(traced(graph, learners, tasks), work)}
    yield key_of(graph, learners, tasks), libraries
    for part, found in traced_held_out(config, problem, learners[META]).items():
        libraries[part] = library_of(found, work)
    yield key_of(graph, learners, tasks, whole=True), libraries


class Traced(torch.nn.Module):
    """A function from a row of tensors to another as a graph of PyTorch's own functions.

    Args:
        graph: What `torch.fx` has traced.
        row: What it was traced with.
    """

    def __init__(self, graph: GraphModule, row: list[Tensor]) -> None:
        super().__init__()
        self._graph = [graph]  # in a list: no part of this module
        self.row = row

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """What the function gives; see `step.Graphed`, `held_out.InnerStep` and `held_out.QueryLosses`."""
        return tuple(self._graph[0](*given))


def traced(graph: Graph, learners: dict[str, Learner], tasks: Tasks) -> Traced:
    """An outer step, traced with these learners and tasks; it serves for others as well."""
    # Moments that begin as one and the same tensor would be one and the same in the graph.
    row = [one.clone() for one in row_of(graph, learners, tasks, graph_numbers(graph))]
    return Traced(graph_of(Graphed(graph, learners).forward, row), row)


def traced_held_out(config: RunConfig, problem: Problem, learner: Learner) -> dict[str, Traced]:
    """What the evaluations of a run, and its looks at a few tasks, are made of, traced with what it learns at any step, by parts."""
    graph = held_out_graph(config, problem, learner)

    def inner(num_tasks: int) -> Traced:
        theta, anchor = (_copies(learner.theta, num_tasks) for _ in range(2))
        support = held_out_tasks(config, problem, num_tasks).support
        row = inner_row(theta, support, graph.how, 0, anchor)
        return Traced(graph_of(InnerStep(graph, theta, num_tasks).forward, row), row)

    theta = _copies(learner.theta, TASKS)
    row = query_row(theta, held_out_tasks(config, problem, TASKS), graph.how, 0)
    query = Traced(graph_of(QueryLosses(graph, theta).forward, row), row)
    return {files.INNER: inner(TASKS), files.QUERY: query, files.FEW: inner(FEW)}


def _copies(theta: Params, num_tasks: int) -> Params:
    return {name: value.clone() for name, value in over_tasks(theta, num_tasks).items()}


SETTINGS = {
    "cpp.vec_isa_ok": True,
    "aot_inductor.precompile_headers": False,
    "aot_inductor.enable_line_tables": False,
}
"""Settings of the compiler. Whether AVX works is not tried out, which starts a process with a torch of its own each time: the processor says so, and every
compiler that knows torch's C++ knows it. No headers are compiled for the sake of later steps: a step is two files. Tables of
lines, which are three quarters of a library, are for whoever debugs it.
"""


def library_of(step: Traced, work: Path) -> bytes:
    """Machine code of what was traced.

    Args:
        step: What it computes.
        work: A folder for what is written on the way.

    Raises:
        RuntimeError: There is no compiler, or it could not compile this.
    """
    import torch._inductor.config  # the compiler itself, which takes seconds

    with torch.no_grad(), torch._inductor.config.patch(SETTINGS):
        program = torch.export.export(step, tuple(step.row))
        package = torch._inductor.aoti_compile_and_package(program, package_path=str(work / "step.pt2"))
    with zipfile.ZipFile(package) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".so"))
        return archive.read(name)
