"""The top level has the agreed names and dot-files, nothing else: what is tried out on the way stays out of the project."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

NAMES = {"LICENSE", "README.md", "assets", "dashboard", "maml_core", "pyproject.toml", "tests"}


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="what belongs to the project only git knows")
def test_nothing_but_the_agreed_names_and_dot_files_is_kept() -> None:
    kept = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    assert {name.partition("/")[0] for name in kept if name and not name.startswith(".")} == NAMES
    assert [name for name in kept if name.endswith((".orig", ".rej"))] == []  # what tools leave of a merge
