"""The study of a sweep: one contract for a folder and for a database, and what each of them says when it cannot."""

from __future__ import annotations

import dataclasses
import errno
import math
import os
import shutil
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import optuna
import psycopg
import pyarrow
import pyarrow.parquet
import pytest
import torch
from optuna.trial import TrialState
from psycopg import sql

from maml_core.config import GlyphsConfig, LinearConfig, MLPConfig, RunConfig, SinusoidConfig
from maml_core.errors import ConfigError, StoreError
from maml_core.rng import Stream
from maml_core.sweeps import catalog, trials
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.catalog import check_idle, delete_sweep, find_sweep, list_sweeps, rename_sweep
from maml_core.sweeps.claims import Claims, engine_of
from maml_core.sweeps.definition import Setting, SweepConfig
from maml_core.sweeps.places import CLAIMS, names_in
from maml_core.sweeps.results import (
    LaneResult,
    SettingResult,
    cap_of,
    capped,
    lanes_from_list,
    lanes_to_list,
    result_of,
)
from maml_core.sweeps.study import SweepStudy, _differences, load_sweep, open_study
from maml_core.tasks import build_family
from tests.maml_core.postgres import USER, postgres, programs
from tests.maml_core.test_public_names import run_fresh

ALPHAS = Axis(name="alpha", values=(0.01, 0.1, 1.0), log=True)
SWEEP = SweepConfig(axes=(ALPHAS, Axis(name="algorithm", values=("maml", "fomaml"))), num_steps=8, num_rungs=2)
TPE = SweepConfig(axes=(Axis(name="alpha", low=0.01, high=1.0, log=True),), sampler="tpe", num_settings=8, num_steps=4)
LOOKED_AT: list[optuna.storages.RDBStorage] = []
"""Databases that a test opened with Optuna alone."""


def lane(loss: float = 1.0, status: str = "ok", seed: int = 0, **more: float) -> LaneResult:
    numbers = {"ci95": 0.1, "before": 3.0, "accuracy": math.nan, "accuracy_ci95": math.nan}
    numbers |= {"diverged_share": 0.0, "worse_share": 0.0}
    return LaneResult(seed=seed, status=status, step=8, loss=loss, **{**numbers, "lambda_max": 20.0, **more})  # type: ignore[arg-type]


def result(setting: Setting, loss: float = 1.0, status: str = "ok", sweep: SweepConfig = SWEEP) -> SettingResult:
    training = (np.array([3.0, 7.0]), np.array([[loss + 1.0, loss]]))
    rungs, lanes = [(4, loss + 1.0), (8, loss)], [lane(loss, status)]
    return result_of(
        sweep, setting, lanes, done=True, rungs=rungs, curvatures={4: 30.0 + setting.number}, training=training
    )


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    where = programs()
    if where is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres(where) as url:
        yield url


