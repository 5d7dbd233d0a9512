"""Commands forked from a process that has imported what they import: each is a real process with streams, a group and signals of its own, without
the two seconds of processor time that every start of Python spends on importing torch.

What a fork cannot show - a signal while Python imports, a console of another code page - is tested with commands that start from nothing.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import io
import itertools
import json
import multiprocessing.util
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from maml_core.execution import LOADED_ONCE

ROOT = Path(__file__).resolve().parents[2]
MAX_REQUEST = 2**20
CLOSED = -100
"""In the place of a stream that the command finds closed."""


class Program(NamedTuple):
    """What a forked process becomes."""

    start: str
    """Its last line of Python."""
    imported: tuple[str, ...]
    """What it imports sooner or later, from the engine and from libraries."""


MAML = Program(
    "from maml_core.cli import main; main()",
    (
        *LOADED_ONCE,
        "maml_core.cli.commands",
        "maml_core.cli.progress",
        "maml_core.evaluation",
        "maml_core.execution",
        "maml_core.store",
        "maml_core.sweeps.driver",
        "maml_core.sweeps.study",
        "optuna",
        "pandas",
        "pyarrow.parquet",
        "pydantic",
    ),
)
_OF_DASK = (
    "distributed.cli.dask_scheduler",
    "distributed.cli.dask_worker",
    "maml_core.snapshots",
    "maml_core.sweeps.chunks",
    "pytest",
)
DASK_SCHEDULER = Program("from distributed.cli.dask_scheduler import main; main()", _OF_DASK)
DASK_WORKER = Program("from distributed.cli.dask_worker import main; main()", _OF_DASK)

_START = "from tests.maml_core.forks import become_a_command; exec(become_a_command({handle}, {imported!r}))"


class Forked:
    """A command that runs; what tests use of `subprocess.Popen`.

    Args:
        arguments: Of its command line.
        program: Which command; `maml` where none is given.
        stdin, stdout, stderr: File descriptors, `subprocess.PIPE` or `DEVNULL`, or `CLOSED`.
        cwd: Its folder; this process's where none is given.
        env: Its environment; this process's where none is given.
        start_new_session: In a process group of its own, as on a terminal of its own.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        program: Program = MAML,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.DEVNULL,
        stderr: int = subprocess.DEVNULL,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        start_new_session: bool = False,
    ) -> None:
        self.args = ["maml", *arguments]
        self.returncode: int | None = None
        self.stdout: IO[str] | None = None
        self.stderr: IO[str] | None = None
        with contextlib.ExitStack() as stack:
            handles = [stack.enter_context(_opened(stdin, os.O_RDONLY))]
            for name, wanted in (("stdout", stdout), ("stderr", stderr)):
                if wanted == subprocess.PIPE:
                    ours, theirs = os.pipe()
                    setattr(self, name, open(ours, encoding="utf-8"))  # noqa: SIM115  (whoever asked closes it)
                    stack.callback(os.close, theirs)
                    handles.append(theirs)
                else:
                    handles.append(stack.enter_context(_opened(wanted, os.O_WRONLY)))
            self._news, told = socket.socketpair()
            stack.callback(told.close)
            request = {
                "arguments": list(arguments),
                "start": program.start,
                "folder": os.getcwd() if cwd is None else str(cwd),
                "environment": dict(os.environ if env is None else env),
                "session": start_new_session,
                "open": [handle is not None for handle in handles],
                "ignores_hangup": signal.getsignal(signal.SIGHUP) == signal.SIG_IGN,
            }
            open_ones = [handle for handle in handles if handle is not None]
            socket.send_fds(_source(program.imported), [json.dumps(request).encode()], [*open_ones, told.fileno()])
        self.pid = int(self._line())

    def _line(self) -> str:
        line = b""
        while not line.endswith(b"\n"):
            if not (byte := self._news.recv(1)):
                raise EOFError(f"nothing is known of {self.args}")
            line += byte
        return line.decode()

    def poll(self) -> int | None:
        """The exit code, as `subprocess` has it; None while it runs."""
        if self.returncode is None and select.select([self._news], [], [], 0)[0]:
            self.returncode = int(self._line())
            self._news.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code.

        Raises:
            subprocess.TimeoutExpired: It still runs after so many seconds.
        """
        if self.returncode is None and not select.select([self._news], [], [], timeout)[0]:
            assert timeout is not None
            raise subprocess.TimeoutExpired(self.args, timeout)
        code = self.poll()
        assert code is not None
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """All that it prints, once it has ended. For what fits into a pipe."""
        self.wait(timeout)
        said = []
        for stream in (self.stdout, self.stderr):
            said.append("" if stream is None else stream.read())
            if stream is not None:
                stream.close()
        return said[0], said[1]

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@contextlib.contextmanager
def _opened(wanted: int, flags: int) -> Any:
    """A descriptor for one of the streams, or None for one that is closed."""
    if wanted == CLOSED:
        yield None
    elif wanted == subprocess.DEVNULL:
        handle = os.open(os.devnull, flags)
        try:
            yield handle
        finally:
            os.close(handle)
    else:
        yield wanted


@functools.cache
def _source(imported: tuple[str, ...]) -> socket.socket:
    """The process that commands are forked from which import this; it ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-c", _START.format(handle=theirs.fileno(), imported=imported)],
        cwd=ROOT,
        pass_fds=[theirs.fileno()],
        start_new_session=True,
    )
    theirs.close()

    @atexit.register
    def end() -> None:
        ours.close()
        process.wait()

    return ours


