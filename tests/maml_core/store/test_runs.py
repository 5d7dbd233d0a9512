"""The folder of runs, by name."""

from __future__ import annotations

import dataclasses
import errno
import io
import unicodedata
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maml_core.errors import ConfigError, StoreError
from maml_core.store import DOCUMENT, RunStore, check_name, load_run, run_info, save_run
from tests.maml_core.helpers import tiny
from tests.maml_core.store.saved import NUM_FILES, OTHER, RUN, FullDisk, contents, equal, trained, unstamped


@pytest.mark.parametrize(
    "name",
    ["a", "Run 1", "alpha_0.1-N5", "_x", "9", "a" * 80, "console", "v1.0.2", "größe 1", "学习-2", "हिन्दी", "Ωmega"],
    ids=lambda name: name[:12],
)
def test_a_name_that_works(tmp_path: Path, name: str) -> None:
    store = RunStore(tmp_path)
    store.save(dataclasses.replace(OTHER, name=name))
    assert store.load(name).name == name
    assert [info.name for info in store.list()] == [name]


BAD_NAMES = (
    "",
    ".",
    "..",
    ".hidden",
    "-x",
    " x",
    "x ",
    "x.",
    "a/b",
    "../x",
    "a\\b",
    "a\nb",
    "a\n",
    "a\0b",
    "a\u202eb",
    "a\u200bb",
    "🙂",
    "a*b",
    "字" * 70,
    "a" * 81,
    "C:",
    "nul",
    "Con.txt",
)


@pytest.mark.parametrize("name", BAD_NAMES, ids=[repr(name)[:12] for name in BAD_NAMES])
def test_a_name_that_could_hurt_is_refused(tmp_path: Path, name: str) -> None:
    store = RunStore(tmp_path / "root")
    store.save(OTHER)
    for act in (
        lambda: store.save(dataclasses.replace(RUN, name=name)),
        lambda: store.load(name),
        lambda: store.delete(name),
        lambda: store.zip(name),
        lambda: store.rename(OTHER.name, name),
        lambda: store.rename(name, "x"),
    ):
        with pytest.raises(ConfigError, match=r"^name = "):
            act()
    assert [path.name for path in tmp_path.iterdir()] == ["root"]
    assert [info.name for info in store.list()] == [OTHER.name]


def test_two_spellings_of_one_name_are_one_name(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "größe é") for form in ("NFC", "NFD"))
    assert composed != decomposed
    store = RunStore(tmp_path)
    store.save(dataclasses.replace(OTHER, name=decomposed))
    assert [path.name for path in tmp_path.iterdir()] == [composed]
    assert store.load(composed).name == store.load(decomposed).name == composed
    with pytest.raises(StoreError):
        store.save(dataclasses.replace(OTHER, name=composed), new=True)


@given(name=st.text(max_size=12))
def test_a_name_that_is_accepted_stays_in_the_folder(name: str) -> None:
    try:
        folder = RunStore("/root-of-runs").folder(name)
    except ConfigError:
        return
    assert check_name(name) == folder.name
    assert folder.resolve().parent == Path("/root-of-runs").resolve()


def test_runs_are_listed_with_what_they_are(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "root")
    assert store.list() == []
    first = store.save(dataclasses.replace(OTHER, name="first"))
    second = store.save(trained(tiny(algorithm="reptile"), steps=3, name="second"))
    bad = store.save(dataclasses.replace(OTHER, name="bad"))
    next(store.folder("bad").glob("state-*")).unlink()
    (store.root / "notes").mkdir()
    (store.root / "a file").write_text("x")
    infos = store.list()
    assert [info.name for info in infos] == ["second", "first", "bad"]
    assert [info.algorithm for info in infos] == ["reptile", "maml", ""]
    assert [info.step for info in infos] == [3, 12, 0]
    assert [info.saved for info in infos] == [second.saved, first.saved, ""]
    assert [info.problem is None for info in infos] == [True, True, False]
    assert "is missing" in str(infos[2].problem)
    assert infos[0].size_bytes == sum(len(data) for data in contents(store.folder("second")).values())
    assert bad.name == "bad"
    store.save(first)
    assert [info.name for info in store.list()] == ["first", "second", "bad"]  # by when they were last saved


def test_a_folder_of_a_name_that_cannot_be_used_is_listed(tmp_path: Path) -> None:
    save_run(tmp_path / "é?", RUN)
    assert "rename the folder" in str(RunStore(tmp_path).list()[0].problem)
    assert run_info(tmp_path / "é?").problem is None


