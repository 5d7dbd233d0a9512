"""Sweeps from elsewhere: what an export wrote comes back setting by setting, and whatever else an archive holds hurts nobody and runs nothing."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from maml_core.errors import ConfigError, StoreError
from maml_core.store import arrival
from maml_core.sweeps import catalog
from maml_core.sweeps.archive import DOCUMENT, import_sweep, zip_sweep
from maml_core.sweeps.catalog import delete_sweep, list_sweeps, rename_sweep
from maml_core.sweeps.driver import run_sweep
from maml_core.sweeps.places import JOURNAL
from maml_core.sweeps.study import load_sweep, open_study
from tests.maml_core.own_module import forget, is_imported, own_module
from tests.maml_core.postgres import postgres, programs
from tests.maml_core.sweeps.own_sweep import begun
from tests.maml_core.sweeps.test_kept_batches import SWEEP as LONGER
from tests.maml_core.sweeps.test_kept_batches import Here, Interrupted, computed, equals, found
from tests.maml_core.sweeps.test_study import SWEEP, result

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """What stands in the archive of a sweep with four of six settings."""
    folder = tmp_path_factory.mktemp("away")
    with open_study(SWEEP, "it", storage=folder) as study:
        for setting in study.take(4):
            study.put(result(setting, 0.5 + setting.number, "diverged" if setting.number == 2 else "ok"))
    (folder / "it.zip").write_bytes(zip_sweep("it", storage=folder))
    with zipfile.ZipFile(folder / "it.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where sweeps are kept: one is."""
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path / "sweeps"))
    open_study(SWEEP, "mine").close()
    return tmp_path / "sweeps"


