"""`maml dashboard`: the page, from any folder, with the project's settings."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from maml_core.cli.console import say
from maml_core.cli.signals import CALLED, EXIT, caught_signals
from maml_core.errors import ConfigError, StoreError
from maml_core.families.own import VARIABLE, check_code_name, is_said_shared

PORT, MAX_TRIES = 8501, 100

HOME = Path(__file__).resolve().parents[2]
"""The folder that `maml_core` is installed in. The page is looked for beside it, not by name: somebody's own folder may be called
dashboard too."""

APP = HOME / "dashboard" / "app.py"

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Addresses that only this machine reaches."""

LOOK_S = 0.1
"""Between two looks at the server and at the signals."""

RESCUE_S = 1.0
"""For a server that has not ended when a signal's patience is over."""


def dashboard(
    port: Annotated[
        int | None, typer.Option(help=f"Port of the page, 1 to 65535. (Default: {PORT}, or the next that is free.)")
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            help="Address that the page listens on: 127.0.0.1 for this machine only, 0.0.0.0 for everybody who can reach it. Then each tab "
            "has saved runs of its own."
        ),
    ] = "127.0.0.1",
    problem: Annotated[
        str | None,
        typer.Option(
            "--problem",
            metavar="MODULE:NAME",
            help="Python code of a problem of your own, such as my_tasks:problem of my_tasks.py in this folder. The page opens with it, and its saved "
            "runs and sweeps go on there: it is imported and run for them. Not of a page that others reach.",
        ),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser, where there is one.")] = True,
) -> None:
    """Start the page and say where it is; Ctrl-C ends it.

    It is what `streamlit run dashboard/app.py` starts, which takes Streamlit's other options too.
    """
    if not APP.is_file():
        raise StoreError(
            "missing", "the page is not installed; install the whole project, with: python -m pip install -e ."
        )
    if problem is not None:
        _check_problem(problem, host)
    port = _free_port(host) if port is None else port
    _check_free(host, port)
    options = ["--server.port", str(port), "--server.address", host, "--server.headless", str(not browser).lower()]
    # -P: nothing in the current folder takes the place of a module.
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(APP), *options]
    paths = [str(HOME), *filter(None, [os.environ.get("PYTHONPATH")])]
    server = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), VARIABLE: problem or ""},
        # With its workers a group of its own: only this process is told of Ctrl-C, and it can end all of them.
        process_group=0 if os.name == "posix" else None,
    )
    say(f"The page opens at http://{_shown(host)}:{port}; Ctrl-C ends it.")

    def end() -> None:
        _end(server)

    def last_chance() -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(RESCUE_S)
        end()

    with caught_signals("The page has ended.", rescue=last_chance, at_once=end) as caught:
        try:
            code = _served(server, caught)
        finally:
            end()
    if caught:
        say(f"maml: stopped by {CALLED[caught[0]]}. The page has ended.")
        raise typer.Exit(EXIT + caught[0])
    if code != 0:
        say(f"maml: the page's server ended by itself, with exit code {code}; what it said stands above.")
    raise typer.Exit(code if code >= 0 else EXIT - code)


def _check_problem(name: str, host: str) -> None:
    """See that a page may run code of its owner's.

    Raises:
        ConfigError: It names none, or others reach the page.
    """
    check_code_name("problem", name)
    if is_said_shared() or host not in LOOPBACK:
        accepted = (
            "a page that others reach (--host, MAML_SHARED) runs nobody's own code; leave it out, or leave those out"
        )
        raise ConfigError("problem", name, accepted)


def _served(server: subprocess.Popen[bytes], caught: list[int]) -> int:
    """Wait until the server has ended, and ask it to when a signal comes; gives its exit code."""
    asked = False
    while (code := server.poll()) is None:
        if caught and not asked:
            server.terminate()
            asked = True
        time.sleep(LOOK_S)
    return code


def _end(server: subprocess.Popen[bytes]) -> None:
    """Whatever is left of the server and its workers ends now."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):  # nothing is left
            os.killpg(server.pid, signal.SIGKILL)
    elif server.poll() is None:
        server.kill()


def _free_port(host: str) -> int:
    """The first port that nobody has."""
    for port in range(PORT, PORT + MAX_TRIES):
        try:
            _listen(host, port)
        except (socket.gaierror, UnicodeError):
            break  # no port of a host that is not there: looking for it again may take seconds
        except OSError:
            continue
        return port
    return PORT


def _check_free(host: str, port: int) -> None:
    """See that a server can listen there.

    Raises:
        ConfigError: It cannot.
    """
    if not 1 <= port <= 65535:
        raise ConfigError("port", port, "a whole number from 1 to 65535")
    try:
        _listen(host, port)
    except (socket.gaierror, UnicodeError) as error:
        raise ConfigError("host", host, f"an address of this machine, such as 127.0.0.1 or 0.0.0.0 ({error})") from None
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise ConfigError("host", host, "an address of this machine, such as 127.0.0.1 or 0.0.0.0") from None
        raise ConfigError(
            "port", port, f"one that is free ({error.strerror}); leave it out to take the next that is"
        ) from None


def _listen(host: str, port: int) -> None:
    """Take a port for a moment."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        if os.name == "posix":  # as servers do: connections that are just ending do not hold a port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        probe.listen()  # two may be bound to a port as long as nobody listens


def _shown(host: str) -> str:
    """The address as this machine's browser takes it."""
    if host in ("0.0.0.0", "::", ""):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
