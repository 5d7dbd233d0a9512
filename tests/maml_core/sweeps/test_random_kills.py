"""Whatever process of a sweep is killed, and when: none of its settings is lost, and none is finished twice (`maml bench faults` kills a thousand)."""

from __future__ import annotations

import os

import pytest

from tests.benchmarks.faults import FIGURES, measured
from tests.maml_core.postgres import programs

pytestmark = pytest.mark.slow

NUM_KILLS = 8


@pytest.mark.parametrize(
    "storage",
    [
        "folder",
        pytest.param("PostgreSQL", marks=pytest.mark.thorough),
        pytest.param("Dask", marks=pytest.mark.thorough),
    ],
)
def test_nothing_is_lost_and_nothing_is_done_twice(storage: str) -> None:
    if storage == "PostgreSQL" and programs() is None:
        reason = "this test needs an installed PostgreSQL, for example from apt-get install postgresql"
        if os.environ.get("MAML_REQUIRE_POSTGRES") == "1":
            pytest.fail(f"{reason}, and MAML_REQUIRE_POSTGRES is 1", pytrace=False)
        pytest.skip(reason)
    rows = [FIGURES[name].row(value) for name, value in measured(storage, NUM_KILLS, seed=1).items()]
    assert [row for row in rows if row.met is False] == []
    assert rows[0].value == NUM_KILLS
