"""The sequential loop over tasks that most MAML code uses: the reference for speed and, independently written, for correctness."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from maml_core.types import Params, Tasks


def forward(theta: Params, x: Tensor) -> Tensor:
    """A ReLU network with one set of parameters, without a batch axis."""
    last = len(theta) // 2 - 1
    for layer in range(last + 1):
        x = functional.linear(x, theta[f"w{layer}"].T, theta[f"b{layer}"])
        if layer < last:
            x = functional.relu(x)
    return x


def meta_loss(
    theta_0: Params, tasks: Tasks, *, alpha: float, num_inner_steps: int, create_graph: bool = True
) -> Tensor:
    """Mean query loss after adaptation, one task after the other."""
    losses = []
    for task in range(tasks.support.x.shape[0]):
        theta = theta_0
        for _ in range(num_inner_steps):
            loss = functional.mse_loss(forward(theta, tasks.support.x[task]), tasks.support.y[task])
            gradient = torch.autograd.grad(loss, list(theta.values()), create_graph=create_graph)
            theta = {name: value - alpha * g for (name, value), g in zip(theta.items(), gradient, strict=True)}
        losses.append(functional.mse_loss(forward(theta, tasks.query.x[task]), tasks.query.y[task]))
    return torch.stack(losses).mean()


class SequentialRun:
    """MAML as a loop over tasks with torch's own Adam."""

    def __init__(self, theta_0: Params, *, alpha: float, num_inner_steps: int, beta: float) -> None:
        self.theta_0 = {name: value[0].detach().clone().requires_grad_() for name, value in theta_0.items()}
        self.alpha, self.num_inner_steps = alpha, num_inner_steps
        self.optimizer = torch.optim.Adam(list(self.theta_0.values()), lr=beta)

    def step(self, tasks: Tasks) -> float:
        """One outer step; returns the meta-loss before it."""
        self.optimizer.zero_grad()
        loss = meta_loss(self.theta_0, tasks, alpha=self.alpha, num_inner_steps=self.num_inner_steps)
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())
