"""`maml adapt`: a saved run's theta_0 on points of somebody's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from maml_core.cli.console import find_run, kept_runs, print_json
from maml_core.cli.evaluate import as_it_was, shown_loss
from maml_core.cli.tables import Column, print_table
from maml_core.config import replace
from maml_core.errors import ConfigError
from maml_core.families.curves import CurveFamily
from maml_core.points import MAX_POINTS, outside, read_points
from maml_core.records import Demonstration, OwnPoints, TaskFit, View
from maml_core.store import load_run
from maml_core.wording import counted

STDIN = "-"
"""The name of the file that stands for what is typed, or piped in."""


def adapt(
    run: Annotated[str, typer.Argument(help="Name or folder of a saved run.", autocompletion=kept_runs)],
    points: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help=f"A text file with one pair x, y a line, {MAX_POINTS} at most; a comma, a semicolon, a tab or blanks between them, and perhaps "
            "a first line with names. - reads what is piped in.",
        ),
    ],
    hold_back: Annotated[
        bool,
        typer.Option(
            "--hold-back",
            help="Keep every third point out of the support, as a query: without one there is no query loss.",
        ),
    ] = False,
    at: Annotated[
        list[float] | None,
        typer.Option(metavar="X", help="Where to predict; may be given several times. (Default: at the points.)"),
    ] = None,
    eval_steps: Annotated[
        int | None, typer.Option(help="Inner steps, 0 to 100. (Default: as in training.)", min=0, max=100)
    ] = None,
    at_step: Annotated[
        int | None,
        typer.Option(
            "--step", help="Outer step whose theta_0 adapts, with the settings of that time. (Default: the last.)"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Adapt a saved run to points of your own.

    Printed are the loss after each inner step, and what the network predicts before and after. The page has them under Your own points.

    \b
    Examples:
      maml adapt demo points.csv
      maml adapt demo points.csv --hold-back --eval-steps 10
      maml adapt demo points.csv --at 0 --at 2.5 --json
    """
    folder = find_run(run)
    saved = load_run(folder)
    saved.need_settings("adapted")
    tasks = saved.config.tasks
    if not isinstance(tasks, CurveFamily) or saved.config.num_inputs != 1:
        raise ConfigError("run", run, "its tasks are no curves over one x, so that points (x, y) are none of them")
    if at_step is not None:
        saved = as_it_was(saved, at_step)
    own = _read(points, hold_back)
    num_steps = saved.config.num_inner_steps if eval_steps is None else eval_steps
    config = replace(saved.config, {"evaluation_steps": num_steps})
    x = own.x if at is None else np.array(at)

    import torch

    from maml_core.prediction import predict
    from maml_core.problem import build_problem
    from maml_core.snapshots import snapshot
    from maml_core.state_bytes import check_state, state_from_bytes

    torch.set_num_threads(1)
    state = state_from_bytes(saved.state)
    problem = build_problem(config)
    check_state(state, config, problem)
    fit = snapshot(config, state, _view(own), problem=problem).fit
    assert isinstance(fit, TaskFit)  # of a family of curves over one x
    losses = {"support": fit.support_loss[: num_steps + 1]}
    if len(own.query_x):
        losses["query"] = fit.query_loss[: num_steps + 1]
    before, after = (
        predict(config, state, own.support_x, own.support_y, x, num_steps=steps).double().numpy()
        for steps in (0, num_steps)
    )
    beyond = outside(np.append(own.x, x), own.y, tasks)
    if as_json:
        print_json(
            {
                "run": str(folder.absolute()),
                "step": saved.step,
                "algorithm": config.algorithm,
                "num_support": len(own.support_x),
                "num_query": len(own.query_x),
                "outside": beyond,
                **{f"{name}_loss": loss.astype(float).tolist() for name, loss in losses.items()},
                "x": x.tolist(),
                "before": before.tolist(),
                "after": after.tolist(),
            }
        )
        return
    typer.echo(
        f"{folder.name}: {config.algorithm} after {counted(saved.step, 'outer step')}, adapted by {counted(num_steps, 'inner step')} to "
        f"{counted(len(own.support_x), 'point')}; {_judged(own)}. {beyond}".rstrip()
    )
    inner = [str(step) for step in range(num_steps + 1)]
    rows = [Column(f"{name} loss", [shown_loss(value) for value in loss]) for name, loss in losses.items()]
    print_table("Loss on your points", [Column("inner step", inner), *rows])
    part = ["support"] * len(own.support_x) + ["query"] * len(own.query_x)
    given = (
        [Column("point", part, is_text=True), Column("y", [f"{value:.6g}" for value in own.y])] if at is None else []
    )
    said = [
        Column(name, [f"{value:.6g}" for value in values]) for name, values in (("before", before), ("after", after))
    ]
    print_table("Predictions", [Column("x", [f"{value:.6g}" for value in x]), *given, *said])


def _view(own: OwnPoints) -> View:
    return View(tasks=(Demonstration(own=own),), trajectories=False, curvature=False, rates=False, paths=False)


def _judged(own: OwnPoints) -> str:
    count = len(own.query_x)
    return f"{count} held back as query" if count else "none is held back, so that there is no query loss"


def _read(name: str, hold_back: bool) -> OwnPoints:
    """The points of a file.

    Raises:
        ConfigError: It is not there, or not of such points.
    """
    try:
        text = sys.stdin.read() if name == STDIN else Path(name).expanduser().read_text(encoding="utf-8")
        return read_points(text, hold_back=hold_back)
    except FileNotFoundError:
        raise ConfigError("points", name, "there is no such file") from None
    except UnicodeDecodeError:
        raise ConfigError("points", name, "it is not a text in UTF-8; save it as CSV or text") from None
    except ValueError as error:
        raise ConfigError("points", name, str(error)) from None
