"""A page that trains beside a hostile tab (`attack`): how much later it sees its changes, and how much less it trains.

Both are clients without a browser; the attack is a process of its own on this machine, whose processors it takes too. Times with and without it take
turns, so that what else the machine does meets both.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from maml_core.presets import DEFAULT_PRESET
from tests.benchmarks.compiled import compiled, own_folder
from tests.benchmarks.crowd import WARM_UP_S, Client, cpu_s, memory_mb, page_tokens, watching
from tests.benchmarks.page import p95
from tests.benchmarks.rows import Figure, Row, at_most, figures, printed
from tests.benchmarks.visitors import stores
from tests.browser.server import REPOSITORY, Server

NUM_ROUNDS, CHANGES_A_ROUND, WINDOW_S = 3, 15, 8.0

BESIDE = "beside a hostile tab, over without it"

FIGURES = figures(
    Figure("without a hostile tab: a change received, p95", "ms"),
    Figure("beside a hostile tab: a change received, p95", "ms"),
    at_most(f"a change received, p95, {BESIDE}", 2.0, "x"),
    at_most(f"a change received, median, {BESIDE}", 2.0, "x"),
    Figure(f"outer steps, {BESIDE}", "x"),
    Figure("memory of the server and its workers, grown by the attack", "MB"),
)


def main() -> list[Row]:
    """Measure, print and return all figures; two minutes."""
    return printed(FIGURES, measured())


def measured() -> dict[str, float]:
    """All figures, by name."""
    print("hostile: a page beside a tab that attacks the server", flush=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(own_folder())
        compiled(DEFAULT_PRESET.config)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        server = Server(settings=stores(folder))
        stack.callback(server.stop)
        page = stack.enter_context(watching(server.host, page_tokens(server.host, 1)[0]))
        time.sleep(WARM_UP_S)
        before_mb = memory_mb(server)
        times_s: dict[bool, list[float]] = {False: [], True: []}
        steps: dict[bool, list[float]] = {False: [], True: []}
        number = 0
        for _ in range(NUM_ROUNDS):
            for is_attacked in (False, True):
                with _attack(server) if is_attacked else contextlib.nullcontext():
                    time.sleep(WARM_UP_S)
                    steps[is_attacked].append(_steps_per_s(page, server, is_attacked=is_attacked))
                    for _ in range(CHANGES_A_ROUND):
                        number += 1
                        times_s[is_attacked].append(page.change(number, 0.011 if number % 2 else 0.01))
                        time.sleep(0.15 + 0.037 * (number % 5))  # not in step with the frames
        grown_mb = memory_mb(server) - before_mb
    without_s, beside_s = times_s[False], times_s[True]
    return {
        "without a hostile tab: a change received, p95": 1e3 * p95(without_s),
        "beside a hostile tab: a change received, p95": 1e3 * p95(beside_s),
        f"a change received, p95, {BESIDE}": p95(beside_s) / p95(without_s),
        f"a change received, median, {BESIDE}": statistics.median(beside_s) / statistics.median(without_s),
        f"outer steps, {BESIDE}": statistics.median(steps[True]) / statistics.median(steps[False]),
        "memory of the server and its workers, grown by the attack": grown_mb,
    }


def _steps_per_s(page: Client, server: Server, *, is_attacked: bool) -> float:
    own, begin = cpu_s([server.pid]), time.monotonic()
    time.sleep(WINDOW_S)
    end = time.monotonic()
    used = (cpu_s([server.pid]) - own) / (end - begin)
    print(
        f"  {'beside a hostile tab' if is_attacked else 'without'}: {page.pace(begin, end).steps_per_s:.0f} outer steps a second; "
        f"of a processor the server took {used:.0%}; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    return page.pace(begin, end).steps_per_s


@contextlib.contextmanager
def _attack(server: Server) -> Iterator[None]:
    attacker = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.attack", server.host], cwd=REPOSITORY)
    try:
        yield
    finally:
        attacker.kill()
        attacker.wait()


if __name__ == "__main__":
    main()
