"""A file is read from top to bottom, and a class at one go: what grows beyond that is cut by what it is about."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MAX_LINES, MAX_TEST_LINES, MAX_CLASS_LINES = 500, 800, 250

SOURCES = sorted(
    path
    for package in ("maml_core", "dashboard")
    for path in (ROOT / package).rglob("*")
    if path.suffix in (".py", ".js", ".css")
)
TESTS = sorted(path for path in (ROOT / "tests").rglob("*") if path.suffix in (".py", ".js"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _num_lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def long_classes(source: str) -> Iterator[str]:
    """The classes of a file that are longer than one reads at one go."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and (node.end_lineno or 0) - node.lineno >= MAX_CLASS_LINES:
            yield node.name


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_a_source_file_is_short(path: Path) -> None:
    assert _num_lines(path) <= MAX_LINES
    if path.suffix == ".py":
        assert list(long_classes(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", TESTS, ids=_name)
def test_a_test_file_is_short(path: Path) -> None:
    assert _num_lines(path) <= MAX_TEST_LINES


def test_a_long_class_is_found() -> None:
    body = "\n".join(f"    a{number} = 0" for number in range(MAX_CLASS_LINES - 1))
    assert list(long_classes(f"class Short:\n{body}\n")) == []
    assert list(long_classes(f"class Long:\n{body}\n    more = 0\n")) == ["Long"]
