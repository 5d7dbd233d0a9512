"""What a run keeps of its images, and what it says when others are there."""

from __future__ import annotations

import numpy as np
import pytest

from maml_core.datasets.imageset import ImageSet
from maml_core.datasets.splits import Splits
from maml_core.datasets.trained import (
    difference,
    from_plain,
    listed,
    on_others,
    to_plain,
    trained_images,
    trained_splits,
)
from maml_core.errors import DataError


def images(names: str, levels: dict[str, int] | None = None) -> ImageSet:
    """A class of two pixels for each letter."""
    levels = levels or {}
    return ImageSet(
        name="letters",
        images=np.array([levels.get(name, ord(name)) for name in names for _ in range(2)], np.uint8).reshape(
            -1, 1, 1, 1
        ),
        class_sizes=np.full(len(names), 2),
        class_names=tuple(names),
        groups=("",) * len(names),
        fingerprint="",
    )


def splits(train: list[int], validation: list[int], test: list[int] | None = None) -> Splits:
    classes = {"meta_train": np.array(train), "meta_validation": np.array(validation)}
    return Splits(classes=classes | ({"meta_test": np.array(test)} if test else {}))  # type: ignore[arg-type]


TRAINED = trained_images(images("bdfh"), splits([0, 2], [1, 3]))
FRESH = splits([1, 3], [0, 2])


def names_of(found: Splits, of: ImageSet) -> dict[str, str]:
    return {split: "".join(of.class_names[c] for c in classes) for split, classes in found.classes.items()}


def test_it_is_plain_data_and_back() -> None:
    assert from_plain(to_plain(TRAINED)) == TRAINED
    assert to_plain(TRAINED)["fingerprint"] == TRAINED.fingerprint
    assert TRAINED.num_classes == 4
    with pytest.raises(ValueError, match="fingerprint"):
        from_plain(to_plain(TRAINED) | {"fingerprint": "0"})
    with pytest.raises(ValueError, match="unknown split"):
        from_plain(to_plain(TRAINED) | {"classes": {"train": []}})


def test_more_classes_move_none_of_them() -> None:
    more = images("abcdefgh")
    fresh = splits([3, 5], [1], [0, 2, 7])
    assert difference(TRAINED, more) == ((), (), ("a", "c", "e", "g"))
    assert names_of(trained_splits(TRAINED, more, fresh), more) == {
        "meta_train": "bf",
        "meta_validation": "dh",
        "meta_test": "ac",  # without h, which the run knows
    }


def test_the_order_is_the_runs() -> None:
    """The tasks that are drawn depend on it."""
    backwards = images("hfdb")
    assert names_of(trained_splits(TRAINED, backwards, FRESH), backwards) == {
        "meta_train": "bf",
        "meta_validation": "dh",
    }


@pytest.mark.parametrize(
    ("there", "levels", "sentence"),
    [
        ("bdf", {}, "class 'h' is not there"),
        ("bd", {}, "classes 'f', 'h' are not there"),
        ("bdfh", {"b": 1}, "the pictures of class 'b' have changed"),
        ("bdf", {"b": 1}, "class 'h' is not there, and the pictures of class 'b' have changed"),
    ],
)
def test_other_images_are_refused_by_name(there: str, levels: dict[str, int], sentence: str) -> None:
    with pytest.raises(DataError, match=f"not the images that were trained on: {sentence}") as caught:
        trained_splits(TRAINED, images(there, levels), FRESH)
    assert caught.value.kind == "other"


def test_on_purpose_classes_that_are_known_keep_their_split() -> None:
    others = images("abdf", {"b": 1})
    found = on_others(TRAINED, others, FRESH, trains=True)
    assert {split: "".join(c.name for c in classes) for split, classes in found.classes} == {
        "meta_train": "bf",
        "meta_validation": "d",
    }
    assert trained_splits(found, others, FRESH).classes["meta_train"].tolist() == [1, 3]
    with pytest.raises(DataError, match="no class of the run's meta_validation is there"):
        on_others(TRAINED, images("bfx"), FRESH, trains=True)


def test_on_purpose_images_of_which_none_is_known() -> None:
    others = images("wxyz")
    judged = dict(on_others(TRAINED, others, FRESH, trains=False).classes)
    assert {split: len(classes) for split, classes in judged.items()} == {"meta_validation": 4, "meta_test": 4}
    trained_on = dict(on_others(TRAINED, others, FRESH, trains=True).classes)
    assert {c.name for c in trained_on["meta_train"]}.isdisjoint(c.name for c in trained_on["meta_validation"])


def test_many_names_are_shortened() -> None:
    assert listed("abcde") == "classes 'a', 'b', 'c' and 2 more"
