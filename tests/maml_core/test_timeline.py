"""Timelines as plain data: they come back, and what makes no sense is named by its place."""

from __future__ import annotations

from typing import Any

import pytest

from maml_core.config import RunConfig
from maml_core.errors import ConfigError
from maml_core.records import Entry
from maml_core.timeline import entries_from_list, entries_to_list

ENTRIES = (
    Entry(step=0, kind="change", changes={"alpha": 0.02, "clip_norm": None}),
    Entry(step=7, kind="rollback", changes={"to_step": 0}),
    Entry(step=7, kind="resume"),
    Entry(step=9, kind="branch"),
)


def test_a_timeline_comes_back() -> None:
    assert entries_from_list(entries_to_list(ENTRIES), start=RunConfig()) == ENTRIES


def test_a_line_without_a_kind_is_a_change() -> None:
    assert entries_from_list([{"step": 3, "changes": {"alpha": 0.1}}]) == (
        Entry(step=3, kind="change", changes={"alpha": 0.1}),
    )


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "timeline"),
        (None, "timeline"),
        (["alpha"], "timeline[0]"),
        ([{}], "timeline[0]"),
        ([{"step": 1, "changes": {}}, {"step": 1, "what": 2}], "timeline[1]"),
        ([{"step": -1}], "timeline[0].step"),
        ([{"step": True}], "timeline[0].step"),
        ([{"step": 1.5}], "timeline[0].step"),
        ([{"step": 1, "kind": "explode"}], "timeline[0].kind"),
        ([{"step": 1, "kind": ["change"]}], "timeline[0].kind"),
        ([{"step": 1, "changes": 3}], "timeline[0].changes"),
        ([{"step": 1, "changes": {"dtype": "float64"}}], "timeline[0].changes.dtype"),
        ([{"step": 1, "changes": {"alpha": -101.0}}], "timeline[0].changes.alpha"),
        ([{"step": 1, "kind": "resume", "changes": {"alpha": 1.0}}], "timeline[0].changes.alpha"),
        ([{"step": 1, "kind": "rollback"}], "timeline[0].changes.to_step"),
        ([{"step": 1, "kind": "rollback", "changes": {"to_step": -1}}], "timeline[0].changes.to_step"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_named(data: Any, field: str) -> None:
    with pytest.raises(ConfigError) as refused:
        entries_from_list(data, start=RunConfig())
    assert refused.value.field == field


def test_changes_are_checked_in_the_order_of_their_steps() -> None:
    """N = 0 comes before the change that would forbid it."""
    start = RunConfig(algorithm="reptile", num_inner_steps=1)
    late = {"step": 9, "changes": {"num_inner_steps": 0}}
    with pytest.raises(ConfigError, match=r"timeline\[0\]\.changes\.num_inner_steps"):
        entries_from_list([late, {"step": 3, "changes": {"alpha": 0.1}}], start=start)
    assert len(entries_from_list([late], start=RunConfig())) == 1