@pytest.fixture(
    params=[
        "folder",
        pytest.param("sqlite", marks=[pytest.mark.slow, pytest.mark.thorough]),
        pytest.param("postgresql", marks=pytest.mark.slow),
    ]
)
def storage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty one."""
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path / "default"))
    yield _empty(request, tmp_path)
    while LOOKED_AT:
        optuna_storage = LOOKED_AT.pop()
        optuna_storage.remove_session()
        optuna_storage.engine.dispose()


def _empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "sweeps")
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'sweeps.db'}"
    url: str = request.getfixturevalue("server")
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return f"{url.rpartition('/')[0]}/{name}"


def as_optuna_sees_it(storage: str, name: str = "one") -> optuna.Study:
    """Without anything of ours."""
    if "://" in storage:
        LOOKED_AT.append(optuna.storages.RDBStorage(storage))
        return optuna.load_study(study_name=name, storage=LOOKED_AT[-1])
    backend = optuna.storages.journal.JournalFileBackend(str(Path(storage) / name / "study.log"))
    return optuna.load_study(study_name=name, storage=optuna.storages.JournalStorage(backend))


def test_who_looks_where_no_sweep_is_makes_nothing(storage: str, tmp_path: Path) -> None:
    """Neither a file of SQLite, for a name that was mistyped, nor tables."""
    assert names_in(storage) == []
    assert list_sweeps(storage=storage) == []
    for look in (load_sweep, find_sweep, delete_sweep):
        with pytest.raises(StoreError, match=r"there is no sweep one|there are none yet"):
            look("one", storage=storage)
    assert not (tmp_path / "sweeps.db").exists()
    assert not (tmp_path / "sweeps").exists()
    if storage.startswith("postgresql"):
        with psycopg.connect(storage.replace("+psycopg", "")) as connection:
            found = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        assert found == (0,)


def test_a_sweep_is_a_table_in_one_line(tmp_path: Path) -> None:
    with open_study(SWEEP, "map", storage=tmp_path) as study:
        study.put(*(result(setting, loss=float(setting.number + 1)) for setting in study.take(4)))
    with load_sweep("map", storage=tmp_path) as study:
        frame = study.frame()
    assert frame["alpha"].tolist() == [0.01, 0.01, 0.1, 0.1, 1.0, 1.0]
    assert frame["algorithm"].tolist() == ["maml", "fomaml"] * 3
    assert frame["status"].tolist() == ["ok"] * 4 + ["waiting"] * 2
    assert frame["value"].tolist()[:4] == [1.0, 2.0, 3.0, 4.0]
    assert frame["value"].isna().tolist() == [False] * 4 + [True] * 2


def test_lanes_of_earlier_versions_are_opened_without_their_shares_of_tasks() -> None:
    """They counted easy tasks as diverged; what is measured now is not known of them."""
    older = [{name: value for name, value in one.items() if name != "worse_share"} for one in lanes_to_list([lane()])]
    (found,) = lanes_from_list(older)
    assert math.isnan(found.diverged_share)
    assert math.isnan(found.worse_share)
    assert (found.loss, found.lambda_max) == (1.0, 20.0)
    (kept,) = lanes_from_list(lanes_to_list([lane(diverged_share=0.25)]))
    assert (kept.diverged_share, kept.worse_share) == (0.25, 0.0)


def test_a_sweep_of_earlier_versions_has_no_curvature_of_its_rungs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It opens, and goes on: what is computed now has them."""
    with open_study(SWEEP, "old", storage=tmp_path) as study:
        (first,) = study.take(1)
        with monkeypatch.context() as patch:
            patch.setattr(trials, "_curvatures_to_list", lambda _: [])
            study.put(result(first))
        study.give_back(*(one.number for one in study.take(1)))
    with load_sweep("old", storage=tmp_path) as study:
        (second,) = study.take(1)
        study.put(result(second))
        old, new, *_ = study.results()
    assert "curvatures" not in as_optuna_sees_it(str(tmp_path), "old").trials[0].user_attrs
    np.testing.assert_array_equal(old.curvatures, [math.nan, math.nan])
    np.testing.assert_array_equal(new.curvatures, [31.0, math.nan])


def test_a_setting_is_a_trial_that_optuna_reads(storage: str) -> None:
    with open_study(SWEEP, "one", storage=storage) as study:
        taken = study.take(6)
        assert [one.number for one in taken] == list(range(6))
        study.put(*(result(one, loss=0.5 + one.number) for one in taken[:4]))
        study.put(result(taken[4], loss=math.inf, status="diverged"), result(taken[5], loss=2.0, status="pruned"))
    seen = as_optuna_sees_it(storage)
    assert seen.direction == optuna.study.StudyDirection.MINIMIZE
    states = [trial.state for trial in seen.trials]
    assert states == [TrialState.COMPLETE] * 5 + [TrialState.PRUNED]
    assert seen.best_params == {"alpha": 0.01, "algorithm": "maml"}
    assert seen.best_value == 0.5
    assert [trial.user_attrs["diverged"] for trial in seen.trials] == [False] * 4 + [True, False]
    assert seen.trials[4].value == cap_of(SWEEP)
    assert seen.trials[1].intermediate_values == {4: 2.5, 8: 1.5}
    assert seen.trials[0].user_attrs["lanes"][0]["lambda_max"] == 20.0
    assert isinstance(seen.trials[0].distributions["alpha"], optuna.distributions.FloatDistribution)


