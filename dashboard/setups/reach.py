"""Where a page can be opened from, and below which path: an address with the loopback's name leads everybody else to their own machine."""

from __future__ import annotations

import socket
from typing import NamedTuple

from dashboard.setups import workspaces


class Reach(NamedTuple):
    """Who can open a page of this server."""

    local_only: bool
    """Only this machine can."""
    lan: str | None
    """This machine's address in its network; None where it has none, or others cannot come in by it."""


def reach_of(listens_on: str | None) -> Reach:
    """Who can open a page.

    >>> reach_of("127.0.0.1")
    Reach(local_only=True, lan=None)

    Args:
        listens_on: The address that the server listens on; None for all of this machine's.
    """
    if workspaces.is_loopback(listens_on):
        return Reach(local_only=True, lan=None)
    everywhere = not listens_on or listens_on in ("0.0.0.0", "::")
    return Reach(local_only=False, lan=lan_address() if everywhere else listens_on)


def base_path(option: str) -> str:
    """What stands before every path of this server: a slash before each part and none behind the last, as Streamlit's `server.baseUrlPath` says.

    >>> base_path(""), base_path("class"), base_path("/group/class/")
    ('', '/class', '/group/class')
    """
    return "".join(f"/{part}" for part in option.split("/") if part)


def lan_address() -> str | None:
    """This machine's address in its network; None where it is in none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent: it only says by which address it would be
            found = str(probe.getsockname()[0])
        except OSError:
            return None
    return None if workspaces.is_loopback(found) or found == "0.0.0.0" else found
