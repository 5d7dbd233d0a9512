"""How much a page may ask for: at once, in the long run, and for how long too much."""

from __future__ import annotations

import pytest

from dashboard.wire.rate import FLOODING_S, Rate, cost


def test_a_burst_is_done_at_once_and_what_follows_it_waits() -> None:
    rate = Rate(per_s=10.0, burst=5.0)
    assert [rate.take(1.0, 0.0) for _ in range(5)] == [0.0] * 5
    assert rate.take(1.0, 0.0) == pytest.approx(0.1)
    assert rate.take(1.0, 0.0) == pytest.approx(0.2)


def test_who_asks_no_faster_than_it_may_never_waits() -> None:
    rate = Rate(per_s=10.0, burst=5.0)
    assert all(rate.take(1.0, 0.1 * at) == 0.0 for at in range(1000))
    assert not rate.floods(100.0)


def test_who_waits_each_time_and_never_stops_is_flooding() -> None:
    rate, now = Rate(per_s=10.0, burst=5.0), 0.0
    while now < FLOODING_S:
        assert not rate.floods(now)
        now += rate.take(1.0, now)
    rate.take(1.0, now + 0.1)
    assert rate.floods(now + 0.1)


def test_a_pause_is_an_end_of_it() -> None:
    rate = Rate(per_s=10.0, burst=5.0)
    for _ in range(8):
        rate.take(1.0, 0.0)
    rate.take(1.0, FLOODING_S + 1.0)
    assert not rate.floods(FLOODING_S + 1.0)


def test_what_was_refused_costs_nothing() -> None:
    rate = Rate(per_s=10.0, burst=5.0)
    rate.take(100.0, 0.0)
    rate.give_back(100.0)
    assert rate.take(5.0, 0.0) == 0.0


@pytest.mark.parametrize(("length", "expected"), [(0, 1.0), (3999, 1.0), (4000, 2.0), (800_000, 201.0)])
def test_a_long_message_costs_more(length: int, expected: float) -> None:
    assert cost("x" * length) == expected
