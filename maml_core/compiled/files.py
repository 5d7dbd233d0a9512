"""The folder of compiled steps: machine code that this user's own processes have made, and nobody else's. Nothing here imports torch."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
from pathlib import Path
from typing import NamedTuple

from maml_core.files import write_file

OFF = "off"
"""What the environment variable MAML_COMPILED says where every step is to be computed eagerly."""

MAX_BYTES = 2**28
"""Size of the whole folder. What was used last is kept."""

LIBRARY, DIGEST = ".so", ".sha256"
_FAILURE = "failed.txt"


EAGER_MODELS = frozenset({"conv"})
"""Networks whose steps stay eager: the convolution of `models.conv_forms` is made for PyTorch's own kernels, and compiled as it stands the step
of eight glyph tasks takes 93 ms where eager takes 37, after 106 s of compiling."""


_COMPILERS = {"darwin": "clang++", "win32": "cl"}
"""By system; others have g++."""


def compiler() -> str:
    """The C++ compiler that PyTorch takes: the one that the environment variable CXX names, otherwise that of the system."""
    return os.environ.get("CXX") or _COMPILERS.get(sys.platform, "g++")


class Kept(NamedTuple):
    """What is kept of compiled steps."""

    num_steps: int
    num_bytes: int


def folder() -> Path | None:
    """Where compiled steps are kept: the folder that the environment variable MAML_COMPILED names, otherwise ``~/.maml-live/compiled``;
    None where it is ``off``.
    """
    chosen = os.environ.get("MAML_COMPILED")
    if chosen == OFF:
        return None
    return Path(chosen).expanduser() if chosen else Path.home() / ".maml-live" / "compiled"


def is_own(place: Path) -> bool:
    """Whether nobody but this user can have put files into a folder: what lies elsewhere is never loaded, since it is run."""
    try:
        found = place.lstat()
    except OSError:
        return False
    is_mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    is_closed = os.name == "nt" or not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(found.st_mode) and is_mine and is_closed


def has(key: str) -> bool:
    """Whether there is a compiled step of this name."""
    place = folder()
    return place is not None and (place / f"{key}{LIBRARY}").is_file()


def checked(key: str) -> Path | None:
    """The file of a compiled step, as it was written; None where there is none. One that is damaged is thrown away."""
    place = folder()
    if place is None or not is_own(place):
        return None
    path = place / f"{key}{LIBRARY}"
    try:
        data, wanted = path.read_bytes(), path.with_suffix(DIGEST).read_text(encoding="ascii").strip()
        with contextlib.suppress(OSError):  # where nothing can be written, nothing has to be thrown away either
            os.utime(path)  # the one that was not used for longest goes first
    except (OSError, UnicodeDecodeError):
        if path.is_file():
            drop(key)
        return None
    if hashlib.sha256(data).hexdigest() != wanted:
        drop(key)
        return None
    return path


def keep(key: str, library: bytes) -> None:
    """Put a compiled step into the folder, and take those out that there is no room for.

    Raises:
        OSError: It cannot be written, or others can write into the folder.
    """
    place = folder()
    if place is None:
        raise OSError("compiled steps are switched off: MAML_COMPILED is off")
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not is_own(place):
        raise OSError(f"others can write into {place}, and what lies there is run: say chmod 700 {place}")
    path = place / f"{key}{LIBRARY}"
    write_file(path.with_suffix(DIGEST), hashlib.sha256(library).hexdigest().encode())
    write_file(path, library)
    prune(MAX_BYTES)


def drop(key: str) -> None:
    """Throw a compiled step away."""
    place = folder()
    if place is not None:
        for suffix in (LIBRARY, DIGEST):  # the digest last: without it the library counts as damaged
            with contextlib.suppress(OSError):
                (place / f"{key}{suffix}").unlink(missing_ok=True)


def prune(max_bytes: int) -> int:
    """Throw compiled steps away, those first that were not used for longest, until the rest take no more than so many bytes.

    Returns:
        How many.
    """
    found = _libraries()
    total, dropped = sum(size for _, size, _ in found), 0
    for _, size, key in found:
        if total <= max_bytes:
            break
        drop(key)
        total, dropped = total - size, dropped + 1
    return dropped


def kept() -> Kept:
    """How much is kept."""
    found = _libraries()
    return Kept(len(found), sum(size for _, size, _ in found))


def note_failure(sentence: str) -> None:
    """Remember why a step could not be compiled, for whoever asks what this machine can do."""
    place = folder()
    if place is not None:
        with contextlib.suppress(OSError):
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_file(place / _FAILURE, sentence.encode())


def last_failure() -> str:
    """Why a step could not be compiled the last time that one could not; empty where all could."""
    place = folder()
    if place is None:
        return ""
    try:
        return (place / _FAILURE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def forget_failure() -> None:
    """Forget why a step could not be compiled: one was since, or somebody asks for a new start."""
    place = folder()
    if place is not None:
        with contextlib.suppress(OSError):
            (place / _FAILURE).unlink(missing_ok=True)


def _libraries() -> list[tuple[float, int, str]]:
    """When each was last used, its bytes and its key; the oldest first."""
    place, found = folder(), []
    if place is not None and place.is_dir():
        for path in place.glob(f"*{LIBRARY}"):
            with contextlib.suppress(OSError):
                facts = path.stat()
                found.append((facts.st_mtime, facts.st_size, path.stem))
    return sorted(found)
