"""The public face of the package: which names there are, what they are, and what loading them costs."""

from __future__ import annotations

import ast
import dataclasses
import importlib.metadata
import pydoc
import subprocess
import sys
from pathlib import Path

import pytest

import maml_core
from maml_core.config import RunConfig
from maml_core.settings import hints_of, members_of

ROOT = Path(__file__).resolve().parents[2]


def run_fresh(code: str) -> None:
    """Run code in a fresh interpreter; an exception there fails the test."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_public_names_are_sorted() -> None:
    def key(name: str) -> tuple[bool, bool, str]:
        return not name.isupper(), not name[0].isupper(), name  # constants, classes, functions: as ruff sorts them

    assert list(maml_core.__all__) == sorted(set(maml_core.__all__), key=key)


@pytest.mark.parametrize("name", maml_core.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(maml_core, name) is not None


def test_no_public_name_is_a_module() -> None:
    """A function named like its file gives way to the module once that is loaded, whoever loads it."""
    run_fresh(
        "import importlib, pkgutil, types, maml_core\n"
        "for module in pkgutil.iter_modules(maml_core.__path__): importlib.import_module(f'maml_core.{module.name}')\n"
        "hidden = [name for name in maml_core.__all__ if isinstance(getattr(maml_core, name), types.ModuleType)]\n"
        "assert not hidden, hidden"
    )


def test_type_checkers_see_the_same_names() -> None:
    source = ast.parse((ROOT / "maml_core" / "__init__.py").read_text())
    seen = {
        alias.name
        for node in ast.walk(source)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("maml_core.")
        for alias in node.names
    }
    assert seen == set(maml_core.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        maml_core.nothing  # noqa: B018


@pytest.mark.parametrize(
    "module",
    [
        "config",
        "presets",
        "records",
        "errors",
        "execution",
        "chunks",
        "exports.curves",
        "exports.script",
        "lessons.exporting",
        "lessons.judging",
        "lessons.reading",
        "store",
        "timeline",
        "datasets.folder",
        "datasets.omniglot",
    ],
)
def test_what_a_web_process_needs_loads_without_torch(module: str) -> None:
    run_fresh(f"import sys, maml_core, maml_core.{module}\nassert 'torch' not in sys.modules")


def test_public_names_of_the_light_modules_load_without_torch() -> None:
    run_fresh(
        "import sys\nfrom maml_core import ChunkPool, ChunkRequest, Entry, PRESETS, RunConfig, View\nassert 'torch' not in sys.modules"
    )


def test_tab_completion_and_help_see_every_public_name() -> None:
    run_fresh(
        "import sys, maml_core\n"
        "assert set(maml_core.__all__) | {'__version__'} <= set(dir(maml_core))\n"
        "assert 'torch' not in sys.modules"
    )
    assert "ModuleModel" in pydoc.render_doc(maml_core)


def test_the_version_is_that_of_the_installed_package() -> None:
    assert maml_core.__version__ == importlib.metadata.version("maml-live")


def test_every_config_of_a_run_is_public() -> None:
    kinds = {RunConfig, *members_of(hints_of(RunConfig)["tasks"]), *members_of(hints_of(RunConfig)["model"])}
    for kind in kinds:
        assert getattr(maml_core, kind.__name__) is kind


@pytest.mark.parametrize(
    "name", [name for name in maml_core.__all__ if name.endswith("Config") and name != "SweepConfig"]
)
def test_help_explains_every_field_of_a_config(name: str) -> None:
    config = getattr(maml_core, name)
    shown = " ".join(pydoc.render_doc(config, renderer=pydoc.plaintext).split())
    for f in dataclasses.fields(config):
        default = repr(f.default) if f.default is not dataclasses.MISSING else f"{f.default_factory.__name__}()"
        assert f"{f.name} (default {default}): " in shown
        if f.name != "kind":
            assert " ".join(f.metadata["help"].split()) in shown
