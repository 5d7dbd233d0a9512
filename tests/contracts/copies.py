"""Copies of the project in which something is changed, and what the tests there say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


def copied(place: Path) -> Path:
    """A copy of all that can be imported, with what Python has compiled of it, and of what its tests read beside it."""
    for folder in ("maml_core", "dashboard", "tests"):
        shutil.copytree(ROOT / folder, place / folder)
    for file in ("README.md", "pyproject.toml"):
        shutil.copy(ROOT / file, place / file)
    return place


class Outcome(NamedTuple):
    """What a run of tests came to."""

    passed: tuple[str, ...]
    failed: tuple[str, ...]
    output: str


def pytest_in(place: Path, *arguments: str) -> Outcome:
    """Run tests of a copy, in a process that imports the copy."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "-rA", "-q", "--tb=short", *arguments],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    found = re.findall(r"^(PASSED|FAILED|ERROR) (\S+)", done.stdout, flags=re.MULTILINE)
    return Outcome(
        tuple(test for word, test in found if word == "PASSED"),
        tuple(test for word, test in found if word != "PASSED"),
        done.stdout + done.stderr,
    )
