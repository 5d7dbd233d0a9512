"""Tasks of images that are there: what is drawn, from which seed, and what cannot be drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maml_core.datasets.imageset import ImageSet
from maml_core.datasets.splits import Splits
from maml_core.errors import ConfigError, DataError
from maml_core.rng import Stream
from maml_core.tasks.images import DrawnImages
from maml_core.tasks.pool import Pool

SIZES = (6, 9, 6, 7, 8, 6, 6)
TRAIN = (1, 2, 4, 5, 6)


def images_of(sizes: tuple[int, ...] = SIZES) -> ImageSet:
    """2 x 3 x 3 images that say which class and image they are, and in their corner how they are turned."""
    classes = np.repeat(np.arange(len(sizes)), sizes)
    images = np.zeros((len(classes), 2, 3, 3), dtype=np.uint8)
    images[:, :, 1, 1] = classes[:, None]
    images[:, 0, 0, 0] = 100 + np.concatenate([np.arange(size) for size in sizes])
    images[:, 1, 0, 0] = 200
    return ImageSet(
        name="dots",
        images=images,
        class_sizes=np.array(sizes),
        class_names=tuple(f"class {c}" for c in range(len(sizes))),
        groups=("",) * len(sizes),
        fingerprint="",
    )


def pool_of(*, rotations: bool = False) -> Pool:
    classes = {"meta_train": np.array(TRAIN), "meta_validation": np.array([0, 3])}
    return Pool(images_of(), Splits(classes=classes, missing={"meta_test": "add some"}), rotations=rotations)


def draw(pool: Pool, **changes: Any) -> DrawnImages:
    asked: dict[str, Any] = {"seed": 0, "stream": Stream.TRAINING_TASKS, "index": 0, "split": "meta_train"}
    asked |= {"num_tasks": 4, "ways": 3, "shots": 2, "num_query": 3}
    return pool.draw(**(asked | changes))


def read(images: np.ndarray[Any, Any]) -> tuple[Any, Any, Any]:
    """Class, image and quarter turns that drawn images say of themselves, each [...]."""
    square = images.reshape(*images.shape[:-1], 2, 3, 3)
    corners = square[..., (0, 2, 2, 0), (0, 0, 2, 2)]  # where a quarter turn brings the first corner, counter-clockwise
    assert np.array_equal(corners[..., 1, :] > 0, corners[..., 0, :] > 0)  # both channels are turned together
    return square[..., 0, 1, 1].astype(int), corners[..., 0, :].max(-1) - 100, corners[..., 0, :].argmax(-1)


@pytest.mark.parametrize("rotations", [False, True])
def test_images_are_of_the_classes_that_are_named_under_their_turn(rotations: bool) -> None:
    pool = pool_of(rotations=rotations)
    drawn = draw(pool, num_tasks=50)
    assert drawn.support.shape == (50, 2, 3, 18)
    assert drawn.query.shape == (50, 3, 3, 18)
    assert drawn.classes.dtype == np.int64
    for images in drawn[:2]:
        plain, _, turns = read(images)
        assert np.array_equal(plain + turns * len(SIZES), np.broadcast_to(drawn.classes[:, None], plain.shape))
    turns = drawn.classes // len(SIZES)
    assert set(turns.ravel()) == (set(range(4)) if rotations else {0})


def test_a_turned_image_is_the_image_turned_counter_clockwise() -> None:
    pool = pool_of(rotations=True)
    drawn = draw(pool, num_tasks=20)
    starts = np.cumsum(SIZES) - SIZES
    for task in range(20):
        for way in range(3):
            turn, plain = divmod(int(drawn.classes[task, way]), len(SIZES))
            _, number, _ = read(drawn.support[task, 0, way])
            whole = pool.images.images[starts[plain] + int(number)]
            assert np.array_equal(drawn.support[task, 0, way].reshape(2, 3, 3), np.rot90(whole, turn, axes=(1, 2)))


@pytest.mark.parametrize("rotations", [False, True])
def test_classes_of_a_task_are_different_ones_of_the_split(rotations: bool) -> None:
    classes = draw(pool_of(rotations=rotations), num_tasks=200, ways=5).classes % len(SIZES)
    assert np.array_equal(np.sort(classes, axis=1), np.broadcast_to(TRAIN, (200, 5)))
    held_out = draw(pool_of(rotations=rotations), split="meta_validation", ways=2).classes % len(SIZES)
    assert set(held_out.ravel()) == {0, 3}


def test_every_order_of_classes_is_equally_likely() -> None:
    """The order is what permutes the labels; 20 ordered pairs of 5 classes."""
    classes = draw(pool_of(), num_tasks=20_000, ways=2, shots=1, num_query=1).classes
    _, counts = np.unique(classes, axis=0, return_counts=True)
    assert len(counts) == 20
    assert abs(counts - 1000).max() < 5 * 1000**0.5


def test_every_image_of_a_class_is_equally_likely_to_be_support_and_query() -> None:
    drawn = draw(pool_of(), num_tasks=20_000, ways=5, shots=1, num_query=1)
    for images in drawn[:2]:
        plain, number, _ = read(images[:, 0])
        for c in TRAIN:
            counts = np.bincount(number[plain == c], minlength=SIZES[c])
            assert len(counts) == SIZES[c]
            assert abs(counts - 20_000 / SIZES[c]).max() < 5 * (20_000 / SIZES[c]) ** 0.5


def test_support_and_query_share_no_image() -> None:
    drawn = draw(pool_of(), num_tasks=200, ways=5, shots=2, num_query=4)  # all of the smallest classes
    numbers = np.concatenate([read(drawn.support)[1], read(drawn.query)[1]], axis=1)
    assert all(len(set(task[:, way])) == 6 for task in numbers for way in range(5))


@given(few=st.integers(1, 3), more=st.integers(3, 5), other=st.integers(1, 3))
def test_fewer_shots_or_queries_are_a_prefix_and_neither_moves_the_other(few: int, more: int, other: int) -> None:
    pool = pool_of(rotations=True)
    a, b = draw(pool, shots=few, num_query=1), draw(pool, shots=more, num_query=1)
    assert np.array_equal(a.support, b.support[:, :few])
    assert np.array_equal(a.query, b.query)
    a, b = draw(pool, shots=1, num_query=few), draw(pool, shots=1, num_query=more)
    assert np.array_equal(a.query, b.query[:, :few])
    assert np.array_equal(a.support, b.support)
    assert np.array_equal(draw(pool, num_tasks=other).support, draw(pool, num_tasks=3).support[:other])


def test_seed_stream_and_index_decide_what_is_drawn_and_nothing_else() -> None:
    first = draw(pool_of(), num_tasks=30)
    assert all(np.array_equal(a, b) for a, b in zip(first, draw(pool_of(), num_tasks=30)))
    for change in ({"seed": 1}, {"index": 1}, {"stream": Stream.PROBE}):
        other = draw(pool_of(), num_tasks=30, **change)
        assert all(not np.array_equal(a, b) for a, b in zip(first, other)), change


def test_turned_classes_are_counted_and_named() -> None:
    assert pool_of().num_classes("meta_train") == 5
    pool = pool_of(rotations=True)
    assert pool.num_classes("meta_train") == 20
    assert pool.class_names(np.array([4, 4 + 7, 6 + 21])) == (
        "class 4",
        "class 4, turned by 90°",
        "class 6, turned by 270°",
    )


def test_what_cannot_be_drawn_says_what_can() -> None:
    with pytest.raises(ConfigError, match=r"ways = 6 .* at most 5: 'dots' has no more classes in meta_train"):
        draw(pool_of(rotations=True), ways=6)
    with pytest.raises(
        ConfigError, match=r"num_query = 4 .* shots \+ num_query at most 6: 'class 2' has no more images"
    ):
        draw(pool_of(), shots=3, num_query=4)
    with pytest.raises(ConfigError, match=r"shots = 7 .* at most 6: 'class 0' has no more"):
        draw(pool_of(), split="meta_validation", ways=2, shots=7, num_query=1)
    with pytest.raises(DataError, match="dots has no classes for meta_test: add some"):
        draw(pool_of(), split="meta_test")
