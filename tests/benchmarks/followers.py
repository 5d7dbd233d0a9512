"""A class on one server: a teacher's page in headless Chromium, alone and with thirty who follow it, and how soon a change is on all their screens.

Those who follow are clients that draw nothing and acknowledge every frame, in this process, so that what they take of the two processors counts against the
page; last one of them is a page in the same Chromium, which says when it has drawn: beside the teacher's, and alone there, with a teacher who has no
browser on this machine. Needs the test extra and an installed Chromium.
"""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from maml_core.presets import DEFAULT_PRESET
from tests.benchmarks.compiled import compiled, own_folder
from tests.benchmarks.crowd import WARM_UP_S, cpu_s, memory_mb, session
from tests.benchmarks.page import missing, opened, p95
from tests.benchmarks.rows import Figure, Row, at_least, at_most, figures, printed
from tests.browser.conftest import browser_path, launch_options
from tests.browser.live_page import CHARTS, LivePage
from tests.browser.protocol import ProtocolClient, protocol_client
from tests.browser.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NUM_FOLLOWERS, NUM_CHANGES, NUM_CHANGES_DRAWN = 30, 20, 15
NUM_WINDOWS, WINDOW_S = 3, 7.0
"""Windows of either kind, one after the other, so that what else the machine does meets both; medians of them are reported."""

STEPS, REDRAWS, WORK = "outer steps", "redraws of its charts", "processor time of the workers for an outer step"
OVER = f"{NUM_FOLLOWERS} followers over none"

FIGURES = figures(
    Figure(f"a teacher alone: {STEPS}", "/s"),
    Figure(f"a teacher alone: {REDRAWS}", "/s"),
    at_least(f"{OVER}: {STEPS}", 0.8, "x"),
    at_least(f"{OVER}: {REDRAWS}", 0.8, "x"),
    at_most(f"{OVER}: {WORK}", 1.1, "x"),
    Figure(f"{NUM_FOLLOWERS} followers: frames of the slowest", "/s"),
    Figure(f"{NUM_FOLLOWERS} followers: processor time of the server", "%"),
    Figure(f"{NUM_FOLLOWERS} followers: a change received by the teacher's own page, p95", "ms"),
    at_most(f"{NUM_FOLLOWERS} followers: a change received by each, p95", 600.0, "ms"),
    Figure("beside a follower in the same browser: a change drawn on the teacher's page, p95", "ms"),
    at_most("a follower in the same browser: a change drawn, p95", 600.0, "ms"),
    at_most("a follower alone in the browser: a change drawn, p95", 600.0, "ms"),
    Figure("memory of the server for a follower", "MB"),
)

PRESSED = """() => {
  window.pressedAt = null;
  const at = ({ timeStamp }) => (window.pressedAt = performance.timeOrigin + timeStamp);
  document.querySelector("[data-dial=alpha]").addEventListener("keydown", at, true);
}"""
NEWEST_CHANGE = "mamlLive.log.reduce((newest, { change }) => Math.max(newest, change ?? 0), 0)"
LOGGED_AT = """([event, change]) => {
  const found = mamlLive.log.find((each) => each.event === event && each.change >= change);
  return found ? performance.timeOrigin + found.t : null;
}"""


class Follower:
    """One who follows, without a browser: how many frames have come, and when each change came first."""

    def __init__(self) -> None:
        self.num_frames = 0
        self.changed_at: dict[int, float] = {}
        """By the number of the change, as its page counts them; seconds since 1970, as the browser's clock."""
        self.stop = threading.Event()

    def watch(self, client: ProtocolClient) -> None:
        """Read what comes until it is told to stop."""
        while not self.stop.is_set():
            with contextlib.suppress(TimeoutError):
                message = client.receive(0.2)
                if "frame" in message:
                    self.num_frames += 1
                    self.changed_at.setdefault(message["change"] or 0, time.time())

    def seen_at(self, change: int) -> float | None:
        """When it had a frame that has seen this change; None where none came."""
        return min((at for number, at in list(self.changed_at.items()) if number >= change), default=None)


class Pace(NamedTuple):
    """What a teacher's page reached."""

    steps_per_s: float
    redraws_per_s: float
    """The mean of the charts that every frame moves."""
    workers_s: float
    """Processor seconds of the workers for one outer step."""
    server: float
    """The share of one processor that the server takes."""
    own: float
    """What this process took of one, which is what the clients took."""
    memory_mb: float


