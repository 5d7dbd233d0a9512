"""A Dask scheduler and its workers as processes of their own on 127.0.0.1, for tests and benchmarks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.maml_core.forks import DASK_SCHEDULER, DASK_WORKER, Forked

ROOT = Path(__file__).resolve().parents[2]
START_S = 120.0
HERE = ("--host", "127.0.0.1", "--no-dashboard")


class Cluster:
    """A scheduler on a free port with workers of one thread; leaving it ends all of them.

    Args:
        num_workers: Worker processes, without Dask's nannies: one that is killed stays dead.
    """

    def __init__(self, num_workers: int = 2) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._file = Path(self._folder.name) / "scheduler.json"
        self._processes: list[Forked | subprocess.Popen[bytes]] = []
        arguments = ("--port", "0", "--scheduler-file", str(self._file), *HERE)
        self.scheduler = Forked(arguments, program=DASK_SCHEDULER, cwd=ROOT)
        self._processes.append(self.scheduler)
        try:
            self.address = self._wait_for_address()
            self.workers = [self.add_worker() for _ in range(num_workers)]
        except BaseException:
            self.stop()
            raise

    def add_worker(self, *options: str) -> Forked:
        """Start one more worker; it joins in a moment."""
        arguments = self._of_a_worker(*(options or ("--nthreads", "1")))
        worker = Forked(arguments, program=DASK_WORKER, cwd=ROOT)
        self._processes.append(worker)
        return worker

    def add_worker_from_nothing(self, **environment: str) -> None:
        """Start one that imports what the environment says."""
        command = [sys.executable, "-m", "distributed.cli.dask_worker", *self._of_a_worker("--nthreads", "1")]
        null = subprocess.DEVNULL
        self._processes.append(
            subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdin=null, stdout=null, stderr=null)
        )

    def _of_a_worker(self, *options: str) -> list[str]:
        own = ("--no-nanny", "--memory-limit", "0", "--local-directory", self._folder.name)
        return [self.address, *own, *options, *HERE]

    def wait_for_workers(self, count: int) -> None:
        """Until so many workers have joined.

        Raises:
            TimeoutError: They do not come.
        """
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=START_S)

    def stop(self) -> None:
        """End everything."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()
        self._folder.cleanup()

    def _wait_for_address(self) -> str:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.scheduler.poll() is None:
            try:
                return str(json.loads(self._file.read_text())["address"])
            except (OSError, ValueError):  # not there, or half written
                time.sleep(0.05)
        raise RuntimeError("the scheduler did not start")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
