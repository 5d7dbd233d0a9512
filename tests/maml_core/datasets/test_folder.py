"""A folder of images of any kind: what is read, what is left out and why, what is kept, and how it is split."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maml_core.config import FolderConfig
from maml_core.datasets import folder as folder_module
from maml_core.datasets import trees
from maml_core.datasets.folder import folder_splits, folders, load_folder, looked_at
from maml_core.datasets.imageset import ImageSet
from maml_core.errors import ConfigError, DataError
from maml_core.rng import Stream
from maml_core.tasks import build_family
from tests.maml_core.datasets.layout import png


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the images of this test are kept."""
    monkeypatch.setenv("MAML_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def pictures(folder: Path, classes: int = 6, images: int = 3, size: int = 10) -> Path:
    """Class folders of even grey: class c's image i has the level 10 c + i."""
    for c in range(classes):
        place = folder / f"class {c}"
        place.mkdir(parents=True)
        for i in range(images):
            (place / f"{i}.png").write_bytes(png(np.full((size, size), 10 * c + i, np.uint8), "L"))
    return folder


def load(folder: Path | str, **changes: Any) -> ImageSet:
    return load_folder(folder, **({"size": 8, "color": "grey"} | changes))


def levels(images: ImageSet) -> list[int]:
    return [int(level) for level in images.images[:, 0, 0, 0]]


def test_a_folder_is_a_class(tmp_path: Path) -> None:
    images = load(pictures(tmp_path / "p"))
    assert images.name == "p"
    assert images.image_shape == (1, 8, 8)
    assert images.class_names == tuple(f"class {c}" for c in range(6))
    assert images.class_sizes.tolist() == [3] * 6
    assert levels(images) == [10 * c + i for c in range(6) for i in range(3)]
    assert images.skipped == ()
    assert load(tmp_path / "p", size=9, color="rgb").image_shape == (3, 9, 9)


def test_a_zip_file_gives_the_same(tmp_path: Path) -> None:
    pictures(tmp_path / "p" / "inner")
    images = load(shutil.make_archive(str(tmp_path / "z"), "zip", tmp_path / "p"))
    assert images.class_names[0] == "class 0"  # what all have in common is left off
    assert np.array_equal(images.images, load(tmp_path / "p").images)


def test_folders_in_folders_are_groups(tmp_path: Path) -> None:
    for group in ("cats", "dogs"):
        pictures(tmp_path / "p" / group, classes=2)
    images = load(tmp_path / "p")
    assert images.class_names[1:3] == ("cats/class 1", "dogs/class 0")
    assert images.groups == ("cats", "cats", "dogs", "dogs")


def test_what_cannot_be_used_is_left_out_and_named(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "p")
    (folder / "top.png").write_bytes(png(np.zeros((9, 9), np.uint8)))
    (folder / "class 0" / "notes.txt").write_text("hello")
    (folder / "class 0" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0broken")
    (folder / "class 1" / "nothing.png").write_bytes(b"")
    (folder / "class 2" / "0.png").write_bytes((folder / "class 2" / "0.png").read_bytes()[:50])
    (folder / "class 3" / "huge.png").write_bytes(png(np.zeros((4500, 4500), np.uint8)))
    (folder / "class 4" / "link.png").symlink_to(folder / "class 0" / "0.png")
    (folder / "class 5" / "film.TIFF").write_bytes(b"II*\0")
    (folder / "empty").mkdir()
    (folder / "single").mkdir()
    (folder / "single" / "x.png").write_bytes(png(np.zeros((9, 9), np.uint8)))
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "x.png").write_bytes(b"")
    images = load(folder)
    assert levels(images) == [10 * c + i for c in range(6) for i in range(3) if (c, i) != (2, 0)]
    reasons = {name: reason.partition(":")[0] for name, reason in images.skipped}
    assert reasons == {
        "class 4/link.png": "a link; links are not followed",
        "empty": "an empty folder",
        "class 0/notes.txt": "not a kind of image that can be read",
        "top.png": "it lies in no class's folder",
        "class 0/broken.jpg": reasons["class 0/broken.jpg"],
        "class 1/nothing.png": "not a picture of a kind that can be read",
        "class 2/0.png": "damaged",
        "class 3/huge.png": "4500 x 4500 is more than 20,000,000 pixels",
        "class 5/film.TIFF": reasons["class 5/film.TIFF"],
        "single": "a class with 1 image that can be read; 2 are needed",
    }
    assert load(folder).skipped == images.skipped


def test_a_class_that_loses_its_images_takes_no_place(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "p")
    for i in (0, 2):
        (folder / "class 3" / f"{i}.png").write_bytes(b"broken")
    images = load(folder)
    assert images.class_names == tuple(f"class {c}" for c in (0, 1, 2, 4, 5))
    assert levels(images) == [10 * c + i for c in (0, 1, 2, 4, 5) for i in range(3)]


def test_a_large_class_gives_images_from_all_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "MAX_IMAGES", 4)
    images = load(pictures(tmp_path / "p", classes=4, images=8))
    assert levels(images)[:4] == [0, 2, 4, 6]
    assert ("class 0", "4 of its 8 images are left out") in images.skipped


