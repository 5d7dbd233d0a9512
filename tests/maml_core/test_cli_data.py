"""`maml data`: what it says is there, what it imports, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from maml_core.datasets.omniglot import load_omniglot
from tests.maml_core.datasets.layout import official, zipped
from tests.maml_core.datasets.test_folder import pictures
from tests.maml_core.test_cli import maml, said


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
    assert shown.stdout == "p: 18 images, from 3 to 3 a class; 6 classes: 2 for train, 2 for validation, 2 for test.\n"
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
