"""Whatever can be chosen, of tasks, networks, algorithms and switches, can be shown on the page, addressed, trained, swept, exported, costed,
evaluated, saved and resumed. Each test is called by the choice: one that is added to a config and forgotten in some table fails by its name.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import re
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, TypeGuard, get_args
from urllib.parse import parse_qsl

import numpy as np
import pytest

from dashboard.setups import address, limits
from dashboard.setups.algorithms import IDEAS, NAMES, choice_of
from dashboard.setups.settings import SETTINGS, on_the_page
from dashboard.setups.sweep_axes import offers
from maml_core.config import ALIASES, RunConfig, from_dict, replace, to_dict
from maml_core.exports.curves import curves_csv
from maml_core.exports.script import run_script
from maml_core.settings import hints_of
from maml_core.store import RunStore
from maml_core.sweeps.axes import Axis, axis_from_text, axis_names, label
from maml_core.sweeps.budget import budget, groups
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.driver import run_sweep
from maml_core.sweeps.footprint import lane_numbers
from maml_core.sweeps.study import open_study
from maml_core.sweeps.tables import best_of, map_of
from maml_core.traits import TRAITS
from maml_core.values import written
from tests.contracts.choices import CHOICES, PRESETS_BY_NAME, run_of
from tests.dashboard.sidebar.test_main_page import Visit, own_hub
from tests.dashboard.test_every_page import Screen, scene
from tests.maml_core.cli.cases import maml
from tests.maml_core.members import ALGORITHMS, images_there

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
STEPS = 3
each_choice = pytest.mark.parametrize("choice", CHOICES)
each_choice_and_preset = pytest.mark.parametrize("choice", [*CHOICES, *PRESETS_BY_NAME])


class Here(Executor):
    """Computes what it is given, in this process."""

    def submit(self, fn: Any, /, *arguments: Any, **more: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*arguments, **more))
        return future


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with images_there(tmp_path_factory.mktemp("images")) as folder:
        yield folder


def query_of(config: RunConfig) -> dict[str, str]:
    return dict(parse_qsl(address.write(config), keep_blank_values=True))


@each_choice
def test_an_address_and_a_file_say_it(choice: str, pictures: Path) -> None:
    config = run_of(choice, pictures)
    assert address.read(query_of(config))[:3] == (config, (), ())
    assert from_dict(json.loads(json.dumps(to_dict(config)))) == config


@each_choice_and_preset
def test_the_sidebar_shows_it(choice: str, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAML_SHARED", "0")  # a server that others use reads no folder
    config = run_of(choice, pictures)
    with own_hub(monkeypatch):
        visit = Visit(**{name.replace(".", "__"): text for name, text in query_of(config).items()})
        assert visit.notes == []
        assert visit.config == config
        assert visit.shown == on_the_page(config)


@each_choice_and_preset
def test_it_trains_on_the_page(choice: str, pictures: Path) -> None:
    config = limits.check(run_of(choice, pictures))

    async def play(hub: Any) -> None:
        page = await Screen(hub, hub.open_page(config)).settle()
        before = page.picture["charts"]["summaries"]
        page.say("outer_step")
        await page.settle()
        run, seen = page.page.run, page.picture
        assert (run.step, run.sentence, run.config) == (1, "", config)
        charts = set(seen["state"]["charts"]) - set(seen["state"]["empty"])
        assert charts <= seen["charts"]["summaries"].keys()
        assert all(seen["charts"]["summaries"][chart] and seen["charts"]["subtitles"][chart] for chart in charts)
        assert seen["charts"]["summaries"]["loss"] != before["loss"]
        assert IDEAS[choice_of(config)] in seen["state"]["idea"]

    scene(play)


@each_choice_and_preset
def test_it_is_saved_resumed_evaluated_and_exported(
    choice: str, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAML_RUNS", str(tmp_path / "runs"))
    (tmp_path / "it.json").write_text(json.dumps(to_dict(run_of(choice, pictures))), encoding="utf-8")
    asked = ("--config", str(tmp_path / "it.json"))
    maml("train", *asked, "--name", "whole", "--steps", str(2 * STEPS))
    maml("train", *asked, "--name", "half", "--steps", str(STEPS))
    maml("train", "--resume", "half", "--steps", str(2 * STEPS))
    whole, half = RunStore().load("whole"), RunStore().load("half")
    assert half.state == whole.state
    assert (half.config, half.step) == (run_of(choice, pictures), 2 * STEPS)
    told = json.loads(maml("evaluate", "half", "--tasks", "4", "--json").stdout)
    (judged,) = told["results"]
    assert told["tasks"] == 4
    assert np.isfinite(judged["mean"][0])
    curve = list(whole.records.query_loss)
    assert printed(run_script(whole)) == pytest.approx(curve, rel=1e-9 if whole.config.dtype == "float64" else 1e-4)
    assert curves_csv(whole.records).count("\n") > 2 * STEPS


def printed(program: str) -> list[float]:
    """The losses that a script prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(program, "script.py", "exec", dont_inherit=True), {"__name__": "__main__"})
    return [float(line.split()[1]) for line in out.getvalue().splitlines() if not line.startswith("#")]


