"""`maml bench`: the measured figures that the README shows."""

from __future__ import annotations

import importlib
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Benchmark(StrEnum):
    """What can be measured."""

    ENGINE = "engine"
    QUALITY = "quality"
    MEMORY = "memory"
    PAGE = "page"


def bench(
    which: Annotated[
        list[Benchmark] | None,
        typer.Argument(
            help="engine: speed against a loop over tasks (1 min). quality: losses reached (5 min). memory: stored against recomputed inner gradients (3 min). page: the live page (3 min)."
        ),
    ] = None,
) -> None:
    """Run benchmarks and print what they measure beside what is asked; `engine` where none is named.

    They live in tests/benchmarks of a checkout, so that what is measured is the code that stands there.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / "tests" / "benchmarks").is_dir():
        typer.echo(
            "The benchmarks are part of a checkout, not of an installed package: clone the project and `pip install -e .[test]`.",
            err=True,
        )
        raise typer.Exit(2)
    sys.path.insert(0, str(root))
    for name in which or [Benchmark.ENGINE]:
        importlib.import_module(f"tests.benchmarks.{name.value}").main()
