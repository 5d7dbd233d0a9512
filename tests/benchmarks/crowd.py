"""Many pages that train at once on one server: one in a browser, the others clients that draw nothing and acknowledge every frame."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.sync.client import connect

from tests.browser.live_page import LivePage
from tests.browser.protocol import MAX_FRAME, ProtocolClient, protocol_client
from tests.browser.server import Server

WARM_UP_S = 3.0
TOKEN = re.compile(rb'"token":\s*"([A-Za-z0-9_-]{22})"')


class Pace(NamedTuple):
    """The pace of one page."""

    steps_per_s: float
    frames_per_s: float


class Measured(NamedTuple):
    """What a crowd reached."""

    paces: list[Pace]
    """The pace of every page, the browser's last."""
    elapsed_s: float
    server_s: float
    """Processor seconds of the server's own process meanwhile."""
    workers_s: float
    """Processor seconds of the worker processes."""

    @property
    def steps_per_s(self) -> float:
        """Outer steps of the slowest page."""
        return min(pace.steps_per_s for pace in self.paces)

    @property
    def frames_per_s(self) -> float:
        """Frames of the slowest page."""
        return min(pace.frames_per_s for pace in self.paces)

    @property
    def most_over_least(self) -> float:
        """Outer steps of the quickest page over those of the slowest."""
        most = max(pace.steps_per_s for pace in self.paces)
        return most / self.steps_per_s if self.steps_per_s > 0 else float("inf")


