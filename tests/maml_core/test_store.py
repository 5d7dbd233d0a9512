"""Run folders: everything comes back bit for bit, damage is a sentence, and no failed save harms the one before."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maml_core.config import MLPConfig, RunConfig
from maml_core.curves import COLUMNS
from maml_core.errors import ConfigError, StateError, StoreError
from maml_core.problem import build_problem
from maml_core.records import Entry, Records, Status
from maml_core.runs import advance_through, apply_entry, replay
from maml_core.storage import check_state, state_from_bytes, state_to_bytes
from maml_core.store import (
    DOCUMENT,
    MAX_DOCUMENT_BYTES,
    RunStore,
    SavedRun,
    check_name,
    default_root,
    load_run,
    run_info,
    save_run,
)
from maml_core.store import document as document_module
from maml_core.store import folder as folder_module
from maml_core.store.document import DataFile
from tests.maml_core.helpers import same, tiny
from tests.maml_core.test_public_names import ROOT, run_fresh


def trained(start: RunConfig, timeline: tuple[Entry, ...] = (), steps: int = 25, name: str = "a run") -> SavedRun:
    config, state, records = replay(start, timeline, num_steps=steps)
    return SavedRun(
        name=name,
        start=start,
        config=config,
        timeline=timeline,
        records=records,
        state=state_to_bytes(state),
        step=state.step,
        status=state.status,
    )


TIMELINE = (
    Entry(step=9, kind="change", changes={"alpha": 0.05, "num_inner_steps": 2}),
    Entry(step=25, kind="change", changes={"clip_norm": 0.5}),
    Entry(step=40, kind="change", changes={"beta": 0.01, "clip_norm": None}),
)
RUN = trained(tiny(), TIMELINE)
OTHER = trained(tiny(alpha=0.03), steps=12)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def unstamped(run: SavedRun) -> SavedRun:
    """A run without what `save_run` fills in."""
    return dataclasses.replace(run, created="", saved="", versions={})


def equal(a: SavedRun, b: SavedRun) -> bool:
    return all(same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(SavedRun))


# --- Round trip -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "run",
    [
        RUN,
        OTHER,
        trained(tiny(joint_baseline=False), steps=0),
        dataclasses.replace(RUN, status=Status("diverged", "alpha · λ ≥ 2: “too large”.")),
        dataclasses.replace(
            RUN,
            timeline=(*TIMELINE, Entry(step=3, kind="rollback", changes={"to_step": 0}), Entry(step=3, kind="resume")),
            records=RUN.records._replace(events=(Entry(step=3, kind="rollback", changes={"to_step": 0}),)),
        ),
    ],
    ids=["with a timeline", "plain", "not trained", "diverged", "rolled back"],
)
def test_a_run_comes_back(tmp_path: Path, run: SavedRun) -> None:
    saved = save_run(tmp_path / "run", run)
    assert equal(load_run(tmp_path / "run"), saved)
    assert equal(unstamped(saved), run)


def test_losses_that_are_no_numbers_come_back(tmp_path: Path) -> None:
    odd = RUN.records._replace(query_loss=np.resize([np.nan, np.inf, -np.inf, -0.0, 5e-324], len(RUN.records.steps)))
    save_run(tmp_path / "run", dataclasses.replace(RUN, records=odd))
    assert same(load_run(tmp_path / "run").records, odd)


def test_a_save_says_when_and_by_what_it_was_made(tmp_path: Path) -> None:
    first = save_run(tmp_path / "run", RUN)
    again = save_run(tmp_path / "run", first)
    assert first.created == first.saved == again.created <= again.saved
    assert set(first.versions) == {"python", "torch", "numpy", "maml-live"}
    assert first.versions["numpy"] == np.__version__


def test_a_folder_holds_its_files_and_nothing_else(tmp_path: Path) -> None:
    save_run(tmp_path / "run", OTHER)
    save_run(tmp_path / "run", RUN)
    files = {file["name"]: file for file in json.loads((tmp_path / "run" / DOCUMENT).read_bytes())["files"].values()}
    found = contents(tmp_path / "run")
    assert set(found) == {DOCUMENT, *files}
    for name, file in files.items():
        assert file == {"name": name, "size": len(found[name]), "sha256": hashlib.sha256(found[name]).hexdigest()}


def test_a_part_that_did_not_change_is_not_written_again(tmp_path: Path) -> None:
    save_run(tmp_path / "run", RUN)
    times = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir() if path.name != DOCUMENT}
    save_run(tmp_path / "run", RUN)
    assert {name: (tmp_path / "run" / name).stat().st_mtime_ns for name in times} == times


def test_the_store_loads_without_torch_and_lists_without_pyarrow(tmp_path: Path) -> None:
    save_run(tmp_path / "run", RUN)
    run_fresh(
        "import sys\nfrom maml_core import RunStore\n"
        f"infos = RunStore({str(tmp_path)!r}).list()\n"
        "assert infos[0].step == 25 and infos[0].problem is None, infos\n"
        "assert 'torch' not in sys.modules and 'pyarrow' not in sys.modules\n"
        f"RunStore({str(tmp_path)!r}).load('run')\nassert 'torch' not in sys.modules"
    )


def test_runs_are_kept_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAML_RUNS", str(tmp_path / "mine"))
    assert default_root() == RunStore().root == tmp_path / "mine"
    monkeypatch.delenv("MAML_RUNS")
    assert default_root() == Path.home() / ".maml-live" / "runs"


# --- Resuming ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "timeline"),
    [
        (tiny(), TIMELINE),
        (tiny(outer_optimizer="sgd", beta=0.01), ()),
        (tiny(algorithm="meta_sgd"), ()),
        (tiny(per_step_rates=True, num_inner_steps=3, multi_step_loss=True, epoch_steps=10), ()),
        (
            tiny(
                model=MLPConfig(hidden_widths=(6,), batch_norm=True), batch_norm_treatment="running", per_step_norm=True
            ),
            (),
        ),
        (tiny(algorithm="anil", joint_baseline=False), ()),
        (tiny(algorithm="reptile"), (Entry(step=30, kind="change", changes={"outer_optimizer": "sgd"}),)),
        (tiny(dtype="float32", anneal_order=True, epoch_steps=7, first_order_epochs=4, anneal_beta=True), ()),
    ],
    ids=["timeline", "sgd", "meta_sgd", "maml++", "batch norm", "anil", "reptile", "annealed"],
)
def test_saving_and_loading_on_the_way_changes_nothing(
    tmp_path: Path, config: RunConfig, timeline: tuple[Entry, ...]
) -> None:
    save_run(tmp_path / "run", trained(config, timeline, steps=25))
    run = load_run(tmp_path / "run")
    resumed = advance_through(run.config, state_from_bytes(run.state), run.timeline, num_steps=35)
    resumed = (*resumed[:2], Records.joined([run.records, resumed[2]]))
    assert same(resumed, replay(config, timeline, num_steps=60))


def test_a_run_that_was_rolled_back_goes_on_as_if_it_had_not_been_saved(tmp_path: Path) -> None:
    start = tiny(alpha=1.0, num_inner_steps=20, model=MLPConfig(), dtype="float32")
    timeline = (Entry(step=30, kind="change", changes={"alpha": 0.001, "num_inner_steps": 1}),)
    run = trained(start, steps=30)
    assert run.status.kind == "diverged"
    assert [event.kind for event in run.records.events] == ["rollback"]
    save_run(tmp_path / "run", run)
    loaded = load_run(tmp_path / "run")
    results = []
    for config, data in ((run.config, run.state), (loaded.config, loaded.state)):
        state = state_from_bytes(data)
        config, state = apply_entry(config, state, timeline[0])
        config, state = apply_entry(config, state, Entry(step=state.step, kind="resume"))
        results.append(advance_through(config, state, (), num_steps=20))
    assert results[0][1].step > run.step
    assert same(results[0], results[1])


def test_the_state_of_another_model_is_refused(tmp_path: Path) -> None:
    other = tiny(model=MLPConfig(hidden_widths=(7,)))
    save_run(tmp_path / "run", dataclasses.replace(RUN, start=other, config=other, timeline=()))
    run = load_run(tmp_path / "run")
    with pytest.raises(StateError, match="another model"):
        check_state(state_from_bytes(run.state), run.config, build_problem(run.config))


# --- Damage -----------------------------------------------------------------------------------------------------------


def parts(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


@pytest.mark.parametrize("which", range(4))
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


@pytest.mark.parametrize("which", range(4))
def test_a_missing_file_is_said(tmp_path: Path, which: int) -> None:
    save_run(tmp_path / "run", RUN)
    path = parts(tmp_path / "run")[which]
    path.unlink()
    with pytest.raises(StoreError, match=r"is missing|it has no run\.json"):
        load_run(tmp_path / "run")


@pytest.mark.parametrize("which", range(4))
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


def _entry(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda content: content["timeline"].append({"step": 3, "kind": "change", "changes": {}} | changes)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(unknown=1),
        lambda content: content.pop("events"),
        lambda content: content["config"].update(learning_rate=1),
        lambda content: content["config"].update(alpha="large"),
        lambda content: content["start"].update(alpha=-1.0),
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
    file = DataFile.of("curves", data)
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


def test_curves_from_before_there_were_accuracies_are_opened(tmp_path: Path) -> None:
    """What was not measured is NaN; everything else is as it was saved."""
    save_run(tmp_path / "run", RUN)
    younger = {"accuracy", "held_out_accuracy_before", "held_out_accuracy_after"}
    for part, columns in COLUMNS.items():
        older = {name: getattr(RUN.records, name) for name in columns if name not in younger}
        data = _parquet(older, compression="none", use_dictionary=False)
        file = DataFile.of(part, data)
        rewritten(
            tmp_path / "run", lambda content, part=part, file=file: content["files"].update({part: file._asdict()})
        )
        (tmp_path / "run" / file.name).write_bytes(data)
    found = load_run(tmp_path / "run").records
    for name in RUN.records._fields:
        values = getattr(found, name)
        assert np.isnan(values).all() if name in younger else same(values, getattr(RUN.records, name)), name
        assert len(values) == len(getattr(RUN.records, name))
    save_run(tmp_path / "again", dataclasses.replace(RUN, records=found))
    assert same(load_run(tmp_path / "again").records, found)


def test_a_newer_format_is_named_and_left_alone(tmp_path: Path) -> None:
    save_run(tmp_path / "run", RUN)
    rewritten(tmp_path / "run", lambda content: content.update(version=2, something="new"))
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
            dataclasses.replace(RUN, timeline=(Entry(step=1, kind="change", changes={"dtype": "float32"}),)),
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


# --- A full disk, a kill, two at once ---------------------------------------------------------------------------------

CALLS = ("write", "fsync", "replace", "open", "mkdir")


class FullDisk:
    """Lets some calls to the system through, and then none that writes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, allowed: int, error: BaseException) -> None:
        self.calls = 0
        for name in CALLS:
            monkeypatch.setattr(os, name, self._limited(getattr(os, name), allowed, error))

    def _limited(self, real: Callable[..., Any], allowed: int, error: BaseException) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls > allowed:
                raise error
            return real(*args, **kwargs)

        return call


