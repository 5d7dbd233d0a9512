"""Commands to copy are read back as they were meant, whatever a name or a path holds."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from maml_core.cli.console import name_for_cli
from maml_core.shells import quoted, quoted_path, with_secret
from maml_core.sweeps.places import deletion, to_type

WORDS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=700)
ODD = (
    "",
    "two words",
    "it's",
    '"',
    "$HOME `ls`",
    "a\nb",
    "50%",
    "-rf",
    "=1+1",
    "ü ∂",
    "a&b|c>d",
    "C:\\my runs\\",
    "*?[",
    "!x",
)


def read_on_windows(text: str) -> list[str]:
    """The words of a line as programs on Windows read it (the rules of CommandLineToArgvW), without cmd's own signs."""
    words: list[str] = []
    word, inside, begun, at = "", False, False, 0
    while at < len(text):
        slashes = len(text[at:]) - len(text[at:].lstrip("\\"))
        at += slashes
        if at < len(text) and text[at] == '"':
            word, begun = word + "\\" * (slashes // 2), True
            if slashes % 2:
                word += '"'
            else:
                inside = not inside
            at += 1
            continue
        word, begun = word + "\\" * slashes, begun or slashes > 0
        if at < len(text):
            if text[at] in " \t" and not inside:
                words, word, begun = [*words, word] if begun else words, "", False
            else:
                word, begun = word + text[at], True
            at += 1
    return [*words, word] if begun else words


@given(WORDS, WORDS)
def test_a_shell_reads_a_word_back(one: str, other: str) -> None:
    assert shlex.split(f"maml {quoted(one, windows=False)} {quoted(other, windows=False)}") == ["maml", one, other]


@pytest.mark.parametrize("word", ODD)
def test_a_real_shell_reads_a_word_back(word: str) -> None:
    done = subprocess.run(["sh", "-c", f"printf %s {quoted(word, windows=False)}"], capture_output=True, check=True)
    assert done.stdout.decode() == word


@settings(max_examples=300)
@given(WORDS)
@example("C:\\my runs\\")
@example("a\\\\")
def test_windows_reads_a_word_back(word: str) -> None:
    text = quoted(word, windows=True)
    if text.startswith("'"):  # PowerShell's, within which only such a quote means something
        inner = text[1:-1]
        for quote in "'‘’‚‛":
            inner = inner.replace(2 * quote, quote)
        assert inner == word
    else:
        assert read_on_windows(f"maml {text} next") == ["maml", word, "next"]
        assert not set("$`%") & set(text)


def test_a_path_is_no_option() -> None:
    assert shlex.split(quoted_path("-rf", windows=False)) == ["./-rf"]
    assert shlex.split(quoted_path("/a b", windows=False)) == ["/a b"]


def test_a_run_in_a_folder_is_not_taken_for_a_kept_one_or_for_an_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAML_RUNS", str(tmp_path / "runs"))
    assert name_for_cli(tmp_path / "runs" / "my run") == "'my run'"
    assert name_for_cli(tmp_path / "other" / "my run") == shlex.quote(str(tmp_path / "other" / "my run"))
    assert name_for_cli(Path("my-run")) == "./my-run"
    assert name_for_cli(Path("-run")) == "./-run"


def test_a_shell_reads_where_a_password_goes() -> None:
    line = to_type("maml sweep --resume", "my sweep", "postgresql://me:word@host/x", "--workers", "2")
    assert "word@" not in line
    assert line == "PGPASSWORD='...' maml sweep --resume 'my sweep' --storage postgresql://me@host/x --workers 2"
    shown = with_secret("PGPASSWORD", """sh -c 'printf %s "$PGPASSWORD"'""", windows=False)
    assert subprocess.run(["sh", "-c", shown], capture_output=True, check=True).stdout == b"..."
    on_windows = with_secret("PGPASSWORD", "maml sweeps list", windows=True)
    assert on_windows.startswith("$env:PGPASSWORD='...'; maml sweeps list (in PowerShell; in cmd, set PGPASSWORD=...")


def test_a_sweep_elsewhere_is_shown_and_deleted_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path / "sweeps"))
    assert deletion(tmp_path / "sweeps" / "my sweep") == "maml sweeps delete 'my sweep'"
    elsewhere = tmp_path / "it's there"
    words = ["maml", "sweeps", "delete", "my sweep", "--storage", str(elsewhere)]
    assert shlex.split(deletion(elsewhere / "my sweep")) == words
    assert shlex.split(to_type("maml sweeps show", "one", "-x")) == [
        *["maml", "sweeps", "show", "one", "--storage", "./-x"]
    ]


def test_only_one_module_knows_how_a_shell_reads() -> None:
    """Whatever else quotes words for a command line would do it for one system."""
    root = Path(__file__).parents[2]
    files = [path for package in ("maml_core", "dashboard") for path in (root / package).rglob("*.py")]
    assert [path.name for path in files if "shlex" in path.read_text(encoding="utf-8")] == ["shells.py"]
