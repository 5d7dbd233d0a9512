"""The benchmarks' visitors do what their figures are named after: who has a sweep computed beside others has settings that get done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from maml_core import RunConfig
from tests.benchmarks.visitors import stores, sweep_of, sweeping
from tests.browser.conftest import hold_none
from tests.browser.server import Server

LIMIT_S = 60.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(settings=stores(tmp_path))
    yield server
    hold_none(server.stop(), "processes that outlived the server that started them")


@pytest.mark.thorough
def test_a_sweep_beside_a_benchmark_is_computed(server: Server, tmp_path: Path) -> None:
    small = replace(sweep_of(3, 2), base=RunConfig(meta_batch_size=2, evaluation_tasks=2))
    with sweeping(server, tmp_path, "small", small) as sweeper:
        end = time.monotonic() + LIMIT_S
        while sweeper.status != "done" and time.monotonic() < end:
            time.sleep(0.1)
    assert sweeper.num_done == 3
