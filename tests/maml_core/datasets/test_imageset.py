"""The file of a set of images: what is written is read, and what is damaged is not trusted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from maml_core import files
from maml_core.datasets.imageset import ImageSet, Skipped, images_info, load_images, save_images
from maml_core.errors import DataError


def small(**changes: Any) -> ImageSet:
    content: dict[str, Any] = {
        "name": "dots",
        "images": np.random.default_rng(0).integers(0, 256, (5, 3, 4, 4), dtype=np.uint8),
        "class_sizes": np.array([2, 3]),
        "class_names": ("α", "b/c"),
        "groups": ("", "b"),
        "fingerprint": "f",
        "skipped": (Skipped("x.png", "damaged"),),
    }
    return ImageSet(**(content | changes))


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    images, path = small(), tmp_path / "deep" / "dots.safetensors"
    save_images(path, images)
    loaded = load_images(path)
    assert np.array_equal(loaded.images, images.images)
    assert loaded.class_sizes.tolist() == [2, 3]
    for name in ("name", "class_names", "groups", "fingerprint", "skipped"):
        assert getattr(loaded, name) == getattr(images, name)
    assert loaded.image_shape == (3, 4, 4)
    assert load_images(path) is loaded
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_pixels_are_shared_and_cannot_be_written(tmp_path: Path) -> None:
    save_images(tmp_path / "dots", small())
    with pytest.raises(ValueError, match="read-only"):
        load_images(tmp_path / "dots").images[0] = 0


def test_other_programs_can_read_the_file(tmp_path: Path) -> None:
    save_images(tmp_path / "dots", small())
    assert np.array_equal(load_file(tmp_path / "dots")["images"], small().images)


def test_the_header_tells_what_is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "dots"
    save_images(path, small())
    info = images_info(path)
    assert info[:5] == ("dots", 5, ("α", "b/c"), ("", "b"), "f")
    assert info.size_bytes == path.stat().st_size


def test_a_new_file_in_its_place_is_read(tmp_path: Path) -> None:
    path = tmp_path / "dots"
    save_images(path, small())
    before = load_images(path)
    kept = before.images.copy()
    save_images(path, small(images=np.zeros((5, 3, 4, 4), dtype=np.uint8)))
    assert not load_images(path).images.any()
    assert np.array_equal(before.images, kept)


@pytest.mark.parametrize("place", ["first", "header", "facts", "pixel", "cut", "longer", "empty", "foreign", "deep"])
def test_damage_is_noticed(tmp_path: Path, place: str) -> None:
    path = tmp_path / "dots"
    save_images(path, small())
    data = bytearray(path.read_bytes())
    if place == "cut":
        del data[-1]
    elif place == "longer":
        data += b"\0"
    elif place == "empty":
        data.clear()
    elif place == "foreign":
        header = json.dumps({"__metadata__": {"format": "another"}}).encode()
        data[:] = len(header).to_bytes(8, "little") + header
    elif place == "deep":
        data[:] = (10**6).to_bytes(8, "little") + b"[" * 10**6
    else:
        at = {"first": 0, "header": 8, "facts": data.index(b"dots"), "pixel": len(data) - 1}[place]
        data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"is damaged .*import the images again") as caught:
        load_images(path)
    assert caught.value.kind == "damaged"


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    for read in (load_images, images_info):
        with pytest.raises(DataError) as caught:
            read(tmp_path / "nothing")
        assert caught.value.kind == "missing"


def test_a_disk_that_is_full_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "dots"
    save_images(path, small())
    before = path.read_bytes()

    def full(handle: int, data: memoryview) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "write", full)
        with pytest.raises(DataError, match="the disk is full") as caught:
            save_images(path, small(name="other"))
    assert caught.value.kind == "full"
    assert [file.name for file in tmp_path.iterdir()] == ["dots"]
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"images": np.zeros((5, 3, 4, 4))},
        {"images": np.zeros((5, 4, 4), dtype=np.uint8)},
        {"class_sizes": np.array([2, 2])},
        {"class_sizes": np.array([5, 0])},
        {"class_names": ("a",)},
        {"groups": ()},
    ],
)
def test_a_set_that_does_not_fit_together_cannot_be_made(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"images|names"):
        small(**changes)
