"""The order in which the settings of a grid are computed."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from maml_core.config import MLPConfig, RunConfig
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.chunks import run_lanes
from maml_core.sweeps.definition import SweepConfig, fingerprint, sweep_from_dict, sweep_to_dict
from maml_core.sweeps.driver import Sweeping
from maml_core.sweeps.sampling import fineness_of, groups_of
from maml_core.sweeps.study import open_study

ALPHA = Axis(name="alpha", values=tuple(round(0.01 * (1 + place), 2) for place in range(9)), log=True)
BETA = Axis(name="beta", values=(0.001, 0.002, 0.003, 0.004, 0.005))
STEPS = Axis(name="num_inner_steps", values=(1, 2))
TINY = RunConfig(model=MLPConfig(hidden_widths=(4,)), shots=2, num_query=2, meta_batch_size=2, evaluation_tasks=3)


def test_coarse_grids_come_before_what_lies_between() -> None:
    sweep = SweepConfig(axes=(ALPHA, BETA))
    (numbers,) = groups_of(sweep)
    assert sorted(numbers) == list(range(45))
    places = [divmod(number, 5) for number in numbers]
    assert set(places[:6]) == {(x, y) for x in (0, 8) for y in (0, 4)} | set(places[4:6])
    coarse = {(x, y) for x in (0, 4, 8) for y in (0, 2, 4)}
    assert coarse <= set(places[: 4 + 11])
    fineness = [fineness_of(sweep)[number] for number in numbers]
    assert fineness == sorted(fineness)
    assert fineness_of(sweep)[0] == fineness_of(sweep)[44] == 0


def test_of_one_fineness_the_order_is_dealt_and_always_the_same() -> None:
    sweep = SweepConfig(axes=(ALPHA, BETA))
    (numbers,) = groups_of(sweep)
    last = [number for number in numbers if fineness_of(sweep)[number] == 3]
    assert last != sorted(last)
    groups_of.cache_clear()
    assert groups_of(sweep) == (numbers,)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 7, 12])
def test_half_of_any_axis_is_known_at_every_second_place_or_better(count: int) -> None:
    values = tuple(0.001 * (1 + place) for place in range(count))
    (numbers,) = groups_of(SweepConfig(axes=(Axis(name="alpha", values=values),)))
    assert sorted(numbers) == list(range(count))
    known = sorted(numbers[: max(1, math.ceil(count / 2) + 1)])
    assert np.diff([*known, count - 1] if count > 2 else [0]).max(initial=0) <= 2


def test_numbers_count_by_their_size_and_words_are_all_alike() -> None:
    mixed = Axis(name="alpha", values=(0.5, 0.1, 0.3))
    words = Axis(name="algorithm", values=("maml", "fomaml", "anil"))
    assert fineness_of(SweepConfig(axes=(mixed,))) == (0, 0, 1)
    assert fineness_of(SweepConfig(axes=(words, mixed))) == (0, 0, 1) * 3


def test_the_plain_order_is_row_by_row() -> None:
    assert groups_of(SweepConfig(axes=(ALPHA, BETA), grid_order="plain")) == (tuple(range(45)),)


def test_drawn_settings_keep_the_order_in_which_they_were_drawn() -> None:
    sweep = SweepConfig(axes=(ALPHA, BETA), sampler="random", num_settings=8)
    assert groups_of(sweep) == (tuple(range(8)),)
    assert fineness_of(sweep) == (0,) * 8


def test_the_order_makes_no_other_sweep_and_an_old_one_is_read_as_before() -> None:
    axes = (Axis(name="alpha", values=(0.01, 0.1), log=True), STEPS)
    of = SweepConfig(axes=(axes[0], Axis(name="num_inner_steps", values=(1, 5))), num_steps=20)
    assert fingerprint(of) == "30c581d82dbd3fbe"  # as before there was an order
    assert fingerprint(dataclasses.replace(of, grid_order="plain")) == fingerprint(of)
    old = sweep_to_dict(of)
    del old["grid_order"]
    assert sweep_from_dict(old) == of


def begun(sweep: SweepConfig, folder: Path, count: int) -> list[int]:
    """The settings of the first batches, each of which is computed to its end, batch by batch."""
    found: list[int] = []
    with open_study(sweep, "s", storage=folder) as study:
        driver = Sweeping(sweep, study, max_lanes=2)
        while len(found) < count and (ticket := driver.next_request()) is not None:
            driver.finished(ticket, run_lanes(ticket.request))
            done = [one.number for one in driver.results() if one.is_done]
            found += [number for number in done if number not in found]
        driver.close()
    return found


def test_settings_are_computed_coarse_to_fine_whatever_graph_they_have_and_an_interrupted_sweep_goes_on(
    tmp_path: Path,
) -> None:
    axis = Axis(name="alpha", values=(0.01, 0.02, 0.03, 0.04, 0.05))
    sweep = SweepConfig(base=TINY, axes=(STEPS, axis), num_steps=1, num_rungs=1)
    first = begun(sweep, tmp_path, 4)
    assert {divmod(number, 5) for number in first} == {(row, column) for row in (0, 1) for column in (0, 4)}
    plain = dataclasses.replace(sweep, grid_order="plain")
    with open_study(plain, "s", storage=tmp_path) as study:
        assert {one.number for one in study.results() if one.is_done} == set(first)
    assert sorted(begun(plain, tmp_path, 10)) == list(range(10))
