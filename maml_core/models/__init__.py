"""Models: pure functions of batched parameters."""

from __future__ import annotations

from maml_core.config import ConvConfig, MLPConfig, ModelConfig
from maml_core.models.convnet import ConvNet
from maml_core.models.mlp import MLP
from maml_core.models.model import Model
from maml_core.models.module import ModuleModel

__all__ = ["MLP", "ConvNet", "Model", "ModuleModel", "build_model"]


def build_model(
    config: ModelConfig, *, num_inputs: int, num_outputs: int, image_shape: tuple[int, int, int] | None = None
) -> Model:
    """The model that a config names, for tasks of this shape.

    Raises:
        ValueError: A convolutional network without an image's channels, height and width.
    """
    match config:
        case MLPConfig():
            return MLP(config, num_inputs=num_inputs, num_outputs=num_outputs)
        case ConvConfig():
            if image_shape is None:
                raise ValueError("a convolutional network needs an image_shape: channels, height, width")
            return ConvNet(config, image_shape=image_shape, num_outputs=num_outputs)
