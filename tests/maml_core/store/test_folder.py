"""A run in its folder: everything comes back bit for bit, and no failed save harms the one before."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maml_core.config import MLPConfig, RunConfig
from maml_core.errors import StateError, StoreError
from maml_core.problem import build_problem
from maml_core.records import Entry, Records, Status
from maml_core.runs import advance_through, apply_entry, replay
from maml_core.state_bytes import check_state, state_from_bytes
from maml_core.store import DOCUMENT, RunStore, SavedRun, default_root, load_run, save_run
from maml_core.store import folder as folder_module
from tests.maml_core.helpers import same, tiny
from tests.maml_core.store.saved import NUM_FILES, OTHER, RUN, TIMELINE, FullDisk, contents, equal, trained, unstamped
from tests.maml_core.test_public_names import ROOT, run_fresh

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
            moments=(),
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


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in /proc")
def test_loading_starts_no_thread_of_pyarrow(tmp_path: Path) -> None:
    """One that still starts while the process ends aborts it."""
    save_run(tmp_path / "run", RUN)
    run_fresh(
        "import os, time\nimport pyarrow.parquet\nfrom maml_core import RunStore\n"
        f"before = len(os.listdir('/proc/self/task'))\nRunStore({str(tmp_path)!r}).load('run')\ntime.sleep(0.1)\n"
        "assert len(os.listdir('/proc/self/task')) == before"
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
    save_run(tmp_path / "run", dataclasses.replace(RUN, start=other, config=other, timeline=(), moments=()))
    run = load_run(tmp_path / "run")
    with pytest.raises(StateError, match="another model"):
        check_state(state_from_bytes(run.state), run.config, build_problem(run.config))


# --- A full disk, a kill, two at once ---------------------------------------------------------------------------------


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
        assert len(before) == NUM_FILES
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
    assert len(contents(tmp_path / "run")) == NUM_FILES
    assert equal(unstamped(load_run(tmp_path / "run")), RUN)


def test_a_first_save_that_was_killed_does_not_block_its_name(tmp_path: Path) -> None:
    save_run(tmp_path / "source", RUN)
    code = KILLED.format(source=str(tmp_path / "source"), target=str(tmp_path / "run"))
    subprocess.run([sys.executable, "-c", code, "10"], cwd=ROOT, timeout=60)
    assert DOCUMENT not in contents(tmp_path / "run")
    save_run(tmp_path / "run", OTHER, new=True)
    assert len(contents(tmp_path / "run")) == NUM_FILES


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
    assert len(contents(tmp_path / "run")) == NUM_FILES
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
