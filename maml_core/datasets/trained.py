"""Which images a run was trained on, or a sweep is computed on, and whether those that are there now are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, get_args

import numpy as np

from maml_core.datasets.imageset import ImageSet, Ints, Split
from maml_core.datasets.splits import Splits
from maml_core.errors import DataError

_DIGITS = 16
"""Hexadecimal digits of a checksum that are kept."""


class TrainedClass(NamedTuple):
    """A class of a run."""

    name: str
    sha256: str
    """First digits of the hash of its pixels."""


class TrainedImages(NamedTuple):
    """The classes of each split of a run, in the order that tasks are drawn from. Plain and hashable: it travels with the run."""

    classes: tuple[tuple[Split, tuple[TrainedClass, ...]], ...]

    @property
    def fingerprint(self) -> str:
        """Differs where any class, picture or split does."""
        return hashlib.sha256(repr(self.classes).encode()).hexdigest()

    @property
    def num_classes(self) -> int:
        """Classes of all splits together."""
        return sum(len(classes) for _, classes in self.classes)


class Difference(NamedTuple):
    """In what the images that are there differ from those of a run, by the names of classes."""

    missing: tuple[str, ...]
    changed: tuple[str, ...]
    """Classes that have other pictures now."""
    new: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What is not as it was; empty where the run's own classes are all there, unchanged."""
        parts = []
        if self.missing:
            parts.append(f"{listed(self.missing)} {'is' if len(self.missing) == 1 else 'are'} not there")
        if self.changed:
            parts.append(f"the pictures of {listed(self.changed)} have changed")
        return ", and ".join(parts)


def trained_images(images: ImageSet, splits: Splits) -> TrainedImages:
    """The images of a run that draws its tasks from these splits."""
    checksums = _checksums(images)
    return TrainedImages(
        tuple(
            (split, tuple(TrainedClass(images.class_names[c], checksums[c]) for c in classes.tolist()))
            for split, classes in splits.classes.items()
        )
    )


def difference(trained: TrainedImages, images: ImageSet) -> Difference:
    """How these images differ from the run's."""
    there = dict(zip(images.class_names, _checksums(images)))
    known = {name: sha256 for _, classes in trained.classes for name, sha256 in classes}
    return Difference(
        missing=tuple(name for name in known if name not in there),
        changed=tuple(name for name, sha256 in known.items() if there.get(name, sha256) != sha256),
        new=tuple(name for name in there if name not in known),
    )


def trained_splits(trained: TrainedImages, images: ImageSet, fresh: Splits) -> Splits:
    """The run's own splits, whatever classes have come since.

    Args:
        trained: Of the run.
        images: That are there now.
        fresh: How a new run would split them. A split that the run has none of, such as characters for the test that were imported
            later, is taken from here, without the classes that the run knows.

    Raises:
        DataError: A class of the run is not there, or its pictures have changed.
    """
    if sentence := difference(trained, images).sentence:
        raise DataError("other", f"these are not the images that were trained on: {sentence}")
    return _kept(trained, images, fresh)


def on_others(trained: TrainedImages, images: ImageSet, fresh: Splits, *, trains: bool) -> TrainedImages:
    """A run's images where it goes on with others on purpose: every class that it knows by name stays in its split.

    Args:
        trained: Of the run.
        images: The others.
        fresh: How a new run would split them: images of which the run knows no class are split like this, where it trains on.
        trains: Whether it does; where it is only judged, images of which it knows no class are all held out.

    Raises:
        DataError: No class is left of a split that the run has.
    """
    known = {name for _, classes in trained.classes for name, _ in classes}
    if known.isdisjoint(images.class_names):
        everything = np.arange(len(images.class_names))
        held_out: dict[Split, Ints] = {"meta_validation": everything, "meta_test": everything}
        return trained_images(images, fresh if trains else Splits(classes=held_out))
    splits = _kept(trained, images, fresh)
    for split, _ in trained.classes:
        if len(splits.classes[split]) == 0:
            raise DataError("other", f"no class of the run's {split} is there; name the folder that holds some of them")
    return trained_images(images, splits)


def to_plain(trained: TrainedImages) -> dict[str, Any]:
    """Plain JSON values: a fingerprint of everything, and the classes of each split with their checksums."""
    return {
        "fingerprint": trained.fingerprint,
        "classes": {split: [list(item) for item in classes] for split, classes in trained.classes},
    }


def from_plain(data: Any) -> TrainedImages:
    """What `to_plain` wrote.

    Raises:
        ValueError, TypeError, KeyError: It is not of that form, or its fingerprint does not fit.
    """
    if not isinstance(data, Mapping) or set(data) != {"fingerprint", "classes"}:
        raise ValueError("images is no table of a fingerprint and classes")
    unknown = set(data["classes"]) - set(get_args(Split))
    if unknown:
        raise ValueError(f"there are images of an unknown split, {min(unknown)!r}")
    found = TrainedImages(
        tuple(
            (split, tuple(TrainedClass(str(name), str(sha256)) for name, sha256 in data["classes"][split]))
            for split in data["classes"]
        )
    )
    if found.fingerprint != data["fingerprint"]:
        raise ValueError("the fingerprint of its images does not fit")
    return found


def listed(names: Sequence[str], most: int = 3) -> str:
    """Some names of classes in a sentence.

    >>> listed(["cat"]), listed(["a", "b", "c", "d", "e"])
    ("class 'cat'", "classes 'a', 'b', 'c' and 2 more")
    """
    shown = ", ".join(repr(name) for name in names[:most])
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{'class' if len(names) == 1 else 'classes'} {shown}{more}"


def _kept(trained: TrainedImages, images: ImageSet, fresh: Splits) -> Splits:
    """The splits as the run has them, of the classes that are there."""
    places = {name: place for place, name in enumerate(images.class_names)}
    found: dict[Split, Ints] = {
        split: np.array([places[name] for name, _ in classes if name in places], dtype=np.int64)
        for split, classes in trained.classes
    }
    known = np.array(sorted(places[name] for _, classes in trained.classes for name, _ in classes if name in places))
    missing = dict(fresh.missing)
    for split, classes in fresh.classes.items():
        if split in found:
            continue
        left = np.setdiff1d(classes, known)
        if len(left):
            found[split] = left
        else:
            missing[split] = "the run was trained on all of its classes, or has none; start a new run"
    return Splits(classes=found, missing=missing, note=fresh.note, more=fresh.more)


@lru_cache(maxsize=4)
def _checksums(images: ImageSet) -> tuple[str, ...]:
    """The first digits of the sha256 of each class's pixels."""
    ends = np.cumsum(images.class_sizes).tolist()
    starts = [0, *ends[:-1]]
    return tuple(
        hashlib.sha256(np.ascontiguousarray(images.images[start:end]).data).hexdigest()[:_DIGITS]
        for start, end in zip(starts, ends)
    )
