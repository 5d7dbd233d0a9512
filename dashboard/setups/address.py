"""A run's set-up as a query string, and back: the config at outer step 0 and a compact timeline, with a format version.

``v=1&alpha=0.02&model.hidden_widths=40_40&t=412:a:0.05~530:n:5&at=600`` holds what differs from the defaults, every change with its
outer step, and the outer step that the run had taken. The engine is strict about configs; this reader falls back field by field, says so
in a note, and never raises.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from dashboard.setups.setting_names import SETTING_NAMES
from maml_core.config import PythonConfig, RunConfig, from_dict, replace, to_dict
from maml_core.errors import ConfigError
from maml_core.records import Entry
from maml_core.settings import hints_of, members_of
from maml_core.values import parsed, written

VERSION = "1"
CODES = {field: name.code for field, name in SETTING_NAMES.items() if name.code}
"""One letter a changeable field, for the timeline."""

_FIELDS = {code: name for name, code in CODES.items()}
_PLAIN: tuple[Literal["resume", "branch"], ...] = ("resume", "branch")
"""Kinds of entries that say no more than their step."""
MAX_TIMELINE = 12_000
"""Characters of a timeline: what servers and browsers take in an address with room to spare."""
_MAX_STEP = 10_000_000
_MAX_LOOK = 40
"""Letters of the name of a chart."""
_BESIDE = ("v", "t", "at")
"""What an address says besides the set-up."""
_OF_SWEEPS = frozenset({"sweep", "form"})
"""What the address of the sensitivity screen says: the sweep that it shows, and its form."""

_OF_OWN = ("tasks", "model")
"""What is in the code of a problem of one's own, and in no address of it."""

_OWN = "own"
"""What an address says of tasks that are Python code: that they are, and never which. Whoever starts a page names that."""
NO_OWN = (
    "The address is of a problem of somebody's own, in Python code, which no address names. Whoever has that code starts the page with: "
    "maml dashboard --problem module:attribute, on a machine of their own. The default set-up is used."
)


class Address(NamedTuple):
    """What an address says."""

    config: RunConfig
    timeline: tuple[Entry, ...]
    notes: tuple[str, ...]
    """A sentence for each part that was not understood and fell back."""
    at: int = 0
    """The outer step that the run had taken."""
    look: str = ""
    """The chart that was shown in the place of the paths; empty for these."""
    beside: str = ""
    """What the run was compared with (`others`); empty for nothing."""


def write(config: RunConfig, timeline: Sequence[Entry] = (), *, look: str = "", beside: str = "") -> str:
    """The query string of a run, of the chart that is looked at in the place of the paths, if another one is, and of what it is compared with. A timeline that is too long
    for an address is left out: the start alone is then what is shared.
    """
    config, later, *_ = folded(config, timeline)
    pairs = [
        ("v", VERSION),
        *_differences(config, RunConfig()),
        *((name, text) for name, text in (("look", look), ("beside", beside)) if text),
    ]
    timeline_text = "~".join(_entry_text(entry) for entry in later)
    if later and len(timeline_text) <= MAX_TIMELINE:
        pairs.append(("t", timeline_text))
    return "&".join(f"{key}={quote(text, safe=':~,.-')}" for key, text in pairs)


def folded(config: RunConfig, timeline: Sequence[Entry]) -> Address:
    """This run with the changes made before its first step as part of the config, and without notes of roll-backs."""
    for entry in timeline:
        if entry.step == 0 and entry.kind == "change":
            config = replace(config, entry.changes)
    later = (entry for entry in timeline if entry.kind in _PLAIN or (entry.kind == "change" and entry.step > 0))
    return Address(config, tuple(later), ())


def asks_for(query: Mapping[str, str]) -> Literal["nothing", "own", "named"]:
    """What sort of set-up a query asks for: none, that of a problem of one's own, or one that it names whole.

    >>> asks_for({"sweep": "mine"}), asks_for({"tasks": "own", "alpha": "0.1"}), asks_for({"alpha": "0.1"})
    ('nothing', 'own', 'named')
    """
    if query.get("tasks") == _OWN:
        return "own"
    says = (key in _BESIDE or key.split(".")[0] in RunConfig.__dataclass_fields__ for key in query)
    return "named" if any(says) else "nothing"


def read(query: Mapping[str, str], default: RunConfig | None = None, own: PythonConfig | None = None) -> Address:
    """The run that a query names; without one, `default`.

    Args:
        query: Its keys with their texts.
        default: The set-up where it names none.
        own: The tasks that it means by those of somebody's own; None where nobody has named their code.
    """
    default = default or RunConfig()
    query = {key: text for key, text in query.items() if key not in _OF_SWEEPS}
    look, beside = (query.pop(name, "")[:_MAX_LOOK] for name in ("look", "beside"))
    if (asked := asks_for(query)) == "nothing":
        return Address(default, (), (), look=look, beside=beside)
    notes: list[str] = []
    settings: dict[str, Any] = {}
    if asked == "own":
        if own is None:
            return Address(default, (), (NO_OWN,), look=look, beside=beside)
        settings = {"tasks": to_dict(own)}
        of_code = [key for key in query if key.split(".")[0] in _OF_OWN]
        notes += [
            f"The address says {key[:40]}: that is in the code, which no address names. It is ignored."
            for key in of_code
            if key != "tasks"
        ]
        query = {key: text for key, text in query.items() if key not in of_code}
    if query.get("v", VERSION) != VERSION:
        notes.append(
            f"This address has format {query['v'][:20]!r}, this page reads {VERSION}: what is not understood falls back."
        )
    # Kinds first: they decide which other fields exist. A field may need another one that comes later, so what is refused is tried again
    # as long as others are taken.
    left = sorted(
        query.items() - {(key, query.get(key)) for key in _BESIDE},
        key=lambda item: (not item[0].endswith(".kind"), item[0]),
    )
    refused: list[str] = []
    taken = True
    while left and taken:
        waiting, left, refused, taken = left, [], [], False
        for key, text in waiting:
            found = _with_field(settings, key, text, refused)
            taken = taken or found is not settings
            left += [(key, text)] if found is settings else []
            settings = found
    notes += refused
    config = from_dict(settings)
    timeline = _read_timeline(query.get("t", ""), config, notes)
    at = _read_step(query.get("at", "0"), notes)
    return folded(config, timeline)._replace(notes=tuple(notes), at=at, look=look, beside=beside)