def test_a_run_is_renamed_and_never_over_another(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.save(dataclasses.replace(RUN, name="old"))
    store.save(dataclasses.replace(OTHER, name="taken"))
    with pytest.raises(StoreError, match="already") as refused:
        store.rename("old", "taken")
    assert refused.value.kind == "taken"
    with pytest.raises(StoreError, match="already"):
        store.rename("old", "old")
    store.rename("old", "new")
    assert store.load("new").name == "new"
    assert equal(unstamped(store.load("new")), dataclasses.replace(RUN, name="new"))
    assert store.load("taken").step == OTHER.step
    with pytest.raises(StoreError, match="there is no run"):
        store.load("old")


def test_a_new_run_does_not_take_the_place_of_another(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.save(RUN)
    before = contents(store.folder(RUN.name))
    with pytest.raises(StoreError, match=r"there is a run in .* already") as refused:
        store.save(OTHER, new=True)
    assert refused.value.kind == "taken"
    assert contents(store.folder(RUN.name)) == before


@pytest.mark.parametrize(("fails_at", "left"), [(0, [RUN.name]), (1, []), (2, [])])
def test_a_run_whose_deletion_fails_is_whole_or_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int, left: list[str]
) -> None:
    store = RunStore(tmp_path)
    store.save(RUN)
    removed: list[str] = []
    unlinked = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if len(removed) == fails_at:
            raise OSError(errno.EIO, "Input/output error")
        removed.append(path.name)
        unlinked(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", unlink)
        with pytest.raises(StoreError, match="cannot delete" if left else "is deleted, but not every file of it"):
            store.delete(RUN.name)
    assert [(info.name, info.problem) for info in store.list()] == [(name, None) for name in left]
    store.save(RUN)  # its name is free, and what was left is tidied
    assert len(contents(store.folder(RUN.name))) == NUM_FILES


def test_delete_removes_the_run_and_nothing_else(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for name in ("plain", "with notes"):
        store.save(dataclasses.replace(RUN, name=name))
    (store.folder("with notes") / "notes.txt").write_text("mine")
    store.delete("plain")
    assert not store.folder("plain").exists()
    store.delete("with notes")
    assert contents(store.folder("with notes")) == {"notes.txt": b"mine"}
    assert store.list() == []
    with pytest.raises(StoreError, match="there is no run"):
        store.delete("with notes")


@pytest.mark.parametrize("keep", [60, 1000])
def test_a_damaged_run_can_be_deleted(tmp_path: Path, keep: int) -> None:
    store = RunStore(tmp_path)
    store.save(RUN)
    path = store.folder(RUN.name) / DOCUMENT
    path.write_bytes(path.read_bytes()[:keep])
    store.delete(RUN.name)
    assert list(tmp_path.iterdir()) == []


def test_links_lead_nowhere(tmp_path: Path) -> None:
    """A link to a folder outside, a link in place of a file, and a link in place of run.json."""
    outside = tmp_path / "outside"
    save_run(outside, RUN)
    before = contents(outside)
    store = RunStore(tmp_path / "root")
    store.root.mkdir()
    (store.root / "link").symlink_to(outside)
    for act in (store.delete, store.load, store.zip):
        with pytest.raises(StoreError, match="is a link"):
            act("link")
    assert store.list() == []
    store.save(dataclasses.replace(RUN, name="run"))
    state = next(store.folder("run").glob("state-*"))
    state.unlink()
    state.symlink_to(outside / state.name)
    with pytest.raises(StoreError):
        store.load("run")
    store.delete("run")
    (store.root / "other").mkdir()
    (store.root / "other" / DOCUMENT).symlink_to(outside / DOCUMENT)
    with pytest.raises(StoreError, match="not a plain file"):
        store.delete("other")
    assert contents(outside) == before


def test_a_zip_holds_the_files_and_is_a_run_where_it_is_unpacked(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "root")
    saved = store.save(RUN)
    (store.folder(RUN.name) / "notes.txt").write_text("mine")
    archive = zipfile.ZipFile(io.BytesIO(store.zip(RUN.name)))
    files = contents(store.folder(RUN.name))
    del files["notes.txt"]
    assert {name: archive.read(name) for name in archive.namelist()} == {
        f"{RUN.name}/{name}": data for name, data in files.items()
    }
    archive.extractall(tmp_path / "elsewhere")
    assert equal(RunStore(tmp_path / "elsewhere").load(RUN.name), saved)


def test_a_folder_that_may_not_be_written_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_run(tmp_path / "run", OTHER)
    FullDisk(monkeypatch, 1, PermissionError(errno.EACCES, "Permission denied"))
    with pytest.raises(StoreError, match=r"Permission denied\. Choose another folder") as refused:
        save_run(tmp_path / "run", RUN)
    monkeypatch.undo()
    assert refused.value.kind == "refused"
    assert equal(unstamped(load_run(tmp_path / "run")), OTHER)


def test_a_run_is_moved_with_all_that_is_in_its_folder(tmp_path: Path) -> None:
    store, other = RunStore(tmp_path / "one"), RunStore(tmp_path / "not" / "there" / "yet")
    store.save(RUN)
    (store.folder(RUN.name) / "notes.txt").write_text("mine")
    store.move(RUN.name, other)
    assert (store.list(), other.load(RUN.name).state) == ([], RUN.state)
    assert (other.folder(RUN.name) / "notes.txt").read_text() == "mine"


def test_a_run_is_never_moved_over_another(tmp_path: Path) -> None:
    store, other = RunStore(tmp_path / "one"), RunStore(tmp_path / "other")
    store.save(RUN)
    other.save(OTHER)
    with pytest.raises(StoreError) as caught:
        store.move(RUN.name, other)
    assert caught.value.kind == "taken"
    assert (store.load(RUN.name).step, other.load(RUN.name).step) == (RUN.step, OTHER.step)
    with pytest.raises(StoreError, match="there is no run"):
        store.move("none", other)
