"""The process that compiles outer steps: of its own, since it takes up to a minute, and so that no worker loads the compiler."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from maml_core.compiled import files
from maml_core.compiling import BUSY, end_group
from maml_core.config import from_dict
from maml_core.files import held

MAX_CPU_S = 300
"""A step that takes longer to compile stays eager."""

LOCK = "compiling.lock"
_WATCH_S = 1.0
_LOWEST = 19


def main() -> int:
    """Compile what the input asks for, as JSON: configs, of a run or of lanes, and an outer step. The exit status is 0 where it is there then."""
    asked = json.loads(sys.stdin.read())
    _prepare(asked["parent"], steps_back=asked["steps_back"])
    place = files.folder()
    if place is None:
        return 1
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _alone(place, waits=asked["waits"]), tempfile.TemporaryDirectory(prefix="maml-compiling-") as work:
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = work  # read when torch is imported
            os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
            _make(asked, Path(work))
    except BlockingIOError:
        return BUSY
    except Exception as error:  # whatever it is: training goes on eagerly, and `maml doctor` says why
        first = str(error).strip().splitlines()
        files.note_failure(f"{type(error).__name__}: {first[0] if first else 'without a word'}")
        return 1
    files.forget_failure()
    return 0


def _make(asked: dict[str, Any], work: Path) -> None:
    if shutil.which(files.compiler()) is None:  # before the ten seconds in which the step is traced
        raise RuntimeError(f"there is no C++ compiler ({files.compiler()})")
    configs = tuple(from_dict(one) for one in asked["configs"])
    if asked["lanes"]:
        from maml_core.sweeps.compiled_lanes import key_of_batch
        from maml_core.sweeps.lane_making import made_of_batch

        key = key_of_batch(configs, asked["step"])
        if not files.has(key):
            files.keep(key, {files.STEP: made_of_batch(configs, asked["step"], work)})
    else:
        from maml_core.compiled.making import made

        for key, libraries in made(configs[0], asked["step"], work):
            files.keep(key, libraries)


@contextlib.contextmanager
def _alone(place: Path, *, waits: bool) -> Iterator[None]:
    """The only one that compiles into a folder."""
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(held(place / LOCK))
                break
            except BlockingIOError:
                if not waits:
                    raise
                time.sleep(_WATCH_S)
        yield


def _prepare(parent: int, *, steps_back: bool) -> None:
    """Take only the time that nobody else wants, where it is asked for; not too much of it; and end with whoever asked."""
    if steps_back and hasattr(os, "nice"):
        os.nice(_LOWEST)
        if hasattr(os, "SCHED_IDLE"):  # never before anybody else, as a low priority still is for a moment
            with contextlib.suppress(OSError):
                os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_S, MAX_CPU_S))

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_S)
        end_group(os.getpid())

    if hasattr(os, "getppid") and os.name != "nt":
        threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
