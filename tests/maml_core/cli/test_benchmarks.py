"""`maml bench`: rows of every benchmark, as a table and as JSON, and the aims that its README names."""

from __future__ import annotations

import contextlib
import importlib
import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from maml_core.cli.bench import Benchmark
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.study import load_sweep, open_study
from tests.benchmarks import against_jax, step_parts
from tests.benchmarks.rows import Figure, Row, at_least, at_most, figures, printed
from tests.maml_core.cli.cases import maml, said

README = (Path(__file__).parents[2] / "benchmarks" / "README.md").read_text(encoding="utf-8")
MODULES = {one.value: importlib.import_module(f"tests.benchmarks.{one.value}") for one in Benchmark}
KINDS = {
    "name": (str,),
    "value": (int, float),
    "unit": (str,),
    "aim": (float, int, type(None)),
    "met": (bool, type(None)),
}


def begins(name: str, prefix: str, ending: str = "") -> dict[str, float]:
    """Figures of a benchmark below a prefix, as its measurements name them."""
    names = [one for one in MODULES[name].FIGURES if one.startswith(prefix) and one.endswith(ending)]
    found = {one.removeprefix(prefix): 1.0 for one in names}
    assert found, prefix
    return found


def fake(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a measurement that takes no time in the place of a benchmark's own; what it makes of it stays."""
    module: Any = MODULES[name]

    def put(what: str, value: object) -> None:
        assert hasattr(module, what)
        monkeypatch.setattr(module, what, value)

    match name:
        case "engine":
            made = module.Made("key", 1.0)
            put("compiled", lambda config: made)
            put("Run", lambda config, key="": lambda count: None)
            put("alternated", lambda ways, rounds: {way: [2.0] for way in ways})
            put("against_eager", lambda config, key: 1e-7)
            every = dict.fromkeys((*step_parts.PARTS, step_parts.WHOLE), 1.0)
            monkeypatch.setattr(step_parts, "parts", lambda steps, key, rounds: every)
            monkeypatch.setattr(
                against_jax,
                "compare",
                lambda config, key, rounds: {one.name: 1.0 for one in against_jax._about(config.num_inner_steps)},
            )
            monkeypatch.setattr(against_jax, "is_there", lambda: True)
        case "quality":
            put("reached", lambda steps: dict.fromkeys(module.FIGURES, 1.0))
        case "memory":
            put("peak_bytes", lambda work: 2**20)
            put("meta_step", lambda case, steps, recompute: None)
            put("time", Clock())
        case "images":
            put("gradient_difference", lambda steps: 1e-14)
            put("_ms", lambda run, clock: 1.0)
            put("meta_gradient", lambda *args, **settings: Gradient())
            put("sequential_gradient", lambda *args, **settings: ())
        case "page" | "classroom" | "followers" | "class" | "soak" | "hostile" | "settings":
            if name != "hostile":
                put("missing", lambda which: False)
            found = dict.fromkeys(module.FIGURES, 1.0)
            put("measured", lambda *of: iter([found]) if name == "page" else found)
        case "sweep":
            split = "64 settings", "1,024 settings", "sinusoid", "glyphs"
            parts = [{one: 1.0 for one in module.FIGURES if one.startswith(begin)} for begin in split]
            put("compare", lambda rounds: parts[0])
            put("memory", lambda: parts[1])
            put("by_number_of_lanes", lambda rounds: parts[2] | parts[3])
        case "faults":
            put("programs", lambda: "here")
            put("measured", lambda storage, kills, seed: begins("faults", "", f", {storage}"))
        case "cluster":
            put("Cluster", lambda count: contextlib.nullcontext(Machines()))
            put("ClusterExecutor", lambda address: Idle())
            put("ChunkPool", lambda count: Idle())
            put("_crossing", lambda configs, executors, rounds: begins("cluster", "over TCP, images, 1 lane: "))
            put("chunk_rate", lambda executor, size, count: 1.0)
            put("study_rate", lambda *args, **settings: 1.0)
            put("programs", lambda: "here")
            put("postgres", lambda where: contextlib.nullcontext("url"))


class Clock:
    """A second later whenever it is asked."""

    def __init__(self) -> None:
        self._now = 0.0

    def process_time(self) -> float:
        self._now += 1.0
        return self._now


class Gradient:
    gradient = None


class Machines:
    address = ""

    def wait_for_workers(self, count: int) -> None:
        pass


class Idle:
    def warm_up(self) -> list[Any]:
        return []

    def shutdown(self) -> None:
        pass


@pytest.mark.parametrize("name", MODULES)
def test_every_benchmark_prints_its_rows_as_one_json_list_and_nothing_else(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(name, monkeypatch)
    result = maml("bench", name, "--json", *(["--jax"] if name == "engine" else []))
    rows = json.loads(result.stdout)
    assert sorted(row["name"] for row in rows) == sorted(MODULES[name].FIGURES)
    for row in rows:
        assert list(row) == list(KINDS)
        assert all(isinstance(row[field], kinds) for field, kinds in KINDS.items()), row
        assert (row["aim"] is None) == (row["met"] is None)
        assert f"  {row['name']}" in result.stderr


def test_no_two_figures_have_the_same_name() -> None:
    names = [name for module in MODULES.values() for name in module.FIGURES]
    assert len(names) == len(set(names))


def test_figures_beside_jax_have_jax_in_their_name(monkeypatch: pytest.MonkeyPatch) -> None:
    fake("engine", monkeypatch)
    without = {row["name"] for row in json.loads(maml("bench", "engine", "--json").stdout)}
    assert {name for name in MODULES["engine"].FIGURES if "JAX" in name} == set(MODULES["engine"].FIGURES) - without


def test_without_jax_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    real = against_jax.is_there
    fake("engine", monkeypatch)
    monkeypatch.setattr(against_jax, "is_there", real)
    monkeypatch.setitem(sys.modules, "jax", None)
    result = maml("bench", "engine", "--jax", "--json")
    assert not any("JAX" in row["name"] for row in json.loads(result.stdout))
    assert "JAX is not installed, so nothing was compared with it: pip install -e '.[jax]'" in said(result)


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (["--jax"], "--jax is for engine alone: say maml bench engine --jax."),
        (["--minutes", "3"], "--minutes is for class alone: say maml bench class --minutes 10."),
        (["--joins", "5"], "--joins is for class alone: say maml bench class --joins 300."),
        (["--hours", "1"], "--hours is for soak alone: say maml bench soak --hours 2."),
    ],
    ids=lambda given: given[0],
)
def test_an_option_is_for_one_benchmark_alone(option: list[str], says: str) -> None:
    assert says in said(maml("bench", "quality", *option, code=2))


