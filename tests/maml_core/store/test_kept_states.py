"""States of earlier outer steps in a run's folder: they come back, within bounds, and those that are not the run's are refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from maml_core import moments as moments_module
from maml_core.config import FolderConfig, RunConfig
from maml_core.errors import StoreError
from maml_core.moments import Moment, light
from maml_core.records import Entry
from maml_core.runs import init_run
from maml_core.state_bytes import state_to_bytes
from maml_core.store import DOCUMENT, RunStore, SavedRun, import_run, load_run, run_info, save_run, zip_run
from maml_core.store import document as document_module
from maml_core.store.document import DataFile
from maml_core.store.images import moved
from tests.maml_core.helpers import same, tiny
from tests.maml_core.store.saved import RUN, TIMELINE, contents, equal, moment_of, unstamped

Arrays, Facts = dict[str, Any], dict[str, Any]


def document_of(folder: Path) -> dict[str, Any]:
    content = json.loads((folder / DOCUMENT).read_bytes())
    assert isinstance(content, dict)
    return content


def with_document(folder: Path, **changes: Any) -> None:
    """Other facts, under a checksum that fits."""
    content = document_of(folder) | changes
    del content["sha256"]
    (folder / DOCUMENT).write_text(json.dumps({**content, "sha256": document_module._digest(content)}))


def with_moments(folder: Path, data: bytes) -> None:
    """Another file of kept states, under checksums that fit."""
    file = DataFile.from_bytes("moments", data)
    with_document(folder, files=document_of(folder)["files"] | {"moments": file._asdict()})
    (folder / file.name).write_bytes(data)


def test_kept_states_come_back_with_the_set_ups_of_their_time(tmp_path: Path) -> None:
    assert [(moment.step, moment.num_entries) for moment in RUN.moments] == [(0, 0), (12, 1), (25, 2)]
    save_run(tmp_path / "run", RUN)
    found = load_run(tmp_path / "run").moments
    assert same(found, RUN.moments)
    assert [moment.config.alpha for moment in found] == [RUN.start.alpha, 0.05, 0.05]
    assert [moment.config.clip_norm for moment in found] == [None, None, 0.5]


def test_a_run_without_any_has_no_file_of_them(tmp_path: Path) -> None:
    save_run(tmp_path / "run", RUN)
    none = save_run(tmp_path / "run", dataclasses.replace(RUN, moments=()))
    assert not [name for name in contents(tmp_path / "run") if "moments" in name]
    assert equal(load_run(tmp_path / "run"), none)


def test_a_folder_of_the_first_version_loads_and_is_written_anew_with_them(tmp_path: Path) -> None:
    save_run(tmp_path / "run", dataclasses.replace(RUN, moments=()))
    with_document(tmp_path / "run", version=1)
    before = load_run(tmp_path / "run")
    assert equal(unstamped(before), dataclasses.replace(RUN, moments=()))
    save_run(tmp_path / "run", dataclasses.replace(before, moments=RUN.moments))
    assert document_of(tmp_path / "run")["version"] == 3
    assert same(load_run(tmp_path / "run").moments, RUN.moments)


def test_no_more_are_written_or_read_than_there_is_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first and the newest stay."""
    many = tuple(moment_of(RUN.start, TIMELINE, step) for step in range(0, 25, 4))
    size = len(many[0].state) + 100
    save_run(tmp_path / "large", dataclasses.replace(RUN, moments=many))
    monkeypatch.setattr(moments_module, "MAX_BYTES", 4 * size)
    saved = save_run(tmp_path / "run", dataclasses.replace(RUN, moments=many))
    for found in (saved, load_run(tmp_path / "run"), load_run(tmp_path / "large")):
        assert len(found.moments) == 4
        assert (found.moments[0].step, found.moments[-1].step) == (0, 24)
    [file] = (tmp_path / "run").glob("moments-*")
    assert file.stat().st_size < 4 * size + 1000


def test_a_run_of_images_has_more_room() -> None:
    assert moments_module.max_bytes(RunConfig()) == 4 * 2**20
    assert moments_module.max_bytes(RunConfig(tasks=FolderConfig(folder="x"))) == 32 * 2**20


def test_an_export_takes_them_along_and_a_deletion_removes_them(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "root")
    store.save(dataclasses.replace(RUN, name="run"))
    (tmp_path / "run.zip").write_bytes(zip_run(store.folder("run")))
    import_run(tmp_path / "run.zip", store, name="again")
    assert contents(store.folder("again")) == contents(store.folder("run"))
    store.rename("again", "other")
    assert same(store.load("other").moments, RUN.moments)
    [file] = store.folder("other").glob("moments-*")
    file.with_name(file.name + ".part").write_bytes(b"left by a save that was killed")
    assert run_info(store.folder("other")).size_bytes == sum(map(len, contents(store.folder("other")).values()))
    store.delete("other")
    assert not store.folder("other").exists()


