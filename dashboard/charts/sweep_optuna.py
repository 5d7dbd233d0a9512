"""Optuna's own plots of some of a sweep's settings, in this page's colours. Nothing here imports streamlit."""

from __future__ import annotations

import html
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from dashboard.charts.basics import layout, verbatim
from dashboard.charts.symbols import plain
from dashboard.setups.setting_names import symbol
from dashboard.theme import Palette
from maml_core.sweeps.axes import Value
from maml_core.sweeps.comparing import task_axes
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.findings import importance_words, trust_words, why_no_importance
from maml_core.sweeps.importance import FEWEST_TOP, TOP_SHARE, importance
from maml_core.sweeps.results import SettingResult
from maml_core.values import shown
from maml_core.wording import counted

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
HELP: Mapping[OptunaPlot, str] = {
    "importance": "How well each axis tells the {first} tenth of these settings, of fewer than 30 the {first} three, from the others (PED-ANOVA). The shares add up to 1 where no axis matters, too: of "
    "100 settings a share is known to 0.4, of 1,000 to 0.15.",
    "parallel": "A line for each setting, through its values on every axis; its colour is its result.",
    "contour": "Results between the settings are interpolated: where there are no points, little is known.",
    "slice": "A point for each setting, against each axis by itself. The spread at one value is what the other axes do.",
}
"""Explanations of Optuna's plots, by their keys; `first` is from `first_among`."""
MIN_TRIALS = 4
"""Fewer say nothing of any of them."""
TINY_LOSS = 1e-12
"""A loss of nothing has no logarithm."""


def study_of(results: Sequence[SettingResult], sweep: SweepConfig) -> Study:
    """A study in memory with a trial for each finished setting, diverged ones at their cap; pruned ones are left out.

    A loss stands as its logarithm (`objective`): its cap is so much larger than what is looked for that nothing else would be seen. Where one is
    below 0, as a loss of one's own may be, all stand as they are.
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
    study.add_trials([_trial(result, space, log=_is_log(done, sweep)) for result in done])
    return study


def objective(sweep: SweepConfig, results: Sequence[SettingResult] = ()) -> str:
    """What a trial's value is, in the study of these results."""
    if sweep.maximises:
        return "held-out accuracy"
    return "log<sub>10</sub> held-out loss" if _is_log(results, sweep) else "held-out loss"


def _is_log(results: Sequence[SettingResult], sweep: SweepConfig) -> bool:
    """Whether results stand as their logarithms."""
    return not sweep.maximises and not any(
        result.value < 0.0 for result in results if result.status in ("ok", "diverged")
    )


