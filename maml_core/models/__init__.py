"""Models: pure functions of batched parameters."""

from __future__ import annotations

from maml_core.config import ModelConfig
from maml_core.models.mlp import MLP
from maml_core.models.model import Model
from maml_core.models.module import ModuleModel

__all__ = ["MLP", "Model", "ModuleModel", "build_model"]


def build_model(config: ModelConfig, *, num_inputs: int, num_outputs: int) -> Model:
    """The model that a config names, for tasks of this shape."""
    return MLP(config, num_inputs=num_inputs, num_outputs=num_outputs)
