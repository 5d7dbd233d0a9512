"""`maml reproduce` and `maml bench`: tables of papers and of benchmarks."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch

from maml_core.store import load_run
from tests.maml_core.cli.cases import MAML, maml, said, shown
from tests.maml_core.datasets.layout import official
from tests.maml_core.test_public_names import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("root")]


def test_a_reproduction_prints_its_table_and_saves_it(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    arguments = ("--only", "maml", "--steps", "5", "--tasks", "20", "--folder", str(folder))
    found = maml("reproduce", "sinusoid", *arguments)
    assert "| MAML | 10 / 5 |" in found.stdout
    assert "20 test tasks, 5 outer steps, seed 0" in found.stdout
    assert (folder / "table.md").read_text().strip() in found.stdout
    assert load_run(folder / "MAML, 5 shots").step == 5
    rows = json.loads(maml("reproduce", "sinusoid", *arguments, "--json").stdout)
    assert [(row["name"], row["trained_shots"], row["test_shots"]) for row in rows] == [
        ("MAML", 10, 5),
        ("MAML", 10, 10),
        ("MAML", 5, 5),
    ]


def test_more_seeds_go_on_from_those_that_are_there(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    arguments = ("--only", "maml", "--steps", "5", "--tasks", "20", "--folder", str(folder))
    maml("reproduce", "sinusoid", *arguments)
    first = (folder / "MAML, 5 shots" / "run.json").stat().st_mtime_ns
    found = maml("reproduce", "sinusoid", *arguments, "--seeds", "2")
    assert "20 test tasks, 5 outer steps, seeds 0 and 1" in found.stdout
    assert " tasks, ± " in found.stdout
    assert (folder / "table.md").read_text().strip() in found.stdout
    assert (folder / "MAML, 5 shots" / "run.json").stat().st_mtime_ns == first
    assert load_run(folder / "MAML, 5 shots, seed 1").start.tasks_seed == 1
    lines = json.loads(maml("reproduce", "sinusoid", *arguments, "--seeds", "2", "--json").stdout)
    assert [(line["trained_shots"], line["test_shots"], line["seeds"]) for line in lines] == [
        (10, 5, [0, 1]),
        (10, 10, [0, 1]),
        (5, 5, [0, 1]),
    ]
    assert all(len(line["trainings"]) == 2 and line["over_seeds"][0] > 0.0 for line in lines)


@pytest.mark.thorough
def test_omniglot_is_reproduced(tmp_path: Path) -> None:
    """As a command of its own: the workers' environment is that of whoever started them."""
    files = official(tmp_path / "files", ("images_background",), characters=6, drawings=10)
    environment = {"PYTHONPATH": str(ROOT), "MAML_OMNIGLOT": str(files), "MAML_DATA": str(tmp_path / "data")}
    arguments = [
        "--only",
        "5-way 1-shot",
        "--only",
        "reptile, 5-way 1-shot",
        "--steps",
        "2",
        "--tasks",
        "5",
        "--seeds",
        "2",
    ]
    done = subprocess.run(
        [*MAML, "reproduce", "omniglot", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "reproduction" / "omniglot-laptop"
    assert load_run(folder / "5-way 1-shot").step == 2
    assert load_run(folder / "Reptile, 5-way 1-shot, seed 1").start.tasks_seed == 1
    for part in (
        "| 5-way 1-shot | 2 | ",
        "| Reptile, 5-way 1-shot | 2 | ",
        " tasks, ± ",
        "6 characters to train on, 6 for validation, 6 for the test, each in four rotations",
        "Published: MAML (Finn et al. 2017); Reptile (Nichol et al. 2018, transductive).",
        "The published figures are of other sizes: 64 filters",
        "The published figures are on characters held out at random",
        "5 test tasks, 2 outer steps, seeds 0 and 1",
        (folder / "table.md").read_text().strip(),
    ):
        assert part in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--only", "MAML"], "one of 5-way 1-shot, 5-way 5-shot, 20-way 1-shot, 20-way 5-shot"),
        (["--only", "ANIL, 20-way 1-shot", "--scale", "paper"], "one of 5-way 1-shot"),
        (["--only", "ANIL"], "ANIL, 5-way 1-shot, ANIL, 5-way 5-shot"),
        (["--split", "alphabets"], "put images_evaluation.zip beside"),
        (["--seeds", "21"], "seeds = 21 is not accepted: a whole number from 1 to 20"),
        (["--scale", "desk"], "'desk' is not one of 'laptop',"),
    ],
    ids=shown,
)
@pytest.mark.usefixtures("omniglot")
def test_an_omniglot_reproduction_that_cannot_be_is_refused(arguments: list[str], sentence: str) -> None:
    assert sentence in said(maml("reproduce", "omniglot", *arguments, code=2))
    assert not Path("reproduction").exists()


def test_without_a_gpu_the_processor_is_recommended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    text = said(maml("reproduce", "sinusoid", "--device", "cuda", code=2))
    assert "device = 'cuda' is not accepted: PyTorch finds no GPU here" in text


def test_without_omniglot_a_sentence_says_how_to_get_it() -> None:
    assert "maml data omniglot --download" in said(maml("reproduce", "omniglot", code=2))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--scale", "paper"), "scale = 'paper' is not accepted: sinusoid has none"),
        (("--split", "random"), "split = 'random' is not accepted: sinusoid has none"),
        (("--only", "mamll"), "one of Random start"),
        (("--steps", "0"), "steps = 0"),
        (("--tasks", "1"), "tasks = 1"),
        (("--workers", "0"), "workers = 0"),
        (("--seed", "-1"), "weights_seed = -1"),
        (("--seeds", "0"), "seeds = 0 is not accepted: a whole number from 1 to 20"),
    ],
    ids=str,
)
def test_a_reproduction_that_cannot_be_is_refused_before_it_starts(
    arguments: tuple[str, str], sentence: str, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    assert sentence in said(maml("reproduce", "sinusoid", "--folder", str(folder), *arguments, code=2))
    assert not folder.exists()


def test_an_atlas_is_computed_once_and_its_sweeps_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "atlas"
    arguments = ("--only", "lines", "--only", "Meta-SGD", "--steps", "1", "--folder", str(folder))
    first = maml("reproduce", "sensitivity", *arguments)
    assert "| lines | Meta-SGD | " in first.stdout
    assert (folder / "table.md").read_text().strip() in first.stdout
    kept = [one.stat().st_mtime_ns for one in sorted((folder / "lines-meta-sgd").rglob("*.parquet"))]
    assert kept
    assert b"Meta-SGD" in (folder / "figure.svg").read_bytes()
    again = maml("reproduce", "sensitivity", *arguments, "--json")
    assert json.loads(again.stdout) == json.loads((folder / "table.json").read_text())
    assert kept == [one.stat().st_mtime_ns for one in sorted((folder / "lines-meta-sgd").rglob("*.parquet"))]
    assert "35 settings" in maml("sweeps", "show", "lines-meta-sgd", "--storage", str(folder)).output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--only", "circles"), "one of sinusoids, lines, glyphs, omniglot, MAML"),
        (("--tasks", "10"), "tasks = '10' is not accepted: sensitivity has none"),
        (("--seed", "1"), "seed = '1' is not accepted: sensitivity has none"),
        (("--device", "cuda"), "sensitivity is computed on processors"),
        (("--only", "omniglot", "--only", "MAML"), "maml data omniglot --download"),
    ],
    ids=str,
)
def test_an_atlas_that_cannot_be_is_refused(arguments: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    assert sentence in said(maml("reproduce", "sensitivity", "--folder", str(tmp_path / "atlas"), *arguments, code=2))