@each_choice
def test_it_is_swept_and_costed(choice: str, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = replace(run_of(choice, pictures), {"joint_baseline": False, "oracle_baseline": False})
    axes = [Axis(name="alpha", values=(0.01, 0.02), log=True)]
    field, _, word = choice.partition("=")
    if field in axis_names(base):
        axes.append(axis_from_text(choice, base))
    sweep = SweepConfig(base=base, axes=tuple(axes), num_steps=STEPS, num_rungs=1)
    assert sum(group.num_settings for group in groups(sweep).values()) == sweep.size
    monkeypatch.setattr("maml_core.sweeps.budget.PROBE_S", 0.01)  # that it is measured counts here, not how well
    need = budget(sweep, Here(), at_once=1)
    assert (need.num_lanes, need.cpu_s > 0.0) == (2, True)
    assert lane_numbers(base) > 0
    with open_study(sweep, "it", storage=str(tmp_path)) as study:
        results = run_sweep(sweep, study, Here(), at_once=1)
    assert [one.status for one in results] == ["ok", "ok"]
    if len(axes) == 2:
        assert map_of(sweep, results, "alpha", field).number.shape == (1, 2)
        best = best_of(sweep, results)
        assert best is not None
        assert f"{label(field)}={word}" in [f"{label(field)}={written(value)}" for value in best.values.values()]


@pytest.mark.parametrize("name", ALGORITHMS)
def test_an_algorithm_has_its_words_its_costs_and_its_formulas(name: str) -> None:
    (offer,) = (offer for offer in offers(RunConfig()) if offer.name == "algorithm")
    assert name in offer.choices
    assert name in NAMES
    assert name in IDEAS
    if name not in ALIASES:
        formulas = (ROOT / "dashboard/web/live/formulas.js").read_text(encoding="utf-8")
        table = re.search(r"^const DIRECTIONS = \{(.*)\};$", formulas, flags=re.MULTILINE)
        assert table is not None
        assert name in re.findall(r"(\w+): ", table[1])
        assert name in TRAITS


NAMED_IN = {
    "maml_core/traits.py": "the table",
    "maml_core/config.py": "the setting, and who accepts no inner steps",
    "maml_core/algorithms.py": "their formulas",
    "maml_core/presets.py": "set-ups",
    "maml_core/reproduce/omniglot.py": "set-ups of papers",
    "maml_core/reproduce/sinusoid.py": "set-ups of papers",
    "maml_core/reproduce/atlas.py": "set-ups that are compared",
    "maml_core/analysis/directions.py": "whose directions are compared",
    "dashboard/charts/arrows.py": "whose directions are drawn",
    "dashboard/charts/directions.py": "whose directions are drawn",
    "dashboard/setups/algorithms.py": "their names, sentences and what lets them learn",
}
"""The files that may say an algorithm's name, and what for; all others ask the table of their traits."""


def test_no_other_file_lists_algorithms_by_name() -> None:
    names = set(TRAITS) - {"maml"}  # which is also the name of a learner
    found = {
        path.relative_to(ROOT).as_posix(): names & said
        for package in ("maml_core", "dashboard")
        for path in (ROOT / package).rglob("*.py")
        if names & (said := {node.value for node in ast.walk(ast.parse(path.read_text())) if _is_text(node)})
    }
    assert found.keys() <= NAMED_IN.keys(), found


def _is_text(node: ast.AST) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_the_table_has_every_algorithm_of_a_run() -> None:
    assert set(TRAITS) == set(get_args(hints_of(RunConfig)["algorithm"]))


@pytest.mark.parametrize("name", [name for name, hint in hints_of(RunConfig).items() if hint is bool])
def test_a_switch_of_a_run_has_a_toggle(name: str) -> None:
    assert name in SETTINGS
