"""Tables that lose nothing on a narrow terminal: numbers and words stay whole, headings take lines, names fold, and columns that have no room go below."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

FOLDED = 12
"""Letters a line that a folded column keeps at least."""

_BETWEEN = 3
"""Signs between the contents of two columns."""


class Column(NamedTuple):
    """What stands in a column."""

    name: str
    cells: Sequence[str]
    is_text: bool = False
    """Text begins at the left; all else ends at the right."""
    folds: bool = False
    """Whether a cell may take several lines."""

    @property
    def widest(self) -> int:
        """Signs of its widest line."""
        return max(self._heading, _longest(self.cells))

    @property
    def needs(self) -> int:
        """Signs that it cannot do without."""
        if not self.folds:
            return self.widest
        return max(self._heading, min(_longest(word for cell in self.cells for word in cell.split()), FOLDED))

    @property
    def _heading(self) -> int:
        return _longest(self.name.split("\n"))


def _longest(texts: Iterable[str]) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, texts), default=0)


def print_table(title: str, columns: Sequence[Column]) -> None:
    """Print a table on stdout; where it is too wide, one below the other, each with the first column, which is made whole first.

    Args:
        title: Above it.
        columns: Of as many cells each; the first says what a row is of.
    """
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if 1 + sum(column.widest + _BETWEEN for column in columns) > console.width:
        columns = [column._replace(name=column.name.replace(" ", "\n")) for column in columns]
    for number, some in enumerate(_beside(columns, console.width)):
        fits = _width(some) <= console.width  # else one column is wider than the terminal, and it folds
        widths = _widths(some, console.width)
        view = Table(title=None if number else title, title_justify="left")
        for column, width in zip(some, widths, strict=True):
            view.add_column(
                column.name,
                justify="left" if column.is_text else "right",
                overflow="fold",
                no_wrap=fits and not column.folds,
                width=width if fits else None,
            )
        for row in zip(*(column.cells for column in some), strict=True):
            view.add_row(*row)
        console.print(view, markup=False)


def _beside(columns: Sequence[Column], width: int) -> Iterator[list[Column]]:
    """The columns that have room beside each other, the first one always among them."""
    first, *rest = columns
    some = [first]
    for column in rest:
        if len(some) > 1 and _width([*some, column]) > width:
            yield some
            some = [first]
        some.append(column)
    yield some


def _widths(columns: Sequence[Column], width: int) -> list[int]:
    """Signs that each column gets: what room there is makes whole what it can make whole, from the first on; the others share the rest."""
    spare, found = width - _width(columns), [column.needs for column in columns]
    for at, column in enumerate(columns):
        if (more := column.widest - column.needs) <= spare:
            found[at], spare = column.widest, spare - more
    folded = [at for at, column in enumerate(columns) if found[at] < column.widest]
    for left, at in zip(range(len(folded), 0, -1), folded, strict=True):
        more = max(0, spare) // left
        found[at], spare = found[at] + more, spare - more
    return found


def _width(columns: Sequence[Column]) -> int:
    """Signs a line that a table of these needs."""
    return 1 + sum(column.needs + _BETWEEN for column in columns)
