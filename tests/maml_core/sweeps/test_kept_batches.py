"""A sweep that was interrupted goes on from the last rung of its unfinished settings, and comes to the bits of one that was not."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import logging
import os
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maml_core.config import MLPConfig
from maml_core.sweeps import kept_batches
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.catalog import rename_sweep
from maml_core.sweeps.chunks import LanesResult
from maml_core.sweeps.definition import SweepConfig, fingerprint
from maml_core.sweeps.driver import run_sweep
from maml_core.sweeps.kept_batches import STATES, KeptBatches, from_bytes, to_bytes
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.study import load_sweep, open_study
from tests.maml_core.helpers import same, tiny

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*grace_period:UserWarning")]

SWEEP = SweepConfig(
    base=tiny(joint_baseline=False, model=MLPConfig(hidden_widths=(40, 40)), dtype="float32"),
    axes=(Axis(name="alpha", values=(0.01, 0.02, 0.03, 2.0)), Axis(name="num_inner_steps", values=(1, 2))),
    num_seeds=2,
    num_steps=12,
    num_rungs=4,
)
"""In float32, whose last digits tell how many lanes were computed at once; with settings that diverge, and two groups."""


class Interrupted(KeyboardInterrupt):
    """Somebody stops the sweep."""


class Here(Executor):
    """Computes where it is asked, so many chunks.

    Args:
        count: How many before it is interrupted.
        interrupts: What happens then.
    """

    def __init__(self, count: int = 10**6, interrupts: Any = None) -> None:
        self.left, self.lane_steps = count, 0
        self._interrupts = interrupts

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.left -= 1
        if self.left < 0:
            if self._interrupts is not None:
                self._interrupts()
            raise Interrupted
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        result = done.result()
        if isinstance(result, LanesResult):
            self.lane_steps += int(np.count_nonzero(~np.isnan(result.query_loss)))
        return done


def computed(folder: Path, sweep: SweepConfig, executor: Executor, *, chunk_s: float = 100.0) -> None:
    with open_study(sweep, "it", storage=folder) as study:
        run_sweep(sweep, study, executor, at_once=1, chunk_s=chunk_s)


def found(folder: Path) -> tuple[Sequence[SettingResult], Any]:
    with load_sweep("it", storage=folder) as study:
        return study.results(), study.curves()


def equals(one: tuple[Sequence[SettingResult], Any], other: tuple[Sequence[SettingResult], Any]) -> None:
    assert same(*([dataclasses.astuple(result) for result in results] for results, _ in (one, other)))
    assert one[1].equals(other[1])


def states(folder: Path) -> list[Path]:
    return sorted((folder / "it" / STATES).glob("*.safetensors"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sequence[SettingResult], Any]:
    """The sweep that nobody interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    executor = Here()
    computed(folder, SWEEP, executor)
    results, curves = found(folder)
    assert {one.status for one in results} == {"ok", "diverged"}
    assert states(folder) == []
    return results, curves


@pytest.mark.parametrize("num_chunks", [1, 3, 5, 7])
def test_it_goes_on_from_its_last_rung_to_the_same_bits(tmp_path: Path, whole: Any, num_chunks: int) -> None:
    first, second = Here(num_chunks), Here()
    with pytest.raises(Interrupted):
        computed(tmp_path, SWEEP, first)
    assert len(states(tmp_path)) == (num_chunks % 4 > 0)
    computed(tmp_path, SWEEP, second)
    equals(found(tmp_path), whole)
    assert states(tmp_path) == []
    # Chunks end at rungs: no step is taken twice.
    everything = Here()
    computed(tmp_path / "everything", SWEEP, everything)
    assert first.lane_steps + second.lane_steps == everything.lane_steps


@pytest.mark.parametrize(
    "cut", ["between rungs", "killed", "killed, with pruning", "drawn by TPE", "stopped, drawn by TPE"]
)
def test_whatever_ends_it(tmp_path: Path, cut: str) -> None:
    sweep = SWEEP
    if "pruning" in cut:
        sweep = SweepConfig(base=SWEEP.base, axes=SWEEP.axes, num_seeds=2, num_steps=12, num_rungs=4, prune=0.4)
    if "TPE" in cut:
        axes = (Axis(name="alpha", low=0.01, high=0.1),)
        sweep = SweepConfig(base=SWEEP.base, axes=axes, num_steps=12, num_rungs=4, sampler="tpe", num_settings=4)
    chunk_s = 0.0 if cut == "between rungs" else 100.0  # a step a chunk
    computed(tmp_path / "whole", sweep, everything := Here(), chunk_s=chunk_s)
    executor = Here(8 if cut == "between rungs" else 6 if "TPE" in cut else 2)
    if cut.startswith("stopped") or cut == "between rungs":
        with pytest.raises(Interrupted):
            computed(tmp_path, sweep, executor, chunk_s=chunk_s)
    else:
        _killed(lambda: computed(tmp_path, sweep, Here(executor.left, lambda: os._exit(9))))
    assert len(states(tmp_path)) == 1
    second = Here()
    computed(tmp_path, sweep, second, chunk_s=chunk_s)
    assert second.lane_steps < everything.lane_steps
    assert states(tmp_path) == []
    results, expected = found(tmp_path), found(tmp_path / "whole")
    if "TPE" in cut:  # which draws others from then on
        assert [one.status for one in results[0]] == ["ok"] * 4
        results, expected = ((settings[:2], curves[curves["setting"] < 2]) for settings, curves in (results, expected))
    equals(results, expected)


