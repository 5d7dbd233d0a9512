"""`maml runs`: list, show, rename, delete, export and import."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from maml_core.config import from_dict
from maml_core.state_bytes import state_from_bytes
from maml_core.store import DOCUMENT, RunStore
from maml_core.weights import plain_module
from tests.maml_core.cli.cases import TINY, damage, maml, said, trained
from tests.maml_core.helpers import same, tiny

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("root")]


def test_runs_are_listed() -> None:
    assert "No runs in" in maml("runs", "list").stdout
    assert json.loads(maml("runs", "list", "--json").stdout) == []
    trained("first")
    trained("second", "--algorithm", "reptile", steps=3)
    damage(RunStore().folder("first"))
    text = maml("runs", "list").stdout
    assert "reptile" in text
    assert "first: " in text
    assert "is damaged: it has" in text
    second, first = json.loads(maml("runs", "list", "--json").stdout)
    assert (second["name"], second["step"], second["algorithm"], second["problem"]) == ("second", 3, "reptile", None)
    assert "is damaged" in first["problem"]


def test_another_folder_of_runs_can_be_named(tmp_path: Path) -> None:
    maml("train", *TINY, "--out", "elsewhere/one", "--steps", "5")
    assert [i["name"] for i in json.loads(maml("runs", "list", "--root", "elsewhere", "--json").stdout)] == ["one"]
    assert "outer step 5" in maml("runs", "show", "one", "--root", "elsewhere").stdout
    maml("runs", "rename", "one", "two", "--root", "elsewhere")
    maml("runs", "export", "two", "--zip", "--root", "elsewhere")
    maml("runs", "delete", "two", "--yes", "--root", "elsewhere")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_run_is_shown() -> None:
    trained("run")
    maml("train", "--resume", "run", "--alpha", "0.5", "--steps", "25")
    text = maml("runs", "show", "run").stdout
    for part in ("run: maml, outer step 25, ok", "alpha = 0.5  (at the start 0.01)", "step 20: change alpha = 0.5"):
        assert part in text
    data = json.loads(maml("runs", "show", "run", "--json").stdout)
    assert from_dict(data["start"]) == tiny()
    assert from_dict(data["config"]) == tiny(alpha=0.5)
    assert data["timeline"] == [{"step": 20, "kind": "change", "changes": {"alpha": 0.5}}]
    assert data["versions"]["numpy"] == np.__version__


def test_a_run_is_renamed_and_deleted_when_asked() -> None:
    trained("old")
    trained("other")
    assert "already" in said(maml("runs", "rename", "old", "other", code=2))
    maml("runs", "rename", "old", "new")
    assert "Nothing was deleted" in maml("runs", "delete", "new", input="n\n").stdout
    assert {info.name for info in RunStore().list()} == {"new", "other"}
    maml("runs", "delete", "new", input="y\n")
    maml("runs", "delete", "other", "--yes")
    assert RunStore().list() == []


def test_a_foreign_folder_is_not_deleted(root: Path) -> None:
    (root / "photos").mkdir(parents=True)
    (root / "photos" / DOCUMENT).write_text("{}")
    maml("runs", "delete", "photos", "--yes", code=4)
    assert (root / "photos" / DOCUMENT).read_text() == "{}"


def test_an_exported_table_holds_every_number() -> None:
    run = trained("run", "--no-joint-baseline", steps=15)
    maml("runs", "export", "run", "--csv")
    rows = list(csv.DictReader(io.StringIO(Path("run.csv").read_text())))
    assert [int(row["outer_step"]) for row in rows] == list(range(15))
    assert [float(row["query_loss"]) for row in rows] == run.records.query_loss.tolist()
    measured = [row for row in rows if row["held_out_after"]]
    assert [int(row["outer_step"]) for row in measured] == run.records.held_out_steps.tolist() == [0, 7, 14]
    assert [float(row["held_out_after"]) for row in measured] == run.records.held_out_after.tolist()
    assert set(rows[0]) == {"outer_step", *run.records._fields} - {"steps", "held_out_steps", "events"}


def test_an_exported_archive_is_the_run(tmp_path: Path) -> None:
    run = trained("run")
    maml("runs", "export", "run", "--zip", "--out", "copy.zip")
    zipfile.ZipFile("copy.zip").extractall(tmp_path / "elsewhere")
    assert same(RunStore(tmp_path / "elsewhere").load("run").state, run.state)


def test_an_exported_archive_is_taken_in(tmp_path: Path) -> None:
    run = trained("run")
    maml("runs", "export", "run", "--zip")
    assert maml("runs", "import", "run.zip").stdout == "run is there already under run, at outer step 20.\n"
    maml("runs", "rename", "run", "first")
    assert "there already under first," in maml("runs", "import", "run.zip").stdout
    trained("run", steps=21)
    assert "there already under first," in maml("runs", "import", "run.zip").stdout
    maml("runs", "delete", "first", "--yes")
    assert "already; choose another name" in said(maml("runs", "import", "run.zip", code=2))
    assert RunStore().load("run").step == 21
    told = maml("runs", "import", "run.zip", "--name", "again").stdout
    assert "Imported again, at outer step 20" in told
    assert same(RunStore().load("again").state, run.state)
    (tmp_path / "run.zip").write_bytes(b"no archive")
    assert "no ZIP archive" in said(maml("runs", "import", "run.zip", "--name", "more", code=4))


def test_a_run_in_any_folder_is_shown_exported_renamed_and_deleted(tmp_path: Path) -> None:
    maml("train", *TINY, "--steps", "5", "--out", "results/one")
    maml("runs", "export", "results/one", "--csv", "--zip")
    assert len(Path("one.csv").read_text().splitlines()) == 6
    assert f"one/{DOCUMENT}" in zipfile.ZipFile("one.zip").namelist()
    maml("runs", "rename", "results/one", "two")
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["two"]
    assert maml("runs", "show", "results/two").stdout.startswith("two: maml, outer step 5")
    maml("runs", "import", "results/two")
    assert RunStore().load("two").step == 5
    maml("runs", "delete", "results/two", "--yes")
    assert not (tmp_path / "results" / "two").exists()
    assert RunStore().load("two").step == 5
    for command in (["rename", "gone", "x"], ["delete", "gone", "--yes"], ["export", "gone", "--csv"]):
        assert "there is no run or folder called 'gone'" in said(maml("runs", *command, code=2))


@pytest.mark.parametrize("file", ["run.safetensors", "theta.pt", "theta.PTH", "theta.bin"])
def test_exported_weights_are_what_plain_layers_load(file: str) -> None:
    run = trained("run", steps=3)
    maml("runs", "export", "run", "--weights", *(["--out", file] if file != "run.safetensors" else []))
    pickled = file.lower().endswith((".pt", ".pth"))
    weights = torch.load(file, weights_only=True) if pickled else load_file(file)
    plain = torch.nn.Sequential(
        *(torch.nn.Linear(1, 6), torch.nn.Tanh(), torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1))
    ).double()
    plain.load_state_dict(weights)
    x = torch.linspace(-5.0, 5.0, 7, dtype=torch.float64)[:, None]
    expected = plain_module(run.config, state_from_bytes(run.state))(x)
    assert torch.equal(plain(x), expected)
    assert expected.std() > 0.0


def test_an_exported_script_prints_the_runs_curve() -> None:
    run = trained("run", "--no-joint-baseline", steps=5)
    maml("runs", "export", "run", "--script")
    printed = subprocess.run([sys.executable, "run.py"], capture_output=True, text=True, check=True).stdout
    for loss in run.records.query_loss:
        assert f"{loss:.6f}"[:6] in printed


def test_curves_are_exported_for_tensorboard(tmp_path: Path) -> None:
    trained("run")
    found = maml("runs", "export", "run", "--tensorboard", "boards")
    assert "tensorboard --logdir boards" in found.stdout
    assert list((tmp_path / "boards" / "run").iterdir())


def test_an_export_overwrites_only_by_force(tmp_path: Path) -> None:
    trained("run")
    (tmp_path / "run.csv").write_text("mine")
    assert "is there already" in said(maml("runs", "export", "run", "--csv", code=2))
    assert (tmp_path / "run.csv").read_text() == "mine"
    maml("runs", "export", "run", "--csv", "--force")
    assert (tmp_path / "run.csv").read_text().startswith("outer_step")
    assert "say what to write" in said(maml("runs", "export", "run", code=2))
    assert "one file" in said(maml("runs", "export", "run", "--csv", "--zip", "--out", "x", code=2))


def test_training_leaves_the_number_of_threads_at_one() -> None:
    trained("run")
    assert torch.get_num_threads() == 1
