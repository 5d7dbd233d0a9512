"""`maml dashboard`: the page from any folder, for this machine only, and gone within seconds of Ctrl-C."""

from __future__ import annotations

import signal
import socket
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from maml_core.cli import dashboard as cli_dashboard
from tests.maml_core.cli.cases import maml, said
from tests.maml_core.commands import ENDED_S, SOON_S, Command, kill, needs_processes

UNKNOWN_HOST = "no.such.host.invalid"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where everything of this test is kept, and from where the page is started."""
    for name in ("MAML_RUNS", "MAML_SWEEPS", "MAML_DATA"):
        monkeypatch.setenv(name, str(tmp_path / "kept" / name))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    return elsewhere


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def page(port: int, *, path: str = "_stcore/health") -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
        return bytes(answer.read())


def wait_for_page(port: int, command: Command) -> None:
    deadline = time.monotonic() + SOON_S
    while True:
        assert command.process.poll() is None, command.said
        try:
            page(port)
            break
        except OSError:
            assert time.monotonic() < deadline, command.said
            time.sleep(0.1)
    while not command.workers():
        assert time.monotonic() < deadline, command.said
        time.sleep(0.1)


def listening(port: int) -> set[str]:
    """The addresses, as the kernel writes them, on which somebody waits at a port."""
    found = set()
    for file in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(file).read_text().splitlines()[1:]:
            address, at = line.split()[1].split(":")
            if int(at, 16) == port and line.split()[3] == "0A":
                found.add(address)
    return found


@needs_processes
@pytest.mark.parametrize("times", [1, 2])
def test_the_page_is_for_this_machine_and_ends_with_ctrl_c(times: int, root: Path) -> None:
    (root / "dashboard").mkdir()  # somebody's own, which is not the page
    (root / "dashboard" / "__init__.py").write_text("raise ImportError('not this one')")
    (root / "streamlit.py").write_text("raise ImportError('not this one')")
    port = free_port()
    with Command("dashboard", "--port", str(port), "--no-browser") as command:
        wait_for_page(port, command)
        assert b"streamlit" in page(port, path="").lower()
        assert listening(port) == {"0100007F"}
        assert len(command.workers()) >= 1
        for _ in range(times):
            command.signal(signal.SIGINT)
            time.sleep(0.1)
        assert command.ended(ENDED_S) == 130, command.said
        assert f"The page opens at http://127.0.0.1:{port}; Ctrl-C ends it." in command.said
        assert "maml: stopped by Ctrl-C. The page has ended." in command.said
        assert "Traceback" not in command.said
        assert not command.left()


@needs_processes
def test_a_server_that_ends_by_itself_is_said() -> None:
    port = free_port()
    with Command("dashboard", "--port", str(port), "--no-browser") as command:
        wait_for_page(port, command)
        [server] = [pid for pid, line in command.processes().items() if "-m streamlit run" in line]
        kill(server)
        assert command.ended() == 128 + signal.SIGKILL
        assert "the page's server ended by itself" in command.said
        assert not command.left()


def test_without_a_port_the_next_that_is_free_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port = somebody.getsockname()[1]
        monkeypatch.setattr(cli_dashboard, "PORT", port)
        assert port < cli_dashboard._free_port("127.0.0.1") < port + cli_dashboard.MAX_TRIES


def test_a_port_in_use_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port = somebody.getsockname()[1]
        words = said(maml("dashboard", "--port", str(port), "--no-browser", code=2))
    assert f"port = {port} is not accepted: one that is free (Address already in use); leave it out" in words


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--port", "0"], "a whole number from 1 to 65535"),
        (["--port", "65536"], "a whole number from 1 to 65535"),
        (["--host", "192.0.2.1"], "an address of this machine"),
    ],
)
def test_what_cannot_be_listened_on_is_a_sentence(arguments: list[str], sentence: str) -> None:
    assert sentence in said(maml("dashboard", *arguments, "--no-browser", code=2))


def test_a_host_that_is_not_there_is_not_looked_for_at_every_port(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    look_up = socket.getaddrinfo

    def getaddrinfo(host: str, *arguments: Any, **options: Any) -> Any:
        asked.append(host)
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    words = said(maml("dashboard", "--host", UNKNOWN_HOST, "--no-browser", code=2))
    assert "an address of this machine" in words
    assert asked == [UNKNOWN_HOST] * 2  # for a free port, and to say what is wrong


def test_an_installation_without_the_page_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("maml_core.cli.dashboard.APP", tmp_path / "dashboard" / "app.py")
    assert "install the whole project" in said(maml("dashboard", code=2))
