"""The lines of a timeline as plain JSON values, and back. Nothing here imports torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from maml_core.config import CHANGEABLE, RunConfig, changed
from maml_core.errors import ConfigError
from maml_core.records import Entry

_KEY = re.compile(r"[0-9a-f]{32}")

_SAYS = {
    "change": CHANGEABLE,
    "resume": frozenset[str](),
    "compiled": frozenset({"key"}),
    "branch": frozenset[str](),
    "rollback": frozenset({"to_step"}),
}
"""What the changes of each kind of entry may name."""


def entries_to_list(entries: tuple[Entry, ...]) -> list[dict[str, Any]]:
    """Entries as plain JSON values.

    >>> entries_to_list((Entry(step=400, kind="change", changes={"alpha": 0.02}),))
    [{'step': 400, 'kind': 'change', 'changes': {'alpha': 0.02}}]
    """
    return [{"step": entry.step, "kind": entry.kind, "changes": dict(entry.changes)} for entry in entries]


def entries_from_list(data: Any, *, start: RunConfig | None = None, path: str = "timeline") -> tuple[Entry, ...]:
    """The entries of `entries_to_list`'s output; a missing kind is a change.

    Args:
        data: A list of tables.
        start: Also see that a run that starts like this accepts every change.
        path: What the list is called in messages.

    Raises:
        ConfigError: Something is not as it should be; `field` is a path such as ``timeline[2].changes.alpha``.
    """
    if not isinstance(data, list):
        raise ConfigError(path, data, "a list of entries, each with a step and its changes")
    entries = [(f"{path}[{index}]", _entry(item, f"{path}[{index}]")) for index, item in enumerate(data)]
    config = start
    for where, entry in sorted(entries, key=lambda pair: pair[1].step):
        if config is not None and entry.kind == "change":
            try:
                config = changed(config, entry.changes)
            except ConfigError as error:
                raise ConfigError(f"{where}.changes.{error.field}", error.value, error.accepted) from None
    return tuple(entry for _, entry in entries)


def _entry(data: Any, path: str) -> Entry:
    if not isinstance(data, Mapping) or not {"step"} <= set(data) <= {"step", "kind", "changes"}:
        raise ConfigError(path, data, "a table of step, kind and changes")
    step, kind, changes = data["step"], data.get("kind", "change"), data.get("changes", {})
    if isinstance(step, bool) or not isinstance(step, int) or step < 0:
        raise ConfigError(f"{path}.step", step, "a whole number from 0 on, the outer step before which it acts")
    if not isinstance(kind, str) or kind not in _SAYS:
        raise ConfigError(f"{path}.kind", kind, f"one of {', '.join(_SAYS)}")
    if not isinstance(changes, Mapping):
        raise ConfigError(f"{path}.changes", changes, "a table of settings is expected")
    unknown = sorted(set(changes) - _SAYS[kind], key=str)
    if unknown:
        can = ", ".join(sorted(_SAYS[kind])) or "nothing"
        raise ConfigError(f"{path}.changes.{unknown[0]}", changes[unknown[0]], f"a {kind} can name {can}")
    if kind == "compiled" and not (isinstance(key := changes.get("key"), str) and _KEY.fullmatch(key)):
        raise ConfigError(
            f"{path}.changes.key", changes.get("key"), "the name of a compiled step, 32 hexadecimal digits"
        )
    if kind == "rollback":
        back = changes.get("to_step")
        if isinstance(back, bool) or not isinstance(back, int) or back < 0:
            raise ConfigError(f"{path}.changes.to_step", back, "a whole number from 0 on")
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()}
    return Entry(step=step, kind=kind, changes=plain)  # type: ignore[arg-type]  # one of _SAYS
