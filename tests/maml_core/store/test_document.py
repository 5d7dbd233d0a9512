"""Damaged, newer and foreign folders: a sentence each, and nothing is changed."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maml_core.errors import StoreError
from maml_core.record_files import COLUMNS
from maml_core.records import Entry
from maml_core.store import DOCUMENT, MAX_DOCUMENT_BYTES, VERSION, RunStore, load_run, save_run
from maml_core.store import document as document_module
from maml_core.store.document import DataFile
from tests.maml_core.helpers import same
from tests.maml_core.store.saved import NUM_FILES, RUN, contents, equal

# --- Damage -----------------------------------------------------------------------------------------------------------


def parts(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


@pytest.mark.parametrize("which", range(NUM_FILES))
@pytest.mark.parametrize("keep", [0.0, 0.3, 0.999])
def test_a_truncated_file_is_said_and_listed(tmp_path: Path, which: int, keep: float) -> None:
    save_run(tmp_path / "run", RUN)
    path = parts(tmp_path / "run")[which]
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    before = contents(tmp_path / "run")
    with pytest.raises(StoreError, match=r"damaged|not of a run"):
        load_run(tmp_path / "run")
    (info,) = RunStore(tmp_path).list()
    assert info.name == "run"
    assert info.problem is not None
    assert str(path) in info.problem
    assert contents(tmp_path / "run") == before


@pytest.mark.parametrize("which", range(NUM_FILES))
def test_a_missing_file_is_said(tmp_path: Path, which: int) -> None:
    save_run(tmp_path / "run", RUN)
    path = parts(tmp_path / "run")[which]
    path.unlink()
    with pytest.raises(StoreError, match=r"is missing|it has no run\.json"):
        load_run(tmp_path / "run")


@pytest.mark.parametrize("which", range(NUM_FILES))
def test_a_flipped_bit_is_found(tmp_path: Path, which: int) -> None:
    saved = save_run(tmp_path / "run", RUN)
    path = parts(tmp_path / "run")[which]
    good = path.read_bytes()
    chance = np.random.default_rng(0)
    for _ in range(60):
        at, bit = int(chance.integers(len(good))), int(chance.integers(8))
        bad = bytearray(good)
        bad[at] ^= 1 << bit
        path.write_bytes(bytes(bad))
        try:
            loaded = load_run(tmp_path / "run")
        except StoreError:
            continue
        assert path.name == DOCUMENT  # where one blank may stand for another
        assert equal(loaded, saved)


def rewritten(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Another run.json with a checksum that fits."""
    path = folder / DOCUMENT
    content = json.loads(path.read_bytes())
    del content["sha256"]
    change(content)
    path.write_text(json.dumps({**content, "sha256": document_module._digest(content)}))


def test_a_rewritten_document_loads_where_nothing_is_wrong(tmp_path: Path) -> None:
    """So the next test refuses for the reason that it means."""
    saved = save_run(tmp_path / "run", RUN)
    rewritten(tmp_path / "run", lambda content: None)
    assert equal(load_run(tmp_path / "run"), saved)


SETTINGS_THAT_CAME_LATER = (
    "num_training_tasks",
    "head",
    "test_alpha",
    "tasks.frequency",
    "tasks.test_amplitude",
    "tasks.test_x",
)
"""Dotted names of settings that older run folders do not have."""


def test_a_run_of_a_version_with_fewer_settings_loads_with_the_same_bits(tmp_path: Path) -> None:
    saved = save_run(tmp_path / "run", RUN)

    def without(content: dict[str, Any]) -> None:
        for config in (content["config"], content["start"]):
            for name in SETTINGS_THAT_CAME_LATER:
                group, _, field = name.rpartition(".")
                del (config[group] if group else config)[field]

    rewritten(tmp_path / "run", without)
    assert equal(load_run(tmp_path / "run"), saved)


