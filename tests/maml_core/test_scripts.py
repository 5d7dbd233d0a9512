"""The script of every run that there can be, run as a program elsewhere: it prints the run's curve."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maml_core.config import FolderConfig, GlyphsConfig, RunConfig
from maml_core.exports.script import script
from maml_core.presets import PRESETS
from maml_core.records import Entry
from maml_core.runs import replay
from tests.maml_core.helpers import tiny
from tests.maml_core.members import (
    ALGORITHMS,
    FAMILIES,
    MODELS,
    algorithm_run,
    family_run,
    images_there,
)

pytestmark = pytest.mark.slow

STEPS = 3

# Each script as a program of its own would run it: in a process that has loaded nothing of it, in a folder where nothing lies.
RUNNER = """
import pathlib, runpy, sys
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.py")):
    print("file", path.stem)
    runpy.run_path(str(path), run_name="__main__")
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with images_there(tmp_path_factory.mktemp("images")) as folder:
        yield folder


def runs(pictures: Path) -> dict[str, RunConfig]:
    """A run of each preset, family, model and algorithm."""
    return {
        **{f"preset {preset.name}": preset.config for preset in PRESETS},
        **{f"family {kind}": family_run(kind, pictures) for kind in FAMILIES},
        **{f"algorithm {name}": algorithm_run(name) for name in ALGORITHMS},
    }


NAMES = tuple(runs(Path("/pictures")))


@pytest.fixture(scope="module")
def printed(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[float]]:
    """The query losses that each run's script prints."""
    scripts, elsewhere = tmp_path_factory.mktemp("scripts"), tmp_path_factory.mktemp("elsewhere")
    for at, config in enumerate(runs(pictures).values()):
        (scripts / f"{at:03}.py").write_bytes(script(config, (), STEPS).encode())
    done = run(["-c", RUNNER, str(scripts)], elsewhere)
    assert done.returncode == 0, done.stderr
    assert not list(elsewhere.iterdir())
    outputs = done.stdout.split("file ")[1:]
    return {name: losses(output.partition("\n")[2]) for name, output in zip(NAMES, outputs, strict=True)}


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


def losses(output: str) -> list[float]:
    rows = [line.split() for line in output.splitlines() if not line.startswith("#")]
    assert [int(step) for step, _ in rows] == list(range(len(rows)))
    return [float(loss) for _, loss in rows]


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_the_script_of_every_kind_of_run_prints_its_curve(
    name: str, printed: dict[str, list[float]], pictures: Path
) -> None:
    config = runs(pictures)[name]
    _, _, records = replay(config, [], num_steps=STEPS)
    assert len(records.query_loss) == STEPS
    rounding = 1e-9 if config.dtype == "float64" else 1e-4
    assert printed[name] == pytest.approx(list(records.query_loss), rel=rounding)


def test_every_model_is_the_model_of_a_script(pictures: Path) -> None:
    assert set(MODELS) == {config.model.kind for config in runs(pictures).values()}


def test_a_script_of_images_follows_the_changes_of_its_run(pictures: Path, tmp_path: Path) -> None:
    config = family_run("folder", pictures)
    timeline = (Entry(step=1, kind="change", changes={"alpha": 0.5, "num_query": 1}),)
    (tmp_path / "it.py").write_bytes(script(config, timeline, STEPS).encode())
    (tmp_path / "elsewhere").mkdir()
    done = run([str(tmp_path / "it.py")], tmp_path / "elsewhere")
    assert done.returncode == 0, done.stderr
    expected = list(replay(config, timeline, num_steps=STEPS)[2].query_loss)
    assert losses(done.stdout) == pytest.approx(expected, rel=1e-9)
    assert expected != list(replay(config, [], num_steps=STEPS)[2].query_loss)


def test_a_folder_that_was_named_from_here_is_found_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = tiny(tasks=FolderConfig(folder="birds"))
    assert config_of(script(config, (), 1)).tasks == FolderConfig(folder=str(tmp_path / "birds"))


def config_of(text: str) -> RunConfig:
    """The config that a script which calls maml_core makes, without running it."""
    imports, config, *_ = ast.parse(text).body[1:]
    assert isinstance(imports, ast.ImportFrom)
    found: dict[str, RunConfig] = {}
    exec(compile(ast.Module([imports, config], []), "script", "exec"), found)
    return found["config"]


FOLDERS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=80)


@given(FOLDERS)
def test_a_script_says_a_folder_of_any_characters(name: str) -> None:
    config = tiny(tasks=FolderConfig(folder="/" + name))
    text = script(config, (), 1)
    assert config_of(text) == config
    assert config_of(text.encode().decode()) == config


@given(st.floats(0.0, 1.0), st.integers(2, 20), st.integers(0, 2**31 - 1))
def test_a_script_says_every_number_exactly(alpha: float, ways: int, seed: int) -> None:
    config = replace(tiny(tasks=GlyphsConfig(ways=ways, difficulty=alpha)), alpha=alpha, weights_seed=seed)
    assert config_of(script(config, (), 1)) == config
