"""The chart of a task of classes of one's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dashboard.charts.all import charts_of, why_empty
from dashboard.charts.classes import CLASSES, ClassesInfo, classes_info, classes_layout
from dashboard.charts.results import Beside, Curves, Results
from dashboard.theme import LIGHT
from maml_core.class_fit import ClassFit
from maml_core.config import PythonConfig, RunConfig
from tests.dashboard.charts.infos import array, lines, ranges, subtitle, summary, update
from tests.dashboard.charts.infos import classes_info as some

CONFIG = RunConfig(tasks=PythonConfig(problem="mine:problem", num_outputs=3, classifies=True), num_inner_steps=1)
SAID = np.array([[[0.2, 0.5, 0.3], [0.4, 0.3, 0.3]], [[0.1, 0.2, 0.7], [0.9, 0.05, np.nan]]])
FIT = ClassFit(
    num_support=6,
    query_x=np.zeros((2, 4), dtype=np.float32),
    query_labels=np.array([2, 0]),
    query_probabilities=SAID.astype(np.float32),
    query_accuracy=array(0.5, 0.5),
    support_loss=array(1.0, 0.5),
    query_loss=array(1.1, 0.6),
    dead=False,
    vector=np.zeros(3, dtype=np.float32),
)


def info_of(**seen: object) -> ClassesInfo:
    found = classes_info(Results(config=CONFIG, computed=CONFIG, fit=FIT, **seen))
    assert found is not None
    return found


def test_test_points_stand_by_their_class_with_the_probability_of_it() -> None:
    info = info_of()
    assert (info.num_classes, info.num_support, info.num_inner_steps) == (3, 6, 1)
    np.testing.assert_array_equal(info.labels, [0, 2])
    np.testing.assert_allclose(info.own, [[0.4, 0.3], [np.nan, 0.7]], rtol=1e-6)
    np.testing.assert_array_equal(info.predicted, [[0, 1], [-1, 2]])
    np.testing.assert_allclose(info.places, [0.5, 2.5])
    np.testing.assert_allclose(some().places, [1 / 3, 2 / 3, 2.5])


def test_what_is_drawn() -> None:
    drawn = lines(some())
    np.testing.assert_allclose(drawn["theta_0"][1], [0.2, 0.4, 0.3])
    np.testing.assert_allclose(drawn["theta_N"][1], [0.6, 0.3, 0.9])
    np.testing.assert_allclose(drawn["wrong"], [[2 / 3], [0.3]])
    np.testing.assert_allclose(drawn["guessing"], [[0.0, 3.0], [1 / 3, 1 / 3]])
    assert "theta_k" not in drawn
    hovered = {trace: values.tolist() for trace, part, values in update(some()) if part == "customdata"}
    assert hovered == {"theta_0": [1, 1, -1], "theta_N": [0, 1, 2]}
    assert ranges(some()) == {"xaxis": [0.0, 3.0], "yaxis": [-0.04, 1.04]}


def test_what_is_said() -> None:
    assert subtitle(some()) == "0% right before, 67% after 1 inner step. Loss 1.3 → 0.7."
    assert "Named rightly before and after: class 0 0 and 1 of 2, class 2 0 and 1 of 1." in summary(some())
    assert "of 3 classes with 6 examples (support): 0% of 3 test points right before, 67% after" in summary(some())
    assert subtitle(some(num_inner_steps=0)) == "With N = 0 nothing adapts: the start (θ_0) has to serve every task."
    assert "θ_N is dead" in subtitle(some(dead=True))
    assert "67% after 1 inner step, second run 33%. Loss" in subtitle(some(beside=1 / 3))


def test_a_second_run_is_spoken_of_where_it_looks_at_the_same_task() -> None:
    other = FIT._replace(query_accuracy=array(0.25, 0.75))
    beside = Beside(curves=Curves(), adapted=None, fit=other, num_inner_steps=1)
    assert info_of(beside=beside).beside == 0.75
    elsewhere = replace(beside, fit=other._replace(query_x=np.ones((2, 4), dtype=np.float32)))
    assert info_of(beside=elsewhere).beside is None


@pytest.mark.parametrize(("count", "names"), [(3, ["0", "1", "2"]), (30, ["0", "3", "6"])])
def test_columns_have_the_numbers_of_their_classes_of_many_some(count: int, names: list[str]) -> None:
    shown = [one["text"] for one in classes_layout(count, LIGHT)["annotations"]]
    assert shown[:3] == names
    assert len(shown) <= 12


def test_the_columns_are_named_before_a_task_was_looked_at() -> None:
    assert CLASSES.patch(Results(config=CONFIG, computed=CONFIG), LIGHT) == classes_layout(3, LIGHT)
    assert CLASSES.patch(Results(config=RunConfig(), computed=RunConfig()), LIGHT) is None


def test_it_takes_the_place_of_the_curves_of_one_task() -> None:
    assert charts_of(CONFIG) == ("loss", "classes", "adaptation", "path", "gauge")
    assert why_empty(CONFIG) == {}
    binary = RunConfig(tasks=PythonConfig(problem="mine:problem", num_outputs=1, classifies=True))
    assert "With an output for each class this card shows" in why_empty(binary)["classes"]
