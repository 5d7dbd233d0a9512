"""What the README shows in Python runs as it is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
MAP = README.partition("## The map of the house")[2].partition("\n\n**")[0]


@pytest.mark.parametrize("number", range(5))
def test_an_example_runs(number: int) -> None:
    exec(compile(EXAMPLES[number], "README.md", "exec", dont_inherit=True), {"__name__": "readme"})


def test_there_are_no_more_examples() -> None:
    assert len(EXAMPLES) == 5


def test_the_files_of_the_map_are_there() -> None:
    named = re.findall(r"`([\w/.]+\.(?:py|js))`", MAP)
    assert len(named) > 40
    there = {str(path.relative_to(ROOT)) for top in ("dashboard", "maml_core") for path in (ROOT / top).rglob("*")}
    assert [name for name in named if not any(f"/{path}".endswith(f"/{name}") for path in there)] == []