def test_a_long_report_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "MAX_SKIPPED", 3)
    folder = pictures(tmp_path / "p")
    for i in range(10):
        (folder / f"{i}.txt").write_text("")
    assert [name for name, _ in load(folder).skipped] == ["0.txt", "1.txt", "8 more"]


@pytest.mark.parametrize(
    ("classes", "images", "sentence"),
    [
        (3, 3, "holds 3 classes.* 4 are needed"),
        (6, 1, r"holds 0 classes.*Left out was class 0: a class with 1 image .*\(and 5 more\)"),
    ],
)
def test_too_few(tmp_path: Path, root: Path, classes: int, images: int, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence) as caught:
        load(pictures(tmp_path / "p", classes, images))
    assert caught.value.kind == "few"
    assert not list(root.rglob("*.safetensors"))


def test_an_empty_folder_and_one_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    with pytest.raises(DataError, match=r"holds 0 classes.*Put the images of each class into a folder of its own"):
        load(tmp_path / "p")
    for folder, sentence in ((tmp_path / "q", "there is no"), ("", "no folder is named")):
        with pytest.raises(DataError, match=sentence) as caught:
            load(folder)
        assert caught.value.kind == "missing"


def test_more_than_memory_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "MAX_SET_BYTES", 18 * 64 - 1)
    with pytest.raises(
        DataError, match="18 images of 8 pixels do not fit into memory; choose a smaller size"
    ) as caught:
        load(pictures(tmp_path / "p"))
    assert caught.value.kind == "large"


def test_a_folder_is_read_once_and_again_when_it_changes(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "p")
    seen: list[Any] = []
    first = load(folder, on_progress=lambda *report: seen.append(report))
    assert load(folder, on_progress=lambda *report: seen.append(report)) is first
    assert seen == [("images read", 18, 18)]
    (folder / "class 0" / "0.png").write_bytes(png(np.full((10, 10), 99, np.uint8), "L"))
    assert levels(load(folder))[0] == 99
    assert len(list(folders().glob("*.safetensors"))) == 1


def test_what_was_kept_and_damaged_is_read_again(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "p")
    before = levels(load(folder))
    (path,) = folders().glob("*.safetensors")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.unlink()
    path.write_bytes(data)
    assert levels(load(folder)) == before


def test_a_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(trees.os, "scandir", refuse)
    with pytest.raises(DataError, match=r"cannot read .*p: Permission denied") as caught:
        load(pictures(tmp_path / "p"))
    assert caught.value.kind == "refused"


@pytest.mark.parametrize(
    ("number", "sizes"),
    [(4, [2, 2]), (5, [3, 2]), (6, [2, 2, 2]), (8, [4, 2, 2]), (13, [7, 3, 3]), (20, [12, 4, 4]), (100, [60, 20, 20])],
)
def test_a_fifth_of_the_classes_is_held_out_and_a_fifth_kept_for_the_test(number: int, sizes: list[int]) -> None:
    images = ImageSet(
        name="p",
        images=np.zeros((number, 1, 1, 1), np.uint8),
        class_sizes=np.ones(number, np.int64),
        class_names=tuple(map(str, range(number))),
        groups=("",) * number,
        fingerprint="",
    )
    splits = folder_splits(images, seed=0)
    assert [len(part) for part in splits.classes.values()] == sizes
    assert sorted(np.concatenate(list(splits.classes.values()))) == list(range(number))
    assert ("meta_test" in splits.missing) == (len(sizes) == 2)
    assert splits.note.startswith(f"{number} classes: {sizes[0]} for train, {sizes[1]} for validation")
    others = {str(folder_splits(images, seed=seed).classes["meta_validation"]) for seed in range(20)}
    assert len(others) > 3


def test_tasks_are_drawn_from_it(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "p", classes=10)
    family = build_family(FolderConfig(folder=str(folder), ways=2, size=8, color="rgb"))
    assert family.num_inputs == 192
    for stream in (Stream.TRAINING_TASKS, Stream.HELD_OUT_TASKS, Stream.TEST_TASKS):
        tasks = family.draw_tasks(seed=0, stream=stream, num_tasks=5, shots=1, num_query=2)
        level = (tasks.query.x[:, :, 0] * 255).round().int().view(5, 2, 2) // 10
        assert (level == tasks.parameters[:, None]).all()


def published(folder: Path, **parts: int) -> Path:
    """Folders of splits, each with classes of its own."""
    for part, number in parts.items():
        pictures(folder / part, classes=number)
        for c in range(number):
            (folder / part / f"class {c}").rename(folder / part / f"{part} {c}")
    return folder


def sizes(images: ImageSet, **asked: int | None) -> dict[str, int]:
    found = folder_splits(images, seed=0, **asked)
    return {split: len(part) for split, part in found.classes.items()}


