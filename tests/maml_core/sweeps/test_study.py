"""The study of a sweep: one contract for a folder and for a database, and what each of them says when it cannot."""

from __future__ import annotations

import dataclasses
import math
import os
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import optuna
import psycopg
import pytest
import torch
from optuna.trial import TrialState
from psycopg import sql

from maml_core.config import GlyphsConfig, LinearConfig, MLPConfig, RunConfig, SinusoidConfig
from maml_core.errors import ConfigError, StoreError
from maml_core.rng import Stream
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.claims import Claims, engine_of
from maml_core.sweeps.results import LaneResult, SettingResult, cap_of, judged, lanes_from_list, lanes_to_list
from maml_core.sweeps.space import Setting, SweepConfig
from maml_core.sweeps.study import SweepStudy, _differences, delete_sweep, list_sweeps, load_sweep, open_study
from maml_core.tasks import build_family
from tests.maml_core.postgres import postgres, programs

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
    rungs = [(4, loss + 1.0), (8, loss)]
    return judged(sweep, setting, [lane(loss, status)], done=True, rungs=rungs, training=training)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    where = programs()
    if where is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres(where) as url:
        yield url


@pytest.fixture(params=["folder", "sqlite", "postgresql"])
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


def test_lanes_of_earlier_versions_are_opened_without_their_shares_of_tasks() -> None:
    """They counted easy tasks as diverged; what is measured now is not known of them."""
    older = [{name: value for name, value in one.items() if name != "worse_share"} for one in lanes_to_list([lane()])]
    (found,) = lanes_from_list(older)
    assert math.isnan(found.diverged_share)
    assert math.isnan(found.worse_share)
    assert (found.loss, found.lambda_max) == (1.0, 20.0)
    (kept,) = lanes_from_list(lanes_to_list([lane(diverged_share=0.25)]))
    assert (kept.diverged_share, kept.worse_share) == (0.25, 0.0)


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
    good = judged(sweep, Setting(0, {"alpha": 0.1}), [lane(accuracy=0.9, accuracy_ci95=0.01)], done=True)
    assert (good.value, good.ci95, good.status) == (0.9, 0.01, "ok")
    gone = judged(sweep, Setting(0, {"alpha": 0.1}), [lane(math.inf, "diverged", accuracy=0.9)], done=True)
    assert (gone.value, gone.status) == (0.0, "diverged")


def test_several_seeds_have_students_interval() -> None:
    lanes = [lane(loss, seed=seed) for seed, loss in enumerate((1.0, 2.0, 3.0))]
    found = judged(SWEEP, Setting(0, {}), lanes, done=True)
    assert found.value == 2.0
    assert found.ci95 == pytest.approx(4.302653 / math.sqrt(3))  # t of two degrees of freedom
    one_gone = [*lanes[:2], lane(math.inf, "dead", seed=2)]
    assert judged(SWEEP, Setting(0, {}), one_gone, done=True).status == "diverged"


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


def test_a_study_that_is_not_of_a_sweep_is_left_alone(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maml_core.sweeps.study.MAKING_S", 0.2)
    open_study(SWEEP, "one", storage=storage).close()
    seen = as_optuna_sees_it(storage)
    optuna.delete_study(study_name="one", storage=seen._storage)
    optuna.create_study(study_name="one", storage=seen._storage)
    with pytest.raises(StoreError, match="is of no sweep") as caught:
        open_study(SWEEP, "one", storage=storage)
    assert caught.value.kind == "foreign"


def test_sweeps_are_listed_and_deleted(storage: str) -> None:
    with open_study(SWEEP, "one", storage=storage) as study:
        study.put(*(result(one, math.inf if one.number else 1.0) for one in study.take(2)))
    open_study(TPE, "two", storage=storage).close()
    one, two = list_sweeps(storage)
    assert (one.name, one.size, one.num_done, one.num_diverged, one.axes) == ("one", 6, 2, 1, ("alpha", "algorithm"))
    assert (two.name, two.num_done) == ("two", 0)
    delete_sweep("one", storage=storage)
    assert [info.name for info in list_sweeps(storage)] == ["two"]
    with pytest.raises(StoreError, match="there is no sweep one"):
        load_sweep("one", storage=storage)
    with open_study(SWEEP, "one", storage=storage) as study:
        assert len(study.take(9)) == 6


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
            study.put(judged(SWEEP, one, [lane()], done=False))


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
