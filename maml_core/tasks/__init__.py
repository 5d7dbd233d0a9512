"""Task families: what a task is, how tasks are drawn, and which losses no adaptation can beat."""

from __future__ import annotations

from maml_core.config import FolderConfig, GlyphsConfig, LinearConfig, OmniglotConfig, SinusoidConfig, TaskConfig
from maml_core.tasks.family import Regression, TaskFamily
from maml_core.tasks.glyphs import Glyphs
from maml_core.tasks.images import FewShotImages
from maml_core.tasks.linear import Linear
from maml_core.tasks.pool import Pool, folder_pool, omniglot_pool
from maml_core.tasks.sinusoid import Sinusoid

__all__ = ["FewShotImages", "Glyphs", "Linear", "Pool", "Regression", "Sinusoid", "TaskFamily", "build_family"]


def build_family(config: TaskConfig) -> TaskFamily:
    """The task family that a config names."""
    match config:
        case SinusoidConfig():
            return Sinusoid(config)
        case LinearConfig():
            return Linear(config)
        case GlyphsConfig():
            return FewShotImages(Glyphs(config), ways=config.ways)
        case OmniglotConfig():
            return FewShotImages(omniglot_pool(config), ways=config.ways)
        case FolderConfig():
            return FewShotImages(folder_pool(config), ways=config.ways)
