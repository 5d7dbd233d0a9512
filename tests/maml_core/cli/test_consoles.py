"""Consoles that are not UTF-8: every command prints what the code page holds, a replacement for the rest, and ends as it does elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PRETRAINED = Path(__file__).parents[3] / "assets" / "pretrained" / "glyphs"
TINY = ["--hidden-widths", "6", "--meta-batch-size", "2", "--evaluation-tasks", "2", "--evaluation-steps", "1"]
COMMANDS = [
    *(["--help"], ["--version"]),
    *([name, "--help"] for name in ("dashboard", "train", "evaluate", "sweep", "reproduce", "bench")),
    *([name, "--help"] for name in ("runs", "data", "sweeps")),
    ["train", *TINY, "--steps", "2", "--name", "run"],
    ["train", *TINY, "--steps", "2", "--out", "θ₀/ünïcode"],
    ["evaluate", "θ₀/ünïcode", "--tasks", "2", "--eval-steps", "1"],
    ["evaluate", str(PRETRAINED), "--tasks", "2", "--eval-steps", "1"],
    ["runs", "list"],
    ["runs", "show", "θ₀/ünïcode"],
    ["sweep", "--axis", "alpha=0.01,0.1", *TINY, "--steps", "2", "--workers", "1", "--name", "map"],
    ["sweeps", "list"],
    ["sweeps", "show", "map"],
    ["data"],
]
BAD = [["train", "--alpha", "θ"], ["evaluate", "θ"], ["runs", "show", "名前"], ["data", "folder", "ü"]]

RUN = """
import sys
from maml_core.cli import main
if __name__ == "__main__":
    for arguments in {commands!r} + {bad!r}:
        sys.argv = ["maml", *arguments]
        try:
            main()
            code = 0
        except SystemExit as error:
            code = error.code or 0
        assert code == (2 if arguments in {bad!r} else 0), (arguments, code)
"""


@pytest.mark.parametrize(
    "encoding", [*(pytest.param(name, marks=pytest.mark.thorough) for name in ("ascii", "cp437")), "cp1252"]
)
def test_every_command_prints_on_a_console_of_another_code_page(encoding: str, tmp_path: Path) -> None:
    kept = {name: str(tmp_path / name) for name in ("MAML_RUNS", "MAML_SWEEPS", "MAML_DATA")}
    environment = {**os.environ, **kept, "PYTHONIOENCODING": encoding, "COLUMNS": "120"}
    program = tmp_path / "program.py"
    program.write_text(RUN.format(commands=COMMANDS, bad=BAD), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(program)], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    # Click takes ASCII for a terminal that does not say what it can, and writes UTF-8.
    said = (done.stdout + done.stderr).decode("utf-8" if encoding == "ascii" else encoding, errors="replace")
    assert done.returncode == 0, said
    assert "Traceback" not in said
    assert "maml" in said
