"""`maml evaluate`: a saved run on held-out tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from maml_core.cli.console import find_run, print_json
from maml_core.cli.progress import counting
from maml_core.config import RunConfig, replace
from maml_core.memory import keep_freed_memory
from maml_core.records import Summary
from maml_core.store import load_run

if TYPE_CHECKING:
    from rich.progress import Progress

    from maml_core.runs import RunState

PART = 500
"""Tasks at once: bounds the memory, and is what the progress bar counts."""


def evaluate(
    run: Annotated[str, typer.Argument(help="Name or folder of a saved run.")],
    tasks: Annotated[int, typer.Option(help="How many held-out tasks, 2 to 100,000.")] = 10_000,
    shots: Annotated[
        list[int] | None,
        typer.Option(help="Support points per task; may be given several times. (Default: as in training.)"),
    ] = None,
    eval_steps: Annotated[int, typer.Option(help="Inner steps, 0 to 100; may be more than in training.")] = 10,
    seed: Annotated[int | None, typer.Option(help="Seed of the tasks. (Default: the run's evaluation seed.)")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Adapt a run's theta_0 to held-out tasks and print the query loss after each inner step.

    \b
    Examples:
      maml evaluate demo
      maml evaluate results/run-1 --tasks 2000 --shots 5 --shots 10 --eval-steps 20 --json
    """
    folder = find_run(run)
    saved = load_run(folder)
    config = saved.config
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
    check_state(state, config, build_problem(config))
    with counting("tasks", tasks * len(asked)) as bar:
        summaries = [_evaluated(each, state, bar) for each in asked]

    rule = _rule(config, eval_steps)
    if as_json:
        print_json(
            {
                "run": str(folder.absolute()),
                "step": saved.step,
                "algorithm": config.algorithm,
                "tasks": tasks,
                "seed": asked[0].evaluation_seed,
                "rule": rule,
                "results": [
                    {"shots": each.shots}
                    | {name: values.tolist() for name, values in summary._asdict().items() if values is not None}
                    for each, summary in zip(asked, summaries, strict=True)
                ],
            }
        )
        return
    typer.echo(f"{folder.name}: {config.algorithm} after {saved.step} outer steps, {tasks:,} held-out tasks. {rule}")
    for each, summary in zip(asked, summaries, strict=True):
        _print_table(each, config, summary)


def _evaluated(config: RunConfig, state: RunState, bar: Progress) -> Summary:
    from maml_core.evaluation import evaluate as evaluate_tasks
    from maml_core.evaluation import in_parts, summarize, together
    from maml_core.problem import build_problem, held_out_tasks
    from maml_core.runs import rule

    problem = build_problem(config)
    drawn = held_out_tasks(config, problem)
    parts = []
    for part in in_parts(drawn, PART):
        how = rule(config, problem, state.meta)
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
    table = Table(title=f"{config.shots} shots{trained_at}: query loss", title_justify="left")
    accuracies = (
        [] if summary.accuracy is None or summary.accuracy_ci95 is None else [summary.accuracy, summary.accuracy_ci95]
    )
    for name in ("inner step", *(["accuracy ± 95% CI"] if accuracies else []), "mean ± 95% CI", "median", "diverged"):
        table.add_column(name, justify="right")
    rows: list[Any] = list(zip(*summary[:4], *accuracies, strict=True))
    for step, (mean, ci95, median, diverged, *shares) in enumerate(rows):
        right = ["{:.1f} ± {:.1f}%".format(*(100 * share for share in shares))] if shares else []
        table.add_row(str(step), *right, f"{mean:.4f} ± {ci95:.4f}", f"{median:.4f}", f"{100 * diverged:.1f}%")
    Console().print(table)
