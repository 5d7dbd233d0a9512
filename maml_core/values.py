"""The value of a setting as people read and write it, the same wherever they do: a switch is on or off, nothing is none, a list has commas.

Files of settings have the words of their own format (true, false and lists in TOML and JSON).
"""

from __future__ import annotations

import math
import re
import types
import typing
from typing import Any, NamedTuple

_WORDS = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}
"""What is understood; the first and the fourth are written."""

_NOTHING = ("none", "", "off")

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?inf|nan", re.IGNORECASE)


class Span(NamedTuple):
    """The two ends of a range that was not accepted."""

    low: Any
    high: Any


def written(value: Any, digits: int | None = None) -> str:
    """A value in the words that `parsed` reads.

    Args:
        value: A number, word, switch or list of them, or None.
        digits: Significant digits of numbers that are not whole; None writes all that there are.

    >>> [written(value) for value in (True, None, 0.001, 1.0, (64, 64), "maml", 1e-5)]
    ['on', 'none', '0.001', '1', '64,64', 'maml', '1e-5']
    >>> written(0.0123456, digits=4)
    '0.01235'
    """
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        # What is deeper than a list is no value of any setting, and may be too deep for words.
        return (
            ",".join("[...]" if isinstance(item, list | tuple) else written(item, digits) for item in value) or "none"
        )
    if isinstance(value, float):
        if digits is not None and math.isfinite(value) and not value.is_integer():
            value = float(f"{value:.{digits}g}")
        return re.sub(r"e([+-]?)0*", _tidy, repr(value).removesuffix(".0"))
    return "none" if value is None else str(value)


def shown(value: Any) -> str:
    """A value as a table or a sentence has it: four digits tell settings apart. `said` in `dashboard/web/sweeps/store.js` is the same for the page.

    >>> [shown(value) for value in (0.00316227, 12345, 2.0, "anil", None, False)]
    ['0.003162', '12345', '2', 'anil', 'none', 'off']
    """
    return written(value, digits=4)


def quoted(value: Any) -> str:
    """A value that was not accepted, as a sentence about it has it: what is no switch and not nothing as Python writes it.

    >>> quoted(True), quoted(None), quoted("fast"), quoted(-1), quoted(Span(1e9, 0.3))
    ('on', 'none', "'fast'", '-1', '1000000000 to 0.3')
    """
    if isinstance(value, Span):
        return f"{written(value.low)} to {written(value.high)}"
    return written(value) if value is None or isinstance(value, bool) else repr(value)


def parsed(text: str, hint: Any) -> Any:
    """What a text means for a field of this type; what means nothing stays text, which the field then refuses by name.

    >>> parsed("yes", bool), parsed("64, 64", tuple[int, ...]), parsed("1e-3", float), parsed("none", float | None), parsed("2e3", int)
    (True, [64, 64], 0.001, None, 2000)
    """
    text = text.strip() if hint is not str else text
    if isinstance(hint, types.UnionType):
        kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        return None if text.lower() in _NOTHING else parsed(text, kinds[0])
    if hint is bool:
        return _WORDS.get(text.lower(), text)
    if typing.get_origin(hint) is tuple:
        inside = text.strip("[]() ")
        kind = typing.get_args(hint)[0]
        return (
            [] if inside.lower() in ("none", "") else [_number(part, kind) for part in re.split(r"[\s,;_x]+", inside)]
        )
    return _number(text, hint) if hint in (int, float) else text


def _tidy(found: re.Match[str]) -> str:
    """An exponent as people write it: 1e-5, not 1e-05."""
    return "e" + found[1].removeprefix("+")


def _number(text: str, kind: type[Any]) -> Any:
    if not _NUMBER.fullmatch(text):
        return text
    try:
        return int(text)
    except ValueError:
        number = float(text)
        return int(number) if kind is int and number.is_integer() else number
