"""`maml sweep`: hundreds of settings at once, kept in a study as they are finished."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from maml_core.cli.console import (
    BAD_FOLDER,
    AssignmentsOption,
    PresetOption,
    SchedulerOption,
    percent,
    print_json,
    say,
)
from maml_core.cli.fields import assigned, joined, overlaid, preset, read_file, with_config_options
from maml_core.cli.progress import SweepBar
from maml_core.cli.signals import CALLED, EXIT, caught_signals, last_words
from maml_core.cli.workers import workers as computing
from maml_core.cluster import chunk_s
from maml_core.config import from_dict, to_dict
from maml_core.errors import ClusterError, ConfigError, StoreError
from maml_core.execution import warmed_up
from maml_core.sweeps.axes import axis_from_text, label
from maml_core.sweeps.budget import Budget, budget
from maml_core.sweeps.driver import CHUNK_S, Sweeping, run_sweep
from maml_core.sweeps.reading import STATUSES, Map, best_of, map_of, read, table, value_words
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.space import SweepConfig, axis_to_dict, sweep_from_dict, sweep_to_dict
from maml_core.sweeps.study import SweepStudy, load_sweep, open_study

MAX_COLUMNS = 12
"""Of a map on a terminal."""

MAX_ROWS = 10
"""Of the best settings, where there is no map."""

StorageOption = Annotated[
    str | None,
    typer.Option(
        "--storage",
        help="A folder, or a database by URL that several machines share: postgresql://USER@HOST/NAME. (Default: MAML_SWEEPS, or "
        "~/.maml-live/sweeps.)",
        show_default=False,
    ),
]


class _Stopped(Exception):
    """Somebody asked to stop."""


@with_config_options
def sweep(
    *,
    axis: Annotated[
        list[str] | None,
        typer.Option(
            help="A setting and its values; once for each axis. alpha=0.001..1:log:8 is eight values, N=1,5,10 three, "
            "algorithm=maml,fomaml two; without a number of values a range is what samplers draw from."
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Outer steps of every training. (Default: 1000.)")] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Trainings of each setting, from seeds + 0, 1, ... (Default: 1.)")
    ] = None,
    sampler: Annotated[
        str | None,
        typer.Option(help="grid: all combinations; random, sobol or tpe: draw --settings of them. (Default: grid.)"),
    ] = None,
    settings: Annotated[int | None, typer.Option(help="Settings that a sampler draws. (Default: 64.)")] = None,
    sampler_seed: Annotated[int | None, typer.Option(help="Seed of the sampler. (Default: 0.)")] = None,
    rungs: Annotated[
        int | None, typer.Option(help="How often all settings are judged on held-out tasks. (Default: 4.)")
    ] = None,
    prune: Annotated[
        float | None,
        typer.Option(
            help="Share of the settings that stops at each rung but the last, the worst: to find the best, not to see the map. (Default: 0.)"
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Name to keep the sweep under; one that is there goes on. (Default: day and time.)"),
    ] = None,
    resume: Annotated[str | None, typer.Option(help="Go on with the sweep of this name.")] = None,
    storage: StorageOption = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="TOML or JSON file: settings as of maml train, or a whole sweep with a table base and a list axes. Options win over it."
        ),
    ] = None,
    preset_name: PresetOption = None,
    assignments: AssignmentsOption = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Batches at once. (Default: one for every processor but one, or all workers of the scheduler.)"
        ),
    ] = None,
    scheduler: SchedulerOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end, on stdout.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the whole sweep as JSON and stop.")] = False,
    given: dict[str, Any],
) -> None:
    """Train all settings of a sweep as lanes of batched computations, and say what the map shows.

    Finished settings are kept at once: Ctrl-C loses none of them, and --resume goes on. Several machines work at one sweep when they run
    the same command with the same --storage URL and --name. Optuna's own tools open the study.

    \b
    Examples:
      maml sweep --axis alpha=0.001..1:log:8 --axis beta=1e-4..1e-2:log:8 --steps 500
      maml sweep --axis alpha=0.001..1:log:8 --axis N=1,5,10 --seeds 3 --name by-steps
      maml sweep --axis alpha=0.001..1:log --axis beta=1e-4..1e-2:log --sampler tpe --settings 100
      maml sweep --resume by-steps
      maml sweep --axis algorithm=maml,fomaml --axis alpha=0.01..0.5:log:16 --prune 0.5 --storage postgresql://me@db/sweeps --name both

    \b
    Exit codes: 0 done, whatever diverged; 2 bad input, or a name that another sweep has; 4 a storage that cannot be read or reached, or
    workers that all died; 130 Ctrl-C, 143 SIGTERM and 129 SIGHUP (what is finished is kept).
    """
    options = {
        "axes": axis,
        "num_steps": steps,
        "num_seeds": seeds,
        "sampler": sampler,
        "num_settings": settings,
        "sampler_seed": sampler_seed,
        "num_rungs": rungs,
        "prune": prune,
    }
    options = {key: value for key, value in options.items() if value is not None}
    given = joined(given, assigned(assignments or []))
    most = 61 if scheduler is None else 10_000
    if workers is not None and not 1 <= workers <= most:
        raise ConfigError("workers", workers, f"a whole number from 1 to {most:,}")
    if resume is not None and (options or given or config is not None or preset_name is not None or name is not None):
        raise ConfigError("resume", resume, "the sweep has its set-up and its name; leave all other settings out")
    if resume is None:
        asked = _asked(options, preset_name, config, given)
        if dry_run:
            print_json(sweep_to_dict(asked))
            return
    with computing(scheduler, workers) as executor:
        if resume is not None:
            study = load_sweep(resume, storage=storage)
        else:
            study = open_study(asked, name or f"sweep-{datetime.now():%Y%m%d-%H%M%S}", storage=storage)
        with study:
            _compute(
                study,
                executor,
                at_once=workers or executor.num_workers,
                chunk_s=CHUNK_S if scheduler is None else chunk_s(executor.num_workers),
                again=_again(study, storage, workers, scheduler),
                as_json=as_json,
            )


def _asked(options: dict[str, Any], preset_name: str | None, file: Path | None, given: dict[str, Any]) -> SweepConfig:
    """The sweep of presets, files and options, the later ones on top."""
    base = to_dict(preset(preset_name)) if preset_name is not None else {}
    found: dict[str, Any] = {}
    if file is not None:
        data, timeline = read_file(file)
        if timeline:
            raise ConfigError("timeline", timeline, "settings do not change within a sweep; leave it out")
        if data.keys() & SweepConfig.__dataclass_fields__.keys():
            found, data = data, data.get("base", {})
        base = overlaid(base, data)
    base = to_dict(from_dict(overlaid(base, given)))
    if (texts := options.pop("axes", None)) is not None:
        found["axes"] = [axis_to_dict(axis_from_text(text, from_dict(base))) for text in texts]
    if not found.get("axes"):
        raise ConfigError("axis", None, "give at least one --axis, for example --axis alpha=0.001..1:log:8")
    return sweep_from_dict({**found, **options, "base": base})


def _compute(study: SweepStudy, executor: Any, *, at_once: int, chunk_s: float, again: str, as_json: bool) -> None:
    began = time.monotonic()
    failure: Exception | None = None
    caught: list[int] = []
    results = study.results()
    finished = [one.number for one in results if one.is_done]
    words = f"Every finished setting is kept. Go on with: {again}"

    def look(sweeping: Sweeping) -> None:
        bar.show(sweeping.progress)
        if caught:
            raise _Stopped

    try:
        if len(finished) < study.sweep.size:
            with last_words(words):
                say(f"{study.name}: {_before(study.sweep, len(finished))}.")
                warmed_up(executor)
                need = budget(study.sweep, executor, at_once=at_once, finished=finished)
                say(f"{_budget_words(need, at_once)}. Kept in {study.where}.")
        with caught_signals(words) as caught, SweepBar() as bar:
            run_sweep(study.sweep, study, executor, at_once=at_once, chunk_s=chunk_s, on_change=look)
    except _Stopped:
        executor.abandon()
    except (BrokenExecutor, ClusterError, StoreError) as error:
        failure = error
    with last_words(words):
        if failure is None or not isinstance(failure, StoreError):
            results = study.results()
            _report(study, results, time.monotonic() - began, as_json=as_json)
    num_done = sum(one.is_done for one in results)
    kept = f"{num_done:,} of {study.sweep.size:,} settings are finished and kept. Go on with: {again}"
    if isinstance(failure, StoreError):
        say(f"maml: {str(failure).rstrip('.')}. Every setting that was finished before is kept. Go on with: {again}")
        raise typer.Exit(BAD_FOLDER)
    if failure is not None:
        say(f"maml: {str(failure).rstrip('.')}. {kept}")
        raise typer.Exit(BAD_FOLDER)
    if caught:
        say(f"maml: stopped by {CALLED[caught[0]]}. {kept}")
        raise typer.Exit(EXIT + caught[0])


def _again(study: SweepStudy, storage: str | None, workers: int | None, scheduler: str | None) -> str:
    """What to type to go on."""
    command = f"maml sweep --resume {shlex.quote(study.name)}"
    if storage is not None:
        command += f" --storage {shlex.quote(study.where if study.is_shared else storage)}"
    if workers is not None:
        command += f" --workers {workers}"
    return command if scheduler is None else f"{command} --scheduler {scheduler}"


def _before(asked: SweepConfig, num_finished: int) -> str:
    axes = " x ".join(
        f"{len(axis.values)} {label(axis.name)}" if axis.values else label(axis.name) for axis in asked.axes
    )
    seeds = f", {asked.num_seeds} seeds each" if asked.num_seeds > 1 else ""
    done = f", {num_finished:,} of them finished" if num_finished else ""
    return f"{asked.size:,} settings ({axes}){seeds}{done}; {asked.num_steps:,} outer steps; measuring some"


def _budget_words(need: Budget, at_once: int) -> str:
    groups = f" in {need.num_groups:,} groups" if need.num_groups > 1 else ""
    return (
        f"{need.num_lanes:,} trainings{groups}: about {_duration(need.seconds)} with {at_once} at work "
        f"({1000 * need.step_s:.3g} ms an outer step of {need.lanes_at_once} lanes)"
    )


def _duration(seconds: float) -> str:
    """A time as people say it.

    >>> _duration(42.3), _duration(400), _duration(20_000)
    ('42 s', '7 minutes', '5.6 hours')
    """
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 6000 else f"{seconds / 3600:.2g} hours"


def _report(study: SweepStudy, results: Sequence[SettingResult], seconds: float, *, as_json: bool) -> None:
    sentences = read(study.sweep, results)
    if as_json:
        best = best_of(study.sweep, results)
        rows = table(study.sweep, results).to_dict("records")
        print_json(
            {
                "name": study.name,
                "storage": study.where,
                "sweep": sweep_to_dict(study.sweep),
                "num_finished": sum(one.is_done for one in results),
                "best": None if best is None else best.number,
                "settings": rows,
                "reading": list(sentences),
                "seconds": seconds,
            }
        )
        return
    print_results(study.sweep, results)
    typer.echo("\n".join(sentences))
    typer.echo(f"Look closer with: maml sweeps show {shlex.quote(study.name)}, or with Optuna's tools: {study.where}")


def print_results(asked: SweepConfig, results: Sequence[SettingResult]) -> None:
    """The map, where there are one or two axes of few values; else the best settings."""
    lengths = [len(axis.values) for axis in asked.axes]
    if (
        asked.sampler == "grid"
        and 1 <= len(lengths) <= 2
        and min(lengths) <= MAX_COLUMNS
        and any(one.is_done for one in results)
    ):
        x, *y = sorted(
            (axis.name for axis in asked.axes), key=lambda name: lengths[[a.name for a in asked.axes].index(name)]
        )
        _print_map(asked, map_of(asked, results, x, y[0] if y else None))
        return

    from rich.console import Console
    from rich.table import Table

    ok = [one for one in results if one.status == "ok"]
    shown = sorted(ok, key=lambda one: -one.value if asked.maximises else one.value)[:MAX_ROWS]
    view = Table(title=f"The best {len(shown)} of {len(ok):,} settings", title_justify="left")
    for axis in asked.axes:
        view.add_column(label(axis.name), justify="right")
    for column in ("held-out accuracy" if asked.maximises else "held-out loss", "2 / lambda_max"):
        view.add_column(column, justify="right")
    for one in shown:
        value = value_words(asked, one).removeprefix("held-out accuracy ").removeprefix("held-out loss ")
        view.add_row(*(_cell(one.values[axis.name]) for axis in asked.axes), value, f"{one.stability_limit:.3g}")
    if shown:
        Console().print(view)


def _print_map(asked: SweepConfig, seen: Map) -> None:
    from rich.console import Console
    from rich.table import Table

    what = "accuracy" if asked.maximises else "loss"
    view = Table(title=f"Held-out {what} after N inner steps; × diverged, - pruned", title_justify="left")
    view.add_column(f"{label(seen.y)} \\ {label(seen.x)}" if seen.y is not None else label(seen.x), justify="right")
    for value in seen.x_values:
        view.add_column(_cell(value), justify="right")
    for row, value in enumerate(seen.y_values):
        cells = []
        for status, number in zip(seen.status[row], seen.value[row]):
            kind = STATUSES[status] if status >= 0 else "waiting"
            words = {"diverged": "×", "pruned": "-", "ok": percent(number) if asked.maximises else f"{number:.3g}"}
            cells.append(words.get(kind, ""))
        view.add_row(_cell(value) if seen.y is not None else "", *cells)
    Console().print(view)


def _cell(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