def _entry(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda content: content["timeline"].append({"step": 3, "kind": "change", "changes": {}} | changes)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(unknown=1),
        lambda content: content.pop("events"),
        lambda content: content["config"].update(learning_rate=1),
        lambda content: content["config"].update(alpha="large"),
        lambda content: content["start"].update(alpha=-101.0),
        lambda content: content["start"]["tasks"].update(kind="unknown"),
        lambda content: content.update(step=-1),
        lambda content: content.update(step=True),
        lambda content: content.update(step=3),
        lambda content: content.update(status={"kind": "fine", "sentence": ""}),
        lambda content: content.update(status=None),
        lambda content: content.update(saved="yesterday"),
        lambda content: content.update(created=3),
        lambda content: content.update(versions={"python": 3}),
        lambda content: content.update(versions=[]),
        lambda content: content.update(timeline={}),
        lambda content: content.update(version=0),
        lambda content: content.update(version="1"),
        lambda content: content["files"].pop("state"),
        lambda content: content["files"]["state"].update(name="../../state-0000000000000000.safetensors"),
        lambda content: content["files"]["state"].update(name=DOCUMENT),
        lambda content: content["files"]["state"].update(size=1e9),
        lambda content: content["files"]["state"].update(sha256="../" * 20),
        lambda content: content["files"].update(state=content["files"]["curves"]),
        _entry(kind="explode"),
        _entry(kind=["change"]),
        _entry(step=-1),
        _entry(changes={"dtype": "float32"}),
        _entry(changes={"alpha": "x"}),
        _entry(changes={"num_inner_steps": -2}),
        _entry(changes=None),
        _entry(kind="resume", changes={"alpha": 1.0}),
        _entry(kind="rollback"),
    ],
    ids=range(33),
)
def test_a_document_that_makes_no_sense_is_refused(tmp_path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    save_run(tmp_path / "run", RUN)
    rewritten(tmp_path / "run", change)
    with pytest.raises(StoreError) as refused:
        load_run(tmp_path / "run")
    assert refused.value.kind == "damaged"


@pytest.mark.parametrize(
    "text",
    [
        '{"format": "maml-live run", "version": 1, "version": 1}',
        '{"format": "maml-live run", "version": 1, "step": NaN}',
        '{"format": "maml-live run", "x": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"format": "maml-live run", "version": ' + "9" * 5000 + "}",
        '{"format": "maml-live run"' + " " * MAX_DOCUMENT_BYTES + ', "version": 1}',
        '{"format": "maml-live run", "version": 1, "\udcff": 1}',
    ],
    ids=["twice", "nan", "deep", "digits", "long", "not utf-8"],
)
def test_a_document_made_to_hurt_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / DOCUMENT).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(StoreError):
        load_run(tmp_path / "run")
    assert RunStore(tmp_path).list()[0].problem


def with_curves(folder: Path, data: bytes) -> None:
    """Other curves under a checksum that fits."""
    file = DataFile.from_bytes("curves", data)
    rewritten(folder, lambda content: content["files"].update(curves=file._asdict()))
    (folder / file.name).write_bytes(data)


def _parquet(table: dict[str, Any], **options: Any) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = io.BytesIO()
    pq.write_table(pa.table(table), target, **options)
    return target.getvalue()


def _curves(rows: int, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {name: np.zeros(rows) for name in COLUMNS["curves"]}
    return found | {"steps": np.arange(rows), **changes}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PAR1" + bytes(100) + b"PAR1",
        _parquet({"steps": np.arange(3)}),
        _parquet(_curves(3, query_loss=["a", "b", "c"])),
        _parquet(_curves(3, query_loss=[0.1, None, 0.2]), compression="none", use_dictionary=False),
        _parquet(_curves(1_000_000, steps=np.zeros(1_000_000, int))),
        _parquet(_curves(3, steps=[0, 2, 1]), compression="none", use_dictionary=False),
        _parquet(_curves(3, steps=[0, 1, 26]), compression="none", use_dictionary=False),
        _parquet(_curves(3, steps=[-1, 1, 2]), compression="none", use_dictionary=False),
    ],
    ids=["empty", "garbage", "columns", "text", "gaps", "bomb", "order", "beyond the run", "negative"],
)
def test_curves_that_make_no_sense_are_refused(tmp_path: Path, data: bytes) -> None:
    save_run(tmp_path / "run", RUN)
    with_curves(tmp_path / "run", data)
    with pytest.raises(StoreError, match=r"the curves in .* are damaged"):
        load_run(tmp_path / "run")


