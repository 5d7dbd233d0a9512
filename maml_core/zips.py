"""What is wrong with a ZIP archive of somebody else's, as one error: Python's own reader lets those of its parts through."""

from __future__ import annotations

import contextlib
import errno
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from os import PathLike
from typing import IO

_OF_DAMAGE = (zlib.error, lzma.LZMAError, struct.error, EOFError, OverflowError, RuntimeError, ValueError)
"""What a spoiled archive raises, beside `zipfile.BadZipFile`: ValueError is of a name that is not UTF-8, or of a place before its beginning, RuntimeError of a
locked one, or of a way of packing that is not known.
"""


@contextlib.contextmanager
def damage_told() -> Iterator[None]:
    """Around whatever reads an archive, and nothing else.

    Raises:
        zipfile.BadZipFile: It is no ZIP archive, or a damaged or locked one, or packed in a way that is not known.
        OSError: The system refuses to read it.
    """
    try:
        yield
    except _OF_DAMAGE as error:
        raise zipfile.BadZipFile(str(error) or "it ends too early") from error
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # bzip2's, and of a place far behind its end
            raise
        raise zipfile.BadZipFile(error.strerror or str(error)) from error


def open_zip(source: str | PathLike[str] | IO[bytes]) -> zipfile.ZipFile:
    """An archive, open to be read; errors are those of `damage_told`."""
    with damage_told():
        return zipfile.ZipFile(source)
