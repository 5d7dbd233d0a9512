"""What a config's field says of itself, its help text and accepted range, the check of it, and configs as plain values. Nothing here imports torch."""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import field
from functools import lru_cache
from typing import Any, Literal, TypeVar

from maml_core.errors import ConfigError
from maml_core.plain import plain
from maml_core.wording import one_of

Interval = tuple[float, float]

MAX_TEXT = 500
"""Characters of a text."""

_UNKEEPABLE = re.compile("[\0\ud800-\udfff]")
"""What no path holds, and what stands for bytes that are no UTF-8, which neither an address nor a file of settings can say."""


def setting(
    default: Any, help: str, *, low: float | None = None, high: float | None = None, above: float | None = None
) -> Any:
    """A config field with its help text and accepted range: `low` and `high` are included, `above` is not."""
    return field(default=default, metadata={"help": help, "low": low, "high": high, "above": above})


C = TypeVar("C")


def documented(cls: type[C]) -> type[C]:
    """Add to the docstring of a config class what each field means and accepts, and its default: what `help` shows."""
    hints, lines = hints_of(cls), []  # type: ignore[arg-type]  # classes hash
    for f in dataclasses.fields(cls):  # type: ignore[arg-type]
        kind, meta = hints[f.name], f.metadata
        default = (
            repr(f.default)
            if f.default is not dataclasses.MISSING
            else f"{getattr(f.default_factory, '__name__', '')}()"
        )
        told = [meta["help"]] if "help" in meta else ["Which config this is, in a table of settings."]
        if (choices := _choices_of(kind)) and len(choices) > 1:
            told.append(f"One of {', '.join(choices)}.")
        elif meta.get("high") is not None:
            told.append(f"{accepted_range(cls, f.name).capitalize()}.")
        lines.append(f"    {f.name} (default {default}): {' '.join(told)}")
    cls.__doc__ = f"{inspect.cleandoc(cls.__doc__ or '')}\n\nFields:\n" + "\n".join(lines) + "\n"
    return cls


def _choices_of(hint: Any) -> list[str]:
    """The words that a field accepts, or the configs; empty for numbers."""
    if typing.get_origin(hint) is Literal:
        return [str(choice) for choice in typing.get_args(hint)]
    return [
        str(member.__name__)
        for member in members_of(hint)
        if isinstance(member, type) and dataclasses.is_dataclass(member)
    ]


@lru_cache(maxsize=16)
def hints_of(cls: type[Any]) -> dict[str, Any]:
    """The annotations of a config class, by field."""
    hints = typing.get_type_hints(cls)
    return {f.name: hints[f.name] for f in dataclasses.fields(cls)}


def members_of(hint: Any) -> tuple[Any, ...]:
    """The types that an annotation allows."""
    return typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)


def accepted_range(cls: type[Any], name: str) -> str:
    """The accepted range of a field in words, for error messages and help texts."""
    meta = cls.__dataclass_fields__[name].metadata
    low, high, above = meta.get("low"), meta.get("high"), meta.get("above")
    if above is not None:
        return f"above {_bound(above)} and at most {_bound(high)}"
    return f"from {_bound(low)} to {_bound(high)}" if low is not None else "any value of its type"