def num_calls(folder: Path, run: SavedRun) -> int:
    with pytest.MonkeyPatch.context() as patch:
        disk = FullDisk(patch, 10**9, OSError())
        save_run(folder, run)
    return disk.calls


FULL = OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_save_before_and_nothing_else(tmp_path: Path) -> None:
    save_run(tmp_path / "run", OTHER)
    before = contents(tmp_path / "run")
    total = num_calls(tmp_path / "count", RUN)
    assert total > 12
    committed = 0
    for allowed in range(total):
        with pytest.MonkeyPatch.context() as patch:
            FullDisk(patch, allowed, FULL)
            with pytest.raises(StoreError, match=r"the disk is full\. Free some space and try again") as refused:
                save_run(tmp_path / "run", RUN)
        assert refused.value.kind == "full"
        if contents(tmp_path / "run") != before:
            committed += 1
            assert equal(unstamped(load_run(tmp_path / "run")), RUN)
            save_run(tmp_path / "run", OTHER)
            before = contents(tmp_path / "run")
        assert len(before) == 4
    assert committed == 1  # only making the commit itself lasting can still fail after it


def test_a_full_disk_on_the_first_save_leaves_no_folder(tmp_path: Path) -> None:
    for allowed in range(num_calls(tmp_path / "count", RUN) - 1):  # the last call makes what is there lasting
        with pytest.MonkeyPatch.context() as patch:
            FullDisk(patch, allowed, FULL)
            with pytest.raises(StoreError, match="the disk is full"):
                save_run(tmp_path / "run", RUN)
        assert not (tmp_path / "run").exists(), allowed


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError()], ids=repr)
def test_an_interrupted_save_cleans_up_too(tmp_path: Path, error: BaseException) -> None:
    save_run(tmp_path / "run", OTHER)
    before = contents(tmp_path / "run")
    for allowed in range(1, 12):
        with pytest.MonkeyPatch.context() as patch:
            FullDisk(patch, allowed, error)
            with pytest.raises(type(error)):
                save_run(tmp_path / "run", RUN)
        assert contents(tmp_path / "run") == before


