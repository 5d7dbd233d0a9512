"""Folders and zip files, read the same way and never outside of themselves."""

from __future__ import annotations

import contextlib
import os
import struct
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest

from maml_core.datasets import trees
from maml_core.datasets.pictures import UnreadableError
from maml_core.datasets.trees import File, Tree, fingerprint, open_tree, zips_opened
from maml_core.errors import DataError


def zip_of(path: Path, members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def listing(tree: Tree) -> dict[str, bytes]:
    return {str(file.path): tree.read(file) for file in tree.files}


def test_a_folder_and_a_zip_file_of_it_are_the_same(tmp_path: Path) -> None:
    members = {"b/x.png": b"1", "a/y.png": b"22", "top": b"3"}
    for name, data in members.items():
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(data)
    (tmp_path / "folder" / "c" / "d").mkdir(parents=True)
    (tmp_path / "folder" / ".hidden").write_bytes(b"")
    zip_of(tmp_path / "z.zip", members | {"c/d/": b"", ".hidden": b"", "__MACOSX/b/x.png": b"", "a/.DS_Store": b""})
    for where in (tmp_path / "folder", tmp_path / "z.zip"):
        with open_tree(where) as tree:
            assert listing(tree) == members
            assert [str(file.path) for file in tree.files] == ["a/y.png", "b/x.png", "top"]
            assert {"c/d"} <= set(tree.empty) <= {"c", "c/d"}
            assert tree.refused == ()


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.png").write_bytes(b"secret")
    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "in" / "a" / "x.png").write_bytes(b"1")
    (tmp_path / "in" / "out").symlink_to(tmp_path / "outside")
    (tmp_path / "in" / "a" / "s.png").symlink_to(tmp_path / "outside" / "secret.png")
    (tmp_path / "in" / "a" / "round").symlink_to(tmp_path / "in")
    os.mkfifo(tmp_path / "in" / "a" / "pipe.png")
    with open_tree(tmp_path / "in") as tree:
        assert listing(tree) == {"a/x.png": b"1"}
        assert [name for name, reason in tree.refused if "a link" in reason] == ["a/round", "a/s.png", "out"]


@pytest.mark.parametrize("name", ["../x.png", "a/../../x.png", "/x.png", "\\x.png", "..\\x.png", "C:\\x.png"])
def test_paths_out_of_a_zip_file_are_refused(tmp_path: Path, name: str) -> None:
    with open_tree(zip_of(tmp_path / "z.zip", {name: b"1", "a/x.png": b"2"})) as tree:
        assert listing(tree) == {"a/x.png": b"2"}
        assert [skipped.reason for skipped in tree.refused] == ["its path leads out of the zip file"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["z.zip"]


def test_a_name_that_stands_twice_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "z.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/x.png", b"first")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a/x.png", b"second")
    with open_tree(path) as tree:
        assert listing(tree) == {"a/x.png": b"first"}
        assert "twice" in tree.refused[0].reason


def test_a_member_that_grows_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "MAX_FILE_BYTES", 1000)
    path = zip_of(tmp_path / "z.zip", {"honest": bytes(2000), "small": bytes(1000), "liar": bytes(10**6)})
    data = bytearray(path.read_bytes())
    at = data.rindex(b"liar") - 46  # its entry in the directory at the end; says how large it is
    data[at + 24 : at + 28] = struct.pack("<I", 10)
    path.write_bytes(data)
    with open_tree(path) as tree:
        sizes = {}
        for file in tree.files:
            with contextlib.suppress(UnreadableError):
                sizes[str(file.path)] = len(tree.read(file))
    assert sizes == {"small": 1000}


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "x.png", "wb") as file:
        file.truncate(51 * 2**20)
    opened: list[File] = []

    def open_it(file: File) -> IO[bytes]:
        opened.append(file)
        return open(tmp_path / file.path, "rb")

    with open_tree(tmp_path) as tree, pytest.raises(UnreadableError, match="larger than 50 MB"):
        replace(tree, opened=open_it).read(tree.files[0])
    assert opened == []


def test_a_damaged_member_is_a_reason(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "z.zip", {"a": b"abcdefgh" * 9, "b": b"1"}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[data.index(b"abcdefgh")] ^= 1
    path.write_bytes(data)
    with open_tree(path) as tree:
        with pytest.raises(UnreadableError, match="damaged"):
            tree.read(tree.files[0])
        assert tree.read(tree.files[1]) == b"1"


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "z.zip", {"a": b"1"})
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with open_tree(path) as tree:
        assert tree.files == ()
        assert tree.refused[0].reason == "it is encrypted"


def test_a_member_without_a_name_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "z.zip", {"x": b"1", "b": b"2"})
    damaged = bytearray(path.read_bytes())
    at = damaged.index(b"PK\x01\x02")
    damaged[at + 28], damaged[at + 30] = 0, 1  # its name is an extra field now
    path.write_bytes(damaged)
    with open_tree(path) as tree:
        assert listing(tree) == {"b": b"2"}
        assert tree.refused == (("a file without a name", "nothing says what it is"),)


def test_a_member_that_is_damaged_in_its_way_of_packing_is_a_reason(tmp_path: Path) -> None:
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        path = zip_of(tmp_path / "z.zip", {"a": b"abcdefgh" * 9, "b": b"1"}, method)
        data = bytearray(path.read_bytes())
        for at in range(36, 46):  # of the first member's, behind its header and name
            data[at] ^= 255
        path.write_bytes(data)
        with open_tree(path) as tree:
            with pytest.raises(UnreadableError, match="damaged"):
                tree.read(tree.files[0])
            assert tree.read(tree.files[1]) == b"1"


