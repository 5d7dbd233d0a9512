"""Task families: what a task is, how tasks are drawn, and which losses no adaptation can beat."""

from __future__ import annotations

from maml_core.config import LinearConfig, SinusoidConfig, TaskConfig
from maml_core.tasks.family import TaskFamily
from maml_core.tasks.linear import Linear
from maml_core.tasks.sinusoid import Sinusoid

__all__ = ["Linear", "Sinusoid", "TaskFamily", "build_family"]


def build_family(config: TaskConfig) -> TaskFamily:
    """The task family that a config names."""
    match config:
        case SinusoidConfig():
            return Sinusoid(config)
        case LinearConfig():
            return Linear(config)
