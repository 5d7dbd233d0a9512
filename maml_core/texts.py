"""JSON and TOML as people's editors write them: in UTF-8, or with a mark of its encoding at the beginning, and no key twice."""

from __future__ import annotations

import json
import tomllib
from typing import Any


def from_json(data: bytes) -> Any:
    """What a JSON text says.

    Args:
        data: In UTF-8, -16 or -32, with a byte order mark or without.

    Raises:
        ValueError: It is no JSON, holds NaN or an infinity, or a key twice: which of the two was meant cannot be known.
        RecursionError: It is nested too deeply.
    """
    return json.loads(_text(data), object_pairs_hook=_table, parse_constant=_refuse)


def from_toml(data: bytes) -> dict[str, Any]:
    """What a TOML text says.

    Args:
        data: In UTF-8, or with a byte order mark of UTF-8, -16 or -32.

    Raises:
        ValueError: It is no TOML.
    """
    return tomllib.loads(_text(data))


def _text(data: bytes) -> str:
    encoding = json.detect_encoding(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is no {encoding.upper()}; save it as UTF-8") from None


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} stands there twice")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")
