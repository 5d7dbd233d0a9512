"""What a reproduction has evaluated is kept: it is not computed again, unless something that decides it has changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maml_core.config import MLPConfig
from maml_core.reproduce import SINUSOID, Case, Reproduction, Row, chosen, sinusoid_cases
from maml_core.reproduce.exams import judged
from maml_core.reproduce.kept_exams import EVALUATED
from maml_core.reproduce.tables import plain

pytestmark = pytest.mark.slow


class Counting(ThreadPoolExecutor):
    """Counts evaluations, and is interrupted after some."""

    def __init__(self, interrupt_after: int = 10**9) -> None:
        super().__init__(1)
        self.evaluated, self._most = 0, interrupt_after

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if fn is judged:
            if self.evaluated >= self._most:
                raise KeyboardInterrupt
            self.evaluated += 1
        return super().submit(fn, *args, **kwargs)


def cases(num_steps: int = 20) -> list[Case]:
    """Five evaluations: MAML trained at 10 shots and a start that nobody trained, judged at 5 and at 10, and MAML trained at 5."""
    small = {"model": MLPConfig(hidden_widths=(4,)), "meta_batch_size": 2, "num_query": 3, "evaluation_tasks": 2}
    found = sinusoid_cases(chosen(SINUSOID, ["maml", "random start"]), seed=3, num_steps=num_steps)
    return [case._replace(config=dataclasses.replace(case.config, **small)) for case in found]  # type: ignore[arg-type]


def evaluated(folder: Path, executor: Executor, *, num_steps: int = 20, num_tasks: int = 30) -> list[Row]:
    run = Reproduction(cases(num_steps), folder, executor=executor)
    run.train()
    return run.rows(num_tasks=num_tasks)


def assert_same(rows: list[Row], others: list[Row]) -> None:
    untimed = [[{**plain(row), "cpu_s": 0.0} for row in each] for each in (rows, others)]
    assert untimed[0] == untimed[1]
    for row, other in zip(rows, others, strict=True):
        np.testing.assert_array_equal(row.by_task, other.by_task)  # type: ignore[arg-type]  # there is one


def test_one_that_is_stopped_while_it_evaluates_goes_on_with_what_is_left(tmp_path: Path) -> None:
    with Counting() as executor:
        at_a_stretch = evaluated(tmp_path / "one", executor)
        assert executor.evaluated == len(at_a_stretch) == 5
    with Counting(interrupt_after=3) as executor, pytest.raises(KeyboardInterrupt):
        evaluated(tmp_path / "two", executor)
    with Counting() as executor:
        found = evaluated(tmp_path / "two", executor)
        assert executor.evaluated == 2
    assert_same(found, at_a_stretch)
    with Counting() as executor:
        assert_same(evaluated(tmp_path / "two", executor), at_a_stretch)
        assert executor.evaluated == 0


def test_how_far_it_is_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with Counting() as executor:
        run = Reproduction(cases(), tmp_path, executor=executor)
        run.train()
        run.rows(num_tasks=30, on_evaluated=lambda done, of: told.append((done, of)))
        run.rows(num_tasks=30, on_evaluated=lambda done, of: told.append((done, of)))
    assert told == [*((done, 5) for done in range(6)), (5, 5)]


def test_what_decides_a_result_is_looked_at(tmp_path: Path) -> None:
    """Other test tasks, a training that went on, other code."""
    with Counting() as executor:
        evaluated(tmp_path, executor)
        assert {row.test_tasks for row in evaluated(tmp_path, executor, num_tasks=31)} == {31}
        assert executor.evaluated == 10
        evaluated(tmp_path, executor, num_steps=25, num_tasks=31)
        assert executor.evaluated == 13  # not of the start that nobody trained
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("maml_core.reproduce.kept_exams.fingerprint", lambda: "other code")
            evaluated(tmp_path, executor, num_steps=25, num_tasks=31)
        assert executor.evaluated == 18


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"", lambda data: data[:-9] + b"\x01" * 9])
def test_a_damaged_file_is_computed_again(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    with Counting() as executor:
        rows = evaluated(tmp_path, executor)
        paths = sorted((tmp_path / EVALUATED).iterdir())
        assert len(paths) == 5
        for path in paths:
            path.write_bytes(damage(path.read_bytes()))
        assert_same(evaluated(tmp_path, executor), rows)
        assert executor.evaluated == 10


def test_where_nothing_can_be_kept_the_table_comes_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / EVALUATED).write_text("in the way")
    with Counting() as executor:
        assert len(evaluated(tmp_path, executor)) == 5
    assert "cannot be kept" in caplog.text