def _bound(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


def check_fields(config: Any) -> None:
    """Check every field of a config against its annotation and its range; numbers of a fitting type are left as they are, and those of
    numpy become Python's own.
    """
    hints = hints_of(type(config))  # type: ignore[arg-type]
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        hint = hints[f.name]
        if any(dataclasses.is_dataclass(member) for member in members_of(hint)):
            if not isinstance(value, members_of(hint)):
                raise ConfigError(f.name, value, f"one of {', '.join(member.__name__ for member in members_of(hint))}")
            continue
        clean = checked(f.name, value, hint, type(config))
        if clean is not value:
            object.__setattr__(config, f.name, clean)


def checked(name: str, value: Any, hint: Any, cls: type[Any]) -> Any:
    """A value as a field of this annotation holds it.

    Raises:
        ConfigError: Of the wrong type, or out of the field's range.
    """
    value = plain(value)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return checked(name, value, next(a for a in arguments if a is not type(None)), cls)
    if origin is Literal:
        if value not in arguments:
            raise ConfigError(name, value, one_of(map(str, arguments), value))
        return value
    if origin is tuple and dataclasses.is_dataclass(member := arguments[0]):
        assert isinstance(member, type)
        if not isinstance(value, tuple) or not all(isinstance(item, member) for item in value):
            raise ConfigError(name, value, f"a tuple of {member.__name__}")
        return value
    if origin is tuple:
        return _checked_tuple(name, value, arguments, cls)
    if hint is bool:
        if not isinstance(value, bool):
            raise ConfigError(name, value, "true or false")
        return value
    if hint is str:
        if not isinstance(value, str) or len(value) > MAX_TEXT or _UNKEEPABLE.search(value):
            raise ConfigError(
                name,
                value if len(str(value)) <= 80 else f"{str(value)[:80]}...",
                f"a text of up to {MAX_TEXT} characters, none of them null or half of one",
            )
        return value
    return _checked_number(name, value, hint, cls)


def _checked_tuple(name: str, value: Any, arguments: tuple[Any, ...], cls: type[Any]) -> tuple[Any, ...]:
    if not isinstance(value, tuple | list):
        raise ConfigError(name, value, "a list of numbers")
    if arguments[-1] is Ellipsis:
        return tuple(_checked_number(name, item, arguments[0], cls) for item in value)
    if len(value) != 2:
        raise ConfigError(name, value, "two numbers")
    pair = tuple(_checked_number(name, item, float, cls) for item in value)
    if name != "adam_betas" and pair[0] > pair[1]:
        raise ConfigError(name, value, "the smaller number first")
    return pair


def _checked_number(name: str, value: Any, hint: type[Any], cls: type[Any]) -> Any:
    value, accepted = plain(value), accepted_range(cls, name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(name, value, f"a {'whole ' if hint is int else ''}number {accepted}")
    if hint is int and not isinstance(value, int):
        raise ConfigError(name, value, f"a whole number {accepted}")
    meta = cls.__dataclass_fields__[name].metadata
    low, high, above = meta["low"], meta["high"], meta["above"]
    # Comparisons are false for NaN, and take integers that are too large to be floats.
    inside = value <= high and (low is None or value >= low) and (above is None or value > above)
    if not inside or value == -math.inf:
        raise ConfigError(name, value, f"a {'whole' if hint is int else 'finite'} number {accepted}")
    return hint(value)


def to_dict(config: Any) -> dict[str, Any]:
    """A config as plain JSON values, every field named.

    >>> from maml_core.config import MLPConfig
    >>> to_dict(MLPConfig())
    {'kind': 'mlp', 'hidden_widths': [40, 40], 'activation': 'relu', 'use_bias': True, 'batch_norm': False}
    """

    def as_json(value: Any) -> Any:
        if dataclasses.is_dataclass(value):
            return to_dict(value)
        return list(value) if isinstance(value, tuple) else value

    return {f.name: as_json(getattr(config, f.name)) for f in dataclasses.fields(config)}


def read_dict(cls: type[Any], data: Mapping[str, Any], path: str = "") -> Any:
    """The config of this class that `to_dict`'s output says; missing fields take their defaults.

    Raises:
        ConfigError: Unknown key, wrong type or value out of range; `field` is a dotted path behind `path`.
    """
    if not isinstance(data, Mapping):
        raise ConfigError(path.rstrip(".") or "config", data, "a table of settings is expected")
    hints = hints_of(cls)  # type: ignore[arg-type]
    unknown = [key for key in data if key not in hints]
    if unknown:
        raise ConfigError(
            path + str(unknown[0]), data[unknown[0]], f"no such field; {one_of(hints, unknown[0], most=99)}"
        )
    values: dict[str, Any] = {}
    for name, value in data.items():
        variants = [hint for hint in members_of(hints[name]) if dataclasses.is_dataclass(hint)]
        if variants:
            values[name] = _variant(variants, value, f"{path}{name}.")
        else:
            values[name] = tuple(value) if isinstance(value, list) else value
    try:
        return cls(**values)
    except ConfigError as error:
        raise ConfigError(path + error.field, error.value, error.accepted) from None


def _variant(variants: list[Any], value: Any, path: str) -> Any:
    """The member of a union of configs that `value["kind"]` names; the first one where no kind is given."""
    if not isinstance(value, Mapping):
        raise ConfigError(path.rstrip("."), value, "a table of settings is expected")
    kinds = {variant.__dataclass_fields__["kind"].default: variant for variant in variants}
    kind = value.get("kind", next(iter(kinds)))
    if not isinstance(kind, str) or kind not in kinds:
        raise ConfigError(f"{path}kind", kind, one_of(kinds, kind))
    return read_dict(kinds[kind], value, path)
