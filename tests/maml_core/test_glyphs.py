"""Generated characters: what a drawing depends on, that it is legible, and what difficulty does."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maml_core.config import GlyphsConfig
from maml_core.rng import Stream
from maml_core.tasks import FewShotImages, Glyphs, build_family
from maml_core.tasks.family import SPLITS, Split
from maml_core.tasks.images import DrawnImages

EVERY_SPLIT: tuple[Split, ...] = ("meta_train", "meta_validation", "meta_test")
DIFFICULTIES = (0.0, 0.5, 1.0)


def draw(difficulty: float = 0.5, **changes: Any) -> DrawnImages:
    arguments: dict[str, Any] = {"seed": 3, "stream": Stream.TRAINING_TASKS, "index": 9, "split": "meta_train"}
    arguments |= {"num_tasks": 3, "ways": 5, "shots": 2, "num_query": 3}
    return Glyphs(GlyphsConfig(difficulty=difficulty)).draw(**(arguments | changes))


def distinct(images: npt.NDArray[Any]) -> int:
    return len(np.unique(images.reshape(-1, images.shape[-1]), axis=0))


def nearest_neighbour_accuracy(difficulty: float) -> float:
    """How often the support image nearest to a query image is of its class; the chance is 0.2."""
    drawn = draw(difficulty, num_tasks=100, shots=1, num_query=4)
    distance = np.square(drawn.query[:, :, :, None] - drawn.support[:, :, None]).sum(-1)  # [T, query, ways, ways]
    return float((distance.argmin(-1) == np.arange(5)).mean())


def test_shapes() -> None:
    drawn = draw()
    assert drawn.support.shape == (3, 2, 5, 784)
    assert drawn.query.shape == (3, 3, 5, 784)
    assert drawn.classes.shape == (3, 5)
    assert drawn.support.dtype == np.float32


def test_the_family_of_a_config_draws_its_tasks() -> None:
    family = build_family(GlyphsConfig(ways=4, difficulty=0.2))
    assert isinstance(family, FewShotImages)
    tasks = family.draw_tasks(seed=3, stream=Stream.TRAINING_TASKS, index=9, num_tasks=2, shots=2, num_query=3)
    drawn = draw(0.2, num_tasks=2, ways=4)
    assert tasks.support.x.shape == (2, 8, 784)
    assert torch.equal(tasks.support.x, torch.tensor(drawn.support.reshape(2, 8, 784)))
    assert torch.equal(tasks.query.x, torch.tensor(drawn.query.reshape(2, 12, 784)))
    assert torch.equal(tasks.parameters, torch.tensor(drawn.classes))


def test_the_same_numbers_give_the_same_bits() -> None:
    for one, other in zip(draw(), draw()):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("change", [{"seed": 4}, {"index": 10}, {"stream": Stream.PROBE}])
def test_another_seed_step_or_stream_gives_other_classes(change: dict[str, Any]) -> None:
    assert not np.isin(draw(**change).classes, draw().classes).any()


@given(few=st.integers(1, 4), more=st.integers(4, 7), other=st.integers(1, 7))
def test_fewer_shots_are_a_prefix_of_more_and_move_no_query_image(few: int, more: int, other: int) -> None:
    a, b = draw(shots=few, num_query=other), draw(shots=more, num_query=other)
    assert np.array_equal(a.support, b.support[:, :few])
    assert np.array_equal(a.query, b.query)
    assert np.array_equal(a.classes, b.classes)


@given(few=st.integers(1, 4), more=st.integers(4, 7), other=st.integers(1, 7))
def test_fewer_query_images_are_a_prefix_of_more_and_move_no_support_image(few: int, more: int, other: int) -> None:
    a, b = draw(shots=other, num_query=few), draw(shots=other, num_query=more)
    assert np.array_equal(a.query, b.query[:, :few])
    assert np.array_equal(a.support, b.support)


def test_no_two_images_of_a_batch_are_equal() -> None:
    drawn = draw(0.0, num_tasks=8)
    images = np.concatenate([drawn.support, drawn.query], axis=1)
    assert distinct(images) == 8 * 5 * 5


def test_classes_of_a_task_are_distinct_and_in_random_order() -> None:
    classes = draw(num_tasks=200, ways=20, shots=1, num_query=1).classes
    assert all(len(set(task)) == 20 for task in classes.tolist())
    ascending = np.diff(classes, axis=1) > 0
    assert 0.4 < ascending.mean() < 0.6


def test_the_splits_have_no_class_in_common() -> None:
    """Even where everything else is equal."""
    classes = [draw(split=split, num_tasks=50).classes for split in EVERY_SPLIT]
    assert len(np.unique(np.concatenate(classes))) == sum(len(np.unique(some)) for some in classes)
    images = [draw(split=split).support for split in EVERY_SPLIT]
    assert distinct(np.stack(images)) == 3 * 3 * 2 * 5


@pytest.mark.parametrize("stream", list(SPLITS))
def test_a_stream_draws_the_classes_of_its_split(stream: Stream) -> None:
    tasks = build_family(GlyphsConfig()).draw_tasks(seed=0, stream=stream, num_tasks=2, shots=1, num_query=1)
    expected = draw(seed=0, index=0, stream=stream, split=SPLITS[stream], num_tasks=2).classes
    assert torch.equal(tasks.parameters, torch.tensor(expected))


def test_a_class_is_written_alike_whichever_classes_stand_beside_it() -> None:
    glyphs, classes = Glyphs(GlyphsConfig()), draw(num_tasks=2).classes.ravel()
    together = glyphs.programs(classes)
    for index, number in enumerate(classes):
        alone = glyphs.programs(np.array([number]))
        assert all(np.array_equal(one[0], all_of_them[index]) for one, all_of_them in zip(alone, together))


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_every_drawing_has_ink_in_its_middle_and_none_at_its_border(difficulty: float) -> None:
    images = draw(difficulty, num_tasks=200).query.reshape(-1, 28, 28)
    assert images.min() >= 0.0
    assert images.max() <= 1.0
    ink = images.sum(axis=(1, 2))
    assert ink.min() > 8.0
    assert ink.max() < 300.0
    assert images.max(axis=(1, 2)).min() > 0.8
    for border in (images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]):
        assert not border.any()
    rows, columns = images.sum(2), images.sum(1)
    for profile in (rows, columns):
        centre = profile @ np.arange(28.0) / ink
        assert np.abs(centre - 13.5).max() < 8.0


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_drawings_of_a_class_resemble_each_other(difficulty: float) -> None:
    assert nearest_neighbour_accuracy(difficulty) > 0.25


def test_difficulty_makes_classes_harder_to_tell_apart() -> None:
    easy, medium, hard = (nearest_neighbour_accuracy(difficulty) for difficulty in DIFFICULTIES)
    assert easy > medium + 0.05
    assert medium > hard + 0.05


def test_an_alphabet_has_more_strokes_in_common_the_more_difficult_it_is() -> None:
    alphabet = np.arange(64)

    def different(difficulty: float) -> int:
        programs = Glyphs(GlyphsConfig(difficulty=difficulty)).programs(alphabet)
        return len(np.unique(programs.bend.reshape(-1, 4), axis=0))

    assert different(0.0) > different(0.5) > different(1.0)


def test_programs_are_as_varied_as_their_number() -> None:
    programs = Glyphs(GlyphsConfig()).programs(np.arange(64) * 64)
    assert len(np.unique(programs.length.reshape(64, -1), axis=0)) == 64
    strokes = (programs.length > 0).any(-1).sum(-1)
    assert set(strokes.tolist()) == {1, 2, 3, 4}


def test_no_global_generator_is_touched() -> None:
    before = cast("tuple[Any, ...]", np.random.get_state()), torch.get_rng_state()  # noqa: NPY002
    draw()
    after = cast("tuple[Any, ...]", np.random.get_state()), torch.get_rng_state()  # noqa: NPY002
    assert np.array_equal(before[0][1], after[0][1])
    assert torch.equal(before[1], after[1])
