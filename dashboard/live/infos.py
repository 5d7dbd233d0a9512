"""What the charts show of a live run: a `LiveRun` in, the records of `info` out."""

from __future__ import annotations

import math

import numpy as np

from dashboard.algorithms import name_of
from dashboard.charts import CHARTS, AnyInfo, ChartId
from dashboard.info import (
    AT_IDENTITY,
    AdaptationInfo,
    FitInfo,
    GaugeInfo,
    ImagesInfo,
    LayersInfo,
    Learner,
    Level,
    LossInfo,
    Metric,
    PathInfo,
    RatesInfo,
    Trajectory,
)
from dashboard.live.drawings import is_ink
from dashboard.live.run import LiveRun
from dashboard.live.seen import WeightsChart
from maml_core.config import ImageConfig, RunConfig, learns_rates
from maml_core.records import Curvature, ImageFit, InnerDescent, Levels, Summary, TaskFit

LEARNERS: tuple[Learner, ...] = ("maml", "joint", "random", "oracle", "scratch")


def infos(run: LiveRun) -> list[AnyInfo]:
    """The records of all charts that have something to show."""
    found = (
        loss_info(run),
        fit_info(run),
        images_info(run),
        adaptation_info(run),
        path_info(run),
        layers_info(run),
        gauge_info(run),
        rates_info(run),
    )
    return [info for info in found if info is not None]


def charts_of(config: RunConfig, weights_chart: WeightsChart = "path") -> tuple[ChartId, ...]:
    """The charts that a run has.

    Learned rates take the gauge's place, since there is no one alpha to be stable; images the curves'; paths and layers share one.
    """
    absent = {
        "gauge" if learns_rates(config) else "rates",
        "fit" if config.classifies else "images",
        "layers" if weights_chart == "path" else "path",
    }
    return tuple(chart for chart in CHARTS if chart not in absent)


def reference_levels(config: RunConfig, levels: Levels, metric: Metric) -> tuple[Level, ...]:
    """What the task family's curves are seen against, in one metric."""
    if isinstance(config.tasks, ImageConfig):  # a predictor that cannot adapt can only guess
        ways = config.tasks.ways
        guessing = 1.0 / ways if metric == "accuracy" else levels.non_adapting
        return (Level(name="guessing", value=guessing, meaning=f"Expected {metric} of guessing among {ways} classes"),)
    return (
        Level(name="always 0", value=levels.zero, meaning="Expected loss of the predictor that always answers 0"),
        Level(
            name="best fixed",
            value=levels.non_adapting,
            meaning="Expected loss of the best predictor that cannot adapt to the task",
        ),
    )


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
        metric=run.metric,
        curves=run.history.curves(run.metric),
        ghost=run.ghost.curves(run.metric),
        marks=run.marks,
        levels=reference_levels(run.config, run.levels, run.metric) if run.levels else (),
    )


def fit_info(run: LiveRun) -> FitInfo | None:
    """The chart of theta_0 against theta_N; None where x is an image, or has more than one number."""
    fit = run.seen.fit
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
    fit = run.seen.fit
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
        ink=is_ink(run.state_config.tasks),
        dead=fit.dead,
    )


def adaptation_info(run: LiveRun) -> AdaptationInfo:
    """The chart of held-out loss, or accuracy, against the inner step."""
    found = {name: _trajectory(line, run.metric) for name, line in run.seen.trajectories.items()}
    return AdaptationInfo(
        num_inner_steps=run.state_config.num_inner_steps,
        trajectories={name: found[name] for name in LEARNERS if name in found},
        algorithm=name_of(run.state_config),
        metric=run.metric,
    )


def path_info(run: LiveRun) -> PathInfo | None:
    """The chart of inner paths; None where that of the layers stands in its place."""
    if run.seen.paths is None or run.seen.plane is None or run.weights_chart != "path":
        return None
    trail = (np.stack(run.seen.thetas) - run.seen.plane.origin) @ run.seen.plane.basis.T
    return PathInfo(paths=run.seen.paths.paths, trail=trail, explained=run.seen.paths.explained)


def layers_info(run: LiveRun) -> LayersInfo | None:
    """The chart of the layers' moves; None where that of the inner paths stands in its place."""
    moves = run.seen.moves
    if moves is None or run.weights_chart != "layers":
        return None
    return LayersInfo(names=moves.layers, low=moves.low, median=moves.median, high=moves.high)


def gauge_info(run: LiveRun) -> GaugeInfo | None:
    """The stability gauge, without a limit until one was measured; None where the rates are learned."""
    if learns_rates(run.config):
        return None
    limit = Curvature.stability_limit
    shape = run.seen.curvature or Curvature(math.nan, math.nan, math.nan)
    return GaugeInfo(
        alpha=run.config.alpha,
        limit=limit(shape.median),
        limit_low=limit(shape.high),
        limit_high=limit(shape.low),
        descent=_descent(run),
        of={"anil": "of the head", "imaml": "of the proximal loss", "meta_curvature": AT_IDENTITY}.get(
            run.config.algorithm, ""
        ),
    )


def rates_info(run: LiveRun) -> RatesInfo | None:
    """The chart of learned rates; None where none are learned."""
    rates, shape = run.seen.rates, run.seen.curvature
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
        descent=_descent(run),
    )


def _descent(run: LiveRun) -> InnerDescent | None:
    """What was measured of the inner steps, if they are still these."""
    found = run.seen.descent
    now = (run.config.alpha, run.config.num_inner_steps)
    return found if found is not None and (found.alpha, found.num_steps) == now else None


def _trajectory(summary: Summary, metric: Metric) -> Trajectory:
    if metric == "accuracy":
        assert summary.accuracy is not None
        assert summary.accuracy_ci95 is not None
        mean, ci95 = summary.accuracy, summary.accuracy_ci95
        low, high = np.clip(mean - ci95, 0.0, 1.0), np.clip(mean + ci95, 0.0, 1.0)
        return Trajectory(
            mean=mean,
            low=low,
            high=high,
            diverged_share=summary.diverged_share,
            worse_share=summary.worse_share,
        )
    known = np.isfinite(summary.ci95)  # an infinite mean has no interval
    mean, ci95 = summary.mean, np.where(known, summary.ci95, 0.0)
    return Trajectory(
        mean=mean,
        low=np.where(known, np.maximum(mean - ci95, 1e-12), np.nan),
        high=np.where(known, mean + ci95, np.nan),
        median=summary.median,
        diverged_share=summary.diverged_share,
        worse_share=summary.worse_share,
    )
