"""A database that goes away in the middle of a sweep is waited for: the sweep goes on by itself, none of its settings is lost, and none is done twice."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest

from maml_core.errors import StoreError
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.driver import Sweeping, run_sweep
from maml_core.sweeps.patience import Patience
from maml_core.sweeps.study import open_study
from tests.contracts.test_choices import Here
from tests.maml_core.helpers import tiny
from tests.maml_core.postgres import Postgres, postgres_server, programs

pytestmark = pytest.mark.slow

SWEEP = SweepConfig(
    base=tiny(joint_baseline=False),
    axes=(Axis(name="alpha", values=tuple(0.01 + 0.001 * k for k in range(12))),),
    num_steps=8,
    num_rungs=2,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    where = programs()
    if where is None:
        reason = "these tests need an installed PostgreSQL, for example from apt-get install postgresql"
        if os.environ.get("MAML_REQUIRE_POSTGRES") == "1":
            pytest.fail(f"{reason}, and MAML_REQUIRE_POSTGRES is 1", pytrace=False)
        pytest.skip(reason)
    with postgres_server(where) as found:
        yield found


def test_a_sweep_goes_on_once_its_database_is_back(
    server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path))
    said: list[str] = []
    away: list[threading.Timer] = []

    def go_away(sweeping: Sweeping) -> None:
        """At three places of the sweep the server ends, for a second each."""
        if len(away) < 3 and sweeping.progress.num_done >= 3 * len(away) + 1:
            server.stop()
            away.append(threading.Timer(1.0, server.start))
            away[-1].start()

    with open_study(SWEEP, "it", storage=server.url) as study:
        study.patience.tell = said.append
        found = run_sweep(SWEEP, study, Here(), at_once=1, max_lanes=2, on_change=go_away)
        assert {one.status for one in found} == {"ok"}
        assert {one.status for one in study.results()} == {"ok"}
    assert len(away) == 3
    assert [sentence[:35] for sentence in said if sentence] == ["the sweep's storage postgresql://po"] * 3
    assert said[1::2] == ["", "", ""]
    storage = optuna.storages.RDBStorage(server.url)
    trials = optuna.load_study(study_name="it", storage=storage).trials
    assert Counter(trial.state.name for trial in trials) == {"COMPLETE": SWEEP.size}
    assert sorted(trial.user_attrs["setting"] for trial in trials) == list(range(SWEEP.size))
    storage.engine.dispose()


def test_what_was_claimed_while_it_went_away_is_given_out(
    server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path))
    with open_study(SWEEP, "lost", storage=server.url) as study:
        assert [one.number for one in study.take(2)] == [0, 1]
        assert [one.number for one in study.take(1)] == [2]
        study._claims._given -= {0, 1}  # as where the answer was lost: nobody here knows of them
        assert [one.number for one in study.take(3)] == [0, 1, 3]


def test_one_that_stays_away_ends_the_sweep_with_a_sentence(
    server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path))
    with open_study(SWEEP, "gone", storage=server.url) as study:
        study.patience = Patience("there", away_s=1.0)
        server.stop()
        try:
            begin = time.monotonic()
            with pytest.raises(StoreError, match="cannot be reached"):
                study.take(1)
            assert time.monotonic() - begin > 1.0
            study.patience.goes_on = lambda: False  # somebody has cancelled the sweep
            with pytest.raises(StoreError, match="cannot be reached"):
                study.take(1)
        finally:
            server.start()


def test_what_a_database_refuses_is_refused_at_once(tmp_path: Path) -> None:
    said: list[str] = []
    patience = Patience("there")
    patience.tell = said.append

    def refuse() -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        patience.tried(refuse)
    assert said == []