def test_results_come_back_as_they_were_put(storage: str) -> None:
    with open_study(SWEEP, "one", storage=storage) as study:
        first, second, third, _ = study.take(4)
        put = [result(first, 0.5), result(second, math.inf, "diverged"), result(third, 2.0, "pruned")]
        study.put(*put)
        study.give_back(3)
    with load_sweep("one", storage=storage) as study:
        assert study.sweep == SWEEP
        found = study.results()
    assert [one.status for one in found] == ["ok", "diverged", "pruned", "waiting", "waiting", "waiting"]
    assert [one.number for one in found] == list(range(6))
    for before, after in zip(put, found):
        assert dict(after.values) == dict(before.values)
        assert after.lanes == before.lanes or math.isnan(before.lanes[0].accuracy)
        assert repr(after.lanes) == repr(before.lanes)
        assert after.value == before.value
        np.testing.assert_array_equal(after.steps, before.steps)
        np.testing.assert_array_equal(after.curvatures, before.curvatures)
    assert found[0].curvatures is not None
    np.testing.assert_array_equal(found[0].curvatures, [30.0, math.nan])
    curves = study.curves()
    assert curves[curves.setting == 0].training_loss.tolist() == [1.5, 0.5]
    assert curves[curves.setting == 0].step.tolist() == [3, 7]
    assert set(curves.setting) == {0, 1, 2}


def test_a_setting_is_given_out_once(storage: str) -> None:
    with open_study(SWEEP, "one", storage=storage) as study, open_study(SWEEP, "one", storage=storage) as other:
        mine, theirs = study.take(4), other.take(4)
        assert [one.number for one in mine] == [0, 1, 2, 3]
        assert [one.number for one in theirs] == [4, 5]
        assert study.take(1) == other.take(1) == []
        study.give_back(1)
        assert [one.number for one in other.take(3)] == [1]


