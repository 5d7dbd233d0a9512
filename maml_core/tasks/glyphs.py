"""Generated characters of unknown scripts: few-shot images without any data, and a thousand million classes.

A script is an alphabet of 64 characters, made from its number alone; a task's classes are characters of one alphabet. Which split an
alphabet belongs to is part of its number, so no class is in two splits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from maml_core.config import GlyphsConfig
from maml_core.datasets.imageset import Split
from maml_core.records import Ints
from maml_core.rng import Stream, generator
from maml_core.tasks.images import DrawnImages, are_fixed, classes_of, one_of_each
from maml_core.tasks.strokes import (
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
_NUM_ALPHABETS = 2**24
_CHARACTER_NUMBERS = NUM_STROKES * (STROKE_NUMBERS + 2) + 1
"""Uniform numbers of a character: its own strokes, whether and which favourite takes the place of each, and how many there are."""
_IS_FORM = np.arange(STROKE_NUMBERS) >= FORM.start


class Glyphs:
    """Characters as pen strokes write them; an `ImageSource`.

    With difficulty the characters of an alphabet share more of their strokes, and hands differ more.
    """

    image_shape = (1, SIZE, SIZE)

    def __init__(self, config: GlyphsConfig) -> None:
        self.labels = config.labels
        self.similarity = 0.6 * config.difficulty
        self.variation = 0.4 + config.difficulty

    def num_classes(self, split: Split) -> None:  # noqa: ARG002
        """None: no run comes to the end of them."""
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
        characters = np.stack([rng.random((ALPHABET, _CHARACTER_NUMBERS), dtype=np.float32) for rng in generators])

        own = characters[which, classes % ALPHABET]
        strokes = own[:, : NUM_STROKES * STROKE_NUMBERS].reshape(-1, NUM_STROKES, STROKE_NUMBERS)
        chance, favourite = np.split(own[:, NUM_STROKES * STROKE_NUMBERS : -1, None], 2, axis=1)
        common = favourites[which[:, None], (favourite[..., 0] * _FAVOURITES).astype(np.int64)]
        has_common_form = (chance < self.similarity) & _IS_FORM
        written = np.where(has_common_form, common, strokes).reshape(len(classes), -1)
        return write_programs(np.concatenate([own[:, -1:], written], axis=1))

    def draw_classes(self, *, seed: int, stream: Stream, index: int, split: Split, num_tasks: int, ways: int) -> Ints:
        """Classes of each task, of one alphabet, in the order of their labels, [num_tasks, ways]."""
        assert ways <= ALPHABET, "a task's classes are of one alphabet"
        choice = generator(seed, stream, index, 0).random((num_tasks, 1 + ALPHABET))
        alphabets = (choice[:, :1] * _NUM_ALPHABETS).astype(np.int64) * len(_SPLITS) + _SPLITS[split]
        if are_fixed(self.labels, stream):
            characters = one_of_each(choice[:, 1 : 1 + ways], ALPHABET)
        else:
            characters = np.argsort(choice[:, 1:], axis=1)[:, :ways]
        classes: Ints = alphabets * ALPHABET + characters
        return classes

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
        among: int | None = None,
    ) -> DrawnImages:
        """The images of a batch of tasks, as `ImageSource` promises them."""
        classes = classes_of(
            self, seed=seed, stream=stream, index=index, split=split, num_tasks=num_tasks, ways=ways, among=among
        )
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


def _repeated(field: npt.NDArray[Any], num_tasks: int, points: int) -> npt.NDArray[Any]:
    """[T * ways, ...] of each class -> [T * points * ways, ...] of each drawing."""
    each = field.reshape(num_tasks, 1, -1, *field.shape[1:])
    return np.broadcast_to(each, (num_tasks, points, *each.shape[2:])).reshape(-1, *field.shape[1:])
