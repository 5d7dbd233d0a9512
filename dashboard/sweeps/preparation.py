"""Preparation of a sweep before it is added to those of the server: what it costs is measured, its tasks and images are looked at."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Generator, Mapping
from concurrent.futures import Executor, Future
from typing import NamedTuple

from dashboard.setups.own_code import named_code
from dashboard.setups.sweep_costs import judged_at_once, lanes_of_a_batch
from dashboard.sweeps import words
from dashboard.sweeps.job import SweepJob
from maml_core.cluster import ClusterExecutor
from maml_core.config import PythonConfig, RunConfig
from maml_core.errors import DataError, StoreError
from maml_core.sweeps.budget import Cost, Group, check_drawable, measuring, unmeasured
from maml_core.sweeps.chunks import LanesRequest, LanesResult, run_lanes
from maml_core.sweeps.compiling_beside import CompilingBeside
from maml_core.sweeps.definition import SweepConfig, group_key
from maml_core.sweeps.driver import Sweeping
from maml_core.sweeps.recognition import find_images, find_problem
from maml_core.sweeps.study import SweepStudy

_log = logging.getLogger(__name__)

CHUNK_S = 0.02
"""Processor seconds of a sweep's chunk: how long a live run may have to wait for it."""

LOOK_S = 0.04
"""Processor seconds of a piece that judges lanes: at least one of them."""

CLUSTER_S = 0.5
"""Processor seconds of a chunk on machines of its own, where no live run waits: still two pictures a second."""

MAX_COSTS = 500


class _Measurement(NamedTuple):
    """What a lane costs, as far as it was measured."""

    pieces: Generator[LanesRequest, LanesResult, Cost]
    piece: Future[LanesResult]
    """The one that is computed now."""


