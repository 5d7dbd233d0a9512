"""What people expect of any command: a version, `python -m`, completion."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from maml_core.cli import app
from tests.maml_core.commands import SOON_S


def asked(*arguments: str, code: int = 0, **environment: str) -> str:
    """What `python -m maml_core` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "maml_core", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=SOON_S,
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_it_says_its_version_without_loading_torch() -> None:
    version = importlib.metadata.version("maml-live")
    torch = importlib.metadata.version("torch")
    python = ".".join(map(str, sys.version_info[:3]))
    assert asked("--version") == f"maml-live {version} (Python {python}, torch {torch})\n"
    code = "import sys; sys.argv = ['maml', '--version']\ntry:\n  from maml_core.cli import main; main()\nexcept SystemExit: pass\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("maml tr", "train"),
        ("maml train --alp", "--alpha"),
        ("maml train --algorithm meta", "meta_sgd"),
        ("maml train --algorithm fo", "fomaml"),
        ("maml train --preset Fast", "Fast demo"),
        ("maml train --tasks glyp", "glyphs"),
        ("maml evaluate de", "demo"),
        ("maml train --resume de", "demo"),
        ("maml runs show de", "demo"),
        ("maml runs rename de", "demo"),
        ("maml sweeps show al", "alpha-beta-1"),
        ("maml sweep --resume al", "alpha-beta-1"),
    ],
)
def test_a_shell_completes(typed: str, found: str, tmp_path: Path) -> None:
    for folder, file in (("runs/demo", "run.json"), ("sweeps/alpha-beta-1", "study.log")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / file).touch()
    asked_for = {
        "_MAML_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
        "MAML_RUNS": str(tmp_path / "runs"),
        "MAML_SWEEPS": str(tmp_path / "sweeps"),
    }
    said = CliRunner().invoke(app, env=asked_for, prog_name="maml").stdout
    assert found in said.splitlines()


def test_the_command_itself_completes() -> None:
    assert asked(_MAML_COMPLETE="complete_bash", COMP_WORDS="maml tr", COMP_CWORD="1") == "train\n"