@pytest.mark.parametrize(("name", "option", "value"), [("class", "minutes", 0.5), ("soak", "hours", 0.25)])
def test_a_benchmark_is_told_for_how_long(
    monkeypatch: pytest.MonkeyPatch, name: str, option: str, value: float
) -> None:
    fake(name, monkeypatch)
    told: list[float] = []
    found = dict.fromkeys(MODULES[name].FIGURES, 1.0)
    monkeypatch.setattr(MODULES[name], "measured", lambda of, *_: (told.append(of), found)[1])
    maml("bench", name, f"--{option}", str(value))
    assert told == [value]


def test_people_who_come_and_go_are_measured_alone_where_their_number_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--joins is for class alone" in said(maml("bench", "soak", "--joins", "3", code=2))
    fake("class", monkeypatch)
    told: list[tuple[float, int | None]] = []
    found = dict.fromkeys(MODULES["class"].FIGURES, 1.0)
    monkeypatch.setattr(MODULES["class"], "measured", lambda *of: (told.append(of), found)[1])
    maml("bench", "class", "--joins", "7")
    maml("bench", "class")
    assert told == [(0.0, 7), (0.0, None)]


def test_kills_and_their_seed_are_for_faults_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--kills is for faults alone" in said(maml("bench", "quality", "--kills", "3", code=2))
    assert "--seed is for faults alone" in said(maml("bench", "--seed", "3", code=2))
    fake("faults", monkeypatch)
    asked: list[tuple[int, int]] = []
    measured = MODULES["faults"].measured
    monkeypatch.setattr(MODULES["faults"], "measured", lambda *of: asked.append(of[1:]) or measured(*of))
    maml("bench", "faults", "--kills", "10", "--seed", "3")
    assert asked == [(4, 3), (3, 3), (3, 3)]


