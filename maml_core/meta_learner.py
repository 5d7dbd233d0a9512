"""What a run learns as leaves of PyTorch, for an outer loop of one's own: any of `torch.optim`, its schedules, any order of tasks."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from maml_core.algorithms import moved_statistics, outer_gradient
from maml_core.config import RunConfig
from maml_core.params import leaves, merge_meta, split_meta
from maml_core.problem import Problem, build_problem
from maml_core.run_state import Checkpoint, RunState
from maml_core.runs import init_run
from maml_core.schedules import schedule
from maml_core.types import Tasks, as_tasks


class MetaLearner:
    """Theta_0, and what else the algorithm learns, as tensors that an optimiser of `torch.optim` moves.

    The config says how theta_0 adapts (algorithm, alpha, N, order, ...); of the outer loop it says nothing here: beta, the outer optimiser, its clipping,
    the baselines and the size of a meta-batch are the caller's.

    >>> import torch
    >>> from maml_core import RunConfig, training_tasks
    >>> config = RunConfig(meta_batch_size=4)
    >>> learner = MetaLearner(config)
    >>> optimizer = torch.optim.AdamW(learner.parameters(), lr=1e-3)
    >>> loss = learner.backward(training_tasks(config, learner.problem, 0))
    >>> optimizer.step()
    >>> learner.state().step
    1

    Args:
        config: The inner loop, and with `weights_seed` where it begins.
        problem: In place of the one that the config names.
    """

    def __init__(self, config: RunConfig, *, problem: Problem | None = None) -> None:
        self.config = config
        self.problem = problem or build_problem(config)
        self._begun = init_run(config, problem=self.problem)
        # Optimisers of torch move tensors in place, so each has memory of its own: learned rates may share theirs as they begin.
        self._leaves = leaves({name: value.clone() for name, value in self._begun.meta.meta_parameters.items()})
        self._statistics = self._begun.meta.statistics
        self.step = 0
        """How often `backward` was called: the outer step, as the schedules of MAML++ count."""

    def parameters(self) -> Iterator[Tensor]:
        """What is learned, [1, ...] each."""
        return iter(self._leaves.values())

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """What is learned, by name."""
        return iter(self._leaves.items())

    def backward(self, tasks: Tasks) -> float:
        """Put the meta-gradient on these tasks into the `.grad` of what is learned, in place of what is there.

        Returns:
            The query loss after N inner steps, mean over tasks.
        """
        theta, rates = split_meta({name: value.detach() for name, value in self._leaves.items()})
        now = schedule(self.config, self.step)
        found = outer_gradient(
            self.config,
            theta,
            rates,
            as_tasks(tasks).to(self.problem.device),
            problem=self.problem,
            order=now.order,
            step_weights=now.step_weights,
            statistics=self._statistics,
        )
        for name, gradient in merge_meta(found.gradient, found.rates_gradient).items():
            self._leaves[name].grad = gradient.detach()
        self._statistics = moved_statistics(self.config, self._statistics, found)
        self.step += 1
        return float(found.query_loss)

    def state(self) -> RunState:
        """What was learned as the state of a run, for `predict`, `evaluate`, `plain_module`, ...; its moments are those of a run that begins."""
        theta, rates = split_meta({name: value.detach().clone() for name, value in self._leaves.items()})
        meta = self._begun.meta._replace(theta=theta, rates=rates, statistics=self._statistics)
        here = Checkpoint(self.step, meta, self._begun.baselines)
        return self._begun._replace(step=self.step, meta=meta, good=here, candidate=here)
