"""The layers of the house: the contracts of pyproject.toml, and what a web process really loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_no_file_imports_from_a_level_above() -> None:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    "modules",
    [
        ("setups.address", "theme", "charts.all", "charts.sweep_map", "charts.sweep_pins"),
        ("server.hub", "live.frames", "server.routes", "server.start"),
    ],
    ids=str,
)
def test_the_dashboard_loads_without_torch(modules: tuple[str, ...]) -> None:
    imports = ", ".join(f"dashboard.{module}" for module in modules)
    code = f"import sys, {imports}\nassert 'torch' not in sys.modules, 'torch was loaded'"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
