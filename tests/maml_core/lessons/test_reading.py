"""Lessons read from TOML: what is read, and what every mistake is answered with."""

from __future__ import annotations

from pathlib import Path

import pytest

from maml_core.config import GlyphsConfig, RunConfig
from maml_core.errors import ConfigError
from maml_core.lessons.lesson import Action, Case, Option
from maml_core.lessons.reading import lessons, look_of, read_file, read_lesson, restarted, with_settings

TEXT = """
title = "A title"
about = "A question?"
source = "Measured here"
order = 2
transfer = "And then?"
answer = "Then so."

[setup]
preset = "Fast demo"
changes = { alpha = 0.01, tasks = { noise_std = 0.1 } }

[[steps]]
name = "first"
text = "Train."
lit = ["loss", "alpha", "play"]

[steps.action]
kind = "train"
says = "Train to 100"
until = 100

[[steps]]
name = "second"
text = "Drag."
free = ["alpha"]
look = "task_disk"
restart = { alpha = 0.03 }

[steps.prediction]
kind = "choice"
question = "Which?"
options = [
  { text = "up", right = "second.loss_after > first.loss_after" },
  { text = "down", right = "second.loss_after <= first.loss_after" },
]

[steps.action]
kind = "set"
says = "Drag alpha"
setting = "alpha"
low = 0.01
high = 0.1

[[steps.verdict]]
when = "second.task_disk.r2 > 0.5"
says = "It is {second.task_disk.r2:.2f}."
taught = true

[[steps.verdict]]
says = "It is not."
"""


def read(old: str = "", new: str = "") -> None:
    assert old in TEXT
    read_lesson(TEXT.replace(old, new, 1) if old else TEXT, name="a-title")


def test_a_lesson() -> None:
    found = read_lesson(TEXT, name="a-title")
    assert (found.name, found.title, found.order, found.minutes) == ("a-title", "A title", 2, 3)
    assert found.config.alpha == 0.01
    assert found.config.tasks.noise_std == 0.1  # type: ignore[union-attr]
    first, second = found.steps
    assert first.action == Action(kind="train", says="Train to 100", until=100)
    assert first.lit == ("loss", "alpha", "play")
    assert second.action == Action(kind="set", says="Drag alpha", setting="alpha", low=0.01, high=0.1)
    assert second.prediction is not None
    assert second.prediction.options[0] == Option(text="up", right="second.loss_after > first.loss_after")
    assert second.verdict[1] == Case(when="", says="It is not.")
    assert (look_of(found, 0), look_of(found, 1)) == ("path", "task_disk")
    assert restarted(found, first) is None
    assert restarted(found, second) == with_settings(found.config, {"alpha": 0.03})


@pytest.mark.parametrize(
    ("old", "new", "field", "accepted"),
    [
        ('title = "A title"\n', "", "title", "it is missing"),
        ('title = "A title"', f'title = "{"x" * 99}"', "title", "this one has 99"),
        ('title = "A title"', 'title = "A"\nheading = "B"', "heading", "no such key"),
        ("order = 2", "order = 2.5", "order", "a whole number"),
        ('"Fast demo"', '"Fast demos"', "setup.preset", "did you mean 'Fast demo'?"),
        ("alpha = 0.01,", "alhpa = 0.01,", "setup.changes.alhpa", "did you mean 'alpha'?"),
        ("alpha = 0.01,", 'alpha = "much",', "setup.changes.alpha", "a number from"),
        ("noise_std = 0.1", "noise = 0.1", "setup.changes.tasks.noise", "no such field"),
        ('name = "first"', 'name = "First one"', "steps.First one.name", "small letters"),
        ('name = "second"', 'name = "first"', "steps.first.name", "another word"),
        ('text = "Train."', f'text = "{"x" * 281}"', "steps.first.text", "this one has 281"),
        ('"loss", "alpha"', '"losses", "alpha"', "steps.first.lit", "did you mean 'loss'?"),
        ('free = ["alpha"]', 'free = ["shots"]', "steps.second.free", "one of alpha, beta, num_inner_steps"),
        ('free = ["alpha"]', 'free = ["beta"]', "steps.second.action.setting", "among `free`"),
        ('look = "task_disk"', 'look = "disk"', "steps.second.look", "one of path"),
        ('look = "task_disk"\n', "", "steps.second.look", "'second.task_disk.r2' is measured where 'task_disk'"),
        ("{ alpha = 0.03 }", "{ alpha = 1e9 }", "steps.second.restart.alpha", "from -100 to 100"),
        ("{ alpha = 0.03 }", "{}", "steps.second.restart", "a table of settings"),
        ('kind = "train"', 'kind = "run"', "steps.first.action.kind", "one of train, set, task, inner"),
        ("until = 100", "until = 0", "steps.first.action.until", "from 1 to 20,000"),
        ("until = 100", "until = 100\ntimes = 2", "steps.first.action.times", "no such key"),
        ("high = 0.1", "high = 0.001", "steps.second.action.high", "from 0.01 to 100"),
        ("high = 0.1", "high = 0.1\nmodel = 7", "steps.second.action.model", "from 0.01 to 0.1"),
        ('kind = "choice"', 'kind = "guess"', "steps.second.prediction.kind", "one of choice, number, curve"),
        ("> first.loss_after", "> third.loss_after", "steps.second.prediction.options.1.right", "not measured by then"),
        ("> first.loss_after", "> first.loss_aftre", "steps.second.prediction.options.1.right", "did you mean"),
        ("second.loss_after > first.loss_after", "first.loss_after", "steps.second.prediction.options.1.right", "cond"),
        ("second.loss_after > first.loss_after", "open('x')", "steps.second.prediction.options.1.right", "has numbers"),
        ('{ text = "up"', '{ txt = "up"', "steps.second.prediction.options.1.text", "it is missing"),
        ('when = "second', 'whenn = "second', "steps.second.verdict.1.when", "a condition"),
        ("{second.task_disk.r2:.2f}", "{second.task_disk.r2", "steps.second.verdict.1.says", "a number is written as"),
        ("{second.task_disk.r2:.2f}", "{second.r2:.2f}", "steps.second.verdict.1.says", "not measured by then"),
        ("taught = true", "taught = false", "steps.second.verdict", "exactly one case"),
        ("taught = true", 'taught = "yes"', "steps.second.verdict.1.taught", "true or false"),
        (
            'says = "It is not."',
            'says = "It is not."\nwhen = "second.step < 1"',
            "steps.second.verdict.2.when",
            "last case",
        ),
        ("[setup]", "[setup]\n[setup]", "lesson", "it is no TOML"),
    ],
)
def test_a_mistake_is_told_by_its_key(old: str, new: str, field: str, accepted: str) -> None:
    read()
    with pytest.raises(ConfigError) as error:
        read(old, new)
    assert error.value.field == field
    assert accepted in error.value.accepted