KILLED = """
import os, sys
from maml_core.store import load_run, save_run
calls = 0
def counted(real):
    def call(*args, **kwargs):
        global calls
        calls += 1
        if calls > int(sys.argv[1]):
            os._exit(9)
        return real(*args, **kwargs)
    return call
run = load_run({source!r})
for name in ("write", "fsync", "replace"):
    setattr(os, name, counted(getattr(os, name)))
save_run({target!r}, run)
"""


@pytest.mark.parametrize("allowed", [0, 1, 2, 5, 9, 10])
def test_a_kill_at_any_point_leaves_the_save_before_and_the_next_save_tidies(tmp_path: Path, allowed: int) -> None:
    save_run(tmp_path / "source", RUN)
    save_run(tmp_path / "run", OTHER)
    code = KILLED.format(source=str(tmp_path / "source"), target=str(tmp_path / "run"))
    done = subprocess.run([sys.executable, "-c", code, str(allowed)], cwd=ROOT, timeout=60)
    assert done.returncode == 9
    assert equal(unstamped(load_run(tmp_path / "run")), OTHER)
    save_run(tmp_path / "run", RUN)
    assert len(contents(tmp_path / "run")) == 4
    assert equal(unstamped(load_run(tmp_path / "run")), RUN)


def test_a_first_save_that_was_killed_does_not_block_its_name(tmp_path: Path) -> None:
    save_run(tmp_path / "source", RUN)
    code = KILLED.format(source=str(tmp_path / "source"), target=str(tmp_path / "run"))
    subprocess.run([sys.executable, "-c", code, "10"], cwd=ROOT, timeout=60)
    assert DOCUMENT not in contents(tmp_path / "run")
    save_run(tmp_path / "run", OTHER, new=True)
    assert len(contents(tmp_path / "run")) == 4


