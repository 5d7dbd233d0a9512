"""What tests of a live run share."""

from __future__ import annotations

import pytest

from maml_core.runs import replay
from tests.dashboard.live.driver import EXPLOSIVE


@pytest.fixture(scope="package")
def diverged_at() -> int:
    """The outer step at which EXPLOSIVE is rolled back."""
    _, state, _ = replay(EXPLOSIVE, (), num_steps=200)
    assert state.status.kind == "diverged"
    return state.step