def test_a_lesson_asks() -> None:
    start, end = TEXT.index("[steps.prediction]"), TEXT.index('[steps.action]\nkind = "set"')
    with pytest.raises(ConfigError, match="a lesson asks before it shows"):
        read(TEXT[start:end], "")


def test_what_is_asked_is_answered() -> None:
    with pytest.raises(ConfigError, match="says what came out"):
        read(TEXT[TEXT.index("[[steps.verdict]]") :], "")


def test_a_last_case_is_not_what_is_taught() -> None:
    swapped = TEXT.replace("taught = true", "").replace('says = "It is not."', 'says = "It is not."\ntaught = true')
    with pytest.raises(ConfigError, match="nothing could refute it"):
        read_lesson(swapped, name="a-title")


def test_numbers_and_curves() -> None:
    start, end = TEXT.index('kind = "choice"'), TEXT.index('[steps.action]\nkind = "set"')

    def asked(lines: str) -> None:
        read_lesson(TEXT[:start] + lines + TEXT[end:], name="a-title")

    asked('kind = "number"\nquestion = "?"\ntruth = "second.loss_after"\nlow = 0\nhigh = 4\n')
    asked('kind = "curve"\nquestion = "?"\ntruth = "adaptation"\nx_label = "k"\nnum_points = 4\nlow = 0\nhigh = 4\n')
    for lines, accepted in (
        ('kind = "number"\nquestion = "?"\ntruth = "second.loss_after"\nlow = 4\nhigh = 4\n', "above low"),
        (
            'kind = "number"\nquestion = "?"\ntruth = "second.step"\nlow = 0\nhigh = 1\nlogarithmic = true\n',
            "logarithmic",
        ),
        ('kind = "number"\nquestion = "?"\ntruth = "second.step > 1"\nlow = 0\nhigh = 1\n', "a number over"),
        ('kind = "curve"\nquestion = "?"\ntruth = "loss"\nlow = 0\nhigh = 1\n', "one of adaptation, accuracy"),
    ):
        with pytest.raises(ConfigError, match=accepted):
            asked(lines)


@pytest.mark.parametrize("name", ["A Title", "a_title", "", "../a"])
def test_names_are_fit_for_addresses(name: str) -> None:
    with pytest.raises(ConfigError, match="small letters, digits and hyphens"):
        read_lesson(TEXT, name=name)


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "later.toml").write_text(TEXT.replace("order = 2", "order = 3"))
    (tmp_path / "zuerst.toml").write_text("\ufeff" + TEXT)
    assert [lesson.name for lesson in lessons(tmp_path)] == ["zuerst", "later"]
    (tmp_path / "broken.toml").write_text("title = 1")
    with pytest.raises(ConfigError, match=r"broken\.toml: setup"):
        lessons(tmp_path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_file(tmp_path / "nowhere.toml")


def test_settings_of_another_kind_begin_anew() -> None:
    glyphs = with_settings(RunConfig(), {"tasks": {"kind": "glyphs", "labels": "fixed"}})
    assert glyphs.tasks == GlyphsConfig(labels="fixed")
    assert with_settings(glyphs, {"tasks": {"ways": 3}}).tasks == GlyphsConfig(labels="fixed", ways=3)
