"""The charts of closer looks beside what the engine has measured, and what they say of it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from dashboard.charts.all import CLOSER, SHARING, charts_of
from dashboard.charts.arrows import arrows_info
from dashboard.charts.closer import MEASURING, cosine
from dashboard.charts.coherence import coherence_info
from dashboard.charts.directions import DIRECTIONS, directions_info
from dashboard.charts.edge import edge_info
from dashboard.charts.features import features_info
from dashboard.charts.label_orders import label_orders_info
from dashboard.charts.landscape import landscape_info
from dashboard.charts.random_plane import RANDOM_PLANE, random_plane_info
from dashboard.charts.results import EdgePoint, Looked, Results
from dashboard.charts.shifts import shifts_info
from dashboard.charts.spectrum import spectrum_info
from dashboard.charts.style import Looks
from dashboard.charts.surface import surface_info
from dashboard.charts.task_disk import task_disk_info
from dashboard.theme import LIGHT
from maml_core.analysis.looks import LOOKS
from maml_core.analysis_records import (
    Arrows,
    Coherence,
    Directions,
    LabelOrders,
    LayerChanges,
    LossPlane,
    Shift,
    Spectrum,
    Spread,
    TaskVectors,
)
from maml_core.config import GlyphsConfig, LinearConfig, MLPConfig, RunConfig
from maml_core.problem import build_problem
from maml_core.records import Curvature, Demonstration, ImageFit, InnerPaths, Plane, Summary, TaskFit, View
from maml_core.runs import init_run
from maml_core.snapshots import snapshot
from tests.dashboard.charts.infos import chart_of, lines, ranges, subtitle, summary
from tests.dashboard.charts.infos import directions_info as directions_by_hand
from tests.dashboard.charts.infos import task_disk_info as disk_by_hand

CURVES = RunConfig(num_inner_steps=2)
PLANE = Plane(np.zeros(3, np.float32), np.eye(2, 3, dtype=np.float32))


def results(chart: str, found: Any, config: RunConfig = CURVES) -> Results:
    """A run with this chart open, of which a look has found this."""
    looked = Looked(name=SHARING[chart].look, found=found, step=10, config=config)
    return Results(config=config, computed=config, weights_chart=chart, looked=looked)


@pytest.mark.parametrize("chart", CLOSER, ids=lambda chart: chart.id)
def test_a_closer_look_stands_in_the_place_of_the_paths_and_says_that_it_measures(chart: Any) -> None:
    shown = charts_of(CURVES, chart.id)
    assert chart.id in shown
    assert not {"path", "layers"} & set(shown)
    assert chart.id not in charts_of(CURVES)
    assert chart.hint == MEASURING
    assert chart.tab
    assert not chart.look or chart.look in LOOKS


# --- Directions ---


def directions() -> Directions:
    """Three rules at N = 1..3, by layer (all, hidden 1, head), on two batches."""
    numbers = np.linspace(-0.2, 0.9, 27).reshape(3, 3, 3)
    return Directions(
        rules=("fomaml", "joint", "reptile"),
        num_inner_steps=(1, 2, 3),
        layers=("all", "hidden 1", "head"),
        cosine=numbers,
        length_ratio=numbers + 1.0,
        batch_cosine=np.stack([numbers - 0.1, numbers + 0.1], axis=-1),
        batch_length_ratio=np.stack([numbers, numbers], axis=-1),
        agreement=np.array([0.7, 0.4, 0.2]),
        arrows=np.zeros((4, 3, 2), np.float32),
        batch_tasks=1,
    )


def test_directions_are_those_of_the_whole_network_beside_their_batches() -> None:
    found = directions()
    info = directions_info(results("directions", found))
    assert info is not None
    drawn = lines(info)
    for at, rule in enumerate(found.rules):
        np.testing.assert_allclose(drawn[rule][1], found.cosine[at, :, 0], rtol=1e-6)
        np.testing.assert_allclose(
            drawn[f"{rule}_batches"][1].reshape(3, 2), found.batch_cosine[at, :, 0], rtol=1e-6, atol=1e-7
        )
        assert drawn[f"{rule}_batches"][0].tolist() == [1, 1, 2, 2, 3, 3]
    np.testing.assert_allclose(drawn["agreement"][1], found.agreement, rtol=1e-6)
    hidden, head = (cosine(value) for value in found.cosine[0, 1, 1:3])
    assert f"hidden 1 {hidden}, head {head}" in summary(info)
    assert summary(info).endswith("Measured on 2 batches of 1 task each.")


def test_directions_by_layer_are_bars_in_a_column_of_each_that_has_its_name() -> None:
    found, of = directions(), results("directions", directions())
    info, layout = directions_info(of), DIRECTIONS.patch(of, LIGHT)
    assert info is not None
    assert layout is not None
    columns = {int(name["x"]): name["text"] for name in layout["annotations"]}
    assert columns == {6: "hidden 1", 7: "head"}
    low, high = ranges(info)["xaxis"]
    assert (low, high) == (0.6, 8.0)
    for at, rule in enumerate(found.rules):
        x, y = lines(info)[f"{rule}_layers"]
        assert [columns[int(place)] for place in x] == list(found.layers[1:])
        np.testing.assert_allclose(y, found.cosine[at, 1, 1:], rtol=1e-6)
        stems_x, stems_y = lines(info)[f"{rule}_stems"]
        np.testing.assert_allclose(stems_x, [x[0], x[0], np.nan, x[1], x[1]])
        np.testing.assert_allclose(stems_y, [0.0, y[0], np.nan, 0.0, y[1]])


def test_directions_are_said_at_the_runs_own_n_and_how_far_they_differ_by_batch() -> None:
    batches = np.array([[[0.88, 0.93], [0.7, 0.9]], [[0.5, 0.5], [0.0, -0.2]]])
    says = "At N = 1 the cosine of first order is 0.90, 0.88 to 0.93 from batch to batch."
    # Meta-gradients of two batches may have little in common, and every batch have the same angle between its own two directions.
    for agreement in (0.6, 0.1):
        assert (
            subtitle(directions_by_hand(num_inner_steps=1, by_batch=batches, agreement=np.full(2, agreement))) == says
        )
    batches[0, 1] = 0.1, 0.9
    assert subtitle(directions_by_hand(by_batch=batches)).endswith("0.10 to 0.90 from batch to batch: it says little.")
    assert subtitle(directions_by_hand(by_batch=batches[:, :, :1])) == "At N = 2 the cosine of first order is 0.80."
    for count, nearest in ((0, 1), (2, 2), (20, 3)):
        info = directions_info(results("directions", directions(), RunConfig(num_inner_steps=count)))
        assert info is not None
        assert info.num_inner_steps == nearest


# --- Task disk ---


def vectors(parameters: np.ndarray) -> TaskVectors:
    angles = np.linspace(0.0, np.pi, len(parameters))
    coordinates = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    return TaskVectors(coordinates, PLANE, np.array([0.5, 0.3]), parameters, 0.9, np.array([0.5, 0.0, 1.0]))


@pytest.mark.parametrize(
    ("config", "column", "tells"),
    [
        (CURVES, 1, "amplitude and phase"),
        (RunConfig(tasks=LinearConfig()), 0, "the task"),
        (RunConfig(tasks=GlyphsConfig(ways=3), num_inner_steps=1), 0, "the first class"),
    ],
)
def test_the_disk_is_coloured_by_what_tells_tasks_apart(config: RunConfig, column: int, tells: str) -> None:
    parameters = np.arange(12.0).reshape(6, 2)
    found = vectors(parameters)
    info = task_disk_info(results("task_disk", found, config))
    assert info is not None
    updates = {(trace, what): values for trace, what, values in chart_of(info).update(info)}
    assert updates["tasks", "marker.color"].tolist() == parameters[:, column].tolist()
    sizes = updates["tasks", "marker.size"]
    if config is CURVES:  # as the amplitudes, which are evenly spaced here
        np.testing.assert_allclose(sizes, np.linspace(4.0, 10.0, 6), rtol=1e-6)
    else:
        assert set(sizes.tolist()) == {6.0}
    assert updates["tasks", "x"].tolist() == found.coordinates[:, 0].tolist()
    assert (info.explained, info.r2, info.tells) == (pytest.approx(0.8), 0.9, tells)


def test_the_task_of_the_fit_lies_where_its_own_task_vector_takes_it() -> None:
    open_disk = results("task_disk", vectors(np.arange(12.0).reshape(6, 2)))
    for vector, place in (([2.5, 3.0, 9.0], [2.0, 3.0]), ([np.inf, 0.0, 0.0], [np.nan, np.nan])):
        info = task_disk_info(dataclasses.replace(open_disk, fit=fit_of(np.array(vector))))
        assert info is not None
        np.testing.assert_array_equal(np.concatenate(lines(info)["shown"]), place)
    info = task_disk_info(open_disk)
    assert info is not None
    assert np.isnan(info.shown).all()


def test_a_task_of_images_lies_where_one_gradient_step_of_autograd_takes_it() -> None:
    config = RunConfig(
        tasks=GlyphsConfig(ways=3),
        model=MLPConfig(hidden_widths=(8,)),
        shots=2,
        num_query=2,
        alpha=0.3,
        num_inner_steps=1,
        evaluation_tasks=12,
        joint_baseline=False,
    )
    problem, state = build_problem(config), init_run(config)
    seen = snapshot(config, state, View(tasks=(Demonstration(),), trajectories=False, curvature=False, paths=False))
    found = LOOKS["task_vectors"](config, problem, state.meta)
    of = dataclasses.replace(results("task_disk", found, config), fit=seen.fits[0])
    info = task_disk_info(of)
    assert info is not None
    theta = {name: value.detach().clone().requires_grad_() for name, value in state.meta.theta.items()}
    fit = seen.fits[0]
    assert isinstance(fit, ImageFit)
    images = torch.tensor(fit.support_images, dtype=torch.float32)[None] / 255
    loss = functional.cross_entropy(problem.model.apply(theta, images)[0], torch.tensor(fit.support_labels))
    gradients = torch.autograd.grad(loss, list(theta.values()))
    stepped = [(value - 0.3 * by).detach().ravel() for value, by in zip(theta.values(), gradients, strict=True)]
    place = (torch.cat(stepped).numpy() - found.plane.origin) @ found.plane.basis.T
    np.testing.assert_allclose(info.shown, place, rtol=0.02)  # images are bytes on the page
    assert np.abs(place).max() > 1e-3


def fit_of(vector: np.ndarray) -> TaskFit:
    return TaskFit(**{**dict.fromkeys(TaskFit._fields, np.zeros(2)), "dead": False, "vector": vector})


def test_the_disk_says_what_it_tells_and_how_much_of_the_differences_lies_in_it() -> None:
    assert subtitle(disk_by_hand()) == "The place tells amplitude and phase: R² 0.91. The plane holds 83%."
    kept = disk_by_hand(explained=None)
    assert subtitle(kept) == "The place tells amplitude and phase: R² 0.91."
    assert "%" not in summary(kept)
    assert subtitle(disk_by_hand(explained=0.31, r2=0.2)).startswith("Only 31% of the differences lies in this plane.")
    assert subtitle(disk_by_hand(explained=np.nan)) == "The tasks do not move apart."


def test_a_task_that_ran_away_does_not_squeeze_the_others() -> None:
    places = np.concatenate([np.random.default_rng(0).standard_normal((200, 2)), [[1e5, 0.0]]])
    assert ranges(disk_by_hand(coordinates=places))["xaxis"][1] < 10.0


# --- Coherence ---


def spread(mean: float) -> Spread:
    return Spread(mean, mean - 0.2, mean + 0.2)


def test_coherence_grows_while_it_is_open_and_says_where_it_is_looked_at() -> None:
    records = {step: Coherence(spread(0.01 * step), spread(0.0), 50) for step in (30, 10, 20)}
    of = results("coherence", records[20])
    looked = dataclasses.replace(of.looked, step=20, past=tuple(records.items()))
    info = coherence_info(dataclasses.replace(of, looked=looked))
    assert info is not None
    assert lines(info)["same_task"][0].tolist() == [10, 20, 30]
    np.testing.assert_allclose(lines(info)["same_task"][1], [0.1, 0.2, 0.3], rtol=1e-6)
    assert subtitle(info) == "Halves of one task agree by 0.20, two tasks by 0.00. Halves differ by task: 0.00 to 0.40."
    assert "outer step 20, over 50 held-out tasks" in summary(info)


# --- Spectrum ---


def test_the_spectrum_is_the_median_over_tasks_beside_what_alpha_allows() -> None:
    tasks = np.array([[9.0, 1.0], [10.0, 2.0], [50.0, 3.0]])
    found = Spectrum(at_theta_0=tasks, at_theta_n=tasks / 2)
    info = spectrum_info(results("spectrum", found, RunConfig(alpha=0.1)))
    assert info is not None
    assert lines(info)["theta_0"][1].tolist() == [10.0, 2.0]
    assert lines(info)["theta_N"][1].tolist() == [5.0, 1.0]
    assert lines(info)["bound"][1].tolist() == [20.0, 20.0]
    assert subtitle(info) == "Largest at the start (θ_0) 10, adapted (θ_N) 5; 2/α is 20. Tasks differ: 9 to 50."
    learned = spectrum_info(results("spectrum", found, RunConfig(algorithm="meta_sgd")))
    assert learned is not None
    assert "2/α" not in subtitle(learned)


# --- Features ---


def test_features_name_the_layer_that_changes_and_the_one_that_moves() -> None:
    found = LayerChanges(
        layers=("hidden 1", "head"),
        similarity=np.array([[0.9, 0.5], [0.8, 0.6], [1.0, np.nan]]),
        moved=np.array([[0.3, 0.1], [0.2, 0.1], [0.1, 0.2]]),
    )
    info = features_info(results("features", found))
    assert info is not None
    np.testing.assert_allclose(lines(info)["similarity"][1], [0.9, 0.55], rtol=1e-6)
    np.testing.assert_allclose(lines(info)["moved"][1], [0.2, 0.1], rtol=1e-6)
    assert subtitle(info) == "Least alike: head, CKA 0.55. Furthest moved: hidden 1, 0.2 of its length."
    patch = SHARING["features"].patch(results("features", found), LIGHT)
    assert patch is not None
    assert [each["text"] for each in patch["annotations"]] == ["hidden 1", "head"]


# --- Label orders ---


def test_numberings_stand_from_the_worst_to_the_best() -> None:
    accuracy = np.array([[[0.2, 0.2, 0.2]], [[0.9, 0.5, 0.7]]])
    alone = np.array([[0.2], [0.9]])
    found = LabelOrders(np.zeros((3, 2), np.int64), accuracy, np.array([[0.2], [0.8]]), alone, alone)
    glyphs = RunConfig(tasks=GlyphsConfig(ways=3), num_inner_steps=1)
    info = label_orders_info(results("label_orders", found, glyphs))
    assert info is not None
    np.testing.assert_allclose(lines(info)["orders"][1], [0.5, 0.7, 0.9], rtol=1e-6)
    assert (
        subtitle(info)
        == "The numbering alone: 50% to 90% right; head zeroed: 80%. Over 1 task 90%, asked one by one or together."
    )
    peeking = found._replace(
        alone_accuracy=np.array([[0.2, 0.2], [0.2, 0.4]]), together_accuracy=np.array([[0.2, 0.2], [0.9, 0.7]])
    )
    info = label_orders_info(results("label_orders", peeking, glyphs))
    assert info is not None
    assert subtitle(info).endswith("Over 2 tasks 30% asked one by one, 80% together.")
    kept = label_orders_info(
        dataclasses.replace(results("label_orders", peeking, glyphs), withheld=frozenset({"label_orders.alone"}))
    )
    assert kept is not None
    assert subtitle(kept).endswith("head zeroed: 80%. Over 2 tasks 80% asked together.")
    assert "30%" not in summary(kept)
    assert "no classes" in SHARING["label_orders"].why_empty(CURVES)
    assert not SHARING["label_orders"].why_empty(glyphs)


# --- Shifts ---


def shift(name: str, tasks: str, *median: float, diverged: float = 0.0) -> Shift:
    line = np.array(median)
    return Shift(name, tasks, Summary(line, line, line, np.full(len(line), diverged), line))


def test_shifts_name_the_loss_on_the_tasks_of_each_kind_and_how_many_times_that_inside_it_is() -> None:
    found = (
        shift("inside", "as in training", 4.0, 1.0, 0.12),
        shift("amplitude", "amplitude 5 to 7.5", 9.0, 5.0, 2.7, diverged=0.25),
        shift("phase_rad", "phase_rad 3.14 to 4.71", 4.0, 2.0, 0.86),
    )
    info = shifts_info(results("shifts", found))
    assert info is not None
    drawn = lines(info)
    np.testing.assert_allclose(drawn["amplitude"][1], [9.0, 5.0, 2.7], rtol=1e-6)
    assert len(drawn["x"][0]) == 0
    assert subtitle(info) == (
        "After 2 inner steps 0.12 inside, 2.7 at amplitude 5 to 7.5 (23 ×), 0.86 at phase 3.14 to 4.71 (7.2 ×). "
        "Diverged: 25% at amplitude 5 to 7.5."
    )
    assert "phase 3.14 to 4.71 0.86, 0% diverged" in summary(info)
    kept = shifts_info(dataclasses.replace(results("shifts", found), withheld=frozenset({"shifts.amplitude"})))
    assert kept is not None
    assert len(lines(kept)["amplitude"][0]) == 0
    assert subtitle(kept) == "After 2 inner steps 0.12 inside, 0.86 at phase 3.14 to 4.71 (7.2 ×)."
    kept = shifts_info(
        dataclasses.replace(results("shifts", found), withheld=frozenset({"shifts.amplitude", "shifts.phase"}))
    )
    assert kept is not None
    assert subtitle(kept) == "After 2 inner steps 0.12 inside."
    without = (shift("inside", "as in training", 4.0, np.nan), shift("x", "x 5 to 7.5", 4.0, 2.0))
    infinite = shifts_info(results("shifts", without))
    assert infinite is not None
    assert "×" not in subtitle(infinite)
    alone = shifts_info(results("shifts", found[:1]))
    assert alone is not None
    assert "nothing outside" in subtitle(alone)


# --- Landscape ---


def plane(explained: float = 0.93) -> LossPlane:
    """The plane of a task whose path goes along the first direction, on a grid of five by five that reaches to 2."""
    axis = np.linspace(-2.0, 2.0, 5).astype(np.float32)
    loss = (1.0 + axis[:, None] ** 2 + (axis - 1.0) ** 2).astype(np.float32)
    path = np.array([[0.0, 0.0], [1.0, 0.5]], np.float32)
    return LossPlane(PLANE, axis, loss, 9 * loss, 9 * loss, 3 * loss, 0.1 * loss, path, explained, 3)


def test_the_landscape_has_three_losses_on_one_scale_and_the_path_in_the_first() -> None:
    found = plane()
    info = landscape_info(results("landscape", found))
    assert info is not None
    updates = {(trace, what): values for trace, what, values in chart_of(info).update(info)}
    for name, loss in (
        ("support", found.support_loss),
        ("before", found.mean_query_loss),
        ("after", found.mean_query_loss_after),
    ):
        shown = 10.0 ** updates[name, "z"].reshape(5, 5)
        np.testing.assert_allclose(shown, loss, rtol=1e-4)
        middle = (updates[name, "x"][0] + updates[name, "x"][-1]) / 2
        # Five cells a side, whose edges are at -1 and 1: the panels are 2.2 apart, their names begin at 1.04.
        np.testing.assert_allclose(updates[name, "x"] - middle, [-0.8, -0.4, 0.0, 0.4, 0.8], atol=1e-6)
        np.testing.assert_allclose(updates[name, "y"], [-0.8, -0.4, 0.0, 0.4, 0.8], atol=1e-6)
    start = updates["support", "x"].mean()
    np.testing.assert_allclose(updates["path", "x"] - start, [0.0, 0.4], atol=1e-6)
    np.testing.assert_allclose(updates["path", "y"], [0.0, 0.2], atol=1e-6)
    assert subtitle(info) == "The plane holds 93% of the path. At the start (θ_0) 3 tasks: 6 before, 0.2 after."
    little = landscape_info(results("landscape", plane(0.2)))
    assert little is not None
    assert subtitle(little).startswith("The plane holds only 20% of the path.")


def test_surfaces_stand_on_one_plane_and_the_path_goes_down_the_first() -> None:
    found = plane()
    info = surface_info(results("surface", found))
    assert info is not None
    drawn = lines(info)
    logs = np.log10([found.support_loss, found.mean_query_loss, found.mean_query_loss_after])
    heights = (logs - logs.min()) / (logs.max() - logs.min())
    for name, height, start in zip(("support", "before", "after"), heights, drawn["theta_0"][0], strict=True):
        x, y = np.array(drawn[name]).reshape(2, -1)
        first = slice(0, 5)  # the row at -1, from -1 to 1
        np.testing.assert_allclose(x[first] - start, np.linspace(0.0, 1.0, 5), atol=1e-5)
        np.testing.assert_allclose(y[first], 0.24 * np.linspace(-2.0, 0.0, 5) + height[0], atol=1e-5)
    np.testing.assert_allclose(drawn["theta_0"][1], heights[:, 2, 2], atol=1e-5)
    # The end of the path lies at (0.5, 0.25): the middle between two points of the grid along the rows.
    np.testing.assert_allclose(drawn["path"][0][1] - drawn["theta_0"][0][0], 0.5 * (0.5 - 0.25), atol=1e-5)
    on = (heights[0][2, 3] + heights[0][3, 3]) / 2
    np.testing.assert_allclose(drawn["path"][1][1], 0.24 * 0.75 + on, atol=1e-5)
    assert subtitle(info) == "The plane holds 93% of the path. At the start (θ_0) 3 tasks: 6 before, 0.2 after."


def test_a_loss_that_hardly_changes_in_random_directions_has_one_shade() -> None:
    info = random_plane_info(results("random_plane", plane(0.004)))
    assert info is not None
    updates = {(trace, what): values for trace, what, values in chart_of(info).update(info)}
    shades = updates["support", "z"].reshape(5, 5)
    assert shades[2, 2] == 0.0
    np.testing.assert_allclose(
        shades, np.log10(plane().support_loss / plane().support_loss[2, 2]), rtol=1e-4, atol=1e-6
    )
    limits = RANDOM_PLANE.figure(LIGHT, Looks()).layout.coloraxis
    assert (limits.cmin, limits.cmax) == pytest.approx((-np.log10(30.0), np.log10(30.0)))
    low, high = (f"{value:.3g}" for value in (plane().support_loss.min(), plane().support_loss.max()))
    assert (
        subtitle(info)
        == f"It holds less than 1% of the path. One task's support loss: {low} to {high} over the whole square."
    )


def test_what_explodes_in_the_plane_has_one_colour_and_what_is_no_number_none() -> None:
    found = plane()
    loss = found.mean_query_loss_after.copy()
    loss[0, 0], loss[0, 1] = np.inf, np.nan
    info = landscape_info(results("landscape", found._replace(mean_query_loss_after=loss)))
    assert info is not None
    (values,) = (values for trace, what, values in chart_of(info).update(info) if (trace, what) == ("after", "z"))
    assert 10.0 ** values[0] == pytest.approx(30.0 * 6.0, rel=1e-4)
    assert np.isnan(values[1])


# --- Arrows ---


def test_arrows_begin_at_theta_0_and_compare_among_themselves() -> None:
    basis = np.eye(2, 3, dtype=np.float32)
    paths = np.array([[[0, 0], [1, 0], [2, 0]], [[0, 0], [0, 1], [0, np.inf]]], np.float32)
    seen = np.array([[0.3, 0.4], [0.0, 0.25], [np.nan, np.nan], [-0.1, 0.0]], np.float32)
    told = directions()._replace(
        num_inner_steps=(2,), arrows=seen[:, None], cosine=np.array([0.9, np.nan, 0.2])[:, None, None]
    )
    found = Arrows(InnerPaths(paths, np.zeros(3, np.float32), Plane(np.zeros(3, np.float32), basis), 0.91), told)
    info = arrows_info(results("arrows", found))
    assert info is not None
    drawn = lines(info)
    tips = {rule: [axis[1] for axis in drawn[rule]] for rule in ("maml", "fomaml", "reptile")}
    assert tips["maml"] == pytest.approx([1.8, 2.4])  # half as long again as the longest path
    assert tips["fomaml"] == pytest.approx([0.0, 1.5])
    assert tips["reptile"] == pytest.approx([-0.6, 0.0])
    assert [drawn[rule][0][0] for rule in tips] == [0.0, 0.0, 0.0]
    assert len(drawn["joint"][0]) == 0  # the direction is zero
    assert subtitle(info) == "The plane holds 91% of the paths. At N = 2 it shows 50% of the meta-gradient's length."
    assert "first order 25% of its length in the plane, cosine 0.90" in summary(info)
    little = arrows_info(results("arrows", found._replace(directions=told._replace(arrows=0.1 * seen[:, None]))))
    assert little is not None
    assert "it shows only 5% of the meta-gradient's length" in subtitle(little)


# --- Edge ---


def test_the_edge_is_the_gauges_history() -> None:
    points = [
        EdgePoint(step=0, alpha=0.01, curvature=Curvature(20.0, 10.0, 40.0)),
        EdgePoint(step=300, alpha=0.02, curvature=Curvature(80.0, 50.0, 100.0)),
    ]
    of = Results(config=CURVES, computed=CURVES, weights_chart="edge", edge=points)
    info = edge_info(of)
    assert info is not None
    drawn = lines(info)
    np.testing.assert_allclose(drawn["limit"], [[0, 300], [0.1, 0.025]], rtol=1e-6)
    np.testing.assert_allclose(drawn["alpha"], [[0, 300], [0.01, 0.02]], rtol=1e-6)
    np.testing.assert_allclose(drawn["spread"][1], [0.05, 0.02, 0.04, 0.2], rtol=1e-6)
    assert subtitle(info) == "α is 0.8 × the limit; at step 0 it was 0.1 ×. Tasks differ: limits from 0.02 to 0.04."
    assert edge_info(dataclasses.replace(of, weights_chart="path")) is None
    assert edge_info(dataclasses.replace(of, edge=())) is None
    assert SHARING["edge"].why_empty(RunConfig(algorithm="meta_sgd"))


# --- All ---


@pytest.mark.parametrize("chart", [chart for chart in CLOSER if chart.look], ids=lambda chart: chart.id)
def test_what_another_look_has_found_is_not_shown(chart: Any) -> None:
    other = Results(config=CURVES, computed=CURVES, weights_chart=chart.id)
    assert chart.make(other) is None
    looked = Looked(name="another", found=None, step=0, config=CURVES)
    assert chart.make(Results(config=CURVES, computed=CURVES, weights_chart=chart.id, looked=looked)) is None
    looked = Looked(name=chart.look, found=None, step=0, config=CURVES)
    assert chart.make(Results(config=CURVES, computed=CURVES, weights_chart="path", looked=looked)) is None
