"""What holds for every test: one torch thread, as in the workers, property tests that do the same thing every time, and no run and
no image in the home folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings

torch.set_num_threads(1)

settings.register_profile("maml", deadline=None, derandomize=True, max_examples=20, database=None)
settings.load_profile("maml")


@pytest.fixture(scope="session", autouse=True)
def _nothing_in_the_home_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAML_RUNS", str(tmp_path_factory.mktemp("runs")))
        patch.setenv("MAML_SWEEPS", str(tmp_path_factory.mktemp("sweeps")))
        patch.setenv("MAML_DATA", str(tmp_path_factory.mktemp("data")))
        patch.delenv("MAML_OMNIGLOT", raising=False)
        patch.delenv("MAML_OMNIGLOT_URL", raising=False)
        yield
