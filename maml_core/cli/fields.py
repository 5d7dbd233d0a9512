"""Every field of a config as an option of the command line, and presets, files and options as one config.

The options are made from the fields' metadata: a field that is added to a config has its option at once.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
import os
import tomllib
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import typer

from maml_core.config import ALIASES, RunConfig
from maml_core.errors import ConfigError
from maml_core.presets import PRESETS
from maml_core.settings import accepted_range

SHORT = {"num_inner_steps": "-N"}
"""Well-known short names."""

MAX_FILE_BYTES = 2**24


class Option(NamedTuple):
    """An option of the command line that sets a field."""

    path: tuple[str, ...]
    """Where the field is, for example ("model", "activation")."""
    flag: str
    hint: Any
    """The field's type."""
    help: str
    metavar: str
    panel: str

    @property
    def parameter(self) -> str:
        """The option's name in Python."""
        return "__".join(("set", *self.path))


@lru_cache(maxsize=1)
def options() -> tuple[Option, ...]:
    """An option for every field of a run's config, and of its task families and models."""
    found: dict[str, Option] = {}
    for f in dataclasses.fields(RunConfig):
        variants = _variants(f.name)
        if not variants:
            found[_flag(f.name)] = _option(RunConfig, (f.name,), "Settings of the run")
            continue
        kinds = "|".join(variant.__dataclass_fields__["kind"].default for variant in variants)
        panel = f"Settings of its {f.name}"
        found[_flag(f.name)] = Option((f.name,), _flag(f.name), str, f"Kind of {f.name}.", kinds, panel)
    for f in dataclasses.fields(RunConfig):
        for variant in _variants(f.name):
            for inner in dataclasses.fields(variant):
                path = (f.name, inner.name)
                if inner.name == "kind" or any(option.path == path for option in found.values()):
                    continue
                taken = _flag(inner.name) in found
                flag = _flag(f"{f.name}_{inner.name}") if taken else _flag(inner.name)
                found[flag] = _option(variant, path, f"Settings of its {f.name}")._replace(flag=flag)
    return tuple(found.values())


def with_config_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for every field; it receives those that were used as ``given``, nested like a config."""

    @functools.wraps(command)
    def wrapped(**arguments: Any) -> None:
        given: dict[str, Any] = {}
        for option in options():
            text = arguments.pop(option.parameter)
            if text is not None:
                given = joined(given, _nested(option, _value(text, option.hint)))
        command(given=given, **arguments)

    own = inspect.signature(command, eval_str=True)
    parameters = [parameter for name, parameter in own.parameters.items() if name != "given"]
    parameters += [_parameter(option) for option in options()]
    wrapped.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return wrapped


def assigned(texts: Iterable[str]) -> dict[str, Any]:
    """The settings of ``NAME=VALUE`` texts, nested like a config.

    >>> assigned(["tasks.amplitude=0.1,5", "alpha=0.02"])
    {'tasks': {'amplitude': [0.1, 5]}, 'alpha': 0.02}

    Raises:
        ConfigError: A text without an equals sign.
    """
    given: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        path = tuple(name.strip().split("."))
        if not equals or len(path) > 2:
            raise ConfigError("set", text, "NAME=VALUE is expected, for example tasks.amplitude=0.1,5")
        hint = next((option.hint for option in options() if option.path == path), None)
        plain: Any = _value(value.strip(), hint)
        given = joined(given, {path[0]: plain if len(path) == 1 else {path[1]: plain}})
    return given


def located(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings in which a folder of images has its whole path: a saved run is opened from elsewhere too.

    >>> located({"tasks": {"folder": "/data/../birds"}, "alpha": 0.1})
    {'tasks': {'folder': '/birds'}, 'alpha': 0.1}
    """
    tasks = given.get("tasks")
    if not (isinstance(tasks, Mapping) and isinstance(tasks.get("folder"), str) and tasks["folder"]):
        return dict(given)
    return {**given, "tasks": {**tasks, "folder": os.path.abspath(os.path.expanduser(tasks["folder"]))}}