ACCURACIES = {"accuracy", "held_out_accuracy_before", "held_out_accuracy_after"}


@pytest.mark.parametrize(
    "younger", [{"held_out_worse"}, ACCURACIES | {"held_out_worse"}], ids=["no shares of worse tasks", "no accuracies"]
)
def test_curves_of_earlier_versions_are_opened(tmp_path: Path, younger: set[str]) -> None:
    """What was not measured is NaN, and so is the share of diverged tasks, which was of another kind; the rest is as it was saved."""
    save_run(tmp_path / "run", RUN)
    for part, columns in COLUMNS.items():
        older = {name: getattr(RUN.records, name) for name in columns if name not in younger}
        data = _parquet(older, compression="none", use_dictionary=False)
        file = DataFile.from_bytes(part, data)
        rewritten(
            tmp_path / "run", lambda content, part=part, file=file: content["files"].update({part: file._asdict()})
        )
        (tmp_path / "run" / file.name).write_bytes(data)
    found = load_run(tmp_path / "run").records
    for name in RUN.records._fields:
        values = getattr(found, name)
        unknown = name in younger | {"held_out_diverged"}
        assert np.isnan(values).all() if unknown else same(values, getattr(RUN.records, name)), name
        assert len(values) == len(getattr(RUN.records, name))
    save_run(tmp_path / "again", dataclasses.replace(RUN, records=found))
    assert same(load_run(tmp_path / "again").records, found)


def test_a_newer_format_is_named_and_left_alone(tmp_path: Path) -> None:
    save_run(tmp_path / "run", RUN)
    rewritten(tmp_path / "run", lambda content: content.update(version=VERSION + 1, something="new"))
    before, store = contents(tmp_path / "run"), RunStore(tmp_path)
    assert "update maml-live" in str(store.list()[0].problem)
    for act in (
        lambda: load_run(tmp_path / "run"),
        lambda: save_run(tmp_path / "run", RUN),
        lambda: store.delete("run"),
        lambda: store.rename("run", "other"),
    ):
        with pytest.raises(StoreError, match="update maml-live") as refused:
            act()
        assert refused.value.kind == "newer"
    assert contents(tmp_path / "run") == before


def test_records_of_another_run_are_not_saved(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not of a run that took 3 outer steps"):
        save_run(tmp_path / "run", dataclasses.replace(RUN, step=3))
    assert not (tmp_path / "run").exists()


def test_what_could_not_be_read_back_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        save_run(
            tmp_path / "run",
            dataclasses.replace(
                RUN, timeline=(Entry(step=1, kind="change", changes={"dtype": "float32"}),), moments=()
            ),
        )
    assert not (tmp_path / "run").exists()


# --- Foreign folders --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "files",
    [
        {"photo.jpg": b"\xff"},
        {DOCUMENT: b'{"name": "somebody else"}'},
        {DOCUMENT: b"", "photo.jpg": b"\xff"},
        {DOCUMENT: b'["format", "maml-live run"]'},
    ],
    ids=str,
)
def test_a_foreign_folder_is_left_alone(tmp_path: Path, files: dict[str, bytes]) -> None:
    folder, store = tmp_path / "run", RunStore(tmp_path)
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    for act in (
        lambda: save_run(folder, RUN),
        lambda: load_run(folder),
        lambda: store.delete("run"),
        lambda: store.rename("run", "mine"),
        lambda: store.zip("run"),
    ):
        with pytest.raises(StoreError) as refused:
            act()
        assert refused.value.kind in ("foreign", "missing")
    assert contents(folder) == files


def test_an_empty_folder_can_be_used(tmp_path: Path) -> None:
    save_run(tmp_path, RUN)
    assert load_run(tmp_path).step == RUN.step


def test_a_file_in_the_place_of_the_folder_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(StoreError, match="cannot save the run"):
        save_run(tmp_path / "run", RUN)
    with pytest.raises(StoreError):
        load_run(tmp_path / "run")
    assert (tmp_path / "run").read_text() == "a file"
