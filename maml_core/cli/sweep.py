"""`maml sweep`: hundreds of settings at once, kept in a study as they are finished."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from maml_core.cli.console import (
    BAD_FOLDER,
    OUTPUT,
    AssignmentsOption,
    PresetOption,
    ProblemOption,
    SchedulerOption,
    print_json,
    say,
)
from maml_core.cli.fields import agreed, assigned, by_name, located, overlaid, preset, read_file, with_config_options
from maml_core.cli.images import folder_of, with_images_of_sweep
from maml_core.cli.own_problem import of_problem
from maml_core.cli.progress import SweepBar
from maml_core.cli.signals import CALLED, EXIT, caught_signals, last_words
from maml_core.cli.sweep_map import print_results
from maml_core.cli.workers import workers as computing
from maml_core.cluster import chunk_s
from maml_core.config import FolderConfig, PythonConfig, RunConfig, from_dict, to_dict
from maml_core.errors import ClusterError, ConfigError, DataError, StoreError
from maml_core.execution import resubmitted, warmed_up
from maml_core.shells import quoted, quoted_path
from maml_core.sweeps.axes import WIDTHS, axis_from_text, full_name, label
from maml_core.sweeps.budget import Budget, budget, check_drawable, compiling_words
from maml_core.sweeps.catalog import delete_sweep, has_moved_to, is_kept
from maml_core.sweeps.comparing import has_common_tasks
from maml_core.sweeps.databases import WANTED
from maml_core.sweeps.definition import SweepConfig, axis_to_dict, sweep_from_dict, sweep_to_dict
from maml_core.sweeps.driver import CHUNK_S, Sweeping, compiles, run_sweep
from maml_core.sweeps.findings import finished_words, read
from maml_core.sweeps.images import moved
from maml_core.sweeps.places import names_in, to_type
from maml_core.sweeps.recognition import find_own, find_problem
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.study import SweepStudy, load_sweep, open_study
from maml_core.sweeps.tables import best_of, table
from maml_core.wording import counted, duration

CALLED_IN_OPTIONS = {name: f"num_{name}" for name in ("steps", "seeds", "settings", "rungs")}
"""Fields of a sweep that its options call otherwise."""


def kept_sweeps() -> list[str]:
    """The names of the sweeps in the usual folder, for a shell to complete."""
    return names_in(None)


def _not_empty(storage: str | None) -> str | None:
    if storage is not None and not storage.strip():
        raise ConfigError("storage", storage, WANTED)
    return storage


StorageOption = Annotated[
    str | None,
    typer.Option(
        "--storage",
        callback=_not_empty,
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
            "algorithm=maml,fomaml two, amplitude=0.1..5,0.1..1 two ranges, and 'proximal=0.5,2 if algorithm=imaml' counts for one algorithm; without a number of values a range is what samplers draw from."
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
    grid_order: Annotated[
        str | None,
        typer.Option(
            help="Which settings of a grid come first. coarse: a coarse grid, then what lies between, so that an unfinished map can be read; plain: row "
            "by row. (Default: coarse.)"
        ),
    ] = None,
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
        typer.Option(
            rich_help_panel=OUTPUT,
            help="Name to keep the sweep under; one that is there goes on. (Default: day and time.)",
        ),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            help="Go on with the sweep of this name; --folder says where its images lie now.",
            autocompletion=kept_sweeps,
        ),
    ] = None,
    storage: StorageOption = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="TOML or JSON file: settings as of maml train, or a whole sweep with a table base and a list axes. Options win over it."
        ),
    ] = None,
    preset_name: PresetOption = None,
    assignments: AssignmentsOption = None,
    problem: ProblemOption = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Batches at once. (Default: one for every processor but one, or all workers of the scheduler.)"
        ),
    ] = None,
    scheduler: SchedulerOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", rich_help_panel=OUTPUT, help="Print one JSON object at the end, on stdout.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", rich_help_panel=OUTPUT, help="Print the whole sweep as JSON and stop.")
    ] = False,
    given: dict[str, Any],
) -> None:
    """Train many settings at once, and say what their map shows.

    They are lanes of batched computations. Finished settings are kept at once: Ctrl-C loses none of them, and --resume goes on. Several machines work at one sweep when they run
    the same command with the same --storage URL and --name. Optuna's own tools open the study.

    \b
    Examples:
      maml sweep --axis alpha=0.001..1:log:8 --axis beta=1e-4..1e-2:log:8 --steps 500
      maml sweep --axis alpha=0.001..1:log:8 --axis N=1,5,10 --seeds 3 --name by-steps
      maml sweep --axis alpha=0.001..1:log --axis beta=1e-4..1e-2:log --sampler tpe --settings 100
      maml sweep --resume by-steps
      maml sweep --resume birds --folder /mnt/birds     # its images have moved
      maml sweep --problem my_tasks:problem --axis alpha=0.01..1:log:8 --name mine
      maml sweep --axis algorithm=maml,fomaml --axis alpha=0.01..0.5:log:16 --prune 0.5 --storage postgresql://me@db/sweeps --name both

    \b
    Exit codes: 0 done, whatever diverged; 2 bad input, a name that another sweep has, or other images than the sweep's own; 4 a storage that
    cannot be read or reached, images that went away, or workers that all died; 130 Ctrl-C, 143 SIGTERM and 129 SIGHUP (what is finished
    is kept).
    """
    options = {
        "axes": axis,
        "num_steps": steps,
        "num_seeds": seeds,
        "sampler": sampler,
        "num_settings": settings,
        "sampler_seed": sampler_seed,
        "grid_order": grid_order,
        "num_rungs": rungs,
        "prune": prune,
    }
    options = {key: value for key, value in options.items() if value is not None}
    given = located(agreed(given, assigned(assignments or [])))
    most = 61 if scheduler is None else 10_000
    if workers is not None and not 1 <= workers <= most:
        raise ConfigError("workers", workers, f"a whole number from 1 to {most:,}")
    folder = folder_of(given)[0] if resume is not None else None
    if dry_run and resume is not None:
        with load_sweep(resume, storage=storage) as study:
            print_json(sweep_to_dict(study.sweep if folder is None else moved(study.sweep, folder)))
        return
    asked = None
    if resume is None and problem is None:
        asked = _asked(options, preset_name, config, given)
        if dry_run:
            print_json(sweep_to_dict(asked))
            return
    with computing(scheduler, 1 if dry_run else workers) as executor:
        is_new, code = False, None
        if resume is None and problem is not None:
            tasks, code = resubmitted(executor, find_own, problem)
            asked = _asked(options, preset_name, config, given, tasks)
            if dry_run:
                print_json(sweep_to_dict(asked))
                return
        if resume is not None:
            study = load_sweep(resume, storage=storage)
        else:
            assert asked is not None
            name = f"sweep-{datetime.now():%Y%m%d-%H%M%S}" if name is None else name
            is_new = not is_kept(name, storage=storage)
            if is_new:  # of one that is there its images are looked at first, which say more
                check_drawable(asked, executor, code)
            study = _opened(asked, name, storage)
        nothing = ""
        with study:
            is_done = sum(one.is_done for one in study.results()) >= study.sweep.size
            with_images_of_sweep(study, executor, folder=folder, storage=storage, needed=not is_done)
            if not is_done or problem is not None:
                find_problem(study, executor, problem)
            nothing = _compute(
                study,
                executor,
                at_once=workers or executor.num_workers,
                chunk_s=CHUNK_S if scheduler is None else chunk_s(executor.num_workers),
                again=_again(study, storage, workers, scheduler),
                storage=storage,
                as_json=as_json,
            )
            name = study.name
        if nothing:
            if is_new:  # a name that stands for nothing is free again
                delete_sweep(name, storage=storage)
            raise ConfigError("axes", "all settings", nothing)


def _opened(asked: SweepConfig, name: str, storage: str | None) -> SweepStudy:
    """The study of a sweep that was asked for.

    Raises:
        StoreError: As of `open_study`. Of a sweep that differs in the folder alone it says how to go on.
    """
    try:
        return open_study(asked, name, storage=storage)
    except StoreError as error:
        if error.kind != "taken" or not has_moved_to(name, asked, storage=storage):
            raise
        assert isinstance(asked.base.tasks, FolderConfig)
        folder = quoted_path(asked.base.tasks.folder)
        again = to_type("maml sweep --resume", name, storage, "--folder", folder)
        raise StoreError("taken", f"{error}. If its images have moved to {folder}, go on with: {again}") from None


def _asked(
    options: dict[str, Any],
    preset_name: str | None,
    file: Path | None,
    given: dict[str, Any],
    own: PythonConfig | None = None,
) -> SweepConfig:
    """The sweep of presets, files and options, the later ones on top; of a problem of one's own, its tasks and its network stand above them."""
    base = to_dict(preset(preset_name)) if preset_name is not None else {}
    found: dict[str, Any] = {}
    if file is not None:
        data, timeline = read_file(file)
        if timeline:
            raise ConfigError("timeline", timeline, "settings do not change within a sweep; leave it out")
        if data.keys() & SweepConfig.__dataclass_fields__.keys():
            found = _with_fields_names(data)
            data = found.get("base", {})
        base = overlaid(base, data)
    base = to_dict(of_problem(overlaid(base, given), given, own))
    if isinstance(axes := found.get("axes"), list):
        found["axes"] = [_with_full_name(axis, from_dict(base)) for axis in axes]
    if (texts := options.pop("axes", None)) is not None:
        found["axes"] = [axis_to_dict(axis_from_text(text, from_dict(base))) for text in texts]
    if not found.get("axes"):
        raise ConfigError("axis", None, "give at least one --axis, for example --axis alpha=0.001..1:log:8")
    asked = sweep_from_dict({**found, **options, "base": base})
    _check_effects(asked, options, given)
    return asked


