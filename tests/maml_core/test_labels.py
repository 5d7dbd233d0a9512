"""Labels of training tasks: fixed ones belong to their classes, held-out tasks are shuffled as ever, and what that teaches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from maml_core.config import GlyphsConfig, MLPConfig, RunConfig
from maml_core.evaluation import evaluate, summarize
from maml_core.problem import build_problem, held_out_tasks, training_tasks
from maml_core.rng import Stream
from maml_core.run_state import rule
from maml_core.runs import advance, init_run
from maml_core.tasks import Glyphs
from maml_core.tasks.pool import Pool
from tests.maml_core.helpers import same, tiny
from tests.maml_core.sweeps.helpers import lane_runs, single_run, trained
from tests.maml_core.test_pool import TRAIN, images_of, pool_of

GLYPHS: dict[str, Any] = {"shots": 1, "num_query": 2, "model": MLPConfig(hidden_widths=(6,))}


def pool(labels: Any, *, rotations: bool) -> Pool:
    return Pool(images_of(), pool_of().splits, rotations=rotations, labels=labels)


def labels_seen(source: Any, *, ways: int, among: int | None = None, stream: Stream = Stream.TRAINING_TASKS) -> Any:
    """By class the labels that it had, and the classes of all tasks."""
    found: dict[int, set[int]] = {}
    asked: dict[str, Any] = {"seed": 0, "stream": stream, "split": "meta_train", "ways": ways, "among": among}
    tasks = [source.draw(index=step, num_tasks=8, shots=1, num_query=1, **asked).classes for step in range(40)]
    for task in np.concatenate(tasks):
        assert len(set(task)) == ways
        for label, kind in enumerate(task.tolist()):
            found.setdefault(kind, set()).add(label)
    return found


@pytest.mark.parametrize("among", [None, 6])
@pytest.mark.parametrize("rotations", [False, True])
def test_a_class_of_files_has_one_label_with_all_its_turns(rotations: bool, among: int | None) -> None:
    found = labels_seen(pool("fixed", rotations=rotations), ways=3, among=among)
    assert all(len(labels) == 1 for labels in found.values())
    if among is None:
        assert len(found) == len(TRAIN) * (4 if rotations else 1)  # all take part
        classes = {kind % 7: labels for kind, labels in found.items()}
        assert all(found[kind] == classes[kind % 7] for kind in found)
    shuffled = labels_seen(pool("shuffled", rotations=rotations), ways=3, among=among)
    assert any(len(labels) > 1 for labels in shuffled.values())


@pytest.mark.parametrize("among", [None, 5])
def test_a_generated_class_has_one_label(among: int | None) -> None:
    found = labels_seen(Glyphs(GlyphsConfig(labels="fixed")), ways=4, among=among)
    assert all(labels == {kind % 4} for kind, labels in found.items())
    if among is not None:
        assert len(found) <= 4 * among


def test_held_out_tasks_are_shuffled_as_ever() -> None:
    fixed, shuffled = (tiny(tasks=GlyphsConfig(ways=3, labels=labels), **GLYPHS) for labels in ("fixed", "shuffled"))
    assert same(held_out_tasks(fixed, build_problem(fixed)), held_out_tasks(shuffled, build_problem(shuffled)))
    found = labels_seen(pool("fixed", rotations=False), ways=2, stream=Stream.PROBE)
    assert any(len(labels) > 1 for labels in found.values())


def test_lanes_have_the_tasks_of_their_single_runs() -> None:
    (config,) = lane_runs({}, tasks=GlyphsConfig(ways=3, labels="fixed"), num_training_tasks=4, **GLYPHS)
    found = trained((config, config), 5)
    np.testing.assert_allclose(found.query_loss[:, 1], single_run(config, 5).query_loss, rtol=1e-9)


@pytest.mark.thorough
@pytest.mark.slow
def test_with_fixed_labels_classes_are_learned_by_heart_instead_of_how_to_learn() -> None:
    """Yin et al. 2020: the training tasks are solved without a look at their support sets, and new ones are hardly learned."""
    found = {}
    for labels in ("shuffled", "fixed"):
        config = RunConfig(
            tasks=GlyphsConfig(labels=labels, difficulty=0.0),
            model=MLPConfig(hidden_widths=(64,)),
            alpha=0.1,
            beta=3e-3,
            shots=1,
            num_query=2,
            meta_batch_size=8,
            num_training_tasks=10,
            joint_baseline=False,
        )
        problem = build_problem(config)
        state, _ = advance(config, init_run(config), num_steps=300)
        how = rule(config, problem, state.meta)
        for name, tasks in (
            ("own", training_tasks(config, problem, 1000)),
            ("new", held_out_tasks(config, problem)),
        ):
            summary = summarize(evaluate(state.meta.theta, tasks, problem=problem, num_steps=1, how=how))
            assert summary.accuracy is not None
            found[labels, name] = summary.accuracy
    assert found["fixed", "own"][0] > 0.7 > 0.3 > found["shuffled", "own"][0]
    assert found["shuffled", "new"][1] - found["fixed", "new"][1] > 0.2
