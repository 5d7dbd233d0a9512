"""A file is read from top to bottom, and a class at one go: what grows beyond that is cut by what it is about."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

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


def test_source_files_are_short() -> None:
    assert [_name(path) for path in SOURCES if _num_lines(path) > MAX_LINES] == []


def test_test_files_are_short() -> None:
    assert [_name(path) for path in TESTS if _num_lines(path) > MAX_TEST_LINES] == []


def test_classes_are_short() -> None:
    sources = [path for path in SOURCES if path.suffix == ".py"]
    assert [name for path in sources for name in long_classes(path.read_text(encoding="utf-8"))] == []


def test_a_long_class_is_found() -> None:
    body = "\n".join(f"    a{number} = 0" for number in range(MAX_CLASS_LINES - 1))
    assert list(long_classes(f"class Short:\n{body}\n")) == []
    assert list(long_classes(f"class Long:\n{body}\n    more = 0\n")) == ["Long"]
