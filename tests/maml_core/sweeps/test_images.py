"""The record of a sweep's images: which there are, who writes it, and that whoever comes later compares."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from maml_core.config import FolderConfig, OmniglotConfig, RunConfig
from maml_core.datasets.trained import TrainedClass, TrainedImages
from maml_core.errors import ConfigError, DataError, StoreError
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.driver import run_sweep
from maml_core.sweeps.images import SweepImages, images_from_plain, images_to_plain, moved, views_of
from maml_core.sweeps.recognition import find_images
from maml_core.sweeps.study import load_sweep, open_study
from tests.maml_core.datasets.test_folder import pictures
from tests.maml_core.sweeps.test_left_out import Here, folder_sweep
from tests.maml_core.sweeps.test_several_machines import database as _database

database = _database

pytestmark = pytest.mark.slow

CLIENTS = 3


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path / "sweeps"))
    monkeypatch.setenv("MAML_DATA", str(tmp_path / "data"))


def record(name: str) -> SweepImages:
    """The record of images of a single class."""
    return SweepImages(((FolderConfig(), TrainedImages((("meta_train", (TrainedClass(name, "0"),)),))),))


def along(*axes: Axis, tasks: FolderConfig | OmniglotConfig | None = None, **more: object) -> SweepConfig:
    return SweepConfig(base=RunConfig(tasks=tasks or FolderConfig(folder="/birds")), axes=axes, **more)  # type: ignore[arg-type]


def test_it_is_plain_data_and_back() -> None:
    images = SweepImages((*record("a").views, (OmniglotConfig(split_seed=3), "too few")))
    assert images_from_plain(images_to_plain(images)) == images
    for wrong in (
        None,
        {},
        [{"tasks": {"kind": "glyphs"}}],
        [{"tasks": {"kind": "folder", "size": -1}, "refusal": ""}],
    ):
        with pytest.raises((ValueError, TypeError, KeyError)):
            images_from_plain(wrong)


def test_the_views_of_a_sweep() -> None:
    assert views_of(SweepConfig()) == ()
    assert views_of(along()) == (FolderConfig(),)
    ways = Axis(name="tasks.ways", values=(2, 3))
    assert views_of(along(ways)) == (FolderConfig(),)
    sizes = views_of(along(ways, Axis(name="tasks.size", values=(8, 28))))
    assert sizes == (FolderConfig(size=8), FolderConfig(size=28))
    turned = Axis(name="tasks.rotations", values=(True, False))
    assert views_of(along(turned, tasks=OmniglotConfig(split="random"))) == (OmniglotConfig(split="random"),)
    drawn = along(Axis(name="tasks.split_seed", low=2, high=4), sampler="tpe", num_settings=1)
    assert [view.split_seed for view in views_of(drawn)] == [2, 3, 4]


def test_a_moved_sweep() -> None:
    sweep = along(Axis(name="alpha", values=(0.1, 0.2)))
    there = moved(sweep, "/x/../cats")
    assert there.base.tasks == FolderConfig(folder="/cats")
    assert views_of(there) == views_of(sweep)
    assert record("a").of(there, there.base.tasks) == record("a").of(sweep, sweep.base.tasks) is not None
    with pytest.raises(ConfigError, match="not of a folder of images"):
        moved(SweepConfig(), "/cats")
    with pytest.raises(ConfigError, match="is an axis of this sweep"):
        moved(along(Axis(name="tasks.folder", values=("/a", "/b"))), "/cats")


CLIENT = """
import json, sys
from maml_core.sweeps.images import images_from_plain
from maml_core.sweeps.study import load_sweep
with load_sweep("s", storage=sys.argv[1]) as study:
    print("ready", flush=True)
    sys.stdin.readline()
    ((_, kept),) = study.keep_images(images_from_plain(json.loads(sys.argv[2]))).views
    print(kept.classes[0][1][0].name)
"""


def one_record_among_many(storage: str) -> None:
    """Several processes begin a sweep at once, each with other images: all take those of one."""
    open_study(along(), "s", storage=storage).close()
    arguments = [sys.executable, "-c", CLIENT, storage]
    clients = [
        subprocess.Popen(
            [*arguments, json.dumps(images_to_plain(record(f"class {n}")))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(CLIENTS)
    ]
    for client in clients:
        assert client.stdout is not None
        assert client.stdout.readline() == "ready\n"
    for client in clients:
        assert client.stdin is not None
        client.stdin.write("\n")
        client.stdin.flush()
    found = {client.communicate(timeout=120)[0] for client in clients}
    assert len(found) == 1
    with load_sweep("s", storage=storage) as study:
        assert study.images == record(found.pop().strip())
        assert not study.is_computed  # whoever wrote it has let go


def test_of_many_that_begin_a_sweep_one_writes_the_record(tmp_path: Path) -> None:
    one_record_among_many(str(tmp_path / "folder"))


def test_and_in_a_database_of_sqlite(tmp_path: Path) -> None:
    one_record_among_many(f"sqlite:///{tmp_path / 'sweeps.db'}")


def test_and_in_postgresql(database: str) -> None:
    one_record_among_many(database)


def test_another_machine_with_other_images_is_refused(database: str, tmp_path: Path) -> None:
    """Both have the study open before either has looked; the second folder stands for that of the other machine."""
    first, second = pictures(tmp_path / "birds", classes=6), pictures(tmp_path / "cats", classes=5)
    sweep = folder_sweep(str(first), 1, 2)
    with (
        open_study(sweep, "two", storage=database) as mine,
        open_study(sweep, "two", storage=database) as theirs,
    ):
        assert find_images(mine, Here()) == ""
        with pytest.raises(
            DataError, match=f"{second} does not hold the images that the sweep is computed on"
        ) as caught:
            find_images(theirs, Here(), folder=str(second))
        assert caught.value.kind == "other"
        results = run_sweep(mine.sweep, mine, Here(), at_once=1)
    assert [one.status for one in results] == ["ok", "ok"]
    # Elsewhere the same images lie in another folder: both places are known from then on, and each machine finds its own.
    there = first.rename(tmp_path / "elsewhere")
    with load_sweep("two", storage=database) as study:
        find_images(study, Here(), folder=str(there))
        assert study.folders == (str(first), str(there))
    there.rename(first)
    with load_sweep("two", storage=database) as study:
        assert study.sweep == moved(sweep, str(there))
        find_images(study, Here())
        assert study.sweep == sweep


def test_whoever_computes_from_python_keeps_the_record_too(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "birds", classes=6)
    sweep = folder_sweep(str(folder), 1, 2)
    with open_study(sweep, "s") as study:
        run_sweep(sweep, study, Here(), at_once=1)
    with load_sweep("s") as study:
        assert study.images is not None
    pictures(tmp_path / "more", classes=6)
    folder.rename(tmp_path / "away")
    open_study(sweep, "t").close()
    with load_sweep("t") as study, pytest.raises(DataError, match="there is no"):
        run_sweep(study.sweep, study, Here(), at_once=1)


def test_a_damaged_record_is_said(tmp_path: Path) -> None:
    with open_study(along(), "s") as study:
        study._study.set_user_attr("images", [{"tasks": {}}])
    with pytest.raises(StoreError, match=r"the record of the images of s in .* cannot be read"):
        load_sweep("s")