@pytest.mark.parametrize(
    ("figure", "met", "missed"), [(at_least("rate", 10.0, "/s"), 10.0, 9.9), (at_most("delay", 10.0, "s"), 10.0, 10.1)]
)
def test_a_figure_stands_beside_its_aim(
    figure: Figure, met: float, missed: float, capsys: pytest.CaptureFixture[str]
) -> None:
    declared = figures(figure)
    assert printed(declared, {figure.name: met}) == [Row(figure.name, met, figure.unit, 10.0, True)]
    assert capsys.readouterr().out.rstrip().endswith(f"aim: {figure.asked}")
    assert printed(declared, {figure.name: missed}) == [Row(figure.name, missed, figure.unit, 10.0, False)]
    assert capsys.readouterr().out.rstrip().endswith("not met")


def test_a_figure_without_an_aim_is_neither_met_nor_missed() -> None:
    assert Figure("time", "ms").row(3.0) == Row("time", 3.0, "ms", None, None)


def sections() -> Iterator[tuple[str, dict[str, str]]]:
    """Benchmarks of the README, with the aims that their tables name."""
    for name, text in re.findall(r"^## `maml bench (\w+)`(.*?)(?=^## |\Z)", README, flags=re.DOTALL | re.MULTILINE):
        lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
        assert all(
            len(line) == 3 for line in lines if line[0] not in {"part of a step", *step_parts.PARTS, step_parts.WHOLE}
        ), lines
        yield name, {line[0]: line[2] for line in lines if len(line) == 3 and line[2].startswith("at ")}


def test_the_readme_has_every_aim_of_the_code_and_no_other() -> None:
    found = dict(sections())
    wanted = {
        name: {figure.name: figure.asked for figure in module.FIGURES.values() if figure.asked}
        for name, module in MODULES.items()
    }
    assert {name: aims for name, aims in found.items() if aims} == {name: aims for name, aims in wanted.items() if aims}


def test_images_are_glyphs_where_omniglot_is_not_there() -> None:
    assert MODULES["cluster"].images().tasks.kind == "glyphs"


def test_a_client_of_the_cluster_benchmark_finishes_every_setting(tmp_path: Path) -> None:
    cluster: Any = MODULES["cluster"]
    of = SweepConfig(axes=(Axis(name="alpha", low=1e-3, high=0.1, log=True),), sampler="random", num_settings=40)
    open_study(of, "clients", storage=str(tmp_path)).close()
    assert cluster.work_through(of, "clients", str(tmp_path)) == 40
    with load_sweep("clients", storage=str(tmp_path)) as study:
        assert {one.status for one in study.results()} == {"ok"}


def test_the_parts_of_a_step_add_up_to_it_and_each_is_found() -> None:
    begin = time.perf_counter()
    found = step_parts.parts(1, "", rounds=2)
    passed_ms = 1e3 * (time.perf_counter() - begin)
    whole = found.pop(step_parts.WHOLE)
    assert whole == pytest.approx(sum(found.values()))
    assert 0.0 < step_parts.NUM_STEPS * whole < passed_ms
    assert found.pop("rows of tensors") == 0.0  # of the compiled form alone
    assert {part for part, value in found.items() if value <= 0.0} == set()
    assert found[step_parts.GRADIENT] > max(value for part, value in found.items() if part != step_parts.GRADIENT)
