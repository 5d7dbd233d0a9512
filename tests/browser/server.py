"""The real server as a process of its own, for the browser tests and the page benchmark."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
START_S, STOP_S = 60.0, 30.0


class Server:
    """`streamlit run dashboard/app.py` on this machine; `stop` ends it and all it started.

    Args:
        port: A free one where none is given.
        address: Of this machine, where it listens.
        settings: Environment variables beside those of the tests.
        repository: Whose page it serves: this one's, or that of a copy.
        python: The interpreter, with its options.
    """

    def __init__(
        self,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        repository: Path = REPOSITORY,
        address: str = "127.0.0.1",
        python: Sequence[str] = (sys.executable,),
    ) -> None:
        self.port = port or free_port()
        self.host = f"[{address}]:{self.port}" if ":" in address else f"{address}:{self.port}"
        self._path = (settings or {}).get("STREAMLIT_SERVER_BASE_URL_PATH", "").rstrip("/")
        self.url = f"http://{self.host}/"
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the server)
        arguments = ["run", "dashboard/app.py", "--server.port", str(self.port), "--server.address", address]
        self._process = subprocess.Popen(
            [*python, "-m", "streamlit", *arguments],
            cwd=repository,
            env={**os.environ, "PYTHONPATH": str(repository), **(settings or {})},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """Its own process."""
        return self._process.pid

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(
                    f"{self.url}{self._path and f'{self._path}/'}_stcore/health", timeout=2
                ) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.1)
        raise RuntimeError(f"the server did not start:\n{self.log()}")

    def log(self) -> str:
        """What it printed so far."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def descendants(self) -> dict[int, str]:
        """Processes that it started, directly or not: their ids and command lines."""
        children: dict[int, list[int]] = {}
        names: dict[int, str] = {}
        for pid, parent, name in _processes():
            children.setdefault(parent, []).append(pid)
            names[pid] = name
        found, waiting = {}, [self._process.pid]
        while waiting:
            for child in children.get(waiting.pop(), []):
                found[child] = names[child]
                waiting.append(child)
        return found

    def workers(self) -> list[int]:
        """Process ids of the workers: the processes that have nobody below them and run the engine's chunks."""
        parents = {parent for _, parent, _ in _processes()}
        return [
            pid
            for pid, name in self.descendants().items()
            if pid not in parents and "multiprocessing" in name and "resource_tracker import main" not in name
        ]

    def end(self, how: int) -> list[int]:
        """End it by a signal; gives the processes that outlived it."""
        started = self.descendants()
        self._process.send_signal(how)
        self._process.wait(STOP_S)
        self._log.close()
        return _still_alive(started)

    def stop(self) -> list[int]:
        """End it; gives the processes that outlived it, which should be none."""
        started = self.descendants()
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        left = _still_alive(started)
        self._log.close()
        return left


def _still_alive(started: dict[int, str]) -> list[int]:
    """Which of the processes are there after a while."""
    deadline = time.monotonic() + 10.0
    while True:
        now = {pid: name for pid, _, name in _processes()}
        left = [pid for pid, name in started.items() if now.get(pid) == name]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.1)


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _processes() -> list[tuple[int, int, str]]:
    """Every process as (id, parent's id, command line); zombies are left out."""
    if not Path("/proc/self/stat").exists():
        output = subprocess.run(
            ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True
        ).stdout
        rows = [[*line.split(None, 3), ""] for line in output.splitlines()]
        return [(int(row[0]), int(row[1]), row[3]) for row in rows if not row[2].startswith("Z")]
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name in brackets may hold spaces; state and parent come after it.
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended meanwhile
        if state != "Z":
            found.append((int(folder.name), int(parent), command))
    return found