def test_many_clients_at_once_take_each_setting_once(storage: str) -> None:
    sweep = dataclasses.replace(SWEEP, axes=(Axis(name="tasks_seed", low=1, high=40),))
    found: list[int] = []
    studies = [open_study(sweep, "one", storage=storage) for _ in range(4)]

    def take(study: SweepStudy, order: list[int]) -> None:
        while taken := study.take(3, order):
            found.extend(one.number for one in taken)

    threads = [
        threading.Thread(target=take, args=(study, np.random.default_rng(seed).permutation(40).tolist()))
        for seed, study in enumerate(studies)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for study in studies:
        study.close()
    assert sorted(found) == list(range(40))


def test_only_among_the_numbers_that_are_asked_for(storage: str) -> None:
    with open_study(SWEEP, "one", storage=storage) as study:
        assert [one.number for one in study.take(2, among=(5, 3, 1))] == [5, 3]


def test_what_is_finished_is_not_given_out_again_and_what_was_closed_is(storage: str) -> None:
    with open_study(SWEEP, "one", storage=storage) as study:
        first, *_ = study.take(3)
        study.put(result(first))
    with open_study(SWEEP, "one", storage=storage) as study:
        assert [one.number for one in study.take(10)] == [1, 2, 3, 4, 5]
    assert len(as_optuna_sees_it(storage).trials) == 6  # one a setting, however often it was begun


def test_the_claims_of_a_client_that_is_silent_come_back(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Claims, "_keep_beating", lambda self: None)
    silent = open_study(SWEEP, "one", storage=storage)
    (mine,) = silent.take(1)
    with open_study(SWEEP, "one", storage=storage) as study:
        assert study.take(6, among=(0,)) == []
    threading.Event().wait(0.1)
    with open_study(SWEEP, "one", storage=storage, lease_s=0.05) as study:
        assert [one.number for one in study.take(6, among=(0,))] == [0]
        study.put(result(mine, 0.25))
        silent.put(result(mine, 9.0))  # it was only asleep, and comes second
        assert study.results()[0].value == 0.25
    silent.close()
    seen = [trial for trial in as_optuna_sees_it(storage).trials if trial.user_attrs["setting"] == 0]
    assert [trial.value for trial in seen] == [0.25]


def test_the_claims_of_a_process_that_ended_come_back_at_once(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    engine = engine_of(f"sqlite:///{tmp_path / 'claims.sqlite'}")
    dead = Claims(engine, "key", client=f"{socket.gethostname()}:{process.pid}:x")
    assert dead.take([0, 1], 2) == [0, 1]
    living = Claims(engine, "key", client=f"{socket.gethostname()}:{os.getpid()}:x")
    assert living.take([0, 1, 2], 3) == [0, 1, 2]
    assert living.held() == {0, 1, 2}
    for claims in (dead, living):
        claims.close()
    engine.dispose()


def test_pruning_sees_the_values_of_all_clients(storage: str) -> None:
    with open_study(SWEEP, "one", storage=storage) as study, open_study(SWEEP, "one", storage=storage) as other:
        study.take(3)
        other.take(3)
        study.report(4, {0: 1.0, 1: math.nan})
        other.report(4, {3: 0.5})
        assert study.at_rung(4) == {0: 1.0, 1: cap_of(SWEEP), 3: 0.5}
        assert study.at_rung(8) == {}
        assert [one.status for one in other.results()] == ["running"] * 6
        assert other.results()[0].value == 1.0


def test_tpe_draws_settings_when_they_are_asked_for(storage: str) -> None:
    with open_study(TPE, "one", storage=storage) as study:
        assert study.results() == ()
        taken = study.take(4)
        assert len({one.values["alpha"] for one in taken}) == 4
        study.put(*(result(one, float(one.values["alpha"]), sweep=TPE) for one in taken[:3]))  # type: ignore[arg-type]
        assert [one.status for one in study.results()] == ["ok", "ok", "ok", "running"]
    with open_study(TPE, "one", storage=storage) as study:
        again = study.take(9)
        assert [one.number for one in again] == [3, 4, 5, 6, 7]
        study.put(*(result(one, 1.0, sweep=TPE) for one in again))
        assert study.take(1) == []
    trials = [trial for trial in as_optuna_sees_it(storage).trials if trial.state == TrialState.COMPLETE]
    assert sorted(trial.user_attrs["setting"] for trial in trials) == list(range(8))


def test_classes_are_maximised() -> None:
    sweep = SweepConfig(base=RunConfig(tasks=GlyphsConfig()), axes=(ALPHAS,))
    good = result_of(sweep, Setting(0, {"alpha": 0.1}), [lane(accuracy=0.9, accuracy_ci95=0.01)], done=True)
    assert (good.value, good.ci95, good.status) == (0.9, 0.01, "ok")
    gone = result_of(sweep, Setting(0, {"alpha": 0.1}), [lane(math.inf, "diverged", accuracy=0.9)], done=True)
    assert (gone.value, gone.status) == (0.0, "diverged")
    assert (capped(sweep, 0.4), capped(sweep, math.nan), capped(sweep, math.inf)) == (0.4, 0.0, 0.0)


def test_a_setting_of_which_one_seed_diverged_and_another_was_pruned_diverged() -> None:
    lanes = [lane(status="pruned"), lane(math.inf, "diverged", seed=1)]
    gone = result_of(SWEEP, Setting(0, {"alpha": 0.1}), lanes, done=True)
    assert (gone.status, gone.value) == ("diverged", cap_of(SWEEP))
    assert result_of(SWEEP, Setting(0, {"alpha": 0.1}), lanes[:1], done=True).status == "pruned"


def test_several_seeds_have_students_interval() -> None:
    lanes = [lane(loss, seed=seed) for seed, loss in enumerate((1.0, 2.0, 3.0))]
    found = result_of(SWEEP, Setting(0, {}), lanes, done=True)
    assert found.value == 2.0
    assert found.ci95 == pytest.approx(4.302653 / math.sqrt(3))  # t of two degrees of freedom
    one_gone = [*lanes[:2], lane(math.inf, "dead", seed=2)]
    assert result_of(SWEEP, Setting(0, {}), one_gone, done=True).status == "diverged"


def test_what_differs_within_the_network_is_named_by_itself() -> None:
    narrow = dataclasses.replace(SWEEP, base=RunConfig(model=MLPConfig(hidden_widths=(3,))))
    assert _differences(narrow, SWEEP) == "its base's model.hidden_widths is [3]"


def test_another_sweep_of_this_name_is_refused_with_what_differs(storage: str) -> None:
    open_study(SWEEP, "one", storage=storage).close()
    other = dataclasses.replace(SWEEP, base=RunConfig(beta=0.01))
    with pytest.raises(StoreError, match=r"another sweep \(its base's beta is 0.001\); choose another name") as caught:
        open_study(other, "one", storage=storage)
    assert caught.value.kind == "taken"
    with load_sweep("one", storage=storage) as study:
        assert study.sweep == SWEEP


def test_a_study_of_a_version_with_fewer_settings_goes_on(storage: str) -> None:
    open_study(SWEEP, "one", storage=storage).close()
    seen = as_optuna_sees_it(storage)
    known = seen.user_attrs["sweep"]
    base = {name: value for name, value in known["sweep"]["base"].items() if name != "num_training_tasks"}
    seen.set_user_attr("sweep", known | {"fingerprint": "of before", "sweep": known["sweep"] | {"base": base}})
    with open_study(SWEEP, "one", storage=storage) as study:
        assert study.sweep == SWEEP


def test_a_study_of_a_version_with_more_settings_is_left_to_that_one(storage: str) -> None:
    open_study(SWEEP, "one", storage=storage).close()
    seen = as_optuna_sees_it(storage)
    known = seen.user_attrs["sweep"]
    base = known["sweep"]["base"] | {"of_tomorrow": 1}
    seen.set_user_attr("sweep", known | {"fingerprint": "of tomorrow", "sweep": known["sweep"] | {"base": base}})
    for look in (lambda: load_sweep("one", storage=storage), lambda: open_study(SWEEP, "one", storage=storage)):
        with pytest.raises(StoreError, match=r"of_tomorrow.*Update maml-live, or choose another name") as caught:
            look()
        assert caught.value.kind == "newer"


def test_a_study_that_is_not_of_a_sweep_is_left_alone(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maml_core.sweeps.study.MAKING_S", 0.2)
    open_study(SWEEP, "one", storage=storage).close()
    seen = as_optuna_sees_it(storage)
    optuna.delete_study(study_name="one", storage=seen._storage)
    optuna.create_study(study_name="one", storage=seen._storage).ask()
    with pytest.raises(StoreError, match="is of no sweep") as caught:
        open_study(SWEEP, "one", storage=storage)
    assert caught.value.kind == "foreign"


def test_a_sweep_whose_first_client_was_ended_before_it_said_what_it_is_can_be_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maml_core.sweeps.study.MAKING_S", 0.2)
    with monkeypatch.context() as patched:
        patched.setattr(optuna.Study, "set_user_attr", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            open_study(SWEEP, "one", storage=tmp_path)
    (listed,) = list_sweeps(tmp_path)
    assert "is of no sweep" in str(listed.problem)
    for _ in range(2):
        with open_study(SWEEP, "one", storage=tmp_path) as study:
            assert study.sweep == SWEEP
    assert [info.problem for info in list_sweeps(tmp_path)] == [None]


def test_sweeps_are_listed_and_deleted(storage: str) -> None:
    with open_study(SWEEP, "one", storage=storage) as study:
        study.put(*(result(one, math.inf if one.number else 1.0) for one in study.take(2)))
    open_study(TPE, "two", storage=storage).close()
    one, two = list_sweeps(storage)
    assert (one.name, one.size, one.num_finished, one.num_diverged, one.axes) == (
        "one",
        6,
        2,
        1,
        ("alpha", "algorithm"),
    )
    assert (two.name, two.num_finished) == ("two", 0)
    delete_sweep("one", storage=storage)
    assert [info.name for info in list_sweeps(storage)] == ["two"]
    with pytest.raises(StoreError, match="there is no sweep one"):
        load_sweep("one", storage=storage)
    with open_study(SWEEP, "one", storage=storage) as study:
        assert len(study.take(9)) == 6


def test_who_computes_a_sweep_that_is_deleted_is_told(storage: str) -> None:
    with open_study(SWEEP, "one", storage=storage) as study:
        (one,) = study.take(1)
        with pytest.raises(StoreError, match="somebody computes the sweep one"):
            check_idle("one", storage=storage)
        study.give_back(one.number)
        check_idle("one", storage=storage)
        if "://" in storage:  # a folder may be gone under the feet of this process
            delete_sweep("one", storage=storage)
            for ask in (study.results, lambda: study.take(1), lambda: study.put(result(one))):
                with pytest.raises(StoreError, match=r"the sweep one in .* was deleted meanwhile") as caught:
                    ask()
                assert caught.value.kind == "missing"


def test_many_first_clients_of_a_fresh_storage_find_one_sweep(storage: str) -> None:
    together = threading.Barrier(6)

    def client() -> list[int]:
        together.wait(60)
        with open_study(SWEEP, "both", storage=storage) as study:
            taken = [one.number for one in study.take(1)]
            together.wait(60)  # whoever leaves gives back what is not finished
        return taken

    with ThreadPoolExecutor(together.parties) as threads:
        found = [future.result(120) for future in [threads.submit(client) for _ in range(together.parties)]]
    assert sorted(number for taken in found for number in taken) == list(range(6))
    assert [info.name for info in list_sweeps(storage)] == ["both"]


def test_what_a_database_refuses_is_no_race(server: str) -> None:
    """It is said at once, not after many tries, and is not called out of reach."""
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'word'").format(sql.Identifier(name)))
    url = server.replace(f"//{USER}@", f"//{name}:word@")
    with pytest.raises(
        StoreError, match=r":\*\*\*@.* refuses \(permission denied for schema public\); see that"
    ) as caught:
        open_study(SWEEP, "one", storage=url)
    assert caught.value.kind == "refused"


def test_an_unreachable_database_is_said_without_its_password(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(StoreError, match=f"postgresql://me:.*@127.0.0.1:{port}/x cannot be reached") as caught:
        open_study(SWEEP, "one", storage=f"postgresql://me:secret@127.0.0.1:{port}/x")
    assert caught.value.kind == "refused"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["nosuch://x", "postgresql://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises((ConfigError, StoreError)):
        open_study(SWEEP, "one", storage=url)


def test_a_damaged_journal_is_said(tmp_path: Path) -> None:
    open_study(SWEEP, "one", storage=tmp_path).close()
    (tmp_path / "one" / "study.log").write_text("nonsense\nmore\n")
    with pytest.raises(StoreError, match="is damaged") as caught:
        load_sweep("one", storage=tmp_path)
    assert caught.value.kind == "damaged"
    assert [info.problem is None for info in list_sweeps(tmp_path)] == [False]


def test_damaged_claims_whose_words_are_no_text_are_said(tmp_path: Path) -> None:
    open_study(SWEEP, "one", storage=tmp_path).close()
    file = tmp_path / "one" / CLAIMS
    data = file.read_bytes()
    assert b"NOT NULL" in data
    file.write_bytes(data.replace(b"NOT NULL", b"NOT \x98ULL"))
    with pytest.raises(StoreError, match="is damaged; restore it, or delete it") as caught:
        load_sweep("one", storage=tmp_path)
    assert caught.value.kind == "damaged"
    delete_sweep("one", storage=tmp_path)


def test_a_line_that_a_killed_client_left_half_written_does_no_harm(tmp_path: Path) -> None:
    with open_study(SWEEP, "one", storage=tmp_path) as study:
        study.put(result(study.take(1)[0]))
    with open(tmp_path / "one" / "study.log", "a") as file:
        file.write('{"op_code": 5, "work')
    with open_study(SWEEP, "one", storage=tmp_path) as study:
        study.put(*(result(one) for one in study.take(9)))
    with load_sweep("one", storage=tmp_path) as study:
        assert [one.status for one in study.results()] == ["ok"] * 6


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "thesis.tex").write_text("mine")
    with pytest.raises(StoreError, match="something else than a sweep") as caught:
        open_study(SWEEP, "one", storage=tmp_path)
    assert caught.value.kind == "foreign"
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("name", ["", "../x", "a/b", "con"])
def test_a_name_that_is_no_folder_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        open_study(SWEEP, name, storage=tmp_path)


def test_only_what_is_finished_can_be_put(tmp_path: Path) -> None:
    with open_study(SWEEP, "one", storage=tmp_path) as study:
        (one,) = study.take(1)
        with pytest.raises(ValueError, match="not finished"):
            study.put(result_of(SWEEP, one, [lane()], done=False))


@pytest.mark.parametrize(
    "tasks",
    [
        SinusoidConfig(phase_rad=(0.0, 0.2), x=(-0.3, 0.3)),
        SinusoidConfig(amplitude=(1.0, 1.0), phase_rad=(1.5, 1.6), noise_std=0.3),
        LinearConfig(num_features=64, w_mean=3.0, x=(0.0, 1.0)),
    ],
    ids=["small x and phase", "cosines with noise", "64 features in the same direction"],
)
def test_the_cap_is_ten_times_the_exact_zero_level(tasks: SinusoidConfig | LinearConfig) -> None:
    """Against the mean square of a quarter of a million drawn targets."""
    drawn = build_family(tasks).draw_tasks(
        seed=0, stream=Stream.TEST_TASKS, num_tasks=50_000, shots=1, num_query=5, dtype=torch.float64
    )
    sweep = SweepConfig(base=RunConfig(tasks=tasks), axes=(ALPHAS,), num_steps=8)
    assert cap_of(sweep) == pytest.approx(10.0 * float(drawn.query.y.square().mean()), rel=0.02)


def test_a_sweep_that_is_renamed_is_the_same_one(storage: str) -> None:
    with open_study(SWEEP, "old", storage=storage) as study:
        for setting in study.take(4):
            study.put(result(setting, 0.5 + setting.number, "diverged" if setting.number == 2 else "ok"))
        study.give_back(*(setting.number for setting in study.take(1)))
        before, curves, where = study.results(), study.curves(), study.folder
    assert rename_sweep("old", "größer 2", storage=storage) == "größer 2"
    assert [info.name for info in list_sweeps(storage)] == ["größer 2"]
    assert not where.exists()
    with load_sweep("größer 2", storage=storage) as study:
        assert study.sweep == SWEEP
        assert repr(study.results()) == repr(before)
        assert study.curves().equals(curves)
        assert [setting.number for setting in study.take(9)] == [4, 5]
    with open_study(SWEEP, "größer 2", storage=storage) as study:  # the same command goes on
        assert sum(one.is_finished for one in study.results()) == 4


def test_what_cannot_be_renamed_stays_as_it_was(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    open_study(SWEEP, "old", storage=storage).close()
    open_study(TPE, "other", storage=storage).close()
    for new, error, words in (
        ("other", StoreError, "already; choose another name"),
        ("old", StoreError, "already; choose another name"),
        ("a/b", ConfigError, "1 to 80 letters or digits"),
    ):
        with pytest.raises(error, match=words):
            rename_sweep("old", new, storage=storage)
    with pytest.raises(StoreError, match="there is no sweep nothing"):
        rename_sweep("nothing", "new", storage=storage)
    with open_study(SWEEP, "old", storage=storage) as study:
        taken = study.take(1)
        with pytest.raises(StoreError, match="somebody computes the sweep old"):
            rename_sweep("old", "new", storage=storage)
        study.give_back(*(setting.number for setting in taken))

    def broken(*_: object) -> None:
        raise StoreError("full", "the disk is full")

    monkeypatch.setattr(catalog, "copy_curves", broken)
    with pytest.raises(StoreError, match="the disk is full"):
        rename_sweep("old", "new", storage=storage)
    assert [info.name for info in list_sweeps(storage)] == ["old", "other"]
    with load_sweep("old", storage=storage) as study:
        assert study.sweep == SWEEP


@pytest.mark.parametrize("change", ["delete", "rename"])
def test_a_sweep_in_a_folder_outlives_one_of_its_name_in_a_database(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path / "sweeps"))
    database = f"sqlite:///{tmp_path / 'sweeps.db'}"
    curves = {}
    for storage, loss in ((None, 0.25), (database, 0.75)):
        with open_study(SWEEP, "one", storage=storage) as study:
            study.put(*(result(one, loss) for one in study.take(1)))
            curves[storage] = study.curves()["training_loss"].tolist()
    assert curves == {None: [1.25, 0.25], database: [1.75, 0.75]}
    if change == "delete":
        delete_sweep("one", storage=database)
    else:
        rename_sweep("one", "two", storage=database)
        with load_sweep("two", storage=database) as study:
            assert study.curves()["training_loss"].tolist() == [1.75, 0.75]
    with load_sweep("one") as study:
        assert study.curves()["training_loss"].tolist() == [1.25, 0.25]
        assert sum(setting.is_finished for setting in study.results()) == 1


def test_a_disk_that_is_full_while_curves_are_copied_leaves_the_sweep_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_study(SWEEP, "old", storage=tmp_path) as study:
        study.put(*(result(one) for one in study.take(1)))

    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copy2", full)
        with pytest.raises(StoreError, match="No space left on device"):
            rename_sweep("old", "new", storage=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert rename_sweep("old", "new", storage=tmp_path) == "new"


def test_a_deletion_that_is_cut_short_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_study(SWEEP, "one", storage=tmp_path) as study:
        study.put(*(result(one) for one in study.take(1)))
    (tmp_path / "one" / f"{CLAIMS}-journal").touch()  # of a client that was killed
    remove, removed = Path.unlink, list[str]()

    def cut_short(path: Path, missing_ok: bool = False) -> None:
        if removed:
            raise OSError(errno.EIO, "Input/output error")
        removed.append(path.name)
        remove(path, missing_ok=missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", cut_short)
        with pytest.raises(StoreError, match="Input/output error"):
            delete_sweep("one", storage=tmp_path)
    assert [info.name for info in list_sweeps(tmp_path)] == ["one"]
    delete_sweep("one", storage=tmp_path)
    assert not (tmp_path / "one").exists()


@pytest.mark.parametrize("odd", ["what?", "100%20", "a#b", "it's"])
def test_claims_lie_beside_their_sweep_whatever_its_folder_is_called(odd: str, tmp_path: Path) -> None:
    open_study(SWEEP, "one", storage=tmp_path / odd).close()
    assert (tmp_path / odd / "one" / CLAIMS).is_file()
    assert [path.name for path in tmp_path.iterdir()] == [odd]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in /proc")
def test_reading_curves_starts_no_thread_of_pyarrow(tmp_path: Path) -> None:
    """One that still starts while the process ends aborts it."""
    (tmp_path / "curves").mkdir()
    columns = {"setting": np.zeros(3, "int32"), "seed": np.zeros(3, "int16"), "step": np.arange(3, dtype="int32")}
    table = pyarrow.table({**columns, "training_loss": np.ones(3)})
    pyarrow.parquet.write_table(table, tmp_path / "curves" / "000000-1-a.parquet")
    run_fresh(
        "import os, time\nimport pandas\nimport pyarrow.parquet\nfrom pathlib import Path\n"
        "from maml_core.sweeps.curve_files import read_curves\nbefore = len(os.listdir('/proc/self/task'))\n"
        f"assert len(read_curves(Path({str(tmp_path)!r}))) == 3\ntime.sleep(0.1)\n"
        "assert len(os.listdir('/proc/self/task')) == before"
    )
