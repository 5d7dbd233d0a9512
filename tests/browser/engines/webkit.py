"""WebKit, as GTK has it, over WebDriver: Debian's driver and its small browser, in a screen that nobody sees."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request
from typing import Any, Literal

from tests.browser.engines.driver import EngineMissing, ScriptError, Way, as_actions, as_key_actions, retried
from tests.browser.server import free_port

START_S, ANSWER_S, STOP_S = 30.0, 60.0, 20.0

SCREEN = "1700x1300x24"
"""Size and depth of the screen: it holds the largest window, with its bars."""

WITHOUT_GRAPHICS_CARD = {"WEBKIT_DISABLE_DMABUF_RENDERER": "1"}
"""Draw as WebKitGTK does where there is no graphics card. It takes this machine's memory for one's otherwise, imitates the card by processor, and draws a chart
2.8 times a second instead of 4.1 to 4.4."""

LISTEN = """(kept) => {
  if (!window.mamlErrors) {
    window.mamlErrors = [];
    addEventListener("error", (event) => window.mamlErrors.push(String(event.message)));
    addEventListener("unhandledrejection", (event) => window.mamlErrors.push(String(event.reason)));
  }
  return JSON.stringify(window.mamlErrors);
}"""


class WebKit:
    """A browser on WebKitGTK, and its one window.

    Raises:
        EngineMissing: There is no WebKit, or no screen for it.
    """

    name = "WebKit"

    def __init__(self) -> None:
        programs = [shutil.which(name) for name in ("WebKitWebDriver", "Xvfb")]
        if None in programs:
            raise EngineMissing("this journey needs WebKit: apt-get install webkit2gtk-driver xvfb")
        driver, screen = map(str, programs)
        self._folder = tempfile.TemporaryDirectory(prefix="webkit-", ignore_cleanup_errors=True)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._session = ""
        port = free_port()
        self._url = f"http://127.0.0.1:{port}"
        try:
            display = self._start_screen(screen)
            # Its own home: neither settings nor traces of whoever runs the tests.
            environment = {**os.environ, **WITHOUT_GRAPHICS_CARD, "DISPLAY": display, "HOME": self._folder.name}
            self._start([driver, f"--port={port}", "--host=127.0.0.1"], env=environment)
            options = {"alwaysMatch": {"pageLoadStrategy": "normal"}}
            made = retried(
                lambda: self._send("POST", "/session", capabilities=options), urllib.error.URLError, seconds=START_S
            )
            self._session = f"/session/{made['sessionId']}"
        except BaseException:
            self.close()
            raise

    def _start(self, command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, **options
        )
        self._processes.append(process)
        return process

    def _start_screen(self, program: str) -> str:
        """Start a screen in memory; gives its name."""
        process = self._start([program, "-displayfd", "1", "-screen", "0", SCREEN, "-nolisten", "tcp"], stdout=-1)
        assert process.stdout is not None
        return ":" + process.stdout.readline().decode().strip()

    def _send(self, method: str, path: str, **parameters: Any) -> Any:
        """Send a command of the session, and give what it is answered."""
        request = urllib.request.Request(
            f"{self._url}{self._session}{path}",
            method=method,
            data=json.dumps(parameters).encode() if method == "POST" else None,
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            said = json.load(error)["value"]
            raise ScriptError(f"{path}: {said['error']}: {said['message']}") from None

    def go(self, url: str) -> None:
        self._send("POST", "/url", url=url)
        self.call(LISTEN, "")

    def call(self, function: str, argument: str) -> str:
        return self._send("POST", "/execute/sync", script=f"return ({function})(arguments[0])", args=[argument])

    def press(self, kind: Literal["mouse", "touch"], way: Way) -> None:
        self._send("POST", "/actions", actions=as_actions(kind, way))

    def keys(self, text: str) -> None:
        self._send("POST", "/actions", actions=as_key_actions(text))

    def resize(self, width: int, height: int) -> None:
        # The window with its bars is what is set: first as it comes, then by what was missing.
        wanted = (width, height)
        for _ in range(2):
            self._send("POST", "/window/rect", x=0, y=0, width=wanted[0], height=wanted[1])
            inner = json.loads(self.call("() => JSON.stringify([innerWidth, innerHeight])", ""))
            wanted = (wanted[0] + width - inner[0], wanted[1] + height - inner[1])

    def picture(self) -> bytes:
        return base64.b64decode(self._send("GET", "/screenshot"))

    def errors(self) -> list[str]:
        return json.loads(self.call(LISTEN, ""))

    def close(self) -> None:
        if self._session:
            with contextlib.suppress(ScriptError, OSError):
                self._send("DELETE", "")
        for process in reversed(self._processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(STOP_S)
            if process.stdout is not None:
                process.stdout.close()
        self._folder.cleanup()
