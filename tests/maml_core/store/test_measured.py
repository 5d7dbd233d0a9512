"""What was measured at the kept states in a run's folder: it comes back to the last digit, within bounds, and what is none of it is refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from maml_core.config import RunConfig
from maml_core.errors import StoreError
from maml_core.problem import build_problem
from maml_core.records import Snapshot, View
from maml_core.runs import init_run
from maml_core.snapshots import snapshot
from maml_core.store import load_run, save_run
from maml_core.store import measured as measured_module
from maml_core.store.document import DataFile
from maml_core.store.measured import measured_from_bytes, measured_only, measured_to_bytes
from tests.maml_core.helpers import same, tiny
from tests.maml_core.store.saved import RUN, contents, equal
from tests.maml_core.store.test_kept_states import document_of, with_document

WHOLE = View(tasks=(), trajectories=True, curvature=True, rates=True, paths=False)


def measured_of(config: RunConfig) -> Snapshot:
    return measured_only(snapshot(config, init_run(config), WHOLE, problem=build_problem(config)))


FOUND = measured_of(RUN.start)


def at(step: int, found: Snapshot = FOUND) -> Snapshot:
    return dataclasses.replace(found, step=step)


@pytest.mark.parametrize("config", [tiny(), tiny(algorithm="meta_sgd"), tiny(joint_baseline=True, num_inner_steps=0)])
def test_what_was_measured_comes_back_to_the_last_digit(config: RunConfig) -> None:
    found = measured_of(config)
    assert found.trajectories
    assert found.curvature is not None
    assert (found.rates is not None) == (config.algorithm == "meta_sgd")
    measured = {step: at(step, found) for step in (0, 25)}
    assert same(measured_from_bytes(measured_to_bytes(measured), RUN.moments), measured)


def test_it_lies_in_a_runs_folder_and_only_where_there_is_any(tmp_path: Path) -> None:
    run = dataclasses.replace(RUN, measured={12: at(12), 13: at(13)})
    saved = save_run(tmp_path / "run", run)
    loaded = load_run(tmp_path / "run")
    assert equal(loaded, saved)
    assert same(loaded.measured, {12: at(12)})  # no state of 13 is kept
    save_run(tmp_path / "run", dataclasses.replace(loaded, measured={}))
    assert not [name for name in contents(tmp_path / "run") if name.startswith("measured")]


def test_a_folder_of_the_second_version_opens_and_is_written_anew_with_it(tmp_path: Path) -> None:
    save_run(tmp_path / "run", RUN)
    with_document(tmp_path / "run", version=2)
    before = load_run(tmp_path / "run")
    assert before.measured == {}
    save_run(tmp_path / "run", dataclasses.replace(before, measured={25: at(25)}))
    assert document_of(tmp_path / "run")["version"] == 3
    assert same(load_run(tmp_path / "run").measured, {25: at(25)})


def test_what_there_is_no_room_for_is_left_out_and_the_newest_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = {moment.step: at(moment.step) for moment in RUN.moments}
    size = sum(array.nbytes for array in load(measured_to_bytes({25: at(25)})).values())
    for room, steps in ((3 * size, [0, 12, 25]), (2 * size, [0, 25]), (10, [25])):
        monkeypatch.setattr(measured_module, "MAX_MEASURED_BYTES", room)
        saved = save_run(tmp_path / "run", dataclasses.replace(RUN, measured=measured))
        assert list(saved.measured) == list(load_run(tmp_path / "run").measured) == steps


def changed(change: Callable[[dict[str, Any]], None]) -> Callable[[bytes], bytes]:
    def of(data: bytes) -> bytes:
        arrays = load(data)
        change(arrays)
        return save(arrays, metadata={"rates": json.dumps({})})

    return of


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda data: b"", "damaged"),
        (lambda data: save({}), "__metadata__"),
        (changed(lambda arrays: arrays.update({"12/maml": np.zeros((5, 2), np.float32)})), "double precision"),
        (changed(lambda arrays: arrays.update({"12/maml": np.zeros(5)})), "is no trajectory"),
        (changed(lambda arrays: arrays.update({"12/somebody": arrays["12/maml"]})), "is no trajectory"),
        (changed(lambda arrays: arrays.pop("12/maml")), "nothing of the run's own"),
        (changed(lambda arrays: arrays.update({"12/curvature": np.zeros(2)})), "[3] are expected"),
        (changed(lambda arrays: arrays.update({"12/descent": np.zeros((6, 1))})), "[6] are expected"),
        (changed(lambda arrays: arrays.update({"12/rates": np.ones((3, 1, 2)), "12/overall": np.ones(1)})), "learned"),
        (changed(lambda arrays: arrays.update({"x/curvature": np.zeros(3)})), "invalid literal"),
    ],
    ids=range(10),
)
def test_what_was_not_measured_so_is_refused(tmp_path: Path, change: Callable[[bytes], bytes], sentence: str) -> None:
    save_run(tmp_path / "run", dataclasses.replace(RUN, measured={12: at(12)}))
    [file] = (tmp_path / "run").glob("measured-*")
    data = change(file.read_bytes())
    other = DataFile.from_bytes("measured", data)
    with_document(tmp_path / "run", files=document_of(tmp_path / "run")["files"] | {"measured": other._asdict()})
    (tmp_path / "run" / other.name).write_bytes(data)
    with pytest.raises(StoreError, match=r"damaged") as refused:
        load_run(tmp_path / "run")
    assert sentence in str(refused.value)
