"""Lessons read from TOML: what a key may hold is checked where it stands, and an error names the key and what is accepted. Nothing here
imports torch.
"""

from __future__ import annotations

import builtins
import keyword
import math
import re
import typing
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from maml_core.config import RunConfig, changed, from_dict, to_dict
from maml_core.errors import ConfigError
from maml_core.lessons.expressions import names_filled, names_in
from maml_core.lessons.lesson import Action, ActionKind, Case, Lesson, Option, Prediction, PredictionKind, Step
from maml_core.lessons.measures import CURVES, MEASURES
from maml_core.lessons.table import Names, Table
from maml_core.presets import PRESETS
from maml_core.texts import from_toml

SHIPPED = Path(__file__).parents[2] / "dashboard" / "lessons"
"""The folder of the lessons that come with the page, in a checkout as in an installation."""

DIALS = ("alpha", "beta", "num_inner_steps")
"""Settings that have a dial on the page, which a step may free."""

CHARTS = (
    *("loss", "fit", "classes", "images", "adaptation", "path", "layers"),
    *("directions", "arrows", "task_disk", "coherence", "landscape", "surface", "random_plane", "edge", "spectrum"),
    *("features", "label_orders", "shifts", "gauge", "rates"),
)
"""Ids of the page's charts."""

LOOKS = ("path", "layers", *CHARTS[CHARTS.index("directions") : CHARTS.index("gauge")])
"""Charts of which one is shown at a time."""

PLACES = ("play", "task", "formulas")
"""What can be pointed at besides charts and settings."""

MAX_TEXT, MAX_TITLE, MAX_SENTENCE = 280, 60, 240
"""Characters of a step's text, of a title or an answer to choose, and of all other sentences."""

MAX_STEPS = 12
MAX_UNTIL = 20_000
"""Outer steps of an action: nobody waits for more in a lesson."""

Dial = Literal["model", "low", "high"]
"""Where in the ranges of a lesson's dials a pupil stays."""

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_FILE_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def read_lesson(text: str, *, name: str) -> Lesson:
    """The lesson that a TOML text says.

    Args:
        text: Of the file.
        name: Of the file, without its ending.

    Raises:
        ConfigError: It is no TOML, or a key that is missing, unknown, of another kind or not accepted; `field` says where it stands:
            ``steps.trained.action.until``.
    """
    if not _FILE_NAME.fullmatch(name):
        raise ConfigError("name", name, "small letters, digits and hyphens, for example over-the-edge.toml")
    try:
        data = from_toml(text.encode())
    except ValueError as error:
        raise ConfigError("lesson", name, f"it is no TOML ({error}); correct it") from None
    top = Table(data, "")
    config = _config(top.table("setup"))
    steps: list[Step] = []
    for part in top.tables("steps", low=1, high=MAX_STEPS):
        steps.append(_step(part, config, steps))
    found = Lesson(
        name=name,
        title=top.text("title", MAX_TITLE),
        about=top.text("about", MAX_SENTENCE),
        source=top.text("source", MAX_SENTENCE),
        order=int(top.number("order", 99, low=0, high=10_000, whole=True)),
        minutes=int(top.number("minutes", 3, low=1, high=60, whole=True)),
        config=config,
        steps=tuple(steps),
        transfer=top.text("transfer", MAX_SENTENCE),
        answer=top.text("answer", MAX_TEXT),
    )
    top.done()
    if all(step.prediction is None for step in steps):
        raise ConfigError("steps", "none has a prediction", "a lesson asks before it shows; give one step a prediction")
    _check_looks(found)
    return found


