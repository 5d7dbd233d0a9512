"""`python -m tests.fuzzing`: see the package."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path

from dashboard.server.freed_memory import settle
from tests.fuzzing.targets import Target, targets

LIMIT_S = 0.1
"""Processor time that no input of a server's should take; what takes more is counted, and is no fault on a busy machine."""


def case(target: Target, seed: str) -> bytes:
    """The input of a seed, the same each time."""
    return target.make(random.Random(seed))


def fault(target: Target, data: bytes) -> str:
    """What is wrong with how an input is read; empty where nothing is."""
    try:
        target.take(data)
    except target.errors:
        return ""
    except Exception:
        return traceback.format_exc(limit=-4)
    return ""


def timed(target: Target, data: bytes) -> tuple[str, float]:
    """What is wrong with how an input is read, and the processor time of this thread that it took, in seconds."""
    began = time.thread_time()
    found = fault(target, data)
    return found, time.thread_time() - began


def main() -> int:
    """Try so many inputs on each target, and say which are faults: as many lines as there are, and the slowest."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, help="inputs for each target")
    parser.add_argument("--seed", default="0", help="another one draws others")
    parser.add_argument("--target", default="", help="a part of the names of those to try; all without it")
    asked = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        readers = targets(Path(folder))
        settle()  # as the server does: else a look for garbage among all that is loaded would count for whichever input it meets
        for name, target in readers.items():
            if asked.target not in name:
                continue
            known: set[str] = set()
            slowest_s, slowest, num_slow = 0.0, 0, 0
            for number in range(asked.cases):
                data = case(target, f"{asked.seed}/{number}")
                found, took_s = timed(target, data)
                if took_s > LIMIT_S:  # what takes as long once more is the input's
                    took_s = min(took_s, timed(target, data)[1])
                slowest_s, slowest = max((slowest_s, slowest), (took_s, number))
                num_slow += took_s > LIMIT_S
                last = found.strip().rpartition("\n")[0].rpartition("File")[2]
                if found and last not in known:
                    known.add(last)
                    print(f"\n{name}, --seed {asked.seed}, input {number}: {data[:200]!r}\n{found}")
            failed += len(known)
            slow = f", {num_slow} beyond {1000 * LIMIT_S:.0f}" if num_slow else ""
            print(
                f"{name}: {asked.cases:,} inputs, {len(known)} faults, at most {1000 * slowest_s:.0f} ms (input {slowest}){slow}",
                flush=True,
            )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