def _check_effects(asked: SweepConfig, options: dict[str, Any], given: dict[str, Any]) -> None:
    """See that whatever was asked for on the command line has an effect."""
    if asked.sampler == "grid":
        for field in ("num_settings", "sampler_seed"):
            if field in options:
                accepted = "a grid computes all combinations of its axes; leave it out, or choose --sampler random, sobol or tpe"
                raise ConfigError(field.removeprefix("num_"), options[field], accepted)
    elif "grid_order" in options:
        accepted = f"only a grid has an order; {asked.sampler} draws its settings in its own; leave it out"
        raise ConfigError("grid_order", options["grid_order"], accepted)
    for baseline in ("joint_baseline", "oracle_baseline"):
        if given.get(baseline):
            raise ConfigError(baseline, True, "a sweep trains its settings without baselines; leave it out")
    if asked.prune > 0 and asked.num_rungs < 2:
        raise ConfigError(
            "prune", asked.prune, "0 with a single rung, which is the last and stops nobody; or --rungs 2 or more"
        )
    single = dict(by_name(given))
    for axis in asked.axes:
        if axis.name in single and axis.name != WIDTHS:  # an axis of widths keeps the number of the layers
            raise ConfigError(
                axis.name, single[axis.name], "it is an axis of the sweep as well; leave one of the two out"
            )


