"""What is refused leaves the saved run, the name and the files as they were."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from maml_core.cli import app
from maml_core.store import default_root, load_run
from tests.maml_core.members import pictures
from tests.maml_core.store.saved import contents

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
    "a value that is none": ["--alpha", "-1"],
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