class Client:
    """One page without a browser: the time and the outer step of each of its frames, and how soon a change was seen."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, int]] = []
        self.key = ""
        """Key of its run, by which a reload finds it again; empty before it was welcomed."""
        self.is_there = threading.Event()
        """It was shown its run, and plays."""
        self.stop = threading.Event()
        self.refused: list[str] = []
        """What the server would not do of what it was asked for, in its words."""
        self._asked = (0, 0.0)
        self.answered = threading.Event()
        self.answered_s = 0.0

    def watch(self, client: ProtocolClient) -> None:
        """Play, and read what comes until it is told to stop."""
        self._client = client
        self.key = client.receive_until("welcome")["run_key"]
        client.receive_until("state")
        client.send(type="play")
        self.is_there.set()
        while not self.stop.is_set():
            with contextlib.suppress(TimeoutError):
                message = client.receive(0.2)
                if message.get("type") == "error":
                    self.refused.append(message["message"])
                if "frame" in message:
                    now = time.monotonic()
                    self.seen.append((now, message["step"]))
                    number, since = self._asked
                    if number and (message["change"] or 0) >= number and not self.answered.is_set():
                        self.answered_s = now - since
                        self.answered.set()

    def say(self, **message: object) -> None:
        """Ask for something."""
        self._client.send(**message)

    def change(self, number: int, alpha: float) -> float:
        """Seconds from a change of alpha to the first frame that was computed with it."""
        self.answered.clear()
        self._asked = (number, time.monotonic())
        self._client.send(type="set", changes={"alpha": alpha}, id=number)
        if not self.answered.wait(20.0):
            raise TimeoutError("a change was not seen within 20 s")
        return self.answered_s

    def pace(self, begin: float, end: float) -> Pace:
        """What came between two times."""
        inside = [(at, step) for at, step in self.seen if begin <= at <= end]
        if len(inside) < 2:
            return Pace(0.0, 0.0)
        (first, low), (last, high) = inside[0], inside[-1]
        return Pace((high - low) / (last - first), len(inside) / (end - begin))


class Crowd(NamedTuple):
    """The pages while they train."""

    live: LivePage
    clients: list[Client]
    server: Server

    def measured(self, window_s: float) -> Measured:
        """What all of them reach within a time."""
        workers, own = self.server.workers(), [self.server.pid]
        page = self.live.page
        page.evaluate("(() => { window.stepsAt = [[performance.now(), mamlStep(), mamlLive.frames]]; })()")
        begin, server_s, workers_s = time.monotonic(), cpu_s(own), cpu_s(workers)
        page.wait_for_timeout(1e3 * window_s)
        end, server_s, workers_s = time.monotonic(), cpu_s(own) - server_s, cpu_s(workers) - workers_s
        real = page.evaluate("[...stepsAt[0], performance.now(), mamlStep(), mamlLive.frames]")
        seconds = (real[3] - real[0]) / 1e3
        paces = [client.pace(begin, end) for client in self.clients]
        paces.append(Pace((real[4] - real[1]) / seconds, (real[5] - real[2]) / seconds))
        return Measured(paces, end - begin, server_s, workers_s)

    def change_times_s(self, count: int) -> list[float]:
        """How soon the first client sees its changes."""
        times = []
        for number in range(1, count + 1):
            times.append(self.clients[0].change(number, 0.011 if number % 2 else 0.01))
            time.sleep(0.15 + 0.037 * (number % 5))  # not in step with the frames
        return times

    def memory_mb(self) -> float:
        """Memory of the server and of all its processes."""
        return memory_mb(self.server)


@contextlib.contextmanager
def crowd(live: LivePage, server: Server, num_clients: int) -> Iterator[Crowd]:
    """One real page and so many clients, all training the set-up that a new page has."""
    with contextlib.ExitStack() as stack:
        tokens = page_tokens(server.host, num_clients)
        clients = [stack.enter_context(watching(server.host, token)) for token in tokens]
        live.play()
        live.page.wait_for_timeout(1e3 * WARM_UP_S)
        yield Crowd(live, clients, server)


def page_tokens(host: str, count: int) -> list[str]:
    """Tokens of pages whose sessions have ended: their runs wait for a socket."""
    tokens = []
    for _ in range(count):
        with session(host) as token:
            tokens.append(token)
    return tokens


@contextlib.contextmanager
def session(host: str, query: str = "", screen: str = "", *, headers: Mapping[str, str] | None = None) -> Iterator[str]:
    """A session of the page at an address, on a screen other than the live page where one is named, and the token of its live page. No browser is
    needed to open one.
    """
    begin = BackMsg()
    begin.rerun_script.page_name = screen
    begin.rerun_script.query_string = query.removeprefix("?")
    # Without a limit to what waits to be read, or the end of the connection would wait behind it.
    with connect(
        f"ws://{host}/_stcore/stream",
        subprotocols=["streamlit"],
        additional_headers=headers,
        max_size=MAX_FRAME,
        max_queue=None,
        proxy=None,
    ) as stream:
        stream.send(begin.SerializeToString())
        while not (found := TOKEN.search(stream.recv(20.0))):
            pass
        yield found[1].decode()


@contextlib.contextmanager
def watching(host: str, token: str, resume: str = "") -> Iterator[Client]:
    """A client that feeds this page and plays its run, or the one with this key that it had before it was loaded again.

    Raises:
        RuntimeError: At the end, where the server would not do what it was asked for: the figures are not of what they are named after.
    """
    watcher = Client()
    with protocol_client(host, token, resume=resume) as client:
        thread = threading.Thread(target=watcher.watch, args=(client,), daemon=True)
        thread.start()
        try:
            yield watcher
        finally:
            watcher.stop.set()
            thread.join(5.0)
    if watcher.refused:
        raise RuntimeError(watcher.refused[0])


def memory_mb(server: Server) -> float:
    """Memory of a server and of all its processes, what they share counted once."""
    return sum(mb for _, mb in memory_by_process(server).values())


def memory_by_process(server: Server) -> dict[int, tuple[str, float]]:
    """What each process of a server is, and its memory in MB, by its id.

    Of memory of their own that several share each has its part. Files that are mapped, torch's libraries above all, count once, for the first that
    has them: the system's own shares of them change with processes that have nothing to do with the server, by 35 MB for each worker.
    """
    kinds = dict.fromkeys(server.descendants(), "other") | dict.fromkeys(server.workers(), "worker")
    found, mapped = {}, dict[str, int]()
    for pid, kind in ({server.pid: "server"} | kinds).items():
        more_kb = {name: kb - mapped.get(name, 0) for name, kb in _files_kb(pid).items() if kb > mapped.get(name, 0)}
        for name, kb in more_kb.items():
            mapped[name] = mapped.get(name, 0) + kb
        found[pid] = kind, (_own_kb(pid) + sum(more_kb.values())) / 1024
    return found


def cpu_s(pids: Sequence[int]) -> float:
    """Processor time that these processes have used, in seconds; 0 where nothing tells it."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _own_kb(pid: int) -> int:
    """Memory of a process that is no file's, with its part of what it shares; 0 where nothing tells it."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss_Anon:"):
                return int(line.split()[1])
    return 0


def _files_kb(pid: int) -> dict[str, int]:
    """How much of each file that is mapped a process has in memory, as it lies on the disk."""
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        maps = psutil.Process(pid).memory_maps()
        return {each.path: (each.rss - each.anonymous) // 1024 for each in maps if not each.path.startswith("[")}
    return {}
