"""Compiled outer steps for benchmarks: made by a process of its own into a folder of their own, with what that costs."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from maml_core.compiled import files
from maml_core.compiling import LaneCompiler
from maml_core.config import RunConfig, from_dict, to_dict


class Made(NamedTuple):
    """A compiled outer step."""

    key: str
    processor_s: float
    """What compiling it took, the C++ compiler included."""


@contextlib.contextmanager
def own_folder() -> Iterator[Path]:
    """A new, empty folder of compiled steps, which this process and those that it starts use."""
    before = os.environ.get("MAML_COMPILED")
    with tempfile.TemporaryDirectory(prefix="maml-bench-") as place:
        os.environ["MAML_COMPILED"] = place
        try:
            yield Path(place)
        finally:
            os.environ.pop("MAML_COMPILED")
            if before is not None:
                os.environ["MAML_COMPILED"] = before


def compiled(config: RunConfig) -> Made:
    """Compile a run's first outer step into the folder of compiled steps.

    As `maml_core.compiling` does it, but without its lowest priority: the processor time is the same, and others' work delays it less.

    Raises:
        SystemExit: There is no C++ compiler, or it could not compile this.
    """
    before = _children_s()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            key = pool.submit(_made, to_dict(config)).result()
        except RuntimeError as error:
            first = (str(error).strip().splitlines() or [""])[0]
            raise SystemExit(
                f"These figures need a compiled outer step, and it could not be compiled: {first}"
            ) from error
    return Made(key, _children_s() - before)


def compile_lanes(configs: Sequence[RunConfig]) -> float:
    """Compile the outer step of lanes into the folder of compiled steps, as a long sweep has it done; gives the processor time that it took.

    Raises:
        SystemExit: There is no C++ compiler, or it could not compile this.
    """
    before = _children_s()
    if not LaneCompiler(configs).wait():
        raise SystemExit(f"These figures need a compiled outer step, and there is none: {files.last_failure()}")
    return _children_s() - before


def _made(settings: Mapping[str, Any]) -> str:
    with tempfile.TemporaryDirectory(prefix="maml-bench-work-") as work:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = work  # nothing is there from before
        os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
        from maml_core.compiled.making import made

        config = from_dict(settings)
        assert isinstance(config, RunConfig)
        for key, libraries in made(config, 0, Path(work)):
            files.keep(key, libraries)
        return key


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
