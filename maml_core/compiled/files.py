"""The folder of compiled steps: machine code that this user's own processes have made, and nobody else's. Nothing here imports torch."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from maml_core.files import remove_leftovers, write_file

OFF = "off"
"""What the environment variable MAML_COMPILED says where every step is to be computed eagerly."""

MAX_BYTES = 2**28
"""Size of the whole folder. What was used last is kept."""

LIBRARY, DIGESTS = ".so", ".sha256"
STEP, INNER, QUERY, FEW = "step", "inner", "query", "few"
"""Parts of a compiled form: the outer step; an inner step and what the query points say, of evaluations; an inner step of a few tasks, of what is
drawn. See `step` and `held_out`."""

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
    return place is not None and (place / f"{key}{DIGESTS}").is_file()


def checked(key: str) -> dict[str, Path] | None:
    """The libraries of a compiled step by their parts, as they were written; None where there are none. What is damaged is thrown away."""
    place = folder()
    if place is None or not is_own(place) or not has(key):
        return None
    path, found = place / f"{key}{DIGESTS}", {}
    try:
        with contextlib.suppress(OSError):  # where nothing can be written, nothing has to be thrown away either
            os.utime(path)  # the one that was not used for longest goes first
        for line in path.read_text(encoding="ascii").splitlines():
            wanted, part = line.split()
            found[part] = place / f"{key}.{part}{LIBRARY}"
            if hashlib.sha256(found[part].read_bytes()).hexdigest() != wanted:
                raise ValueError(f"{found[part]} is damaged")
    except (OSError, ValueError):
        drop(key)
        return None
    return found


def keep(key: str, libraries: Mapping[str, bytes]) -> None:
    """Put a compiled step into the folder, and take those out that there is no room for.

    Args:
        key: Its name.
        libraries: By the parts that they compute.

    Raises:
        OSError: It cannot be written, or others can write into the folder.
    """
    place = folder()
    if place is None:
        raise OSError("compiled steps are switched off: MAML_COMPILED is off")
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not is_own(place):
        raise OSError(f"others can write into {place}, and what lies there is run: say chmod 700 {place}")
    for part, library in libraries.items():
        write_file(place / f"{key}.{part}{LIBRARY}", library)
    digests = "".join(f"{hashlib.sha256(library).hexdigest()} {part}\n" for part, library in libraries.items())
    write_file(place / f"{key}{DIGESTS}", digests.encode())  # last: it says that all are there
    remove_leftovers(place, "*.part")
    prune(MAX_BYTES)


def drop(key: str) -> None:
    """Throw a compiled step away."""
    place = folder()
    if place is not None:
        for path in (place / f"{key}{DIGESTS}", *place.glob(f"{key}*{LIBRARY}")):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def prune(max_bytes: int) -> int:
    """Throw compiled steps away, those first that were not used for longest, until the rest take no more than so many bytes.

    Returns:
        How many.
    """
    found = _steps()
    total, dropped = sum(size for _, size, _ in found), 0
    for _, size, key in found:
        if total <= max_bytes:
            break
        drop(key)
        total, dropped = total - size, dropped + 1
    return dropped


def kept() -> Kept:
    """How much is kept."""
    found = _steps()
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


def _steps() -> list[tuple[float, int, str]]:
    """When each was last used, the bytes of its libraries and its key; the oldest first."""
    place = folder()
    found: dict[str, tuple[float, int]] = {}
    if place is not None and place.is_dir():
        for path in place.glob(f"*{LIBRARY}"):
            key = path.name.partition(".")[0]
            with contextlib.suppress(OSError):
                size = path.stat().st_size
                digests = place / f"{key}{DIGESTS}"
                used = (digests if digests.is_file() else path).stat().st_mtime
                found[key] = used, found.get(key, (used, 0))[1] + size
    return sorted((used, size, key) for key, (used, size) in found.items())
