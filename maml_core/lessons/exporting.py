"""A lesson to take along: a script, or a notebook, that trains what it trains, measures what it measures and says what comes out.

Names of what is measured are Python's own there: ``trained.loss_after`` is an attribute of what the step ``trained`` has measured. Nothing
here imports torch.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any, NamedTuple

from maml_core.config import RunConfig
from maml_core.exports.source import differences, source
from maml_core.lessons.expressions import names_filled, names_in
from maml_core.lessons.lesson import Action, Case, Lesson, Prediction, Step
from maml_core.lessons.measures import LOOK_OF
from maml_core.lessons.reading import look_of, model_value, restarted, used_names

_ALWAYS_SHOWN = ("alpha", "num_inner_steps", "beta")

_TOOLS = '''\
class Run:
    """A run of MAML that is trained, changed on the way and measured."""

    def __init__(self, config):
        self.config, self.state, self.records = config, init_run(config), []

    def apply(self, kind, **changes):
        entry = Entry(step=self.state.step, kind=kind, changes=changes)
        self.config, self.state = apply_entry(self.config, self.state, entry)

    def train(self, until):
        if self.state.status.kind != "ok":  # it went back to its last good state, and goes on from there
            self.apply("resume")
        self.state, records = advance(self.config, self.state, num_steps=max(0, until - self.state.step))
        self.records.append(records)
        print(f"trained to outer step {self.state.step}", self.state.status.sentence)

    def measure(self, look="", moves=False):
        seen = snapshot(self.config, self.state, View(tasks=(), paths=False, look=look, moves=moves))
        return Named(measured(of_snapshot(self.config, self.state.status, seen, **of_training(self.records))))
'''


class _Piece(NamedTuple):
    """What a step says, and does."""

    words: str
    code: str


def lesson_script(lesson: Lesson) -> str:
    """A Python script of a lesson, of at most 70 lines for those that come with the page."""
    says = f'"""{lesson.title}, a lesson: {lesson.about}\n\nTrains, measures and judges as the lesson does; it needs maml_core.\n"""'
    code = "\n\n".join(piece.code for piece in _pieces(lesson) if piece.code)
    return f"{says}\n\n{_imports(lesson)}\n\n\n{_TOOLS}\n\n{code}\n"


def lesson_notebook(lesson: Lesson) -> str:
    """A Jupyter notebook of a lesson, as JSON: each step's words, and the code that does what it asks."""
    cells = [
        _cell("markdown", f"# {lesson.title}\n\n{lesson.about}\n\n*Source: {lesson.source}.*"),
        _cell("code", f"{_imports(lesson)}\n\n\n{_TOOLS}"),
    ]
    for piece in _pieces(lesson):
        cells.append(_cell("markdown", piece.words))
        cells += [_cell("code", piece.code)] if piece.code else []
    cells.append(_cell("markdown", f"**And then?** {lesson.transfer}\n\n{lesson.answer}"))
    found = {
        "cells": [{"id": f"cell-{at}", **cell} for at, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def _cell(kind: str, text: str) -> dict[str, Any]:
    lines = text.strip("\n").splitlines(keepends=True)
    own: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {}, **own, "source": lines}


def _imports(lesson: Lesson) -> str:
    configs = [lesson.config, *filter(None, (restarted(lesson, step) for step in lesson.steps))]
    classes = {
        type(value).__name__
        for config in configs
        for value in differences(config).values()
        if dataclasses.is_dataclass(value)
    }
    names = [*sorted({"Entry", "RunConfig", "View", *classes}), "advance", "apply_entry", "init_run", "snapshot"]
    return f"from maml_core import {', '.join(names)}\nfrom maml_core.lessons.measures import Named, measured, of_snapshot, of_training"


def _pieces(lesson: Lesson) -> list[_Piece]:
    spoken_of = {name.partition(".")[0] for step in lesson.steps for name in used_names(step)}
    found = []
    for at, step in enumerate(lesson.steps):
        lines: list[str] = []
        config = lesson.config if at == 0 and not step.restart else restarted(lesson, step)
        lines += [f"RUN = Run({_config(config)})"] if config is not None else []
        lines += _done(step.action)
        if step.name in spoken_of:
            lines.append(f"{step.name} = RUN.measure({_looks(lesson, at)})")
        lines += _judged(step)
        found.append(_Piece(_words(step), "\n".join(lines)))
    return found


def _config(config: RunConfig) -> str:
    settings = differences(config, also=_ALWAYS_SHOWN)
    return f"RunConfig({', '.join(f'{name}={source(value)}' for name, value in settings.items())})"


def _done(action: Action | None) -> list[str]:
    match action:
        case Action(kind="train"):
            return [f"RUN.train({action.until})"]
        case Action(kind="set"):
            return [f'RUN.apply("change", {action.setting}={source(model_value(action))})']
        case _:
            return []


def _looks(lesson: Lesson, at: int) -> str:
    """Arguments of the measurement: what a closer look has to find."""
    name = lesson.steps[at].name
    measures = {
        used.partition(".")[2] for step in lesson.steps for used in used_names(step) if used.startswith(f"{name}.")
    }
    shown = look_of(lesson, at)
    if not any(measure.startswith(f"{shown}.") for measure in measures):
        return ""
    return "moves=True" if shown == "layers" else f'look="{LOOK_OF[shown]}"'


def _judged(step: Step) -> list[str]:
    lines = []
    prediction = step.prediction
    if prediction is not None and prediction.kind == "number":
        lines.append(f'print("{_plain(prediction.question)}", {prediction.truth})')
    for at, case in enumerate(cases := [case for case in step.verdict if not _is_of_guess(case)]):
        said = f"print(f{case.says!r})"
        if len(cases) == 1 and not case.when:
            lines.append(said)
        else:
            lines += [f"{'el' if at else ''}if {case.when}:" if case.when else "else:", f"    {said}"]
    return lines


def _is_of_guess(case: Case) -> bool:
    """Whether a case speaks of what somebody has guessed: nobody guesses in a script."""
    return "guess" in names_filled(case.says) | (names_in(case.when) if case.when else frozenset())


def _plain(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _words(step: Step) -> str:
    said = [f"## {step.name}", step.text]
    if step.prediction is not None:
        said.append(f"**Predict:** {_question(step.prediction)}")
    if step.action is not None:
        said.append(f"*{step.action.says}.*")
    return "\n\n".join(said)


def _question(prediction: Prediction) -> str:
    return "\n".join([prediction.question, "", *(f"- {option.text}" for option in prediction.options)]).strip()
