"""What stands between a server and its visitors: nginx, and a small proxy that takes a part of the path away."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

UPGRADES = 'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
PASSES_HOST = "proxy_set_header Host $http_host;"
START_S = 20.0


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def certificate(folder: Path) -> str:
    """Lines of nginx with a certificate that nobody has signed."""
    files = folder / "key.pem", folder / "certificate.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    subprocess.run([*made, "-keyout", files[0], "-out", files[1]], check=True, capture_output=True)
    return f"ssl_certificate_key {files[0]}; ssl_certificate {files[1]};"


@contextlib.contextmanager
def nginx(folder: Path, location: str, *, port: int, secure: str = "") -> Iterator[None]:
    """nginx before a server.

    Args:
        folder: For its files.
        location: What stands in the configuration of the host: `location / { proxy_pass ...; }`.
        port: Where it listens.
        secure: The lines of a certificate; empty for http.
    """
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        reason = "this test needs nginx: apt-get install nginx-light"
        if os.environ.get("MAML_REQUIRE_NGINX") == "1":
            pytest.fail(f"{reason}, and MAML_REQUIRE_NGINX is 1", pytrace=False)
        pytest.skip(reason)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    listens = f"listen 127.0.0.1:{port}{' ssl' if secure else ''}; {secure}"
    settings = folder / "nginx.conf"
    settings.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/errors;\n"
        f"events {{}}\nhttp {{ access_log off; {places}\nserver {{ {listens}\n{location}\n}} }}\n",
        encoding="utf-8",
    )
    process = subprocess.Popen([program, "-p", folder, "-c", settings, "-e", folder / "errors"])
    try:
        _wait_for(port)
        yield
    finally:
        process.terminate()
        process.wait(START_S)


@contextlib.contextmanager
def stripping(prefix: str, *, to: int, port: int) -> Iterator[None]:
    """A proxy that takes `prefix` away from each path, as JupyterHub's do, and passes on the rest as it comes.

    Args:
        prefix: Such as `/user/ada/proxy/8501`; anything else is answered with 404.
        to: Port of the server.
        port: Where it listens.
    """

    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, path, rest = head.split(" ", 2)
            if not path.startswith(f"{prefix}/"):
                writer.write(b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                return
            if "upgrade: websocket" not in head.lower():  # one request a connection: the next may be of another page
                version, _, fields = rest.partition("\r\n")
                kept = [line for line in fields.split("\r\n") if not line.lower().startswith("connection:")]
                rest = "\r\n".join([version, "Connection: close", *kept])
            there, back = await asyncio.open_connection("127.0.0.1", to)
            with contextlib.closing(back):
                back.write(f"{method} {path[len(prefix) :]} {rest}".encode("latin-1"))
                await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))

    end: list[Callable[[], object]] = []
    listens = threading.Event()

    async def until_the_end() -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        end.append(lambda: loop.call_soon_threadsafe(ended.set))
        server = await asyncio.start_server(serve, "127.0.0.1", port)
        listens.set()
        await ended.wait()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(until_the_end()))
    thread.start()
    try:
        assert listens.wait(START_S)
        yield
    finally:
        end[0]()
        thread.join()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()
