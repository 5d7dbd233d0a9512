"""A setting that cannot be computed is left out of its sweep, which says so and computes the rest."""

from __future__ import annotations

import csv
import json
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import optuna
import pytest

from maml_core.config import FolderConfig, MLPConfig, RunConfig
from maml_core.errors import ConfigError
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.budget import budget, check_drawable
from maml_core.sweeps.catalog import list_sweeps
from maml_core.sweeps.chunks import LanesRequest, run_lanes
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.driver import Sweeping
from maml_core.sweeps.findings import read
from maml_core.sweeps.results import SettingResult, refused
from maml_core.sweeps.sampling import settings_of
from maml_core.sweeps.study import load_sweep, open_study
from maml_core.sweeps.tables import map_of, table
from tests.maml_core.cli.test_sweep import maml
from tests.maml_core.datasets.test_folder import pictures
from tests.maml_core.helpers import tiny
from tests.maml_core.sweeps.test_study import result

ANY_WAYS = (
    *("--tasks", "folder", "--num-query", "1", "--meta-batch-size", "2", "--evaluation-tasks", "4"),
    *("--hidden-widths", "4", "--size", "8", "--workers", "1", "--steps", "2", "--rungs", "1"),
)
SMALL = (*ANY_WAYS, "--ways", "2")
TOO_MANY = "shots = 3 is not accepted"
"""Refused of classes of three images, with a query image each."""

ORDERS = SweepConfig(
    base=tiny(joint_baseline=False),
    axes=(Axis(name="algorithm", values=("maml", "reptile")), Axis(name="order", values=("second", "first"))),
    num_steps=2,
    num_rungs=1,
)
"""Four settings, of which the last is refused: Reptile has no order."""


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the sweeps of this test are kept."""
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path / "sweeps"))
    monkeypatch.setenv("MAML_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "sweeps"


@pytest.fixture
def birds(tmp_path: Path) -> str:
    """Ten classes of three images."""
    return str(pictures(tmp_path / "birds", classes=10))


class Here(Executor):
    """Computes at once, in this process."""

    def submit(self, fn: Any, /, *arguments: Any, **more: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*arguments, **more))
        except Exception as error:
            future.set_exception(error)
        return future


def computed(sweep: SweepConfig, name: str, storage: str | None = None) -> tuple[SettingResult, ...]:
    with open_study(sweep, name, storage=storage) as study:
        sweeping = Sweeping(sweep, study)
        while (ticket := sweeping.next_request()) is not None:
            sweeping.finished(ticket, run_lanes(ticket.request))
        assert sweeping.is_done
        return sweeping.results()


def statuses(results: tuple[SettingResult, ...]) -> list[str]:
    return [one.status for one in results]


# --- The command line -------------------------------------------------------------------------------------------------


def test_shots_that_a_class_does_not_have_are_left_out_and_the_rest_is_computed(birds: str, tmp_path: Path) -> None:
    shown = maml("sweep", "--folder", birds, *SMALL, "--axis", "shots=1,2,3", "--axis", "alpha=0.01,0.1", "--name", "s")
    said = " ".join(shown.output.split())
    assert "2 of the 6 settings are left out (shots = 3, alpha = 0.01 and 1 more): " + TOO_MANY in said
    assert "/ left out" in said
    kept = json.loads(maml("sweeps", "show", "s", "--json").stdout)
    assert [row["status"] for row in kept["settings"]][4:] == ["refused", "refused"]
    assert all(row["status"] in ("ok", "diverged") for row in kept["settings"][:4])
    assert all(TOO_MANY in row["refusal"] for row in kept["settings"][4:])
    assert "4 of 6 settings are finished, 2 left out" in maml("sweeps", "show", "s").output
    assert "left out" in maml("sweeps", "list").output
    maml("sweeps", "export", "s", "--csv")
    with (tmp_path / "s.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["refusal"] for row in rows[:4]] == [""] * 4
    assert all(TOO_MANY in row["refusal"] for row in rows[4:])


def test_a_sweep_that_goes_on_keeps_what_was_left_out(birds: str) -> None:
    maml("sweep", "--folder", birds, *SMALL, "--axis", "shots=2,3", "--name", "s")
    with load_sweep("s") as study:
        before = study.results()
    found = json.loads(maml("sweep", "--resume", "s", "--workers", "1", "--json").stdout)
    assert (found["num_finished"], found["num_refused"]) == (1, 1)
    with load_sweep("s") as study:
        assert statuses(study.results()) == statuses(before) == ["ok", "refused"]
        assert study.results()[1].refusal == before[1].refusal
    assert [(one.num_finished, one.num_refused) for one in list_sweeps()] == [(1, 1)]


@pytest.mark.parametrize(("options", "axis"), [(SMALL, "shots=3,4"), (ANY_WAYS, "ways=15,20")])
def test_a_sweep_of_which_nothing_can_be_drawn_is_refused_and_its_name_stays_free(
    birds: str, root: Path, options: tuple[str, ...], axis: str
) -> None:
    shown = maml("sweep", "--folder", birds, *options, "--axis", axis, "--name", "s", code=2)
    assert "none of them can be computed" in " ".join(shown.output.split())
    assert not (root / "s").exists()
    maml("sweep", "--folder", birds, *SMALL, "--shots", "1", "--axis", "alpha=0.01,0.1", "--name", "s")


def test_a_resumed_sweep_of_which_all_is_refused_is_not_deleted(birds: str, root: Path) -> None:
    """It was somebody's before: with the images back, it goes on."""
    base = RunConfig(
        tasks=FolderConfig(folder=birds, size=8, ways=2),
        model=MLPConfig(hidden_widths=(4,)),
        shots=1,
        num_query=1,
        meta_batch_size=2,
        evaluation_tasks=4,
        joint_baseline=False,
    )
    axis = Axis(name="shots", values=(1, 2))
    with open_study(SweepConfig(base=base, axes=(axis,), num_steps=2, num_rungs=1), "s"):
        pass  # as a sweep that was ended before its first setting was done
    away = [path for path in Path(birds).rglob("*.png") if path.stem != "0"]
    pictures_of = {path: path.read_bytes() for path in away}
    for path in away:
        path.unlink()
    shown = maml("sweep", "--resume", "s", "--workers", "1", code=2)
    assert "images or more; 4 are needed" in " ".join(shown.output.split())
    assert [info.name for info in list_sweeps()] == ["s"]
    for path, content in pictures_of.items():
        path.write_bytes(content)
    found = json.loads(maml("sweep", "--resume", "s", "--workers", "1", "--json").stdout)
    assert found["num_finished"] == 2


