"""`maml data`: what it says is there, what it imports, and how it ends."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from maml_core.cli import app
from maml_core.config import FolderConfig, RunConfig
from maml_core.datasets.omniglot import load_omniglot
from maml_core.store import RunStore
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.study import open_study
from tests.maml_core.cli.cases import maml, said
from tests.maml_core.datasets.layout import official, zipped
from tests.maml_core.datasets.test_folder import pictures


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the images of this test are kept."""
    monkeypatch.setenv("MAML_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


def test_nothing_is_there_yet(root: Path) -> None:
    shown = maml("data")
    assert "Omniglot: not there. Get Omniglot with: maml data omniglot --download" in shown.stdout
    assert str(root) in shown.stdout
    plain = json.loads(maml("data", "--json").stdout)
    assert plain["root"] == str(root)
    assert (plain["omniglot"]["state"], plain["omniglot"]["available"], plain["folders"]) == ("missing", False, [])


def test_import_and_show(tmp_path: Path, root: Path) -> None:
    files = official(tmp_path / "files")
    shown = maml("data", "omniglot", "--from", str(files)).stdout
    assert shown.startswith("Omniglot: 20 characters of 5 alphabets, 120 drawings, in ")
    assert len(load_omniglot().images) == 120
    path = zipped(files, "images_background", tmp_path)
    plain = json.loads(maml("data", "omniglot", "--from", str(path), "--json").stdout)
    assert plain["num_classes"] == 12
    assert "images_evaluation.zip" in plain["advice"]
    assert plain == json.loads(maml("data", "--json").stdout)["omniglot"]


def test_import_of_what_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAML_OMNIGLOT", str(official(tmp_path / "files")))
    assert "imported when they are first used" in maml("data").stdout
    assert "120 drawings" in maml("data", "omniglot").stdout


def test_a_folder(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "p")
    (folder / "x.txt").write_text("")
    shown = maml("data", "folder", str(folder), "--color", "rgb", "--size", "8")
    assert shown.stdout == "p: 18 images, 3 a class; 6 classes: 2 for train, 2 for validation, 2 for test.\n"
    notes, left_out = said(shown).split(" left out: ")
    assert notes.startswith("note: the images are nearly black")
    assert left_out == "x.txt: not a kind of image that can be read"
    plain = json.loads(maml("data", "folder", str(folder), "--size", "8", "--json").stdout)
    assert plain["shape"] == [1, 8, 8]
    assert plain["classes"]["class 5"] == 3
    assert plain["num_classes"] == {"meta_train": 2, "meta_validation": 2, "meta_test": 2}
    assert plain["skipped"] == [{"name": "x.txt", "reason": "not a kind of image that can be read"}]
    kept = json.loads(maml("data", "--json").stdout)["folders"]
    assert [(item["name"], item["num_classes"], item["num_images"]) for item in kept] == [("p", 6, 18)] * 2


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("omniglot",), 2, "Omniglot is missing; get it with: maml data omniglot --download"),
        (("omniglot", "--from", "nowhere"), 2, "there is no nowhere"),
        (("omniglot", "--from", "damaged.zip"), 4, "damaged.zip is no zip file"),
        (("omniglot", "--from", "x", "--download"), 2, "say one of the two"),
        (("folder", "few"), 2, "few holds 3 classes"),
        (("folder", "few", "--color", "blue"), 2, "color = 'blue' is not accepted"),
        (("folder", "few", "--size", "7"), 2, "size = 7 is not accepted"),
    ],
    ids=str,
)
def test_what_is_wrong_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...], code: int, sentence: str) -> None:
    pictures(tmp_path / "few", classes=3)
    (tmp_path / "damaged.zip").write_bytes(b"PK")
    result = maml("data", *arguments, code=code)
    assert said(result).startswith("maml: ")
    assert sentence in said(result)
    assert result.stdout == ""


def test_a_download_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("MAML_OMNIGLOT_URL", "http://127.0.0.1:9")  # where nobody listens
    result = maml("data", "omniglot", "--download", code=4)
    assert "failed (no connection); check the network and try again" in said(result)


