"""A sweep of a problem of one's own on a cluster: its workers import the code, since the client tells them its name, and the client does not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from maml_core.cluster import ClusterExecutor
from maml_core.errors import ConfigError
from maml_core.sweeps.driver import run_sweep
from maml_core.sweeps.study import SweepStudy, load_sweep
from tests.maml_core.clusters import Cluster
from tests.maml_core.own_module import forget, is_imported, own_module
from tests.maml_core.sweeps.own_sweep import begun

pytestmark = pytest.mark.slow


def test_workers_import_it_where_they_are_and_the_client_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with own_module(tmp_path, monkeypatch) as module, load_begun(module) as study, Cluster(0) as cluster:
        forget(tmp_path, module)
        cluster.add_worker_from_nothing(PYTHONPATH=str(tmp_path))
        cluster.wait_for_workers(1)
        with ClusterExecutor(cluster.address) as executor:
            with pytest.raises(ConfigError, match="there is no module not_on_this_worker"):
                run_sweep(study.sweep, study, executor, at_once=1, problem="not_on_this_worker:problem")
            assert not is_imported(tmp_path, module)
            results = run_sweep(study.sweep, study, executor, at_once=2, problem=f"{module}:problem")
        assert [one.status for one in results] == ["ok"] * 4
        assert is_imported(tmp_path, module)
        assert module not in sys.modules


def load_begun(module: str) -> SweepStudy:
    begun(module)
    return load_sweep("mine")