def test_where_images_lie_now_is_said_in_every_kept_set_up(tmp_path: Path) -> None:
    config = RunConfig(tasks=FolderConfig(folder="/old"))
    run = dataclasses.replace(RUN, start=config, config=config, moments=(Moment(0, config, b"", 0),))
    [there] = moved(run, str(tmp_path)).moments
    assert isinstance(there.config.tasks, FolderConfig)
    assert there.config.tasks.folder == str(tmp_path)


def changed_file(change: Callable[[Arrays, Facts], None]) -> Callable[[bytes], bytes]:
    def changed(data: bytes) -> bytes:
        length = int.from_bytes(data[:8], "little")
        facts = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["moments"])
        arrays = load(data)
        change(arrays, facts)
        return save(arrays, metadata={"moments": json.dumps(facts)})

    return changed


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda data: b"", "damaged"),
        (lambda data: b"0" * len(data), "longer than the file"),
        (lambda data: save({"0": np.zeros(3, np.uint8)}), "__metadata__"),
        (lambda data: save({}, metadata={"moments": "[" * 100_000}), "damaged"),
        (lambda data: save({}, metadata={"moments": "[]"}), "not a table"),
        (changed_file(lambda arrays, facts: facts.pop("12")), "there are states of outer steps"),
        (changed_file(lambda arrays, facts: facts.update({"12": -1})), "num_entries is -1"),
        (changed_file(lambda arrays, facts: facts.update({"12": 2})), "2 lines of the timeline acted before"),
        (changed_file(lambda arrays, facts: facts.update({"12": 10**9})), "lines of the timeline acted before"),
        (changed_file(lambda arrays, facts: arrays.update({"12": arrays["0"]})), "says that it is of 0"),
        (changed_file(lambda arrays, facts: arrays.update({"12": np.zeros(99, np.uint8)})), "a kept state is none"),
        (changed_file(lambda arrays, facts: arrays.update({"12": np.zeros(99)})), "is no bytes"),
        (
            changed_file(lambda arrays, facts: (arrays.update({"012": arrays["12"]}), facts.update({"012": 1}))),
            "comes after 12",
        ),
        (
            changed_file(lambda arrays, facts: (arrays.update({"26": arrays["25"]}), facts.update({"26": 2}))),
            "in a run of 25 outer steps",
        ),
        (changed_file(lambda arrays, facts: (arrays.update(x=arrays["0"]), facts.update(x=0))), "invalid literal"),
    ],
    ids=range(15),
)
def test_what_are_no_states_of_the_run_is_refused(
    tmp_path: Path, change: Callable[[bytes], bytes], sentence: str
) -> None:
    save_run(tmp_path / "run", RUN)
    [file] = (tmp_path / "run").glob("moments-*")
    with_moments(tmp_path / "run", file.read_bytes())  # so that what follows is refused for what it changes
    load_run(tmp_path / "run")
    with_moments(tmp_path / "run", change(file.read_bytes()))
    with pytest.raises(StoreError, match=r"the kept states in .* are damaged") as refused:
        load_run(tmp_path / "run")
    assert refused.value.kind == "damaged"
    assert sentence in str(refused.value)


def test_states_of_another_run_are_not_saved(tmp_path: Path) -> None:
    def with_kept(*moments: Moment) -> SavedRun:
        return dataclasses.replace(RUN, moments=moments)

    first, middle, newest = RUN.moments
    for run in (
        with_kept(middle, first),
        with_kept(first, first),
        with_kept(first, newest._replace(step=26)),
        with_kept(first, middle._replace(num_entries=0)),
        with_kept(first, middle._replace(state=b"no state")),
        dataclasses.replace(RUN, timeline=()),
    ):
        with pytest.raises(ValueError, match=r"outer step|state"):
            save_run(tmp_path / "run", run)
        assert not (tmp_path / "run").exists()


def test_lines_of_one_step_may_have_acted_before_or_after_a_state(tmp_path: Path) -> None:
    start = tiny()
    timeline = (Entry(step=0, kind="change", changes={"alpha": 0.5}), Entry(step=0, kind="branch"))
    state = light(state_to_bytes(init_run(start)))
    for count, alpha in enumerate((start.alpha, 0.5, 0.5)):
        run = dataclasses.replace(RUN, timeline=timeline, moments=(Moment(0, start, state, count),))
        save_run(tmp_path / "run", run)
        assert load_run(tmp_path / "run").moments[0].config.alpha == alpha
