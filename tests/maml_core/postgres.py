"""A PostgreSQL server of one's own on 127.0.0.1 with an empty database, for tests and benchmarks."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

START_S = 60.0
DEBIAN = Path("/usr/lib/postgresql")
USER = "postgres"
"""Whom Debian's package makes: the server refuses to run as root."""


def programs() -> Path | None:
    """The folder of an installed PostgreSQL's `initdb` and `pg_ctl`; of several versions the newest."""
    versions = sorted(
        (path for path in DEBIAN.glob("*/bin") if (path / "initdb").exists()), key=lambda path: float(path.parent.name)
    )
    if versions:
        return versions[-1]
    found = shutil.which("initdb")
    return Path(found).parent if found else None


class Postgres:
    """A server that can be stopped and started.

    Args:
        where: `programs`.
        folder: For its files.
    """

    def __init__(self, where: Path, folder: Path) -> None:
        self._where, self._folder = where, folder
        if os.geteuid() == 0:
            owner = pwd.getpwnam(USER)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"postgresql+psycopg://{USER}@127.0.0.1:{self._port}/postgres"
        """The address of its database."""
        self._data = str(folder / "data")
        _run(where / "initdb", "-D", self._data, "-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C", "--no-sync")

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        options = f"-h 127.0.0.1 -p {self._port} -k {self._folder} -c fsync=off"
        log = str(self._folder / "log")
        _run(self._where / "pg_ctl", "-D", self._data, "-w", "-l", log, "-o", options, "start")

    def start_again(self) -> None:
        """Start it after its first process was killed, as soon as the others have ended."""
        deadline = time.monotonic() + START_S
        while True:
            try:
                self.start()
                return
            except subprocess.CalledProcessError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def stop(self) -> None:
        """End it at once, with all connections; what was committed stays."""
        _run(self._where / "pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")

    @property
    def pid(self) -> int:
        """Its first process."""
        return int((Path(self._data) / "postmaster.pid").read_text().split()[0])


@contextlib.contextmanager
def postgres_server(where: Path) -> Iterator[Postgres]:
    """Start a server in a temporary folder. What is left at the end is nothing.

    Args:
        where: `programs`.
    """
    with tempfile.TemporaryDirectory() as name:
        server = Postgres(where, Path(name))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def postgres(where: Path) -> Iterator[str]:
    """`postgres_server`; gives the URL of its database."""
    with postgres_server(where) as server:
        yield server.url


def _run(program: Path, *arguments: str) -> None:
    as_user = ["runuser", "-u", USER, "--"] if os.geteuid() == 0 else []
    subprocess.run(
        [*as_user, str(program), *arguments], check=True, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
