"""The newest losses of a sweep's settings, before its driver has them: of batches that are not through."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from dashboard.sweeps.pieces import Piece
from maml_core.config import RunConfig
from maml_core.sweeps.chunks import LanesResult
from maml_core.sweeps.definition import SweepConfig, lane_configs, refusal_of
from maml_core.sweeps.results import SettingResult

RECENT_STEPS = 10
"""Outer steps whose training losses stand in for a held-out loss that was not measured yet."""


class NewestLosses:
    """The newest loss of each setting that is under way, mostly of training."""

    def __init__(self) -> None:
        self.by_setting: dict[int, float] = {}
        """Mean over the lanes that a piece trained or judged, by the setting's number."""
        self._setting_of: dict[RunConfig, int] = {}

    def forget_lanes(self) -> None:
        """Ask anew which setting a lane is of: their set-ups have changed."""
        self._setting_of.clear()

    def number_lanes(self, sweep: SweepConfig, results: Sequence[SettingResult]) -> None:
        """Note which setting a lane is of; asked for once a setting."""
        known = set(self._setting_of.values())
        for result in results:
            if result.number not in known and not refusal_of(sweep, result.values):
                for config in lane_configs(sweep, result.values):
                    self._setting_of[config] = result.number

    def note(self, piece: Piece, result: LanesResult) -> None:
        """Note what a piece says of its lanes: their held-out losses, else their training losses."""
        losses = judged_losses(piece, result) if piece.lanes else recent_losses(result)
        seeds: dict[int, list[float]] = {}
        for lane, loss in losses.items():
            number = self._setting_of.get(piece.request.configs[lane])
            if number is not None:
                seeds.setdefault(number, []).append(loss)
        self.by_setting |= {number: sum(found) / len(found) for number, found in seeds.items()}


def judged_losses(piece: Piece, result: LanesResult) -> Mapping[int, float]:
    """Held-out loss after N inner steps of the lanes that a piece judged, by their place in the batch."""
    assert result.summaries is not None
    found = {
        lane: float(summary.mean[piece.request.configs[lane].num_inner_steps])
        for lane, summary in zip(result.lanes, result.summaries, strict=True)
    }
    return {lane: loss for lane, loss in found.items() if math.isfinite(loss)}


def recent_losses(result: LanesResult) -> Mapping[int, float]:
    """Mean training query loss of each lane over the chunk's last steps, by its place in the batch."""
    if not len(result.steps):
        return {}
    recent = np.asarray(result.query_loss)[-RECENT_STEPS:].mean(axis=0)
    return {lane: float(loss) for lane, loss in zip(result.query_lanes, recent, strict=True) if math.isfinite(loss)}
