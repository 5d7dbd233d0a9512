"""What the charts show of a live run: a `LiveRun` in, the records of `info` out."""

from __future__ import annotations

import numpy as np

from dashboard.algorithms import name_of
from dashboard.charts import CHARTS, AnyInfo, ChartId
from dashboard.info import (
    AT_IDENTITY,
    AdaptationInfo,
    FitInfo,
    GaugeInfo,
    ImagesInfo,
    Learner,
    LossInfo,
    PathInfo,
    RatesInfo,
    Trajectory,
)
from dashboard.live.run import LiveRun
from maml_core.config import RunConfig, learns_rates
from maml_core.records import Curvature, ImageFit, Summary, TaskFit

LEARNERS: tuple[Learner, ...] = ("maml", "joint", "random", "oracle", "scratch")


def infos(run: LiveRun) -> list[AnyInfo]:
    """The records of all charts that have something to show."""
    found = (
        loss_info(run),
        fit_info(run),
        images_info(run),
        adaptation_info(run),
        path_info(run),
        gauge_info(run),
        rates_info(run),
    )
    return [info for info in found if info is not None]


def charts_of(config: RunConfig) -> tuple[ChartId, ...]:
    """The charts that a run has: learned rates take the gauge's place, since there is no one alpha to be stable; images the curves'."""
    absent = {"gauge" if learns_rates(config) else "rates", "fit" if config.classifies else "images"}
    return tuple(chart for chart in CHARTS if chart not in absent)


def why_empty(config: RunConfig) -> dict[ChartId, str]:
    """Charts that have nothing to show of such a run, each with the reason in a sentence."""
    if config.num_inputs == 1 or config.classifies:
        return {}
    return {
        "fit": f"A task of this family has {config.num_inputs} inputs: there is no curve over one x to draw. "
        "The other charts show how it adapts."
    }


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
    """The chart of theta_0 against theta_N; None where x is an image, or has more than one number."""
    fit = run.fit
    if not isinstance(fit, TaskFit):
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


def images_info(run: LiveRun) -> ImagesInfo | None:
    """The images of the demonstration task, and what theta_0..theta_K say of them; None where x is no image."""
    fit = run.fit
    if not isinstance(fit, ImageFit):
        return None
    return ImagesInfo(
        image_shape=fit.image_shape,
        class_names=fit.class_names,
        support_images=fit.support_images,
        support_labels=fit.support_labels,
        query_images=fit.query_images,
        query_labels=fit.query_labels,
        probabilities=fit.query_probabilities,
        support_loss=fit.support_loss,
        query_loss=fit.query_loss,
        filters=fit.filters,
        num_inner_steps=min(run.state_config.num_inner_steps, len(fit.query_probabilities) - 1),
        dead=fit.dead,
    )


def adaptation_info(run: LiveRun) -> AdaptationInfo:
    """The chart of held-out loss against the inner step."""
    return AdaptationInfo(
        num_inner_steps=run.state_config.num_inner_steps,
        trajectories={name: _trajectory(run.trajectories[name]) for name in LEARNERS if name in run.trajectories},
        algorithm=name_of(run.state_config),
    )


def path_info(run: LiveRun) -> PathInfo | None:
    """The chart of inner paths."""
    if run.paths is None or run.plane is None:
        return None
    trail = (np.stack(run.thetas) - run.plane.origin) @ run.plane.basis.T
    return PathInfo(paths=run.paths.paths, trail=trail, explained=run.paths.explained)


def gauge_info(run: LiveRun) -> GaugeInfo | None:
    """The stability gauge; None where the rates are learned."""
    if run.curvature is None or learns_rates(run.config):
        return None
    limit = Curvature.stability_limit
    return GaugeInfo(
        alpha=run.config.alpha,
        limit=limit(run.curvature.median),
        limit_low=limit(run.curvature.high),
        limit_high=limit(run.curvature.low),
        of={"anil": "of the head", "imaml": "of the proximal loss", "meta_curvature": AT_IDENTITY}.get(
            run.config.algorithm, ""
        ),
    )


def rates_info(run: LiveRun) -> RatesInfo | None:
    """The chart of learned rates; None where none are learned."""
    rates, shape = run.rates, run.curvature
    if rates is None or shape is None:
        return None
    limit = Curvature.stability_limit
    return RatesInfo(
        names=rates.names,
        low=rates.low,
        median=rates.median,
        high=rates.high,
        overall=rates.overall,
        start=run.config.alpha,
        limit=limit(shape.median),
        limit_low=limit(shape.high),
        limit_high=limit(shape.low),
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
