"""What the charts show of a live run: a `LiveRun` in, the records of `info` out."""

from __future__ import annotations

import numpy as np

from dashboard.charts import AnyInfo
from dashboard.info import AdaptationInfo, FitInfo, GaugeInfo, Learner, LossInfo, PathInfo, Trajectory
from dashboard.live.run import LiveRun
from maml_core.records import Curvature, Summary

LEARNERS: tuple[Learner, ...] = ("maml", "joint", "random", "oracle", "scratch")


def infos(run: LiveRun) -> list[AnyInfo]:
    """The records of all charts that have something to show."""
    found = (loss_info(run), fit_info(run), adaptation_info(run), path_info(run), gauge_info(run))
    return [info for info in found if info is not None]


def loss_info(run: LiveRun) -> LossInfo:
    """The loss chart."""
    return LossInfo(
        curves=run.history.curves(),
        ghost=run.ghost,
        marks=run.marks,
        zero_level=run.levels.zero if run.levels else None,
        non_adapting_level=run.levels.non_adapting if run.levels else None,
    )


def fit_info(run: LiveRun) -> FitInfo | None:
    """The chart of theta_0 against theta_N."""
    fit = run.fit
    if fit is None:
        return None
    return FitInfo(
        grid=fit.grid,
        truth=fit.truth,
        curves=fit.curves,
        support_x=fit.support_x,
        support_y=fit.support_y,
        query_x=fit.query_x,
        query_y=fit.query_y,
        support_loss=fit.support_loss,
        query_loss=fit.query_loss,
        num_inner_steps=min(run.state_config.num_inner_steps, len(fit.curves) - 1),
        dead=fit.dead,
    )


def adaptation_info(run: LiveRun) -> AdaptationInfo:
    """The chart of held-out loss against the inner step."""
    return AdaptationInfo(
        num_inner_steps=run.state_config.num_inner_steps,
        trajectories={name: _trajectory(run.trajectories[name]) for name in LEARNERS if name in run.trajectories},
    )


def path_info(run: LiveRun) -> PathInfo | None:
    """The chart of inner paths."""
    if run.paths is None or run.plane is None:
        return None
    trail = (np.stack(run.thetas) - run.plane.origin) @ run.plane.basis.T
    return PathInfo(paths=run.paths.paths, trail=trail, explained=run.paths.explained)


def gauge_info(run: LiveRun) -> GaugeInfo | None:
    """The stability gauge."""
    if run.curvature is None:
        return None
    limit = Curvature.stability_limit
    return GaugeInfo(
        alpha=run.config.alpha,
        limit=limit(run.curvature.median),
        limit_low=limit(run.curvature.high),
        limit_high=limit(run.curvature.low),
    )


def _trajectory(summary: Summary) -> Trajectory:
    known = np.isfinite(summary.ci95)  # an infinite mean has no interval
    mean, ci95 = summary.mean, np.where(known, summary.ci95, 0.0)
    return Trajectory(
        mean=mean,
        low=np.where(known, np.maximum(mean - ci95, 1e-12), np.nan),
        high=np.where(known, mean + ci95, np.nan),
        median=summary.median,
        diverged_share=summary.diverged_share,
    )
