"""Trainings of several seeds in one table: an interval over test tasks and one over seeds, neither standing for both; and how long they take."""

from __future__ import annotations

import dataclasses
import json
import math
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from maml_core.config import RunConfig
from maml_core.errors import ConfigError
from maml_core.records import Numbers, Summary
from maml_core.reproduce import (
    LAPTOP,
    SINUSOID,
    Published,
    Row,
    cases_of_seeds,
    chosen,
    omniglot_cases,
    plain_spread,
    save_spreads,
    spreads,
)
from maml_core.reproduce.cases import MOST_SEEDS
from maml_core.reproduce.estimates import Left, seconds_left, step_seconds
from maml_core.reproduce.seeds import spread_markdown
from tests.maml_core.helpers import tiny

(EXAM, *_) = [case.exam for case in cases_of_seeds(chosen(SINUSOID, ["MAML"]), seed=0, num_seeds=1)]
REPORTED = len(EXAM.reported)


def row(seed: int, by_task: Numbers, published: tuple[Published, ...] = (), **changes: Any) -> Row:
    """One seed's, with these losses of its test tasks after each reported number of inner steps, [R, T]."""
    means = np.zeros(EXAM.num_steps + 1)
    means[list(EXAM.reported)] = by_task.mean(axis=1)
    shares = np.full(len(means), 0.01 * (1 + seed))
    known = Row(
        name="MAML",
        trained_shots=10,
        test_shots=5,
        config=RunConfig(),
        outer_steps=70_000,
        seed=seed,
        test_tasks=by_task.shape[1],
        exam=EXAM,
        summary=Summary(means, means, 0.5 * means, shares, shares),
        resumed=0,
        stopped="",
        cpu_s=180.0,
        published=published,
        by_task=by_task,
    )
    return dataclasses.replace(known, **changes)


def losses(num_seeds: int = 3, num_tasks: int = 40) -> Numbers:
    """Losses of seeds that differ by more than tasks do, [K, R, T]."""
    random = np.random.default_rng(0)
    return random.gamma(4.0, 0.1, (1, REPORTED, num_tasks)) + 0.3 * random.random((num_seeds, REPORTED, 1))


def test_each_interval_is_of_what_it_says() -> None:
    values = losses()
    (found,) = spreads([row(seed, of) for seed, of in enumerate(values)])
    for at in range(REPORTED):
        of_tasks, of_seeds = values[:, at].mean(axis=0), values[:, at].mean(axis=1)
        assert found.mean[at] == pytest.approx(values[:, at].mean())
        for width, sample in ((found.over_tasks[at], of_tasks), (found.over_seeds[at], of_seeds)):
            low, high = stats.t.interval(0.95, len(sample) - 1, sample.mean(), stats.sem(sample))
            assert 2.0 * width == pytest.approx(high - low)
    np.testing.assert_allclose(found.by_seed, values.mean(axis=2))


def test_rows_of_one_set_up_go_together_and_others_stay_apart() -> None:
    values = losses(2)
    rows = [row(seed, values[seed], test_shots=shots) for seed in (0, 1) for shots in (5, 10)]
    found = spreads(rows)
    assert [[(one.test_shots, one.seed) for one in each.rows] for each in found] == [
        [(5, 0), (5, 1)],
        [(10, 0), (10, 1)],
    ]


def test_a_task_that_diverged_leaves_no_interval_and_no_number_that_json_lacks(tmp_path: Path) -> None:
    values = losses()
    values[1, 1, 3] = np.inf
    (found,) = spreads([row(seed, of) for seed, of in enumerate(values)])
    assert (found.mean[1], math.isnan(found.over_tasks[1]), math.isnan(found.over_seeds[1])) == (math.inf, True, True)
    assert spread_markdown([found]).splitlines()[-1].split(" | ")[3] == "inf"
    save_spreads([found], tmp_path, ["Seeds 0, 1 and 2."])
    (kept,) = json.loads((tmp_path / "table.json").read_text())
    assert kept["mean"][1] is kept["over_tasks"][1] is kept["over_seeds"][1] is kept["by_seed"][1][1] is None
    assert kept["seeds"] == [0, 1, 2]
    assert kept == json.loads(json.dumps(plain_spread(found)))
    assert (tmp_path / "table.md").read_text() == f"{spread_markdown([found])}\n\nSeeds 0, 1 and 2.\n"


def test_a_line_says_both_intervals_and_what_it_cannot_decide() -> None:
    scatter = np.tile([-0.01, 0.01], 2)
    values = np.stack([np.full((REPORTED, 4), level) + scatter for level in (0.38, 0.40, 0.42)])
    published = (Published(0.67, None, "x", 1), Published(0.38, None, "x", 5), Published(0.2, None, "x", 10))
    (found,) = spreads([row(seed, of, published) for seed, of in enumerate(values)])
    line = spread_markdown([found]).splitlines()[-1].split(" | ")
    assert line[2] == "0.400 ± 0.0184 tasks, ± 0.0497 seeds"
    assert line[-1] == "0.67 / 0.38 (not decided) / 0.2 (missed) |"
    assert line[-3:-1] == ["0.200 / 0.200 / 0.200", "2.0 / 2.0 / 2.0"]


def accurate(seed: int, by_task: Numbers, published: tuple[Published, ...] = ()) -> Row:
    """One seed's accuracies, whose result is after the second reported number of inner steps."""
    exam = EXAM._replace(result=EXAM.reported[1])
    known = row(seed, by_task, published, exam=exam)
    shares = known.summary.mean
    return dataclasses.replace(
        known, summary=known.summary._replace(mean=-shares, accuracy=shares, accuracy_ci95=shares)
    )


