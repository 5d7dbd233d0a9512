"""How much a page may ask for: at once, in the long run, and for how long too much."""

from __future__ import annotations

import pytest

from dashboard.wire.rate import FLOODING_S, MOST_OUT_S, OUT_S, Rate, cost


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


def test_who_was_cut_off_is_out_for_ever_longer_until_it_has_been_quiet() -> None:
    rate, now, out_s = Rate(), 0.0, []
    for _ in range(6):
        rate.cut_off(now)
        out_s.append(rate.seconds_out(now))
        now += out_s[-1]
        assert rate.seconds_out(now) == 0.0
    assert out_s == [OUT_S, 2 * OUT_S, 4 * OUT_S, 8 * OUT_S, MOST_OUT_S, MOST_OUT_S]
    now += MOST_OUT_S + 1.0
    rate.cut_off(now)
    assert rate.seconds_out(now) == OUT_S


def test_who_is_let_in_again_does_not_flood_yet() -> None:
    rate = Rate(per_s=10.0, burst=5.0)
    rate.take(1000.0, 0.0)
    rate.take(1.0, FLOODING_S + 1.0)
    assert rate.floods(FLOODING_S + 1.0)
    rate.cut_off(FLOODING_S + 1.0)
    rate.take(1.0, FLOODING_S + 1.0 + OUT_S)
    assert not rate.floods(FLOODING_S + 1.0 + OUT_S)


@pytest.mark.parametrize(("length", "expected"), [(0, 1.0), (3999, 1.0), (4000, 2.0), (800_000, 201.0)])
def test_a_long_message_costs_more(length: int, expected: float) -> None:
    assert cost("x" * length) == expected
