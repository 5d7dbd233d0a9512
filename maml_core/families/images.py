"""Families of images: generated, hand-written, and from a folder."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

from maml_core.settings import check_fields, documented, setting

_WAYS = "Classes a task has."
_LABELS = (
    "How the classes of a training task are numbered. shuffled: anew in every task. fixed: a class has the same number whenever it comes, so that "
    "theta_0 can learn classes by heart and ignore the support set (Yin et al. 2020); there have to be few of them for that. Held-out tasks are "
    "shuffled."
)

Labels = Literal["shuffled", "fixed"]

DRAWINGS = 20
"""Images of each Omniglot character."""


class ImageFamily(ABC):
    """What every family of images says of itself beside its settings."""

    __slots__ = ()

    classifies = True
    """Whether tasks are of classes."""
    ways: int

    @property
    @abstractmethod
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""

    @property
    def num_inputs(self) -> int:
        """Width of one x: an image is a flat row of its channels' rows."""
        return math.prod(self.image_shape)

    @property
    def num_outputs(self) -> int:
        """Width of one prediction."""
        return self.ways


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class GlyphsConfig(ImageFamily):
    """Few-shot tasks of generated characters: pen strokes of an unknown script, 28 x 28, without any data."""

    called = "Glyphs (drawn, no data)"

    kind: Literal["glyphs"] = "glyphs"
    ways: int = setting(5, _WAYS, low=2, high=20)
    labels: Labels = setting("shuffled", _LABELS)
    difficulty: float = setting(
        0.5, "How alike the characters are and how much the hands that draw them differ.", low=0.0, high=1.0
    )
    test_difficulty: float | None = setting(
        None,
        "Difficulty of held-out tasks, where it is another than in training; none: that of difficulty.",
        low=0.0,
        high=1.0,
    )

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        return (1, 28, 28)


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class OmniglotConfig(ImageFamily):
    """Few-shot tasks of hand-written characters (Lake et al. 2015), 28 x 28, ink = 1."""

    called = "Omniglot"

    kind: Literal["omniglot"] = "omniglot"
    ways: int = setting(5, _WAYS, low=2, high=20)
    labels: Labels = setting("shuffled", _LABELS)
    split: Literal["alphabets", "background", "random"] = setting(
        "alphabets",
        "Which characters are held out. alphabets: as published, whole alphabets, tested on those of the evaluation set. "
        "background: alphabets of the background set alone. random: characters of all alphabets, as in the MAML papers.",
    )
    split_seed: int = setting(0, "Seed of what is held out.", low=0, high=2**31 - 1)
    rotations: bool = setting(True, "Characters turned by 90, 180 and 270 degrees are classes of their own.")

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        return (1, 28, 28)


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class FolderConfig(ImageFamily):
    """Few-shot tasks of images that lie in a folder, sorted into a folder a class."""

    called = "A folder of images"

    kind: Literal["folder"] = "folder"
    folder: str = setting("", "A folder, or a zip file, with a folder of images for each class.")
    ways: int = setting(5, _WAYS, low=2, high=20)
    labels: Labels = setting("shuffled", _LABELS)
    size: int = setting(28, "Height and width that images are brought to, in pixels.", low=8, high=84)
    color: Literal["grey", "rgb"] = setting("grey", "One channel or three.")
    split_seed: int = setting(0, "Seed of which classes are held out.", low=0, high=2**31 - 1)
    validation_classes: int | None = setting(
        None,
        "Classes held out for validation; none: those of the folder's own split, else one in five and at least two.",
        low=2,
        high=100_000,
    )
    test_classes: int | None = setting(
        None, "Classes held out for the test, 0 for none at all; none: as for validation.", low=0, high=100_000
    )

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        return (3 if self.color == "rgb" else 1, self.size, self.size)