def main() -> list[Row]:
    """Measure, print and return all figures; two and a half minutes."""
    return [] if missing("followers") else printed(FIGURES, measured())


def measured() -> dict[str, float]:
    """All figures, by name."""
    from playwright.sync_api import sync_playwright

    print(f"followers: a teacher's page in headless Chromium, and {NUM_FOLLOWERS} who follow it", flush=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(own_folder())
        compiled(DEFAULT_PRESET.config)
        server = Server()
        stack.callback(server.stop)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(**launch_options(str(browser_path())))
        stack.callback(browser.close)
        teacher = stack.enter_context(opened(browser, server))
        query = started(teacher)
        teacher.play()
        windows: tuple[list[Pace], list[Pace]] = [], []
        slowest: list[float] = []
        for window in range(NUM_WINDOWS):
            teacher.page.wait_for_timeout(1e3 * WARM_UP_S)
            windows[0].append(_pace(teacher, server))
            with following(server, query, NUM_FOLLOWERS) as followers:
                teacher.page.wait_for_timeout(1e3 * WARM_UP_S)
                frames = [follower.num_frames for follower in followers]
                windows[1].append(_pace(teacher, server))
                slowest.append(min(f.num_frames - was for f, was in zip(followers, frames, strict=True)) / WINDOW_S)
                if window == NUM_WINDOWS - 1:
                    own_s, received_s = changes_received_s(teacher, followers)
        grown_mb = windows[1][0].memory_mb - windows[0][0].memory_mb
        alone, beside = (Pace(*map(statistics.median, zip(*of, strict=True))) for of in windows)
        with following(server, query, NUM_FOLLOWERS - 1), opened(browser, server, query) as student:
            own_drawn_s, drawn_s = _drawn_s(teacher, student)
        teacher.context.close()
        alone_s = _drawn_alone_s(browser, server)
    print(
        f"  of a processor the server took {alone.server:.0%} without followers, the clients {beside.own:.0%}",
        flush=True,
    )
    return {
        f"a teacher alone: {STEPS}": alone.steps_per_s,
        f"a teacher alone: {REDRAWS}": alone.redraws_per_s,
        f"{OVER}: {STEPS}": beside.steps_per_s / alone.steps_per_s,
        f"{OVER}: {REDRAWS}": beside.redraws_per_s / alone.redraws_per_s,
        f"{OVER}: {WORK}": beside.workers_s / alone.workers_s,
        f"{NUM_FOLLOWERS} followers: frames of the slowest": statistics.median(slowest),
        f"{NUM_FOLLOWERS} followers: processor time of the server": 100 * beside.server,
        f"{NUM_FOLLOWERS} followers: a change received by the teacher's own page, p95": 1e3 * p95(own_s),
        f"{NUM_FOLLOWERS} followers: a change received by each, p95": 1e3 * p95(received_s),
        "beside a follower in the same browser: a change drawn on the teacher's page, p95": 1e3 * p95(own_drawn_s),
        "a follower in the same browser: a change drawn, p95": 1e3 * p95(drawn_s),
        "a follower alone in the browser: a change drawn, p95": 1e3 * p95(alone_s),
        "memory of the server for a follower": grown_mb / NUM_FOLLOWERS,
    }


def started(teacher: LivePage) -> str:
    """Start a class; gives the query of its address."""
    teacher.page.keyboard.press("g")
    teacher.action("class-start").click()
    address = teacher.page.locator(".maml-class-address")
    address.wait_for()
    teacher.page.keyboard.press("Escape")
    return "?" + address.text_content().partition("?")[2]


@contextlib.contextmanager
def following(server: Server, query: str, count: int) -> Iterator[list[Follower]]:
    """So many who follow a class, each with a session of the page that stays open as a browser's does."""
    with contextlib.ExitStack() as stack:
        followers = []
        for _ in range(count):
            token = stack.enter_context(session(server.host, query))
            client = stack.enter_context(protocol_client(server.host, token))
            follower = Follower()
            thread = threading.Thread(target=follower.watch, args=(client,), daemon=True)
            thread.start()
            stack.callback(thread.join, 5.0)
            stack.callback(follower.stop.set)
            followers.append(follower)
        yield followers


def _pace(teacher: LivePage, server: Server) -> Pace:
    """What the page reaches within a time, and what it takes."""
    workers, own = server.workers(), [server.pid]
    read = "() => [performance.now(), mamlStep(), { ...mamlLive.drawn }]"
    begin_ms, first, drawn_before = teacher.page.evaluate(read)
    workers_s, server_s, own_s = cpu_s(workers), cpu_s(own), time.process_time()
    teacher.page.wait_for_timeout(1e3 * WINDOW_S)
    end_ms, last, drawn = teacher.page.evaluate(read)
    workers_s, server_s, own_s = cpu_s(workers) - workers_s, cpu_s(own) - server_s, time.process_time() - own_s
    seconds = (end_ms - begin_ms) / 1e3
    redraws = [drawn[chart] - drawn_before[chart] for chart in CHARTS if chart != "gauge"]
    return Pace(
        (last - first) / seconds,
        statistics.mean(redraws) / seconds,
        workers_s / (last - first),
        server_s / seconds,
        own_s / seconds,
        memory_mb(server),
    )


def _changes(teacher: LivePage, count: int) -> Iterator[tuple[int, float]]:
    """Press a key on the alpha slider so many times; gives the number of each change and when the key was pressed, in seconds since 1970."""
    teacher.page.evaluate(PRESSED)
    teacher.dial("alpha").focus()
    for index in range(count):
        change = teacher.page.evaluate(NEWEST_CHANGE) + 1
        teacher.page.keyboard.press("ArrowRight" if index % 2 else "ArrowLeft")
        yield change, teacher.page.evaluate("pressedAt") / 1e3
        teacher.page.wait_for_timeout(150 + 37 * (index % 5))  # not in step with the frames


def changes_received_s(teacher: LivePage, followers: list[Follower]) -> tuple[list[float], list[float]]:
    """How long each change took to the teacher's own page, and to each follower."""
    own, theirs = [], []
    for change, pressed_at in _changes(teacher, NUM_CHANGES):
        for follower in followers:
            seen = partial(follower.seen_at, change)
            theirs.append(_until(teacher, seen) - pressed_at)
        seen = partial(teacher.page.evaluate, LOGGED_AT, ["received", change])
        own.append(_until(teacher, seen) / 1e3 - pressed_at)
    return own, theirs


def _drawn_s(teacher: LivePage, student: LivePage) -> tuple[list[float], list[float]]:
    """How long each change took until it was drawn on the teacher's page, and on a student's."""
    times: tuple[list[float], list[float]] = [], []
    for change, pressed_at in _changes(teacher, NUM_CHANGES_DRAWN):
        for found, live in zip(times, (teacher, student), strict=True):
            drawn = partial(live.page.evaluate, LOGGED_AT, ["drawn", change])
            found.append(_until(teacher, drawn, every_ms=50) / 1e3 - pressed_at)
    return times


def _drawn_alone_s(browser: Browser, server: Server) -> list[float]:
    """How long each change of a teacher without a browser took until it was drawn on a student's page, with all the others who follow."""
    with contextlib.ExitStack() as stack:
        token = stack.enter_context(session(server.host))
        teacher = stack.enter_context(protocol_client(server.host, token))
        teacher.receive_until("welcome")
        teacher.send(type="class_start", address=server.url)
        query = "?class=" + teacher.receive_until("class")["code"]
        teacher.send(type="play")
        reading = Follower()
        thread = threading.Thread(target=reading.watch, args=(teacher,), daemon=True)
        thread.start()
        stack.callback(thread.join, 5.0)
        stack.callback(reading.stop.set)
        stack.enter_context(following(server, query, NUM_FOLLOWERS - 1))
        student = stack.enter_context(opened(browser, server, query))
        student.page.wait_for_timeout(1e3 * WARM_UP_S)
        found = []
        for change in range(1, NUM_CHANGES_DRAWN + 1):
            asked_at = time.time()
            teacher.send(type="set", changes={"alpha": 0.011 if change % 2 else 0.01}, id=change)
            drawn = partial(student.page.evaluate, LOGGED_AT, ["drawn", change])
            found.append(_until(student, drawn, every_ms=50) / 1e3 - asked_at)
            student.page.wait_for_timeout(150 + 37 * (change % 5))  # not in step with the frames
    return found


def _until(live: LivePage, found: Callable[[], float | None], every_ms: float = 10) -> float:
    """What is found as soon as it is.

    Raises:
        TimeoutError: It was not within 20 s.
    """
    end = time.monotonic() + 20.0
    while time.monotonic() < end:
        if (value := found()) is not None:
            return value
        live.page.wait_for_timeout(every_ms)
    raise TimeoutError("a change was not seen within 20 s")


if __name__ == "__main__":
    main()
