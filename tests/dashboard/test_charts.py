"""Records to arrays, ranges and words exactly; figures by the names of their traces and axes."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from dashboard.charts import (
    CHARTS,
    AnyInfo,
    ChartId,
    Looks,
    chart_id,
    figure,
    figures_json,
    layers_layout,
    marks_layout,
    ranges,
    rates_layout,
    subtitle,
    summary,
    update,
)
from dashboard.info import (
    AT_IDENTITY,
    AdaptationInfo,
    Curves,
    FitInfo,
    GaugeInfo,
    LayersInfo,
    Level,
    LossInfo,
    Mark,
    PathInfo,
    RatesInfo,
    Trajectory,
)
from dashboard.theme import DARK, LIGHT
from maml_core.records import InnerDescent

REFERENCE = (
    Level(name="always 0", value=4.2517, meaning="zero"),
    Level(name="best fixed", value=3.0057, meaning="fixed"),
)
GUESSING = (Level(name="guessing", value=0.2, meaning="of 5 classes"),)
LEVELS = Looks(levels=REFERENCE)
SHARES = Looks(metric="accuracy", levels=GUESSING, loss_name="cross-entropy")

NAMES = {
    "loss": [
        "previous run",
        "previous run, before",
        "previous run, after",
        "training, raw",
        "training, smoothed",
        "held-out before",
        "held-out after",
        "now",
    ],
    "fit": ["query", "truth", "between", "θ<sub>0</sub>", "θ<sub>N</sub>", "θ<sub>k</sub>", "support"],
    "images": [],
    "adaptation": [
        "N",
        *["random start, 95% CI", "joint pretraining, 95% CI", "from scratch, 95% CI", "oracle, 95% CI"],
        "MAML's θ<sub>0</sub>, 95% CI",
        *["random start", "joint pretraining", "from scratch", "oracle", "MAML's θ<sub>0</sub>"],
    ],
    "path": ["trail of θ<sub>0</sub>", "inner steps", "θ<sub>N</sub>", "θ<sub>0</sub>"],
    "layers": ["10–90% of tasks", "inner steps", "θ<sub>N</sub>", "θ<sub>0</sub>"],
    "rates": [
        *["within the limit", "10–90% of tasks", "beyond the limit", "2/λ<sub>max</sub>"],
        *["α at the start", "10–90% of a tensor", "step to step", "learned rate"],
    ],
    "gauge": ["within the limit", "10–90% of tasks", "beyond the limit", "2/λ<sub>max</sub>", "α", "α"],
}
AXES = {
    "loss": ("outer step", "query loss (MSE)"),
    "fit": ("input x", "output y"),
    "images": (None, None),
    "adaptation": ("inner step", "held-out query loss (MSE)"),
    "path": ("main direction", "second direction"),
    "layers": ("layer", "distance from θ<sub>0</sub> / its length"),
    "gauge": (None, ""),
    "rates": ("parameter tensor", "inner step size"),
}


def array(*values: float | list[float]) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def loss_info(*, last: int = 400, after: float = 0.5, **more: object) -> LossInfo:
    curves = Curves(
        steps=array(0, 1, last),
        raw=array(4.0, 3.0, 0.6),
        smoothed_steps=array(0, last),
        smoothed=array(4.0, 0.7),
        held_out_steps=array(0, last),
        before=array(4.4, 3.6),
        after=array(3.9, after),
    )
    return LossInfo(**{"curves": curves, "levels": REFERENCE, **more})


def accuracy_info() -> LossInfo:
    curves = Curves(
        steps=array(0, 400),
        raw=array(0.0, 0.9),
        smoothed_steps=array(0, 400),
        smoothed=array(0.2, 0.612),
        held_out_steps=array(0, 400),
        before=array(0.2, 0.225),
        after=array(0.3, 0.75),
    )
    return LossInfo(metric="accuracy", curves=curves, levels=GUESSING)


def fit_info(n: int = 3) -> FitInfo:
    grid = np.linspace(-5, 5, 4)
    curves = np.arange(6)[:, None] + np.zeros(4)  # theta_k predicts k everywhere
    return FitInfo(
        grid=grid,
        truth=np.sin(grid),
        curves=curves,
        support_x=array(1, 2),
        support_y=array(3, 4),
        query_x=array(5),
        query_y=array(6),
        support_loss=1.0 / (1 + np.arange(6)),
        query_loss=2.0 / (1 + np.arange(6)),
        num_inner_steps=n,
    )


def trajectory(*mean: float, diverged: float = 0.0) -> Trajectory:
    line = array(*mean)
    return Trajectory(
        mean=line,
        low=line - 0.1,
        high=line + 0.1,
        median=line,
        diverged_share=np.full(len(line), diverged),
        worse_share=np.full(len(line), 1.2 * diverged),
    )


def adaptation_info(**more: object) -> AdaptationInfo:
    lines = {"maml": trajectory(4, 1, 0.5), "joint": trajectory(4, 3, 2.5), "random": trajectory(5, 4, 3.5)}
    return AdaptationInfo(**{"num_inner_steps": 1, "trajectories": lines, **more})


def shares_info(diverged: float = 0.0) -> AdaptationInfo:
    lines = {"maml": trajectory(0.2, 0.75, 0.8, diverged=diverged), "random": trajectory(0.2, 0.35, 0.4)}
    of_shares = {name: dataclasses.replace(line, median=None) for name, line in lines.items()}
    return AdaptationInfo(num_inner_steps=1, trajectories=of_shares, metric="accuracy")


def layers_info(*far: float) -> LayersInfo:
    """One inner step that moves the layers so far, by up to twice as much on some tasks."""
    moved = array([0.0] * len(far), list(far))
    names = (*(f"conv {layer + 1}" for layer in range(len(far) - 1)), "head")
    return LayersInfo(names=names, low=moved, median=moved, high=2 * moved)


def path_info(scale: float = 1.0) -> PathInfo:
    paths = scale * np.array([[[1.0, 1.0], [2.0, 1.0]], [[1.0, 1.0], [1.0, 3.0]]])
    return PathInfo(paths=paths, trail=scale * np.array([[0.0, 0.0], [1.0, 1.0]]), explained=0.83)


def gauge_info(alpha: float = 0.01, limit: float = 0.2) -> GaugeInfo:
    return GaugeInfo(alpha=alpha, limit=limit, limit_low=limit / 2, limit_high=limit * 2)


def rates_info(**more: object) -> RatesInfo:
    """Three steps of two tensors, one rate each."""
    rates = array([0.02, -0.01], [0.03, 0.0], [0.04, 0.01])
    found = {"low": rates, "median": rates, "high": rates, "overall": 0.015, "start": 0.02}
    limits = {"limit": 0.2, "limit_low": 0.1, "limit_high": 0.4}
    return RatesInfo(**{"names": ("w0", "b0"), **found, **limits, **more})


INFOS: list[AnyInfo] = [
    *[loss_info(), accuracy_info(), fit_info(), adaptation_info(), shares_info(), path_info(), layers_info(0.1, 0.5)],
    *[gauge_info(), rates_info()],
]
EMPTY: list[AnyInfo] = [
    LossInfo(),
    fit_info(0),
    AdaptationInfo(num_inner_steps=0, trajectories={}),
    PathInfo(paths=np.zeros((0, 1, 2)), trail=np.zeros((0, 2)), explained=0.0),
    layers_info(0.0, 0.0),
    layers_info(np.inf, np.inf),
    dataclasses.replace(layers_info(0.1, 0.5), low=np.zeros((1, 2)), median=np.zeros((1, 2)), high=np.zeros((1, 2))),
    gauge_info(np.nan, np.inf),
]


def lines(info: AnyInfo) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    found: dict[int, dict[str, np.ndarray]] = {}
    for trace, axis, values in update(info):
        found.setdefault(trace, {})[axis] = values
    return {trace: (axes["x"], axes["y"]) for trace, axes in found.items()}


# --- Figures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chart", CHARTS)
def test_figure_has_its_traces_and_axes(chart: ChartId) -> None:
    drawn = figure(chart, LIGHT, LEVELS)
    assert [trace.name for trace in drawn.data] == NAMES[chart]
    assert (drawn.layout.xaxis.title.text, drawn.layout.yaxis.title.text) == AXES[chart]
    assert all(len(trace.x) == 0 for trace in drawn.data)
    assert drawn.layout.uirevision == "maml"


@pytest.mark.parametrize("chart", CHARTS)
def test_both_themes_have_the_same_traces(chart: ChartId) -> None:
    light, dark = (figure(chart, palette, LEVELS) for palette in (LIGHT, DARK))
    assert [trace.name for trace in light.data] == [trace.name for trace in dark.data]
    assert light.layout.font.color != dark.layout.font.color


def test_figures_json_is_plain_json() -> None:
    figures = figures_json(LEVELS)
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert {theme: tuple(charts) for theme, charts in figures.items()} == {"light": CHARTS, "dark": CHARTS}


def test_an_idea_has_one_colour_on_all_charts() -> None:
    colors: dict[str, set[str]] = {}
    for chart in CHARTS:
        for trace in figure(chart, LIGHT, LEVELS).data:
            if trace.name in ("θ<sub>0</sub>", "held-out before"):
                colors.setdefault("theta_0", set()).add(trace.line.color or trace.marker.color)
            if trace.name in ("θ<sub>N</sub>", "held-out after", "MAML's θ<sub>0</sub>"):
                colors.setdefault("theta_N", set()).add(trace.line.color or trace.marker.color)
    assert colors == {"theta_0": {LIGHT.theta_0}, "theta_N": {LIGHT.theta_N}}


def test_levels_are_drawn_where_they_are() -> None:
    drawn = figure("loss", LIGHT, LEVELS)
    assert [shape.y0 for shape in drawn.layout.shapes] == [4.2517, 3.0057]
    assert [note.text for note in drawn.layout.annotations] == ["always 0: 4.25", "best fixed: 3.01"]
    # A shape on a log axis takes the value, an annotation its logarithm.
    assert [note.y for note in drawn.layout.annotations] == pytest.approx(np.log10([4.2517, 3.0057]))
    assert not figure("loss", LIGHT, Looks()).layout.shapes


def test_what_guessing_reaches_is_drawn_on_either_axis() -> None:
    shares = figure("loss", LIGHT, SHARES).layout
    assert [(shape.y0, shape.y1) for shape in shares.shapes] == [(0.2, 0.2)]
    assert [(note.text, note.y) for note in shares.annotations] == [("guessing: 20%", 0.2)]
    losses = figure("loss", LIGHT, Looks(levels=(Level(name="guessing", value=np.log(5), meaning=""),))).layout
    assert [(note.text, note.y) for note in losses.annotations] == [("guessing: 1.61", math.log10(np.log(5)))]


@pytest.mark.parametrize(
    ("chart", "title", "axis"),
    [
        ("loss", "Accuracy while meta-training", "query accuracy"),
        ("adaptation", "Adapting to held-out tasks", "held-out query accuracy"),
    ],
)
def test_accuracies_have_an_axis_of_their_own(chart: ChartId, title: str, axis: str) -> None:
    losses, shares = (figure(chart, LIGHT, looks) for looks in (LEVELS, SHARES))
    assert [trace.name for trace in shares.data] == [trace.name for trace in losses.data]
    assert (shares.layout.meta["title"], shares.layout.yaxis.title.text) == (title, axis)
    assert (losses.layout.yaxis.type, shares.layout.yaxis.type) == ("log", None)
    assert shares.layout.yaxis.tickformat == ".0%"
    assert shares.layout.uirevision != losses.layout.uirevision  # or a zoom into losses would stay
    drawn = {trace.name: trace for trace in shares.data}
    assert {drawn[name].hovertemplate for name in drawn if drawn[name].hovertemplate} == {"%{y:.1%}"}


def test_the_loss_is_named_by_what_it_is() -> None:
    looks = Looks(loss_name="cross-entropy")
    assert figure("loss", LIGHT, looks).layout.yaxis.title.text == "query loss (cross-entropy)"
    assert figure("adaptation", LIGHT, looks).layout.yaxis.title.text == "held-out query loss (cross-entropy)"


def test_the_fit_chart_takes_its_axes_from_the_levels() -> None:
    drawn = figure("fit", LIGHT, dataclasses.replace(LEVELS, x_range=(-1.0, 2.0), y_range=(-3.0, 4.0)))
    assert (drawn.layout.xaxis.range, drawn.layout.yaxis.range) == ((-1.0, 2.0), (-3.0, 4.0))


def test_an_unknown_chart_is_named() -> None:
    with pytest.raises(ValueError, match="'loss_curve'"):
        figure("loss_curve", LIGHT, LEVELS)  # type: ignore[arg-type]


# --- Arrays -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("info", [*INFOS, *EMPTY], ids=lambda info: type(info).__name__)
def test_update_fits_the_figure(info: AnyInfo) -> None:
    traces = len(figure(chart_id(info), LIGHT, LEVELS).data)
    for trace, (x, y) in lines(info).items():
        assert 0 <= trace < traces
        assert x.shape == y.shape
        assert x.dtype == y.dtype == np.float32
        assert x.flags.c_contiguous
        assert y.flags.c_contiguous
        assert not np.isinf(y).any()


def named(info: AnyInfo) -> dict[str, list[list[float]]]:
    names = NAMES[chart_id(info)]
    return {names[trace]: [x.tolist(), y.tolist()] for trace, (x, y) in lines(info).items()}


def test_loss_arrays() -> None:
    ghost = Curves(
        smoothed_steps=array(0, 9), smoothed=array(3, 2), held_out_steps=array(5), before=array(4), after=array(1)
    )
    drawn = named(loss_info(ghost=ghost, after=0.5))
    assert drawn["previous run"] == [[0, 9], [3, 2]]
    assert drawn["previous run, before"] == [[5], [4]]
    assert drawn["previous run, after"] == [[5], [1]]
    assert drawn["held-out after"] == [[0, 400], pytest.approx([3.9, 0.5])]
    assert drawn["now"] == [[400, 400, 400], pytest.approx([0.7, 3.6, 0.5])]


def test_fit_arrays() -> None:
    drawn = named(fit_info(n=3))
    assert drawn["θ<sub>0</sub>"][1] == [0, 0, 0, 0]
    assert drawn["θ<sub>N</sub>"][1] == [3, 3, 3, 3]
    assert "θ<sub>k</sub>" not in drawn
    assert drawn["support"] == [[1, 2], [3, 4]]
    np.testing.assert_array_equal(drawn["between"][1], [1, 1, 1, 1, np.nan, 2, 2, 2, 2])


@pytest.mark.parametrize("n", [0, 1])
def test_no_steps_between(n: int) -> None:
    assert named(fit_info(n=n))["between"] == [[], []]


def test_only_some_of_many_steps_between_are_drawn() -> None:
    info = dataclasses.replace(fit_info(), curves=np.arange(21)[:, None] + np.zeros(4), num_inner_steps=20)
    values = np.array(named(info)["between"][1])
    picked = np.unique(values[~np.isnan(values)])
    assert len(picked) == 8
    assert (picked[0], picked[-1]) == (1, 19)


def test_adaptation_arrays() -> None:
    drawn = named(adaptation_info())
    assert drawn["MAML's θ<sub>0</sub>"] == [[0, 1, 2], [4, 1, 0.5]]
    assert drawn["MAML's θ<sub>0</sub>, 95% CI"][0] == [0, 1, 2, 2, 1, 0]
    assert drawn["MAML's θ<sub>0</sub>, 95% CI"][1] == pytest.approx([3.9, 0.9, 0.4, 0.6, 1.1, 4.1])
    assert drawn["N"][0] == [1, 1]


def test_the_legend_names_whoever_is_there() -> None:
    def named_in_legend(levels: Looks) -> list[str]:
        return [t.name for t in figure("adaptation", LIGHT, levels).data if t.showlegend is not False]

    assert named_in_legend(Looks()) == ["random start", "joint pretraining", "MAML's θ<sub>0</sub>"]
    some = Looks(learners=frozenset({"maml", "scratch", "oracle"}))
    assert named_in_legend(some) == ["from scratch", "oracle", "MAML's θ<sub>0</sub>"]


def test_a_diverging_line_leaves_the_chart_and_its_band_ends() -> None:
    drawn = named(adaptation_info(trajectories={"maml": trajectory(4, np.inf, np.nan)}))
    mean = drawn["MAML's θ<sub>0</sub>"][1]
    assert mean[1] == 1e9
    assert np.isnan(mean[2])
    assert drawn["MAML's θ<sub>0</sub>, 95% CI"][0] == [0, 0]
    assert drawn["joint pretraining"] == [[], []]


def test_path_arrays() -> None:
    drawn = named(path_info())
    np.testing.assert_array_equal(drawn["inner steps"], [[1, 2, np.nan, 1, 1], [1, 1, np.nan, 1, 3]])
    assert drawn["θ<sub>N</sub>"] == [[2, 1], [1, 3]]
    assert drawn["θ<sub>0</sub>"] == [[1], [1]]


def test_each_tensor_of_learned_rates_has_a_column_with_its_steps() -> None:
    drawn = named(rates_info())
    assert drawn["learned rate"] == [
        pytest.approx([0.25, 0.5, 0.75, 1.25, 1.5, 1.75]),
        pytest.approx([0.02, 0.03, 0.04, -0.01, 0.0, 0.01]),
    ]
    np.testing.assert_allclose(drawn["step to step"][1], [0.02, 0.03, 0.04, np.nan, -0.01, 0.0, 0.01], rtol=1e-6)
    assert drawn["α at the start"] == [[0, 2], pytest.approx([0.02, 0.02])]
    assert drawn["10–90% of tasks"] == [[0, 2, 2, 0], pytest.approx([0.1, 0.1, 0.4, 0.4])]
    assert drawn["10–90% of a tensor"] == [[], []]


def test_the_spread_of_a_tensors_rates_is_a_bar() -> None:
    low, median, high = (array([0.01 + shift, 0.02]) for shift in (-0.02, 0.0, 0.03))
    drawn = named(rates_info(low=low, median=median, high=high))
    assert drawn["10–90% of a tensor"] == [[0.5, 0.5], pytest.approx([-0.01, 0.04])]
    assert drawn["learned rate"][0] == [0.5, 1.5]
    assert drawn["step to step"] == [[], []]


def test_the_rates_axis_holds_negative_rates_and_keeps_still() -> None:
    first = ranges(rates_info())
    assert first["xaxis"] == [0, 2]
    assert first["yaxis"][0] < -0.01
    assert first["yaxis"][1] > 0.04
    moved = array([0.02, -0.011], [0.03, 0.0], [0.041, 0.01])
    assert ranges(rates_info(low=moved, median=moved, high=moved), first) == first
    grown = 10 * moved
    assert ranges(rates_info(low=grown, median=grown, high=grown), first)["yaxis"][1] > 0.4


def test_tensors_are_named_below_their_columns() -> None:
    notes = rates_layout(("w0", "b0"), LIGHT)["annotations"]
    assert [(note["text"], note["x"]) for note in notes] == [("w0", 0.5), ("b0", 1.5)]
    many = [f"{letter}{layer}" for layer in range(9) for letter in "wb"]
    assert [note["text"] for note in rates_layout(many, LIGHT)["annotations"]] == [f"w{layer}" for layer in range(9)]


def test_the_run_is_called_by_its_algorithm_and_plain_baselines_say_so() -> None:
    own = figure("adaptation", LIGHT, Looks(algorithm="ANIL", own_rule="only the head adapts"))
    names = [trace.name for trace in own.data if trace.showlegend is not False]
    assert names == ["random start, plain α", "joint pretraining, plain α", "ANIL's θ<sub>0</sub>"]
    assert own.layout.xaxis.title.text == "inner step (only the head adapts)"


def test_accuracy_arrays() -> None:
    drawn = named(accuracy_info())
    assert drawn["training, smoothed"] == [[0, 400], pytest.approx([0.2, 0.612])]
    assert drawn["now"] == [[400, 400, 400], pytest.approx([0.612, 0.225, 0.75])]
    assert named(shares_info())["MAML's θ<sub>0</sub>"] == [[0, 1, 2], pytest.approx([0.2, 0.75, 0.8])]
    assert named(shares_info())["joint pretraining"] == [[], []]


def test_layers_arrays() -> None:
    drawn = named(layers_info(0.0, 0.5))  # the body stands still
    assert drawn["θ<sub>0</sub>"] == [pytest.approx([1 / 3, 4 / 3]), [0, 0]]
    assert drawn["θ<sub>N</sub>"] == [pytest.approx([2 / 3, 5 / 3]), [0, 0.5]]
    np.testing.assert_allclose(drawn["inner steps"], [[1 / 3, 2 / 3, np.nan, 4 / 3, 5 / 3], [0, 0, np.nan, 0, 0.5]])
    np.testing.assert_allclose(drawn["10–90% of tasks"], [[5 / 3, 5 / 3], [0.5, 1.0]])


def test_layers_are_named_under_their_columns() -> None:
    def texts(names: list[str]) -> list[tuple[float, str]]:
        return [(note["x"], note["text"]) for note in layers_layout(names, LIGHT)["annotations"]]

    assert texts(["hidden 1", "head"]) == [(0.5, "hidden 1"), (1.5, "head")]
    assert [name for _, name in texts([*"abcdefg", "head"])] == ["b", "d", "f", "head"]


def test_gauge_zones_meet() -> None:
    zones = [y for _, y in list(lines(gauge_info(alpha=0.05)).values())]
    np.testing.assert_allclose(zones[0], [1e-9, 1e-9, 0.1, 0.1])
    np.testing.assert_allclose(zones[1], [0.1, 0.1, 0.4, 0.4])
    np.testing.assert_allclose(zones[2][:2], [0.4, 0.4])
    np.testing.assert_allclose(zones[5], [0.05])


# --- Ranges -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("info", [*INFOS, *EMPTY], ids=lambda info: type(info).__name__)
def test_ranges_are_finite_and_stay_for_the_same_record(info: AnyInfo) -> None:
    first = ranges(info)
    for low, high in first.values():
        assert np.isfinite([low, high]).all()
        assert low < high
    assert ranges(info, first) == first


def test_the_step_axis_grows_in_round_jumps() -> None:
    assert [ranges(loss_info(last=last))["xaxis"][1] for last in (1, 99, 100, 101, 450, 70_000)] == [
        50,
        100,
        100,
        200,
        500,
        100_000,
    ]


def test_a_long_ghost_does_not_squeeze_a_young_run() -> None:
    ghost = Curves(steps=array(0, 20_000), raw=array(1, 1))
    assert ranges(loss_info(last=20, ghost=ghost))["xaxis"] == [0, 500]
    assert ranges(loss_info(last=400, ghost=Curves(steps=array(0, 900), raw=array(1, 1))))["xaxis"] == [0, 1000]


def test_the_loss_axis_is_calm() -> None:
    first = ranges(loss_info(after=0.5))
    assert first["yaxis"] == [-0.5, 1.0]
    assert ranges(loss_info(after=0.4), first) == first
    lower = ranges(loss_info(after=0.01), first)
    assert lower["yaxis"][0] == -2.5
    assert ranges(loss_info(after=0.03), lower)["yaxis"] == lower["yaxis"]


def test_a_diverged_run_does_not_flatten_the_rest() -> None:
    diverged = Curves(
        steps=array(0, 1, 2), raw=array(1, 1e30, np.nan), smoothed_steps=array(0, 1), smoothed=array(1, 1e30)
    )
    low, high = ranges(LossInfo(curves=diverged))["yaxis"]
    assert (low, high) == (-0.5, 4.5)


def test_accuracies_always_have_the_same_axis() -> None:
    assert ranges(accuracy_info()) == {"xaxis": [0, 500], "yaxis": [-0.03, 1.03]}
    assert ranges(shares_info())["yaxis"] == [-0.03, 1.03]


def test_the_layers_axis_holds_them_and_zero_and_is_calm() -> None:
    first = ranges(layers_info(0.1, 0.5))
    assert first["xaxis"] == [0, 2]
    low, high = first["yaxis"]
    assert low < 0
    assert 1.0 < high < 1.3
    assert ranges(layers_info(0.2, 0.4), first) == first
    assert ranges(layers_info(0.1, 0.9), first)["yaxis"][1] > 1.8
    assert ranges(layers_info(0.01, 0.05), first)["yaxis"][1] < 0.2


def test_a_few_diverging_tasks_do_not_hide_how_the_layers_move() -> None:
    info = layers_info(0.1, 0.5)
    diverging = dataclasses.replace(info, high=array([0.0, 0.0], [1e6, np.inf]))
    assert ranges(diverging)["yaxis"][1] < 3.0


def test_the_plane_keeps_until_the_paths_leave_it_or_shrink() -> None:
    first = ranges(path_info())
    spans = [high - low for low, high in first.values()]
    assert spans[0] == pytest.approx(spans[1])
    assert ranges(path_info(1.1), first) == first
    assert ranges(path_info(3.0), first) != first
    assert ranges(path_info(0.1), first) != first


def test_one_exploding_path_does_not_hide_the_others() -> None:
    info = path_info()
    exploded = np.concatenate([info.paths, [[[1.0, 1.0], [1e6, 1e6]]]])
    (low, high), _ = ranges(dataclasses.replace(info, paths=exploded)).values()
    assert high - low < 50


def test_a_short_trail_does_not_hide_the_inner_steps() -> None:
    paths = np.array([[[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, -1.0]]])
    trail = np.linspace(0.01, 0.0, 50)[:, None] * np.ones(2)
    (left, right), (bottom, top) = ranges(PathInfo(paths=paths, trail=trail, explained=1.0)).values()
    assert left < 0
    assert right > 1
    assert bottom < -1
    assert top > 0


def test_the_gauge_scale_holds_every_usual_alpha() -> None:
    assert ranges(gauge_info(alpha=1e-4)) == ranges(gauge_info(alpha=1.0)) == {"xaxis": [0, 1], "yaxis": [-4, 1]}
    assert ranges(gauge_info(alpha=1e-6))["yaxis"][0] == -6


# --- Marks ------------------------------------------------------------------------------------------------------------


def test_marks_come_with_the_levels() -> None:
    patch = marks_layout(loss_info(marks=(Mark(step=412, text="alpha 0.01 -> 0.1"),)), LIGHT, [0, 500])
    assert [shape["name"] for shape in patch["shapes"]] == ["level", "level", "mark"]
    assert patch["shapes"][-1]["x0"] == patch["shapes"][-1]["x1"] == 412
    assert patch["annotations"][-1]["text"] == "alpha 0.01 → 0.1"
    assert patch["annotations"][-1]["hovertext"] == "outer step 412: alpha 0.01 -> 0.1"
    figure("loss", LIGHT, LEVELS).update_layout(patch)  # Plotly accepts every key


def test_the_newest_marks_are_named_where_there_is_room() -> None:
    marks = tuple(Mark(step=step, text="beta 0.001 -> 0.01") for step in (10, 15, 300, 310))
    notes = marks_layout(loss_info(marks=marks), LIGHT, [0, 500])["annotations"]
    assert [note["visible"] for note in notes if note["name"] == "mark"] == [False, True, False, True]


# --- Words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("info", [*INFOS, *EMPTY], ids=lambda info: type(info).__name__)
def test_every_record_has_words(info: AnyInfo) -> None:
    assert summary(info).endswith(".")
    assert subtitle(info)
    assert "nan" not in summary(info)


def test_the_words_carry_the_numbers() -> None:
    assert summary(loss_info(after=0.5)) == (
        "Loss curves: smoothed training query loss 0.7, held-out loss before adaptation 3.6, after adaptation 0.5."
    )
    assert subtitle(adaptation_info()) == "After N = 1: MAML 1, joint 3, random 4."
    more = {**adaptation_info().trajectories, "oracle": trajectory(0.2, 0.2), "scratch": trajectory(1.7, 1.7)}
    both = adaptation_info(trajectories=more)
    assert subtitle(both) == "After N = 1: MAML 1, joint 3, random 4, oracle 0.2, from scratch 1.7."
    assert summary(both).endswith("an oracle 0.2; training from scratch to convergence 1.7.")
    assert subtitle(path_info()) == "One line a task; this plane holds 83% of it."
    assert subtitle(gauge_info(alpha=0.1, limit=0.2)) == "α is 0.5 × the limit"
    assert subtitle(adaptation_info(algorithm="Reptile")) == "After N = 1: Reptile 1, joint 3, random 4."
    assert "Reptile 4 before and 1 after" in summary(adaptation_info(algorithm="Reptile"))
    assert subtitle(rates_info()) == "Median 0.015, 1 below 0. Limit: for one common α."
    assert "w0 0.02 0.03 0.04, b0 -0.01 0 0.01" in summary(rates_info())


def test_accuracies_are_said_in_per_cent() -> None:
    assert subtitle(accuracy_info()).startswith("Held-out tasks now: 22.5% before adaptation, 75% after.")
    assert summary(accuracy_info()) == (
        "Accuracy curves: smoothed training query accuracy 61.2%, held-out accuracy before adaptation 22.5%, "
        "after adaptation 75%."
    )
    assert subtitle(shares_info()) == "After N = 1: MAML 75%, random 35%."
    assert subtitle(shares_info(diverged=0.25)) == "After N = 1: mean 75%; 25% of tasks diverged, 30% got worse."
    assert summary(shares_info()).startswith("Held-out accuracy: MAML 20% before and 75% after 1 inner step;")


@pytest.mark.parametrize(
    ("far", "words"),
    [
        ((0.01, 0.02, 0.03, 0.25), "The head moves 12 times as far as the median body layer."),
        ((0.1, 0.15), "The head moves 1.5 times as far as the median body layer."),
        ((0.1, 0.102), "The head moves as far as the median body layer."),
        ((0.4, 0.1), "The median body layer moves 4 times as far as the head."),
        ((0.0, 0.0, 0.3), "Only the head moves."),
        ((0.0, 0.2, 0.0, 0.3), "Some layers do not move."),
        ((0.0, 0.0), "No layer moves."),
        ((np.inf, 0.3), "The inner steps diverge."),
        ((0.25,), "There is only a head; it moves by 0.25 of its length."),
    ],
)
def test_the_layers_answer_whether_the_body_changes(far: tuple[float, ...], words: str) -> None:
    assert subtitle(layers_info(*far)) == words


def test_without_inner_steps_no_layer_moves() -> None:
    still = np.zeros((1, 2))
    info = LayersInfo(names=("hidden 1", "head"), low=still, median=still, high=still)
    assert subtitle(info) == "With N = 0 no layer moves."
    assert "hidden 1 0, head 0." in summary(info)


def test_the_gauge_says_of_what_its_limit_is() -> None:
    assert "lambda max of the head is 0.2" in summary(dataclasses.replace(gauge_info(), of="of the head"))
    turned = dataclasses.replace(gauge_info(alpha=0.1), of=AT_IDENTITY)
    assert subtitle(turned) == "α is 0.5 × limit at M = I"


@pytest.mark.parametrize(
    ("lower", "higher", "words"),
    [
        (0.97, 0.03, "5 × limit; loss falls on 97%"),
        (0.2, 0.8, "5 × limit; loss rises on 80%"),
        (0.0, 0.0, "5 × limit; loss stays as it is"),
    ],
)
def test_the_gauge_says_what_the_inner_steps_did(lower: float, higher: float, words: str) -> None:
    """Far beyond the limit of a quadratic a run may learn well: what is said follows what was measured."""
    info = dataclasses.replace(gauge_info(alpha=1.0, limit=0.2), descent=InnerDescent(1.0, 3, 32, lower, higher, 0.5))
    assert subtitle(info) == words
    assert "overshoot" not in summary(info)
    assert "on 50% some step raises it" in summary(info)


def test_diverged_tasks_are_said() -> None:
    info = adaptation_info(trajectories={"maml": trajectory(4, np.inf, np.inf, diverged=0.25)})
    assert subtitle(info) == "After N = 1: mean infinite, median infinite; 25% of tasks diverged, 30% got worse."


@pytest.mark.parametrize(
    ("alpha", "words"),
    [(0.01, "within it for nearly all"), (0.15, "on some tasks"), (0.3, "on most tasks"), (0.5, "on nearly all tasks")],
)
def test_the_gauge_judges(alpha: float, words: str) -> None:
    assert words in summary(gauge_info(alpha=alpha))


def test_a_dead_theta_n_is_named():
    grid = np.linspace(-5.0, 5.0, 5)
    flat = FitInfo(
        grid=grid,
        truth=np.sin(grid),
        curves=np.zeros((3, 5)),
        support_x=grid[:2],
        support_y=grid[:2],
        query_x=grid[:2],
        query_y=grid[:2],
        support_loss=np.ones(3),
        query_loss=np.ones(3),
        num_inner_steps=2,
        dead=True,
    )
    assert "dead" in subtitle(flat)
    assert "dead" not in subtitle(dataclasses.replace(flat, dead=False))
