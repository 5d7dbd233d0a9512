"""A sweep and the images that it is computed on: the same, more of them, others, elsewhere, and by another process."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend

from maml_core.sweeps.catalog import list_sweeps
from maml_core.sweeps.chunks import run_lanes
from maml_core.sweeps.definition import sweep_from_dict
from maml_core.sweeps.driver import Sweeping, run_sweep
from maml_core.sweeps.recognition import find_images
from maml_core.sweeps.study import load_sweep, open_study
from tests.maml_core.cli.cases import said
from tests.maml_core.cli.test_images import another_class
from tests.maml_core.cli.test_sweep import maml
from tests.maml_core.datasets.layout import official, png
from tests.maml_core.datasets.test_folder import pictures
from tests.maml_core.sweeps.test_left_out import Here

pytestmark = pytest.mark.slow

VALUES = (
    *("--ways", "2", "--shots", "1", "--num-query", "1", "--meta-batch-size", "2", "--evaluation-tasks", "4"),
    *("--hidden-widths", "4", "--size", "8", "--steps", "2", "--rungs", "1", "--workers", "1"),
)
AXIS = ("--axis", "alpha=0.01,0.1,1.0")


@pytest.fixture
def birds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten classes of three images."""
    monkeypatch.setenv("MAML_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path / "sweeps"))
    monkeypatch.chdir(tmp_path)
    return pictures(tmp_path / "birds", classes=10)


def command(folder: Path | str, *options: str, name: str = "s") -> tuple[str, ...]:
    return "sweep", "--tasks", "folder", "--folder", str(folder), *VALUES, *(options or AXIS), "--name", name


def values(name: str = "s") -> list[float]:
    with load_sweep(name) as study:
        return [one.value for one in study.results()]


def splits(name: str = "s") -> dict[str, list[str]]:
    """The names of the classes of each split, as the study keeps them."""
    with load_sweep(name) as study:
        assert study.images is not None
        ((_, images),) = study.images.views
    assert not isinstance(images, str)
    return {split: [one.name for one in classes] for split, classes in images.classes}


def journal(root: Path, name: str = "s") -> BaseStorage:
    return JournalStorage(JournalFileBackend(str(root / "sweeps" / name / "study.log")))


def half_done(folder: Path, name: str = "s", *, keeps_images: bool = True) -> None:
    """A sweep that was ended after the first of its settings; without a record of its images it is one of the time before."""
    asked = sweep_from_dict(json.loads(maml(*command(folder), "--dry-run").stdout))
    with open_study(asked, name) as study:
        if keeps_images:
            find_images(study, Here())
        sweeping = Sweeping(asked, study, max_lanes=1)
        ticket = sweeping.next_request()
        assert ticket is not None
        sweeping.finished(ticket, run_lanes(ticket.request))
        sweeping.close()
    assert list_sweeps()[0].num_finished == 1


def test_a_sweep_names_its_classes(birds: Path, tmp_path: Path) -> None:
    maml(*command(birds))
    found = splits()
    assert {split: len(part) for split, part in found.items()} == {
        "meta_train": 6,
        "meta_validation": 2,
        "meta_test": 2,
    }
    assert sorted(name for part in found.values() for name in part) == [f"class {c}" for c in range(10)]
    (kept,) = optuna.load_study(study_name="s", storage=journal(tmp_path)).user_attrs["images"]
    assert len(kept["images"]["fingerprint"]) == 64
    assert (kept["tasks"]["size"], kept["tasks"]["folder"]) == (8, "")


def test_a_class_that_comes_moves_none_and_the_results_are_the_same_to_the_bit(birds: Path) -> None:
    half_done(birds)
    maml(*command(birds, name="whole"))
    before = splits()
    another_class(birds)
    shown = maml("sweep", "--resume", "s", "--workers", "1")
    assert f"{birds} holds more than the sweep is computed on: class 'class 00'" in said(shown)
    assert values() == values("whole")
    assert splits() == before
    maml(*command(birds, name="new"))
    assert splits("new") != before  # a new sweep would split them in another way


@pytest.mark.parametrize("what", ["changed", "fewer", "three classes are left"])
@pytest.mark.parametrize("again", ["resume", "the same command"])
def test_other_images_are_refused_and_the_sweep_stays(birds: Path, what: str, again: str, tmp_path: Path) -> None:
    half_done(birds)
    kept = shutil.copytree(birds, tmp_path / "elsewhere")
    if what == "changed":
        (birds / "class 3" / "0.png").write_bytes(png(np.full((10, 10), 99, np.uint8), "L"))
        sentence = "the pictures of class 'class 3' have changed"
    elif what == "fewer":
        shutil.rmtree(birds / "class 3")
        sentence = "class 'class 3' is not there"
    else:
        for label in range(3, 10):
            shutil.rmtree(birds / f"class {label}")
        sentence = "holds 3 classes"
    before, study = values(), (tmp_path / "sweeps" / "s" / "study.log").read_bytes()
    arguments = command(birds) if again == "the same command" else ("sweep", "--resume", "s", "--workers", "1")
    shown = said(maml(*arguments, code=2))
    assert sentence in shown
    if what != "three classes are left":
        assert f"{birds} does not hold the images that the sweep is computed on: {sentence}" in shown
        assert "in a sweep of another name" in shown
    assert "maml sweep --resume s --folder PATH" in shown
    np.testing.assert_equal(values(), before)
    assert (tmp_path / "sweeps" / "s" / "study.log").read_bytes() == study
    maml("sweep", "--resume", "s", "--folder", str(kept), "--workers", "1")
    assert list_sweeps()[0].num_finished == 3


def test_a_moved_folder_is_named_where_it_lies_now_and_known_from_then_on(birds: Path, tmp_path: Path) -> None:
    half_done(birds)
    maml(*command(birds, name="whole"))
    there = birds.rename(tmp_path / "else where")
    shown = said(maml("sweep", "--resume", "s", "--workers", "1", code=2))
    assert f"there is no {birds}" in shown
    assert "maml sweep --resume s --folder PATH" in shown
    shown = said(maml(*command(there), code=2))
    assert f"go on with: maml sweep --resume s --folder '{there}'" in shown
    nothing = said(maml("sweep", "--resume", "s", "--folder", str(tmp_path / "nothing"), "--workers", "1", code=2))
    assert f"there is no {tmp_path / 'nothing'}" in nothing
    others = pictures(tmp_path / "others", classes=7)
    refused = said(maml("sweep", "--resume", "s", "--folder", str(others), "--workers", "1", code=2))
    assert f"{others} does not hold the images that the sweep is computed on" in refused
    maml("sweep", "--resume", "s", "--folder", str(there), "--workers", "1")
    assert values() == values("whole")
    # The second time too: nobody needs to say it again, whichever way it is asked for.
    for arguments in (("sweep", "--resume", "s", "--workers", "1"), command(there), command(birds)):
        assert json.loads(maml(*arguments, "--json").stdout)["num_finished"] == 3
    dry = json.loads(maml("sweep", "--resume", "s", "--dry-run").stdout)
    assert dry["base"]["tasks"]["folder"] == str(there)
    maml("sweeps", "rename", "s", "t")
    assert json.loads(maml("sweep", "--resume", "t", "--workers", "1", "--json").stdout)["num_finished"] == 3
    back = there.rename(birds)
    assert back.is_dir()
    maml("sweep", "--resume", "t", "--workers", "1")


def test_what_is_finished_is_shown_without_its_images_but_not_as_of_others(birds: Path, tmp_path: Path) -> None:
    maml(*command(birds))
    away = birds.rename(tmp_path / "away")
    assert json.loads(maml("sweep", "--resume", "s", "--json").stdout)["num_finished"] == 3
    pictures(birds, classes=6)
    assert "does not hold the images" in said(maml(*command(birds), code=2))
    shutil.rmtree(birds)
    away.rename(birds)
    maml(*command(birds))


def test_a_sweep_of_the_time_before_goes_on_and_is_told_once(birds: Path) -> None:
    half_done(birds, keeps_images=False)
    shown = said(maml("sweep", "--resume", "s", "--workers", "1"))
    assert "no record was kept of the images of this sweep so far" in shown
    assert "no record" not in said(maml("sweep", "--resume", "s", "--workers", "1"))
    assert len(splits()["meta_train"]) == 6
    shutil.rmtree(birds / "class 1")
    assert "class 'class 1' is not there" in said(maml(*command(birds), code=2))
    assert "no record" not in said(maml(*command(birds, name="fresh")))


def test_each_way_to_split_them_has_a_record(birds: Path) -> None:
    maml(*command(birds, "--axis", "split-seed=0,1", "--axis", "validation-classes=2,9"))
    with load_sweep("s") as study:
        assert study.images is not None
        found = {(view.split_seed, view.validation_classes): of for view, of in study.images.views}  # type: ignore[union-attr]
        statuses = {tuple(one.values.values()): one.status for one in study.results()}
    assert len(found) == 4
    assert found[0, 2] != found[1, 2]
    assert "2 or more are to train on" in str(found[0, 9])
    assert {statuses[seed, 9] for seed in (0, 1)} == {"refused"}
    assert all(statuses[seed, 2] != "refused" for seed in (0, 1))
    another_class(birds)
    assert "holds more" in said(maml("sweep", "--resume", "s", "--workers", "1"))


def test_tpe_records_what_it_may_draw(birds: Path) -> None:
    drawn = ("--axis", "alpha=0.01..1:log", "--sampler", "tpe", "--settings", "3")
    maml(*command(birds, *drawn, "--axis", "split-seed=0..2"))
    with load_sweep("s") as study:
        assert study.images is not None
        assert [view.split_seed for view, _ in study.images.views] == [0, 1, 2]
    shown = said(maml(*command(birds, *drawn, "--axis", "split-seed=0..5000", name="many"), code=2))
    assert "at most 1,000 ways to read and split the images" in shown
    assert [one.name for one in list_sweeps()] == ["s"]


def test_a_folder_along_an_axis(birds: Path, tmp_path: Path) -> None:
    other = pictures(tmp_path / "cats", classes=6)
    maml("sweep", "--tasks", "folder", *VALUES, "--axis", f"folder={birds},{other}", "--name", "s")
    with load_sweep("s") as study:
        assert study.images is not None
        assert [of.num_classes for _, of in study.images.views if not isinstance(of, str)] == [10, 6]
    shutil.rmtree(other / "class 5")
    refused = said(maml("sweep", "--resume", "s", code=2))
    assert f"{other} does not hold the images that the sweep is computed on: class 'class 5' is not there" in refused
    assert "--folder" not in refused
    assert "the folder is an axis" in said(maml("sweep", "--resume", "s", "--folder", str(birds), code=2))


def test_what_has_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path / "sweeps"))
    maml("sweep", *AXIS, "--steps", "1", "--evaluation-tasks", "2", "--workers", "1", "--name", "curves")
    with load_sweep("curves") as study:
        assert study.images is None
    assert "is not accepted" in said(maml("sweep", "--resume", "curves", "--folder", "x", "--workers", "1", code=2))


def test_a_relative_folder_is_found_from_elsewhere(
    birds: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    half_done(Path("birds"))
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    maml("sweep", "--resume", "s", "--workers", "1")
    assert list_sweeps()[0].num_finished == 3


def test_omniglot_that_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAML_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path / "sweeps"))
    official(tmp_path / "files")
    small = [option for option in VALUES if option not in ("--size", "8")]
    asked = sweep_from_dict(json.loads(maml("sweep", "--tasks", "omniglot", *small, *AXIS, "--dry-run").stdout))

    def swept(name: str) -> list[float]:
        with open_study(asked, name) as study:
            return [one.value for one in run_sweep(asked, study, Here(), at_once=1)]

    maml("data", "omniglot", "--from", str(tmp_path / "files" / "images_background"))
    whole = swept("whole")
    with open_study(asked, "s") as study:
        find_images(study, Here())
    maml("data", "omniglot", "--from", str(tmp_path / "files"))  # and the evaluation set
    assert swept("s") == whole
    assert set(splits()) == {"meta_train", "meta_validation"}
    assert set(splits("whole")) == {"meta_train", "meta_validation"}
