"""A step that is really compiled: made beside the training, taken over between two chunks, repeated to the bit, and never loaded from where
others can write. What goes wrong on the way leaves the run as it was, eager.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from torch import Tensor

from maml_core import SavedRun, compiling, state_at
from maml_core.chunks import ChunkRequest, ChunkResult, run_chunk
from maml_core.compiled import files, step
from maml_core.compiling import Compiler, LaneCompiler
from maml_core.config import MLPConfig, RunConfig
from maml_core.moments import Moment, light
from maml_core.records import Entry, View
from maml_core.runs import replay
from maml_core.snapshots import snapshot
from maml_core.state_bytes import state_from_bytes
from maml_core.sweeps.chunks import LanesRequest, run_lanes
from tests.maml_core.helpers import same, tiny

fcntl = pytest.importorskip("fcntl")  # not on Windows

pytestmark = pytest.mark.slow

TINY = tiny(model=MLPConfig(hidden_widths=(4,)), num_inner_steps=1, joint_baseline=False, dtype="float32")
WAIT_S = 400.0
"""For the compiler, which everything else on a busy machine goes before; it takes ten seconds on one that is not."""


@pytest.fixture(scope="module", autouse=True)
def _compiler() -> None:
    if shutil.which(files.compiler()) is None:
        if os.environ.get("MAML_REQUIRE_COMPILER") == "1":
            pytest.fail("there is no C++ compiler, and MAML_REQUIRE_COMPILER is 1", pytrace=False)
        pytest.skip("these tests need a C++ compiler, for example from apt-get install g++")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the compiled step of `TINY`, made as a server makes it: once for all processes that share these tests, as it takes a minute."""
    together = os.environ.get("PYTEST_XDIST_WORKER") is not None
    base = tmp_path_factory.getbasetemp().parent if together else tmp_path_factory.mktemp("made")
    place = base / "compiled"
    with (base / "compiled.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (base / "compiled.done").exists():
            _make(place)
            (base / "compiled.done").touch()
    return place


def _make(place: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAML_COMPILED", str(place))
        # One that steps back for all other tests would wait as long as they have the processors.
        started = compiling._started
        patch.setattr(compiling, "_started", lambda asked: started({**asked, "steps_back": False}))
        first = chunk(TINY, None, 3)
        assert first.uncompiled != ""
        compiler = Compiler(after_s=0.0)
        compiler.trained(first)
        assert compiler.is_busy
        compiler.wait(WAIT_S)
        assert not compiler.is_busy
        assert files.last_failure() == ""
        assert files.has(first.uncompiled)


@pytest.fixture
def place(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of that folder, and nothing loaded from it yet."""
    place = tmp_path / "compiled"
    shutil.copytree(made, place)
    monkeypatch.setenv("MAML_COMPILED", str(place))
    monkeypatch.setattr(step, "_LOADED", {})
    return place


def chunk(config: RunConfig, state: bytes | None, num_steps: int, timeline: tuple[Entry, ...] = ()) -> ChunkResult:
    return run_chunk(ChunkRequest(config=config, state=state, num_steps=num_steps, timeline=timeline))


def losses(result: ChunkResult) -> np.ndarray:
    assert result.records is not None
    return result.records.query_loss


def eager(num_steps: int) -> np.ndarray:
    return replay(TINY, [], num_steps=num_steps)[2].query_loss


def test_a_run_takes_a_compiled_step_over_and_says_when(place: Path) -> None:
    first = run_chunk(ChunkRequest(config=TINY, num_steps=0))
    (entry,) = first.entries
    assert (entry.kind, entry.step) == ("compiled", 0)
    assert first.uncompiled == ""
    later = chunk(TINY, first.state, 40)
    assert later.entries == ()
    np.testing.assert_allclose(losses(later), eager(40), rtol=1e-4)


def test_a_replay_with_the_line_gives_the_same_bits(place: Path) -> None:
    before = chunk(TINY, None, 7, (Entry(step=7, kind="change", changes={"beta": 0.002}),))
    assert before.entries == ()  # a replay's own lines say when
    after = chunk(before.config, before.state, 30)
    timeline = [Entry(step=7, kind="change", changes={"beta": 0.002}), *after.entries]
    _, state, records = replay(TINY, timeline, num_steps=37)
    np.testing.assert_array_equal(records.query_loss, [*losses(before), *losses(after)])
    assert after.records is not None
    np.testing.assert_array_equal(
        records.held_out_after[-len(after.records.held_out_steps) :], after.records.held_out_after
    )
    again = state_from_bytes(after.state)
    for name, value in again.meta.theta.items():
        assert value.equal(state.meta.theta[name])
    assert again.compiled == state.compiled != ""


def test_a_step_is_taken_over_before_what_is_looked_at_beside_it_is_there(made: Path, place: Path) -> None:
    (whole,) = (path.name.partition(".")[0] for path in place.glob(f"*.{files.FEW}{files.LIBRARY}"))
    files.drop(whole)
    first = chunk(TINY, None, 9)
    assert first.uncompiled == whole
    assert state_from_bytes(first.state).compiled == first.entries[0].changes["key"] != whole
    for path in made.glob(f"{whole}*"):
        shutil.copy(path, place)
    later = chunk(TINY, first.state, 20)
    assert (later.uncompiled, [entry.changes["key"] for entry in later.entries]) == ("", [whole])
    _, state, records = replay(TINY, [*first.entries, *later.entries], num_steps=29)
    assert same(state.meta, state_from_bytes(later.state).meta)
    for result in (first, later):
        assert result.records is not None
    held_out = [result.records.held_out_after for result in (first, later) if result.records is not None]
    np.testing.assert_array_equal(records.held_out_after, np.concatenate(held_out))


def test_evaluations_and_looks_take_it_as_well(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = chunk(TINY, None, 3)
    state, calls = state_from_bytes(first.state), []
    libraries = step.loaded(state.compiled)
    assert libraries is not None

    def counted(row: list[Tensor]) -> list[Tensor]:
        calls.append(row)
        found: list[Tensor] = libraries[files.QUERY](row)
        return found

    monkeypatch.setitem(step._LOADED, state.compiled, {**libraries, files.QUERY: counted})
    view = View(tasks=(), paths=False, curvature=False)
    found, wanted = (snapshot(TINY, one, view).trajectories["maml"] for one in (state, state._replace(compiled="")))
    np.testing.assert_allclose(found.mean, wanted.mean, rtol=1e-6)
    assert len(calls) == TINY.evaluation_steps + 1
    chunk(TINY, first.state, 10)  # past one evaluation, before and after adaptation
    assert len(calls) == TINY.evaluation_steps + 3


def test_a_kept_state_goes_on_in_the_form_of_its_time(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = chunk(TINY, None, 10)
    later = chunk(TINY, first.state, 20)
    assert first.records is not None
    run = SavedRun(
        name="compiled",
        start=TINY,
        config=TINY,
        timeline=first.entries,
        records=first.records,
        state=later.state,
        step=30,
        moments=(Moment(10, TINY, light(first.state), num_entries=1),),
    )
    _, wanted, _ = replay(TINY, first.entries, num_steps=17)
    monkeypatch.setattr(step, "_LOADED", {})
    _, state = state_at(run, 17)
    assert list(step._LOADED) == [state.compiled] == [first.entries[0].changes["key"]]
    assert same(state.meta, wanted.meta)


def test_a_moved_dial_stays_compiled_and_another_number_of_steps_goes_on_eagerly(place: Path) -> None:
    first = chunk(TINY, None, 5)
    dial = chunk(TINY, first.state, 5, (Entry(step=5, kind="change", changes={"alpha": 0.03, "beta": 0.002}),))
    assert dial.uncompiled == ""
    more = chunk(dial.config, dial.state, 5, (Entry(step=10, kind="change", changes={"num_inner_steps": 2}),))
    assert more.status.kind == "ok"
    assert chunk(more.config, more.state, 5).uncompiled not in ("", first.entries[0].changes["key"])


@pytest.mark.parametrize("part", [files.STEP, files.INNER, files.QUERY, files.FEW])
def test_a_damaged_one_is_thrown_away_and_the_run_goes_on(part: str, place: Path) -> None:
    """Whole, whichever part it is: a step in one form with evaluations in another would be a third."""
    (whole,) = place.glob(f"*.{files.FEW}{files.LIBRARY}")
    key = whole.name.partition(".")[0]
    library = place / f"{key}.{part}{files.LIBRARY}"
    library.write_bytes(library.read_bytes()[:-1] + b"?")
    found = chunk(TINY, None, 20)
    np.testing.assert_array_equal(losses(found), eager(20))
    assert not [*place.glob(f"{key}*")]
    (entry,) = chunk(TINY, found.state, 1).entries  # that of the step alone is still there
    assert entry.changes["key"] != key


def test_one_in_a_folder_that_nothing_can_be_written_to_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EROFS, "read-only file system")

    monkeypatch.setenv("MAML_COMPILED", str(tmp_path / "compiled"))
    files.keep("0" * 32, {"step": b"machine code"})
    monkeypatch.setattr(files.os, "utime", refused)
    assert files.checked("0" * 32) == {"step": tmp_path / "compiled" / f"{'0' * 32}.step{files.LIBRARY}"}
    assert files.has("0" * 32)


def test_nothing_is_loaded_from_where_others_can_write(place: Path) -> None:
    place.chmod(0o777)
    np.testing.assert_array_equal(losses(chunk(TINY, None, 20)), eager(20))
    with pytest.raises(OSError, match="chmod 700"):
        files.keep("0" * 32, {"step": b""})


def test_what_was_not_used_for_longest_goes_first(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {*place.glob(f"*{files.DIGESTS}")}
    assert len(own) == 2  # of the step alone, and with what is looked at beside it
    monkeypatch.setattr(files, "MAX_BYTES", files.kept().num_bytes + 2000)
    for number, age in (("1", 300), ("2", 100)):
        files.keep(number * 32, {"step": bytes(1000), "inner": bytes(500)})
        path = place / f"{number * 32}{files.DIGESTS}"
        os.utime(path, (time.time() - age, time.time() - age))
    for path in own:
        os.utime(path)
    files.keep("3" * 32, {"step": bytes(100)})
    assert {path.stem for path in place.glob(f"*{files.DIGESTS}")} == {path.stem for path in own} | {"2" * 32, "3" * 32}
    assert not [*place.glob(f"{'1' * 32}*")]
    assert files.kept().num_steps == 4


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAML_COMPILED", str(tmp_path / "compiled"))
    files.keep("0" * 32, {"step": b"machine code"})
    old, new = (tmp_path / "compiled" / f"{number * 32}.step.so.part" for number in ("1", "2"))
    for path in (old, new):
        path.write_bytes(b"machine")
    os.utime(old, (0, 0))
    files.keep("3" * 32, {"step": b"machine code"})
    assert not old.exists()
    assert new.exists()


def test_without_a_compiler_it_stays_eager_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAML_COMPILED", str(tmp_path / "none"))
    monkeypatch.setenv("CXX", "no-such-compiler")
    compiler, first = Compiler(after_s=0.0), chunk(TINY, None, 3)
    compiler.trained(first)
    compiler.wait(WAIT_S)
    assert not compiler.is_busy
    assert files.last_failure() == "RuntimeError: there is no C++ compiler (no-such-compiler)"
    compiler.trained(chunk(TINY, first.state, 3))
    assert not compiler.is_busy  # it is not tried again


def test_closing_ends_what_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAML_COMPILED", str(tmp_path / "none"))
    compiler = Compiler(after_s=0.0)
    compiler.trained(chunk(TINY, None, 3))
    (process,) = [one for one in psutil.Process().children() if "maml_core.compiler_process" in " ".join(one.cmdline())]
    # Of this session, where a low priority counts against everybody else's, and of a group that can be ended as one.
    assert os.getsid(process.pid) == os.getsid(0)
    assert os.getpgid(process.pid) == process.pid
    until = time.monotonic() + WAIT_S
    while process.nice() != 19 and time.monotonic() < until:
        time.sleep(0.05)
    assert process.nice() == 19
    idles = "import os; os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))"
    if subprocess.run([sys.executable, "-c", idles], check=False, capture_output=True).returncode == 0:
        while os.sched_getscheduler(process.pid) != os.SCHED_IDLE and time.monotonic() < until:
            time.sleep(0.05)
        assert os.sched_getscheduler(process.pid) == os.SCHED_IDLE
    compiler.close()
    assert not process.is_running()


def test_it_is_compiled_only_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAML_COMPILED", str(tmp_path / "none"))
    compiler = Compiler(after_s=1000.0)
    compiler.trained(chunk(TINY, None, 3))
    assert not compiler.is_busy


def test_switched_off_nothing_is_wanted() -> None:
    assert chunk(TINY, None, 3).uncompiled == ""


@pytest.mark.thorough
def test_lanes_of_a_sweep_are_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAML_COMPILED", str(tmp_path / "lanes"))
    configs = tuple(dataclasses.replace(TINY, alpha=0.01 * place) for place in range(1, 6))

    def trained(*, compiled: bool) -> np.ndarray:
        request = LanesRequest(configs=configs, until=30, evaluate=False, compiled=compiled)
        return run_lanes(request).query_loss

    eager = trained(compiled=True)  # there is none yet
    np.testing.assert_array_equal(eager, trained(compiled=False))
    assert LaneCompiler(configs).wait()
    assert LaneCompiler(configs).wait()  # it is there already
    found = trained(compiled=True)
    np.testing.assert_allclose(found, eager, rtol=1e-4)
    np.testing.assert_array_equal(found, trained(compiled=True))
    (digests,) = (tmp_path / "lanes").glob(f"*{files.DIGESTS}")
    assert digests.stem in step._LOADED