def test_a_folder_that_is_not_there_keeps_no_name(root: Path, tmp_path: Path) -> None:
    shown = maml("sweep", "--folder", str(tmp_path / "none"), *SMALL, "--axis", "shots=1,2", "--name", "s", code=2)
    assert "there is no" in shown.output
    assert not (root / "s").exists()


# --- The engine -------------------------------------------------------------------------------------------------------


def test_tpe_leaves_out_what_the_set_up_refuses() -> None:
    axes = (Axis(name="algorithm", values=("maml", "reptile")), Axis(name="order", values=("second", "first")))
    found = computed(SweepConfig(base=ORDERS.base, axes=axes, sampler="tpe", num_settings=12, num_steps=2), "tpe")
    refused = [one for one in found if one.status == "refused"]
    assert refused
    assert all(dict(one.values) == {"algorithm": "reptile", "order": "first"} for one in refused)
    assert len(refused) < 12
    with load_sweep("tpe") as study:
        assert statuses(study.results()) == statuses(found)
        kept = study._study.get_trials(states=(optuna.trial.TrialState.PRUNED,))
        assert len(kept) == len(refused)


def test_a_batch_that_cannot_be_drawn_comes_back_with_the_reason(birds: str) -> None:
    found = run_lanes(LanesRequest(configs=(folder_config(birds, shots=3),), until=1))
    assert found.refusal.startswith(TOO_MANY)
    assert (found.lanes, found.step, found.summaries) == ((), 0, None)


def test_the_budget_measures_what_can_be_drawn(birds: str) -> None:
    sweep = folder_sweep(birds, 3, 2)  # the costliest first, which cannot be drawn
    found = budget(sweep, Here(), at_once=1)
    assert found.step_s > 0.0
    assert found.seconds > 0.0


def test_one_setting_that_can_be_drawn_is_enough(birds: str) -> None:
    check_drawable(folder_sweep(birds, 3, 2), Here())
    with pytest.raises(ConfigError, match=TOO_MANY):
        check_drawable(folder_sweep(birds, 3), Here())


def folder_config(folder: str, **changes: Any) -> RunConfig:
    tasks = FolderConfig(folder=folder, size=8, ways=2)
    given: dict[str, Any] = {"tasks": tasks, "shots": 1, "num_query": 1, "meta_batch_size": 2, "evaluation_tasks": 4}
    return RunConfig(**{**given, "joint_baseline": False, **changes})


def folder_sweep(folder: str, *shots: int) -> SweepConfig:
    return SweepConfig(base=folder_config(folder), axes=(Axis(name="shots", values=shots),), num_steps=2, num_rungs=1)


# --- What is said -----------------------------------------------------------------------------------------------------


def some(*left: int) -> tuple[SettingResult, ...]:
    """Eight settings, of which these are left out."""
    sweep = eight()
    settings = settings_of(sweep) or ()
    return tuple(
        refused(one, "of this") if one.number in left else result(one, 1.0 + one.number, sweep=sweep)
        for one in settings
    )


def eight() -> SweepConfig:
    return SweepConfig(
        axes=(Axis(name="alpha", values=tuple(0.01 * i for i in range(1, 9))),), num_steps=8, num_rungs=2
    )


def test_sentences_do_not_count_what_is_left_out() -> None:
    said = read(eight(), some(0, 7))
    assert said[0].startswith("The best of 6 trainings is alpha = 0.02")
    assert "None of the 6 settings diverges." in said
    assert said[-1] == "2 of the 8 settings are left out (alpha = 0.01 and 1 more): of this."
    assert not any("were finished" in sentence for sentence in said)


def test_a_cell_shows_what_was_computed_before_what_was_left_out() -> None:
    sweep = SweepConfig(axes=(Axis(name="alpha", values=(0.1, 0.2)), Axis(name="num_inner_steps", values=(1, 2))))
    settings = settings_of(sweep) or ()
    results = [
        refused(settings[0], "why"),
        result(settings[1], 2.0, sweep=sweep),
        *(refused(s, "why") for s in settings[2:]),
    ]
    seen = map_of(sweep, results, "alpha")
    assert seen.number.tolist() == [[1, 2]]
    assert seen.value[0, 0] == 2.0
    assert table(sweep, results)["refusal"].tolist() == ["why", "", "why", "why"]
