"""A hostile tab: it has the largest set-up trained that a page may ask for, asks for changes as fast as it can, reads nothing and acknowledges nothing,
opens a hundred sockets of its page at a time, sends pings without end, and has the page's script run again without end.

`python -m tests.benchmarks.attack 127.0.0.1:8501` attacks a server of one's own until it is ended.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from dashboard.setups import address
from maml_core.config import RunConfig, replace
from maml_core.presets import DEFAULT_PRESET
from tests.benchmarks.crowd import session
from tests.browser.protocol import MAX_FRAME, PING, frames

LARGEST: RunConfig = replace(DEFAULT_PRESET.config, {"evaluation_tasks": 14_000, "evaluation_steps": 50})
"""Just below what a page may ask for (`setups.limits`): each look at the held-out tasks is ten seconds' work."""

NUM_SOCKETS = 100

AGAIN_S = 0.2
"""Before an attacker that was cut off comes again."""


@contextlib.contextmanager
def _socket(host: str, token: str) -> Iterator[ClientConnection]:
    """A socket that has said hello, and of which nothing is read."""
    with connect(f"ws://{host}/maml/live?token={token}", max_size=MAX_FRAME, proxy=None, close_timeout=0.5) as socket:
        socket.send(json.dumps({"type": "hello", "resume": "", "released": False}))
        yield socket


def flood(host: str, token: str) -> None:
    """Play, and change alpha without end."""
    for number in itertools.count(1):
        with contextlib.suppress(WebSocketException, OSError), _socket(host, token) as socket:
            socket.send(json.dumps({"type": "play"}))
            while True:
                alpha = 0.011 if number % 2 else 0.01
                socket.send(json.dumps({"type": "set", "changes": {"alpha": alpha}, "id": number, "request": number}))
        time.sleep(AGAIN_S)


def ping(host: str, token: str) -> None:
    """Send pings without end, and read none of the answers."""
    pings = frames(PING, b"x" * 125, 1000)
    while True:
        with contextlib.suppress(WebSocketException, OSError), _socket(host, token) as socket:
            while True:
                socket.socket.sendall(pings)
        time.sleep(AGAIN_S)


def crowd_the_door(host: str, token: str) -> None:
    """Open many sockets of one page at a time, again and again."""
    while True:
        with contextlib.suppress(WebSocketException, OSError), ExitStack() as stack:
            for _ in range(NUM_SOCKETS):
                stack.enter_context(_socket(host, token))
        time.sleep(AGAIN_S)


def rerun(host: str) -> None:
    """Ask a session of the page for its script without end."""
    ask = BackMsg()
    ask.rerun_script.query_string = ""
    again = ask.SerializeToString()
    while True:
        with contextlib.suppress(WebSocketException, OSError):
            address, kinds = f"ws://{host}/_stcore/stream", [Subprotocol("streamlit")]
            with connect(address, subprotocols=kinds, max_size=MAX_FRAME, proxy=None, close_timeout=0.5) as stream:
                while True:
                    stream.send(again)
        time.sleep(AGAIN_S)


def main(host: str) -> None:
    """Attack until ended."""
    largest = address.write(LARGEST)
    with session(host, largest) as flooded, session(host, largest) as crowded, session(host) as pinged:
        threads = [
            threading.Thread(target=flood, args=(host, flooded), daemon=True),
            threading.Thread(target=crowd_the_door, args=(host, crowded), daemon=True),
            threading.Thread(target=ping, args=(host, pinged), daemon=True),
            threading.Thread(target=rerun, args=(host,), daemon=True),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main(sys.argv[1])
