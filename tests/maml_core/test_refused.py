"""What is refused leaves the saved run, the name and the files as they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from maml_core.cli import app
from maml_core.store import default_root, load_run
from tests.maml_core.members import pictures
from tests.maml_core.store.saved import contents

pytestmark = pytest.mark.slow

SMALL = ["--model", "mlp", "--hidden-widths", "4", "--size", "8", "--ways", "2", "--meta-batch-size", "2"]
SMALL += ["--evaluation-tasks", "2", "--no-joint-baseline"]


def maml(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def listed(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*")) if root.is_dir() else []


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAML_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("MAML_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return pictures(tmp_path / "pictures", images=6)


def train(folder: Path, *arguments: str) -> Result:
    return maml("train", "--tasks", "folder", "--folder", str(folder), *SMALL, *arguments)


CHANGES = {
    "more shots than there are images": ["--shots", "5", "--num-query", "5"],
    "more queries than there are images": ["--num-query", "6"],
    "what cannot change": ["--ways", "3"],
    "a value that is none": ["--alpha", "-101"],
    "a step that is behind": ["--steps", "1"],
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_refused_change_leaves_the_run_as_it_was(what: str, folder: Path) -> None:
    assert train(folder, "--shots", "1", "--num-query", "2", "--steps", "2", "--name", "it").exit_code == 0
    run = default_root() / "it"
    before = contents(run)
    done = maml("train", "--resume", "it", *CHANGES[what], *([] if "--steps" in CHANGES[what] else ["--steps", "5"]))
    assert done.exit_code == 2, done.output
    assert len(done.output.splitlines()) == 1
    assert contents(run) == before
    other = maml("train", "--resume", "it", *CHANGES[what], "--name", "other", "--steps", "1")
    assert other.exit_code == 2
    assert listed(default_root()) == ["it", *(f"it/{name}" for name in sorted(before))]
    assert maml("train", "--resume", "it", "--steps", "4").exit_code == 0
    assert load_run(run).step == 4


def test_a_refused_new_run_keeps_no_name(folder: Path) -> None:
    """Its smallest class is trained on, so that the curves' own tasks say nothing."""
    for place in sorted(folder.iterdir()):
        for image in sorted(place.iterdir())[3:] if place.name == "class 0" else []:
            image.unlink()
    shots = ["--shots", "1", "--num-query", "5", "--steps", "2"]
    refused = [train(folder, *shots, "--split-seed", str(seed), "--name", f"it{seed}").exit_code for seed in range(6)]
    assert 2 in refused
    assert [path.name for path in sorted(default_root().iterdir())] == [
        f"it{seed}" for seed, code in enumerate(refused) if code == 0
    ]


def test_a_change_that_is_planned_is_tried_before_the_run_begins(folder: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text("[[timeline]]\nstep = 3\n[timeline.changes]\nshots = 5\n")
    done = train(folder, "--shots", "1", "--num-query", "2", "--config", str(plan), "--steps", "6", "--name", "it")
    assert done.exit_code == 2
    assert listed(default_root()) == []


SWEPT = ["--tasks", "folder", *SMALL, "--shots", "1", "--steps", "2", "--workers", "1", "--name", "sweep"]


@pytest.fixture
def sweeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path / "sweeps"))
    return tmp_path / "sweeps"


def test_settings_that_cannot_be_drawn_are_left_out_and_the_rest_is_computed(folder: Path, sweeps: Path) -> None:
    axes = ["--axis", "num_query=2,9,5,8", "--axis", "alpha=0.1,0.2"]
    done = maml("sweep", *axes, *SWEPT, "--folder", str(folder), "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    states = [(row["num_query"], row["alpha"], row["status"]) for row in found["settings"]]
    drawn = {2: "ok", 9: "refused", 5: "ok", 8: "refused"}
    assert states == [(query, alpha, drawn[query]) for query in (2, 9, 5, 8) for alpha in (0.1, 0.2)]
    assert all("at most 6" in row["refusal"] for row in found["settings"] if row["status"] == "refused")
    assert all(row["value"] is None for row in found["settings"] if row["status"] == "refused")
    assert "settings are left out (num_query = 9, alpha = 0.1 and" in found["reading"][-1]
    shown = maml("sweeps", "show", "sweep").output
    assert shown.count("/ ") >= 4
    assert "4 of 8 settings are finished, 4 left out" in shown
    again = maml("sweep", "--resume", "sweep", "--workers", "1", "--json")
    assert json.loads(again.stdout)["settings"] == found["settings"]


def test_values_that_do_not_go_together_are_left_out_and_the_rest_is_computed(tmp_path: Path, sweeps: Path) -> None:
    small = ["--hidden-widths", "4", "--meta-batch-size", "2", "--evaluation-tasks", "2", "--no-joint-baseline"]
    axes = ["--axis", "algorithm=maml,reptile", "--axis", "order=second,first"]
    done = maml("sweep", *axes, *small, "--steps", "2", "--workers", "1", "--name", "words", "--json")
    assert done.exit_code == 0, done.output
    states = [row["status"] for row in json.loads(done.stdout)["settings"]]
    assert states == ["ok", "ok", "ok", "refused"]


def test_a_sweep_of_which_nothing_can_be_drawn_keeps_no_name(folder: Path, sweeps: Path) -> None:
    done = maml("sweep", "--axis", "num_query=8,9", *SWEPT, "--folder", str(folder))
    assert done.exit_code == 2, done.output
    assert "at most 6" in done.output
    assert listed(sweeps) == []
