"""The page's scripts: no circle of files that load one another, as the import contracts hold for Python."""

from __future__ import annotations

import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parents[2] / "dashboard" / "web"

LOADED = re.compile(r'^(?:import|export)\b[^;"]*?"(\.[^"]+)"', re.MULTILINE)
"""What a script loads; types that a comment names are not loaded."""


def loaded(script: Path) -> set[Path]:
    """The files that a script loads, each of which is there."""
    return {(script.parent / name).resolve(strict=True) for name in LOADED.findall(script.read_text(encoding="utf-8"))}


def test_no_circle_of_files_loads_itself() -> None:
    files = {script: loaded(script) for script in WEB.rglob("*.js")}
    assert sum(len(others) for others in files.values()) > len(files)
    TopologicalSorter(files).prepare()


def test_a_circle_is_found(tmp_path: Path) -> None:
    one, other = tmp_path / "one.js", tmp_path / "other.js"
    one.write_text('import {\n  a,\n} from "./other.js";\n', encoding="utf-8")
    other.write_text('/** @import { b } from "./one.js" */\nexport { b } from "./one.js";\n', encoding="utf-8")
    assert loaded(other) == {one}
    with pytest.raises(CycleError):
        TopologicalSorter({script: loaded(script) for script in (one, other)}).prepare()
