"""`maml evaluate`: a saved run on held-out tasks."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from maml_core.cli.console import called, find_run, percent, print_json
from maml_core.cli.images import AnyImagesOption, with_images
from maml_core.cli.progress import counting
from maml_core.config import RunConfig, replace
from maml_core.errors import ConfigError
from maml_core.judging import DIVERGED_FACTOR
from maml_core.memory import keep_freed_memory
from maml_core.records import Summary
from maml_core.rng import Stream
from maml_core.store import load_run

if TYPE_CHECKING:
    from rich.progress import Progress

    from maml_core.problem import Problem
    from maml_core.runs import RunState

NUM_TASKS, NUM_IMAGE_TASKS = 10_000, 1_000


class HeldOut(StrEnum):
    """Of whose classes the tasks are."""

    VALIDATION = "meta_validation"
    TEST = "meta_test"


STREAMS = {HeldOut.VALIDATION: Stream.HELD_OUT_TASKS, HeldOut.TEST: Stream.TEST_TASKS}


def evaluate(
    run: Annotated[str, typer.Argument(help="Name or folder of a saved run.")],
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
    any_images: AnyImagesOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Adapt a run's theta_0 to held-out tasks and print the query loss, and the accuracy of classes, after each inner step.

    \b
    Examples:
      maml evaluate demo
      maml evaluate results/run-1 --tasks 2000 --shots 5 --shots 10 --eval-steps 20 --json
    """
    folder = find_run(run)
    saved = load_run(folder)
    saved.need_settings("evaluated")
    saved = with_images(
        saved, folder=images_in, others=any_images, trains=False, again=f"maml evaluate {called(folder)}"
    )
    config = saved.config
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

    from maml_core.problem import build_problem
    from maml_core.storage import check_state, state_from_bytes

    torch.set_num_threads(1)
    keep_freed_memory()
    state = state_from_bytes(saved.state)
    problem = build_problem(config, trained=saved.images)
    check_state(state, config, problem)
    with counting("tasks", tasks * len(asked)) as bar:
        summaries = [_evaluated(each, problem, state, bar, STREAMS[held_out]) for each in asked]

    rule = _rule(config, eval_steps)
    if as_json:
        print_json(
            {
                "run": str(folder.absolute()),
                "step": saved.step,
                "algorithm": config.algorithm,
                "tasks": tasks,
                "seed": asked[0].evaluation_seed,
                **({"split": held_out.value} if config.classifies else {}),
                "rule": rule,
                "results": [
                    {"shots": each.shots}
                    | {name: values.tolist() for name, values in summary._asdict().items() if values is not None}
                    for each, summary in zip(asked, summaries, strict=True)
                ],
            }
        )
        return
    what = f"{tasks:,} held-out tasks" + (f" of {held_out.value}" if config.classifies else "")
    typer.echo(f"{folder.name}: {config.algorithm} after {saved.step} outer steps, {what}. {rule}")
    for each, summary in zip(asked, summaries, strict=True):
        _print_table(each, config, summary)
    typer.echo(
        "worse: the share of tasks whose loss is higher than before adaptation. diverged: not finite, or above "
        f"{DIVERGED_FACTOR:g} times the larger of the task's loss before adaptation and the loss of "
        f"{'guessing' if config.classifies else 'answering 0, mean over all tasks'}."
    )


def _evaluated(config: RunConfig, problem: Problem, state: RunState, bar: Progress, stream: Stream) -> Summary:
    from maml_core.evaluation import evaluate as evaluate_tasks
    from maml_core.evaluation import in_groups, summarize, together
    from maml_core.runs import rule

    how = rule(config, problem, state.meta)
    parts = []
    for part in in_groups(config, problem, stream=stream):
        parts.append(
            evaluate_tasks(state.meta.theta, part, problem=problem, num_steps=config.evaluation_steps, **how._asdict())
        )
        bar.advance(bar.task_ids[0], len(part.parameters))
    return summarize(together(parts))


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
    if config.algorithm == "meta_sgd":
        words = "every inner step uses the one learned rate of each parameter"
    elif config.per_step_rates:
        words = "each inner step uses its own learned rates"
    elif config.algorithm == "meta_curvature":
        words = f"every inner step uses the learned matrices and alpha = {config.alpha:g}"
    else:
        words = f"every inner step uses alpha = {config.alpha:g}, those beyond N too"
    if per_step and eval_steps > config.num_inner_steps:
        words += f"; further steps repeat the last step's {', '.join(per_step)}"
    return f"Trained with N = {config.num_inner_steps}; {words}."


def _print_table(config: RunConfig, trained: RunConfig, summary: Summary) -> None:
    from rich.console import Console
    from rich.table import Table

    trained_at = "" if config.shots == trained.shots else f" (trained at {trained.shots})"
    what = "accuracy and query loss" if config.classifies else "query loss"
    table = Table(title=f"{config.shots} shots{trained_at}: {what}", title_justify="left")
    columns: dict[str, list[str]] = {"inner step": [str(step) for step in range(len(summary.mean))]}
    if summary.accuracy is not None and summary.accuracy_ci95 is not None:
        columns["right ± 95% CI"] = [
            f"{percent(share)} ± {percent(ci95)}"
            for share, ci95 in zip(summary.accuracy, summary.accuracy_ci95, strict=True)
        ]
    columns["mean ± 95% CI"] = [
        f"{mean:.4f} ± {ci95:.4f}" for mean, ci95 in zip(summary.mean, summary.ci95, strict=True)
    ]
    columns["median"] = [f"{median:.4f}" for median in summary.median]
    columns["worse"] = [percent(share) for share in summary.worse_share]
    columns["diverged"] = [percent(share) for share in summary.diverged_share]
    for name in columns:
        table.add_column(name, justify="right")
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    Console().print(table)