def _with_fields_names(data: dict[str, Any]) -> dict[str, Any]:
    """What a file says of a sweep, where it calls fields as the options are called."""
    for option, field in CALLED_IN_OPTIONS.items():
        if option in data and field in data:
            raise ConfigError(option, data[option], f"it is {field}, which is there as well; leave one of the two out")
    return {CALLED_IN_OPTIONS.get(name, name): value for name, value in data.items()}


def _with_full_name(axis: Any, base: RunConfig) -> Any:
    named = isinstance(axis, dict) and isinstance(axis.get("name"), str)
    return {**axis, "name": full_name(base, axis["name"])} if named else axis


def _compute(
    study: SweepStudy,
    executor: Any,
    *,
    at_once: int,
    chunk_s: float,
    again: str,
    storage: str | None,
    as_json: bool,
) -> str:
    """Compute what is left, and report; gives why nothing could be computed, where all settings were refused."""
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

    study.patience.tell = lambda what: say(f"maml: {what or 'the storage of the sweep answers again'}.")
    study.patience.goes_on = lambda: not caught
    try:
        if len(finished) < study.sweep.size:
            with last_words(words):
                say(f"{study.name}: {_before(study.sweep, sum(one.is_finished for one in results))}.")
                warmed_up(executor)
                need = budget(
                    study.sweep,
                    executor,
                    at_once=at_once,
                    finished=finished,
                    images=study.images,
                    compiles=compiles(study, executor),
                    code=study.code,
                )
                say(f"{_budget_words(need, at_once)}. Kept in {study.where}.")
        with caught_signals(words) as caught, SweepBar() as bar:
            run_sweep(
                study.sweep,
                study,
                executor,
                at_once=at_once,
                chunk_s=chunk_s,
                on_change=look,
            )
    except _Stopped:
        executor.abandon()
    except (BrokenExecutor, ClusterError, DataError, StoreError) as error:
        failure = error
    if failure is None and (results := study.results()) and all(one.status == "refused" for one in results):
        return results[0].refusal
    if isinstance(failure, StoreError) and failure.kind == "missing":  # nothing of it is kept
        raise failure
    with last_words(words):
        if failure is None or not isinstance(failure, StoreError):
            results = study.results()
            _report(study, results, time.monotonic() - began, storage=storage, as_json=as_json)
    kept = f"{finished_words(study.sweep, results)}; what is finished is kept. Go on with: {again}"
    if isinstance(failure, StoreError):
        say(f"maml: {str(failure).rstrip('.')}. Every setting that was finished before is kept. Go on with: {again}")
        raise typer.Exit(BAD_FOLDER)
    if failure is not None:
        say(f"maml: {str(failure).rstrip('.')}. {kept}")
        raise typer.Exit(BAD_FOLDER)
    if caught:
        say(f"maml: stopped by {CALLED[caught[0]]}. {kept}")
        raise typer.Exit(EXIT + caught[0])
    return ""


