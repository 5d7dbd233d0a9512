"""What the page's first minute shows: two starts on the same few points, and a classifier of characters before and after one inner step.

`python -m maml_core.lessons.first_minute FOLDER` writes both as JSON, from the runs in `assets/pretrained`; nobody has to wait for a worker
to see them. Tasks are taken as they are drawn, the first ones of the demonstration's stream, and none is picked.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from maml_core.config import RunConfig, replace
from maml_core.demonstration import task_fit
from maml_core.evaluation import evaluate, summarize
from maml_core.problem import Problem, build_problem, held_out_tasks
from maml_core.records import Bytes, Demonstration, ImageFit, TaskFit
from maml_core.run_state import Learner, first_learner, rule
from maml_core.state_bytes import state_from_bytes
from maml_core.store import load_run
from maml_core.threads import single_threaded

PRETRAINED = Path(__file__).parents[2] / "assets" / "pretrained"
NUM_CURVES, NUM_CHARACTERS = 20, 12
"""Tasks of each."""
ORDINARY_ALPHAS = (0.001, 0.003, 0.01, 0.02, 0.03, 0.05, 0.1)
"""Step sizes of which the ordinary start gets the best one: MAML's own was trained for."""
GRID = slice(None, None, 2)
"""Every other point of the curves that the page draws."""


@single_threaded
def two_starts(folder: Path = PRETRAINED / "sinusoid", num_tasks: int = NUM_CURVES) -> dict[str, Any]:
    """An ordinary start, random weights, and a trained theta_0 on the same tasks, each after 0..N gradient steps.

    Args:
        folder: A run of curves over one x.
        num_tasks: How many tasks.

    Returns:
        Plain values: ``alpha`` of both starts, the ``grid``, and for each of the ``tasks`` its points ``x`` and ``y``, its ``truth`` on the grid and for
        ``ordinary`` and ``maml`` the ``curves`` [N + 1, G] and how far they are ``off`` the truth, the root of the mean squared distance over the
        grid, [N + 1].
    """
    saved = load_run(folder)
    trained, problem = saved.config, build_problem(saved.config)
    starts = {"ordinary": first_learner(trained, problem), "maml": state_from_bytes(saved.state).meta}
    configs = {"ordinary": replace(trained, {"alpha": _best_alpha(trained, problem)}), "maml": trained}
    fits = {
        name: [_curve(configs[name], learner, problem, draw) for draw in range(num_tasks)]
        for name, learner in starts.items()
    }
    first = fits["maml"][0]
    return {
        "alpha": {name: config.alpha for name, config in configs.items()},
        "grid": _rounded(first.grid[GRID]),
        "tasks": [
            {
                "x": _rounded(fit.support_x),
                "y": _rounded(fit.support_y),
                "truth": _rounded(fit.truth[GRID]),
                **{name: _way(found[draw], trained.num_inner_steps) for name, found in fits.items()},
            }
            for draw, fit in enumerate(fits["maml"])
        ],
    }


def _best_alpha(config: RunConfig, problem: Problem) -> float:
    """The step size with which random weights come furthest in N steps, by the median loss of held-out tasks."""
    learner, tasks = first_learner(config, problem), held_out_tasks(config, problem, num_tasks=200)

    def loss(alpha: float) -> float:
        how = rule(replace(config, {"alpha": alpha}), problem, learner)
        found = evaluate(learner.theta, tasks, problem=problem, how=how, num_steps=config.num_inner_steps)
        return float(summarize(found).median[-1])

    return min(ORDINARY_ALPHAS, key=loss)


def _curve(config: RunConfig, learner: Learner, problem: Problem, draw: int) -> TaskFit:
    fit = task_fit(config, learner, Demonstration(draw=draw), problem)
    assert isinstance(fit, TaskFit)
    return fit


def _way(fit: TaskFit, num_steps: int) -> dict[str, Any]:
    curves = fit.curves[: num_steps + 1, GRID]
    off = np.sqrt(np.mean((curves - fit.truth[GRID]) ** 2, axis=1))
    return {"curves": [_rounded(curve) for curve in curves], "off": _rounded(off)}


@single_threaded
def characters(folder: Path = PRETRAINED / "glyphs", num_tasks: int = NUM_CHARACTERS) -> dict[str, Any]:
    """Tasks of unknown characters, an example of each and one drawing to name, with what a trained theta_0 says of it before and after N steps.

    Args:
        folder: A run of images with one example of each class.
        num_tasks: How many tasks.

    Returns:
        Plain values: the ``shape`` of an image (height, width), ``num_steps``, and for each of the ``tasks`` its ``examples``, one a class in their order, and
        its ``query``, each an image as base64 of its bytes (ink = 255), the ``right`` class, and the probabilities of the classes ``before`` and ``after``.
    """
    saved = load_run(folder)
    config, learner = saved.config, state_from_bytes(saved.state).meta
    problem, num_steps = build_problem(config), config.num_inner_steps
    chance = np.random.default_rng(0)
    shape: tuple[int, ...] = ()
    found = []
    for draw in range(num_tasks):
        fit = task_fit(config, learner, Demonstration(draw=draw), problem)
        assert isinstance(fit, ImageFit)
        shape = fit.image_shape[1:]
        asked = chance.integers(len(fit.query_labels))
        found.append(
            {
                "examples": [_image(fit.support_images[i]) for i in np.argsort(fit.support_labels)],
                "query": _image(fit.query_images[asked]),
                "right": int(fit.query_labels[asked]),
                "before": _rounded(fit.query_probabilities[0, asked]),
                "after": _rounded(fit.query_probabilities[num_steps, asked]),
            }
        )
    return {"shape": list(shape), "num_steps": num_steps, "tasks": found}


def _image(image: Bytes) -> str:
    return base64.b64encode(image.tobytes()).decode()


def _rounded(values: npt.NDArray[Any]) -> list[float]:
    return [round(float(value), 3) for value in values]


def write(folder: Path) -> None:
    """Write both into a folder."""
    for name, found in {"curves": two_starts(), "characters": characters()}.items():
        (folder / f"{name}.json").write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
