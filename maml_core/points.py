"""Points (x, y) of somebody's own as a regression task: read from text, and what of them lies outside a family's training. Imports no torch."""

from __future__ import annotations

import re
from typing import Literal

import numpy as np
import numpy.typing as npt

from maml_core.families.curves import CurveFamily
from maml_core.records import OwnPoints
from maml_core.wording import counted, with_minus

MAX_POINTS = 100
"""What is read at most, those that are held back counted."""

MAX_LETTERS = 20_000
"""Length of a text that is read."""

LARGEST = 1e6
"""No x and no y may be further from 0."""

HELD_BACK = 3
"""The last of so many points is a query, where some are held back."""

Values = npt.NDArray[np.floating]

_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)

_Separator = Literal[";", ",", ""]
"""Between x and y; empty for blanks and tabs."""


def read_points(text: str, *, hold_back: bool = False) -> OwnPoints:
    """The task of a text with one pair x, y a line.

    A comma, a semicolon, a tab or blanks stand between the two, in all lines what stands in the first; a decimal comma is read where that is
    no comma. A first line without a number names the columns, and empty lines are passed over.

    Args:
        text: For example of a CSV file.
        hold_back: Keep every third point out of the support, as a query.

    Raises:
        ValueError: It is none of that; says in which line.

    >>> read_points("time; value\\n0,5; 1\\n1,5; -2").support_x.tolist()
    [0.5, 1.5]
    """
    if len(text) > MAX_LETTERS:
        raise ValueError(f"the text has {len(text):,} letters; at most {MAX_LETTERS:,} are read")
    lines = [(number, line.strip()) for number, line in enumerate(re.split("\r\n|\r|\n", text.lstrip("\ufeff")), 1)]
    lines = [(number, line) for number, line in lines if line]
    header = ""
    if lines and not any(_NUMBER.fullmatch(cell) for cell in _cells(lines[0][1], _separator(lines[0][1]))):
        header, lines = lines[0][1], lines[1:]
    if not lines:
        raise ValueError("there are no points: write one x and one y a line")
    if len(lines) > MAX_POINTS:
        raise ValueError(f"line {lines[MAX_POINTS][0]}: these are more than {MAX_POINTS} points; leave some out")
    separator = _separator(lines[0][1])
    pairs = np.array([_pair(number, line, separator) for number, line in lines])
    if hold_back and len(pairs) < HELD_BACK:
        raise ValueError(f"every third point is held back: give at least {HELD_BACK}, not {len(pairs)}")
    is_query = np.arange(len(pairs)) % HELD_BACK == HELD_BACK - 1 if hold_back else np.zeros(len(pairs), dtype=bool)
    support, query = pairs[~is_query], pairs[is_query]
    return OwnPoints(support[:, 0], support[:, 1], query[:, 0], query[:, 1], header)


def _separator(line: str) -> _Separator:
    """What stands between the two numbers of a line: a comma with a blank on neither side is a decimal one where there are blanks.

    >>> [_separator(line) for line in ("1,5; 2,5", "1.5, 2.5", "1.5,2.5", "1,5 2,5")]
    [';', ',', ',', '']
    """
    if ";" in line:
        return ";"
    return "," if "," in line and (re.search(r"\s", line) is None or re.search(r",\s|\s,", line)) else ""


def _cells(line: str, separator: _Separator) -> list[str]:
    parts = line.split(separator) if separator else line.split()
    cells = [part.strip().strip("\"'").replace("\N{MINUS SIGN}", "-") for part in parts]
    while len(cells) > 2 and not cells[-1]:  # of a line that ends in separators
        cells.pop()
    return cells


def _pair(number: int, line: str, separator: _Separator) -> tuple[float, float]:
    cells = _cells(line, separator)
    for cell in cells:
        if not _NUMBER.fullmatch(cell):
            what = f"{cell[:20]!r} is not a number" if cell else "a number is missing"
            raise ValueError(f"line {number}: {what}")
    if len(cells) != 2:
        hint = "; where commas are decimal, put a semicolon or a blank between x and y" if separator == "," else ""
        raise ValueError(f"line {number}: one x and one y are needed, and here {_are(len(cells))}{hint}")
    x, y = (float(cell.replace(",", ".")) for cell in cells)
    for cell, value in zip(cells, (x, y), strict=True):
        if not abs(value) <= LARGEST:
            raise ValueError(f"line {number}: {cell[:20]} is further from 0 than {LARGEST:,.0f}")
    return x, y


def _are(count: int) -> str:
    return f"{'is' if count == 1 else 'are'} {counted(count, 'number')}"


def outside(x: Values, y: Values, tasks: CurveFamily) -> str:
    """What of some points lies outside that which a family trains on, in a sentence; empty where nothing does.

    >>> from maml_core.config import SinusoidConfig
    >>> outside(np.array([0.0, 12.0]), np.array([1.0, -6.0]), SinusoidConfig())
    'Outside of training: x reaches 12 (there −5 to 5), y reaches −6 (there −5 to 5).'
    """
    reach = tasks.reach()
    beyond = []
    for name, values, (low, high) in (("x", x, tasks.x), ("y", y, (-reach, reach))):
        distance = np.maximum(low - values, values - high)
        if distance.max() > 0.0:
            beyond.append(f"{name} reaches {_said(values[distance.argmax()])} (there {_said(low)} to {_said(high)})")
    return f"Outside of training: {', '.join(beyond)}." if beyond else ""


def _said(value: float) -> str:
    return with_minus(f"{value:g}")
