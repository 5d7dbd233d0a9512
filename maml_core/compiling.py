"""Having outer steps compiled beside the training: of runs, and of the lanes of sweeps; in one process at a time, mostly of the lowest priority.

The process is `maml_core.compiler_process`. Nothing here imports torch.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from maml_core.chunks import ChunkResult
from maml_core.compiled import files
from maml_core.config import RunConfig, to_dict

AFTER_S = 3.0
"""Processor seconds that a set-up trains before its step is compiled: who only tries something out does not wait for it."""

MAX_TRACKED = 64
"""Set-ups whose training time is remembered."""

BUSY = 75
"""Exit status where another process compiles already."""


class Compiler:
    """Has the steps compiled that train for long: one after the other, and none a second time that failed.

    Args:
        after_s: Processor seconds of training before.
    """

    def __init__(self, after_s: float = AFTER_S) -> None:
        self._after_s = after_s
        self._trained_s: dict[str, float] = {}
        self._tried: set[str] = set()
        self._process: subprocess.Popen[bytes] | None = None
        self._key = ""

    def trained(self, result: ChunkResult) -> None:
        """Take note of a chunk, and start to compile its step where it has been wanted for long enough."""
        key = result.uncompiled
        if not key or key in self._tried:
            return
        total = self._trained_s.pop(key, 0.0) + result.advance_s
        self._trained_s[key] = total
        while len(self._trained_s) > MAX_TRACKED:
            self._trained_s.pop(next(iter(self._trained_s)))
        if total >= self._after_s and not self.is_busy:
            self._start(key, result.config, result.step)

    @property
    def is_busy(self) -> bool:
        """Whether something is being compiled."""
        process = self._process
        if process is None:
            return False
        status = process.poll()
        if status is None:
            return True
        self._process = None
        if status == BUSY:  # somebody else's turn: ask again when it has trained as long once more
            self._tried.discard(self._key)
            self._trained_s[self._key] = 0.0
        elif status < 0:
            files.note_failure(f"The process that compiles was ended by signal {-status}.")
        return False

    def wait(self, timeout_s: float) -> None:
        """Wait until what is being compiled is there, or could not be."""
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)

    def close(self) -> None:
        """End what is under way, with the compiler that it runs."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            end_group(process.pid)
            process.wait()

    def _start(self, key: str, config: RunConfig, step: int) -> None:
        self._tried.add(key)
        self._key = key
        self._process = _started(
            {"configs": [to_dict(config)], "lanes": False, "step": step, "waits": False, "steps_back": True}
        )


class LaneCompiler:
    """Has the outer step of a batch of lanes compiled, in a process that starts at once.

    Args:
        configs: Of the lanes.
        steps_back: Take only the processor time that nobody else wants.
    """

    def __init__(self, configs: Sequence[RunConfig], *, steps_back: bool = False) -> None:
        lanes = [to_dict(config) for config in configs]
        asked = {"configs": lanes, "lanes": True, "step": 0, "waits": True, "steps_back": steps_back}
        self._process = None if files.folder() is None else _started(asked)

    @property
    def is_busy(self) -> bool:
        """Whether it is at it."""
        return self._process is not None and self._process.poll() is None

    @property
    def succeeded(self) -> bool:
        """Whether the compiled step is there."""
        return self._process is not None and self._process.poll() == 0

    def wait(self) -> bool:
        """Wait until it is there, or could not be; gives whether it is."""
        if self._process is not None:
            self._process.wait()
        return self.succeeded

    def close(self) -> None:
        """End what is under way, with the compiler that it runs."""
        if self._process is not None and self.is_busy:
            end_group(self._process.pid)
            self._process.wait()


def _started(asked: dict[str, Any]) -> subprocess.Popen[bytes] | None:
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "maml_core.compiler_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parents[1],  # where this package is found, however it was found here
            process_group=0,  # of its own, which is ended as one; a session of its own would have as much of the processors as this one
        )
        assert process.stdin is not None
        with process.stdin as given:
            given.write(json.dumps(asked | {"parent": os.getpid()}).encode())
    except OSError as error:
        files.note_failure(f"The process that compiles could not be started: {error}.")
        return None
    return process


def end_group(group: int) -> None:
    """End a process that compiles, with the compiler that it runs."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    else:
        with contextlib.suppress(OSError):
            os.kill(group, signal.SIGTERM)
