"""Points of one's own on the server's side: what is refused, what the page is told, and when they go."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.live.own_points import own_points, takes_points, told
from dashboard.live.viewer import Viewer
from maml_core.config import GlyphsConfig, LinearConfig, RunConfig, SinusoidConfig
from maml_core.points import read_points

CURVES = RunConfig()


def message(text: str = "1 2\n3 4", **changes: Any) -> dict[str, Any]:
    return {"type": "own_points", "text": text, "hold_back": False, **changes}


def test_a_message_becomes_a_task() -> None:
    task = own_points(message("1 2\n3 4\n5 6", hold_back=True), CURVES)
    assert (task.support_y.tolist(), task.query_x.tolist()) == ([2.0, 4.0], [5.0])


@pytest.mark.parametrize("tasks", [GlyphsConfig(), LinearConfig(num_features=2)])
def test_a_run_of_other_tasks_takes_none(tasks: Any) -> None:
    config = RunConfig(tasks=tasks)
    assert not takes_points(config)
    assert told(None, config) is None
    with pytest.raises(ValueError, match="no curve over one x; choose sinusoids or lines"):
        own_points(message(), config)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"text": "1 2\n3 abc"}, "line 2: 'abc' is not a number"),
        ({"text": 5}, "reload the page"),
        ({"hold_back": "yes"}, "reload the page"),
    ],
)
def test_what_is_no_task_is_refused(said: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        own_points(message(**said), CURVES)


def test_the_page_is_told_what_was_read_and_on_what_the_loss_is_measured() -> None:
    assert told(None, CURVES) == {"active": False, "words": "", "back": "Back to sinusoids"}
    words = [
        (read_points("1 2\n3 4"), "2 points: all are examples (support), and no query loss is measured."),
        (
            read_points("a b\n1 2\n3 4\n5 6", hold_back=True),
            "3 points: 1 held back as test points (query), on which the query loss is measured. The first line names the columns. "
            "Outside of training: y reaches 6 (there −5 to 5).",
        ),
    ]
    for points, expected in words:
        assert told(points, CURVES) == {"active": True, "words": expected, "back": "Back to sinusoids"}
    lines = told(None, RunConfig(tasks=LinearConfig()))
    assert lines is not None
    assert lines["back"] == "Back to lines"


def test_they_stay_with_other_curves_and_go_where_they_cannot_be_a_task() -> None:
    viewer = Viewer()
    viewer.choose_points(read_points("1 2"))
    assert viewer.waits
    other = RunConfig(tasks=SinusoidConfig(amplitude=(1.0, 2.0)))
    viewer.leave(CURVES, other)
    viewer.leave(other, RunConfig(tasks=LinearConfig()))
    assert viewer.task.own is viewer.points is not None
    viewer.leave(CURVES, RunConfig(tasks=GlyphsConfig()))
    assert viewer.points is None
