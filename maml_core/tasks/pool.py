"""Few-shot tasks of images that are there: drawn from the classes of a split."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from maml_core.config import FolderConfig, OmniglotConfig, TaskConfig
from maml_core.datasets.again import load_images_of
from maml_core.datasets.folder import kept_folder, load_folder
from maml_core.datasets.imageset import Bytes, ImageSet, Ints, Split, identity
from maml_core.datasets.omniglot import kept_omniglot, load_omniglot
from maml_core.datasets.splits import Splits
from maml_core.datasets.trained import TrainedImages, trained_images, trained_splits
from maml_core.errors import ConfigError, DataError
from maml_core.families.images import Labels
from maml_core.rng import Stream, generator
from maml_core.tasks.images import DrawnImages, are_fixed, classes_of, one_of_each

TURNS = 4
"""Rotations by 0, 90, 180 and 270 degrees."""


class Pool:
    """An `ImageSource` of a set of images.

    With rotations there are four classes of each one, a quarter turn apart: class `c + turns * num_classes_of_the_set`. A task never holds
    two turns of one class, as in the experiments of Finn et al. (2017): those of an O or a + could not be told apart.
    """

    def __init__(
        self, images: ImageSet, splits: Splits, *, rotations: bool = False, labels: Labels = "shuffled"
    ) -> None:
        self.images = images
        self.splits = splits
        self.rotations = rotations
        self.labels = labels
        self.image_shape = images.image_shape
        self._starts = np.cumsum(images.class_sizes) - images.class_sizes

    @cached_property
    def trained(self) -> TrainedImages:
        """What a run that trains on these images keeps of them."""
        return trained_images(self.images, self.splits)

    def num_classes(self, split: Split) -> int:
        """Classes of a split, turned ones counted.

        Raises:
            DataError: The split is not there.
        """
        return len(self._classes(split)) * (TURNS if self.rotations else 1)

    def class_names(self, classes: Ints) -> tuple[str, ...]:
        """What people call these classes."""
        turns, plain = np.divmod(classes, len(self.images.class_names))
        names = (self.images.class_names[c] for c in plain)
        return tuple(f"{name}, turned by {90 * turn}°" if turn else name for name, turn in zip(names, turns))

    def check(self, split: Split, *, ways: int, shots: int, num_query: int) -> None:
        """See that such tasks can be drawn.

        Raises:
            ConfigError: The split has too few classes, or a class of it too few images.
            DataError: The split is not there.
        """
        classes = self._classes(split)
        if ways > len(classes):
            more = f"; {self.splits.more}" if self.splits.more else ""
            raise ConfigError(
                "ways", ways, f"at most {len(classes)}: {self.images.name!r} has no more classes in {split}{more}"
            )
        sizes = self.images.class_sizes[classes]
        smallest = classes[sizes.argmin()]
        if shots + num_query > sizes.min():
            raise ConfigError(
                "num_query" if shots < sizes.min() else "shots",
                num_query if shots < sizes.min() else shots,
                f"shots + num_query at most {sizes.min()}: {self.images.class_names[smallest]!r} has no more images; ask for fewer, or add images",
            )

    def draw_classes(self, *, seed: int, stream: Stream, index: int, split: Split, num_tasks: int, ways: int) -> Ints:
        """Classes of each task, no two of them turns of one, in the order of their labels, [num_tasks, ways]."""
        members, rng = self._classes(split), generator(seed, stream, index, 0)
        if are_fixed(self.labels, stream):  # all turns of a class have its label
            chosen = one_of_each(rng.random((num_tasks, ways)), len(members))
        else:
            chosen = _distinct(rng, num_tasks, ways, len(members))
        classes = members[chosen]
        turns = generator(seed, stream, index, 1).integers(TURNS if self.rotations else 1, size=classes.shape)
        return classes + turns * len(self.images.class_names)

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
        """The images of a batch of tasks, as `ImageSource` promises them.

        Raises:
            ConfigError: The split has too few classes, or a class of it too few images.
            DataError: The split is not there.
        """
        self.check(split, ways=ways, shots=shots, num_query=num_query)
        members = self._classes(split)
        turned = classes_of(
            self, seed=seed, stream=stream, index=index, split=split, num_tasks=num_tasks, ways=ways, among=among
        )
        turns, classes = np.divmod(turned, len(self.images.class_names))
        sizes = self.images.class_sizes[classes]

        # A permutation of each class's images: support is its beginning and query its end, so neither moves the other.
        keys = generator(seed, stream, index, 2).random((num_tasks, ways, int(self.images.class_sizes[members].max())))
        keys[np.arange(keys.shape[2]) >= sizes[..., None]] = 2.0  # no such image: behind all that there are
        order = keys.argsort(axis=2)
        from_the_end = np.broadcast_to(sizes[..., None] - 1 - np.arange(num_query), (num_tasks, ways, num_query))
        chosen = np.concatenate([order[..., :shots], np.take_along_axis(order, from_the_end, axis=2)], axis=2)

        rows = (self._starts[classes][..., None] + chosen).transpose(0, 2, 1)  # [T, shots + num_query, ways]
        pixels = self._turned(rows, np.broadcast_to(turns[:, None], rows.shape))
        return DrawnImages(pixels[:, :shots], pixels[:, shots:], turned)

    def _turned(self, rows: Ints, turns: Ints) -> Bytes:
        """Images by their row, each after its quarter turns, [..., inputs]."""
        images: Bytes = self.images.images[rows]
        for turn in range(1, TURNS if self.rotations else 1):
            there = turns == turn
            images[there] = np.rot90(images[there], turn, axes=(-2, -1))
        return images.reshape(*rows.shape, -1)

    def _classes(self, split: Split) -> Ints:
        if split not in self.splits.classes:
            raise DataError("missing", f"{self.images.name} has no classes for {split}: {self.splits.missing[split]}")
        return self.splits.classes[split]


def kept_images(config: TaskConfig) -> tuple[int, int, int] | None:
    """Tells the images that tasks are drawn from apart from those that take their place on this machine; None where they are from no files.

    Images that were not read yet are read.

    Raises:
        DataError: They are not there, or too few.
    """
    match config:
        case OmniglotConfig():
            path = kept_omniglot()
            if not path.is_file():
                load_omniglot()
        case FolderConfig(folder=folder, size=size, color=color):
            path = kept_folder(folder, size=size, color=color)
            if not path.is_file():
                load_folder(folder, size=size, color=color)
        case _:
            return None
    return identity(path)


def image_pool(config: OmniglotConfig | FolderConfig, trained: TrainedImages | None = None) -> Pool:
    """The images that a config names.

    Args:
        config: Which images, and how new ones are split.
        trained: The images of a run that goes on, which must be there; its splits stay as they are.

    Raises:
        DataError: They are not there, too few, or not those that the run was trained on.
    """
    images, splits = load_images_of(config)
    if trained is not None:
        splits = trained_splits(trained, images, splits)
    rotations = isinstance(config, OmniglotConfig) and config.rotations
    return Pool(images, splits, rotations=rotations, labels=config.labels)


def _distinct(rng: np.random.Generator, num_tasks: int, ways: int, number: int) -> Ints:
    """`ways` different whole numbers below `number` for each task, in random order, [T, ways].

    The k-th one is drawn from what the ones before it leave, by its place among the numbers left.
    """
    places = (rng.random((num_tasks, ways)) * (number - np.arange(ways))).astype(np.int64)
    for k in range(1, ways):
        taken = places[:, :k].copy()
        taken.sort(axis=1)
        for j in range(k):
            places[:, k] += places[:, k] >= taken[:, j]
    return places
