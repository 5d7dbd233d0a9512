"""Who can open a page of the server."""

from __future__ import annotations

import socket

import pytest

from dashboard.setups import reach
from dashboard.setups.reach import Reach, lan_address, reach_of


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1"])
def test_a_server_on_the_loopback_is_reached_from_this_machine_alone(address: str) -> None:
    assert reach_of(address) == Reach(local_only=True, lan=None)


@pytest.mark.parametrize("address", [None, "", "0.0.0.0", "::"])
def test_a_server_on_everything_has_this_machines_address(address: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "lan_address", lambda: "192.168.1.5")
    assert reach_of(address) == Reach(local_only=False, lan="192.168.1.5")


def test_one_address_is_that_one() -> None:
    assert reach_of("10.0.0.7") == Reach(local_only=False, lan="10.0.0.7")


class Probe:
    """A socket that would go out by an address, or by none."""

    def __init__(self, found: str | None) -> None:
        self.found = found

    def __call__(self, *_: object) -> Probe:
        return self

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def connect(self, _: object) -> None:
        if self.found is None:
            raise OSError("no network")

    def getsockname(self) -> tuple[str, int]:
        return str(self.found), 5


@pytest.mark.parametrize(
    ("found", "expected"), [("192.168.1.5", "192.168.1.5"), ("127.0.0.1", None), ("0.0.0.0", None), (None, None)]
)
def test_the_address_is_that_by_which_it_would_go_out(
    found: str | None, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "socket", Probe(found))
    assert lan_address() == expected
