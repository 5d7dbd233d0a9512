"""The map of a sweep is one map: `map_of` in Python, what the terminal prints and what the page draws have the same cells, order and best."""

from __future__ import annotations

import io
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from dashboard.charts.sweep_basics import levels, ticks
from dashboard.charts.sweep_map import DIVERGED, MAP, PRUNED, VALUE
from dashboard.charts.sweep_places import map_info
from dashboard.charts.sweep_settings import Kind, View, setting_info
from maml_core.cli.sweep_map import print_results
from maml_core.config import GlyphsConfig, RunConfig
from maml_core.presets import few_shot
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.results import SettingResult, cap_of
from maml_core.sweeps.sampling import settings_of
from maml_core.sweeps.tables import STATUSES, best_of, map_of
from maml_core.values import shown, written
from tests.dashboard.sweeps.results import result

AXES = (
    Axis(name="alpha", values=(0.3, 0.01, 0.1), log=True),
    Axis(name="clip_norm", values=(None, 10.0, 1.0)),
    Axis(name="anneal_beta", values=(True, False)),
    Axis(name="algorithm", values=("maml", "anil")),
)
KINDS = ("waiting", "running", "ok", "diverged", "pruned", "refused")
VALUES = st.sampled_from([0.25, 0.5, 0.5, 0.75, 1.25])


@st.composite
def sweeps(draw: st.DrawFn) -> tuple[SweepConfig, list[SettingResult]]:
    axes = draw(st.permutations(AXES))[: draw(st.integers(2, 3))]
    base = few_shot(GlyphsConfig()) if draw(st.booleans()) else RunConfig()
    sweep = SweepConfig(base=base, axes=tuple(axes), num_steps=8, num_rungs=2)
    settings = settings_of(sweep)
    assert settings is not None
    results = []
    for one in settings:
        kind, value = draw(st.sampled_from(KINDS)), draw(VALUES)
        known = {"waiting": math.nan, "refused": math.nan, "diverged": cap_of(sweep)}.get(kind, value)
        results.append(replace(result(one.number, dict(one.values), kind, value), value=known))
    return sweep, draw(st.permutations(results))


@given(sweeps())
def test_the_page_draws_the_map_of_the_engine(made: tuple[SweepConfig, list[SettingResult]]) -> None:
    sweep, results = made
    x, y = (axis.name for axis in sweep.axes[:2])
    seen = map_of(sweep, results, x, y)
    metric = "accuracy" if sweep.base.classifies else "loss"
    settings = [setting_info(one, sweep, metric) for one in results]
    info = map_info(settings, sweep, View(x=x, y=y, metric=metric), results)
    assert info.y is not None
    assert (info.x.values, info.y.values) == (seen.x_values, seen.y_values)
    drawn = {(info.y.values.index(one.values[y]), info.x.values.index(one.values[x])): one for one in info.shown}
    for at, number in np.ndenumerate(seen.number):
        assert drawn[at].number == number
        assert STATUSES[seen.status[at]] == {Kind.TRAINING: "running"}.get(drawn[at].kind, drawn[at].kind.name.lower())
        np.testing.assert_equal(drawn[at].value, seen.value[at])
    best = best_of(sweep, results)
    assert info.best == (None if best is None else best.number)

    traces = {trace: z for trace, axis, z in MAP.update(info, MAP.ranges(info, None)) if axis == "z"}
    status = np.vectorize(STATUSES.__getitem__)(seen.status)
    np.testing.assert_array_equal(np.isfinite(traces[DIVERGED]), (status == "diverged").ravel())
    np.testing.assert_array_equal(np.isfinite(traces[PRUNED]), (status == "pruned").ravel())
    measured = np.where(np.isin(status, ("ok", "running")), seen.value, np.nan)
    known = {place: float(value) for place, value in enumerate(measured.ravel()) if math.isfinite(value)}
    colours = [levels(known, metric).get(place, math.nan) for place in range(measured.size)]
    np.testing.assert_allclose(traces[VALUE], colours, rtol=1e-6)
    named = dict(zip(info.x.places.tolist(), (written(value, 3) for value in seen.x_values)))
    for place, text in ticks(info.x):  # all the values where there is room, else round numbers
        assert named.get(place, text) == text


@given(sweeps())
def test_the_terminal_prints_the_map_of_the_engine(made: tuple[SweepConfig, list[SettingResult]]) -> None:
    sweep, results = made
    if len(sweep.axes) != 2 or not any(one.is_done for one in results):
        return
    x, y = (axis.name for axis in sweep.axes)
    seen, best = map_of(sweep, results, x, y), best_of(sweep, results)
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rich.console.Console", lambda: Console(file=out, width=300))
        print_results(sweep, results)
    head, *rows = [line for line in out.getvalue().splitlines() if line[:1] in "┃│"]
    cells = [[cell.strip() for cell in row.strip("│┃").replace("┃", "│").split("│")] for row in (head, *rows)]
    assert cells[0][1:] == [shown(value) for value in seen.x_values]
    assert [row[0] for row in cells[1:]] == [shown(value) for value in reversed(seen.y_values)]  # larger ones above
    for row, printed in zip(reversed(range(len(seen.y_values))), cells[1:], strict=True):
        for column, cell in enumerate(printed[1:]):
            value, kind = seen.value[row, column], STATUSES[seen.status[row, column]]
            number = f"{100 * value:.1f}%" if sweep.maximises else f"{value:.3g}"
            star = "*" if best is not None and best.number == seen.number[row, column] else ""
            assert cell == {"diverged": "×", "pruned": "-", "refused": "/", "ok": number}.get(kind, "") + star


def test_the_page_calls_what_a_setting_came_to_as_everywhere() -> None:
    table = (Path(__file__).resolve().parents[2] / "dashboard/web/sweeps/store.js").read_text(encoding="utf-8")
    (names,) = re.findall(r"^export const KINDS = \[(.*)\];$", table, flags=re.MULTILINE)
    called = {"running": "training", "ok": "finished", "refused": "left out"}
    assert re.findall(r'"([^"]+)"', names) == [called.get(status, status) for status in STATUSES]
