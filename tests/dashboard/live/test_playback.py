"""When outer steps are taken, without a run: play, pause, single steps, speed, and what an interruption leaves."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest

from dashboard.live.playback import Playback


def test_at_first_it_stands_still() -> None:
    playback = Playback()
    assert playback.next_steps(0.0, 0) == 0
    assert playback.seconds_until_due(0.0) == math.inf


def test_it_plays_as_fast_as_possible_until_paused() -> None:
    playback = Playback()
    playback.play()
    assert playback.next_steps(0.0, 5) is None
    assert playback.seconds_until_due(0.0) == 0.0
    playback.pause()
    assert playback.next_steps(0.0, 5) == 0


def test_single_steps_add_up_and_end_a_play() -> None:
    playback = Playback()
    playback.play(until=100)
    for _ in range(3):
        playback.step_once()
    assert (playback.playing, playback.stop_at) == (False, None)
    taken = 0
    while (steps := playback.next_steps(0.0, taken)) == 1:
        playback.took(steps)
        taken += 1
    assert taken == 3
    assert not playback.has_single


def test_a_chunk_that_only_looked_is_no_single_step() -> None:
    playback = Playback()
    playback.step_once()
    playback.took(0)
    assert playback.has_single


def test_it_plays_until_a_step() -> None:
    playback = Playback()
    playback.play(until=40)
    assert playback.next_steps(0.0, 33) == 7
    assert not playback.is_over(39)
    assert playback.is_over(40)


def test_a_speed_spaces_the_steps_and_does_not_catch_up_after_a_pause() -> None:
    playback = Playback()
    playback.set_speed(10.0)
    playback.play()
    taken = [now / 100 for now in range(100) if playback.next_steps(now / 100, 0) == 1]
    assert len(taken) == 10
    assert [b - a for a, b in pairwise(taken)] == pytest.approx([0.1] * 9, abs=0.011)
    playback.pause()
    playback.play()
    assert [playback.next_steps(50.0, 0), playback.next_steps(50.0, 0)] == [1, 0]


def test_a_jump_ignores_the_speed() -> None:
    playback = Playback()
    playback.set_speed(1.0)
    playback.play(until=90, jumps=True)
    assert [playback.next_steps(0.0, 0), playback.next_steps(0.0, 50)] == [90, 40]


@pytest.mark.parametrize("played", [True, False])
def test_what_was_interrupted_goes_on_as_it_was(played: bool) -> None:
    playback = Playback()
    if played:
        playback.play(until=70)
    playback.interrupt()
    assert playback.next_steps(0.0, 3) == 0
    playback.go_on()
    assert playback.next_steps(0.0, 3) == (67 if played else 0)


def test_a_pause_after_an_interruption_is_a_pause() -> None:
    playback = Playback()
    playback.play()
    playback.interrupt()
    playback.pause()
    playback.go_on()
    assert not playback.playing


def test_another_run_stands_still_at_the_same_speed() -> None:
    playback = Playback()
    playback.set_speed(3.0)
    playback.play(until=9)
    playback.step_once()
    playback.restart()
    assert (playback.playing, playback.has_single, playback.stop_at) == (False, False, None)
    assert playback.steps_per_s == 3.0


@pytest.mark.parametrize("speed", [0.0, -1.0, 0.05, 1000.5, math.nan, "fast", True])
def test_a_speed_that_is_none_is_refused_and_the_old_one_stays(speed: Any) -> None:
    playback = Playback()
    playback.set_speed(2.0)
    with pytest.raises(ValueError, match=r"from 0\.1 to 1000"):
        playback.set_speed(speed)
    assert playback.steps_per_s == 2.0
