"""Whose chunk is next, without a server: fair shares, urgent runs first, no credit for having paused."""

from __future__ import annotations

import math
import random

import pytest

from dashboard.live.pacing import Pace
from dashboard.server import turns
from dashboard.server.turns import MAX_CREDIT_S, MAX_LEAD_S, Waiting


def test_it_is_the_turn_of_who_used_least() -> None:
    assert turns.next_turn([Waiting(3.0), Waiting(1.0), Waiting(2.0)]) == 1


def test_of_two_alike_the_first_in_line() -> None:
    assert turns.next_turn([Waiting(1.0), Waiting(1.0)]) == 0


def test_who_waits_for_an_answer_comes_first_however_much_it_used() -> None:
    assert turns.next_turn([Waiting(0.0), Waiting(9.0, is_urgent=True), Waiting(5.0, is_urgent=True)]) == 2


def test_nobody_waits() -> None:
    assert turns.next_turn([]) is None


@pytest.mark.parametrize(("used_s", "expected"), [(MAX_LEAD_S, 0), (MAX_LEAD_S + 0.001, None)])
def test_a_free_place_is_left_free_rather_than_given_to_who_is_far_ahead(used_s: float, expected: int | None) -> None:
    assert turns.next_turn([Waiting(used_s)], computing_s=[0.0, 7.0]) == expected
    assert turns.next_turn([Waiting(used_s, is_urgent=True)], computing_s=[0.0]) == 0


def test_a_pause_gives_no_credit() -> None:
    assert turns.counted(0.0, newest_s=10.0) == pytest.approx(10.0 - MAX_CREDIT_S)
    assert turns.counted(9.9, newest_s=10.0) == 9.9
    assert turns.counted(12.0, newest_s=10.0) == 12.0


@pytest.mark.parametrize("num_workers", [1, 2, 3])
def test_runs_share_processors_whatever_their_chunks_cost(num_workers: int) -> None:
    rng = random.Random(num_workers)
    costs = [0.01, 0.03, 0.02, 0.3, 0.01]  # an outer step of the fourth takes longer than any chunk should
    used, newest = [0.0] * len(costs), 0.0
    ends: dict[int, float] = {}
    now = 0.0
    while now < 60.0:
        while len(ends) < num_workers:
            waiting = [i for i in range(len(costs)) if i not in ends]
            for i in waiting:
                used[i] = turns.counted(used[i], newest)
            chosen = turns.next_turn([Waiting(used[i]) for i in waiting], [used[i] for i in ends])
            if chosen is None:
                break
            newest = max(newest, used[waiting[chosen]])
            ends[waiting[chosen]] = now + costs[waiting[chosen]] * rng.uniform(0.8, 1.2)
        done = min(ends, key=lambda i: ends[i])
        used[done] += costs[done]
        now = ends.pop(done)
    assert max(used) - min(used) < max(costs) + MAX_CREDIT_S + MAX_LEAD_S
    assert sum(used) > 0.75 * 60.0  # and hardly any processor time is left unused, even by one worker


@pytest.mark.parametrize(
    ("num_training", "num_workers", "expected_s"),
    [(0, 1, 0.030), (1, 1, 0.030), (6, 1, 0.020), (30, 1, 0.010), (30, 4, 0.016)],
)
def test_a_chunk_takes_its_share_of_a_round(num_training: int, num_workers: int, expected_s: float) -> None:
    crowd = turns.crowd(num_training, num_workers)
    assert turns.chunk_budget_s(crowd, is_urgent=False) == pytest.approx(expected_s)
    assert turns.chunk_budget_s(crowd, is_urgent=True) == turns.MIN_CHUNK_S


def test_a_run_that_another_worker_looks_at_has_longer_chunks_but_not_before_an_answer() -> None:
    assert turns.chunk_budget_s(0.5, is_urgent=False, is_alone=True) == turns.ALONE_CHUNK_S > turns.MAX_CHUNK_S
    assert turns.chunk_budget_s(0.5, is_urgent=True, is_alone=True) == turns.MIN_CHUNK_S


def test_a_run_alone_is_looked_at_as_often_as_any() -> None:
    assert turns.pace(1.0, is_visible=True, is_behind=False) == Pace()


def test_ten_pages_get_two_frames_a_second() -> None:
    pace = turns.pace(turns.crowd(10, 1), is_visible=True, is_behind=False)
    assert 1.0 / pace.frame_s >= 2.0
    assert pace.slow_s > pace.trajectories_s > pace.frame_s


def test_thirty_pages_on_two_workers_get_two_frames_a_second_though_a_frame_waits_for_a_chunk() -> None:
    pace = turns.pace(turns.crowd(30, 2), is_visible=True, is_behind=False)
    assert 1.0 / (2.0 * pace.frame_s) >= 2.0


def test_looks_leave_most_of_two_processors_to_the_training_of_thirty_pages() -> None:
    pace = turns.pace(turns.crowd(30, 2), is_visible=True, is_behind=False)
    trajectories_s, slow_s = 0.015, 0.045  # of a processor, as measured in the default set-up
    assert 30 * (trajectories_s / pace.trajectories_s + slow_s / pace.slow_s) <= 0.2


def test_a_browser_that_is_behind_gets_a_frame_a_second_and_a_hidden_page_none() -> None:
    assert turns.pace(1.0, is_visible=True, is_behind=True).frame_s == turns.LEAST_BEHIND_S
    assert turns.pace(200.0, is_visible=True, is_behind=True).frame_s > turns.LEAST_BEHIND_S
    assert turns.pace(1.0, is_visible=False, is_behind=False).frame_s == math.inf


def test_somebody_who_looks_at_an_earlier_step_gets_four_frames_of_now_a_second() -> None:
    away = turns.pace(1.0, is_visible=True, is_behind=False, is_away=True)
    assert away == Pace(frame_s=0.25)
    assert turns.pace(1.0, is_visible=True, is_behind=True, is_away=True).frame_s == turns.LEAST_BEHIND_S


class TestLeading:
    """A run that a class follows."""

    def test_it_comes_first_whatever_it_has_used(self):
        waiting = [Waiting(0.0), Waiting(9.0, leads=True), Waiting(0.0, is_urgent=True)]
        assert turns.next_turn(waiting) == 1
        assert turns.next_turn(waiting, [0.1]) == 1

    def test_of_two_that_lead_the_one_that_waits_for_an_answer_is_first_and_then_the_one_that_used_less(self):
        assert turns.next_turn([Waiting(1.0, leads=True), Waiting(2.0, is_urgent=True, leads=True)]) == 1
        assert turns.next_turn([Waiting(2.0, leads=True), Waiting(1.0, leads=True)]) == 1

    def test_the_others_share_what_is_left(self):
        assert turns.next_turn([Waiting(3.0), Waiting(2.0)], [2.5]) == 1


@pytest.mark.parametrize(("num_workers", "expected"), [(1, 1), (2, 1), (4, 3)])
def test_a_worker_is_left_to_short_chunks(num_workers: int, expected: int) -> None:
    assert turns.most_long(num_workers) == expected
