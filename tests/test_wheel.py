"""What `python -m build` makes: all that lies beside the code is in it, and in a new environment the command, the page and the README's example work from it in
any folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.browser.server import free_port
from tests.environments import new_environment
from tests.maml_core.cli.test_dashboard import page, wait_for_page
from tests.maml_core.commands import Command
from tests.test_readmes import TEXTS, blocks

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PARTS = ("maml_core", "dashboard", "assets/pretrained")
CACHES = shutil.ignore_patterns("__pycache__", ".*_cache")
OF_CLONES = ("README.md", "requirements.txt")
"""What only clones of the repository have beside the code."""

ASK = """
import maml_core, dashboard
from dashboard.setups.pretrained import pretrained
from maml_core import load_run
print(maml_core.__version__, maml_core.__file__, dashboard.__file__)
for one in pretrained().values():
    print(one.name, load_run(one.folder).step)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of a copy of this checkout, so that no build lies about in it; made of the source distribution, as `build` does."""
    folder = tmp_path_factory.mktemp("wheel")
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / "source" / part, ignore=CACHES)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, folder / "source" / file)
    done(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(folder / "source"))
    [made] = folder.glob("*.whl")
    assert [path.name for path in folder.glob("*.tar.gz")] == [made.name.partition("-py3")[0] + ".tar.gz"]
    return made


@pytest.fixture(scope="module")
def python(wheel: Path) -> Path:
    """The interpreter of a new environment that the wheel is installed in."""
    python = new_environment(wheel.parent / "environment")
    pip(python, "install", str(wheel), "--no-index", "--no-deps")
    return python


def pip(python: Path, *arguments: str) -> str:
    return done(
        sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "--quiet", *arguments
    )


def done(*command: str, folder: Path | None = None) -> str:
    """Run a command in a folder that keeps all that it keeps; gives what it prints."""
    kept = {} if folder is None else {"MAML_RUNS": str(folder / "runs")}
    result = subprocess.run(
        command, cwd=folder, env={**os.environ, **kept}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_all_that_lies_beside_the_code_is_in_it(wheel: Path) -> None:
    there = {
        str(path.relative_to(ROOT))
        for part in PARTS
        for path in (ROOT / part).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name not in OF_CLONES
    }
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert inside == there


def test_the_runs_that_come_along_are_there(python: Path, tmp_path: Path) -> None:
    where, *runs = done(str(python), "-c", ASK, folder=tmp_path).splitlines()
    packages = next((python.parents[1] / "lib").glob("python3*")) / "site-packages"
    files = [str(packages / name / "__init__.py") for name in ("maml_core", "dashboard")]
    assert where.split()[1:] == files
    assert runs == ["Sinusoids, pretrained θ₀ 10000", "Glyphs, pretrained θ₀ 8000"]


def test_the_command_trains_and_the_readmes_example_runs(python: Path, tmp_path: Path) -> None:
    maml = str(python.parent / "maml")
    done(maml, "train", "--steps", "1", "--name", "one", "--evaluation-tasks", "2", folder=tmp_path)
    assert (tmp_path / "runs" / "one" / "run.json").is_file()
    [example] = blocks(TEXTS["top"], "python")
    short = (
        example.replace("num_steps=1000", "num_steps=20")
        .replace("step=500", "step=10")
        .replace("num_tasks=1000", "num_tasks=20")
    )
    printed = done(str(python), "-c", f"{short}\nprint(len(summary.mean))", folder=tmp_path)
    assert printed.splitlines()[-1] == "11"


def test_the_page_starts(python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAML_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    port = free_port()
    with Command("dashboard", "--port", str(port), "--no-browser", python=python) as command:
        wait_for_page(port, command)
        folder = str(python.parents[1])
        assert any(folder in line and "app.py" in line for line in command.processes().values())
        script = ROOT / "dashboard" / "web" / "live" / "charts.js"
        assert page(port, path="maml/web/live/charts.js") == script.read_bytes()


@pytest.mark.thorough
def test_it_is_uninstalled_whole(wheel: Path, tmp_path: Path) -> None:
    python = new_environment(tmp_path / "environment")
    before = {*tmp_path.rglob("*")}
    pip(python, "install", str(wheel), "--no-index", "--no-deps")
    assert {*tmp_path.rglob("*")} > before
    pip(python, "uninstall", "--yes", "maml-live")
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == {path for path in before if path.is_file()}
