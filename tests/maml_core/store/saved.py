"""Runs to save, and what is compared of them, shared by the tests of run folders."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from maml_core.config import RunConfig
from maml_core.moments import Moment, light
from maml_core.records import Entry
from maml_core.runs import replay
from maml_core.state_bytes import state_to_bytes
from maml_core.store import SavedRun
from tests.maml_core.helpers import same, tiny


def trained(start: RunConfig, timeline: tuple[Entry, ...] = (), steps: int = 25, name: str = "a run") -> SavedRun:
    """A run that kept its first and its last state, and one between them where it took a step."""
    config, state, records = replay(start, timeline, num_steps=steps)
    kept = sorted({0, state.step // 2, state.step})
    return SavedRun(
        name=name,
        start=start,
        config=config,
        timeline=timeline,
        records=records,
        state=state_to_bytes(state),
        step=state.step,
        moments=tuple(moment_of(start, timeline, step) for step in kept),
        status=state.status,
    )


def moment_of(start: RunConfig, timeline: tuple[Entry, ...], step: int) -> Moment:
    config, state, _ = replay(start, timeline, num_steps=step)
    return Moment(step, config, light(state_to_bytes(state)), sum(entry.step <= step for entry in timeline))


TIMELINE = (
    Entry(step=9, kind="change", changes={"alpha": 0.05, "num_inner_steps": 2}),
    Entry(step=25, kind="change", changes={"clip_norm": 0.5}),
    Entry(step=40, kind="change", changes={"beta": 0.01, "clip_norm": None}),
)
RUN = trained(tiny(), TIMELINE)
OTHER = trained(tiny(alpha=0.03), steps=12)
NUM_FILES = 5
"""Files in the folder of each of them."""


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def unstamped(run: SavedRun) -> SavedRun:
    """A run without what `save_run` fills in."""
    return dataclasses.replace(run, created="", saved="", versions={})


def equal(a: SavedRun, b: SavedRun) -> bool:
    return all(same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(SavedRun))


CALLS = ("write", "fsync", "replace", "open", "mkdir")


class FullDisk:
    """Lets some calls to the system through, and then none that writes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, allowed: int, error: BaseException) -> None:
        self.calls = 0
        for name in CALLS:
            monkeypatch.setattr(os, name, self._limited(getattr(os, name), allowed, error))

    def _limited(self, real: Callable[..., Any], allowed: int, error: BaseException) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls > allowed:
                raise error
            return real(*args, **kwargs)

        return call
