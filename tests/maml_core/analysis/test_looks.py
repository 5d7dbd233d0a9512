"""Every measurement as a look at a run: none is forgotten, each looks at the run's own rule and tasks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import maml_core.analysis
from maml_core.analysis import looks
from maml_core.analysis.looks import CURVES, LOOKS, look_at_directions, look_at_loss_plane, sizes
from maml_core.analysis.spectrum import spectrum
from maml_core.problem import build_problem, held_out_tasks
from maml_core.run_state import first_learner, rule
from tests.maml_core.analysis.dense import SETUPS
from tests.maml_core.helpers import same, tiny

SMALL = CURVES._replace(
    batch_tasks=1,
    coherence_tasks=3,
    vector_tasks=5,
    plane_tasks=2,
    plane_resolution=2,
    spectrum_tasks=2,
    shift_tasks=2,
    asked_tasks=2,
)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "CURVES", SMALL)
    monkeypatch.setattr(looks, "IMAGES", SMALL)


def test_every_measurement_has_a_look() -> None:
    files = {path.stem for path in Path(maml_core.analysis.__file__).parent.glob("*.py")}
    measured = files - {"__init__", "angles", "looks"}
    assert {name.removesuffix("_changes").removesuffix("s") for name in measured} == {
        name.removesuffix("s")
        for name in LOOKS
        if name != "random_plane"  # the loss plane's own
    }


@pytest.mark.parametrize("name", LOOKS)
@pytest.mark.parametrize("setup", SETUPS)
def test_every_look_can_be_had_of_a_run(setup: str, name: str) -> None:
    config = SETUPS[setup]
    problem = build_problem(config)
    learner = first_learner(config, problem)
    if name == "label_orders" and not config.classifies:
        with pytest.raises(ValueError, match="tasks of classes"):
            LOOKS[name](config, problem, learner)
        return
    found = LOOKS[name](config, problem, learner)
    assert same(found, LOOKS[name](config, problem, learner))


def test_a_look_is_at_the_runs_own_rule_and_tasks() -> None:
    config = tiny(algorithm="anil", num_inner_steps=2, alpha=0.05)
    problem = build_problem(config)
    learner = first_learner(config, problem)
    tasks = held_out_tasks(config, problem, num_tasks=SMALL.spectrum_tasks)
    how = rule(config, problem, learner)
    assert how.names is not None
    assert same(
        looks.look_at_spectrum(config, problem, learner),
        spectrum(learner.theta, tasks, problem=problem, how=how, num_steps=2),
    )
    assert np.isnan(look_at_directions(config, problem, learner).cosine[2, :, 1]).all()


def test_imaml_is_compared_without_its_proximal_term() -> None:
    config = tiny(algorithm="imaml", alpha=0.02)
    problem = build_problem(config)
    found = look_at_directions(config, problem, first_learner(config, problem))
    assert np.isfinite(found.cosine).all()


def test_a_plane_may_be_random() -> None:
    config = tiny()
    problem = build_problem(config)
    learner = first_learner(config, problem)
    path, random = (
        look_at_loss_plane(config, problem, learner, directions=kind)  # type: ignore[arg-type]
        for kind in ("path", "random")
    )
    assert path.explained > random.explained


def test_images_are_looked_at_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    images, curves = sizes(SETUPS["conv"]), sizes(SETUPS["mlp"])
    assert all(few < many for few, many in zip(images, curves, strict=True))