SAVER = """
import sys
from maml_core.store import load_run, save_run
run = load_run(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for _ in range(40):
    save_run(sys.argv[2], run)
"""


def test_a_save_while_a_run_is_read_starts_the_reading_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_run(tmp_path / "run", OTHER)
    real = folder_module._read_file
    late = iter([lambda: save_run(tmp_path / "run", RUN)])

    def read_file(*args: Any) -> bytes:
        next(late, lambda: None)()
        return real(*args)

    monkeypatch.setattr(folder_module, "_read_file", read_file)
    assert equal(unstamped(load_run(tmp_path / "run")), RUN)


def test_two_processes_that_save_one_run_leave_a_whole_one(tmp_path: Path) -> None:
    """And one that reads meanwhile finds one or the other."""
    save_run(tmp_path / "a", RUN)
    save_run(tmp_path / "b", OTHER)
    save_run(tmp_path / "run", OTHER)
    savers = [
        subprocess.Popen(
            [sys.executable, "-c", SAVER, str(tmp_path / source), str(tmp_path / "run")],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for source in "ab"
    ]
    found = set()
    try:
        for saver in savers:
            assert saver.stdout is not None
            saver.stdout.readline()
        for saver in savers:
            assert saver.stdin is not None
            saver.stdin.write(b"go\n")
            saver.stdin.flush()
        while any(saver.poll() is None for saver in savers):
            run = load_run(tmp_path / "run")
            assert equal(unstamped(run), RUN if run.step == RUN.step else OTHER)
            found.add(run.step)
    finally:
        for saver in savers:
            saver.communicate(timeout=60)
    assert [saver.returncode for saver in savers] == [0, 0]
    assert equal(unstamped(load_run(tmp_path / "run")), RUN if load_run(tmp_path / "run").step == RUN.step else OTHER)
    assert len(contents(tmp_path / "run")) == 4
    assert found <= {RUN.step, OTHER.step}


def test_a_save_while_the_run_is_deleted_waits_and_makes_it_anew(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.save(RUN)

    def save_often() -> None:
        for _ in range(30):
            store.save(RUN)

    saver = threading.Thread(target=save_often)
    saver.start()
    while saver.is_alive():
        try:
            store.delete(RUN.name)
        except StoreError as error:
            assert error.kind == "missing", error  # noqa: PT017
    saver.join()
    store.save(RUN)
    assert equal(unstamped(store.load(RUN.name)), RUN)


# --- The store --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["a", "Run 1", "alpha_0.1-N5", "_x", "9", "a" * 80, "console", "v1.0.2"], ids=lambda name: name[:12]
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
    "é",
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


def test_a_folder_of_a_name_that_cannot_be_used_is_listed(tmp_path: Path) -> None:
    save_run(tmp_path / "é", RUN)
    assert "rename the folder" in str(RunStore(tmp_path).list()[0].problem)
    assert run_info(tmp_path / "é").problem is None


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
