"""`maml reproduce`: published protocols, trained and put beside the published figures."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Collection
from concurrent.futures import BrokenExecutor, Executor
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from maml_core.cli.atlas import run_atlas
from maml_core.cli.console import BAD_FOLDER, SchedulerOption, percent, print_json, say
from maml_core.cli.phenomena import run_claims
from maml_core.cli.progress import quiet
from maml_core.cli.signals import CALLED, EXIT, caught_signals, last_words
from maml_core.cli.workers import workers as computing
from maml_core.config import OmniglotConfig
from maml_core.datasets.omniglot import load_omniglot
from maml_core.datasets.omniglot_alphabets import omniglot_splits
from maml_core.errors import ClusterError, ConfigError, DataError
from maml_core.reproduce import (
    LAPTOP,
    PAPER,
    SCALES,
    SINUSOID,
    Case,
    Reproduction,
    Row,
    Update,
    cases_of_seeds,
    chosen,
    markdown,
    omniglot_cases,
    plain,
    plain_spread,
    save_spreads,
    save_table,
    spread_markdown,
    spreads,
)
from maml_core.reproduce.atlas import FAMILIES, LEARNERS, chosen_cells
from maml_core.reproduce.cases import MOST_SEEDS
from maml_core.reproduce.claims import CLAIMS, chosen_claims
from maml_core.reproduce.estimates import WORTH_STEPS, seconds_left
from maml_core.reproduce.omniglot import NUM_TEST_TASKS as NUM_IMAGE_TASKS
from maml_core.reproduce.sinusoid import NUM_STEPS, NUM_TEST_TASKS
from maml_core.store import trained_alone
from maml_core.wording import counted, duration, listed, loss_said


class Protocol(StrEnum):
    """What can be reproduced."""

    SINUSOID = "sinusoid"
    OMNIGLOT = "omniglot"
    PHENOMENA = "phenomena"
    SENSITIVITY = "sensitivity"


class ScaleName(StrEnum):
    """Sizes of the Omniglot experiment."""

    LAPTOP = "laptop"
    PAPER = "paper"


class Device(StrEnum):
    """Where to compute."""

    CPU = "cpu"
    CUDA = "cuda"


class Split(StrEnum):
    """Which characters are held out."""

    ALPHABETS = "alphabets"
    BACKGROUND = "background"
    RANDOM = "random"


def _named(*groups: tuple[str, ...]) -> str:
    return "; ".join(", ".join(group) for group in groups)


def _span(numbers: Collection[int]) -> str:
    return f"{min(numbers):,} to {max(numbers):,}"


_NAMES = _named(tuple(setup.name for setup in SINUSOID), tuple(setup.name for setup in LAPTOP.setups))
_ATLAS = _named(tuple(family.name for family in FAMILIES), tuple(learner.name for learner in LEARNERS))
_CLAIMS = ", ".join(claim.name for claim in CLAIMS)
_PAPER_SIZES = "64 filters, of MAML 16 or 32 tasks a step and 60,000 outer steps"


def reproduce(
    protocol: Annotated[
        Protocol,
        typer.Argument(
            help="sinusoid: Finn et al. 2017, section 5.1. omniglot: section 5.2, characters of Omniglot. phenomena: claims of the "
            "literature, each with a verdict. sensitivity: what step sizes that were not tuned cost, of seven algorithms."
        ),
    ],
    only: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Only this, may be given several times: {_NAMES} (of these, the paper's scale has MAML's and MAML++'s of 20-way 1-shot); {_CLAIMS}; of sensitivity {_ATLAS}."
        ),
    ] = None,
    scale: Annotated[
        ScaleName | None,
        typer.Option(
            help="Of omniglot: laptop, what two processor cores train in about four hours (MAML's 5-way 1-shot within one), or paper, as published, "
            "for a day or more. (Default: laptop.)"
        ),
    ] = None,
    split: Annotated[
        Split | None,
        typer.Option(
            help="Of omniglot, which characters are held out. background: whole alphabets of the background set. alphabets: for the "
            "test those of the evaluation set. random: as in the MAML papers. (Default: background, at the paper's scale random.)"
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            help=f"Outer steps of each training. (Default: {NUM_STEPS:,}; of omniglot {_span(PAPER.num_steps.values())}, on a laptop "
            f"{_span(LAPTOP.num_steps.values())}.)"
        ),
    ] = None,
    tasks: Annotated[
        int | None,
        typer.Option(help=f"Test tasks, 2 to 100,000. (Default: {NUM_TEST_TASKS:,}, of omniglot {NUM_IMAGE_TASKS:,}.)"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the initial weights and of the training tasks.")] = 0,
    seeds: Annotated[
        int | None,
        typer.Option(
            help=f"Of sinusoid and omniglot: so many seeds from --seed on, 1 to {MOST_SEEDS}; with more than one, the table has intervals over the seeds beside those over test tasks. (Default: 1.)"
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Where the runs and the table go. What is there already goes on. (Default: reproduction/, and below it the protocol "
            "and its scale.)"
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Trainings at once. (Default: one for every processor but one, or all workers of the scheduler.)"
        ),
    ] = None,
    scheduler: SchedulerOption = None,
    device: Annotated[
        Device,
        typer.Option(
            help="Where to compute: the processor, or a GPU, on which runs repeat to rounding and not to the bit."
        ),
    ] = Device.CPU,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON on stdout.")] = False,
) -> None:
    """Train a paper's protocol, beside the published figures.

    sinusoid: every algorithm and baseline is trained at 10 and at 5 shots and judged on fresh tasks after 1, 5 and 10 inner steps: mean
    over all tasks with its 95% interval, median, shares of tasks that got worse and that diverged. All of it takes about three quarters of an hour on two cores.
    With --seeds 3 each is trained three times, which takes three times as long: the mean over seeds and tasks is printed with one interval over the tasks and one over the seeds.

    omniglot: MAML, FOMAML, ANIL, Reptile and MAML++ of 5 and 20 ways, 1 and 5 shots, judged by their accuracy on tasks of characters that no training and no choice has
    seen, with the 95% interval over tasks. Set-ups without an algorithm's name are MAML's. All of it at the scale of a laptop takes about four hours on two cores. How long what
    was asked for takes is said before it begins.

    Ctrl-C saves, and the same command goes on.

    phenomena: fourteen claims about how MAML learns, each measured at three seeds in some minutes, with its 95% interval and a verdict. The last
    line says how many hold; the exit code is 0 if all do, and 1 if not. Nothing is saved.

    sensitivity: each of seven algorithms on sinusoids, lines and glyphs (and Omniglot, where it is asked for) is a sweep of alpha and beta with five
    seeds. What is lost without tuning either is printed with its 95% interval over the seeds. The sweeps are kept.

    \b
    Examples:
      maml reproduce sinusoid
      maml reproduce sinusoid --only MAML --only Meta-SGD --steps 20000
      maml reproduce sinusoid --seeds 3
      maml reproduce omniglot --only "5-way 1-shot"
      maml reproduce omniglot --only "MAML++, 20-way 1-shot" --split random --seeds 3
      maml reproduce omniglot --scale paper --only "MAML++, 20-way 1-shot"
      maml reproduce sinusoid --scheduler tcp://192.168.1.10:8786
      maml reproduce phenomena --only task-vectors --only first-order
      maml reproduce sensitivity --only lines --only MAML --only MAML++
    """
    if steps is not None and not 1 <= steps <= 10_000_000:
        raise ConfigError("steps", steps, "a whole number from 1 to 10,000,000")
    if tasks is not None and not 2 <= tasks <= 100_000:
        raise ConfigError("tasks", tasks, "a whole number from 2 to 100,000")
    most = 61 if scheduler is None else 10_000
    if workers is not None and not 1 <= workers <= most:
        raise ConfigError("workers", workers, f"a whole number from 1 to {most:,}")
    if protocol in (Protocol.PHENOMENA, Protocol.SENSITIVITY):
        for name, value in (
            ("scale", scale),
            ("split", split),
            ("tasks", tasks),
            ("seed", seed or None),
            ("seeds", seeds),
            ("folder", folder if protocol == Protocol.PHENOMENA else None),
        ):
            if value is not None:
                raise ConfigError(name, str(value), f"{protocol.value} has none; leave it out")
        if device == Device.CUDA:
            raise ConfigError("device", "cuda", f"{protocol.value} is computed on processors; leave it out")
    if protocol == Protocol.SENSITIVITY:
        run_atlas(
            chosen_cells(only or [], num_steps=steps),
            folder or Path("reproduction") / "sensitivity",
            num_workers=workers,
            scheduler=scheduler,
            as_json=as_json,
        )
        return
    if protocol == Protocol.PHENOMENA:
        run_claims(
            chosen_claims(only or []), num_steps=steps, num_workers=workers, scheduler=scheduler, as_json=as_json
        )
        return
    if device == Device.CUDA and scheduler is None:
        _check_gpu()
    notes: list[str] = []
    if protocol == Protocol.SINUSOID:
        for name, value in (("scale", scale), ("split", split)):
            if value is not None:
                raise ConfigError(name, value.value, "sinusoid has none; leave it out")
        cases = cases_of_seeds(
            chosen(SINUSOID, only or []), seed=seed, num_seeds=1 if seeds is None else seeds, num_steps=steps
        )
        place, num_tasks = Path("reproduction") / "sinusoid", tasks or NUM_TEST_TASKS
    else:
        size = SCALES[scale or "laptop"]
        held_out = split.value if split is not None else size.split
        cases = omniglot_cases(
            size,
            chosen(size.setups, only or []),
            seed=seed,
            num_seeds=1 if seeds is None else seeds,
            num_steps=steps,
            split=held_out,
        )
        place, num_tasks = Path("reproduction") / f"omniglot-{scale or 'laptop'}", tasks or NUM_IMAGE_TASKS
        notes.append(_split_note(OmniglotConfig(split=held_out)))
        if size is LAPTOP:
            notes.append(f"The published figures are of other sizes: {_PAPER_SIZES}.")
    place = folder or place
    start = time.monotonic()
    rows = _trained_and_judged(
        cases, place, num_tasks=num_tasks, workers=workers, scheduler=scheduler, device=device.value
    )
    cpu_s = sum({(row.name, row.trained_shots, row.seed): row.cpu_s for row in rows}.values())
    longest = max(case.num_steps for case in cases)
    trained = list(dict.fromkeys(str(case.config.tasks_seed) for case in cases))
    notes.append(
        f"{num_tasks:,} test tasks, {longest:,} outer steps{'' if steps else ' at most'}, seed{'s' * (len(trained) > 1)} {listed(trained)}; {duration(cpu_s)} "
        "of one processor for the training."
    )
    if len(trained) > 1:
        notes.append(
            f"Means over all tasks and seeds with 95% intervals: over the test tasks, and over the {len(trained)} seeds (Student's t).{_of_losses(rows)} "
            "A published figure that is better than ours, but within the interval over seeds, is not decided."
        )
    if sources := dict.fromkeys(figure.source for row in rows for figure in row.published):
        notes.append(f"Published: {'; '.join(sources)}.")
    if len(trained) > 1:
        together = spreads(rows)
        save_spreads(together, place, notes)
        values, text = [plain_spread(spread) for spread in together], spread_markdown(together)
    else:
        save_table(rows, place, notes)
        values, text = [plain(row) for row in rows], markdown(rows)
    if as_json:
        print_json(values)
        return
    typer.echo("\n\n".join([text, *notes]))
    typer.echo(f"\nThis call took {duration(time.monotonic() - start)}. Saved in {place}/table.json and table.md.")


def _of_losses(rows: list[Row]) -> str:
    """What else there is in a table of losses, with a space before it."""
    return " Medians and shares are means over the seeds." if rows[0].summary.accuracy is None else ""


def _check_gpu() -> None:
    import torch

    if not torch.cuda.is_available():
        raise ConfigError("device", "cuda", "PyTorch finds no GPU here; leave it out, or install PyTorch for your GPU")


def _split_note(tasks: OmniglotConfig) -> str:
    """What is held out.

    Raises:
        DataError: Omniglot is not there, or nothing of it for the test.
    """
    splits = omniglot_splits(load_omniglot(), split=tasks.split, seed=tasks.split_seed)
    if "meta_test" in splits.missing:
        raise DataError(
            "missing", f"{splits.missing['meta_test']}; or test on background alphabets: --split background"
        )
    train, validation, test = (len(splits.classes[part]) for part in ("meta_train", "meta_validation", "meta_test"))
    parts = f"{train} characters to train on, {validation} for validation, {test} for the test"
    turned = ", each in four rotations" if tasks.rotations else ""
    other = "" if tasks.split == "random" else " The published figures are on characters held out at random."
    note = f"; {splits.note}" if splits.note else ""
    return f"Split {tasks.split}: {parts}{turned}{note}.{other}"


def _say_how_long(reproduction: Reproduction, executor: Executor, *, at_once: int, device: str) -> None:
    """Say about how long the trainings will take, where that is long."""
    left = [one for one in reproduction.left if one.num_steps]
    if sum(one.num_steps for one in left) < WORTH_STEPS:
        return
    seconds = seconds_left(left, executor, at_once=at_once, device=device)
    say(f"{counted(len(left), 'training')} to go: about {duration(seconds)} with {at_once} at work.")


def _trained_and_judged(
    cases: list[Case], folder: Path, *, num_tasks: int, workers: int | None, scheduler: str | None, device: str
) -> list[Row]:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=quiet(),
    )
    words = "What is trained and evaluated is saved. The same command goes on."
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(
            computing(scheduler, workers)
        )  # first: a scheduler that is not there leaves no folder behind
        folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(trained_alone(folder))
        at_once = workers or pool.num_workers
        with bar:
            whole = bar.add_task("outer steps", total=None, note="")

            def show(update: Update) -> None:
                speed = bar.tasks[0].speed
                rate = f", {speed:.0f} steps/s" if speed else ""
                right = "" if math.isnan(update.accuracy) else f" ({percent(update.accuracy)} right)"
                note = (
                    f"{update.case.folder}: step {update.step}, training loss {loss_said(update.loss, 3)}{right}{rate}"
                )
                bar.update(whole, completed=reproduction.steps_done, note=note)

            reproduction = Reproduction(cases, folder, executor=pool, at_once=at_once, device=device, on_progress=show)
            bar.update(whole, total=reproduction.num_steps_in_all, completed=reproduction.steps_done)
            try:
                with caught_signals(words, rescue=reproduction.save) as caught:
                    _say_how_long(reproduction, pool, at_once=at_once, device=device)
                    reproduction.train(lambda: bool(caught))
                if not caught:
                    bar.remove_task(whole)
                    whole = bar.add_task("evaluations", total=None, note="")
                    with last_words(words):
                        return reproduction.rows(
                            num_tasks=num_tasks,
                            on_evaluated=lambda done, of: bar.update(whole, completed=done, total=of),
                        )
            except (BrokenExecutor, ClusterError) as error:
                say(f"maml: {str(error).rstrip('.')}. {words}")
                raise typer.Exit(BAD_FOLDER) from None
        say(f"maml: stopped by {CALLED[caught[0]]}. {words}")
        raise typer.Exit(EXIT + caught[0])
