"""Tables of the command line on narrow terminals: every name and number stands there whole."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from typer.testing import CliRunner

from maml_core.cli import app, sweeps
from maml_core.cli.tables import Column, print_table
from maml_core.sweeps.axes import Axis, label
from maml_core.sweeps.catalog import StudyInfo, list_sweeps
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.results import LaneResult, result_of
from maml_core.sweeps.study import open_study
from maml_core.values import shown

WIDTHS = (40, 60, 80, 120)
ALPHAS = tuple(round(0.001234 * 1.9**place, 9) for place in range(12))
SMALL = ["--hidden-widths", "4", "--meta-batch-size", "2", "--evaluation-tasks", "2", "--no-joint-baseline"]
NUMBER = r"(\d+\.\d{4}(e\+\d+)?)"
LONG = "größe of the third experiment or how alpha went"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("runs", "sweeps", "data"):
        monkeypatch.setenv(f"MAML_{name.upper()}", str(tmp_path / name))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(width: int, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, (result.output, result.exception)
    assert "…" not in result.stdout
    for line in result.stdout.splitlines():
        if line[:1] in "┏┡└│┃":
            assert cell_len(line) <= width, line
    return result.stdout


def cells(text: str) -> list[str]:
    """All cells, line by line; a heading that has several lines is one."""
    found: list[str] = []
    lines = [line for line in text.splitlines() if line[:1] in ("│", "┃")]
    for is_heading, some in itertools.groupby(lines, key=lambda line: line[0] == "┃"):
        rows = [[cell.strip() for cell in re.split("[│┃]", line)] for line in some]
        found += (
            [" ".join(filter(None, column)) for column in zip(*rows, strict=True)]
            if is_heading
            else itertools.chain(*rows)
        )
    return found


def swept(axes: tuple[Axis, ...]) -> list[float]:
    """A sweep that is finished, and its losses."""
    sweep = SweepConfig(axes=axes, num_steps=8)
    losses = []
    with open_study(sweep, LONG) as study:
        for setting in study.take(sweep.size):
            losses.append(float(f"{1.234567 * 3.7**setting.number:.3g}"))
            lane = LaneResult(
                **{
                    "seed": 0,
                    "status": "ok",
                    "step": 8,
                    "loss": losses[-1],
                    "ci95": 0.1,
                    "before": 3.0,
                    "accuracy": float("nan"),
                },
                **{"accuracy_ci95": float("nan"), "diverged_share": 0.0, "worse_share": 0.0, "lambda_max": 20.0},
            )
            study.put(result_of(sweep, setting, [lane], done=True, rungs=[(8, losses[-1])]))
    return losses


@pytest.mark.parametrize("width", WIDTHS)
def test_a_map_shows_every_value_and_every_loss(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = swept((Axis(name="alpha", values=ALPHAS), Axis(name="num_inner_steps", values=(1, 20))))
    found = cells(said(width, monkeypatch, "sweeps", "show", LONG))
    assert {shown(alpha) for alpha in ALPHAS} <= set(found)
    assert {f"{loss:.3g}" for loss in losses} <= {cell.removesuffix("*") for cell in found}


@pytest.mark.parametrize("width", WIDTHS)
def test_the_best_settings_show_every_value(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    axes = (
        Axis(name="alpha", values=ALPHAS[:3]),
        Axis(name="beta", values=(0.001234, 0.0123)),
        Axis(name="model.hidden_widths", values=(8, 16)),
    )
    swept(axes)
    found = cells(said(width, monkeypatch, "sweeps", "show", LONG))
    assert {shown(value) for axis in axes for value in axis.values} <= set(found)
    assert {label(axis.name) for axis in axes} <= set(found)


@pytest.mark.parametrize("width", WIDTHS)
def test_lists_show_every_name_and_number(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    swept((Axis(name="alpha", values=ALPHAS[:2]),))
    for name, algorithm in ((LONG, "meta_curvature"), ("a" * 70, "maml")):
        done = CliRunner().invoke(app, ["train", *SMALL, "--algorithm", algorithm, "--steps", "2", "--name", name])
        assert done.exit_code == 0, done.output
    runs, sweeps = said(width, monkeypatch, "runs", "list"), said(width, monkeypatch, "sweeps", "list")
    for words in ("algorithm", "outer step", "status", "size", "meta_curvature", "maml", "2", "ok"):
        assert words in cells(runs)
    for words in ("settings", "finished", "remarks", "2"):
        assert words in cells(sweeps)
    first = [line.split("│")[1].strip() for line in runs.splitlines() if line.startswith("│")]
    assert "a" * 70 in "".join(first)
    assert LONG in " ".join(filter(None, first))


@pytest.mark.parametrize("size", [2, 10_000])
def test_sweeps_are_one_table_at_80_columns_and_those_that_cannot_be_read_are_its_last_rows(
    size: int, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def listed(_: object) -> list[StudyInfo]:
        kept = StudyInfo(
            "z" * 40, size, size, size, size, size, ("model.hidden_widths", "algorithm", "inner_optimizer")
        )
        bad = StudyInfo("a-broken-one", 0, 0, 0, 0, 0, (), problem="it ends too soon", problem_kind="damaged")
        later = bad._replace(name="of-tomorrow", problem="update maml-live", problem_kind="newer")
        return [kept, bad, later]

    monkeypatch.setattr(sweeps, "list_sweeps", listed)
    text = said(80, monkeypatch, "sweeps", "list")
    assert text.count("┏") == 1
    found = [line.split("│")[1:-1] for line in text.splitlines() if line.startswith("│")]
    assert {len(row) for row in found} == {5}
    assert "".join(row[0].strip() for row in found[:-2]) == "z" * 40
    remarks = " ".join(row[4].strip() for row in found[:-2])
    assert " ".join(remarks.split()) == f"{size:,} diverged, {size:,} pruned, {size:,} left out"
    broken = [[cell.strip() for cell in row] for row in found[-2:]]
    assert broken == [["a-broken-one", "", "", "", "damaged"], ["of-tomorrow", "", "", "", "cannot be read"]]
    assert text.splitlines()[-2:] == ["a-broken-one: it ends too soon", "of-tomorrow: update maml-live"]


def test_sweeps_that_cannot_be_read_are_listed_last(here: Path) -> None:
    swept((Axis(name="alpha", values=ALPHAS[:2]),))
    (here / "sweeps" / "a").mkdir()
    (here / "sweeps" / "a" / "study.log").write_bytes(b"")
    assert [(info.name, info.problem_kind) for info in list_sweeps()] == [(LONG, None), ("a", "damaged")]


@pytest.mark.parametrize("width", WIDTHS)
def test_losses_of_any_size_are_whole(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    done = CliRunner().invoke(app, ["train", *SMALL, "--alpha", "0.9", "--steps", "2", "--name", "wild"])
    assert done.exit_code == 0, done.output
    evaluated = ("evaluate", "wild", "--tasks", "20", "--eval-steps", "6")
    text = said(width, monkeypatch, *evaluated)
    (result,) = json.loads(said(width, monkeypatch, *evaluated, "--json"))["results"]
    finite = [mean is not None for mean in result["mean"]]
    found = cells(text)
    means = [cell for cell in found if " ± " in cell and cell != "mean ± 95% CI"]
    assert (len(means), len(finite)) == (sum(finite), 7)
    assert all(re.fullmatch(rf"{NUMBER} ± {NUMBER}", cell) for cell in means), means
    assert ("not finite" in found) == (not all(finite))
    assert {"median", "worse", "diverged", "inner step"} <= set(found)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.lists(st.integers(-(10**12), 10**12).map(str), min_size=2, max_size=2), min_size=1, max_size=9),
    st.integers(40, 130),
)
def test_no_number_is_ever_cut(columns: list[list[str]], width: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))

        def command() -> None:
            print_table(
                "title", [Column("row", ["1", "2"]), *(Column(f"c{at}", some) for at, some in enumerate(columns))]
            )

        text = _printed(command)
    found = cells(text)
    assert {number for some in columns for number in some} <= set(found)
    assert all(cell_len(line) <= width for line in text.splitlines())


@pytest.mark.parametrize("room", [0, 1])
def test_columns_stand_beside_each_other_where_their_last_line_has_room(
    room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = [Column("row", ["1"]), Column("a", ["1" * 10]), Column("b", ["2" * 18])]
    needed = 1 + sum(
        3 + len(text) for text in ("row", "1" * 10, "2" * 18)
    )  # two spaces and a line a column, and one line
    monkeypatch.setenv("COLUMNS", str(needed - 1 + room))
    text = _printed(lambda: print_table("title", columns))
    assert {"1" * 10, "2" * 18} <= set(cells(text))
    assert cells(text).count("row") == 2 - room  # the first column stands before each part


def _printed(command: Callable[[], None]) -> str:
    target = io.StringIO()
    with contextlib.redirect_stdout(target):
        command()
    return target.getvalue()


def test_a_run_that_nobody_named_has_its_whole_name_in_the_list_at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is what is typed, or copied, for the next command."""
    assert CliRunner().invoke(app, ["train", *SMALL, "--steps", "2"]).exit_code == 0
    (run,) = json.loads(said(80, monkeypatch, "runs", "list", "--json"))
    found = cells(text := said(80, monkeypatch, "runs", "list"))
    assert len(run["name"]) == len("maml-20261130-170203-9581")
    assert {run["name"], "algorithm", "outer step", "ok"} <= set(found)
    assert all(cell_len(line) <= 80 for line in text.splitlines())


def test_headings_take_lines_before_a_name_does_and_what_room_there_is_goes_to_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    columns = [
        Column("name", ["n" * 20], True, folds=True),
        Column("outer step", ["7"]),
        Column("saved", ["aaaa bbbb"], True, folds=True),
    ]
    for width, heading, saved in (
        (80, "outer step", {"aaaa bbbb"}),
        (44, "outer", {"aaaa bbbb"}),
        (40, "outer", {"aaaa", "bbbb"}),
    ):
        monkeypatch.setenv("COLUMNS", str(width))
        text = _printed(lambda: print_table("title", columns))
        assert {"n" * 20, *saved} <= set(cells(text))
        assert f" {heading} ┃" in text


def test_what_is_wider_than_the_terminal_folds_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    text = _printed(lambda: print_table("title", [Column("row", ["1"]), Column("number", ["0123456789" * 4])]))
    assert "".join(cells(text)).endswith("1" + "0123456789" * 4)
