"""`maml lessons`: what is listed, what a check says and ends with, a lesson of one's own, and what is taken along."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from maml_core.cli import app
from maml_core.lessons.measures import CURVES, MEASURES
from maml_core.lessons.reading import read_file, shipped


def maml(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["lessons", *map(str, arguments)])


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A lesson of one's own that takes no time."""
    path = tmp_path / "my-lesson.toml"
    assert maml("new", path).exit_code == 0
    path.write_text(path.read_text().replace("until = 400", "until = 20").replace("< 0.6 * start", "< 2 * start"))
    return path


def test_a_list_has_every_lesson_in_order() -> None:
    lines = maml("list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(shipped())
    found = json.loads(maml("list", "--json").stdout)
    assert [one["name"] for one in found] == list(shipped())
    assert found[0]["steps"] == [step.name for step in next(iter(shipped().values())).steps]


def test_a_lesson_of_ones_own_begins_with_one_that_works(own: Path) -> None:
    assert read_file(own).title == "My lesson"
    again = maml("new", own)
    assert again.exit_code == 2
    assert "is there already" in again.stderr
    assert maml("new", own, "--force").exit_code == 0


def test_a_check_has_a_line_a_lesson_and_a_summary(own: Path) -> None:
    done = maml("check", own)
    first, last = done.stdout.splitlines()
    assert first.startswith("my-lesson: shows (")
    assert last.startswith("Lessons that show what they teach at seeds 0, 1, 2: 1 of 1 (")
    assert done.exit_code == 0


def test_a_claim_that_does_not_show_fails_by_its_name(own: Path) -> None:
    own.write_text(own.read_text().replace("< 2 * start", "< 0.001 * start"))
    done = maml("check", own)
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith("my-lesson: DOES NOT SHOW")
    assert lines[1].startswith("  trained: at seed 0 what comes out is")
    assert "0 of 1; not: my-lesson" in lines[-1]
    as_json = maml("check", own, "--json")
    assert as_json.exit_code == 1
    (found,) = json.loads(as_json.stdout)
    assert (found["lesson"], found["shows"], len(found["problems"])) == ("my-lesson", False, 3)
    assert "0 of 1" in as_json.stderr


def test_a_mistake_in_a_file_is_told_by_its_key(own: Path) -> None:
    own.write_text(own.read_text().replace("until = 20", 'until = "20"'))
    done = maml("check", own)
    assert done.exit_code == 2
    assert "steps.trained.action.until = '20' is not accepted: a whole number from 1 to 20,000" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "one of the two"),
        (("over-the-edge", "--all"), "one of the two"),
        (("over-the-egde",), "did you mean 'over-the-edge'?"),
        (("nowhere.toml",), "it cannot be read"),
    ],
)
def test_what_is_asked_wrongly(arguments: tuple[str, ...], said: str) -> None:
    done = maml("check", *arguments)
    assert done.exit_code == 2
    assert said in done.stderr


def test_what_is_measured_is_listed() -> None:
    text = maml("measures").stdout
    assert [line.split()[0] for line in text.splitlines()] == [*MEASURES, *CURVES]
    assert json.loads(maml("measures", "--json").stdout)[0]["name"] == "step"


def test_a_lesson_is_taken_along(own: Path, tmp_path: Path) -> None:
    script, notebook = tmp_path / "one.py", tmp_path / "one.ipynb"
    assert maml("export", "over-the-edge", "--out", script).exit_code == 0
    assert maml("export", own, "--out", notebook).exit_code == 0
    compile(script.read_text(), "one.py", "exec")
    assert json.loads(notebook.read_text())["nbformat"] == 4
    refused = maml("export", "over-the-edge", "--out", tmp_path / "one.csv")
    assert refused.exit_code == 2
    assert "ends with .py" in refused.stderr


def test_what_a_study_needs_is_printed(own: Path, tmp_path: Path) -> None:
    sheet, answers, page = tmp_path / "b.html", tmp_path / "key.html", tmp_path / "twin.html"
    assert maml("quiz", "--form", "b", "--out", sheet).exit_code == 0
    assert maml("quiz", "--key", "--out", answers).exit_code == 0
    assert maml("twin", own, "--seed", 2, "--out", page).exit_code == 0
    assert "Form B" in sheet.read_text()
    assert answers.read_text().count("<tr>") == 20
    assert "one run (seed 2)" in page.read_text()
    for wrong, said in ((("quiz", "--form", "C"), "form = 'C'"), (("twin", "nothing"), "lesson = 'nothing'")):
        refused = maml(*wrong)
        assert refused.exit_code == 2
        assert said in refused.stderr
