"""What is trained and measured for claims: work for an executor, whose workers import torch for it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any


def trained(setup: str, num_steps: int | None) -> Any:
    """A set-up trained at every seed, as `measured` takes it."""
    from maml_core.reproduce.experiments import train_setup

    return train_setup(setup, num_steps)


def measured(claim: str, by_setup: Mapping[str, Any]) -> tuple[Mapping[str, Sequence[float]], float]:
    """A claim's figures at every seed, from what was trained for it, and the processor time that took."""
    from maml_core.reproduce.experiments import measure_claim

    start = time.thread_time()
    return measure_claim(claim, by_setup), time.thread_time() - start
