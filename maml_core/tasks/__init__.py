"""Task families: what a task is, how tasks are drawn, and below which losses nobody comes without adapting."""

from __future__ import annotations

from maml_core.config import FolderConfig, GlyphsConfig, LinearConfig, OmniglotConfig, SinusoidConfig, TaskConfig
from maml_core.datasets.trained import TrainedImages
from maml_core.families.curves import Curves
from maml_core.tasks.curves import CurveTasks
from maml_core.tasks.family import Regression, TaskFamily
from maml_core.tasks.given import StreamTasks, TableTasks
from maml_core.tasks.glyphs import Glyphs
from maml_core.tasks.images import FewShotImages
from maml_core.tasks.linear import Linear
from maml_core.tasks.pool import Pool, image_pool
from maml_core.tasks.sinusoid import Sinusoid

__all__ = [
    "FewShotImages",
    "Glyphs",
    "Linear",
    "Pool",
    "Regression",
    "Sinusoid",
    "StreamTasks",
    "TableTasks",
    "TaskFamily",
    "build_family",
    "images_of",
]


def build_family(config: TaskConfig | Curves, trained: TrainedImages | None = None) -> TaskFamily:
    """The task family that a config names.

    Args:
        config: Of the tasks.
        trained: The images of a saved run, where it has any: they must be there, and are split as they were.

    Raises:
        DataError: The images are not there, or not those that the run was trained on.
    """
    match config:
        case Curves():
            return CurveTasks(config)
        case SinusoidConfig():
            return Sinusoid(config)
        case LinearConfig():
            return Linear(config)
        case GlyphsConfig():
            return FewShotImages(Glyphs(config), ways=config.ways)
        case OmniglotConfig() | FolderConfig():
            return FewShotImages(image_pool(config, trained), ways=config.ways)


def images_of(family: TaskFamily) -> TrainedImages | None:
    """What a run of these tasks keeps of its images; None where they are not from files."""
    match family:
        case FewShotImages(source=Pool() as pool):
            return pool.trained
    return None
