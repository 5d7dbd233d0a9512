"""Which classes are trained on, and which are held out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from maml_core.datasets.imageset import Ints, Split
from maml_core.rng import Stream, generator


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Splits:
    """The classes of each split."""

    classes: Mapping[Split, Ints]
    """In ascending order; a split that is not there has none."""
    missing: Mapping[Split, str] = field(default_factory=dict)
    """Why a split is not there, and what to do."""
    note: str = ""
    """What people should know of it."""
    more: str = ""
    """What gives a split more classes."""


def shuffled(number: int, seed: int) -> Ints:
    """The numbers below `number` in an order that depends on the seed."""
    return generator(seed, Stream.CLASSES).permutation(number)


def parted(number: int, seed: int, *, num_validation: int, num_test: int) -> dict[Split, Ints]:
    """Classes 0 .. number-1 in three parts, drawn at random; what is neither validation nor test is trained on.

    >>> {split: len(classes) for split, classes in parted(10, 0, num_validation=2, num_test=2).items()}
    {'meta_train': 6, 'meta_validation': 2, 'meta_test': 2}
    """
    order = shuffled(number, seed)
    num_train = number - num_validation - num_test
    parts: dict[Split, Ints] = {
        "meta_train": order[:num_train],
        "meta_validation": order[num_train : num_train + num_validation],
        "meta_test": order[num_train + num_validation :],
    }
    return {split: np.sort(part) for split, part in parts.items() if len(part)}
