"""Runs from elsewhere: what an export wrote comes back byte for byte, and whatever else an archive holds hurts nobody."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from maml_core.errors import ConfigError, StoreError
from maml_core.store import DOCUMENT, RunStore, arrival, import_run, keep_run, read_run, zip_run
from tests.maml_core.store.saved import OTHER, RUN, contents, equal

Files = dict[str, bytes]


@pytest.fixture
def away(tmp_path: Path) -> Path:
    """The folder of a run that somebody else has."""
    RunStore(tmp_path / "away").save(dataclasses.replace(RUN, name="run"))
    return tmp_path / "away" / "run"


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    store = RunStore(tmp_path / "root")
    store.save(dataclasses.replace(OTHER, name="mine"))
    return store


def archive(path: Path, files: Files, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as target:
        for name, data in files.items():
            target.writestr(name, data)
    return path


def files_of(away: Path, inside: str = "run/") -> Files:
    return {inside + name: data for name, data in contents(away).items()}


def state_of(files: Files) -> str:
    return next(name for name in files if "state-" in name)


@pytest.mark.parametrize("inside", ["run/", "", "deep/er/run/", "../../run/", "/abs/run/"])
def test_a_run_comes_back_byte_for_byte_wherever_it_lies_in_the_archive(
    away: Path, store: RunStore, tmp_path: Path, inside: str
) -> None:
    path = archive(tmp_path / "run.zip", files_of(away, inside))
    before = set(tmp_path.rglob("*"))
    run = import_run(path, store)
    assert run.name == "run"
    assert contents(store.folder("run")) == contents(away)
    assert equal(store.load("run"), run)
    made = set(tmp_path.rglob("*")) - before
    assert made == {store.folder("run"), *store.folder("run").iterdir()}
    assert store.folder("run").stat().st_mode == store.folder("mine").stat().st_mode


def test_what_export_writes_is_taken_in_under_any_name(away: Path, store: RunStore, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(zip_run(away))
    assert import_run(tmp_path / "x.zip", store).name == "run"
    assert import_run(tmp_path / "x.zip", store, name="again").name == "again"
    assert import_run(away, store, name="folder").name == "folder"
    assert len(store.list()) == 4


def test_files_that_are_not_of_the_run_stay_outside(away: Path, store: RunStore, tmp_path: Path) -> None:
    more = {"run/evil.py": b"1", "../evil": b"1", "__MACOSX/run/._run.json": b"1", "run/sub/x": b"1"}
    import_run(archive(tmp_path / "run.zip", files_of(away) | more), store)
    assert contents(store.folder("run")) == contents(away)
    assert not list(tmp_path.rglob("evil*"))


def changed(key: str, value: object) -> Callable[[Files], Files]:
    def change(files: Files) -> Files:
        plain = json.loads(files[f"run/{DOCUMENT}"])
        return files | {f"run/{DOCUMENT}": json.dumps(plain | {key: value}).encode()}

    return change


@pytest.mark.parametrize(
    ("change", "kind", "sentence"),
    [
        (lambda files: {}, "foreign", "holds no run"),
        (lambda files: files | {f"two/{DOCUMENT}": b"{}"}, "foreign", "holds several runs"),
        (lambda files: files | {f"run/{DOCUMENT}": b"{}"}, "foreign", "is not of a run of this program"),
        (lambda files: files | {f"run/{DOCUMENT}": b" " * 2**25}, "damaged", "larger than 16,777,216 bytes"),
        (changed("version", 99), "newer", "update maml-live"),
        (changed("step", 3), "damaged", "its checksum does not fit"),
        (lambda files: {n: d for n, d in files.items() if n != state_of(files)}, "damaged", "is not whole"),
        (lambda files: files | {state_of(files): b"0" * len(files[state_of(files)])}, "damaged", "checksum"),
        (lambda files: files | {state_of(files): b"\0" * 2**26}, "damaged", "is not whole"),
    ],
    ids=["empty", "two", "foreign", "bomb", "newer", "edited", "lacking", "changed", "other size"],
)
def test_what_is_no_whole_run_is_a_sentence_and_leaves_the_store_as_it_was(
    away: Path, store: RunStore, tmp_path: Path, change: Callable[[Files], Files], kind: str, sentence: str
) -> None:
    path = archive(tmp_path / "run.zip", change(files_of(away)))
    with pytest.raises(StoreError, match=sentence) as error:
        import_run(path, store)
    assert error.value.kind == kind
    assert ".import-" not in str(error.value)
    assert [path.name for path in store.root.iterdir()] == ["mine"]


def test_of_a_file_no_more_is_unpacked_than_it_may_have(
    away: Path, store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = files_of(away)
    path, most = archive(tmp_path / "run.zip", files), max(map(len, files.values()))
    monkeypatch.setattr(arrival, "MAX_FILE_BYTES", most - 1)
    with pytest.raises(StoreError, match=f"is larger than {most - 1:,} bytes"):
        import_run(path, store)
    assert [path.name for path in store.root.iterdir()] == ["mine"]
    monkeypatch.setattr(arrival, "MAX_FILE_BYTES", most)
    assert import_run(path, store).name == "run"


@pytest.mark.parametrize("cut", [0, 10, 1000, -30])
def test_an_archive_that_is_cut_is_a_sentence(away: Path, store: RunStore, tmp_path: Path, cut: int) -> None:
    (tmp_path / "run.zip").write_bytes(zip_run(away)[:cut])
    with pytest.raises(StoreError, match="no ZIP archive, or a damaged or locked one"):
        import_run(tmp_path / "run.zip", store)
    assert [path.name for path in store.root.iterdir()] == ["mine"]


def test_a_name_in_it_that_is_none_is_a_sentence(away: Path, store: RunStore, tmp_path: Path) -> None:
    path = archive(tmp_path / "run.zip", files_of(away, "é/"))
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xff\xff"))
    with pytest.raises(StoreError, match="no ZIP archive, or a damaged or locked one"):
        import_run(path, store)
    assert [path.name for path in store.root.iterdir()] == ["mine"]


def test_every_byte_that_changes_is_found(away: Path, store: RunStore, tmp_path: Path) -> None:
    whole = zip_run(away)
    for at in range(0, len(whole), len(whole) // 40):
        path = tmp_path / "run.zip"
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            import_run(path, store)
        except (StoreError, ConfigError):
            assert [path.name for path in store.root.iterdir()] == ["mine"]
        else:  # it was none of the run's bytes, but the archive's own (a date, say)
            [name] = {path.name for path in store.root.iterdir()} - {"mine"}
            assert contents(store.folder(name)) == contents(away)
            store.delete(name)


def test_a_name_that_is_taken_or_none_is_refused(away: Path, store: RunStore, tmp_path: Path) -> None:
    path = archive(tmp_path / "run.zip", files_of(away, "mine/"))
    before = contents(store.folder("mine"))
    with pytest.raises(StoreError, match="there is a run called 'mine' already"):
        import_run(path, store)
    assert contents(store.folder("mine")) == before
    with pytest.raises(ConfigError, match=r"^name = '\.\./x'"):
        import_run(path, store, name="../x")
    with pytest.raises(StoreError, match="there is no file"):
        import_run(tmp_path / "nothing.zip", store)


def test_what_has_been_read_is_kept_without_the_file(away: Path, store: RunStore, tmp_path: Path) -> None:
    (tmp_path / "run.zip").write_bytes(zip_run(away))
    found = read_run(tmp_path / "run.zip")
    (tmp_path / "run.zip").unlink()
    assert store.name_of(found.run) is None
    assert keep_run(found, store, name="other").name == "other"
    assert contents(store.folder("other")) == contents(away)
    assert store.name_of(found.run) == "other"
    keep_run(found, store, name="run")
    assert store.name_of(found.run) == "run"  # its own name first


def test_a_locked_archive_is_a_sentence(away: Path, store: RunStore, tmp_path: Path) -> None:
    data = bytearray(zip_run(away))
    archive_of = zipfile.ZipFile(io.BytesIO(data))
    for entry in archive_of.infolist():
        data[entry.header_offset + 6] |= 1
    at = archive_of.start_dir
    for _ in archive_of.infolist():
        data[at + 8] |= 1
        at += 46 + sum(int.from_bytes(data[at + k : at + k + 2], "little") for k in (28, 30, 32))
    (tmp_path / "run.zip").write_bytes(data)
    with pytest.raises(StoreError, match="damaged or locked"):
        import_run(tmp_path / "run.zip", store)


def test_what_a_killed_import_left_is_removed_by_the_next_one(away: Path, store: RunStore) -> None:
    store.root.mkdir(parents=True, exist_ok=True)
    old, new = store.root / ".import-old", store.root / ".import-new"
    for folder in (old, new):
        folder.mkdir()
        (folder / DOCUMENT).write_bytes(b"half")
    os.utime(old, (0, 0))
    import_run(away, store)
    assert not old.exists()
    assert new.exists()  # somebody may be at it
