"""`maml lessons`: the lessons of the page, and those of a teacher's own: listed, checked on the engine, begun and taken along; and on paper."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maml_core.cli.console import PlainErrors, print_json
from maml_core.cli.output import OutOption, write_out
from maml_core.errors import ConfigError
from maml_core.lessons.exporting import lesson_notebook, lesson_script
from maml_core.lessons.lesson import Lesson
from maml_core.lessons.measures import CURVES, MEASURES
from maml_core.lessons.quiz import key, sheet
from maml_core.lessons.reading import read_file, shipped
from maml_core.lessons.template import TEMPLATE
from maml_core.wording import one_of

if TYPE_CHECKING:
    from maml_core.lessons.checking import LessonCheck

NOT_SHOWN = 1
"""Exit code where a lesson does not show what it teaches."""

HELP = """List, check, begin and export lessons.

A lesson asks for a prediction, has something done, and judges both by what the run has shown. A check does the same on the engine at three
seeds: what a lesson teaches has to come out at each of them. A lesson of your own is a TOML file that `new` begins. `quiz` and `twin` write what a study of
learning needs on paper.

\b
Examples:
  maml lessons list
  maml lessons check over-the-edge
  maml lessons check --all --json
  maml lessons new my-lesson.toml
  maml lessons check my-lesson.toml
  maml lessons measures
  maml lessons export over-the-edge --out edge.ipynb
  maml lessons quiz --form B
  maml lessons twin over-the-edge --out edge.html
"""

app = typer.Typer(cls=PlainErrors, help=HELP, no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")]


@app.command("list")
def list_lessons(as_json: AsJson = False) -> None:
    """List the lessons that come with the page, in their order."""
    if as_json:
        print_json([_plain(lesson) for lesson in shipped().values()])
        return
    width = max(map(len, shipped()))
    for lesson in shipped().values():
        typer.echo(f"{lesson.name:<{width}}  {lesson.about}")


@app.command()
def check(
    lessons: Annotated[list[str] | None, typer.Argument(help="Names of lessons, or TOML files.")] = None,
    check_all: Annotated[bool, typer.Option("--all", help="Check all that come with the page.")] = False,
    as_json: AsJson = False,
) -> None:
    """See whether each lesson shows what it teaches at three seeds.

    The last line says how many do; the exit code is 0 if all do, and 1 if not.
    """
    if bool(lessons) is check_all:
        given = ", ".join(lessons or []) or None
        raise ConfigError("check", given, "names of lessons or TOML files, or --all; one of the two")
    chosen = list(shipped().values()) if check_all else [_found(name) for name in lessons or []]
    from maml_core.lessons.checking import check as checked

    start, found = time.monotonic(), []
    for lesson in chosen:
        found.append(checked(lesson))
        if not as_json:
            typer.echo(_line(found[-1]))
    summary = _summary(found, time.monotonic() - start)
    if as_json:
        print_json([_plain_check(one) for one in found])
    typer.echo(summary, err=as_json)
    if not all(one.shows for one in found):
        raise typer.Exit(NOT_SHOWN)


@app.command()
def new(
    file: Annotated[Path, typer.Argument(help="The TOML file to write; its name is the lesson's.")],
    force: Force = False,
) -> None:
    """Begin a lesson of your own: a small one that works, with a comment at every key."""
    write_out(file, "my-lesson.toml", TEMPLATE.encode(), force=force)


@app.command()
def measures(as_json: AsJson = False) -> None:
    """List what is measured in every step of a lesson, by the names that conditions and sentences use."""
    if as_json:
        print_json([measure._asdict() for measure in (*MEASURES.values(), *CURVES.values())])
        return
    width = max(map(len, MEASURES))
    for measure in MEASURES.values():
        typer.echo(f"{measure.name:<{width}}  {measure.sentence}")
    for measure in CURVES.values():
        typer.echo(f"{measure.name:<{width}}  A curve to predict. {measure.sentence}")


@app.command()
def export(
    lesson: Annotated[str, typer.Argument(help="Name of a lesson, or a TOML file.")],
    out: OutOption = None,
    force: Force = False,
) -> None:
    """Write a lesson as a Python script, or as a notebook where --out ends with .ipynb: what it trains, measures and says."""
    found = _found(lesson)
    is_notebook = out is not None and out.suffix.lower() == ".ipynb"
    text = lesson_notebook(found) if is_notebook else lesson_script(found)
    write_out(out, f"{found.name}.{'ipynb' if is_notebook else 'py'}", text.encode(), force=force)


@app.command()
def quiz(
    form: Annotated[str, typer.Option(help="Which sheet, A or B; question n of both asks for the same.")] = "A",
    with_key: Annotated[bool, typer.Option("--key", help="Write the answers to both forms in its place.")] = False,
    out: OutOption = None,
    force: Force = False,
) -> None:
    """Write a test of ten questions on what the lessons teach, as a page to print, for before and after them."""
    form = form.upper()
    text, name = (key(), "key.html") if with_key else (sheet(form), f"test-{form.lower()}.html")
    write_out(out, name, text.encode(), force=force)


@app.command()
def twin(
    lesson: Annotated[str, typer.Argument(help="Name of a lesson, or a TOML file.")],
    seed: Annotated[int, typer.Option(min=0, help="Of the run that it shows.")] = 0,
    out: OutOption = None,
    force: Force = False,
) -> None:
    """Write the static twin of a lesson, as a page to read or print: its words, questions and verdicts, with the figures of one run."""
    found = _found(lesson)
    from maml_core.lessons.twin import twin as static_twin

    write_out(out, f"{found.name}.html", static_twin(found, seed).encode(), force=force)


def _found(name: str) -> Lesson:
    """The lesson of a name, or in a file.

    Raises:
        ConfigError: There is none of this name, or the file is not accepted.
    """
    if name in shipped():
        return shipped()[name]
    if name.endswith(".toml") or "/" in name:
        return read_file(Path(name))
    raise ConfigError("lesson", name, f"{one_of(shipped(), name)}, or a file that ends with .toml")


def _line(found: LessonCheck) -> str:
    verdict = "shows" if found.shows else "DOES NOT SHOW"
    return "\n  ".join([f"{found.lesson}: {verdict} ({found.cpu_s:.1f} s)", *found.problems])


def _summary(found: Sequence[LessonCheck], elapsed_s: float) -> str:
    failed = [one.lesson for one in found if not one.shows]
    seeds = ", ".join(map(str, found[0].seeds))
    not_shown = f"; not: {', '.join(failed)}" if failed else ""
    cpu_s = sum(one.cpu_s for one in found)
    shown = f"{len(found) - len(failed)} of {len(found)}"
    return f"Lessons that show what they teach at seeds {seeds}: {shown}{not_shown} ({elapsed_s:.0f} s, {cpu_s:.0f} s of a processor)."


def _plain(lesson: Lesson) -> dict[str, Any]:
    return {
        "name": lesson.name,
        "title": lesson.title,
        "about": lesson.about,
        "source": lesson.source,
        "minutes": lesson.minutes,
        "steps": [step.name for step in lesson.steps],
    }


def _plain_check(found: LessonCheck) -> dict[str, Any]:
    """A check as plain JSON values; a number that is not finite becomes null."""
    return {
        "lesson": found.lesson,
        "shows": found.shows,
        "problems": list(found.problems),
        "seeds": list(found.seeds),
        "cpu_s": found.cpu_s,
        "steps": [{"name": step.name, "sentences": step.sentences, "truths": step.truths} for step in found.steps],
        "numbers": list(found.numbers),
    }