@pytest.fixture
def two_birds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two folders of one name, with other images, both read."""
    monkeypatch.setenv("MAML_RUNS", str(tmp_path / "runs"))
    folders = (pictures(tmp_path / "a" / "birds", classes=6), pictures(tmp_path / "b" / "birds", classes=7))
    for folder in folders:
        maml("data", "folder", str(folder), "--size", "8")
    return folders


def test_two_folders_of_one_name_are_told_apart(two_birds: tuple[Path, Path]) -> None:
    shown = maml("data").stdout
    for folder, classes in zip(two_birds, (6, 7), strict=True):
        assert f"birds: {classes} classes, {3 * classes} images of 8 pixels, grey, of {folder}, kept in " in shown
    kept = json.loads(maml("data", "--json").stdout)["folders"]
    assert {(item["source"], item["num_classes"]) for item in kept} == {(str(two_birds[0]), 6), (str(two_birds[1]), 7)}
    several = said(maml("data", "delete", "birds", "--yes", code=2))
    assert several == f"maml: there are several of this name; say which: {two_birds[0]}, {two_birds[1]}"
    maml("data", "folder", str(two_birds[0]), "--size", "16", "--color", "rgb")
    assert "Deleted birds." in maml("data", "delete", str(two_birds[0]), "--yes").stdout  # in both sizes
    kept = json.loads(maml("data", "--json").stdout)["folders"]
    assert [item["source"] for item in kept] == [str(two_birds[1])]
    assert two_birds[0].is_dir()
    assert "Deleted birds." in maml("data", "delete", "birds", "--yes").stdout  # now it is the only one
    assert json.loads(maml("data", "--json").stdout)["folders"] == []


def test_what_one_file_keeps_is_deleted_by_the_files_name(two_birds: tuple[Path, Path]) -> None:
    maml("data", "folder", str(two_birds[0]), "--size", "16")
    kept = json.loads(maml("data", "--json").stdout)["folders"]
    [file] = [item["file"] for item in kept if item["source"] == str(two_birds[0]) and item["shape"][-1] == 16]
    assert "Deleted birds." in maml("data", "delete", file, "--yes").stdout
    left = json.loads(maml("data", "--json").stdout)["folders"]
    assert left == [item for item in kept if item["file"] != file]
    assert not Path(file).exists()


def test_images_that_a_sweep_needs_are_deleted_on_purpose_alone(
    two_birds: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path / "sweeps"))
    open_study(SweepConfig(), "of curves").close()
    (tmp_path / "sweeps" / "damaged").mkdir()
    (tmp_path / "sweeps" / "damaged" / "study.log").write_text("x\n")
    sizes = Axis(name="tasks.size", values=(8, 16))
    base = RunConfig(tasks=FolderConfig(folder=str(two_birds[0]), size=12))
    open_study(SweepConfig(base=base, axes=(sizes,)), "my sweep").close()
    for size in ("16", "20"):
        maml("data", "folder", str(two_birds[0]), "--size", size)
    kept = {item["shape"][-1]: item["file"] for item in json.loads(maml("data", "--json").stdout)["folders"]}
    refused = said(maml("data", "delete", kept[16], code=2))
    assert "sweeps draw their tasks from these images: my sweep. To delete them nevertheless, add --yes" in refused
    assert "saved runs" not in refused
    assert Path(kept[16]).exists()
    result = CliRunner().invoke(app, ["data", "delete", kept[20]], input="n\n")  # of a size that no setting has
    assert (result.exit_code, "Nothing was deleted." in result.stdout) == (0, True)
    maml("data", "delete", kept[16], "--yes")
    assert not Path(kept[16]).exists()


def test_images_that_a_saved_run_needs_are_deleted_on_purpose_alone(two_birds: tuple[Path, Path]) -> None:
    small = ["--size", "8", "--ways", "2", "--shots", "1", "--num-query", "1", "--model", "mlp", "--hidden-widths", "4"]
    small += ["--meta-batch-size", "2", "--evaluation-tasks", "2"]
    maml("train", "--tasks", "folder", "--folder", str(two_birds[0]), *small, "--steps", "2", "--name", "my run")
    damaged = RunStore().root / "damaged"
    shutil.copytree(RunStore().folder("my run"), damaged)
    for state in damaged.glob("state-*"):
        state.write_bytes(bytes(state.stat().st_size))
    refused = maml("data", "delete", str(two_birds[0]), code=2)
    assert "saved runs draw their tasks from these images: my run. To delete them nevertheless, add --yes" in said(
        refused
    )
    assert len(json.loads(maml("data", "--json").stdout)["folders"]) == 2
    result = CliRunner().invoke(app, ["data", "delete", str(two_birds[1])], input="n\n")  # nobody's
    assert (result.exit_code, "Nothing was deleted." in result.stdout) == (0, True)
    assert len(json.loads(maml("data", "--json").stdout)["folders"]) == 2
    maml("data", "delete", str(two_birds[0]), "--yes")
    maml("train", "--resume", "my run", "--steps", "4")  # read again
    assert "nothing is kept of a folder called 'cats': one of birds" in said(maml("data", "delete", "cats", code=2))
