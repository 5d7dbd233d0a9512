"""Optuna's plots of a sweep's settings: what they are of, and that each can be drawn."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any, get_args

import numpy as np
import pytest
from optuna.importance import PedAnovaImportanceEvaluator

from dashboard.charts.sweep_optuna import (
    HELP,
    OptunaPlot,
    first_among,
    importance_trust,
    objective,
    optuna_figure,
    optuna_table,
    optuna_words,
    study_of,
    why_not,
)
from dashboard.theme import DARK, LIGHT, Palette
from maml_core.config import ConvConfig, GlyphsConfig, RunConfig, replace
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.results import SettingResult
from tests.dashboard.sweeps.results import ALPHA, BETA, TINY, grid, result, sweep

IMAGES = replace(TINY, {"tasks": GlyphsConfig(ways=2), "model": ConvConfig(num_filters=4, num_layers=1)})


def test_a_trial_for_each_finished_setting_with_the_logarithm_of_its_loss() -> None:
    of = sweep()
    results = grid(of, s1={"status": "running"}, s2={"status": "pruned"}, s3={"status": "diverged", "loss": 1000.0})
    trials = study_of(results, of).get_trials()
    assert [trial.user_attrs["setting"] for trial in trials] == [0, 3, 4, 5]
    assert [trial.value for trial in trials] == pytest.approx([0.0, 3.0, 0.69897, 0.77815], abs=1e-5)
    assert objective(of) == "log<sub>10</sub> held-out loss"


def test_a_loss_of_nothing_is_drawn_too() -> None:
    of = sweep()
    found = study_of([result(0, {"alpha": 0.01, "beta": 0.001}, loss=0.0)], of).get_trials()
    assert found[0].value == -12.0


def test_losses_of_which_one_is_below_0_stand_as_they_are() -> None:
    of = sweep()
    results = [result(at, {"alpha": 0.01, "beta": 0.001}, loss=loss) for at, loss in enumerate((2.0, -1.5))]
    assert [trial.value for trial in study_of(results, of).get_trials()] == [2.0, -1.5]
    assert objective(of, results) == "held-out loss"
    assert objective(of, results[:1]) == "log<sub>10</sub> held-out loss"


def test_an_accuracy_stands_as_it_is() -> None:
    of = sweep(base=IMAGES)
    found = study_of([result(0, {"alpha": 0.01, "beta": 0.001}, loss=0.7)], of)
    assert found.get_trials()[0].value == 0.7
    assert found.direction.name == "MAXIMIZE"
    assert objective(of) == "held-out accuracy"


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("plot", get_args(OptunaPlot))
def test_each_plot_is_drawn_of_the_axes_that_vary(plot: OptunaPlot, palette: Any) -> None:
    of = sweep(Axis(name="alpha", values=(0.01, 0.1), log=True), Axis(name="algorithm", values=("maml", "anil")))
    study = study_of(grid(of), of)
    assert why_not(plot, study) == ""
    drawn = optuna_figure(plot, study, palette, objective(of))
    assert len(drawn.data) > 0
    text = drawn.to_json()
    assert "algorithm" in text
    assert "\\u03b1" in text or "α" in text


@pytest.mark.parametrize("base", [TINY, IMAGES], ids=["loss", "accuracy"])
@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("plot", get_args(OptunaPlot))
def test_every_colour_is_one_of_the_page(plot: OptunaPlot, palette: Palette, base: RunConfig) -> None:
    of = sweep(ALPHA, BETA, Axis(name="algorithm", values=("maml", "anil")), base=base)
    drawn = json.loads(optuna_figure(plot, study_of(grid(of), of), palette, objective(of)).to_json())
    named = [getattr(palette, field.name) for field in dataclasses.fields(Palette)]
    ours = {color for value in named for color in ([value] if isinstance(value, str) else value)}
    scale = np.array([channels(color) for color in palette.best_to_worst])
    for color in colors_of(drawn):
        on_scale = _between(scale, channels(color)) if color.startswith("rgb(") else False
        assert color in ours or color == "rgba(0, 0, 0, 0)" or on_scale, color


@pytest.mark.parametrize("base", [TINY, IMAGES], ids=["loss", "accuracy"])
@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_a_line_of_parallel_coordinates_has_the_colour_of_its_result(palette: Palette, base: RunConfig) -> None:
    of = sweep(ALPHA, BETA, base=base)
    results = [dataclasses.replace(one, value=0.1 + 0.1 * one.number) for one in grid(of)]
    drawn = optuna_figure("parallel", study_of(results, of), palette, objective(of))
    lines = sorted((trace for trace in drawn.data if trace.mode == "lines"), key=lambda trace: trace.y[0])
    seen = [channels(lines[0].line.color), channels(lines[-1].line.color)]
    best, worst = (seen[1], seen[0]) if base is IMAGES else (seen[0], seen[1])
    assert best == channels(palette.best_to_worst[0])
    assert worst == channels(palette.best_to_worst[-1])
    bars = [trace.marker.colorscale for trace in drawn.data if trace.marker.showscale]
    assert [channels(color) for color in (bars[0][0][1], bars[0][-1][1])] == seen


def colors_of(found: Any, inside: bool = False) -> Iterator[str]:
    """All colours of a figure, wherever they stand in it."""
    match found:
        case dict():
            for key, value in found.items():
                yield from colors_of(value, inside or "color" in key.lower())
        case list():
            for value in found:
                yield from colors_of(value, inside)
        case str() if inside and re.match(r"#|rgb|[a-zA-Z]+$", found) and found not in ("right", "heatmap"):
            yield found


def channels(color: str) -> tuple[int, ...]:
    """Red, green and blue."""
    if color.startswith("#"):
        return tuple(int(color[i : i + 2], 16) for i in (1, 3, 5))
    return tuple(round(float(part)) for part in re.findall(r"[\d.]+", color)[:3])


def _between(scale: np.ndarray, color: tuple[int, ...]) -> bool:
    """Whether a colour lies on the way from one colour of a scale to the next, to rounding."""
    at = np.linspace(0.0, 1.0, 201)[:, None]
    ways = np.concatenate([start + at * (end - start) for start, end in itertools.pairwise(scale)])
    return bool(np.abs(ways - np.array(color)).max(axis=1).min() < 2.0)


def test_too_few_settings_are_a_sentence() -> None:
    of = sweep()
    study = study_of(grid(of)[:3], of)
    assert why_not("importance", study).startswith("Optuna's plots need at least 4 finished settings; 3")


def _of_seeds(one: SettingResult, count: int) -> SettingResult:
    lanes = [one.lanes[0]._replace(seed=seed, loss=one.value + 3.0 * (seed - count // 2)) for seed in range(count)]
    return dataclasses.replace(one, lanes=tuple(lanes))


def test_importance_is_what_its_words_say_and_what_of_it_is_chance_is_said_beside() -> None:
    """A version of Optuna may take another evaluator by itself, as its fifth did."""
    of = sweep(num_seeds=3)
    results = [_of_seeds(one, 3) for one in grid(of)]
    study = study_of(results, of)
    wanted = PedAnovaImportanceEvaluator(target_quantile=3 / len(results)).evaluate(study)
    table = optuna_table("importance", optuna_figure("importance", study, LIGHT, objective(of)), study)
    found = dict(zip(table["axis"], table["share"], strict=True))
    assert found == {name: f"{share / sum(wanted.values()):.0%}" for name, share in wanted.items()}
    said = importance_trust(of, results)
    assert said.startswith(f"From {len(results)} settings with 3 seeds each. The best tenth are fewer than")
    assert "cannot be told from chance" in said
    assert "cannot be told from what the seed does" in importance_trust(sweep(), grid(sweep()))


def test_a_contour_needs_two_axes_that_vary() -> None:
    of = sweep()
    same = [
        one
        for one in grid(sweep(of.axes[0], Axis(name="beta", values=(0.001, 0.002, 0.003, 0.004))))
        if one.values["alpha"] == 0.01
    ]
    study = study_of(same, of)
    assert why_not("contour", study) == "A contour plot needs two axes that vary among these settings."
    assert why_not("slice", study) == ""


@pytest.mark.parametrize("base", [TINY, IMAGES], ids=["loss", "accuracy"])
@pytest.mark.parametrize("plot", get_args(OptunaPlot))
def test_each_plot_has_its_table_and_a_sentence_of_it(plot: OptunaPlot, base: RunConfig) -> None:
    of = sweep(ALPHA, Axis(name="algorithm", values=("maml", "anil")), base=base)
    study = study_of(grid(of), of)
    table = optuna_table(plot, optuna_figure(plot, study, LIGHT, objective(of)), study)
    said = optuna_words(table, len(study.trials))
    if plot == "importance":
        assert sorted(table["axis"]) == ["algorithm", "α"]
        assert sum(int(share.removesuffix("%")) for share in table["share"]) in range(98, 103)
        assert said.startswith(f"Of what tells the best 3 from the others {table['axis'][0]} has {table['share'][0]}")
    else:
        assert list(table) == ["setting", "α", "algorithm", "held-out accuracy" if of.maximises else "held-out loss"]
        results = {str(each.number): each.value for each in grid(of)}
        shown = [float(value) for value in list(table.values())[-1]]
        assert shown == pytest.approx([results[number] for number in table["setting"]], rel=0.01)
        assert shown == sorted(shown, reverse=of.maximises)
        assert f"the best, number {table['setting'][0]}" in said


@pytest.mark.parametrize("plot", get_args(OptunaPlot))
def test_of_settings_that_are_judged_on_different_tasks_none_is_called_the_best(plot: OptunaPlot) -> None:
    of = sweep(ALPHA, Axis(name="tasks.noise_std", values=(0.1, 0.2)))
    study, first = study_of(grid(of), of), first_among(grid(of), of)
    figure = optuna_figure(plot, study, LIGHT, objective(of), first)
    said = optuna_words(optuna_table(plot, figure, study), len(study.trials), first)
    assert "the lowest" in said
    assert "best" not in f"{said} {figure.layout.xaxis.title.text} {HELP[plot].format(first=first)}"
    assert first_among([one for one in grid(of) if one.values["tasks.noise_std"] == 0.1], of) == "best"