def _again(study: SweepStudy, storage: str | None, workers: int | None, scheduler: str | None) -> str:
    """What to type to go on."""
    options = [] if workers is None else ["--workers", str(workers)]
    options += [] if scheduler is None else ["--scheduler", quoted(scheduler)]
    options += [] if study.code is None else ["--problem", study.code.name]
    return to_type("maml sweep --resume", study.name, storage, *options)


def _before(asked: SweepConfig, num_finished: int) -> str:
    axes = " x ".join(
        f"{len(axis.values)} {label(axis.name)}" if axis.values else label(axis.name) for axis in asked.axes
    )
    seeds = f", {asked.num_seeds} seeds each" if asked.num_seeds > 1 else ""
    done = f", {num_finished:,} of them finished" if num_finished else ""
    return f"{counted(asked.size, 'setting')} ({axes}){seeds}{done}; {counted(asked.num_steps, 'outer step')}; measuring some"


def _budget_words(need: Budget, at_once: int) -> str:
    groups = f" in {need.num_groups:,} groups" if need.num_groups > 1 else ""
    return (
        f"{counted(need.num_lanes, 'training')}{groups}: about {duration(need.seconds)} with {at_once} at work"
        f"{compiling_words(need)} ({1000 * need.step_s:.3g} ms an outer step of {counted(need.lanes_at_once, 'lane')})"
    )


def _report(
    study: SweepStudy, results: Sequence[SettingResult], seconds: float, *, storage: str | None, as_json: bool
) -> None:
    sentences = read(study.sweep, results)
    if as_json:
        best = best_of(study.sweep, results) if has_common_tasks(study.sweep) else None
        rows = table(study.sweep, results).to_dict("records")
        print_json(
            {
                "name": study.name,
                "storage": study.where,
                "sweep": sweep_to_dict(study.sweep),
                "num_finished": sum(one.is_finished for one in results),
                "num_refused": sum(one.status == "refused" for one in results),
                "best": None if best is None else best.number,
                "settings": rows,
                "reading": list(sentences),
                "seconds": seconds,
            }
        )
        return
    print_results(study.sweep, results)
    typer.echo("\n".join(sentences))
    typer.echo(
        f"Look closer with Optuna's tools, in {study.where}, or with: {to_type('maml sweeps show', study.name, storage)}"
    )
