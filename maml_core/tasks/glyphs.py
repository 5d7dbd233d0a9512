"""Generated characters of unknown scripts: few-shot images without any data, and classes without number.

A script is an alphabet of 64 characters, made from its number alone; a task's classes are characters of one alphabet. Which split an
alphabet belongs to is part of its number, so no class is in two splits.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from maml_core.config import GlyphsConfig
from maml_core.datasets.splits import Split
from maml_core.records import Ints
from maml_core.rng import Stream, generator
from maml_core.tasks.images import DrawnImages
from maml_core.tasks.strokes import (
    CLASS_NUMBERS,
    DRAWING_NUMBERS,
    FORM,
    NUM_STROKES,
    SIZE,
    STROKE_NUMBERS,
    Floats,
    Program,
    draw,
    write_programs,
)

ALPHABET = 64
"""Characters of an alphabet."""
_FAVOURITES = 3
"""Strokes that the characters of an alphabet have in common."""
_SPLITS: Mapping[Split, int] = {"meta_train": 0, "meta_validation": 1, "meta_test": 2}
_NUM_ALPHABETS = 2**40


class Glyphs:
    """Characters as pen strokes write them; an `ImageSource`.

    With difficulty the characters of an alphabet share more of their strokes, and hands differ more.
    """

    image_shape = (1, SIZE, SIZE)

    def __init__(self, config: GlyphsConfig) -> None:
        self.similarity = 0.7 * config.difficulty
        self.variation = 0.4 + 0.8 * config.difficulty

    def num_classes(self, split: Split) -> None:  # noqa: ARG002
        """None: classes are without number."""
        return None

    def class_names(self, classes: Ints) -> tuple[str, ...]:
        """The number of each character, and of its alphabet.

        >>> Glyphs(GlyphsConfig()).class_names(np.array([70, 5]))
        ('character 7 of alphabet 1', 'character 6 of alphabet 0')
        """
        return tuple(
            f"character {number % ALPHABET + 1} of alphabet {number // ALPHABET}" for number in classes.tolist()
        )

    def programs(self, classes: Ints) -> Program:
        """How classes [C] are written."""
        alphabets, which = np.unique(classes // ALPHABET, return_inverse=True)
        generators = [generator(0, Stream.CLASSES, int(alphabet)) for alphabet in alphabets]
        favourites = np.stack([rng.random((_FAVOURITES, STROKE_NUMBERS), dtype=np.float32) for rng in generators])
        own = np.stack(
            [rng.random((ALPHABET, CLASS_NUMBERS + 2 * NUM_STROKES), dtype=np.float32) for rng in generators]
        )
        own = own[which, classes % ALPHABET]
        own, chance, favourite = np.split(own, [CLASS_NUMBERS, CLASS_NUMBERS + NUM_STROKES], axis=1)
        strokes = own[:, 1:].reshape(len(classes), NUM_STROKES, -1)
        common = favourites[which[:, None], (favourite * _FAVOURITES).astype(np.int64)]
        strokes[..., FORM] = np.where(chance[..., None] < self.similarity, common, strokes)[..., FORM]
        return write_programs(own)

    def draw(
        self,
        *,
        seed: int,
        stream: Stream,
        index: int,
        split: Split,
        num_tasks: int,
        ways: int,
        shots: int,
        num_query: int,
    ) -> DrawnImages:
        """The images of a batch of tasks, as `ImageSource` promises them."""
        choice = generator(seed, stream, index, 0).random((num_tasks, 1 + ALPHABET))
        alphabets = (choice[:, :1] * _NUM_ALPHABETS).astype(np.int64) * len(_SPLITS) + _SPLITS[split]
        classes: Ints = alphabets * ALPHABET + np.argsort(choice[:, 1:], axis=1)[:, :ways]
        programs = self.programs(classes.ravel())

        def normal(part: int, points: int) -> Floats:
            # Points lead, so that fewer points are a prefix.
            rng = generator(seed, stream, index, part)
            return rng.standard_normal((points, num_tasks, ways, DRAWING_NUMBERS), dtype=np.float32)

        hands = np.concatenate([normal(1, shots), normal(2, num_query)]).transpose(1, 0, 2, 3)
        drawn = Program(*(_repeated(field, num_tasks, shots + num_query) for field in programs))
        images = draw(drawn, hands.reshape(-1, DRAWING_NUMBERS), self.variation)
        images = images.reshape(num_tasks, shots + num_query, ways, -1)
        return DrawnImages(images[:, :shots], images[:, shots:], classes)


def _repeated(field: np.ndarray, num_tasks: int, points: int) -> np.ndarray:
    """[T * ways, ...] of each class -> [T * points * ways, ...] of each drawing."""
    each = field.reshape(num_tasks, 1, -1, *field.shape[1:])
    shape = (num_tasks, points, *each.shape[2:])
    return np.broadcast_to(each, shape).reshape(-1, *field.shape[1:])
