"""What the charts show of a live run to one of its viewers: a `LiveRun` and a `Viewer` in, `Results` and `Looks` out."""

from __future__ import annotations

from collections.abc import Mapping

from dashboard.charts.all import SHARING
from dashboard.charts.fit import family_axes
from dashboard.charts.loss import reference_levels
from dashboard.charts.phrases import loss_name
from dashboard.charts.results import EdgePoint, Learner, Metric, Now, Results, SecondLook
from dashboard.charts.style import Looks
from dashboard.live.held_out import curves
from dashboard.live.run import LiveRun
from dashboard.live.viewer import Viewer
from dashboard.setups.algorithms import name_of, own_rule
from maml_core.config import PythonConfig, RunConfig, at_test
from maml_core.families.curves import CurveFamily
from maml_core.records import Levels


def results(run: LiveRun, viewer: Viewer) -> Results:
    """What one of its viewers last saw of a run."""
    metric, then = viewer.metric(run.config), viewer.travel.shown
    seen, fit = (run.audience.seen, viewer.fit) if then is None else (viewer.travel.seen, viewer.travel.fit)
    apart = viewer.apart.shown
    near = _measured_near(run, then.step) if then is not None and seen.curvature is None else None
    own = viewer.aside.seen if viewer.aside is not None and then is None else seen
    paths, plane = own.paths, own.plane
    if apart is not None:
        fit, paths, plane = viewer.apart.fit, apart.step.paths, apart.step.paths.plane
    return Results(
        config=run.config,
        computed=run.state_config if then is None else then.config,
        metric=metric,
        weights_chart=viewer.weights_chart,
        withheld=viewer.guide.pupil.withheld if viewer.guide is not None else frozenset(),
        levels=run.levels,
        curves=curves(run, metric, stands=not run.playback.trains),
        ghosts=tuple(left.drawn(metric) for left in run.ghosts.all if left not in viewer.hidden),
        beside=viewer.second.beside(metric, viewer.task) if viewer.second is not None else None,
        marks=run.changes.marks.all,
        then=then.step if then is not None else None,
        now=None if then is None else _now(run, viewer),
        apart=apart,
        fit=fit,
        trajectories=seen.trajectories,
        paths=paths,
        plane=plane,
        trail=run.audience.seen.trail,
        moves=own.moves,
        curvature=near.curvature if near is not None else seen.curvature,
        curvature_at=near.step if near is not None and then is not None and near.step != then.step else None,
        descent=seen.descent,
        rates=seen.rates,
        edge=run.audience.seen.edge,
        looked=viewer.closer.looked,
        second=SecondLook(viewer.tasks_chart, viewer.second_closer.looked) if viewer.tasks_chart in SHARING else None,
    )


def _measured_near(run: LiveRun, step: int) -> EdgePoint | None:
    """What the gauge showed of a run nearest to an outer step; None where it showed nothing."""
    return min(run.audience.seen.edge, key=lambda point: abs(point.step - step), default=None)


def _now(run: LiveRun, viewer: Viewer) -> Now:
    return Now(
        num_inner_steps=run.state_config.num_inner_steps,
        fit=viewer.fit,
        trajectories=run.audience.seen.trajectories,
    )


def looks(
    config: RunConfig,
    levels: Levels,
    *,
    metric: Metric = "loss",
    scratch: bool = False,
    since: Mapping[Learner, int] | None = None,
    beside: str = "",
) -> Looks:
    """What the figures of a run depend on.

    Args:
        config: Its set-up.
        levels: The reference levels of its family.
        metric: What the curves show.
        scratch: Whether training from scratch is shown.
        since: The outer steps at which baselines began, if not with the run.
        beside: What the run that it is compared with is called; empty where there is none.
    """
    x, y = (0.0, 1.0), (-1.0, 1.0)  # images have no curves
    if isinstance(config.tasks, PythonConfig):
        x = config.tasks.x
    elif isinstance(config.tasks, CurveFamily):
        x, y = family_axes(at_test(config.tasks))
    learners: dict[Learner, bool] = {
        "maml": True,
        "random": True,
        "joint": config.joint_baseline,
        "oracle": config.oracle_baseline,
        "scratch": scratch,
    }
    return Looks(
        metric=metric,
        levels=reference_levels(config, levels, metric),
        loss_name=loss_name(config),
        x_range=x,
        y_range=y,
        learners=frozenset(name for name, shown in learners.items() if shown),
        algorithm=name_of(config),
        evaluation_steps=config.evaluation_steps,
        since=tuple(sorted((since or {}).items())),
        own_rule=own_rule(config),
        beside=beside,
    )
