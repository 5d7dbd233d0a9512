"""Every field of a config as an option of the command line, and presets, files and options as one config.

The options are made from the fields' metadata: a field that is added to a config has its option at once.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import os
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import typer

from maml_core.config import ALIASES, SHORT_NAMES, PythonConfig, RunConfig
from maml_core.errors import ConfigError
from maml_core.field_names import field_name
from maml_core.presets import PRESETS
from maml_core.settings import accepted_range
from maml_core.texts import from_json, from_toml
from maml_core.values import parsed, shown
from maml_core.wording import one_of

PANELS = {
    "Tasks": ("tasks", "num_training_tasks", "shots", "num_query"),
    "Network": ("model", "batch_norm_treatment", "norm_momentum"),
    "Algorithm": (
        "algorithm",
        "alpha",
        "test_alpha",
        "num_inner_steps",
        "order",
        "proximal",
        "num_solver_steps",
        "head",
        "recompute",
    ),
    "Training": (
        *("beta", "outer_optimizer", "adam_betas", "adam_eps", "clip_norm", "meta_batch_size"),
        *("weights_seed", "tasks_seed", "dtype"),
    ),
    "MAML++ switches": (
        *("multi_step_loss", "per_step_rates", "anneal_order", "anneal_beta", "per_step_norm", "per_step_statistics"),
    ),
    "Schedules of MAML++": ("epoch_steps", "num_epochs", "multi_step_epochs", "first_order_epochs", "final_beta"),
    "Held-out tasks and baselines": (
        *("evaluation_seed", "evaluation_tasks", "evaluation_steps", "evaluate_every"),
        *("joint_baseline", "oracle_baseline"),
    ),
}
"""The groups that help shows settings in, by their fields in a run's config."""

MAX_METAVAR = 14
"""Letters beside an option in help; longer ones would leave its other columns no room."""

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
        variants, panel = _with_settings(f.name), _panel(f.name)
        if not variants:
            found[_flag(f.name)] = _option(RunConfig, (f.name,), panel)
            continue
        kinds = "|".join(variant.__dataclass_fields__["kind"].default for variant in variants)
        found[_flag(f.name)] = Option((f.name,), _flag(f.name), str, f"Kind of {f.name}.", kinds, panel)
    for f in dataclasses.fields(RunConfig):
        for variant in _with_settings(f.name):
            for inner in dataclasses.fields(variant):
                path = (f.name, inner.name)
                if inner.name == "kind" or any(option.path == path for option in found.values()):
                    continue
                taken = _flag(inner.name) in found
                flag = _flag(f"{f.name}_{inner.name}") if taken else _flag(inner.name)
                found[flag] = _option(variant, path, _panel(f.name))._replace(flag=flag)
    return tuple(found.values())


def with_config_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for every field; it receives those that were used as ``given``, nested like a config."""

    @functools.wraps(command)
    def wrapped(**arguments: Any) -> None:
        given: dict[str, Any] = {}
        for option in options():
            text = arguments.pop(option.parameter)
            if text is not None:
                given = joined(given, _nested(option, text if isinstance(text, bool) else parsed(text, option.hint)))
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
        path = (field_name(path[0]), *path[1:])
        hint = next((option.hint for option in options() if option.path == path), None)
        plain: Any = parsed(value, hint)
        given = agreed(given, {path[0]: plain if len(path) == 1 else {path[1]: plain}})
    return given


def agreed(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """`joined`, of settings that stand side by side: none of them wins.

    >>> agreed({"alpha": 0.1, "tasks": {"x": [0, 1]}}, {"alpha": 0.1, "tasks": {"phase": [0, 1]}})
    {'alpha': 0.1, 'tasks': {'x': [0, 1], 'phase': [0, 1]}}

    Raises:
        ConfigError: Both say something of one setting, and not the same.
    """
    there = dict(by_name(one))
    for name, value in by_name(other):
        if there.get(name, value) != value:
            raise ConfigError(name, value, f"it is set to {there[name]!r} as well; leave one of the two out")
    return joined(one, other)


def by_name(given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Settings by their dotted names; a kind alone is that of its table."""
    for name, value in given.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{inner}", held) for inner, held in value.items())
        else:
            yield (f"{name}.kind" if _variants(name) else name), value