def test_of_accuracies_higher_is_better() -> None:
    scatter = np.tile([-0.01, 0.01], 2)
    values = np.stack([np.full((REPORTED, 4), level) + scatter for level in (0.94, 0.95, 0.96)])
    for figure, said in ((0.93, "ours +2.0"), (0.97, "ours -2.0, not decided"), (0.98, "ours -3.0, missed")):
        published = (Published(figure, 0.004, "MAML (x)"), Published(0.5, None, "MAML (y)"))
        (found,) = spreads([accurate(seed, of, published) for seed, of in enumerate(values)])
        head, _, line = spread_markdown([found]).splitlines()
        cells = line.split(" | ")
        assert cells[:3] == ["| MAML", "70,000", "95.0 ± 1.8 tasks, ± 2.5 seeds"]
        assert cells[-3] == f"{cells[2]} after {EXAM.reported[1]}"
        assert cells[-2] == f"MAML {100 * figure:g} ± 0.4 ({said}), MAML 50"
        assert cells[-1] == "9 |"
        assert head.count("|") == line.count("|")
        np.testing.assert_allclose(found.by_seed, values.mean(axis=2))
        kept = plain_spread(found)
        assert (kept["measure"], kept["mean"][0]) == ("accuracy", pytest.approx(0.95))


def test_rows_without_the_same_tasks_are_refused() -> None:
    values = losses(2)
    for other in (dataclasses.replace(row(1, values[1]), by_task=None), row(1, values[1][:, :7])):
        with pytest.raises(ValueError, match="the same test tasks"):
            spreads([row(0, values[0]), other])


def test_each_seed_has_weights_tasks_and_a_folder_of_its_own() -> None:
    cases = cases_of_seeds(chosen(SINUSOID, ["MAML"]), seed=0, num_seeds=3, num_steps=7)
    assert [(case.config.weights_seed, case.config.tasks_seed) for case in cases] == [
        (n, n) for n in (0, 0, 1, 1, 2, 2)
    ]
    assert [case.folder for case in cases[::2]] == [
        "MAML, 10 shots",
        "MAML, 10 shots, seed 1",
        "MAML, 10 shots, seed 2",
    ]
    assert cases[:2] == cases_of_seeds(chosen(SINUSOID, ["MAML"]), seed=0, num_seeds=1, num_steps=7)


@pytest.mark.parametrize("count", [0, -1, MOST_SEEDS + 1])
def test_so_many_seeds_are_refused(count: int) -> None:
    with pytest.raises(ConfigError, match="from 1 to 20"):
        cases_of_seeds(SINUSOID, seed=0, num_seeds=count)


class Measures(Executor):
    """Says that a step takes so many seconds, and counts how often it was asked."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.asked = seconds, 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        assert fn is step_seconds
        self.asked += 1
        future: Future[Any] = Future()
        future.set_result(self.seconds)
        return future


def lefts(num_seeds: int, *, first_step_s: float = math.nan, num_steps: int = 1000) -> list[Left]:
    cases = cases_of_seeds(chosen(SINUSOID, ["MAML"]), seed=0, num_seeds=num_seeds)
    return [Left(case, num_steps, first_step_s if case is cases[0] else math.nan) for case in cases]


def test_each_set_up_is_measured_once_whatever_its_seeds() -> None:
    measures = Measures(0.002)
    assert seconds_left(lefts(3), measures, at_once=2) == pytest.approx(6 * 2.0 / 2)
    assert measures.asked == 2  # at 10 and at 5 shots


def test_what_its_own_steps_took_is_not_measured() -> None:
    measures = Measures(0.002)
    assert seconds_left(lefts(2, first_step_s=0.003), measures, at_once=1) == pytest.approx(2 * 3.0 + 2 * 2.0)
    assert measures.asked == 1


def test_what_was_taken_on_another_device_is_measured_again() -> None:
    measures = Measures(0.002)
    found = seconds_left(lefts(2, first_step_s=0.003), measures, at_once=1, device="cuda")
    assert (found, measures.asked) == (pytest.approx(4 * 2.0), 2)


def test_the_seeds_of_a_set_up_that_goes_on_take_as_long_as_it_did() -> None:
    """Ten thousand steps are left of one image training, which took 60 ms each, and all of those of its other seeds."""
    cases = omniglot_cases(LAPTOP, chosen(LAPTOP.setups, ["MAML++, 20-way 1-shot"]), seed=0, num_seeds=3)
    left = [
        Left(case, 10_000 if case is cases[0] else case.num_steps, 0.06 if case is cases[0] else math.nan)
        for case in cases
    ]
    measures = Measures(1.0)
    expected = 0.06 * (10_000 + 2 * cases[0].num_steps)
    assert (seconds_left(left, measures, at_once=1), measures.asked) == (pytest.approx(expected), 0)
    assert seconds_left(left, measures, at_once=2) == pytest.approx(expected / 2)


def test_workers_that_have_nothing_to_do_do_not_shorten_it() -> None:
    assert seconds_left(lefts(1), Measures(0.002), at_once=8) == pytest.approx(2.0)


def test_where_nothing_is_left_nothing_is_measured() -> None:
    measures = Measures(0.002)
    assert (seconds_left(lefts(2, num_steps=0), measures, at_once=1), measures.asked) == (0.0, 0)


def test_a_step_is_measured_on_the_engine() -> None:
    assert 0.0 < step_seconds(tiny(joint_baseline=False)) < 1.0
    assert 0.0 < step_seconds(tiny(joint_baseline=False), "cpu:0") < 1.0