class Preparation:
    """Work for a sweep before it is added. For all threads but the event loop's: each call may wait.

    Args:
        executor: Whose workers can import `maml_core`.
        num_workers: Chunks that it runs at a time.
    """

    def __init__(self, executor: Executor, num_workers: int) -> None:
        self._executor = executor
        self.num_workers = num_workers
        self.compiles = False
        """Sweeps take outer steps in their compiled form where it is there, and long ones have it made: their workers are on this machine."""
        self._costs: dict[RunConfig, Cost] = {}
        self._measuring = threading.Lock()
        self._measurements: dict[RunConfig, _Measurement] = {}
        """Those that have begun and that nobody had time to wait for."""

    def costs(self, found: Mapping[RunConfig, Group], wait_s: float) -> dict[RunConfig, Cost]:
        """What a lane of each group costs: as far as it is known after `wait_s` seconds."""
        if any(isinstance(key.tasks, PythonConfig) and named_code(key) is None for key in found):
            return {}  # nobody measures what may not be run
        deadline = time.monotonic() + wait_s
        # One piece at a time, whoever asks: a live run waits behind one at most.
        if self._measuring.acquire(timeout=wait_s):
            try:
                tried: set[RunConfig] = set()
                while left := [key for key in unmeasured(found, self._costs) if key not in tried]:
                    tried.add(left[0])  # one that fails is measured when somebody asks again
                    self._measure(left[0], found[left[0]], deadline)
            except TimeoutError:
                pass  # it goes on when somebody asks again
            finally:
                self._measuring.release()
        return {key: self._costs[key] for key in found if key in self._costs}

    def _measure(self, key: RunConfig, group: Group, deadline: float) -> None:
        """Find what a lane of a group costs, or take up where the time was up.

        Raises:
            TimeoutError: It is up again.
        """
        begun = self._measurements.pop(key, None)
        try:
            if begun is None:
                code = named_code(group.configs[0])
                pieces = measuring(group.configs, compiled=self.compiles, code=code)
                begun = _Measurement(pieces, self._executor.submit(run_lanes, next(pieces)))
            while True:
                request = begun.pieces.send(begun.piece.result(max(0.0, deadline - time.monotonic())))
                begun = _Measurement(begun.pieces, self._executor.submit(run_lanes, request))
        except StopIteration as end:
            self._keep_cost(key, end.value)
        except TimeoutError:
            assert begun is not None
            self._measurements[key] = begun
            raise
        except Exception:
            _log.exception("a step could not be measured")

    def check_drawable(self, sweep: SweepConfig, cluster: ClusterExecutor | None = None) -> None:
        """See that tasks of some setting can be drawn where the sweep is to be computed.

        Raises:
            ConfigError, DataError: Of none; says why.
            StoreError: It is of a problem of one's own, whose code nobody has named.
        """
        tasks, code = sweep.base.tasks, named_code(sweep.base)
        if isinstance(tasks, PythonConfig) and code is None:
            raise StoreError("own", words.without_code(tasks))
        check_drawable(sweep, self._executor if cluster is None else cluster, code)

    def find_images(
        self, of: SweepStudy | SweepJob, *, folder: str | None = None, cluster: ClusterExecutor | None = None
    ) -> str:
        """Find the images of a sweep that nobody computes here; gives what people should know of them.

        Args:
            of: The sweep, by its study as long as no job has that.
            folder: Where its folder of images lies now; None for where it lay.
            cluster: Where it is to be computed; None for where live runs are.

        Raises:
            ConfigError, DataError: They are not there, or are others than those that it is computed on; says how to go on. All is as it was.
        """
        try:
            if isinstance(of, SweepJob):
                return of.find_images(self._executor, folder)
            return find_images(of, self._executor if cluster is None else cluster, folder=folder)
        except DataError as error:
            raise DataError(error.kind, words.without_images(of.sweep, error)) from error

    def _keep_cost(self, key: RunConfig, cost: Cost) -> None:
        if len(self._costs) >= MAX_COSTS:
            self._costs.clear()
            self._measurements.clear()
        self._costs[key] = cost

    def new_job(
        self,
        name: str,
        sweep: SweepConfig,
        study: SweepStudy,
        costs: Mapping[RunConfig, Cost],
        cluster: ClusterExecutor | None = None,
    ) -> SweepJob:
        """A job to add, at rest; what its study holds is read now.

        Args:
            name: Of the sweep.
            sweep: What to compute.
            study: Open.
            costs: Of its groups, as far as they were measured.
            cluster: Where to compute it; None for where live runs are.
        """
        known = list(costs.values())
        compiles = self.compiles and cluster is None
        if cluster is None:
            max_lanes, at_once, budget_s = lanes_of_a_batch(known, CHUNK_S), self.num_workers + 1, CHUNK_S
        else:
            max_lanes, at_once, budget_s = None, max(1, cluster.num_workers), CLUSTER_S

        def new_driver() -> Sweeping:
            self.find_images(study, cluster=cluster)
            self._find_problem(study, self._executor if cluster is None else cluster)
            return Sweeping(study.sweep, study, at_once=at_once, max_lanes=max_lanes, takes_over=compiles)

        return SweepJob(
            name,
            sweep,
            study,
            new_driver=new_driver,
            known=study.results(),
            budget_s=budget_s,
            at_once=at_once,
            judged_at_once=judged_at_once(known, LOOK_S if cluster is None else CLUSTER_S),
            executor=cluster,
            new_compiling=self._new_compiling if compiles else None,
        )

    def check_opens(self, job: SweepJob) -> None:
        """See that a setting of a sweep may open as a live run: a problem of one's own must be the one that the sweep is computed on.

        Raises:
            StoreError: Nobody has named its code; says what to do.
            ConfigError: It is another problem.
        """
        self._find_problem(job.study, self._executor)

    def _find_problem(self, study: SweepStudy, executor: Executor) -> None:
        """Find the code of a problem of one's own, where whoever started the server has named it.

        Raises:
            StoreError: Nobody has; says what to do.
            ConfigError: As of `recognition.find_problem`.
        """
        tasks, code = study.sweep.base.tasks, named_code(study.sweep.base)
        if isinstance(tasks, PythonConfig) and code is None:
            raise StoreError("own", words.without_code(tasks))
        find_problem(study, executor, None if code is None else code.name)

    def _new_compiling(self, driver: Sweeping) -> CompilingBeside:
        """What has the outer steps of a sweep compiled, with the time that nobody else wants."""
        return CompilingBeside(driver.left, at_once=self.num_workers, steps_back=True, on_made=self._forget_cost)

    def _forget_cost(self, configs: tuple[RunConfig, ...]) -> None:
        """The outer step of a group has a compiled form now, and takes less."""
        self._costs.pop(group_key(configs[0]), None)