def become_a_command(handle: int, imported: tuple[str, ...]) -> str:
    """Fork a process for each request that comes; return in that process, with everything as the request wants it, what starts the program."""
    for name in imported:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a fork that ends need not look through all of it, which would copy it
    channel = socket.socket(fileno=handle)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait for the commands
    while True:
        message, handles, _, _ = socket.recv_fds(channel, MAX_REQUEST, 4)
        if not message:
            os._exit(0)
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            channel.close()
            news = socket.socket(fileno=handles.pop())
            command = os.fork()
            if command == 0:
                news.close()
                request = json.loads(message)
                _begin(request, handles)
                return str(request["start"])
            for handle in handles:
                os.close(handle)
            news.sendall(f"{command}\n".encode())
            code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
            with contextlib.suppress(OSError):
                news.sendall(f"{code}\n".encode())
            os._exit(0)
        for handle in handles:
            os.close(handle)


def _begin(request: dict[str, Any], handles: list[int]) -> None:
    if request["session"]:
        os.setsid()
    if request["ignores_hangup"]:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number, is_open in enumerate(request["open"]):
        if is_open:
            os.dup2(handles.pop(0), number)
        else:
            os.close(number)
    os.closerange(3, 256)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = ["maml", *request["arguments"]]
    sys.stdin, sys.stdout, sys.stderr = (_stream(number, is_open) for number, is_open in enumerate(request["open"]))
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    multiprocessing.util.spawnv_passfds = _started  # type: ignore[attr-defined]


_spawned = multiprocessing.util.spawnv_passfds  # type: ignore[attr-defined]


def _started(path: str, arguments: Sequence[str], passed: Sequence[int]) -> int:
    """In the place of what starts the server that a command's workers are forked from: it is forked itself, from the command, and is then as if
    it had been started from nothing.
    """
    if "forkserver" not in arguments[-1]:
        return int(_spawned(path, arguments, passed))
    if server := os.fork():
        return server
    try:
        for number in signal.valid_signals():
            if callable(signal.getsignal(number)):
                signal.signal(number, signal.SIG_DFL)
        bounds = [2, *sorted(passed), os.sysconf("SC_OPEN_MAX")]
        for low, high in itertools.pairwise(bounds):
            os.closerange(low + 1, high)
        exec(arguments[-1], {"__name__": "__main__"})
    finally:
        os._exit(0)


def _stream(number: int, is_open: bool) -> Any:
    """A standard stream as Python makes it."""
    if not is_open:
        return None
    if number == 0:
        return open(0, encoding="utf-8", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(number, "wb", closefd=False)),
        encoding="utf-8",
        errors="strict" if number == 1 else "backslashreplace",
        line_buffering=number == 2 or os.isatty(number),
        write_through=bool(os.environ.get("PYTHONUNBUFFERED")),
    )
