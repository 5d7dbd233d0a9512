"""What the READMEs show in Python runs as it is written; commands, files of settings, paths and links that they name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from maml_core.cli import app

ROOT = Path(__file__).parents[1]
PLACES = (
    *("", "dashboard", "maml_core", "maml_core/reproduce", "maml_core/sweeps"),
    *("tests", "tests/benchmarks", "assets/learning", "assets/pretrained"),
)
READMES = {place or "top": ROOT / place / "README.md" for place in PLACES}
PAPERS = {**READMES, "contributing": ROOT / ".github/CONTRIBUTING.md", "changelog": ROOT / ".github/CHANGELOG.md"}
TEXTS = {name: path.read_text(encoding="utf-8") for name, path in PAPERS.items()}


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def examples() -> list[tuple[str, str]]:
    """All Python of the READMEs but the recipes that `tests/contracts/test_recipe.py` and `test_chart_recipe.py` follow."""
    found = []
    for name, text in TEXTS.items():
        text = text.partition("**A new chart**")[0]
        before, _, rest = text.partition("**A new family of curves**")
        after = rest[rest.index("**New images:**") :] if rest else ""
        found += [(name, code) for code in blocks(before + after, "python")]
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), [pytest.param(*one, id=f"{one[0]}-{i}") for i, one in enumerate(examples())])
def test_an_example_runs(name: str, code: str) -> None:
    exec(compile(code, f"{name}/README.md", "exec", dont_inherit=True), {"__name__": "readme"})


def test_the_examples_are_found() -> None:
    assert len(examples()) == 10
    assert {name for name, _ in examples()} == {"top", "maml_core", "maml_core/sweeps", "assets/pretrained"}


def test_every_readme_is_known() -> None:
    hidden = (".venv", "node_modules", ".git", ".pytest_cache", ".hypothesis")
    found = {path for path in ROOT.rglob("README.md") if not any(part in hidden for part in path.parts)}
    assert found == set(READMES.values())


def test_the_start_is_two_commands_of_one_line_and_the_second_is_what_the_checks_run() -> None:
    dashboard, tests = (
        text.removesuffix("\n") for text in blocks(TEXTS["top"].partition("## Start")[2].partition("\n## ")[0], "")
    )
    assert "\n" not in dashboard + tests
    assert dashboard.endswith("&& streamlit run dashboard/app.py")
    # Through `bash -c`, whose status is that of the whole line: `set -e` overlooks a failure before the last `&&`.
    assert f"\nbash -c '{tests}'\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_first_page_is_short() -> None:
    assert len(TEXTS["top"].encode()) <= 12_000


@pytest.mark.parametrize(("number", "command"), [(0, "train"), (1, "sweep")])
def test_a_file_of_settings_is_one(number: int, command: str, tmp_path: Path) -> None:
    files = blocks(TEXTS["maml_core"], "toml")
    assert len(files) == 2
    path = tmp_path / "file.toml"
    path.write_text(files[number])
    result = CliRunner().invoke(app, [command, "--config", str(path), "--dry-run"])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(("name", "least"), [("maml_core", 40), ("dashboard", 25)])
def test_the_files_of_the_map_are_there(name: str, least: int) -> None:
    named = re.findall(r"`([\w/.]+\.(?:py|js))`", TEXTS[name].partition("## The map of")[2].partition("\n\n**")[0])
    assert len(named) > least
    there = {str(path.relative_to(ROOT)) for top in ("dashboard", "maml_core") for path in (ROOT / top).rglob("*")}
    assert [file for file in named if not any(f"/{path}".endswith(f"/{file}") for path in there)] == []


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", TEXTS[name]):
        if link.startswith(("http://", "https://")):
            continue
        file, _, heading = link.partition("#")
        path = (PAPERS[name].parent / file).resolve() if file else PAPERS[name]
        path = path / "README.md" if path.is_dir() else path
        assert path.exists(), link
        if heading:
            titles = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert heading in [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles], link
