"""How soon the charts of a page show an earlier outer step, while its run trains and while it stands: a client without a browser, which goes to one step
after another anywhere in the past.
"""

from __future__ import annotations

import contextlib
import random
import time

from dashboard.setups import address
from maml_core.config import GlyphsConfig
from maml_core.presets import few_shot
from tests.benchmarks.crowd import session
from tests.benchmarks.page import p95
from tests.browser.protocol import ProtocolClient, protocol_client
from tests.browser.server import Server

TRAINED_S, PAUSED_S, NUM_TRAVELS = 8.0, 1.5, 25
CASES = {"curves": "", "glyphs": "?" + address.write(few_shot(GlyphsConfig()))}
CHARTS = {"curves": {"fit", "path", "adaptation", "gauge"}, "glyphs": {"images", "path", "adaptation", "gauge"}}


def name(case: str, how: str) -> str:
    """What the figure of a case is called."""
    return f"time travel, {case}, while the run {how}: all charts received, p95"


NAMES = tuple(name(case, how) for case in CASES for how in ("trains", "stands"))


def measured() -> dict[str, float]:
    """All figures, by name, in ms."""
    found = {}
    for case, query in CASES.items():
        server = Server()
        try:
            with session(server.host, query) as token, protocol_client(server.host, token) as page:
                page.send(type="play")
                step = _newest(page, TRAINED_S)
                found[name(case, "trains")] = 1e3 * p95(_taken_s(page, step, CHARTS[case]))
                page.send(type="travel", step=None)
                page.send(type="pause")
                _newest(page, PAUSED_S)
                found[name(case, "stands")] = 1e3 * p95(_taken_s(page, step, CHARTS[case]))
        finally:
            server.stop()
    return found


def _newest(page: ProtocolClient, seconds: float) -> int:
    """The newest outer step after a time in which all that comes is read."""
    step, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(TimeoutError):
            step = page.receive(0.1).get("step") or step
    return step


def _taken_s(page: ProtocolClient, newest: int, charts: set[str]) -> list[float]:
    """How long it took until each of these charts had shown the step that was asked for, for one step after another."""
    draw, taken_s, before = random.Random(0), list[float](), None
    while len(taken_s) < NUM_TRAVELS:
        begin, shown, then = time.monotonic(), set[str](), None
        page.send(type="travel", step=int(newest * draw.random()))
        while not charts <= shown and (then is None or then != before):
            message = page.receive()
            if message.get("type") == "state":
                then = message["then"]
            elif "frame" in message and then is not None and message["then"] == then:
                shown |= {chart for chart, words in message["subtitles"].items() if words.startswith(f"Step {then:,}")}
        if then != before:  # where it was already, nothing is drawn
            taken_s.append(time.monotonic() - begin)
        before = then
        _newest(page, 0.3 + 0.2 * draw.random())
    return taken_s
