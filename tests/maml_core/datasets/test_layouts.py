"""Image folders as people have them: which folders are classes, and in which split they were published."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from maml_core.datasets.layouts import Layout, arranged, split_of


def laid(*folders: str) -> Layout:
    return arranged([PurePosixPath(folder) for folder in folders])


def places(layout: Layout) -> dict[str, tuple[str, str | None]]:
    return {str(folder): (str(place.name), place.split) for folder, place in layout.places.items()}


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (["a", "b", "c"], ["a", "b", "c"]),
        (["pics/inner/a", "pics/inner/b"], ["a", "b"]),  # a folder above the one that counts
        (["cats/a", "cats/b", "dogs/a", "dogs/b"], ["cats/a", "cats/b", "dogs/a", "dogs/b"]),
        (["a/images", "b/images", "c/images"], ["a", "b", "c"]),
        (["a", "b/b", "c/images", "d/2019"], ["a", "b", "c", "d"]),  # some of them one folder deeper
        (["train", "bus", "test", "val"], ["train", "bus", "test", "val"]),  # images of trains are a class
    ],
)
def test_what_classes_are_called(folders: list[str], names: list[str]) -> None:
    layout = laid(*folders)
    assert list(places(layout).values()) == [(name, None) for name in names]
    assert (layout.skipped, layout.notes) == ((), ())


@pytest.mark.parametrize("above", ["", "data/mini/"])
@pytest.mark.parametrize(
    "words", [("train", "val", "test"), ("Training", "validation", "testing"), ("meta_train", "meta-val", "meta_test")]
)
def test_other_classes_in_each_folder_are_a_published_split(words: tuple[str, str, str], above: str) -> None:
    train, val, test = (above + word for word in words)
    layout = laid(f"{train}/a", f"{train}/b", f"{val}/c", f"{test}/d/images", f"{test}/e/images")
    assert list(places(layout).values()) == [
        ("a", "meta_train"),
        ("b", "meta_train"),
        ("c", "meta_validation"),
        ("d", "meta_test"),
        ("e", "meta_test"),
    ]
    assert layout.notes == (
        f"its folders {words[0]}, {words[1]} and {words[2]} hold different classes: they are used as the published split",
    )


def test_unpacked_into_folders_of_the_same_name() -> None:
    layout = laid("train/train/a", "train/train/b", "val/val/c", "val/val/d")
    assert [name for name, _ in places(layout).values()] == ["a", "b", "c", "d"]
    assert {split for _, split in places(layout).values()} == {"meta_train", "meta_validation"}


def test_the_same_classes_in_each_folder_are_put_together() -> None:
    layout = laid("train/a", "train/b", "val/a", "val/b")
    assert places(layout)["train/a"] == places(layout)["val/a"] == ("a", None)
    assert layout.notes[0].startswith("its folders train and val hold the same classes: the images of a class are put")
    assert "hold 1 classes in common" in laid("train/a", "train/b", "val/a", "val/c").notes[0]
    inner = laid("a/train", "a/test", "b/train", "b/test")
    assert {name for name, _ in places(inner).values()} == {"a", "b"}
    assert "put together" in inner.notes[0]


def test_what_lies_beside_a_published_split_is_left_out() -> None:
    layout = laid("train/a", "train/b", "val/c", "val/d", "test", "previews/x", "val/images")
    assert set(places(layout)) == {"train/a", "train/b", "val/c", "val/d"}
    assert {(item.name, item.reason) for item in layout.skipped} == {
        ("test", "its images lie in no class's folder"),
        ("val/images", "its images lie in no class's folder"),
        ("previews/x", "it lies beside the folders of the published split"),
    }


def test_images_at_two_levels_are_one_class_or_named() -> None:
    layout = laid("a", "a/extra", "b", "b/extra", "c")
    assert places(layout) == {f: (f[0], None) for f in ("a", "a/extra", "b", "b/extra", "c")}
    assert layout.notes == ("2 classes have images at two levels, such as a and a/extra: they are taken together",)
    groups = laid("pets", "pets/cat", "pets/dog", "farm/cow", "farm/pig")
    assert [name for name, _ in places(groups).values()] == ["pets/cat", "pets/dog", "farm/cow", "farm/pig"]
    assert [item.name for item in groups.skipped] == ["pets"]


def test_words_of_splits() -> None:
    found = {word: split_of(word) for word in ("train_set", "VAL", "dev", "images_background", "novel", "strain", "")}
    assert found == {
        "train_set": "meta_train",
        "VAL": "meta_validation",
        "dev": "meta_validation",
        "images_background": "meta_train",
        "novel": "meta_test",
        "strain": None,
        "": None,
    }
