"""A docstring is a phrase of its own: whoever reads it alone, in an editor or in `help`, knows what it speaks of."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

BEGINS_ANYWHERE = re.compile(r'^\s*r?"""Of\s', re.MULTILINE)
"""A phrase that only the name above it makes whole."""


def begins_anywhere(source: str) -> bool:
    return BEGINS_ANYWHERE.search(source) is not None


def test_none_begins_in_the_middle() -> None:
    files = [path for package in ("maml_core", "dashboard", "tests") for path in (ROOT / package).rglob("*.py")]
    assert [
        path.relative_to(ROOT).as_posix() for path in files if begins_anywhere(path.read_text(encoding="utf-8"))
    ] == []


def test_one_that_does_is_found() -> None:
    assert begins_anywhere('LANES = 8\n"""' + "Of" + ' a batch."""\n')
    assert not begins_anywhere('LANES = 8\n"""Lanes of a batch."""\n')
