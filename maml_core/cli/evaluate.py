"""`maml evaluate`: a saved run on held-out tasks."""

from __future__ import annotations

import dataclasses
import math
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maml_core.cli.console import ProblemOption, find_run, kept_runs, name_for_cli, percent, print_json
from maml_core.cli.fields import assigned, by_name, overlaid
from maml_core.cli.images import AnyImagesOption, with_images
from maml_core.cli.progress import counting
from maml_core.cli.tables import Column, print_table
from maml_core.config import FolderConfig, OmniglotConfig, PythonConfig, RunConfig, from_dict, replace, to_dict
from maml_core.divergence import DIVERGED_FACTOR
from maml_core.errors import ConfigError
from maml_core.memory import keep_freed_memory
from maml_core.own_failures import own_failures_said
from maml_core.records import Summary
from maml_core.rng import Stream
from maml_core.store import SavedRun, load_run
from maml_core.traits import TRAITS
from maml_core.values import written
from maml_core.wording import counted, loss_said

if TYPE_CHECKING:
    from rich.progress import Progress

    from maml_core.problem import Problem
    from maml_core.run_state import RunState

NUM_TASKS, NUM_IMAGE_TASKS = 10_000, 1_000


class HeldOut(StrEnum):
    """The split whose classes the tasks have."""

    VALIDATION = "meta_validation"
    TEST = "meta_test"


INSTEAD = {
    "shots": "--shots",
    "evaluation_tasks": "--tasks",
    "evaluation_steps": "--eval-steps",
    "evaluation_seed": "--seed",
    "tasks.folder": "--folder",
}
"""Settings that an evaluation has options for."""

OF_TRAINING_ALONE = ("labels",)
"""Settings of the tasks that no held-out task depends on."""

STREAMS = {HeldOut.VALIDATION: Stream.HELD_OUT_TASKS, HeldOut.TEST: Stream.TEST_TASKS}