def _killed(act: Any) -> None:
    """Do something in a process of its own, which ends when it is interrupted, and closes nothing."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            act()
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def test_what_another_client_has_is_left_to_it(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        computed(tmp_path, SWEEP, Here(1))
    with open_study(SWEEP, "it", storage=tmp_path) as other:
        (path,) = states(tmp_path)
        kept = from_bytes(path.read_bytes(), SWEEP)
        theirs = other.take(2, sorted(kept.open))
        assert len(theirs) == 2
        ours = Here()
        with open_study(SWEEP, "it", storage=tmp_path) as study, contextlib.suppress(TimeoutError):
            run_sweep(SWEEP, study, ours, at_once=1, on_change=_until_only(2))
        results, _ = found(tmp_path)
        assert [one.number for one in results if not one.is_done] == [one.number for one in theirs]


def _until_only(count: int) -> Any:
    def look(sweeping: Any) -> None:
        if sweeping.progress.num_done >= SWEEP.size - count:
            raise TimeoutError

    return look


def test_a_damaged_one_begins_anew(tmp_path: Path, whole: Any, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Interrupted):
        computed(tmp_path, SWEEP, Here(2))
    (path,) = states(tmp_path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        computed(tmp_path, SWEEP, Here())
    assert "its settings begin anew" in caplog.text
    equals(found(tmp_path), whole)


def test_of_another_sweep_it_is_none(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        computed(tmp_path, SWEEP, Here(1))
    (path,) = states(tmp_path)
    kept = from_bytes(path.read_bytes(), SWEEP)
    again = to_bytes(kept, fingerprint(SWEEP))
    assert same(from_bytes(again, SWEEP), kept)
    other = SweepConfig(base=SWEEP.base, axes=SWEEP.axes, num_seeds=2, num_steps=16, num_rungs=4)
    with pytest.raises(ValueError, match="another sweep"):
        from_bytes(path.read_bytes(), other)
    for changes in (
        {"step": 12}, {"step": 5}, {"alive": frozenset({99})}, {"open": frozenset({99})}, {"rungs": {}},
        {"sums": kept.sums[:1]}, {"settings": kept.settings[:1]}, {"settings": ()},
    ):  # fmt: skip
        with pytest.raises(ValueError, match="do not fit"):
            from_bytes(to_bytes(kept._replace(**changes), fingerprint(SWEEP)), SWEEP)


def test_a_new_name_keeps_it(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        computed(tmp_path, SWEEP, Here(2))
    rename_sweep("it", "other", storage=tmp_path)
    rename_sweep("other", "it", storage=tmp_path)
    second, everything = Here(), Here()
    computed(tmp_path, SWEEP, second)
    computed(tmp_path / "everything", SWEEP, everything)
    assert second.lane_steps < everything.lane_steps


def test_where_there_is_no_room_the_sweep_goes_on(
    tmp_path: Path, whole: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(kept_batches, "write_file", full)
    with caplog.at_level(logging.WARNING):
        computed(tmp_path, SWEEP, Here())
    equals(found(tmp_path), whole)
    assert caplog.text.count("cannot be kept") == 1


def test_what_is_large_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_batches, "MAX_BYTES", 1000)
    with pytest.raises(Interrupted):
        computed(tmp_path, SWEEP, Here(2))
    assert states(tmp_path) == []


def test_of_what_is_finished_elsewhere_nothing_is_kept(tmp_path: Path, whole: Any) -> None:
    with pytest.raises(Interrupted):
        computed(tmp_path, SWEEP, Here(1))
    (path,) = states(tmp_path)
    data = path.read_bytes()
    computed(tmp_path, SWEEP, Here())
    path.write_bytes(data)
    known = {one.number: one for one in whole[0]}
    assert [*KeptBatches(tmp_path / "it", SWEEP).found(known, ())] == []
    assert states(tmp_path) == []