def spelled(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with short names as files have them, by their full names.

    >>> spelled({"N": 5, "α": 0.1})
    {'num_inner_steps': 5, 'alpha': 0.1}

    Raises:
        ConfigError: A setting stands there by both of its names.
    """
    for short in given:
        if (full := field_name(short)) != short and full in given:
            raise ConfigError(short, given[short], f"it is {full}, which is there as well; leave one of the two out")
    return {field_name(name): value for name, value in given.items()}


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
        ConfigError: There is no such algorithm, or the alias and something beside it contradict each other.
    """
    algorithm = above.get("algorithm")
    known = (*typing.get_args(_hints(RunConfig)["algorithm"]), *ALIASES)
    if algorithm is not None and algorithm not in known:
        raise ConfigError("algorithm", algorithm, one_of(known, algorithm))
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
    raise ConfigError("preset", name, one_of((candidate.name for candidate in PRESETS), name, most=99))


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
        data = from_json(text) if kind == "JSON" else from_toml(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError("config", str(path), f"it is no {kind} ({error}); correct it") from None
    if not isinstance(data, dict):
        raise ConfigError("config", str(path), "a table of settings is expected")
    timeline = data.pop("timeline", [])
    if not isinstance(timeline, list):
        raise ConfigError("timeline", timeline, "a list of entries, each with a step and its changes")
    if isinstance(data.get("base"), dict):  # of a sweep
        data["base"] = spelled(data["base"])
    return spelled(data), [_spelled_entry(entry) for entry in timeline]


def _spelled_entry(entry: Any) -> Any:
    is_change = isinstance(entry, dict) and isinstance(entry.get("changes"), dict)
    return {**entry, "changes": spelled(entry["changes"])} if is_change else entry


def _variants(name: str) -> list[Any]:
    """The configs that can stand in a field."""
    hint = _hints(RunConfig).get(name)
    members = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return [member for member in members if dataclasses.is_dataclass(member)]


def _with_settings(name: str) -> list[Any]:
    """Those of them that options describe; code of one's own is named by ``--problem``."""
    return [variant for variant in _variants(name) if variant is not PythonConfig]


def _first_kind(name: str) -> Any:
    variants = _variants(name)
    return variants[0].__dataclass_fields__["kind"].default if variants else None


@lru_cache(maxsize=16)
def _hints(cls: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _panel(name: str) -> str:
    """The group of a setting; one that no group knows is shown all the same, and a test names it."""
    return next((panel for panel, names in PANELS.items() if name in names), "Other settings")


def _option(cls: type[Any], path: tuple[str, ...], panel: str) -> Option:
    name = path[-1]
    f, hint = cls.__dataclass_fields__[name], _hints(cls)[name]  # type: ignore[arg-type]  # classes hash
    default = "none" if f.default in (None, "") else shown(f.default)
    words = f"{f.metadata['help']} (Default: {default}"
    if f.metadata["high"] is not None:
        words += f"; {accepted_range(cls, name)}"
    metavar = "|".join((_metavar(hint), *ALIASES)) if name == "algorithm" else _metavar(hint)
    return Option(path, _flag(name), hint, words + ".)", metavar, panel)


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
    words = [] if option.hint is bool else [word for word in option.metavar.split("|") if word.islower()]
    flags = [option.flag]
    if option.hint is bool:
        flags = [f"{option.flag}/--no-{option.flag.removeprefix('--')}"]
    flags += [f"-{short}" for short, full in SHORT_NAMES.items() if option.path == (full,)]
    is_long = len(option.metavar) > MAX_METAVAR
    info = typer.Option(
        *flags,
        help=f"{option.help} One of {', '.join(option.metavar.split('|'))}." if is_long else option.help,
        metavar="" if option.hint is bool else "WORD" if is_long else option.metavar,
        rich_help_panel=option.panel,
        show_default=False,
        autocompletion=None if not words else lambda: list(words),
    )
    kind = bool if option.hint is bool else str
    return inspect.Parameter(
        option.parameter, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, info]
    )


def _nested(option: Option, value: Any) -> dict[str, Any]:
    return {option.path[0]: value if len(option.path) == 1 else {option.path[1]: value}}