def _distribution(values: Sequence[Value], *, log: bool) -> BaseDistribution:
    """What these values could have been drawn from: only then are they on an axis of numbers."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) < len(values):
        return CategoricalDistribution(list(dict.fromkeys(map(_word, values))))
    low, high = min(numbers), max(numbers)
    if all(isinstance(v, int) for v in numbers):
        return IntDistribution(int(low), int(high), log=log and low > 0)
    return FloatDistribution(float(low), float(high), log=log and low > 0)


def _trial(result: SettingResult, space: Mapping[str, BaseDistribution], *, log: bool) -> FrozenTrial:
    from optuna.trial import create_trial

    return create_trial(
        params={symbol(name): _drawn(result.values[name], distribution) for name, distribution in space.items()},
        distributions={symbol(name): distribution for name, distribution in space.items()},
        value=math.log10(max(result.value, TINY_LOSS)) if log else result.value,
        user_attrs={"setting": result.number},
    )


def _drawn(value: Value, distribution: BaseDistribution) -> Value:
    """A value as the plots have it: words and switches as everywhere, numbers as numbers."""
    from optuna.distributions import CategoricalDistribution

    return _word(value) if isinstance(distribution, CategoricalDistribution) else value


def _word(value: Value) -> str:
    """A value that is no number; Plotly reads HTML, which the name of a folder may look like."""
    return verbatim(shown(value))


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


def importance_trust(sweep: SweepConfig, results: Sequence[SettingResult]) -> str:
    """What of an importance is more than chance, and how many settings that rests on; why nothing is known of it, where nothing is.

    Args:
        sweep: That the results are of.
        results: The settings of the plot.
    """
    found = importance(sweep, results)
    if found is None:
        return why_no_importance(sweep)
    return " ".join([trust_words(found), *importance_words(sweep, found)])


def optuna_figure(plot: OptunaPlot, study: Study, palette: Palette, target_name: str, first: str = "best") -> go.Figure:
    """One of Optuna's plots.

    Args:
        plot: Which.
        study: From `study_of`; `why_not` says nothing against it.
        palette: Of the page.
        target_name: `objective`.
        first: From `first_among`.
    """
    import optuna
    import optuna.visualization as draw

    trials = study.get_trials(deepcopy=False)
    varied = [name for name in trials[0].params if len({trial.params[name] for trial in trials}) > 1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is experimental there
        match plot:
            case "importance":
                share = max(TOP_SHARE, FEWEST_TOP / len(trials))
                evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=share)
                figure = draw.plot_param_importances(study, evaluator, params=varied, target_name=target_name)
            case "parallel":
                figure = draw.plot_parallel_coordinate(study, params=varied, target_name=target_name)
            case "contour":
                figure = draw.plot_contour(study, params=varied, target_name=target_name)
            case "slice":
                figure = draw.plot_slice(study, params=varied, target_name=target_name)
    height = 110 + 56 * len(varied) if plot == "importance" else 420
    if plot == "importance":
        figure.update_layout(
            xaxis_title=f"share of what tells {the_best_of(len(trials), first)} from the others", yaxis_title=None
        )
    return _themed(figure, palette, height, maximises=_maximises(study))


def first_among(results: Sequence[SettingResult], sweep: SweepConfig) -> str:
    """What the first of these settings is called: of different held-out tasks, whose values do not compare, none is the best."""
    if all(len({result.values[name] for result in results}) < 2 for name in task_axes(sweep)):
        return "best"
    return "highest" if sweep.maximises else "lowest"


def the_best_of(num_settings: int, first: str = "best") -> str:
    """Whom Optuna's importance sets apart from the others: too few say nothing.

    >>> the_best_of(6), the_best_of(30)
    ('the best 3', 'the best tenth')
    """
    return f"the {first} tenth" if num_settings * TOP_SHARE >= FEWEST_TOP else f"the {first} {FEWEST_TOP}"


def optuna_table(plot: OptunaPlot, figure: go.Figure, study: Study) -> dict[str, list[str]]:
    """The numbers behind one of Optuna's plots as columns by their names, each a text that Streamlit may set: of importance a row an axis, the
    weightiest first, of the others a row a setting, the best first."""
    if plot == "importance":
        (bars,) = figure.select_traces(selector={"type": "bar"})
        shares = sorted(zip(bars.y, bars.x, strict=True), key=lambda pair: -pair[1])
        return {"axis": [plain(axis) for axis, _ in shares], "share": [f"{share:.0%}" for _, share in shares]}
    trials = sorted(study.get_trials(deepcopy=False), key=_result, reverse=_maximises(study))
    axes = {name: [plain(html.unescape(shown(trial.params[name]))) for trial in trials] for name in trials[0].params}
    results = [_result(trial) if _maximises(study) else 10.0 ** _result(trial) for trial in trials]
    settings = [str(trial.user_attrs["setting"]) for trial in trials]
    what = "held-out accuracy" if _maximises(study) else "held-out loss"
    return {"setting": settings, **axes, what: [f"{result:.3g}" for result in results]}


def optuna_words(table: Mapping[str, Sequence[str]], num_settings: int, first: str = "best") -> str:
    """What one of these plots shows, in a sentence that Streamlit may set, made of its table.

    >>> optuna_words({"axis": ["α", "β"], "share": ["90%", "10%"]}, 64)
    'Of what tells the best tenth from the others α has 90%, β 10%.'
    >>> optuna_words({"setting": ["3", "0"], "α": ["0.1", "0.2"], "held-out loss": ["0.5", "0.7"]}, 2)
    '2 settings; the best, number 3: held-out loss 0.5 at α 0.1.'

    Args:
        table: From `optuna_table`.
        num_settings: That the plot is of.
        first: From `first_among`.
    """
    rows = list(zip(*table.values(), strict=True))
    if "share" in table:
        (axis, share), *others = rows
        shares = ", ".join([f"{axis} has {share}", *(" ".join(row) for row in others)])
        return f"Of what tells {the_best_of(num_settings, first)} from the others {shares}."
    (_, number), *axes, (what, result) = zip(table, rows[0], strict=True)
    where = ", ".join(f"{plain(name)} {value}" for name, value in axes)
    return f"{counted(len(rows), 'setting')}; the {first}, number {number}: {what} {result} at {where}."


def _result(trial: FrozenTrial) -> float:
    assert trial.value is not None, "study_of gives every trial a value"
    return trial.value


def _maximises(study: Study) -> bool:
    return study.direction.name == "MAXIMIZE"


def _themed(figure: go.Figure, palette: Palette, height: int, *, maximises: bool) -> go.Figure:
    ours = layout(palette)
    shared: dict[str, Any] = {key: ours[key] for key in ("paper_bgcolor", "plot_bgcolor", "font", "hoverlabel")}
    figure.layout.template = {}  # an update would only add to Optuna's and Plotly's own
    figure.update_layout(title=None, margin={"l": 70, "r": 20, "t": 24, "b": 50}, height=height, **shared)
    lines = {
        "gridcolor": palette.grid,
        "linecolor": palette.grid,
        "zerolinecolor": palette.grid,
        "tickcolor": palette.grid,
    }
    title = {"color": palette.muted, "size": ours["font"]["size"], "family": ours["font"]["family"]}
    figure.update_xaxes(**lines, tickfont_color=palette.muted, title_font=title)
    figure.update_yaxes(**lines, tickfont_color=palette.muted, title_font=title)
    scale = palette.best_to_worst[::-1] if maximises else palette.best_to_worst
    colors = [[i / (len(scale) - 1), color] for i, color in enumerate(scale)]
    bar = {"outlinecolor": palette.grid, "tickfont": {"color": palette.muted}, "title": {"font": title}}
    figure.update_traces(
        selector={"type": "contour"}, colorscale=colors, reversescale=False, line_color=palette.grid, colorbar=bar
    )
    for trace in figure.select_traces(selector={"type": "scatter"}):
        _recolored(trace, palette, colors, bar)
    figure.for_each_annotation(
        lambda note: note.update(font={"color": palette.text, "size": ours["font"]["size"] - 1}, bgcolor=palette.page)
    )
    figure.for_each_shape(lambda shape: shape.update(line_color=palette.muted))
    figure.update_traces(selector={"type": "bar"}, marker_color=palette.theta_0)
    return figure


def _recolored(trace: go.Scatter, palette: Palette, colors: list[list[Any]], bar: Mapping[str, Any]) -> None:
    """One of Optuna's own traces in the page's colours: a setting's line by its result, the bar of these lines, or settings as points."""
    if trace.mode == "lines":  # it starts on the axis of results, which goes from 0 to 1
        trace.line.color = sample_colorscale(colors, float(trace.y[0]))[0]
    elif trace.marker.showscale and not any(isinstance(x, int | float | str) for x in trace.x):
        trace.update(marker={"colorscale": colors, "reversescale": False, "colorbar": dict(bar)})
    else:  # the order of the trials, which Optuna colours them by, says nothing
        outline = {"color": palette.page, "width": 0.5}
        trace.marker = {"color": palette.theta_0, "size": 7, "line": outline}