def zipped(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def with_document(files: Files, change: Callable[[dict[str, Any]], object]) -> Files:
    document = json.loads(files[f"it/{DOCUMENT}"])
    change(document)
    return files | {f"it/{DOCUMENT}": json.dumps(document).encode()}


def with_file(files: Files, name: str, data: bytes) -> Files:
    """Another file, or another content of one, of which the document knows."""
    described = {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    def change(document: dict[str, Any]) -> None:
        document["files"] = [*(one for one in document["files"] if one["name"] != name), described]

    return with_document(files | {f"it/{name}": data}, change)


def without(files: Files, part: str) -> Files:
    return {name: data for name, data in files.items() if part not in name}


def names_below(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


@pytest.mark.parametrize("inside", ["it/", "deep/er/it/", "../../it/", "/abs/it/"])
def test_a_sweep_comes_back_wherever_it_lies_in_the_archive(
    files: Files, root: Path, tmp_path: Path, inside: str
) -> None:
    moved = {inside + name.removeprefix("it/"): data for name, data in files.items()}
    more = {"it/evil.py": b"1", "../evil": b"1", f"{inside}curves/../../evil": b"1"}
    path = zipped(tmp_path / "a.zip", moved | more)
    before = set(tmp_path.rglob("*"))
    assert import_sweep(path) == "it"
    made = {path.relative_to(root / "it").parts[0] for path in set(tmp_path.rglob("*")) - before - {root / "it"}}
    assert made == {JOURNAL, "curves"}
    assert (root / "it").stat().st_mode == (root / "mine").stat().st_mode
    with load_sweep("it") as study:
        assert study.sweep == SWEEP
        results = study.results()
        assert [(one.status, one.value) for one in results[:2]] == [("ok", 0.5), ("ok", 1.5)]
        assert [one.status for one in results] == ["ok", "ok", "diverged", "ok", "waiting", "waiting"]
        assert study.curves().groupby("setting")["training_loss"].last().tolist() == [0.5, 1.5, 2.5, 3.5]
        assert [setting.number for setting in study.take(9)] == [4, 5]
    with open_study(SWEEP, "it") as study:  # the same command goes on
        assert sum(one.is_finished for one in study.results()) == 4


def test_of_two_imports_nobody_has_the_claims_of_the_other(files: Files, tmp_path: Path) -> None:
    path = zipped(tmp_path / "it.zip", files)
    for storage in (str(tmp_path / "sweeps"), f"sqlite:///{tmp_path / 'sweeps.db'}"):
        for name in ("one", "two"):
            assert import_sweep(path, storage=storage, name=name) == name
        with load_sweep("one", storage=storage) as one, load_sweep("two", storage=storage) as two:
            assert [[s.number for s in study.take(1)] for study in (one, two)] == [[4], [4]]
            assert not one.is_computed


def test_the_curves_of_a_sweep_in_a_database_come_with_it(files: Files, root: Path, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'sweeps.db'}"
    import_sweep(zipped(tmp_path / "it.zip", files), storage=storage)
    (tmp_path / "back.zip").write_bytes(zip_sweep("it", storage=storage))
    assert import_sweep(tmp_path / "back.zip") == "it"
    with load_sweep("it", storage=storage) as there, load_sweep("it") as here:
        assert repr(here.results()) == repr(there.results())
        assert here.curves().equals(there.curves())
        assert len(here.curves()) == 8


def test_a_sweep_goes_into_postgresql_and_back(files: Files, root: Path, tmp_path: Path) -> None:
    where = programs()
    if where is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres(where) as storage:
        path = zipped(tmp_path / "it.zip", files)
        assert import_sweep(path, storage=storage) == "it"
        with pytest.raises(StoreError, match="there is a sweep called 'it' already; choose another name"):
            import_sweep(path, storage=storage)
        assert import_sweep(path, storage=storage, name="two") == "two"
        (tmp_path / "back.zip").write_bytes(zip_sweep("two", storage=storage))
        assert import_sweep(tmp_path / "back.zip", name="back") == "back"
        with load_sweep("it", storage=storage) as there, load_sweep("back") as here:
            assert repr(here.results()) == repr(there.results())
            assert here.curves().equals(there.curves())
            assert [setting.number for setting in there.take(9)] == [4, 5]  # what was not finished, and nobody has


@pytest.mark.slow
def test_what_was_interrupted_goes_on_elsewhere_to_the_same_bits(tmp_path: Path) -> None:
    computed(tmp_path / "whole", LONGER, Here())
    with pytest.raises(Interrupted):
        computed(tmp_path / "away", LONGER, Here(3))
    (tmp_path / "it.zip").write_bytes(zip_sweep("it", storage=tmp_path / "away"))
    import_sweep(tmp_path / "it.zip", storage=tmp_path / "here")
    executor = Here()
    computed(tmp_path / "here", LONGER, executor)
    equals(found(tmp_path / "here"), found(tmp_path / "whole"))
    assert executor.lane_steps < 16 * 12


def _nested(document: dict[str, Any]) -> None:
    document["files"] = [{"name": "study.log", "size": 1}]


def _slips(document: dict[str, Any]) -> None:
    document["files"][0]["name"] = "curves/../../../evil.parquet"


REFUSED: dict[str, tuple[Callable[[Files], Files], str, str]] = {
    "empty": (lambda files: {}, "foreign", "holds no sweep"),
    "two": (lambda files: files | {f"two/{DOCUMENT}": b"{}"}, "foreign", "holds several sweeps"),
    "foreign": (lambda files: files | {f"it/{DOCUMENT}": b"{}"}, "foreign", "maml sweeps export NAME --zip"),
    "no JSON": (lambda files: files | {f"it/{DOCUMENT}": b"{"}, "damaged", "export it once more"),
    "nested": (lambda files: files | {f"it/{DOCUMENT}": b"[" * 100_000}, "damaged", "export it once more"),
    "bomb": (lambda files: files | {f"it/{DOCUMENT}": b" " * 2**27}, "damaged", "is larger than 67,108,864 bytes"),
    "newer": (
        lambda files: with_document(files, lambda document: document.update(version=99)),
        "newer",
        "update maml-live to import it",
    ),
    "no checksum": (lambda files: with_document(files, _nested), "damaged", "export it once more"),
    "slips": (lambda files: with_document(files, _slips), "damaged", "is no file of a sweep"),
    "a module": (lambda files: with_file(files, "curves/evil.py", b"1"), "damaged", "is no file of a sweep"),
    "lacking": (lambda files: without(files, JOURNAL), "damaged", "study.log is not whole; export it once more"),
    "changed": (
        lambda files: files | {f"it/{JOURNAL}": b"0" * len(files[f"it/{JOURNAL}"])},
        "damaged",
        "the checksum of study.log does not fit",
    ),
    "other size": (lambda files: files | {f"it/{JOURNAL}": b"\0" * 2**26}, "damaged", "is not whole"),
    "a spoiled study": (lambda files: with_file(files, JOURNAL, b"{}\n"), "damaged", "damaged"),
    "half a study": (
        lambda files: with_file(files, JOURNAL, files[f"it/{JOURNAL}"].split(b"\n")[0] + b"\n"),
        "foreign",
        "of no sweep",
    ),
    "a spoiled result": (
        lambda files: with_file(files, JOURNAL, files[f"it/{JOURNAL}"].replace(b'"loss"', b'"lass"')),
        "damaged",
        "what setting 0 came to cannot be read",
    ),
    "spoiled curves": (lambda files: with_file(files, "curves/1.parquet", b"1"), "damaged", "1.parquet has no curves"),
    "spoiled states": (lambda files: with_file(files, "states/1.safetensors", b"1"), "damaged", "1.safetensors"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_whole_sweep_is_a_sentence_and_leaves_all_as_it_was(
    files: Files, root: Path, tmp_path: Path, what: str
) -> None:
    change, kind, sentence = REFUSED[what]
    path = zipped(tmp_path / "it.zip", change(files))
    with pytest.raises(StoreError) as error:
        import_sweep(path)
    assert sentence in str(error.value)
    assert error.value.kind == kind
    assert ".import-" not in str(error.value)
    assert "sweeps delete" not in str(error.value)
    assert names_below(root) == ["mine"]
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize("cut", [0, 10, 1000, -30])
def test_an_archive_that_is_cut_is_a_sentence(files: Files, root: Path, tmp_path: Path, cut: int) -> None:
    path = zipped(tmp_path / "it.zip", files)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(StoreError, match="no ZIP archive, or a damaged or locked one"):
        import_sweep(path)
    assert names_below(root) == ["mine"]


def test_a_name_that_is_taken_or_none_is_refused(files: Files, root: Path, tmp_path: Path) -> None:
    path = zipped(tmp_path / "it.zip", files)
    database = f"sqlite:///{tmp_path / 'sweeps.db'}"
    open_study(SWEEP, "mine", storage=database).close()
    for storage in (None, database):
        with pytest.raises(StoreError, match="there is a sweep called 'mine' already; choose another name"):
            import_sweep(path, name="mine", storage=storage)
        assert [info.num_finished for info in list_sweeps(storage)] == [0]
    with pytest.raises(ConfigError, match=r"^name = '\.\./x'"):
        import_sweep(path, name="../x")
    with pytest.raises(StoreError, match="there is no file"):
        import_sweep(tmp_path / "nothing.zip")


def test_no_more_is_unpacked_than_there_is_room_for(
    files: Files, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = sum(len(data) for name, data in files.items() if DOCUMENT not in name)
    path = zipped(tmp_path / "it.zip", files)
    with pytest.raises(StoreError, match=r"it takes 0\.0 MB, and there is room for 0\.0 MB more here; delete another"):
        import_sweep(path, max_bytes=size - 1)
    monkeypatch.setattr(arrival, "MAX_FILE_BYTES", len(files[f"it/{JOURNAL}"]) - 1)
    with pytest.raises(StoreError, match="is larger than"):
        import_sweep(path)
    assert names_below(root) == ["mine"]
    monkeypatch.undo()
    assert import_sweep(path, storage=root, max_bytes=size) == "it"


def test_who_refuses_the_sweep_is_asked_before_it_is_kept(files: Files, root: Path, tmp_path: Path) -> None:
    def refuse(sweep: object) -> None:
        assert sweep == SWEEP
        raise ConfigError("steps", 8, "fewer")

    with pytest.raises(ConfigError, match="steps = 8"):
        import_sweep(zipped(tmp_path / "it.zip", files), check=refuse)
    assert names_below(root) == ["mine"]


@pytest.fixture(name="module")
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with own_module(tmp_path, monkeypatch) as name:
        yield name


@pytest.mark.slow
def test_neither_export_nor_import_runs_the_code_of_a_sweep(module: str, tmp_path: Path) -> None:
    begun(module)
    forget(tmp_path, module)
    assert not is_imported(tmp_path, module)
    (file := tmp_path / "mine.zip").write_bytes(zip_sweep("mine"))
    assert import_sweep(file, storage=tmp_path / "here") == "mine"
    with load_sweep("mine", storage=tmp_path / "here") as study:
        assert sum(one.is_done for one in study.results()) == 1
        with pytest.raises(ConfigError, match="run only where its owner names it"):
            run_sweep(study.sweep, study, Here(), at_once=1)
    assert not is_imported(tmp_path, module)


@pytest.mark.thorough
def test_a_copy_in_a_database_that_was_interrupted_says_so_and_is_deleted(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is killed cleans nothing up."""
    storage = f"sqlite:///{tmp_path / 'sweeps.db'}"
    path = zipped(tmp_path / "it.zip", files)

    def killed() -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(catalog, "new_key", killed)
        patch.setattr(catalog, "delete_sweep", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            import_sweep(path, storage=storage)
    (left,) = list_sweeps(storage)
    assert (
        "is being imported or renamed, or that was interrupted; wait for it, or delete it with: maml sweeps delete it"
        in str(left.problem)
    )
    delete_sweep("it", storage=storage)
    with monkeypatch.context() as patch:
        patch.setattr(catalog, "new_key", killed)
        with pytest.raises(KeyboardInterrupt):
            import_sweep(path, storage=storage)
    assert list_sweeps(storage) == []  # by who was interrupted
    assert import_sweep(path, storage=storage) == "it"
    assert rename_sweep("it", "other", storage=storage) == "other"


def test_what_a_killed_import_left_is_removed_by_the_next_one(files: Files, root: Path, tmp_path: Path) -> None:
    old, new = root / ".import-old", root / ".import-new"
    for folder in (old, new):
        (folder / "it").mkdir(parents=True)
    os.utime(old, (0, 0))
    import_sweep(zipped(tmp_path / "it.zip", files))
    assert names_below(root) == [".import-new", "it", "mine"]  # somebody may be at it
