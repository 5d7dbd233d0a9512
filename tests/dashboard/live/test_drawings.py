"""Drawn characters on the server's side: messages to tasks, refusals, what it takes to draw like the run's images, answers."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np
import pytest

from dashboard.live.drawings import MAX_CLASSES, MAX_EXAMPLES, Drawings, Hand, answer, hand, own_task
from maml_core.config import ConvConfig, FolderConfig, GlyphsConfig, RunConfig
from maml_core.records import Filters, ImageFit

GLYPHS = RunConfig(tasks=GlyphsConfig(ways=4), model=ConvConfig(num_layers=1, num_filters=2), shots=1, num_query=1)


def text(*bytes_: int, count: int = 784) -> str:
    """An image whose bytes are these, again and again."""
    return base64.b64encode(bytes(np.resize(np.array(bytes_, np.uint8), count))).decode()


def message(num_classes: int = 2, *, examples: int = 1, num_query: int = 1) -> dict[str, Any]:
    support = [[label, text(label, 9)] for _ in range(examples) for label in range(num_classes)]
    return {"type": "own_task", "support": support, "query": [text(200 + q) for q in range(num_query)]}


def fit(images: np.ndarray, *, names: tuple[str, ...] = ("one", "two"), **changes: Any) -> ImageFit:
    """A task of images [S, channels, height, width], one support and one query image each."""
    channels, height, width = images.shape[1:]
    rows = images.reshape(len(images), -1)
    labels = np.arange(len(images))
    record = ImageFit(
        image_shape=(channels, height, width),
        class_names=names,
        support_images=rows,
        support_labels=labels,
        query_images=rows,
        query_labels=labels,
        support_probabilities=np.full((2, len(images), 2), 0.5, np.float32),
        query_probabilities=np.full((2, len(images), 2), 0.5, np.float32),
        support_loss=np.zeros(2, np.float32),
        query_loss=np.zeros(2, np.float32),
        filters=Filters(np.zeros((2, 1, channels, height, width), np.float32), np.array([0]), 1),
        dead=False,
        vector=np.zeros(3, np.float32),
    )
    return record._replace(**changes)


def line(*, size: int = 28, length: int = 14, width: int = 2, ink: int = 255, paper: int = 0) -> np.ndarray:
    """Two grey images of an upright and a lying bar, [2, 1, size, size]."""
    image = np.full((size, size), paper, np.uint8)
    image[4 : 4 + length, 10 : 10 + width] = ink
    return np.stack([image, image.T])[:, None]


class TestMessages:
    def test_a_message_becomes_a_task(self):
        task = own_task(message(3, examples=2, num_query=2), GLYPHS)
        assert task.support_labels.tolist() == [0, 1, 2, 0, 1, 2]
        assert task.support_images.shape == (6, 784)
        assert task.support_images.dtype == np.uint8
        assert task.support_images[4, :3].tolist() == [1, 9, 1]
        assert task.query_images[:, 0].tolist() == [200, 201]

    def test_as_many_as_the_page_has_room_for(self):
        config = RunConfig(tasks=GlyphsConfig(ways=5), model=GLYPHS.model, shots=1, num_query=1)
        assert len(own_task(message(MAX_CLASSES, examples=MAX_EXAMPLES), config).support_labels) == 25

    def test_one_channel_stands_for_all(self):
        config = RunConfig(
            tasks=FolderConfig(folder="somewhere", size=8, color="rgb"), model=ConvConfig(num_layers=1), shots=1
        )
        sent = {"support": [[0, text(1, count=64)], [1, text(2, count=192)]], "query": [text(3, count=64)]}
        task = own_task(sent, config)
        assert task.support_images.shape == (2, 192)
        assert set(task.support_images[0].tolist()) == {1}

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"support": None}, "list of support images"),
            ({"support": {"0": "x"}}, "list of support images"),
            ({"query": "x"}, "list of query images"),
            ({"query": []}, "0 query images are drawn; draw 1 to 5"),
            ({"query": [text(1)] * 6}, "6 query images are drawn"),
            ({"support": []}, "no class has a drawing; draw examples of at least 2"),
            ({"support": [[0, text(1)]]}, "only one class has a drawing"),
            ({"support": [[0, text(1)], text(1)]}, "every support image needs its class"),
            ({"support": [[0, text(1)], [1]]}, "every support image needs its class"),
            ({"support": [[0, text(1)], [True, text(1)]]}, "'True' is no class"),
            ({"support": [[0, text(1)], [1.0, text(1)]]}, "is no class"),
            ({"support": [[0, text(1)], [-1, text(1)]]}, "'-1' is no class; classes are 0 to 4"),
            ({"support": [[0, text(1)], [10**400, text(1)]]}, "is no class"),
            ({"support": [[0, text(1)], ["1" * 1000, text(1)]]}, "is no class"),
            ({"support": [[0, text(1)], [2, text(1)]]}, "a class before the last has no drawing"),
            ({"support": [[label, text(1)] for label in range(5)]}, "5 classes are drawn and this network tells 4"),
            ({"support": [[0, text(1)]] * 6 + [[1, text(1)]]}, "a class has 6 examples; draw at most 5"),
            ({"support": [[0, text(1)]] * 26}, "26 examples are drawn"),
            ({"support": [[0, text(1)], [1, text(1, count=783)]]}, "28 x 28 pixels"),
            ({"support": [[0, text(1)], [1, text(1, count=3 * 784)]]}, "28 x 28 pixels"),
            ({"support": [[0, text(1)], [1, "*" * 1048]]}, "28 x 28 pixels"),
            ({"support": [[0, text(1)], [1, "é" * 1048]]}, "28 x 28 pixels"),
            ({"support": [[0, text(1)], [1, None]]}, "28 x 28 pixels"),
            ({"query": [["x"]]}, "28 x 28 pixels"),
        ],
        ids=lambda value: str(value)[:50],
    )
    def test_what_is_no_task_is_refused_in_a_sentence(self, changes: dict[str, Any], sentence: str):
        with pytest.raises(ValueError, match=sentence) as refused:
            own_task({**message(), **changes}, GLYPHS)
        assert len(str(refused.value)) < 200

    def test_a_message_that_lacks_a_part_names_it(self):
        with pytest.raises(KeyError, match="query"):
            own_task({"support": []}, GLYPHS)

    def test_a_run_without_images_takes_no_drawings(self):
        with pytest.raises(ValueError, match="not of images"):
            own_task(message(), RunConfig())


class TestHand:
    def test_size_and_width_of_a_stroke_are_measured(self):
        found = hand(fit(line(length=21, width=2)))
        assert found.share == pytest.approx(21 / 28)
        assert found.width == pytest.approx(2.0, rel=0.1)
        assert not found.dark

    @pytest.mark.parametrize("width", [1, 3])
    def test_a_wider_stroke_is_a_wider_stroke(self, width: int):
        assert hand(fit(line(length=21, width=width))).width == pytest.approx(width, rel=0.15)

    def test_dark_ink_on_bright_paper_is_seen_as_such(self):
        bright = hand(fit(line(ink=255, paper=0)))
        assert hand(fit(line(ink=0, paper=255))) == bright._replace(dark=True)

    def test_images_of_nothing_have_a_hand_that_can_draw(self):
        found = hand(fit(np.zeros((2, 1, 28, 28), np.uint8)))
        assert found == Hand(share=0.3, width=2.0, dark=False)

    def test_channels_are_averaged(self):
        grey = line()
        assert hand(fit(np.repeat(grey, 3, axis=1))) == hand(fit(grey))


class TestDrawings:
    def test_the_generated_task_is_an_example_to_start_from(self):
        own = Drawings()
        images = line()
        own.look(fit(images))
        example = own.example()
        task = own_task({**example, "query": example["query"]}, GLYPHS)
        np.testing.assert_array_equal(task.support_images, images.reshape(2, -1))
        np.testing.assert_array_equal(task.query_images, images.reshape(2, -1))
        assert task.support_labels.tolist() == [0, 1]

    def test_an_example_has_no_more_than_the_page_has_room_for(self):
        own = Drawings()
        labels = np.tile(np.arange(7), 8)
        rows = np.zeros((56, 784), np.uint8)
        shown = fit(
            line(), support_images=rows, support_labels=labels, query_images=rows[:7], query_labels=np.arange(7)
        )
        own.look(shown)
        example = own.example()
        assert [label for label, _ in example["support"]] == [0, 1, 2, 3, 4] * 5
        assert len(example["query"]) == 5

    def test_a_query_of_the_example_is_there_for_each_class(self):
        own = Drawings()
        images = line()
        own.look(fit(images, query_images=images.reshape(2, -1)[::-1], query_labels=np.array([1, 0])))
        first, second = own.example()["query"]
        assert base64.b64decode(first) == images[0].tobytes()
        assert base64.b64decode(second) == images[1].tobytes()

    def test_there_is_no_example_before_the_first_look(self):
        with pytest.raises(ValueError, match="no images to copy yet"):
            Drawings().example()

    def test_a_drawn_task_is_no_example_and_has_no_hand(self):
        own = Drawings()
        own.look(fit(line(length=21)))
        own.look(fit(line(length=10), names=()))
        assert own.generated is not None
        assert own.hand is not None
        assert (own.generated.class_names, own.hand.share) == (("one", "two"), 21 / 28)

    def test_the_hand_stays_so_that_the_same_strokes_stay_the_same_image(self):
        own = Drawings()
        own.look(fit(line(length=21)))
        own.look(fit(line(length=10)))
        assert own.hand is not None
        assert own.hand.share == 21 / 28

    def test_other_images_have_a_hand_of_their_own(self):
        own = Drawings()
        own.look(fit(line(length=21)))
        other = RunConfig(tasks=GlyphsConfig(ways=4, difficulty=1.0), model=GLYPHS.model, shots=1, num_query=1)
        own.leave(GLYPHS, other)
        assert own.hand is None
        own.look(fit(line(length=10)))
        assert own.hand is not None
        assert own.hand.share == 10 / 28


class TestAnswer:
    def test_it_has_the_probabilities_of_each_query_at_each_step(self):
        probabilities = np.array([[[0.25, 0.75]], [[0.125, 0.875]], [[0.0, 1.0]]], np.float32)
        found = answer(fit(line(), names=(), query_probabilities=probabilities), 1)
        assert found is not None
        assert found["num_inner_steps"] == 1
        assert found["probabilities"] == [[[0.25, 0.75], [0.125, 0.875], [0.0, 1.0]]]

    @pytest.mark.parametrize(
        ("support", "query", "always"),
        [
            ([[0.1, 0.9], [0.4, 0.6]], [0.2, 0.8], 1),
            ([[0.9, 0.1], [0.4, 0.6]], [0.2, 0.8], None),
            ([[0.1, 0.9], [0.4, 0.6]], [0.8, 0.2], None),
            ([[0.1, 0.9], [math.nan, math.nan]], [0.2, 0.8], None),
        ],
    )
    def test_it_says_whether_theta_0_answers_one_class_to_every_drawing(
        self, support: list[list[float]], query: list[float], always: int | None
    ):
        images = line()
        first = np.array(support, np.float32)
        found = answer(
            fit(
                images,
                names=(),
                support_probabilities=np.stack([first, first[:, ::-1]]),
                query_probabilities=np.array([[query], [query[::-1]]], np.float32),
            ),
            1,
        )
        assert found is not None
        assert found["always"] == always

    def test_what_is_not_a_number_is_nothing(self):
        probabilities = np.array([[[0.5, 0.5]], [[math.nan, math.nan]]], np.float32)
        found = answer(fit(line(), names=(), query_probabilities=probabilities), 5)
        assert found is not None
        assert (found["num_inner_steps"], found["probabilities"]) == (1, [[[0.5, 0.5], [None, None]]])

    def test_a_generated_task_is_no_answer(self):
        assert answer(fit(line()), 1) is None
        assert answer(None, 1) is None
