"""Optuna's own plots of some of a sweep's settings, in this page's colours. Nothing here imports streamlit."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import layout
from dashboard.sweeps.axes import symbol
from dashboard.theme import Palette
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.space import SweepConfig, Value

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

OptunaPlot = Literal["importance", "parallel", "contour", "slice"]
PLOTS: Mapping[OptunaPlot, str] = {
    "importance": "Importance",
    "parallel": "Parallel coordinates",
    "contour": "Contour",
    "slice": "Slices",
}
MIN_TRIALS = 4
"""Fewer say nothing of any of them."""
TINY_LOSS = 1e-12
"""A loss of nothing has no logarithm."""


def study_of(results: Sequence[SettingResult], sweep: SweepConfig) -> Study:
    """A study in memory with a trial for each finished setting, diverged ones at their cap; pruned ones are left out.

    A loss stands as its logarithm (`objective`): its cap is so much larger than what is looked for that nothing else would be seen.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize" if sweep.maximises else "minimize")
    done = [r for r in results if r.status in ("ok", "diverged") and np.isfinite(r.value)]
    space = (
        {axis.name: _distribution([r.values[axis.name] for r in done], log=axis.log) for axis in sweep.axes}
        if done
        else {}
    )
    study.add_trials([_trial(result, space, log=not sweep.maximises) for result in done])
    return study


def objective(sweep: SweepConfig) -> str:
    """What a trial's value is."""
    return "held-out accuracy" if sweep.maximises else "log<sub>10</sub> held-out loss"


def _distribution(values: Sequence[Value], *, log: bool) -> BaseDistribution:
    """What these values could have been drawn from: only then are they on an axis of numbers."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) < len(values):
        return CategoricalDistribution(list(dict.fromkeys(values)))
    low, high = min(numbers), max(numbers)
    if all(isinstance(v, int) for v in numbers):
        return IntDistribution(int(low), int(high), log=log and low > 0)
    return FloatDistribution(float(low), float(high), log=log and low > 0)


def _trial(result: SettingResult, space: Mapping[str, BaseDistribution], *, log: bool) -> FrozenTrial:
    from optuna.trial import create_trial

    return create_trial(
        params={symbol(name): result.values[name] for name in space},
        distributions={symbol(name): distribution for name, distribution in space.items()},
        value=math.log10(max(result.value, TINY_LOSS)) if log else result.value,
        user_attrs={"setting": result.number},
    )


def why_not(plot: OptunaPlot, study: Study) -> str:
    """Why there is nothing to plot yet, in a sentence; empty where there is."""
    trials = study.get_trials(deepcopy=False)
    if len(trials) < MIN_TRIALS:
        return f"Optuna's plots need at least {MIN_TRIALS} finished settings; {len(trials)} of these are finished."
    varied = [name for name in trials[0].params if len({trial.params[name] for trial in trials}) > 1]
    if plot == "contour" and len(varied) < 2:
        return "A contour plot needs two axes that vary among these settings."
    if not varied:
        return "These settings differ in nothing but their results."
    return ""


def optuna_figure(plot: OptunaPlot, study: Study, palette: Palette, target_name: str) -> go.Figure:
    """One of Optuna's plots.

    Args:
        plot: Which.
        study: From `study_of`; `why_not` says nothing against it.
        palette: Of the page.
        target_name: `objective`.
    """
    import optuna.visualization as draw

    trials = study.get_trials(deepcopy=False)
    varied = [name for name in trials[0].params if len({trial.params[name] for trial in trials}) > 1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is experimental there
        match plot:
            case "importance":
                figure = draw.plot_param_importances(study, params=varied, target_name=target_name)
            case "parallel":
                figure = draw.plot_parallel_coordinate(study, params=varied, target_name=target_name)
            case "contour":
                figure = draw.plot_contour(study, params=varied, target_name=target_name)
            case "slice":
                figure = draw.plot_slice(study, params=varied, target_name=target_name)
    height = 110 + 56 * len(varied) if plot == "importance" else 420
    return _themed(figure, palette, height, maximises=study.direction.name == "MAXIMIZE")


def _themed(figure: go.Figure, palette: Palette, height: int, *, maximises: bool) -> go.Figure:
    ours = layout(palette)
    shared: dict[str, Any] = {key: ours[key] for key in ("paper_bgcolor", "plot_bgcolor", "font", "hoverlabel")}
    figure.update_layout(template={}, title=None, margin={"l": 70, "r": 20, "t": 24, "b": 50}, height=height, **shared)
    lines = {
        "gridcolor": palette.grid,
        "linecolor": palette.grid,
        "zerolinecolor": palette.grid,
        "tickcolor": palette.grid,
    }
    figure.update_xaxes(**lines, tickfont_color=palette.muted, title_font_color=palette.muted)
    figure.update_yaxes(**lines, tickfont_color=palette.muted, title_font_color=palette.muted)
    scale = palette.best_to_worst[::-1] if maximises else palette.best_to_worst
    colors = [[i / (len(scale) - 1), color] for i, color in enumerate(scale)]
    figure.update_traces(selector={"type": "contour"}, colorscale=colors, reversescale=False, line_color=palette.grid)
    figure.update_traces(selector={"type": "parcoords"}, line={"colorscale": colors, "reversescale": False})
    figure.update_traces(selector={"type": "bar"}, marker_color=palette.theta_0)
    return figure
