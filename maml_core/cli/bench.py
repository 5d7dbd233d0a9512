"""`maml bench`: the measured figures that the README shows."""

from __future__ import annotations

import contextlib
import importlib
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from maml_core.cli.console import print_json


class Benchmark(StrEnum):
    """What can be measured."""

    ENGINE = "engine"
    QUALITY = "quality"
    MEMORY = "memory"
    IMAGES = "images"
    PAGE = "page"
    SWEEP = "sweep"
    CLUSTER = "cluster"


def bench(
    which: Annotated[
        list[Benchmark] | None,
        typer.Argument(
            help="engine: speed against a loop over tasks (1 min). quality: losses reached (5 min). memory: stored against recomputed inner gradients (3 min). images: the convolutional network against a loop over tasks (1 min). page: the live page (3 min). sweep: settings as lanes against one after another (2 min). cluster: chunks over TCP, studies with several clients, and what a sweep of 100,000 settings costs (3 min)."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the rows as one JSON object on stdout, all else on stderr.")
    ] = False,
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
    found: dict[str, list[Any]] = {}
    for name in which or [Benchmark.ENGINE]:
        module = importlib.import_module(f"tests.benchmarks.{name.value}")
        with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
            rows = module.main()
        found[name.value] = [row if isinstance(row, dict) else row._asdict() for row in rows]
    if as_json:
        print_json(found)
