"""A saved run and the images that it was trained on: the same, more of them, others, elsewhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from maml_core.store import RunStore
from tests.maml_core.cli.cases import maml, said
from tests.maml_core.commands import with_options
from tests.maml_core.datasets.layout import official, png
from tests.maml_core.datasets.test_folder import pictures

VALUES = (
    *("--ways", "2", "--shots", "1", "--num-query", "1", "--meta-batch-size", "2", "--evaluation-tasks", "4"),
    *("--hidden-widths", "4", "--size", "8", "--evaluate-every", "1"),
)
SMALL = (*VALUES, "--no-joint-baseline")


@pytest.fixture
def birds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten classes, and a run that was trained on them for two steps."""
    monkeypatch.setenv("MAML_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("MAML_RUNS", str(tmp_path / "runs"))
    folder = pictures(tmp_path / "birds", classes=10)
    maml("train", "--tasks", "folder", "--folder", str(folder), *SMALL, "--steps", "2", "--name", "fold")
    return folder


def losses(*arguments: str) -> list[float]:
    found: list[float] = json.loads(maml("evaluate", "fold", "--tasks", "20", "--json", *arguments).stdout)["results"][
        0
    ]["mean"]
    return found


def names() -> dict[str, list[str]]:
    images = RunStore().load("fold").images
    assert images is not None
    return {split: [c.name for c in classes] for split, classes in images.classes}


def another_class(folder: Path) -> None:
    (folder / "class 00").mkdir()
    for i in range(3):
        (folder / "class 00" / f"{i}.png").write_bytes(png(np.full((10, 10), 200 + i, np.uint8), "L"))


def test_a_run_names_its_classes(birds: Path) -> None:
    found = names()
    assert {split: len(part) for split, part in found.items()} == {
        "meta_train": 6,
        "meta_validation": 2,
        "meta_test": 2,
    }
    assert sorted(name for part in found.values() for name in part) == [f"class {c}" for c in range(10)]
    document = json.loads((RunStore().folder("fold") / "run.json").read_text())
    assert len(document["images"]["fingerprint"]) == 64


def test_a_class_that_comes_moves_none_and_training_goes_on_to_the_bit(birds: Path) -> None:
    before, splits = losses("--split", "meta_test"), names()
    shutil.copytree(RunStore().folder("fold"), RunStore().folder("copy"))
    maml("train", "--resume", "copy", "--steps", "4")
    another_class(birds)
    assert losses("--split", "meta_test") == before
    shown = maml("train", "--resume", "fold", "--steps", "4")
    assert f"{birds} holds more than the run was trained on: class 'class 00'" in said(shown)
    assert RunStore().load("fold").state == RunStore().load("copy").state
    assert names() == splits


def test_a_moved_folder_is_named_where_it_lies_now(birds: Path, tmp_path: Path) -> None:
    before = losses()
    moved = birds.rename(tmp_path / "else where")
    for command in (("evaluate", "fold"), ("train", "--resume", "fold")):
        shown = said(maml(*command, code=2))
        assert f"there is no {birds}" in shown
        assert f"maml {' '.join(command)} --folder PATH" in shown
    assert losses("--folder", str(moved)) == before
    maml("train", "--resume", "fold", "--steps", "3", "--folder", str(moved))
    run = RunStore().load("fold")
    assert run.step == 3
    assert losses()  # it is known from now on where they lie
    assert run.start.tasks.folder == run.config.tasks.folder == str(moved)  # type: ignore[union-attr]


@pytest.mark.parametrize("what", ["changed", "fewer"])
def test_other_images_are_refused_or_used_on_purpose(birds: Path, what: str) -> None:
    known = names()
    if what == "changed":
        (birds / "class 3" / "0.png").write_bytes(png(np.full((10, 10), 99, np.uint8), "L"))
        sentence = "the pictures of class 'class 3' have changed"
    else:
        shutil.rmtree(birds / "class 3")
        sentence = "class 'class 3' is not there"
    before = RunStore().load("fold")
    for command in (("evaluate", "fold"), ("train", "--resume", "fold", "--steps", "3")):
        shown = said(maml(*command, code=2))
        assert f"{birds} does not hold the images that the run was trained on: {sentence}" in shown
        assert "--any-images" in shown
    assert RunStore().load("fold").saved == before.saved
    assert len(losses("--any-images")) == 11
    maml("train", "--resume", "fold", "--steps", "3", "--any-images")
    for split, part in names().items():
        assert set(part) == set(known[split]) - ({"class 3"} if what == "fewer" else set())
    maml("train", "--resume", "fold", "--steps", "4")  # they are the run's from now on


def test_another_folder_is_refused_with_its_name(birds: Path, tmp_path: Path) -> None:
    other = tmp_path / "cats"
    for c in range(5):
        shutil.copytree(birds / f"class {c}", other / f"cat {c}")
    shown = said(maml("evaluate", "fold", "--folder", str(other), code=2))
    assert "classes 'class" in shown
    assert "and 7 more are not there" in shown
    assert f"maml evaluate fold --folder {other} --any-images" in shown
    maml("evaluate", "fold", "--folder", str(other), "--any-images", "--tasks", "4", "--json")


def test_a_run_of_the_time_before_is_opened(birds: Path) -> None:
    run = RunStore().load("fold")
    RunStore().save(type(run)(**{name: getattr(run, name) for name in run.__slots__ if name != "images"}))
    assert RunStore().load("fold").images is None
    another_class(birds)
    assert losses()
    maml("train", "--resume", "fold", "--steps", "3")


def test_what_has_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAML_RUNS", str(tmp_path / "runs"))
    maml("train", "--steps", "1", "--evaluation-tasks", "2", "--name", "curves")
    assert RunStore().load("curves").images is None
    for arguments in (("--folder", "x"), ("--any-images",)):
        assert "is not accepted" in said(maml("evaluate", "curves", *arguments, code=2))
    assert "--resume" in said(maml("train", "--any-images", code=2))


def test_omniglot_that_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAML_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("MAML_RUNS", str(tmp_path / "runs"))
    official(tmp_path / "files")
    maml("data", "omniglot", "--from", str(tmp_path / "files" / "images_background"))
    small = [option for option in SMALL if option not in ("--size", "8")]
    maml("train", "--tasks", "omniglot", *small, "--steps", "1", "--name", "fold")
    assert "no classes for meta_test" in said(maml("evaluate", "fold", "--split", "meta_test", code=2))
    before = losses()
    maml("data", "omniglot", "--from", str(tmp_path / "files"))
    assert losses() == before
    assert losses("--split", "meta_test") != before  # the characters that were imported since


def test_what_a_new_run_makes_of_a_folder_is_said(birds: Path) -> None:
    shown = maml(
        *(
            "train",
            "--tasks",
            "folder",
            "--folder",
            str(birds),
            *with_options(VALUES, "--ways", "4"),
            "--steps",
            "1",
            "--name",
            "more",
        ),
        *("--validation-classes", "4", "--test-classes", "0"),
    )
    assert "birds: 10 classes: 6 for train, 4 for validation" in said(shown)
    few = maml(
        "train",
        "--tasks",
        "folder",
        "--folder",
        str(birds),
        *with_options(VALUES, "--ways", "4"),
        "--name",
        "few",
        code=2,
    )
    assert "at most 2: 'birds' has no more classes in meta_validation; share its 10 classes out" in said(few)
    assert "validation_classes" in said(few)


def test_the_class_that_is_too_small_is_named(birds: Path) -> None:
    small = names()["meta_train"][0]
    (birds / small / "0.png").unlink()
    maml("data", "folder", str(birds), "--size", "8")
    arguments = [
        "train",
        "--tasks",
        "folder",
        "--folder",
        str(birds),
        *with_options(VALUES, "--num-query", "2"),
        "--name",
        "small",
    ]
    assert f"shots + num_query at most 2: {small!r} has no more images" in said(maml(*arguments, code=2))
