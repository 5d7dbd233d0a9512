"""Tests marked `thorough` repeat at length what others show in short: more presets and algorithms trained to their end, more sizes of the window, more
ways to lose a server. A run of whole folders takes a share of them, another one for each commit; `--thorough all`, or the name of a file, takes all.
"""

from __future__ import annotations

import subprocess
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest

NUM_SHARES = 20
"""Commits after which each of them has been run about once."""


def share_of(commit: str) -> int:
    """Which share a commit takes, from 0 to `NUM_SHARES` - 1.

    >>> share_of("79607af0"), share_of("")
    (4, 0)

    Args:
        commit: Its hash in hexadecimal digits; empty where there is none.
    """
    return int(commit[:8] or "0", 16) % NUM_SHARES


def share_of_test(file: str, case: str) -> int:
    """In which share a test is. Those of one file with the same parameters, which may use the same training, are in the same one."""
    return zlib.crc32(f"{Path(file).name} {case}".encode()) % NUM_SHARES


def takes_all(arguments: Sequence[str]) -> bool:
    """Whether somebody has asked for a file or a test by its name."""
    return any(Path(argument.partition("::")[0]).suffix == ".py" for argument in arguments)


def commit_of(repository: Path) -> str:
    """The hash of the commit that a repository stands at; empty where it is none."""
    said = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=repository, capture_output=True, text=True, check=False
    ).stdout
    return said.strip()


def left_out(items: Sequence[pytest.Item], share: int) -> list[pytest.Item]:
    """Those of the thorough tests that are in another share."""
    thorough = [item for item in items if item.get_closest_marker("thorough")]
    return [item for item in thorough if share_of_test(item.path.name, _case(item)) != share]


def _case(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    return callspec.id if callspec is not None else item.name
