"""Commands to copy: a name or a path as a shell takes it back as one word, whatever it holds."""

from __future__ import annotations

import os
import shlex
from pathlib import Path


def quoted(word: str, *, windows: bool = os.name == "nt") -> str:
    """A word for the command line of this system.

    On Windows cmd and PowerShell differ. Double quotes serve both unless the word holds what one of them still reads within such quotes;
    then it stands in PowerShell's single quotes.

    >>> quoted("two words", windows=False), quoted("it's", windows=False)
    ("'two words'", '\\'it\\'"\\'"\\'s\\'')
    >>> quoted("plain", windows=True), quoted("two words", windows=True), quoted("$100", windows=True)
    ('plain', '"two words"', "'$100'")
    """
    if not windows:
        return shlex.quote(word)
    if word and all(letter.isalnum() or letter in "_-./\\:+=" for letter in word):
        return word
    if any(letter in '$`%"\n‘’‚‛“”„' for letter in word):
        return "'" + "".join(2 * letter if letter in "'‘’‚‛" else letter for letter in word) + "'"
    return f'"{word}{_backslashes_at_end(word)}"'  # a backslash before the closing quote would take its meaning


def quoted_path(path: str | Path, *, windows: bool = os.name == "nt") -> str:
    """A path for the command line: one that begins with a dash would be read as an option.

    >>> quoted_path("-x", windows=False), quoted_path("/my runs", windows=False)
    ('./-x', "'/my runs'")
    """
    text = str(path)
    return quoted(f".{os.sep}{text}" if text.startswith("-") else text, windows=windows)


def with_secret(variable: str, command: str, *, windows: bool = os.name == "nt") -> str:
    """A command that reads a secret from an environment variable, with the place to put it; for cmd, which has no form in one line, in words.

    >>> with_secret("PGPASSWORD", "maml sweeps list", windows=False)
    "PGPASSWORD='...' maml sweeps list"
    >>> with_secret("PGPASSWORD", "maml sweeps list", windows=True)
    "$env:PGPASSWORD='...'; maml sweeps list (in PowerShell; in cmd, set PGPASSWORD=... comes first, on a line of its own)"
    """
    if not windows:
        return f"{variable}='...' {command}"
    return f"$env:{variable}='...'; {command} (in PowerShell; in cmd, set {variable}=... comes first, on a line of its own)"


def _backslashes_at_end(word: str) -> str:
    return word[len(word.rstrip("\\")) :]
