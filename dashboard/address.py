"""A run's set-up as a query string, and back: the config at outer step 0 and a compact timeline, with a format version.

``v=1&alpha=0.02&model.hidden_widths=40-40&t=412:a:0.05~530:n:5`` holds what differs from the defaults, and every change with its
outer step. The engine is strict about configs; this reader falls back field by field, says so in a note, and never raises.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from maml_core.config import CHANGEABLE, RunConfig, from_dict, replace
from maml_core.errors import ConfigError
from maml_core.records import Entry

VERSION = "1"
CODES = {
    "alpha": "a",
    "num_inner_steps": "n",
    "beta": "b",
    "order": "o",
    "outer_optimizer": "u",
    "clip_norm": "c",
    "recompute": "r",
    "shots": "k",
    "num_query": "q",
    "meta_batch_size": "m",
}
"""One letter a changeable field, for the timeline."""

_FIELDS = {code: name for name, code in CODES.items()}
_RESUME = "resume"
MAX_TIMELINE = 12_000
"""Characters of a timeline: what servers and browsers take in an address with room to spare."""
_MAX_STEP = 10_000_000


class Address(NamedTuple):
    """What an address says."""

    config: RunConfig
    timeline: tuple[Entry, ...]
    notes: tuple[str, ...]
    """A sentence for each part that was not understood and fell back."""


def write(config: RunConfig, timeline: Sequence[Entry] = ()) -> str:
    """The query string of a run. A timeline that is too long for an address is left out: the start alone is then what is shared."""
    config, later, _ = folded(config, timeline)
    pairs = [("v", VERSION), *_differences(config, RunConfig())]
    timeline_text = "~".join(_entry_text(entry) for entry in later)
    if later and len(timeline_text) <= MAX_TIMELINE:
        pairs.append(("t", timeline_text))
    return "&".join(f"{key}={quote(text, safe=':~,.-')}" for key, text in pairs)


def folded(config: RunConfig, timeline: Sequence[Entry]) -> Address:
    """The same run with the changes made before its first step as part of the config, and without notes of roll-backs."""
    for entry in timeline:
        if entry.step == 0 and entry.kind == "change":
            config = replace(config, entry.changes)
    later = (entry for entry in timeline if entry.kind == "resume" or (entry.kind == "change" and entry.step > 0))
    return Address(config, tuple(later), ())


def read(query: Mapping[str, str], default: RunConfig | None = None) -> Address:
    """The run that a query names; without one, `default`."""
    default = default or RunConfig()
    if not any(key == "v" or key == "t" or key.split(".")[0] in RunConfig.__dataclass_fields__ for key in query):
        return Address(default, (), ())
    notes: list[str] = []
    if query.get("v", VERSION) != VERSION:
        notes.append(
            f"This address has format {query['v'][:20]!r}, this page reads {VERSION}: what is not understood falls back."
        )
    settings: dict[str, Any] = {}
    # Kinds first: they decide which other fields exist. A field may need another one that comes later, so what is refused is tried again
    # as long as others are taken.
    left = sorted(
        query.items() - {(key, query.get(key)) for key in ("v", "t")},
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
    return folded(config, timeline)._replace(notes=tuple(notes))


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
    if rest == _RESUME:
        return Entry(step=step, kind="resume")
    changes = {}
    for change in rest.split(","):
        code, _, value = change.partition(":")
        name = _FIELDS[code]
        changes[name] = _parsed(value, _hint("", name, None))
    return Entry(step=step, kind="change", changes=changes)


def _entry_text(entry: Entry) -> str:
    if entry.kind == "resume":
        return f"{entry.step}:{_RESUME}"
    return f"{entry.step}:" + ",".join(f"{CODES[name]}:{_text(value)}" for name, value in entry.changes.items())


def _differences(config: Any, default: Any, prefix: str = "") -> list[tuple[str, str]]:
    """The fields in which a config differs from a default one; another kind is named, and compared with its own defaults."""
    pairs = []
    for f in dataclasses.fields(config):
        value, usual = getattr(config, f.name), getattr(default, f.name)
        if dataclasses.is_dataclass(value):
            if type(value) is not type(usual):
                pairs.append((f"{f.name}.kind", value.kind))
                usual = type(value)()
            pairs += _differences(value, usual, f"{f.name}.")
        elif value != usual:
            pairs.append((prefix + f.name, _text(value)))
    return pairs


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "_".join(_text(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else repr(value) if isinstance(value, float) else str(value)


@lru_cache(maxsize=16)
def _hints(cls: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _hint(group: str, name: str, kind: str | None) -> Any:
    """The annotation of a field; raises KeyError where there is no such field."""
    hints = _hints(RunConfig)
    if group:
        member = hints[group]
        variants = [v for v in (typing.get_args(member) or (member,)) if dataclasses.is_dataclass(v)]
        if not variants:
            raise KeyError(group)
        variant = next((v for v in variants if v.__dataclass_fields__["kind"].default == kind), variants[0])
        hints = _hints(variant)
    return hints[name]


def _parsed(text: str, hint: Any) -> Any:
    """Text as the type that the annotation asks for; raises ValueError where it cannot be."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        return None if text == "none" else _parsed(text, next(a for a in arguments if a is not type(None)))
    if origin is Literal:
        return text
    if origin is tuple:
        return [_parsed(item, arguments[0]) for item in text.split("_")] if text else []
    if hint is bool:
        return {"yes": True, "no": False}[text]
    if hint is int:
        return int(text)
    if hint is float:
        return float(text)
    if hint is str:
        return text
    raise ValueError


assert CODES.keys() == CHANGEABLE, "every changeable field needs a code"
