"""The workers of a command, from its options to their end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from maml_core.cluster import ClusterExecutor, open_executor
from maml_core.errors import ConfigError
from maml_core.execution import ChunkPool


@contextlib.contextmanager
def workers(scheduler: str | None, num_workers: int | None = None) -> Iterator[ChunkPool | ClusterExecutor]:
    """Where a command's chunks are computed. If it does not come to its end, nobody waits for what is computed there.

    Raises:
        ConfigError: As of `open_executor`.
        ClusterError: As of `open_executor`.
    """
    executor = open_executor(scheduler, num_workers=num_workers)
    try:
        yield executor
    except (
        ConfigError
    ):  # nothing much is under way, and a pool that is left alone may complain while the interpreter ends
        executor.shutdown(cancel_futures=True)
        raise
    except BaseException:
        executor.abandon()
        raise
    executor.shutdown(cancel_futures=True)
