"""A folder of images of any kind: what is read, what is left out and why, what is kept, and how it is split."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maml_core.config import FolderConfig
from maml_core.datasets import folder as folder_module
from maml_core.datasets import trees
from maml_core.datasets.folder import folder_splits, folders, load_folder
from maml_core.datasets.imageset import ImageSet
from maml_core.errors import DataError
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
        "single": "a class of 1 images that can be read; 2 are needed",
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
        (6, 1, r"holds 0 classes.*Left out was class 0: a class of 1 .*\(and 5 more\)"),
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