def test_a_published_split_is_used(tmp_path: Path) -> None:
    images = load(published(tmp_path / "p", train=5, val=3, test=2))
    for seed in (0, 1):
        found = folder_splits(images, seed=seed)
        assert {split: [images.class_names[c] for c in part] for split, part in found.classes.items()} == {
            "meta_train": [f"train {c}" for c in range(5)],
            "meta_validation": [f"val {c}" for c in range(3)],
            "meta_test": ["test 0", "test 1"],
        }
    assert folder_splits(images, seed=0).note.endswith("5 for train, 3 for validation, 2 for test, as published")
    assert "published split" in images.notes[0]
    assert load(tmp_path / "p").published == images.published
    assert sizes(images, num_validation=4, num_test=0) == {"meta_train": 6, "meta_validation": 4}


def test_a_published_split_without_validation_or_test(tmp_path: Path) -> None:
    without = load(published(tmp_path / "p", train=8, test=3))
    assert sizes(without) == {"meta_train": 6, "meta_validation": 2, "meta_test": 3}
    assert "with some of those to train on for validation" in folder_splits(without, seed=0).note
    no_test = folder_splits(load(published(tmp_path / "q", train=5, val=2)), seed=0)
    assert "meta_test" in no_test.missing
    assert {split: len(part) for split, part in no_test.classes.items()} == {"meta_train": 5, "meta_validation": 2}


def test_the_same_classes_in_each_part_are_put_together(tmp_path: Path) -> None:
    pictures(tmp_path / "p" / "train", images=4)
    pictures(tmp_path / "p" / "val", images=2)
    images = load(tmp_path / "p")
    assert images.class_names == tuple(f"class {c}" for c in range(6))
    assert images.class_sizes.tolist() == [6] * 6
    assert images.published == ()
    assert "hold the same classes" in images.notes[0]


def test_how_many_classes_are_held_out_can_be_chosen(tmp_path: Path) -> None:
    images = load(pictures(tmp_path / "p", classes=14))
    assert sizes(images) == {"meta_train": 8, "meta_validation": 3, "meta_test": 3}
    assert sizes(images, num_validation=5, num_test=0) == {"meta_train": 9, "meta_validation": 5}
    assert sizes(images, num_validation=5, num_test=4) == {"meta_train": 5, "meta_validation": 5, "meta_test": 4}
    assert "validation_classes and test_classes" in folder_splits(images, seed=0).more
    for asked, field in (({"num_validation": 13}, "validation_classes"), ({"num_test": 12}, "test_classes")):
        with pytest.raises(ConfigError, match=f"{field} = 1. .*p' has 14 classes, and 2 or more are to train on"):
            sizes(images, **asked)
    config = FolderConfig(folder=str(tmp_path / "p"), ways=5, size=8, validation_classes=5, test_classes=0)
    assert build_family(config).num_outputs == 5


def test_zip_files_in_a_folder_are_read_where_nothing_else_is(tmp_path: Path) -> None:
    published(tmp_path / "p", train=3, val=2)
    for part in ("train", "val"):
        shutil.make_archive(str(tmp_path / "zips" / part), "zip", tmp_path / "p" / part)
    images = load(tmp_path / "zips")
    assert images.class_names == ("train 0", "train 1", "train 2", "val 0", "val 1")
    assert sizes(images) == {"meta_train": 3, "meta_validation": 2}
    shutil.copytree(tmp_path / "p" / "train", tmp_path / "zips" / "train")
    with pytest.raises(DataError, match=r"Left out was train.zip: a zip file beside folders of images; unpack it"):
        load(tmp_path / "zips")


def test_a_set_of_more_than_eight_bits_is_seen_alike(tmp_path: Path) -> None:
    for c in range(4):
        place = tmp_path / "p" / f"{c}"
        place.mkdir(parents=True)
        for i in range(2):
            values = np.full((8, 8), 900 * (c + 1) + i, dtype=np.uint16)
            Image.fromarray(values).save(place / f"{i}.png")
    images = load(tmp_path / "p")
    assert levels(images)[::2] == [round(900 * (c + 1) * 255 / 4095) for c in range(4)]
    assert images.notes[0] == "images of more than 8 bits are shown from 0 (black) to 4095 (white)"


@pytest.mark.parametrize(
    ("low", "high", "word"), [(0, 30, "nearly black"), (230, 255, "nearly white"), (99, 101, "flat")]
)
def test_a_set_on_which_nothing_can_be_seen_is_named(low: int, high: int, word: str) -> None:
    images = np.linspace(low, high, 64).astype(np.uint8).reshape(1, 1, 8, 8).repeat(5, axis=0)
    (sentence,) = looked_at(images)
    assert word in sentence
    assert looked_at(np.linspace(0, 200, 64).astype(np.uint8).reshape(1, 1, 8, 8)) == ()


def test_a_name_that_is_no_text_can_be_shown(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "p")
    os.rename(folder / "class 0", os.fsencode(folder) + b"/V\xf6gel")
    images = load(folder)
    assert "V\\xf6gel" in images.class_names
    "".join(images.class_names).encode()


def test_what_an_earlier_version_read_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = pictures(tmp_path / "p")
    monkeypatch.setattr(folder_module, "_READING", 1)
    before = load(folder)
    monkeypatch.undo()
    assert load(folder) is not before
