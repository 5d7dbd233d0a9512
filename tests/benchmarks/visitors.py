"""People on one server who do not stay where they are: some look at sweeps, others come, load their page again, look away, and leave. None has a browser."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from maml_core.presets import DEFAULT_PRESET
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.study import open_study
from tests.benchmarks.crowd import Client, session, watching
from tests.browser.protocol import ProtocolClient, protocol_client
from tests.browser.server import Server

AT_ONCE = 12
"""Those who come and go that are there at a time."""

BEGINS_S = 60.0
"""A sweep that is asked for is computed within this, also beside thirty pages."""

STAY_S = 0.25
"""Between two things that one of them does."""


def stores(folder: Path) -> Mapping[str, str]:
    """What tells a server to keep runs and sweeps in a folder of their own."""
    return {"MAML_RUNS": str(folder / "runs"), "MAML_SWEEPS": str(folder / "sweeps")}


class Sweeper:
    """One who looks at a sweep while it is computed."""

    def __init__(self) -> None:
        self.num_maps = 0
        self.num_done = 0
        self.status = ""
        """As the server said it last; nothing while the sweep is being opened."""
        self.stop = threading.Event()

    def begin(self, client: ProtocolClient) -> None:
        """Have it go on.

        Raises:
            RuntimeError: The server would not, or said nothing of it in time.
        """
        asked, end = False, time.monotonic() + BEGINS_S
        while self.status != "running":
            if time.monotonic() > end:
                raise RuntimeError(f"the sweep was not computed within {BEGINS_S:g} s; its server says {self.status!r}")
            self._read(client)
            if self.status and not asked:
                client.send(type="resume")
                asked = True

    def watch(self, client: ProtocolClient) -> None:
        """Read what comes until it is told to stop."""
        while not self.stop.is_set():
            self._read(client)

    def _read(self, client: ProtocolClient) -> None:
        with contextlib.suppress(TimeoutError):
            message = client.receive(0.2)
            if message.get("type") == "error":
                raise RuntimeError(message["message"])
            self.num_maps += "frame" in message
            if message.get("type") == "sweep":
                self.num_done, self.status = message.get("num_done", 0), message.get("status", "")


def sweep_of(num_settings: int, num_steps: int) -> SweepConfig:
    """A sweep of alpha and beta at the page's defaults."""
    axes = Axis(name="alpha", low=0.003, high=0.1, log=True), Axis(name="beta", low=0.0003, high=0.01, log=True)
    base = DEFAULT_PRESET.config
    return SweepConfig(base=base, axes=axes, sampler="random", num_settings=num_settings, num_steps=num_steps)


@contextlib.contextmanager
def sweeping(server: Server, folder: Path, name: str, sweep: SweepConfig) -> Iterator[Sweeper]:
    """One on the sensitivity screen, with a sweep that is computed.

    Args:
        server: One that was started with `stores(folder)`.
        folder: As there.
        name: Of the study.
        sweep: What to compute.

    Raises:
        RuntimeError: It is not computed.
    """
    open_study(sweep, name, storage=folder / "sweeps").close()
    sweeper = Sweeper()
    with (
        session(server.host, f"sweep={name}", "sensitivity") as token,
        protocol_client(server.host, token, screen="sweeps") as client,
    ):
        sweeper.begin(client)
        thread = threading.Thread(target=sweeper.watch, args=(client,), daemon=True)
        thread.start()
        try:
            yield sweeper
        finally:
            sweeper.stop.set()
            thread.join(5.0)


class Came(NamedTuple):
    """One who is there: what ends the visit, and the page."""

    visit: contextlib.ExitStack
    client: Client


class ComersAndGoers:
    """People who come, train, look away, load their page again, and leave, in a thread of their own.

    Args:
        server: Where they go.
        seed: Of who does what.
    """

    def __init__(self, server: Server, seed: int = 0) -> None:
        self._host = server.host
        self._draw = random.Random(seed)
        self._there: list[Came] = []
        self.num_joins = self.num_reloads = self.num_hidden = 0
        self.problem: Exception | None = None

    def run(self, num_joins: int, minutes: float = 0.0) -> None:
        """Come and go until so many have come, and for at least so long; then all leave."""
        end = time.monotonic() + 60.0 * minutes
        first = self.num_joins
        try:
            while self.num_joins - first < num_joins or time.monotonic() < end:
                self._do_something()
                time.sleep(STAY_S * self._draw.random())
        except Exception as error:
            self.problem = error
        finally:
            while self._there:
                self._there.pop().visit.close()

    def _do_something(self) -> None:
        what = self._draw.random()
        if len(self._there) < AT_ONCE and (what < 0.5 or not self._there):
            self._come()
            self.num_joins += 1
        elif what < 0.7:
            self._leave()
        elif what < 0.85:
            self._come(resume=self._leave())
            self.num_reloads += 1
        else:
            client = self._draw.choice(self._there).client
            client.say(type="visible", visible=self._draw.random() < 0.5)
            self.num_hidden += 1

    def _come(self, resume: str = "") -> None:
        with contextlib.ExitStack() as stack:
            token = stack.enter_context(session(self._host))
            client = stack.enter_context(watching(self._host, token, resume))
            client.is_there.wait(20.0)
            self._there.append(Came(stack.pop_all(), client))

    def _leave(self) -> str:
        """One of them leaves; gives the key of the run."""
        came = self._there.pop(self._draw.randrange(len(self._there)))
        came.visit.close()
        return came.client.key


@contextlib.contextmanager
def coming_and_going(people: ComersAndGoers, num_joins: int, minutes: float = 0.0) -> Iterator[threading.Thread]:
    """People who come and go beside what is measured; its end waits for them.

    Raises:
        Exception: What one of them met.
    """
    thread = threading.Thread(target=people.run, args=(num_joins, minutes), daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        thread.join()
    if people.problem is not None:
        raise people.problem