def evaluate(
    run: Annotated[str, typer.Argument(help="Name or folder of a saved run.", autocompletion=kept_runs)],
    tasks: Annotated[
        int | None,
        typer.Option(
            help=f"How many held-out tasks, 2 to 100,000. (Default: {NUM_TASKS:,}, of images {NUM_IMAGE_TASKS:,}.)"
        ),
    ] = None,
    split: Annotated[
        HeldOut | None,
        typer.Option(
            help="Of whose classes the tasks are, where they have classes: those that settings are chosen on, or those of the final "
            "test. (Default: meta_validation.)"
        ),
    ] = None,
    shots: Annotated[
        list[int] | None,
        typer.Option(help="Support points per task; may be given several times. (Default: as in training.)"),
    ] = None,
    eval_steps: Annotated[int, typer.Option(help="Inner steps, 0 to 100; may be more than in training.")] = 10,
    seed: Annotated[int | None, typer.Option(help="Seed of the tasks. (Default: the run's evaluation seed.)")] = None,
    images_in: Annotated[
        str | None,
        typer.Option(
            "--folder",
            metavar="PATH",
            help="Where the run's folder of images lies now, if it was moved or is on another machine.",
        ),
    ] = None,
    at_step: Annotated[
        int | None,
        typer.Option(
            "--step",
            help="Outer step whose theta_0 is judged, with the settings of that time; maml runs states lists those that need no "
            "training again. (Default: the last.)",
        ),
    ] = None,
    any_images: AnyImagesOption = False,
    problem_name: ProblemOption = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Other tasks of the family than in training, for example tasks.amplitude=1,10, or another num_query or test_alpha; may be given "
            "several times.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Judge a saved run on held-out tasks.

    Its theta_0 is adapted to them; printed are the query loss, and the accuracy of classes, after each inner step.

    \b
    Examples:
      maml evaluate demo
      maml evaluate results/run-1 --tasks 2000 --shots 5 --shots 10 --eval-steps 20 --json
      maml evaluate demo --set tasks.amplitude=5,10 --set tasks.noise_std=0.3
      maml evaluate demo --step 500
    """
    given = assigned(assignments or [])
    folder = find_run(run)
    saved = load_run(folder)
    if problem_name is None:
        saved.need_settings("evaluated")
    elif not saved.own_problem:
        raise ConfigError("problem", problem_name, f"{saved.name} was trained on what its settings name; leave it out")
    elif "tasks" in given:
        raise ConfigError(
            "set", "tasks", "the tasks are those of your own problem, which have no such settings; leave it out"
        )
    saved = with_images(
        saved, folder=images_in, others=any_images, trains=False, again=f"maml evaluate {name_for_cli(folder)}"
    )
    if at_step is not None:
        saved = as_it_was(saved, at_step, problem_name)
    config = _on_other_tasks(saved.config, given)
    if split is not None and not config.classifies:
        raise ConfigError("split", split.value, "the tasks of this run have no classes to hold out; leave it out")
    held_out = split or HeldOut.VALIDATION
    if tasks is None:
        tasks = NUM_IMAGE_TASKS if config.classifies else NUM_TASKS
    asked = [
        replace(
            config,
            {
                "shots": count,
                "evaluation_tasks": tasks,
                "evaluation_steps": eval_steps,
                "evaluation_seed": config.evaluation_seed if seed is None else seed,
            },
        )
        for count in shots or [config.shots]
    ]

    import torch

    from maml_core.own_code import problem_named
    from maml_core.problem import build_problem
    from maml_core.state_bytes import check_state, state_from_bytes
    from maml_core.tasks.family import SPLITS
    from maml_core.tasks.given import TableTasks

    torch.set_num_threads(1)
    keep_freed_memory()
    state = state_from_bytes(saved.state)
    problem = build_problem(config, trained=saved.images) if problem_name is None else problem_named(problem_name)
    check_state(state, config, problem)
    with own_failures_said(problem_name), counting("tasks", tasks * len(asked)) as bar:
        summaries = [_evaluated(each, problem, state, bar, STREAMS[held_out]) for each in asked]

    rule = _rule(config, eval_steps)
    family = problem.at_test
    groups = len(family.splits[SPLITS[STREAMS[held_out]]]) if isinstance(family, TableTasks) else None
    if as_json:
        print_json(
            {
                "run": str(folder.absolute()),
                "step": saved.step,
                "algorithm": config.algorithm,
                "tasks": tasks,
                "seed": asked[0].evaluation_seed,
                **({"split": held_out.value} if config.classifies else {}),
                **({"groups": groups} if groups is not None else {}),
                "rule": rule,
                **({"set": dict(by_name(given))} if given else {}),
                "results": [
                    {"shots": each.shots}
                    | {name: values.tolist() for name, values in summary._asdict().items() if values is not None}
                    for each, summary in zip(asked, summaries, strict=True)
                ],
            }
        )
        return
    what = f"{tasks:,} held-out tasks" + (f" of {held_out.value}" if config.classifies else "")
    typer.echo(f"{folder.name}: {config.algorithm} after {counted(saved.step, 'outer step')}, {what}. {rule}")
    if groups is not None:
        typer.echo(
            f"They are draws of the {counted(groups, 'group')} of the table that {'is' if groups == 1 else 'are'} held out: the intervals are of these groups, "
            "and do not say how far others differ."
        )
    if given:
        typer.echo(f"Other than in training: {_differences(saved.config, given)}.")
    for each, summary in zip(asked, summaries, strict=True):
        _print_table(each, config, summary)
    typer.echo(
        "worse: the share of tasks whose loss is higher than before adaptation. diverged: not finite, or above "
        f"{DIVERGED_FACTOR:g} times the larger of the task's loss before adaptation and the loss of "
        f"{'guessing' if config.classifies else 'answering 0, mean over all tasks'}."
    )


def as_it_was(run: SavedRun, step: int, problem_name: str | None = None) -> SavedRun:
    """The run as it was after some of its outer steps; one with a problem of its own by the name of its code."""
    from maml_core.own_code import problem_named
    from maml_core.state_bytes import state_to_bytes
    from maml_core.store.travel import state_at

    problem = None if problem_name is None else problem_named(problem_name)
    config, state = state_at(run, step, problem=problem)
    return dataclasses.replace(run, config=config, state=state_to_bytes(state), step=step)


def _on_other_tasks(config: RunConfig, given: dict[str, Any]) -> RunConfig:
    """The set-up of a run with other tasks of its family.

    Raises:
        ConfigError: What is given is no setting of the tasks, or the network does not fit such tasks.
    """
    own = [f.name for f in dataclasses.fields(config.tasks) if f.name not in ("kind", *OF_TRAINING_ALONE)]
    # A run knows its images and classes by name: what shares these out would have no effect.
    names = [
        "num_query",
        "test_alpha",
        *(
            []
            if isinstance(config.tasks, OmniglotConfig | FolderConfig | PythonConfig)
            else (f"tasks.{n}" for n in own)
        ),
    ]
    for name, value in by_name(given):
        if name in INSTEAD:
            raise ConfigError(name, value, f"it has an option of its own here: {INSTEAD[name]}")
        if name not in names:
            accepted = (
                f"did you mean 'tasks.{name}'?"
                if f"tasks.{name}" in names
                else f"theta_0 was trained with what the run has; what can be another here: {', '.join(names)}"
            )
            raise ConfigError(name, value, accepted)
    # What is asked for here stands above what the run's own held-out tasks have.
    trained = to_dict(config)
    trained["tasks"] |= {f"test_{name}": None for name in given.get("tasks", {}) if f"test_{name}" in own}
    other = from_dict(overlaid(trained, given))
    for name, value in by_name(given):
        if (other.num_inputs, other.num_outputs) != (config.num_inputs, config.num_outputs):
            fits = f"{counted(config.num_inputs, 'input')} and {counted(config.num_outputs, 'output')}"
            raise ConfigError(
                name, value, f"the network of the run has {fits}, and such tasks need others; leave it out"
            )
    return other


def _differences(config: RunConfig, given: dict[str, Any]) -> str:
    """What is given, beside what a run was trained with."""
    trained = dict(by_name(to_dict(config)))
    return "; ".join(
        f"{name} = {written(value)} (trained with {written(trained[name])})" for name, value in by_name(given)
    )


def _evaluated(config: RunConfig, problem: Problem, state: RunState, bar: Progress, stream: Stream) -> Summary:
    from maml_core.evaluation import concatenated, in_groups, summarize
    from maml_core.evaluation import evaluate as evaluate_tasks
    from maml_core.run_state import rule

    how = rule(config, problem, state.meta)
    parts = []
    for part in in_groups(config, problem, stream=stream):
        parts.append(
            evaluate_tasks(state.meta.theta, part, problem=problem, num_steps=config.evaluation_steps, how=how)
        )
        bar.advance(bar.task_ids[0], len(part.parameters))
    return summarize(concatenated(parts))


def _rule(config: RunConfig, eval_steps: int) -> str:
    """How the inner loop goes on beyond the steps that were trained."""
    per_step = [
        name
        for name, used in (
            ("rates", config.per_step_rates),
            ("batch-norm scales and shifts", config.per_step_norm),
            ("running averages", config.per_step_statistics),
        )
        if used
    ]
    learns = TRAITS[config.algorithm].learns
    if learns == "rates":
        words = "every inner step uses the one learned rate of each parameter"
    elif config.per_step_rates:
        words = "each inner step uses its own learned rates"
    elif learns == "matrices":
        words = f"every inner step uses the learned matrices and alpha = {config.alpha_at_test:g}"
    else:
        words = f"every inner step uses alpha = {config.alpha_at_test:g}, those beyond N too"
    if per_step and eval_steps > config.num_inner_steps:
        words += f"; further steps repeat the last step's {', '.join(per_step)}"
    return f"Trained with N = {config.num_inner_steps}; {words}."


def _print_table(config: RunConfig, trained: RunConfig, summary: Summary) -> None:
    trained_at = "" if config.shots == trained.shots else f" (trained at {trained.shots})"
    what = "accuracy and query loss" if config.classifies else "query loss"
    columns: dict[str, list[str]] = {"inner step": [str(step) for step in range(len(summary.mean))]}
    if summary.accuracy is not None and summary.accuracy_ci95 is not None:
        columns["right ± 95% CI"] = [
            f"{percent(share)} ± {percent(ci95)}"
            for share, ci95 in zip(summary.accuracy, summary.accuracy_ci95, strict=True)
        ]
    columns["mean ± 95% CI"] = [
        f"{shown_loss(mean)} ± {shown_loss(ci95)}" if math.isfinite(mean) else shown_loss(mean)
        for mean, ci95 in zip(summary.mean, summary.ci95, strict=True)
    ]
    columns["median"] = [shown_loss(median) for median in summary.median]
    columns["worse"] = [percent(share) for share in summary.worse_share]
    columns["diverged"] = [percent(share) for share in summary.diverged_share]
    title = f"{counted(config.shots, 'shot')}{trained_at}: {what}"
    print_table(title, [Column(name, cells) for name, cells in columns.items()])


def shown_loss(value: float) -> str:
    """A loss with four digits behind the point, or as many as are worth reading.

    >>> shown_loss(0.51936), shown_loss(123_456.7), shown_loss(float("inf"))
    ('0.5194', '1.2346e+05', 'not finite')
    """
    if not math.isfinite(value):
        return loss_said(value)
    return f"{value:.4f}" if value < 1e5 else f"{value:.4e}"
