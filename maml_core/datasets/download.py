"""A published file, fetched over the network: checked before it takes its place."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

from maml_core.datasets.imageset import OnProgress
from maml_core.errors import DataError
from maml_core.files import explained, locked

TIMEOUT_S = 30.0
"""How long a server may say nothing."""

_INSTEAD = "or fetch it with a browser, and import it from the folder that it is in"


class Published(NamedTuple):
    """What is known of a file."""

    size: int
    sha256: str


def fetch(url: str, path: Path, known: Published, on_progress: OnProgress | None = None) -> None:
    """Have a file in its place; nothing is fetched where it is there already.

    Raises:
        DataError: It cannot be had, or is not the one that is known. Nothing is left behind.
    """
    import pooch  # here, because the page imports this file and seldom downloads
    import requests

    pooch.get_logger().setLevel("WARNING")
    meter = _Meter(path.name, known.size, on_progress)
    downloader = pooch.HTTPDownloader(progressbar=meter, timeout=TIMEOUT_S, chunk_size=2**16)
    with explained(f"cannot keep {path}", DataError), locked(path.parent):
        for leftover in path.parent.glob("tmp*"):  # of a download that was killed
            with contextlib.suppress(OSError):
                leftover.unlink()
        try:
            pooch.retrieve(
                url, known_hash=f"sha256:{known.sha256}", fname=path.name, path=path.parent, downloader=downloader
            )
        except requests.HTTPError as error:
            raise DataError(
                "network", f"the server does not have the file ({error}); try again later, {_INSTEAD}"
            ) from error
        except requests.RequestException as error:
            raise DataError(
                "network",
                f"the download of {url} failed ({_reason(error)}); check the network and try again, {_INSTEAD}",
            ) from error
        except ValueError as error:
            raise DataError(
                "damaged",
                f"what came from {url} is not the published file (its checksum differs); try again, {_INSTEAD}",
            ) from error


def _reason(error: Exception) -> str:
    import requests

    if isinstance(error, requests.Timeout):
        return "the server does not answer"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection was cut"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return str(error)


class _Meter:
    """What pooch takes for a progress bar."""

    def __init__(self, name: str, size: int, on_progress: OnProgress | None) -> None:
        self.total = size
        self._name, self._size, self._on_progress = name, size, on_progress
        self._done = 0

    def update(self, amount: int) -> None:
        """More bytes are there; `amount` is the size of a whole chunk, even of the last one."""
        self._done += amount
        if self._done >= self._size + 2**17:
            raise ValueError("there is more than the published file has")
        if self._on_progress is not None:
            self._on_progress(f"bytes of {self._name}", min(self._done, self._size), self._size)

    def reset(self) -> None:
        """Count anew."""
        self._done = 0

    def close(self) -> None:
        """Nothing to close."""
