"""Firefox over WebDriver BiDi, which it speaks itself on a socket of its own."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Literal

from tests.browser.engines.driver import EngineMissing, ScriptError, Way, as_actions, as_key_actions, retried
from tests.browser.server import free_port

NAMES = ("firefox-esr", "firefox")
START_S, ANSWER_S, STOP_S = 60.0, 60.0, 20.0

PREFERENCES = {
    # Whatever it would fetch from elsewhere it looks for on a port of this machine where nobody listens.
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.no_proxies_on": "localhost, 127.0.0.1",
    "dom.w3c_touch_events.enabled": 1,
}


class Firefox:
    """A headless Firefox with a profile of its own, and its one window.

    Raises:
        EngineMissing: There is no Firefox.
    """

    name = "Firefox"

    def __init__(self) -> None:
        program = next((path for name in NAMES if (path := shutil.which(name))), None)
        if program is None:
            raise EngineMissing("this journey needs Firefox: apt-get install firefox-esr")
        self._folder = tempfile.TemporaryDirectory(prefix="firefox-", ignore_cleanup_errors=True)
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()]
        (Path(self._folder.name) / "user.js").write_text("".join(lines), encoding="utf-8")
        port = free_port()
        self._process = subprocess.Popen(
            [
                program,
                "--headless",
                "--no-remote",
                "--profile",
                self._folder.name,
                "--remote-debugging-port",
                str(port),
            ],
            env={**os.environ, "HOME": self._folder.name},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._numbers = itertools.count(1)
        self._errors: list[str] = []
        self._closing = contextlib.ExitStack()
        try:
            self._connect(port)
        except BaseException:
            self.close()
            raise

    def _connect(self, port: int) -> None:
        from websockets.sync.client import connect

        address = f"ws://127.0.0.1:{port}/session"
        self._socket = retried(
            lambda: self._closing.enter_context(connect(address, max_size=None, compression=None, proxy=None)),
            OSError,
            seconds=START_S,
        )
        self._command("session.new", capabilities={})
        self._command("session.subscribe", events=["log.entryAdded"])
        # The tab that it begins with never has the focus, and whoever leaves a field in it is not noticed.
        self._context = self._command("browsingContext.create", type="tab")["context"]

    def _command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command, and give what it is answered; what is said meanwhile is heard."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            said = json.loads(self._socket.recv(timeout=ANSWER_S))
            if said.get("method") == "log.entryAdded":
                self._hear(said["params"])
            if said.get("id") == number:
                break
        if said["type"] == "error":
            raise ScriptError(f"{method}: {said['error']}: {said['message']}")
        return said["result"]

    def _hear(self, entry: dict[str, Any]) -> None:
        if entry["type"] == "javascript" and entry["level"] == "error":
            self._errors.append(entry["text"])

    def go(self, url: str) -> None:
        self._command("browsingContext.navigate", context=self._context, url=url, wait="interactive")

    def call(self, function: str, argument: str) -> str:
        said = self._command(
            "script.callFunction",
            functionDeclaration=function,
            arguments=[{"type": "string", "value": argument}],
            awaitPromise=True,
            target={"context": self._context},
        )
        if said["type"] == "exception":
            raise ScriptError(said["exceptionDetails"]["text"])
        return said["result"]["value"]

    def press(self, kind: Literal["mouse", "touch"], way: Way) -> None:
        self._command("input.performActions", context=self._context, actions=as_actions(kind, way))

    def keys(self, text: str) -> None:
        self._command("input.performActions", context=self._context, actions=as_key_actions(text))

    def resize(self, width: int, height: int) -> None:
        self._command("browsingContext.setViewport", context=self._context, viewport={"width": width, "height": height})

    def picture(self) -> bytes:
        return base64.b64decode(self._command("browsingContext.captureScreenshot", context=self._context)["data"])

    def errors(self) -> list[str]:
        self._command("session.status")  # what was said before the answer is heard now
        return self._errors

    def close(self) -> None:
        self._closing.close()
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()