def read_file(path: Path) -> Lesson:
    """The lesson in a file, by whose name it goes.

    Raises:
        ConfigError: It cannot be read, or is not accepted.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise ConfigError("lesson", str(path), f"it cannot be read ({reason}); give a TOML file") from None
    return read_lesson(text, name=path.stem)


def lessons(folder: Path = SHIPPED) -> tuple[Lesson, ...]:
    """The lessons of a folder in their order.

    Raises:
        ConfigError: One is not accepted; `field` begins with its file's name.
    """
    found = []
    for path in sorted(folder.glob("*.toml")):
        try:
            found.append(read_file(path))
        except ConfigError as error:
            raise ConfigError(f"{path.name}: {error.field}", error.value, error.accepted) from None
    return tuple(sorted(found, key=lambda lesson: (lesson.order, lesson.name)))


@lru_cache(maxsize=1)
def shipped() -> Mapping[str, Lesson]:
    """The lessons that come with the page, by name, in their order."""
    return {lesson.name: lesson for lesson in lessons()}


def with_settings(config: RunConfig, settings: Mapping[str, Any]) -> RunConfig:
    """A config with some settings changed, those of its tasks and its network as tables; another kind starts from its own defaults.

    Raises:
        ConfigError: A setting that there is not, or a value that is not accepted.

    >>> with_settings(RunConfig(), {"tasks": {"noise_std": 0.1}}).tasks.noise_std
    0.1
    """
    below = to_dict(config)
    for name, value in settings.items():
        old = below.get(name)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            value = {**old, **value} if value.get("kind", old.get("kind")) == old.get("kind") else dict(value)
        below[name] = value
    return from_dict(below)


def restarted(lesson: Lesson, step: Step) -> RunConfig | None:
    """The run that begins when a step is entered: the lesson's own with the step's settings; None where the one that is there goes on."""
    return with_settings(lesson.config, step.restart) if step.restart else None


def look_of(lesson: Lesson, at: int) -> str:
    """The chart that stands in the place of the paths in a step: its own, or that of the steps before it."""
    return next((step.look for step in reversed(lesson.steps[: at + 1]) if step.look), "path")


def model_value(action: Action, dial: Dial = "model") -> float | int:
    """Where the model pupil sets a dial: the value that is named, or the middle of the range; or one of its ends.

    >>> model_value(Action(kind="set", says="", setting="alpha", low=0.01, high=0.04))
    0.02
    """
    values = {"model": action.model, "low": action.low, "high": action.high}
    if (value := values[dial]) is None:
        is_positive = action.low > 0.0 and action.high > 0.0
        value = math.sqrt(action.low * action.high) if is_positive else (action.low + action.high) / 2.0
    return round(value) if action.setting == "num_inner_steps" else value


def _config(part: Table) -> RunConfig:
    presets = {preset.name: preset.config for preset in PRESETS}
    found = _changed(part, "changes", presets[part.choice("preset", tuple(presets))])[0]
    part.done()
    return found


def _changed(part: Table, key: str, config: RunConfig) -> tuple[RunConfig, dict[str, Any]]:
    """A config with the settings of a table that may be there, and these settings."""
    settings = part.value(key)
    if settings is None:
        return config, {}
    if not isinstance(settings, Mapping) or not settings:
        raise part.refuse(key, settings, "a table of settings, for example {alpha = 0.02}")
    try:
        return with_settings(config, settings), dict(settings)
    except ConfigError as error:
        raise part.refuse(f"{key}.{error.field}", error.value, error.accepted) from None


def _step(part: Table, config: RunConfig, before: list[Step]) -> Step:
    name = part.text("name", MAX_TITLE)
    taken = {step.name for step in before}
    is_pythons = keyword.iskeyword(name) or hasattr(builtins, name)
    if not _NAME.fullmatch(name) or name in taken or name == "guess" or is_pythons:
        accepted = (
            "small letters, digits and underscores, another word than the steps before, and no word of Python's: it is part of the names of "
            "what is measured"
        )
        raise part.refuse("name", name, accepted)
    names = frozenset(f"{of}.{measure}" for of in (*taken, name) for measure in MEASURES)
    prediction = _prediction(part.optional("prediction"), names)
    asks_number = prediction is not None and prediction.kind == "number"
    found = Step(
        name=name,
        text=part.text("text", MAX_TEXT),
        lit=part.words("lit", _can_be_lit, (*CHARTS, *PLACES)),
        free=part.words("free", lambda word: word in DIALS, DIALS),
        look=part.choice("look", LOOKS, default=""),
        restart=_changed(part, "restart", config)[1],
        prediction=prediction,
        action=_action(part.optional("action"), config),
        verdict=_cases(part, names | {"guess"} if asks_number else names),
    )
    part.done()
    if found.prediction is not None and not found.verdict:
        raise part.refuse("verdict", None, "a step that asks for a prediction says what came out; give it two cases")
    if found.action is not None and found.action.kind == "set" and found.action.setting not in found.free:
        accepted = f"it has to be among `free`, or nobody can move it: free = [{found.action.setting!r}]"
        raise part.refuse("action.setting", found.action.setting, accepted)
    return found


def _can_be_lit(word: str) -> bool:
    return word in (*CHARTS, *PLACES) or word in RunConfig.__dataclass_fields__


def _cases(part: Table, names: Names) -> tuple[Case, ...]:
    tables = part.tables("verdict", low=2, high=8, default=True)
    found = []
    for at, case in enumerate(tables):
        is_last = at == len(tables) - 1
        when = "" if is_last else case.expression("when", names, condition=True)
        if is_last and (condition := case.value("when")):
            raise case.refuse("when", condition, "the last case is said where no other holds; leave its condition out")
        found.append(Case(when=when, says=case.template("says", MAX_TEXT, names), taught=case.switch("taught")))
        case.done()
    if found and sum(case.taught for case in found) != 1:
        raise part.refuse(
            "verdict", [case.taught for case in found], "exactly one case with taught = true: what the lesson teaches"
        )
    if found and found[-1].taught:
        raise part.refuse("verdict", "the last case is taught", "a case with a condition, or nothing could refute it")
    return tuple(found)


def _prediction(part: Table | None, names: Names) -> Prediction | None:
    if part is None:
        return None
    kind = typing.cast(PredictionKind, part.choice("kind", typing.get_args(PredictionKind)))
    values: dict[str, Any] = {"question": part.text("question", MAX_SENTENCE)}
    match kind:
        case "choice":
            values["options"] = tuple(_option(option, names) for option in part.tables("options", low=2, high=5))
        case "number":
            values |= _axis(part)
            values["truth"] = part.expression("truth", names, condition=False)
            values["unit"] = part.text("unit", MAX_TITLE, default="")
        case "curve":
            values |= _axis(part)
            values["truth"] = part.choice("truth", tuple(CURVES))
            values["x_label"] = part.text("x_label", MAX_TITLE)
            values["num_points"] = int(part.number("num_points", low=2, high=101, whole=True))
    part.done()
    return Prediction(kind=kind, **values)


def _option(part: Table, names: Names) -> Option:
    found = Option(text=part.text("text", MAX_TITLE), right=part.expression("right", names, condition=True))
    part.done()
    return found


def _axis(part: Table) -> dict[str, Any]:
    logarithmic = part.switch("logarithmic")
    low = part.number("low", low=-1e9, high=1e9)
    if logarithmic and low <= 0.0:
        raise part.refuse("low", low, "above 0 on a logarithmic axis")
    high = part.number("high", low=-1e9, high=1e9)
    if high <= low:
        raise part.refuse("high", high, f"a number above low, {low:g}")
    tolerance = part.number("tolerance", 0.25, low=0.01, high=0.5)
    return {"low": low, "high": high, "logarithmic": logarithmic, "tolerance": tolerance}


def _action(part: Table | None, config: RunConfig) -> Action | None:
    if part is None:
        return None
    kind = typing.cast(ActionKind, part.choice("kind", typing.get_args(ActionKind)))
    values: dict[str, Any] = {"kind": kind, "says": part.text("says", MAX_TITLE)}
    match kind:
        case "train":
            values["until"] = int(part.number("until", low=1, high=MAX_UNTIL, whole=True))
        case "set":
            values |= _range(part, config)
        case "task" | "inner":
            values["times"] = int(part.number("times", 1, low=1, high=20, whole=True))
    part.done()
    return Action(**values)


def _range(part: Table, config: RunConfig) -> dict[str, Any]:
    """The setting that is moved, the range in which it comes to lie, and the value of the check."""
    setting = part.choice("setting", DIALS)
    is_whole = setting == "num_inner_steps"
    found: dict[str, Any] = {"setting": setting}
    found["low"] = part.number("low", low=-100.0, high=100.0, whole=is_whole)
    found["high"] = part.number("high", low=found["low"], high=100.0, whole=is_whole)
    model = part.value("model")
    if model is not None:
        found["model"] = Table({"model": model}, part.path).number(
            "model", low=found["low"], high=found["high"], whole=is_whole
        )
    for key in ("low", "high"):
        try:
            changed(config, {setting: int(found[key]) if is_whole else found[key]})
        except ConfigError as error:
            raise part.refuse(key, error.value, error.accepted) from None
    return found


def _check_looks(lesson: Lesson) -> None:
    """Refuse numbers of a closer look that is not open where they are measured."""
    for step in lesson.steps:
        for name in sorted(used_names(step)):
            of, _, measure = name.partition(".")
            if name == "guess" or not (needed := MEASURES[measure].look):
                continue
            at = next(at for at, other in enumerate(lesson.steps) if other.name == of)
            if (shown := look_of(lesson, at)) != needed:
                accepted = f"{name!r} is measured where {needed!r} is shown, and there it is {shown!r}"
                raise ConfigError(f"steps.{of}.look", lesson.steps[at].look, accepted)


def used_names(step: Step) -> frozenset[str]:
    """The measured numbers that a step speaks of."""
    texts = [case.when for case in step.verdict if case.when] + _asked_texts(step)
    return frozenset().union(*map(names_in, texts), *(names_filled(case.says) for case in step.verdict))


def asked_names(step: Step) -> frozenset[str]:
    """The measures of its own, and the curve, that a step asks for; empty where it asks for nothing."""
    prediction = step.prediction
    if prediction is not None and prediction.kind == "curve":
        return frozenset({prediction.truth})
    names = (name.partition(".") for text in _asked_texts(step) for name in names_in(text))
    return frozenset(measure for of, _, measure in names if of == step.name)


def _asked_texts(step: Step) -> list[str]:
    """The conditions and expressions that decide which answer is right."""
    prediction = step.prediction
    if prediction is None:
        return []
    return [option.right for option in prediction.options] + ([prediction.truth] if prediction.kind == "number" else [])
