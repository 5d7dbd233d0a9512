"""The `maml` command as a process of its own, in its own process group as on a terminal, with all that it starts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.maml_core.forks import Forked

ENDED_S = 5.0
"""From a signal to the end, as it is promised."""

SOON_S = 240.0
"""Much longer than anything here takes, for busy machines."""

TAG = "MAML_TEST_COMMAND"

needs_processes = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")


class Command:
    """A command that runs; as a context it and whatever it started are gone at the end.

    Args:
        arguments: After `maml`.
        python: Interpreter of the environment in which to start it; None to fork it from a process that has imported all.
    """

    def __init__(self, *arguments: str, python: Path | None = None) -> None:
        self._tag = uuid.uuid4().hex
        self.err: list[str] = []
        environment = {**os.environ, TAG: self._tag}
        self.process: Forked | subprocess.Popen[str] = (
            subprocess.Popen(
                [python.parent / "maml", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
                env=environment,
            )
            if python is not None
            else Forked(arguments, stderr=subprocess.PIPE, start_new_session=True, env=environment)
        )
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pid in self.processes():
            kill(pid)
        self.process.wait()
        self._reading.join()
        assert self.process.stderr is not None
        self.process.stderr.close()

    @property
    def said(self) -> str:
        """Everything on stderr so far."""
        return "".join(self.err)

    def wait_for(self, words: str) -> None:
        """Wait until it has said something."""
        deadline = time.monotonic() + SOON_S
        while words not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.02)

    def signal(self, number: int) -> None:
        """Send a signal as a terminal does: to all its processes."""
        os.killpg(self.process.pid, number)

    def ended(self, within_s: float = SOON_S) -> int:
        """The exit code, once it has ended and everything it said was read."""
        code = self.process.wait(within_s)
        self._reading.join(within_s)
        return code

    def processes(self) -> dict[int, str]:
        """What lives of it: ids and command lines."""
        found = {} if self.process.poll() is not None else {self.process.pid: "maml"}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                is_ours = f"{TAG}={self._tag}".encode() in (folder / "environ").read_bytes().split(b"\0")
                # A fork shows the environment of what it was forked from.
                is_ours |= os.getsid(int(folder.name)) == self.process.pid
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue  # it ended meanwhile, or is somebody else's
            if is_ours and state != "Z":
                found[int(folder.name)] = line
        return found

    def workers(self) -> list[int]:
        """The processes that compute for it, and the server that they are forked from."""
        return [
            pid
            for pid, line in self.processes().items()
            if pid != self.process.pid
            and ("multiprocessing" in line or "become_a_command" in line)
            and "resource_tracker import" not in line
        ]

    def left(self) -> dict[int, str]:
        """What outlives it, after a moment."""
        deadline = time.monotonic() + 2.0
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return left

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.err.append(line)


def kill(pid: int) -> None:
    """End a process, if it is still there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def with_options(options: Sequence[str], *others: str) -> list[str]:
    """Options that take a value each, with others in the place of those of the same name.

    >>> with_options(["--shots", "1", "--ways", "5"], "--ways", "2")
    ['--shots', '1', '--ways', '2']
    """
    kept = [pair for pair in zip(options[::2], options[1::2], strict=True) if pair[0] not in others[::2]]
    return [text for pair in kept for text in pair] + list(others)
