"""The list of dependencies names what is pinned and what is shipped, each with a licence and a hash."""

from __future__ import annotations

import base64
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = (ROOT / ".github" / "DEPENDENCIES.md").read_text(encoding="utf-8")
AGAIN = "run .ci/dependencies, and commit what it writes"


def rows(section: str) -> dict[str, tuple[str, str, str]]:
    """Version, licence and hash of each package of a section."""
    text = LIST.partition(f"## {section}\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| (\S+) \| (\S+) \| (.+) \| `(\S+)` \|$", text, re.MULTILINE)
    return {
        name if section == "JavaScript" else same(name): (version, licence, digest)
        for name, version, licence, digest in lines
    }


def same(name: str) -> str:
    """A package's name in the one spelling that pip compares."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_what_is_pinned_is_listed_and_nothing_else() -> None:
    constraints = (ROOT / ".ci" / "constraints.txt").read_text(encoding="utf-8")
    pinned = {same(name): version for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", constraints, re.MULTILINE)}
    found = rows("Python")
    assert len(pinned) > 50
    assert {name: version for name, (version, _, _) in found.items()} == pinned, AGAIN
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for _, _, digest in found.values())
    assert len({digest for _, _, digest in found.values()}) == len(found)


def test_each_package_declares_a_licence() -> None:
    assert [name for name, (_, licence, _) in rows("Python").items() if licence == "not declared"] == []


def test_what_the_pages_bundle_holds_is_listed() -> None:
    shipped = (ROOT / "dashboard" / "web" / "plotly" / "LICENSES.txt").read_text(encoding="utf-8")
    lines = [line for part in shipped.split(f"\n{'-' * 80}\n") for line in part.strip().splitlines()[:3]]
    parts = [line for line in lines if re.fullmatch(r"\S+ \d+\.\d+\.\d+ \(.+\)", line)]
    found = rows("JavaScript")
    assert [f"{name} {version} ({licence})" for name, (version, licence, _) in found.items()] == parts, AGAIN
    assert len(parts) > 10
    assert all(len(base64.b64decode(digest)) == 64 for _, _, digest in found.values())
