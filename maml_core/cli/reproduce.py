"""`maml reproduce`: published protocols, trained and put beside the published figures."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from maml_core.cli.console import INTERRUPTED, print_json, say
from maml_core.cli.progress import quiet
from maml_core.errors import ConfigError
from maml_core.execution import ChunkPool, default_workers
from maml_core.reproduce import SINUSOID, Reproduction, Update, cases, chosen, markdown, plain, save_table

SIGINT = 2


class Protocol(StrEnum):
    """What can be reproduced."""

    SINUSOID = "sinusoid"


def reproduce(
    protocol: Annotated[Protocol, typer.Argument(help="sinusoid: Finn et al. 2017, section 5.1.")],
    only: Annotated[
        list[str] | None,
        typer.Option(help=f"Only this, may be given several times: {', '.join(setup.name for setup in SINUSOID)}."),
    ] = None,
    steps: Annotated[int, typer.Option(help="Outer steps of each training; the papers take 70,000.")] = 70_000,
    tasks: Annotated[int, typer.Option(help="Test tasks, 2 to 100,000.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Seed of the initial weights and of the training tasks.")] = 0,
    folder: Annotated[
        Path, typer.Option(help="Where the runs and the table go. What is there already goes on.")
    ] = Path("reproduction"),
    workers: Annotated[
        int | None, typer.Option(help="Trainings at once. (Default: one for every processor but one.)")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON on stdout.")] = False,
) -> None:
    """Train a paper's protocol and print what it reaches beside the published figures.

    Every algorithm and baseline is trained at 10 and at 5 shots and judged on fresh tasks after 1, 5 and 10 inner steps: mean over all
    tasks with its 95% interval, median, share of diverged tasks. All of it takes an hour or two on two cores; Ctrl-C saves, and the same
    command goes on.

    \b
    Examples:
      maml reproduce sinusoid
      maml reproduce sinusoid --only MAML --only Meta-SGD --steps 20000
    """
    if not 1 <= steps <= 10_000_000:
        raise ConfigError("steps", steps, "a whole number from 1 to 10,000,000")
    if not 2 <= tasks <= 100_000:
        raise ConfigError("tasks", tasks, "a whole number from 2 to 100,000")
    if workers is not None and not 1 <= workers <= 61:
        raise ConfigError("workers", workers, "a whole number from 1 to 61")
    trained = cases(chosen(only or [], protocol.value), seed=seed)
    at_once = workers or default_workers()
    start = time.monotonic()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=quiet(),
    )
    pool = ChunkPool(at_once)
    try:
        with bar:
            whole = bar.add_task("outer steps", total=None, note="")

            def show(update: Update) -> None:
                done = reproduction.steps_done
                speed = bar.tasks[0].speed
                rate = f", {speed:.0f} steps/s" if speed else ""
                note = f"{update.case.folder}: step {update.step}, training loss {update.loss:.3g}{rate}"
                bar.update(whole, completed=done, note=note)

            reproduction = Reproduction(
                trained, folder, num_steps=steps, executor=pool, at_once=at_once, on_progress=show
            )
            bar.update(whole, total=reproduction.num_steps_in_all, completed=reproduction.steps_done)
            reproduction.train()
            bar.update(whole, note="evaluating")
            rows = reproduction.rows(num_tasks=tasks)
    except KeyboardInterrupt:
        say("maml: stopped; every training is saved. The same command goes on.")
        raise typer.Exit(INTERRUPTED + SIGINT) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    save_table(rows, folder)
    if as_json:
        print_json([plain(row) for row in rows])
    else:
        typer.echo(markdown(rows))
        cpu_min = sum({(row.name, row.trained_shots): row.cpu_s for row in rows}.values()) / 60
        typer.echo(
            f"\n{tasks:,} test tasks, {steps:,} outer steps, seed {seed}; {cpu_min:.0f} minutes of one processor for the training, "
            f"{(time.monotonic() - start) / 60:.0f} minutes now. Saved in {folder}/table.json and table.md."
        )