def test_a_zip_file_with_a_name_that_is_none_is_an_error(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "z.zip", {"é": b"1"})
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xff\xff"))
    with pytest.raises(DataError, match=r"z\.zip is no zip file, or a damaged one .* fetch it again"), open_tree(path):
        pass


@pytest.mark.parametrize("keep", [0, 10, 0.5, -5])
def test_a_damaged_zip_file_is_an_error(tmp_path: Path, keep: float) -> None:
    path = zip_of(tmp_path / "z.zip", {f"{i}.png": bytes(100) for i in range(50)})
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep or 0])
    with (
        pytest.raises(DataError, match=r"z\.zip is no zip file, or a damaged one .* fetch it again") as caught,
        open_tree(path),
    ):
        pass
    assert caught.value.kind == "damaged"


def test_what_is_not_there_and_what_is_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="there is no") as caught, open_tree(tmp_path / "nothing"):
        pass
    assert caught.value.kind == "missing"
    monkeypatch.setattr(trees, "MAX_FILES", 3)
    for i in range(4):
        (tmp_path / f"{i}").write_bytes(b"")
    zip_of(tmp_path / "0", {f"{i}": b"" for i in range(4)})
    for where in (tmp_path, tmp_path / "0"):
        with pytest.raises(DataError, match="more than 3 files") as caught, open_tree(where):
            pass
        assert caught.value.kind == "large"


def test_the_fingerprint_changes_with_the_files(tmp_path: Path) -> None:
    def now() -> str:
        with open_tree(tmp_path) as tree:
            return fingerprint(tree)

    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"1")
    seen = [now()]
    assert now() == seen[0]
    (tmp_path / "a" / "y").write_bytes(b"1")
    seen.append(now())
    (tmp_path / "a" / "y").write_bytes(b"12")
    seen.append(now())
    os.utime(tmp_path / "a" / "y", ns=(0, 1))
    seen.append(now())
    (tmp_path / "a" / "y").rename(tmp_path / "a" / "z")
    seen.append(now())
    assert len(set(seen)) == 5


@pytest.mark.parametrize(
    "name",
    [
        "a/12:30.png",
        "a/b:c/x.png",
        "a/what?.png",
        'a/"x".png',
        "a/x|y*.png",
        "a/ x .png",
        "a/鳥.png",
        "./a/x.png",
        "a//x.png",
    ],
)
def test_a_zip_file_may_hold_any_name(tmp_path: Path, name: str) -> None:
    with open_tree(zip_of(tmp_path / "z.zip", {name: b"1"})) as tree:
        assert list(listing(tree).values()) == [b"1"]
        assert tree.refused == ()


@pytest.mark.parametrize(
    "name",
    [
        "__MACOSX",
        "@eaDir",
        "Thumbs.db",
        "desktop.ini",
        ".thumbnails",
        ".ipynb_checkpoints",
        "lost+found",
        "Thumbnails",
        "$RECYCLE.BIN",
    ],
)
def test_what_systems_make_is_no_image(tmp_path: Path, name: str) -> None:
    for place in (f"{name}/x.png", f"a/{name}/x.png"):
        (tmp_path / "f" / place).parent.mkdir(parents=True)
        (tmp_path / "f" / place).write_bytes(b"")
    (tmp_path / "f" / "a" / "x.png").write_bytes(b"1")
    zip_of(tmp_path / "z.zip", {f"{name}/x.png": b"", f"a/{name}/x.png": b"", "a/x.png": b"1"})
    for where in (tmp_path / "f", tmp_path / "z.zip"):
        with open_tree(where) as tree:
            assert listing(tree) == {"a/x.png": b"1"}
            assert (tree.refused, tree.empty) == ((), ())


@pytest.mark.parametrize("is_zip", [False, True])
def test_zip_files_inside_are_folders(tmp_path: Path, is_zip: bool) -> None:
    inner = {
        "train": zip_of(tmp_path / "1.zip", {"a/x.png": b"1", "../y.png": b""}).read_bytes(),
        "val": b"no zip file",
    }
    members = {f"data/{name}.zip": data for name, data in inner.items()} | {"data/z.png": b"3"}
    where = tmp_path / "where"
    if is_zip:
        zip_of(where, members)
    else:
        for name, data in members.items():
            (where / name).parent.mkdir(parents=True, exist_ok=True)
            (where / name).write_bytes(data)
    with open_tree(where) as outer, zips_opened(outer, lambda path: path.suffix == ".zip") as tree:
        assert listing(tree) == {"data/train/a/x.png": b"1", "data/z.png": b"3"}
        assert [(name, reason.partition(" (")[0]) for name, reason in tree.refused] == [
            ("data/train/../y.png", "its path leads out of the zip file"),
            ("data/val.zip", "no zip file, or a damaged one"),
        ]


def test_zip_files_inside_have_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = zip_of(tmp_path / "1.zip", {f"{i}.png": b"" for i in range(9)}).read_bytes()
    where = zip_of(tmp_path / "z.zip", {"a.zip": data})
    monkeypatch.setattr(trees, "MAX_INNER_BYTES", len(data) - 1)
    with open_tree(where) as outer, zips_opened(outer, lambda path: True) as tree:
        assert tree.files == ()
        assert "unpack the outer one" in tree.refused[0].reason
    monkeypatch.undo()
    monkeypatch.setattr(trees, "MAX_FILES", 8)
    with (
        open_tree(where) as outer,
        pytest.raises(DataError, match="more than 8 files"),
        zips_opened(outer, lambda path: True),
    ):
        pass
