"""A config as Python source."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any


def differences(config: Any, also: Collection[str] = ()) -> dict[str, Any]:
    """The fields that differ from the defaults, and some more."""
    default = type(config)()
    fields = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
    return {name: value for name, value in fields.items() if name in also or value != getattr(default, name)}


def source(value: Any) -> str:
    """A setting as Python source."""
    if dataclasses.is_dataclass(value):
        return f"{type(value).__name__}({', '.join(f'{name}={source(v)}' for name, v in differences(value).items())})"
    if isinstance(value, str):  # in double quotes, unless it holds one: then as Python writes it
        return repr(value) if '"' in value else f'"{repr(value)[1:-1]}"'
    return repr(value)


def bracketed(opening: str, items: Sequence[str], closing: str) -> str:
    """One item a line; nothing between the brackets where there are none."""
    return opening + "".join(f"\n    {item}," for item in items) + ("\n" if items else "") + closing
