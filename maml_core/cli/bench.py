"""`maml bench`: the measured figures that `tests/benchmarks/README.md` shows."""

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
    CLASSROOM = "classroom"
    FOLLOWERS = "followers"
    CLASS = "class"
    HOSTILE = "hostile"
    SOAK = "soak"
    SWEEP = "sweep"
    SETTINGS = "settings"
    CLUSTER = "cluster"
    FAULTS = "faults"


def bench(
    which: Annotated[
        list[Benchmark] | None,
        typer.Argument(
            help="engine: speed, eager and compiled, against a loop over tasks (3 min). quality: losses reached (5 min). memory: stored against recomputed inner gradients (3 min). images: the convolutional network against a loop over tasks (1 min). page: the live page (10 min). classroom: thirty pages that train at once, and two of which one looks closer (2 min). followers: a class that follows its teacher's page (3 min). class: thirty people in every way, who train, follow, sweep, come and go (10 min). hostile: a page beside one that attacks the server (2 min). soak: ten pages for hours (15 min where --hours says nothing else). sweep: settings as lanes, eager and compiled, against one after another (3 min). settings: the sensitivity screen with 10,000 settings (5 min). cluster: chunks over TCP, studies with several clients, and what a sweep of 100,000 settings costs (3 min). faults: sweeps in a folder, in PostgreSQL and on a Dask cluster whose clients, workers and servers are killed at random, a thousand times (half an hour)."
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print a JSON list of all rows on stdout, each with name, value, unit, aim and met; all else on stderr.",
        ),
    ] = False,
    jax: Annotated[
        bool, typer.Option("--jax", help="engine: compare with JAX as well, where it is installed (2 min more).")
    ] = False,
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0.0, help="class: how long people come and go at least.")
    ] = None,
    joins: Annotated[
        int | None,
        typer.Option("--joins", min=1, help="class: measure people who come and go alone, and so many of them."),
    ] = None,
    hours: Annotated[float | None, typer.Option("--hours", min=0.01, help="soak: for how long.")] = None,
    kills: Annotated[
        int | None, typer.Option(min=1, help="faults: how many processes to kill, over all storages. (Default: 1000.)")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="faults: of which processes are killed, and when.")] = None,
) -> None:
    """Run benchmarks, and print what they measure.

    The aim stands beside it; without a name, `engine` is run. They live in tests/benchmarks of a checkout, so that what is measured is the code that stands there.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / "tests" / "benchmarks").is_dir():
        typer.echo(
            "The benchmarks are part of a checkout, not of an installed package: clone the project and `pip install -e .[test]`.",
            err=True,
        )
        raise typer.Exit(2)
    names = which or [Benchmark.ENGINE]
    options: list[tuple[Benchmark, str, Any, str]] = [
        (Benchmark.ENGINE, "jax", jax or None, ""),
        (Benchmark.CLASS, "minutes", minutes, " 10"),
        (Benchmark.CLASS, "joins", joins, " 300"),
        (Benchmark.SOAK, "hours", hours, " 2"),
        (Benchmark.FAULTS, "kills", kills, " 300"),
        (Benchmark.FAULTS, "seed", seed, " 1"),
    ]
    for benchmark, option, value, example in options:
        if value is not None and benchmark not in names:
            say = f"maml bench {benchmark.value} --{option}{example}"
            typer.echo(f"--{option} is for {benchmark.value} alone: say {say}.", err=True)
            raise typer.Exit(2)
    sys.path.insert(0, str(root))
    rows: list[Any] = []
    for name in names:
        module = importlib.import_module(f"tests.benchmarks.{name.value}")
        with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
            chosen = {option: value for of, option, value, _ in options if of == name and value is not None}
            rows += module.main(**chosen)
    if as_json:
        print_json([row._asdict() for row in rows])
