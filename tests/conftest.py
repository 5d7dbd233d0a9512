"""What holds for every test: one torch thread, as in the workers, property tests that do the same thing every time, and no run in the
home folder."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings

torch.set_num_threads(1)

settings.register_profile("maml", deadline=None, derandomize=True, max_examples=20, database=None)
settings.load_profile("maml")


@pytest.fixture(scope="session", autouse=True)
def _no_runs_in_the_home_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.environ.get("MAML_RUNS")
    os.environ["MAML_RUNS"] = str(tmp_path_factory.mktemp("runs"))
    yield
    if before is None:
        del os.environ["MAML_RUNS"]
    else:
        os.environ["MAML_RUNS"] = before
