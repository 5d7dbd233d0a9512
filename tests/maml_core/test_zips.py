"""Archives of somebody else's, spoiled at each of their bytes."""

from __future__ import annotations

import errno
import io
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from maml_core.zips import damage_told, open_zip

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def whole(method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("é/α.txt", b"theta_0 " * 20)
        with archive.open(zipfile.ZipInfo("large"), "w", force_zip64=True) as member:
            member.write(b"theta_N")
    return buffer.getvalue()


def contents(source: Path | io.BytesIO) -> dict[str, bytes]:
    with open_zip(source) as archive, damage_told():
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("method", METHODS)
def test_each_byte_that_changes_is_damage_or_none(method: int) -> None:
    data, found = whole(method), Counter[str]()
    for at in range(len(data)):
        for bit in range(8):
            changed = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
            try:
                contents(io.BytesIO(changed))
            except zipfile.BadZipFile as error:
                found[type(error.__cause__).__name__ if str(error) else "nothing said"] += 1
    assert "nothing said" not in found
    assert found["NoneType"] > 100
    assert found["UnicodeDecodeError"] > 10  # what Python's reader lets through


def test_what_is_whole_is_read() -> None:
    for method in METHODS:
        assert contents(io.BytesIO(whole(method))) == {"é/α.txt": b"theta_0 " * 20, "large": b"theta_N"}


def test_what_the_system_refuses_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_zip(tmp_path / "nothing.zip")
    with pytest.raises(OSError, match="full"), damage_told():
        raise OSError(errno.ENOSPC, "the disk is full")


def test_a_place_far_behind_the_end_is_damage(tmp_path: Path) -> None:
    """The system says of it only that it is no valid argument."""
    for place in (2**63 - 1, 2**63):
        with open(tmp_path / "it", "w+b") as file, pytest.raises(zipfile.BadZipFile), damage_told():
            file.seek(place)