def _with_field(settings: dict[str, Any], key: str, text: str, notes: list[str]) -> dict[str, Any]:
    """The settings with one more field, or as they were, with a note."""
    group, _, name = key.rpartition(".")
    tried = {outer: dict(inner) if isinstance(inner, dict) else inner for outer, inner in settings.items()}
    table = tried.setdefault(group, {}) if group else tried
    try:
        if len(text) > MAX_TIMELINE or not isinstance(table, dict):
            raise ValueError
        table[name] = _parsed(text, _hint(group, name, table.get("kind")))
        from_dict(tried)
    except ConfigError as error:
        notes.append(f"The address says {key[:40]} = {text[:40]}: {error.accepted[:200]}. The default is used.")
        return settings
    except (ValueError, KeyError):
        notes.append(f"The address says {key[:40]} = {text[:40]}, which is not understood. It is ignored.")
        return settings
    return tried


def _read_step(text: str, notes: list[str]) -> int:
    """The outer step that a run had taken; 0, with a note, where that is not understood."""
    if re.fullmatch("[0-9]{1,8}", text, re.ASCII) and int(text) <= _MAX_STEP:
        return int(text)
    notes.append(f"The address says at = {text[:40]}, which is no outer step from 0 to {_MAX_STEP:,}. It is ignored.")
    return 0


def _read_timeline(text: str, config: RunConfig, notes: list[str]) -> tuple[Entry, ...]:
    """The entries of a timeline; reading stops, with a note, at the first one that is not understood."""
    entries: list[Entry] = []
    if len(text) > MAX_TIMELINE:
        text = text[:MAX_TIMELINE].rpartition("~")[0]
        notes.append("The address's timeline is too long to be read: its last changes are left out.")
    for part in text.split("~") if text else []:
        try:
            entry = _read_entry(part)
            config = replace(config, entry.changes)
            if entries and entry.step < entries[-1].step:
                raise ValueError
        except (ConfigError, ValueError, KeyError):
            notes.append(
                f"The address's timeline is not understood at {part[:40]!r}: the changes from there on are left out."
            )
            break
        entries.append(entry)
    return tuple(entries)


def _read_entry(text: str) -> Entry:
    step_text, _, rest = text.partition(":")
    step = int(step_text)
    if not 0 <= step <= _MAX_STEP:
        raise ValueError
    for kind in _PLAIN:
        if rest == kind:
            return Entry(step=step, kind=kind)
    changes = {}
    for change in rest.split(","):
        code, _, value = change.partition(":")
        name = _FIELDS[code]
        changes[name] = _parsed(value, _hint("", name, None))
    return Entry(step=step, kind="change", changes=changes)


def _entry_text(entry: Entry) -> str:
    if entry.kind in _PLAIN:
        return f"{entry.step}:{entry.kind}"
    return f"{entry.step}:" + ",".join(f"{CODES[name]}:{_text(value)}" for name, value in entry.changes.items())


def _differences(config: Any, default: Any, prefix: str = "") -> list[tuple[str, str]]:
    """The fields in which a config differs from a default one; another kind is named, and compared with its own defaults."""
    pairs = []
    for f in dataclasses.fields(config):
        value, usual = getattr(config, f.name), getattr(default, f.name)
        if isinstance(value, PythonConfig):
            pairs.append((f.name, _OWN))
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            if type(value) is not type(usual):
                pairs.append((f"{f.name}.kind", str(value.__dataclass_fields__["kind"].default)))
                usual = type(value)()
            pairs += _differences(value, usual, f"{f.name}.")
        elif value != usual:
            pairs.append((prefix + f.name, _text(value)))
    return pairs


def _text(value: Any) -> str:
    # A comma stands between the changes of a timeline's entry.
    return written(value) if isinstance(value, str) else written(value).replace(",", "_")


def _hint(group: str, name: str, kind: str | None) -> Any:
    """The annotation of a field; raises KeyError where there is no such field."""
    hints = hints_of(RunConfig)
    if group:
        member = hints[group]
        variants: list[Any] = [v for v in members_of(member) if dataclasses.is_dataclass(v)]
        if not variants:
            raise KeyError(group)
        variant = next((v for v in variants if v.__dataclass_fields__["kind"].default == kind), variants[0])
        hints = hints_of(variant)
    return hints[name]


def _parsed(text: str, hint: Any) -> Any:
    """Text as the type that the annotation asks for; raises ValueError where it cannot be."""
    value = parsed(text, hint)
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str) and hint is not str and typing.get_origin(hint) is not Literal:
            raise ValueError
    return value
