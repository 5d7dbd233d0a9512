"""`maml train`: a run without a browser, saved as it goes."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from maml_core.chunks import ChunkRequest, ChunkResult, run_chunk
from maml_core.cli.console import (
    BAD_FOLDER,
    BAD_INPUT,
    OUTPUT,
    STOPPED,
    AssignmentsOption,
    PresetOption,
    ProblemOption,
    SchedulerOption,
    find_run,
    kept_runs,
    name_for_cli,
    print_json,
    say,
)
from maml_core.cli.fields import agreed, assigned, located, overlaid, preset, read_file, with_config_options
from maml_core.cli.images import AnyImagesOption, folder_of, introduce, with_images
from maml_core.cli.own_problem import of_problem
from maml_core.cli.progress import TrainingBar
from maml_core.cli.signals import CALLED, EXIT, caught_signals
from maml_core.cli.trained import DEFAULT_STEPS, as_plain, print_report, way_on
from maml_core.cluster import CHUNK_S as CLUSTER_CHUNK_S
from maml_core.cluster import open_executor
from maml_core.compiling import Compiler
from maml_core.config import CHANGEABLE, RunConfig, from_dict, to_dict
from maml_core.errors import ClusterError, ConfigError, DataError, StoreError
from maml_core.families.own import OwnCode
from maml_core.files import whole_path
from maml_core.memory import keep_freed_memory
from maml_core.moments import Moment, Moments, light, max_bytes
from maml_core.own_failures import own_failures_said
from maml_core.records import Entry, Records
from maml_core.store import RunStore, SavedRun, check_place, load_run, save_run, trained_alone
from maml_core.timeline import entries_from_list, entries_to_list
from maml_core.wording import counted

CHUNK_S = 0.2
"""Processor seconds between two looks at the clock, the signals and the progress bar; on a cluster they are further apart."""


@with_config_options
def train(
    *,
    steps: Annotated[
        int | None, typer.Option(help=f"Outer step to train to. (Default: {DEFAULT_STEPS} more than there are.)")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=OUTPUT, help="Name to keep the run under. (Default: the algorithm, the day and the time.)"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(rich_help_panel=OUTPUT, help="Folder to keep the run in, instead of under a name.")
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            autocompletion=kept_runs,
            help="Go on with a saved run, by name or folder. Settings that are given as well change from that step on; --folder says "
            "where its images lie now.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="TOML or JSON file of settings, with tables for tasks and model and a timeline. Options win over it."
        ),
    ] = None,
    preset_name: PresetOption = None,
    assignments: AssignmentsOption = None,
    save_every: Annotated[
        float, typer.Option(rich_help_panel=OUTPUT, help="Seconds between two saves while it trains.")
    ] = 60.0,
    force: Annotated[
        bool,
        typer.Option("--force", rich_help_panel=OUTPUT, help="Take the place of a run of this name or in this folder."),
    ] = False,
    any_images: AnyImagesOption = False,
    problem: ProblemOption = None,
    scheduler: SchedulerOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", rich_help_panel=OUTPUT, help="Print one JSON object at the end, on stdout.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", rich_help_panel=OUTPUT, help="Print the whole set-up as JSON and stop.")
    ] = False,
    given: dict[str, Any],
) -> None:
    """Train a run and save it.

    It can be evaluated, resumed or opened later. Ctrl-C saves and says how to go on; so do SIGTERM and the end of the terminal.

    \b
    Examples:
      maml train --preset "Fast demo" --steps 2000 --name demo
      maml train --algorithm fomaml -N 5 --alpha 0.01 --tasks linear
      maml train --config run.toml --beta 0.0005 --out results/run-1 --json
      maml train --resume demo --steps 4000 --alpha 0.01

    \b
    Exit codes: 0 done; 2 bad input; 3 diverged or dead (saved); 4 a damaged or
    foreign folder, a save that failed, or a scheduler that has gone (saved);
    130 Ctrl-C, 143 SIGTERM and 129 SIGHUP (saved).
    """
    if not save_every >= 0.0:
        raise ConfigError("save_every", save_every, "seconds from 0 on")
    given = located(agreed(given, assigned(assignments or [])))
    with contextlib.ExitStack() as stack:
        found = None
        if resume is None:
            start, timeline = _set_up(preset_name, config, given, problem)
        else:
            source = find_run(resume)
            if out is None and name is None and not dry_run:
                stack.enter_context(trained_alone(source))  # before it is read: nobody saves over what is read
            found = load_run(source)
            _check_problem(found, problem)
            folder_now, given = folder_of(given)
            again = f"maml train --resume {name_for_cli(source)}{_with(problem)}"
            found = with_images(found, folder=folder_now, others=any_images, trains=True, again=again)
            start, timeline = found.start, found.timeline + _changes(found, given)
        done = found.step if found else 0
        target = done + DEFAULT_STEPS if steps is None else steps
        if target <= done:
            raise ConfigError("steps", target, f"a whole number above {done}, the outer step that the run is at")
        if resume is None and (steps is not None or not dry_run):
            _check_reached(timeline, target)
        folder, new = _place(start, out, name, resume)
        if resume is not None and new and folder.exists() and folder.samefile(source):
            option = "out" if name is None else "name"
            raise ConfigError(option, name or str(out), f"the run goes on in its own place; leave --{option} out")
        if new:
            _check_place(folder, force=force)
        if dry_run:
            print_json(
                _without_nulls(to_dict(start)) | {"timeline": [_without_nulls(e) for e in entries_to_list(timeline)]}
            )
            return
        with _chunks(scheduler) as compute:
            with own_failures_said(problem):
                run = _begin(whole_path(folder).name, start, timeline, found, problem)
            if new:
                run = save_run(folder, run, new=not force)  # a folder that cannot be written is said now
                stack.enter_context(trained_alone(folder))
            chunk_s = CHUNK_S if scheduler is None else CLUSTER_CHUNK_S
            compiler = None
            if scheduler is None:
                compiler = Compiler()
                stack.callback(compiler.close)
            _train(
                run,
                folder,
                target,
                compute,
                compiler,
                problem=problem,
                chunk_s=chunk_s,
                save_every=save_every,
                as_json=as_json,
            )


def _set_up(
    preset_name: str | None, file: Path | None, given: dict[str, Any], problem: str | None
) -> tuple[RunConfig, tuple[Entry, ...]]:
    data = to_dict(preset(preset_name)) if preset_name is not None else {}
    lines: list[Any] = []
    if file is not None:
        settings, lines = read_file(file)
        data = overlaid(data, located(settings))
    own = None
    if problem is not None:
        from maml_core.own_code import tasks_named

        own = tasks_named(problem)
    start = of_problem(overlaid(data, given), given, own)
    return start, entries_from_list(lines, start=start)


def _check_problem(run: SavedRun, problem: str | None) -> None:
    """See that a saved run goes on with the kind of problem that it was trained with."""
    if problem is None:
        run.need_settings("trained on")
    elif not run.own_problem:
        raise ConfigError("problem", problem, f"{run.name} was trained on what its settings name; leave it out")


def _code(problem: str | None, run: SavedRun | None) -> OwnCode | None:
    """The named code, which must be of the problem that a saved run was begun with."""
    return None if problem is None else OwnCode(problem, () if run is None else run.first_losses)


def _with(problem: str | None) -> str:
    """What a command needs to name a problem again."""
    return "" if problem is None else f" --problem {problem}"


def _check_reached(timeline: tuple[Entry, ...], target: int) -> None:
    """See that training reaches the entries of its timeline: a change that never comes would be missed by nobody."""
    for number, entry in enumerate(timeline):
        if entry.step >= target:
            raise ConfigError(
                f"timeline[{number}].step",
                entry.step,
                f"an outer step below {target:,}, where training ends; give --steps above {entry.step:,}, or leave the entry out",
            )


def _changes(run: SavedRun, given: dict[str, Any]) -> tuple[Entry, ...]:
    """What the options ask of a saved run from its step on, as entries of its timeline."""
    wanted = from_dict(overlaid(to_dict(run.config), given))
    names = [f.name for f in dataclasses.fields(RunConfig) if getattr(wanted, f.name) != getattr(run.config, f.name)]
    for name in names:
        if name not in CHANGEABLE:
            raise ConfigError(
                name,
                to_dict(wanted)[name],
                f"the run has {to_dict(run.config)[name]!r}, and that cannot change while it trains; start a new run. "
                f"What can: {', '.join(sorted(CHANGEABLE))}",
            )
    entries = []
    if names:
        changes = {name: getattr(wanted, name) for name in names}
        entries.append(Entry(step=run.step, kind="change", changes=changes))
    if run.status.kind != "ok":
        entries.append(Entry(step=run.step, kind="resume"))
    return tuple(entries)


def _place(start: RunConfig, out: Path | None, name: str | None, resume: str | None) -> tuple[Path, bool]:
    """Where to save, and whether that must not take the place of a run."""
    if out is not None:
        return out, True
    if name is not None:
        return RunStore().folder(name), True
    if resume is not None:
        return find_run(resume), False
    now = datetime.now()
    # To a tenth of a millisecond, so that runs that are started together do not meet: with it a list of runs has the whole name at 80 columns.
    return RunStore().folder(f"{start.algorithm}-{now:%Y%m%d-%H%M%S}-{now.microsecond // 100:04d}"), True


def _check_place(folder: Path, *, force: bool) -> None:
    """See now, not after torch has been loaded, that a run can be saved there."""
    try:
        check_place(folder, new=not force)
    except StoreError as error:
        raise StoreError(error.kind, f"{error}, or add --force" if error.kind == "taken" else str(error)) from None


def _begin(
    name: str, start: RunConfig, timeline: tuple[Entry, ...], found: SavedRun | None, own: str | None
) -> SavedRun:
    """The run before it trains on. Every entry that lies ahead has been tried, so that what is refused leaves nothing behind."""
    import torch

    from maml_core.own_code import first_losses, problem_for
    from maml_core.problem import try_drawing
    from maml_core.runs import advance, apply_entry, init_run
    from maml_core.state_bytes import check_state, state_from_bytes, state_to_bytes
    from maml_core.tasks import images_of

    torch.set_num_threads(1)  # as in the workers: the bits of a sum depend on it
    keep_freed_memory()
    config = start if found is None else found.config
    images = None if found is None else found.images
    problem = problem_for(config, _code(own, found), images=images)
    if found is None:
        introduce(problem)
    try_drawing(config, problem)
    if found is None:
        state = init_run(start, problem=problem)
        _, nothing = advance(start, state, num_steps=0, problem=problem)
        run = SavedRun(
            name=name,
            start=start,
            config=start,
            timeline=timeline,
            records=nothing,
            state=state_to_bytes(state),
            step=state.step,
            status=state.status,
            images=images_of(problem.family),
            first_losses=() if own is None else first_losses(own),
        )
    else:
        state = state_from_bytes(found.state)
        check_state(state, found.config, problem)
        if state.step != found.step:
            raise StoreError(
                "damaged", f"the run is at step {found.step}, its state at {state.step}; load another copy"
            )
        run = dataclasses.replace(found, name=name, timeline=timeline)
    for entry in sorted(timeline, key=lambda entry: entry.step):
        if entry.step >= run.step:
            config, state = apply_entry(config, state, entry, problem=problem)
            try_drawing(config, problem)
    return run


@contextlib.contextmanager
def _chunks(scheduler: str | None) -> Iterator[Callable[[ChunkRequest], ChunkResult]]:
    """What computes chunks: this process, or a cluster."""
    if scheduler is None:
        yield run_chunk
        return
    executor = open_executor(scheduler)
    try:
        yield lambda request: executor.submit(run_chunk, request).result()
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _train(
    run: SavedRun,
    folder: Path,
    target: int,
    compute: Callable[[ChunkRequest], ChunkResult],
    compiler: Compiler | None,
    *,
    problem: str | None,
    chunk_s: float,
    save_every: float,
    as_json: bool,
) -> None:
    began = saved_at = time.monotonic()
    failure: StoreError | None = None
    lost: BrokenExecutor | ClusterError | DataError | ConfigError | None = None
    again = f"maml train --resume {name_for_cli(folder)}{_with(problem)}"
    turn = threading.Lock()
    """Held where the run moves on or is saved."""
    parts = [run.records]
    moments = Moments(max_bytes(run.start), run.moments)
    if run.step == 0 and not run.moments:
        moments.add(Moment(0, run.start, light(run.state), 0))

    def save() -> StoreError | None:
        """Save the run as it is now; another thread may ask for it where a step takes too long for a signal."""
        nonlocal run, parts
        with turn:
            parts = [Records.joined(parts)]
            run = dataclasses.replace(run, records=parts[0], moments=tuple(moments))
            try:
                save_run(folder, run, trains=True)
            except StoreError as error:
                return error
            return None

    words = f"What is saved goes on with: {again} --steps {target}"
    with caught_signals(words, rescue=save) as caught, TrainingBar(run.step, target) as bar:
        while not caught:
            request = ChunkRequest(
                config=run.config,
                state=run.state,
                timeline=run.timeline,
                num_steps=target - run.step,
                budget_s=chunk_s,
                images=run.images,
                code=_code(problem, run),
            )
            try:
                with own_failures_said(problem):
                    done = compute(request)
            except (BrokenExecutor, ClusterError, ConfigError, DataError) as error:  # or the images have gone meanwhile
                lost = error
                break
            assert done.records is not None
            with turn:
                parts.append(done.records)
                run = dataclasses.replace(
                    run,
                    config=done.config,
                    state=done.state,
                    step=done.step,
                    status=done.status,
                    timeline=run.timeline + done.entries,
                )
                moments.add(_moment(run, target))
            if compiler is not None:
                compiler.trained(done)
            bar.show(run.step, done.records)
            if run.step >= target or run.status.kind != "ok":
                break
            if time.monotonic() - saved_at >= save_every:
                unsaved, saved_at = save(), time.monotonic()
                if unsaved is not None and failure is None:
                    say(f"maml: {unsaved}. Training goes on, and saving is tried again every {save_every:g} s.")
                failure = unsaved
        failure = save()

    if as_json:
        place = {"folder": str(folder.absolute()), "saved": failure is None, "seconds": time.monotonic() - began}
        print_json(as_plain(run) | place)
    else:
        print_report(run, folder, saved=failure is None, options=_with(problem))
    if failure is not None:
        say(f"maml: {failure}. What was saved before goes on with: {again} --steps {target}")
        raise typer.Exit(BAD_FOLDER)
    if lost is not None:
        say(f"maml: {lost}. The run is saved at outer step {run.step}. Go on with: {again} --steps {target}")
        raise typer.Exit(BAD_INPUT if isinstance(lost, ConfigError) else BAD_FOLDER)
    if run.status.kind != "ok":
        say(f"maml: the run is {run.status.kind} after {counted(run.step, 'outer step')}. {run.status.sentence}")
        say(f"It is saved. {way_on(run, target, again)}")
        raise typer.Exit(STOPPED)
    if run.step < target:
        say(
            f"maml: stopped by {CALLED[caught[0]]} at outer step {run.step}, and saved. Go on with: {again} --steps {target}"
        )
        raise typer.Exit(EXIT + caught[0])


def _moment(run: SavedRun, target: int) -> Moment:
    """The run as it is now, to be kept."""
    until = run.step
    if run.step == target or run.status.kind != "ok":  # then what the timeline changes at this very step is changed
        until += 1
    acted = [entry for entry in run.timeline if entry.step < until and entry.kind != "rollback"]
    return Moment(run.step, run.config, light(run.state), len(acted))


def _without_nulls(data: dict[str, Any]) -> dict[str, Any]:
    """TOML has no null: a setting that is left out is none."""
    return {
        name: _without_nulls(value) if isinstance(value, dict) else value
        for name, value in data.items()
        if value is not None
    }
