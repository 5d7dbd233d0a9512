"""Rows of figures: what every benchmark prints and gives, each beside its aim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Row(NamedTuple):
    """One figure as it was measured."""

    name: str
    value: float
    unit: str
    aim: float | None = None
    met: bool | None = None
    """None where nothing is aimed at."""


class Figure(NamedTuple):
    """What a benchmark measures, and where it is to come to."""

    name: str
    unit: str
    aim: float | None = None
    is_most: bool = False
    """Whether the aim is the most that it may be, rather than the least."""

    def row(self, value: float) -> Row:
        """The figure as it was measured."""
        if self.aim is None:
            return Row(self.name, value, self.unit)
        return Row(self.name, value, self.unit, self.aim, value <= self.aim if self.is_most else value >= self.aim)

    @property
    def asked(self) -> str:
        """The aim in words; empty where there is none."""
        if self.aim is None:
            return ""
        return f"at {'most' if self.is_most else 'least'} {number(self.aim)} {self.unit}".rstrip()


def at_most(name: str, aim: float, unit: str) -> Figure:
    """A figure that is to be so small."""
    return Figure(name, unit, aim, is_most=True)


def at_least(name: str, aim: float, unit: str) -> Figure:
    """A figure that is to be so large."""
    return Figure(name, unit, aim)


def figures(*those: Figure) -> dict[str, Figure]:
    """Figures by name."""
    return {one.name: one for one in those}


def many(count: int, what: str) -> str:
    """So many of them, in words."""
    return f"{count} {what}{'s' * (count != 1)}"


def number(value: float) -> str:
    """Three digits of it, or all before the point."""
    return f"{value:,.0f}" if 1e3 <= abs(value) < 1e9 else f"{value:.3g}"


def printed(declared: Mapping[str, Figure], found: Mapping[str, float]) -> list[Row]:
    """Rows of what was found, by name, each printed beside its aim."""
    rows = [declared[name].row(value) for name, value in found.items()]
    for row in rows:
        asked = declared[row.name].asked
        aim = f"   aim: {asked}{'' if row.met else ', not met'}" if asked else ""
        print(f"  {row.name:<66} {number(row.value):>8} {row.unit}{aim}", flush=True)
    return rows
