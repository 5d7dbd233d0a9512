"""Points of one's own on the page: from a message to a task, and what the page is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maml_core.config import RunConfig
from maml_core.families.curves import CurveFamily
from maml_core.points import outside, read_points
from maml_core.records import OwnPoints
from maml_core.wording import counted


def takes_points(config: RunConfig) -> bool:
    """Whether a task of such a run can be points (x, y) of somebody's own."""
    return isinstance(config.tasks, CurveFamily) and config.num_inputs == 1


def own_points(message: Mapping[str, Any], config: RunConfig) -> OwnPoints:
    """The task of a page's message: `text` has a pair a line (`points.read_points`), `hold_back` keeps every third as a query.

    Raises:
        ValueError: It is not such a task, or none that the run's network can take.
        KeyError: It lacks one of the two.
    """
    if not takes_points(config):
        raise ValueError("a task of this run is no curve over one x; choose sinusoids or lines to use your own points")
    text, hold_back = message["text"], message["hold_back"]
    if not (isinstance(text, str) and isinstance(hold_back, bool)):
        raise ValueError("points of your own need a text and whether some are held back; reload the page")
    return read_points(text, hold_back=hold_back)


def told(points: OwnPoints | None, config: RunConfig) -> dict[str, Any] | None:
    """What the page needs for points of one's own; None where a run's tasks are of another kind."""
    if not isinstance(config.tasks, CurveFamily) or not takes_points(config):
        return None
    return {
        "active": points is not None,
        "words": "" if points is None else _words(points, config.tasks),
        "back": f"Back to {config.tasks.called.lower()}",
    }


def _words(points: OwnPoints, tasks: CurveFamily) -> str:
    """What was read, on which of it the loss is measured, and what lies where nothing was trained."""
    num_support, num_query = len(points.support_x), len(points.query_x)
    judged = "all are examples (support), and no query loss is measured"
    if num_query:
        judged = f"{num_query} held back as test points (query), on which the query loss is measured"
    left_out = " The first line names the columns." if points.header else ""
    return f"{counted(num_support + num_query, 'point')}: {judged}.{left_out} {outside(points.x, points.y, tasks)}".rstrip()
