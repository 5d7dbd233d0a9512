"""Values of fields that hold several numbers, as an axis has them: the ends of a range as a text, widths as a number or a text. Imports no torch."""

from __future__ import annotations

import re
import typing
from typing import Any

from maml_core.settings import members_of


def is_pair(hint: Any) -> bool:
    """Whether a field holds two numbers, such as the ends of a range: an axis has them as a text, ``0.1..5``."""
    return any(
        typing.get_origin(member) is tuple and Ellipsis not in typing.get_args(member) for member in members_of(hint)
    )


def pair_of(value: int | float | str | bool | None) -> tuple[Any, ...]:
    """The two numbers that a text means; one number is both. What means none is one value, which no field takes for two.

    >>> pair_of("0.1..5"), pair_of("1"), pair_of(2), pair_of("far")
    ((0.1, 5.0), (1.0, 1.0), (2, 2), ('far',))
    """
    if not isinstance(value, str):
        return (value, value)
    low, dots, high = value.partition("..")
    try:
        return float(low), float(high if dots else low)
    except ValueError:
        return (value,)


def widths(value: int | float | str | bool | None, num_layers: int) -> tuple[Any, ...]:
    """The hidden widths that a value of the axis `axes.WIDTHS` stands for.

    >>> widths(64, 2), widths("40x20", 2)
    ((64, 64), (40, 20))
    """
    if isinstance(value, str) and re.fullmatch(r"\d+(x\d+)*", value):
        return tuple(int(part) for part in value.split("x"))
    return (value,) * num_layers


def deeper(known: typing.Sequence[int], num_layers: int) -> list[int] | None:
    """The widths of so many hidden layers as the known ones, of which a network without any has none; None where these differ.

    >>> deeper([40, 40], 3), deeper([], 1), deeper([40, 20], 3)
    ([40, 40, 40], [40], None)
    """
    if len(set(known)) > 1:
        return None
    return [known[0] if known else _WIDTH] * num_layers


_WIDTH = 40
