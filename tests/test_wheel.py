"""What `pip wheel .` makes: all that lies beside the code is in it, and the command and the page work from it in any folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.maml_core.cli.test_dashboard import free_port, page, wait_for_page
from tests.maml_core.commands import Command

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PARTS = ("maml_core", "dashboard", "assets/pretrained")
CACHES = shutil.ignore_patterns("__pycache__", ".*_cache")

ASK = """
import maml_core, dashboard
from dashboard.setups.pretrained import pretrained
from maml_core import load_run
print(maml_core.__file__, dashboard.__file__)
for one in pretrained().values():
    print(one.name, load_run(one.folder).step)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of a copy of this checkout, so that no build lies about in it."""
    folder = tmp_path_factory.mktemp("wheel")
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / "source" / part, ignore=CACHES)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, folder / "source" / file)
    pip("wheel", str(folder / "source"), "--no-build-isolation", "--wheel-dir", str(folder))
    [made] = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """The folder that the wheel is installed in."""
    folder = wheel.parent / "installed"
    pip("install", str(wheel), "--no-index", "--target", str(folder))
    return folder


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", *arguments, "--no-deps", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def run(installed: Path, folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(installed), "MAML_RUNS": str(folder / "runs")}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_that_lies_beside_the_code_is_in_it(wheel: Path) -> None:
    there = {
        str(path.relative_to(ROOT))
        for part in PARTS
        for path in (ROOT / part).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != "README.md"
    }
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert inside == there


def test_the_runs_that_come_along_are_there(installed: Path, tmp_path: Path) -> None:
    where, *runs = run(installed, tmp_path, "-c", ASK).splitlines()
    assert where == f"{installed / 'maml_core' / '__init__.py'} {installed / 'dashboard' / '__init__.py'}"
    assert runs == ["Sinusoids, pretrained θ₀ 10000", "Glyphs, pretrained θ₀ 8000"]


def test_the_command_trains(installed: Path, tmp_path: Path) -> None:
    maml = str(installed / "bin" / "maml")
    run(installed, tmp_path, maml, "train", "--steps", "1", "--name", "one", "--evaluation-tasks", "2")
    assert (tmp_path / "runs" / "one" / "run.json").is_file()


def test_the_page_starts(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(installed))
    monkeypatch.setenv("MAML_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    port = free_port()
    with Command("dashboard", "--port", str(port), "--no-browser", from_nothing=True) as command:
        wait_for_page(port, command)
        assert any(str(installed / "dashboard" / "app.py") in line for line in command.processes().values())
        script = installed / "dashboard" / "web" / "live" / "charts.js"
        assert page(port, path="maml/web/live/charts.js") == script.read_bytes()
