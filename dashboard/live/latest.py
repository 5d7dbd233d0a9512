"""What was last seen of a run besides its curves and its viewers' tasks: each look asks for a part of it, and the rest stays as it was."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np

from dashboard.charts.results import EdgePoint
from maml_core.config import RunConfig
from maml_core.planes import Plane, Trail
from maml_core.records import (
    Curvature,
    Demonstration,
    InnerDescent,
    InnerPaths,
    LayerMoves,
    LearnedRates,
    Snapshot,
    Summary,
    View,
)

PATHS_REFIT_S = 2.5
"""Least time between two fits of the plane of the paths."""

MAX_TRAIL, MAX_TRAIL_BYTES = 256, 32 * 2**20
"""The trail of theta_0 keeps so many points, and no more memory."""


class Seen:
    """Newest looks at one run, from its start on; all parts are None or empty until they were looked at."""

    def __init__(self) -> None:
        self.trajectories: dict[str, Summary] = {}
        self.trajectories_at: int | None = None
        """Outer step of the run's own; None before they were looked at."""
        self.paths: InnerPaths | None = None
        self.moves: LayerMoves | None = None
        self.curvature: Curvature | None = None
        self.descent: InnerDescent | None = None
        self.rates: LearnedRates | None = None
        self.edge: list[EdgePoint] = []
        """alpha beside its limit at each look, thinned evenly."""
        self.plane: Plane | None = None
        """In which the paths are drawn; fitted again only when it explains them badly."""
        self.trail = Trail()
        """Where theta_0 has been, thinned evenly."""
        self._scratch_of: tuple[int, ...] | None = None
        """Shots, query points and inner steps at evaluation of the known losses from scratch; what else they depend on changes with a new
        run only.
        """
        self._fitted_explained = 0.0
        self._plane_fitted = -math.inf

    def view(
        self,
        looks: frozenset[str],
        now: float,
        *,
        tasks: tuple[Demonstration, ...],
        config: RunConfig,
        charts: Collection[str],
        scratch: bool,
        task_losses: bool = False,
    ) -> View:
        """What to ask for, for these kinds of looks (see `pacing`).

        Args:
            looks: Heavy kinds that are due, "joint" among them where the joint baseline's trajectory is.
            now: The clock.
            tasks: The demonstration tasks that are shown.
            config: The set-up that is asked for.
            charts: What is shown in the place of the parameters' movement: only that is computed.
            scratch: Training from scratch is asked for.
            task_losses: The run is compared with another one.
        """
        trajectories = "trajectories" in looks
        return View(
            tasks=tasks,
            trajectories=trajectories,
            joint_trajectory="joint" in looks,
            scratch=trajectories and scratch and self._scratch_of != _points(config),
            curvature="slow" in looks,
            rates=trajectories,
            moves="layers" in charts,
            paths="path" in charts,
            plane=None if self._plane_is_stale(now) else self.plane,
            previous_plane=self.plane,
            task_losses=task_losses,
        )

    def take(self, snapshot: Snapshot, now: float, *, config: RunConfig, computed: RunConfig, scratch: bool) -> None:
        """Take in what a look has found.

        Args:
            snapshot: What it has found.
            now: The clock.
            config: The set-up that is asked for by now.
            computed: The set-up that it was computed with.
            scratch: Training from scratch is still asked for.
        """
        if snapshot.trajectories:
            num_steps = len(snapshot.trajectories["maml"].mean)
            wanted = {"joint": config.joint_baseline, "scratch": scratch and self._scratch_of == _points(computed)}
            kept = {
                name: line
                for name, line in self.trajectories.items()
                if wanted.get(name, False) and len(line.mean) == num_steps
            }
            self.trajectories, self.trajectories_at = {**kept, **snapshot.trajectories}, snapshot.step
            if "scratch" in snapshot.trajectories:
                self._scratch_of = _points(computed)
        self.moves = snapshot.moves or self.moves
        if snapshot.curvature is not None:
            self.curvature, self.descent = snapshot.curvature, snapshot.descent
            self._remember(EdgePoint(step=snapshot.step, alpha=computed.alpha_at_test, curvature=snapshot.curvature))
        self.rates = snapshot.rates or self.rates
        if snapshot.paths is not None:
            self._take_paths(snapshot.paths, now)

    def forget_scratch(self) -> None:
        """Training from scratch is no longer shown."""
        self.trajectories.pop("scratch", None)
        self._scratch_of = None

    def _remember(self, point: EdgePoint) -> None:
        """Keep the gauge's history, thinned evenly."""
        if self.edge and self.edge[-1].step == point.step:
            self.edge.pop()
        self.edge.append(point)
        if len(self.edge) > MAX_TRAIL:
            self.edge = self.edge[:-1:2] + self.edge[-1:]

    def _plane_is_stale(self, now: float) -> bool:
        if self.plane is None or self.paths is None:
            return True
        return self.paths.explained < 0.5 * self._fitted_explained and now - self._plane_fitted >= PATHS_REFIT_S

    def _take_paths(self, paths: InnerPaths, now: float) -> None:
        if self.plane is None or not np.array_equal(paths.plane.basis, self.plane.basis):
            self.plane, self._fitted_explained = paths.plane, paths.explained
            self._plane_fitted = now
        self.paths = paths
        self.trail.add(paths.theta_0)
        if len(self.trail) > max(2, min(MAX_TRAIL, MAX_TRAIL_BYTES // paths.theta_0.nbytes)):
            self.trail.thin()


def _points(config: RunConfig) -> tuple[int, ...]:
    return config.shots, config.num_query, config.evaluation_steps