def joined(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with others on top. Another kind of tasks or model starts from its own defaults.

    >>> joined({"alpha": 0.1, "tasks": {"kind": "sinusoid", "x": [0, 1]}}, {"tasks": "linear"})
    {'alpha': 0.1, 'tasks': {'kind': 'linear'}}
    """
    result = dict(below)
    for name, value in above.items():
        old, new = result.get(name), value
        if _variants(name) and isinstance(value, str):
            new = {"kind": value}
        if isinstance(new, Mapping) and isinstance(old, Mapping):
            kind = old.get("kind", _first_kind(name))
            new = {**old, **new} if new.get("kind", kind) == kind else dict(new)
        result[name] = new
    return result


def overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`joined`, with what an alias means in place of it.

    >>> overlaid({"alpha": 0.1}, {"algorithm": "fomaml"})
    {'alpha': 0.1, 'algorithm': 'maml', 'order': 'first'}

    Raises:
        ConfigError: The alias and something beside it contradict each other.
    """
    algorithm = above.get("algorithm")
    meant = ALIASES.get(algorithm, {}) if isinstance(algorithm, str) else {}
    for name, value in meant.items():
        if name != "algorithm" and above.get(name, value) != value:
            raise ConfigError(name, above[name], f"{algorithm} is maml with {name} {value}; leave one of the two out")
    return joined(below, {**above, **meant})


def preset(name: str) -> RunConfig:
    """The config of the preset of this name; upper and lower case are one.

    Raises:
        ConfigError: There is none.
    """
    for candidate in PRESETS:
        if candidate.name.lower() == name.lower():
            return candidate.config
    raise ConfigError("preset", name, f"one of {', '.join(repr(candidate.name) for candidate in PRESETS)}")


def read_file(path: Path) -> tuple[dict[str, Any], list[Any]]:
    """The settings and the timeline in a TOML file, or a JSON file where its name ends with .json.

    Raises:
        ConfigError: It is not there, is malformed or is no table.
    """
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            "config", str(path), f"it cannot be read ({error.strerror}); give a TOML or JSON file"
        ) from None
    if len(text) > MAX_FILE_BYTES:
        raise ConfigError("config", str(path), f"a file of at most {MAX_FILE_BYTES:,} bytes")
    kind = "JSON" if path.suffix.lower() == ".json" else "TOML"
    try:
        data = json.loads(text) if kind == "JSON" else tomllib.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise ConfigError("config", str(path), f"it is no {kind} ({error}); correct it") from None
    if not isinstance(data, dict):
        raise ConfigError("config", str(path), "a table of settings is expected")
    timeline = data.pop("timeline", [])
    if not isinstance(timeline, list):
        raise ConfigError("timeline", timeline, "a list of entries, each with a step and its changes")
    return data, timeline


def _variants(name: str) -> list[Any]:
    """The configs that can stand in a field."""
    hint = _hints(RunConfig).get(name)
    members = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return [member for member in members if dataclasses.is_dataclass(member)]


def _first_kind(name: str) -> Any:
    variants = _variants(name)
    return variants[0].__dataclass_fields__["kind"].default if variants else None


@lru_cache(maxsize=16)
def _hints(cls: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _option(cls: type[Any], path: tuple[str, ...], panel: str) -> Option:
    name = path[-1]
    f, hint = cls.__dataclass_fields__[name], _hints(cls)[name]  # type: ignore[arg-type]  # classes hash
    default = "none" if f.default in (None, "") else _words(f.default)
    words = f"{f.metadata['help']} (Default: {default}"
    if f.metadata["high"] is not None:
        words += f"; {accepted_range(cls, name)}"
    metavar = "|".join((_metavar(hint), *ALIASES)) if name == "algorithm" else _metavar(hint)
    return Option(path, _flag(name), hint, words + ".)", metavar, panel)


def _words(value: Any) -> str:
    """A value as it is typed."""
    if isinstance(value, tuple):
        return ",".join(_words(item) for item in value)
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _metavar(hint: Any) -> str:
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is Literal:
        return "|".join(arguments)
    if typing.get_origin(hint) is tuple:
        return "A,B,..." if arguments[-1] is Ellipsis else "LOW,HIGH"
    if isinstance(hint, types.UnionType):
        return f"{_metavar(arguments[0])}|none"
    return {int: "INTEGER", str: "TEXT"}.get(hint, "NUMBER")


def _parameter(option: Option) -> inspect.Parameter:
    flags = [option.flag]
    if option.hint is bool:
        flags = [f"{option.flag}/--no-{option.flag.removeprefix('--')}"]
    elif option.path[-1] in SHORT:
        flags.append(SHORT[option.path[-1]])
    info = typer.Option(
        *flags,
        help=option.help,
        metavar=None if option.hint is bool else option.metavar,
        rich_help_panel=option.panel,
        show_default=False,
    )
    kind = bool if option.hint is bool else str
    return inspect.Parameter(
        option.parameter, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, info]
    )


def _nested(option: Option, value: Any) -> dict[str, Any]:
    return {option.path[0]: value if len(option.path) == 1 else {option.path[1]: value}}


def _value(text: str | bool, hint: Any) -> Any:
    """What a text means for a field of this type; what means nothing stays text, which the config then refuses by name."""
    if isinstance(text, bool):
        return text
    if isinstance(hint, types.UnionType):
        return None if text.lower() in ("none", "") else _value(text, typing.get_args(hint)[0])
    if hint is bool:
        return {"true": True, "on": True, "false": False, "off": False}.get(text.lower(), text)
    if typing.get_origin(hint) is tuple:
        return [] if text.lower() in ("none", "") else [_number(part) for part in text.split(",")]
    return _number(text) if hint in (int, float) else text


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
