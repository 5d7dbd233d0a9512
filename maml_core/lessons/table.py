"""A table of a lesson's file: every key is asked for once with what it may hold, and what is left over is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from maml_core.errors import ConfigError
from maml_core.lessons.expressions import is_condition, names_filled, names_in
from maml_core.wording import one_of

Names = frozenset[str]
"""Names of what is measured by some step of a lesson."""


class Table:
    """The keys of a table that nobody has asked for yet.

    Args:
        data: What the file has there.
        path: What stands before its keys in messages, such as ``steps.trained.``.
    """

    def __init__(self, data: Any, path: str) -> None:
        if not isinstance(data, Mapping):
            raise ConfigError(path.rstrip(".") or "lesson", data, "a table is expected")
        self._left = dict(data)
        self._known: list[str] = []
        self.path = path

    def _taken(self, key: str, default: Any = None) -> Any:
        self._known.append(key)
        return self._left.pop(key, default)

    def refuse(self, key: str, value: Any, accepted: str) -> ConfigError:
        """The error that says what a key of this table accepts."""
        return ConfigError(f"{self.path}{key}", value, accepted)

    def text(self, key: str, most: int, default: str | None = None) -> str:
        """A text of 1 to `most` characters, line breaks as blanks; the default where the key is not there."""
        value = self._taken(key, default)
        if value is None:
            raise self.refuse(key, None, f"it is missing; give a text of at most {most} characters")
        if value is default:
            return str(value)
        plain = " ".join(value.split()) if isinstance(value, str) else ""
        if not 1 <= len(plain) <= most:
            count = f"; this one has {len(plain)}" if len(plain) > most else ""
            raise self.refuse(key, value, f"a text of 1 to {most} characters{count}")
        return plain

    def choice(self, key: str, of: tuple[str, ...], default: str | None = None) -> str:
        """One of some words."""
        value = self._taken(key, default)
        if value not in of and not (default is not None and value == default):
            raise self.refuse(key, value, one_of(of, value, most=99))
        return str(value)

    def words(self, key: str, accepted: Callable[[str], bool], names: tuple[str, ...]) -> tuple[str, ...]:
        """A list of words that are all accepted; empty where the key is not there."""
        value = self._taken(key, [])
        if not isinstance(value, list):
            raise self.refuse(key, value, "a list of words")
        for word in value:
            if not isinstance(word, str) or not accepted(word):
                raise self.refuse(key, word, one_of(names, word, most=99))
        return tuple(value)

    def number(self, key: str, default: float | None = None, *, low: float, high: float, whole: bool = False) -> float:
        """A number of a range, both ends included."""
        value = self._taken(key, default)
        kind = "a whole number" if whole else "a number"
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not low <= value <= high or (whole and not isinstance(value, int)):
            raise self.refuse(key, value, f"{kind} from {low:,g} to {high:,g}")
        return float(value)

    def switch(self, key: str) -> bool:
        """True or false; false where the key is not there."""
        value = self._taken(key, False)
        if not isinstance(value, bool):
            raise self.refuse(key, value, "true or false")
        return value

    def value(self, key: str) -> Any:
        """Whatever stands there; None where the key is not there."""
        return self._taken(key)

    def expression(self, key: str, names: Names, *, condition: bool) -> str:
        """A condition, or a number, over measured numbers that are known by then."""
        value = self._taken(key)
        kind = "a condition, for example trained.loss_after < 1" if condition else "a number over what is measured"
        if not isinstance(value, str) or not value.strip():
            raise self.refuse(key, value, kind)
        try:
            used, is_one = names_in(value), is_condition(value)
        except ValueError as error:
            raise self.refuse(key, value, str(error)) from None
        if is_one is not condition:
            raise self.refuse(key, value, kind)
        self._known_names(key, value, used, names)
        return value

    def template(self, key: str, most: int, names: Names) -> str:
        """A sentence, with expressions over measured numbers in braces."""
        value = self.text(key, most)
        try:
            used = names_filled(value)
        except ValueError as error:
            raise self.refuse(key, value, f"{error}; a number is written as {{trained.loss_after:.2f}}") from None
        self._known_names(key, value, used, names)
        return value

    def _known_names(self, key: str, value: str, used: frozenset[str], names: Names) -> None:
        for name in sorted(used):
            if name not in names:
                raise self.refuse(key, value, f"{name!r} is not measured by then; {one_of(names, name)}")

    def tables(self, key: str, *, low: int, high: int, default: bool = False) -> list[Table]:
        """A list of tables, each called by its ``name`` where it has one, and else by its number from 1."""
        value = self._taken(key, [] if default else None)
        if not isinstance(value, list) or not (low <= len(value) <= high or (default and not value)):
            raise self.refuse(key, value, f"{low} to {high} tables, each headed [[{self.path}{key}]]")
        found = []
        for at, part in enumerate(value, start=1):
            own = part.get("name") if isinstance(part, Mapping) else None
            found.append(Table(part, f"{self.path}{key}.{own if isinstance(own, str) else at}."))
        return found

    def table(self, key: str) -> Table:
        """A table that has to be there."""
        return Table(self._taken(key), f"{self.path}{key}.")

    def optional(self, key: str) -> Table | None:
        """A table that may be there."""
        value = self._taken(key)
        return None if value is None else Table(value, f"{self.path}{key}.")

    def done(self) -> None:
        """Refuse what nobody asked for."""
        if self._left:
            key = next(iter(self._left))
            raise self.refuse(key, self._left[key], f"no such key; {one_of(self._known, key, most=99)}")
