"""Tables that lose nothing on a narrow terminal: numbers and words stay whole, names fold, and columns that have no room go below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
        """Signs of its widest cell."""
        from rich.cells import cell_len

        return max(cell_len(text) for text in (self.name, *self.cells))

    @property
    def needs(self) -> int:
        """Signs that it cannot do without."""
        from rich.cells import cell_len

        return max(cell_len(self.name), min(self.widest, FOLDED)) if self.folds else self.widest


def print_table(title: str, columns: Sequence[Column]) -> None:
    """Print a table on stdout; where it is too wide, one below the other, each with the first column.

    Args:
        title: Above it.
        columns: Of as many cells each; the first says what a row is of.
    """
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for number, some in enumerate(_beside(columns, console.width)):
        fits = _width(some) <= console.width  # else one column is wider than the terminal, and it folds
        view = Table(title=None if number else title, title_justify="left")
        for column in some:
            view.add_column(
                column.name,
                justify="left" if column.is_text else "right",
                overflow="fold",
                no_wrap=fits and not column.folds,
                min_width=column.needs if fits else None,
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


def _width(columns: Sequence[Column]) -> int:
    """Signs a line that a table of these needs."""
    return 1 + sum(column.needs + _BETWEEN for column in columns)
