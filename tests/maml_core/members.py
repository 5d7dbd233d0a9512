"""Every task family, model and algorithm that a config knows, each with a small run: what a contract is held to, member by member.

The members come from the config's own unions. One without a run here fails by its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image

from maml_core.config import (
    ALIASES,
    ConvConfig,
    FolderConfig,
    GlyphsConfig,
    LinearConfig,
    ModelConfig,
    OmniglotConfig,
    RunConfig,
    SinusoidConfig,
    TaskConfig,
)
from maml_core.families.curves import Curves
from maml_core.settings import hints_of
from tests.maml_core.datasets.layout import official
from tests.maml_core.helpers import tiny

FAMILIES = tuple(family.__dataclass_fields__["kind"].default for family in get_args(TaskConfig))
MODELS = tuple(model.__dataclass_fields__["kind"].default for model in get_args(ModelConfig))
ALGORITHMS = (*get_args(hints_of(RunConfig)["algorithm"]), *ALIASES)

PICTURES = 'it\'s "my" pictures, ünïcode\\ 漢字 $HOME %20 #1'
"""A folder as people may call it."""

_IMAGES: dict[str, Any] = {"shots": 1, "num_query": 2, "meta_batch_size": 2, "model": ConvConfig(num_filters=2)}


def pictures(folder: Path, *, classes: int = 12, images: int = 4) -> Path:
    """Grey images of noise, in a folder for each class."""
    random = np.random.default_rng(0)
    for kind in range(classes):
        (folder / f"class {kind}").mkdir(parents=True)
        for number in range(images):
            pixels = random.integers(0, 256, (10, 10), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"class {kind}" / f"{number}.png")
    return folder


@contextmanager
def images_there(root: Path) -> Iterator[Path]:
    """Omniglot, small, and a folder of pictures, for as long as it lasts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAML_DATA", str(root / "data"))
        patch.setenv("MAML_OMNIGLOT", str(official(root / "omniglot", characters=6)))
        yield pictures(root / PICTURES)


def family_run(kind: str, folder: Path) -> RunConfig:
    """A small run on tasks of a family.

    Args:
        kind: Of the family.
        folder: Of pictures, where the family needs one.
    """
    own = next(family for family in get_args(TaskConfig) if family.__dataclass_fields__["kind"].default == kind)
    if issubclass(own, Curves):
        return tiny(tasks=own(noise_std=0.1))
    runs = {
        "sinusoid": tiny(tasks=SinusoidConfig(noise_std=0.1)),
        "linear": tiny(tasks=LinearConfig(num_features=2, noise_std=0.1)),
        "glyphs": tiny(tasks=GlyphsConfig(ways=2), **_IMAGES),
        "omniglot": tiny(tasks=OmniglotConfig(ways=2), **_IMAGES),
        "folder": tiny(tasks=FolderConfig(ways=2, folder=str(folder), size=8), **_IMAGES),
    }
    return runs[kind]


def algorithm_run(name: str) -> RunConfig:
    """A small run of an algorithm, or of one by another name."""
    return tiny(num_inner_steps=2, alpha=0.02, **ALIASES.get(name, {"algorithm": name}))
