"""What a sweep says of tables without any effect, and of tables with one; how settings are paired."""

from __future__ import annotations

import dataclasses
import itertools
import math
import zlib
from typing import NamedTuple

import numpy as np
import pytest

from maml_core.config import GlyphsConfig, RunConfig
from maml_core.records import Numbers
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.comparing import Comparison
from maml_core.sweeps.definition import Setting, SweepConfig
from maml_core.sweeps.driver import worst
from maml_core.sweeps.findings import ONE_SEED, read, why_no_importance
from maml_core.sweeps.importance import importance
from maml_core.sweeps.results import MOST_TASKS, LaneResult, SettingResult, result_of
from maml_core.sweeps.scores import scores, why_no_scores
from maml_core.sweeps.standing import Standings, Verdict
from maml_core.sweeps.tables import table

ALPHA = Axis(name="alpha", values=(0.003, 0.01, 0.03, 0.1, 0.3), log=True)
STEPS = Axis(name="num_inner_steps", values=(1, 3, 5, 10))
ALGORITHM = Axis(name="algorithm", values=("maml", "fomaml", "anil"))
PAIR = Axis(name="outer_optimizer", values=("adam", "sgd"))
BETA = Axis(name="beta", values=(1e-4, 1e-3, 1e-2), log=True)
NUM_TABLES = 200
MOST_CLAIMS = 0.05


class Case(NamedTuple):
    """How the numbers of a table are made; without any effect unless one is given."""

    axes: tuple[Axis, ...]
    num_seeds: int
    num_tasks: int = 100
    prune: float = 0.0
    seed_spread: float = 0.05
    """Standard deviation of the logarithm of a training's loss."""
    skew: float = 0.0
    """Shape of the lognormal noise of seeds; 0 for a normal one."""
    gone: float = 0.0
    """Share of the lanes that diverge, whatever their setting."""
    effect: float = 0.0
    """Logarithm of the loss at alpha 0.3 over that at 0.003."""


def lane(seed: int, values: Numbers, *, gone: bool = False, num_tasks: int = 100) -> LaneResult:
    """A lane by its losses task by task."""
    mean = math.inf if gone else float(values.mean())
    spread = 1.96 * float(values.std(ddof=1)) / math.sqrt(num_tasks)
    kept = b"" if gone else values[:MOST_TASKS].astype("<f4").tobytes()
    return LaneResult(
        seed, "diverged" if gone else "ok", 8, mean, spread, 3.0, math.nan, math.nan, 0.0, 0.0, math.nan, kept
    )


def sweep_of(case: Case) -> SweepConfig:
    return SweepConfig(axes=case.axes, num_seeds=case.num_seeds, num_steps=8, num_rungs=2, prune=case.prune)


def drawn(case: Case, random: np.random.Generator) -> list[SettingResult]:
    """A table: each training's loss is that of its tasks, times what its seed made of it, times what each task makes of that training."""
    sweep, found = sweep_of(case), []
    tasks = random.lognormal(-1.0, 1.0, case.num_tasks)
    common = random.normal(0.0, case.seed_spread, case.num_seeds)  # what a seed does to all settings
    every = list(itertools.product(*(axis.values for axis in case.axes)))
    own = random.normal(0.0, case.seed_spread, (len(every), case.num_seeds))
    if case.skew:
        own = case.seed_spread * (random.lognormal(0.0, case.skew, own.shape) - math.exp(case.skew**2 / 2.0))
    lost = random.random(own.shape) < case.gone
    early = {
        number: float(np.mean(np.where(gone, 42.0, np.exp(one + random.normal(0.0, case.seed_spread, len(one))))))
        for number, (one, gone) in enumerate(zip(own, lost, strict=True))
    }
    leaves = worst(early, sweep) if case.prune else set()
    for number, values in enumerate(every):
        at = dict(zip([axis.name for axis in case.axes], values, strict=True))
        moved = case.effect * math.log(at["alpha"] / 0.003) / math.log(100.0) if case.effect else 0.0
        lanes = [
            lane(
                seed,
                tasks * np.exp(moved + common[seed] + own[number, seed] + random.normal(0.0, 0.2, case.num_tasks)),
                gone=bool(lost[number, seed]),
                num_tasks=case.num_tasks,
            )
            for seed in range(case.num_seeds)
        ]
        if number in leaves:
            lanes = [one._replace(status="pruned", step=4) for one in lanes]
        found.append(result_of(sweep, Setting(number, at), lanes, done=True))
    return found


def claims(sweep: SweepConfig, results: list[SettingResult]) -> bool:
    """Whether any sentence says that settings differ, or that divergence depends on one."""
    sentences = read(sweep, results)
    ok = sum(one.status == "ok" for one in results)
    best = next((one for one in sentences if one.startswith("The best of")), "")
    all_tie = f"; {ok - 1:,} other" in best or ok <= 1
    trends = [
        one
        for one in sentences
        if one.startswith(("The best alpha", "The best beta", "The best N", "The best held-out", "At their best"))
        or one.startswith(("Mean over the other axes", "The held-out"))
        or " depends on " in one
    ]
    cuts = [one for one in sentences if one.endswith("of the others.")]
    return bool(trends or cuts or (best and sweep.num_seeds > 1 and not all_tie))


def share_of_claims(case: Case, num_tables: int = NUM_TABLES) -> float:
    random = np.random.default_rng(zlib.crc32(repr(case).encode()))
    return float(np.mean([claims(sweep_of(case), drawn(case, random)) for _ in range(num_tables)]))


NULLS = {
    "one seed": Case((ALPHA, STEPS), 1),
    "one seed, many tasks": Case((ALPHA, STEPS), 1, num_tasks=4000),
    "one seed, some diverge": Case((ALPHA, STEPS), 1, gone=0.2),
    "two seeds": Case((ALPHA, STEPS), 2),
    "three seeds": Case((ALPHA, STEPS), 3),
    "three seeds, words": Case((ALPHA, ALGORITHM), 3),
    "three seeds, three axes": Case((ALPHA, ALGORITHM, BETA), 3),
    "three seeds, skewed": Case((ALPHA, STEPS), 3, skew=1.0),
    "three seeds, some diverge": Case((ALPHA, STEPS), 3, gone=0.1),
    "three seeds, pruned": Case((ALPHA, STEPS), 3, prune=0.5),
    "three seeds, little of the seed": Case((ALPHA, STEPS), 3, seed_spread=0.005),
    "three seeds, four settings": Case((PAIR, Axis(name="alpha", values=(0.01, 0.1))), 3),
    "three seeds, five settings, skewed": Case((ALPHA,), 3, skew=1.0),
    "two seeds, six settings": Case((ALGORITHM, PAIR), 2),
    "five seeds": Case((ALPHA, STEPS), 5),
    "five seeds, many tasks": Case((ALPHA,), 5, num_tasks=4000),
    "five seeds, pruned, skewed": Case((ALPHA, STEPS), 5, prune=0.3, skew=1.0),
}
"""Tables on which no setting matters: of each kind at most 5% may say anything. By chance alone more than 8% of 200 would in 1 of 30 kinds."""


@pytest.mark.thorough
@pytest.mark.parametrize("name", NULLS)
def test_a_table_without_any_effect_makes_no_claim(name: str) -> None:
    bound = MOST_CLAIMS + 2.0 * math.sqrt(MOST_CLAIMS * (1.0 - MOST_CLAIMS) / NUM_TABLES)
    assert share_of_claims(NULLS[name]) <= bound


@pytest.mark.parametrize(
    "name", ["one seed, many tasks", "three seeds", "three seeds, skewed", "five seeds, pruned, skewed"]
)
def test_few_tables_without_any_effect_make_a_claim(name: str) -> None:
    """The short form of the one above: more than 6 of 40 would be chance once in 100 times."""
    assert share_of_claims(NULLS[name], num_tables=40) <= 6 / 40


def test_an_effect_is_told_with_seeds_and_never_with_one() -> None:
    """A factor of 1.3 along alpha, where seeds scatter by 5%."""
    effect = math.log(1.3)
    shares = [share_of_claims(Case((ALPHA, STEPS), seeds, effect=effect), num_tables=20) for seeds in (1, 3, 5)]
    assert shares[0] == 0.0
    assert min(shares[1:]) >= 0.9


def test_one_seed_says_so_and_what_is_told_of_it_is_its_trainings() -> None:
    case = Case((ALPHA, STEPS), 1, effect=3.0)
    results = drawn(case, np.random.default_rng(0))
    sentences = read(sweep_of(case), results)
    assert sentences[0].startswith("The best of 20 trainings is alpha = 0.003, N = ")
    assert "over its tasks; 3 others cannot be told apart from it" in sentences[0]
    assert table(sweep_of(case), results)["not_told_from_best"].sum() == 1 + 3  # the best one itself among them
    assert sentences[-1] == ONE_SEED
    three = case._replace(num_seeds=3)
    sentences = read(sweep_of(three), drawn(three, np.random.default_rng(0)))
    assert sentences[0].startswith("The best of 20 settings is alpha = 0.003, N = ")
    assert "over 3 seeds; 3 others cannot be told apart from it" in sentences[0]
    assert ONE_SEED not in sentences


def test_settings_are_paired_where_their_own_intervals_overlap_by_far() -> None:
    """Tasks differ a hundred times as much as the settings do, and each task of the second costs 1% more."""
    case = Case((ALPHA,), 3)
    sweep, random = sweep_of(case), np.random.default_rng(1)
    tasks, results = random.lognormal(0.0, 1.5, 400), []
    for number, alpha in enumerate(ALPHA.values):
        factors = (1.0 if number == 0 else 1.01) * np.exp(random.normal(0.0, 1e-4, 3))
        lanes = [lane(seed, factor * tasks, num_tasks=400) for seed, factor in enumerate(factors)]
        results.append(result_of(sweep, Setting(number, {"alpha": alpha}), lanes, done=True))
    by = Comparison(sweep, results)
    assert by.differs(results[0], results[1])
    assert not by.differs(results[1], results[0])
    assert not by.differs(results[1], results[2])
    found = by.difference(results[0], results[1])
    assert found is not None
    assert found.mean == pytest.approx(0.01 * tasks.mean(), rel=0.1)
    assert found.ci95 < 0.4 * found.mean < results[0].lanes[0].ci95


@pytest.mark.parametrize("far", [20.0, 2000.0])
def test_a_difference_that_all_seeds_show_but_few_tasks_is_not_enough(far: float) -> None:
    """Every seed has it from one task of forty, however far that is lost: another forty tasks may not have that one."""
    case = Case((ALPHA,), 3)
    sweep, random = sweep_of(case), np.random.default_rng(2)
    tasks = random.lognormal(0.0, 0.1, 40)
    hard = tasks + np.where(np.arange(40) == 7, far, 0.0)
    results = []
    for number, alpha in enumerate(ALPHA.values):
        lanes = [
            lane(s, (hard if number else tasks) * math.exp(random.normal(0.0, 1e-3)), num_tasks=40) for s in range(3)
        ]
        results.append(result_of(sweep, Setting(number, {"alpha": alpha}), lanes, done=True))
    assert not Comparison(sweep, results).differs(results[0], results[1])
    assert not Comparison(sweep, results).trainings_differ(results[0], results[1])
    # Where their tasks' values were not kept, the seeds alone tell.
    bare = [
        dataclasses.replace(one, lanes=tuple(each._replace(task_values=b"") for each in one.lanes)) for one in results
    ]
    assert Comparison(sweep, bare).differs(bare[0], bare[1])


def test_pruned_settings_and_those_of_other_tasks_are_not_paired() -> None:
    case = Case((ALPHA, STEPS), 3, prune=0.5, effect=3.0)
    sweep, results = sweep_of(case), drawn(case, np.random.default_rng(3))
    by = Comparison(sweep, results)
    best = min((one for one in results if one.status == "ok"), key=lambda one: one.value)
    pruned = [one for one in results if one.status == "pruned"]
    assert pruned
    assert not any(by.differs(best, one) or by.differs(one, best) for one in pruned)
    wider = SweepConfig(axes=(Axis(name="num_query", values=(5, 10)),), num_seeds=3)
    tasks = np.linspace(0.1, 2.0, 40)
    two = [
        result_of(
            wider, Setting(number, {"num_query": count}), [lane(s, (1 + number) * tasks) for s in range(3)], done=True
        )
        for number, count in enumerate((5, 10))
    ]
    assert Comparison(wider, two).difference(*two) is None


def test_a_setting_that_diverged_with_every_seed_is_worse_than_most_and_never_better() -> None:
    case = Case((ALPHA, STEPS), 3)
    results = drawn(case, np.random.default_rng(4))
    gone = [dataclasses.replace(one) for one in results]
    for number in (3, 8):
        lanes = tuple(one._replace(status="diverged", loss=math.inf, task_values=b"") for one in gone[number].lanes)
        gone[number] = result_of(sweep_of(case), Setting(number, results[number].values), lanes, done=True)
    by = Comparison(sweep_of(case), gone)
    assert by.differs(gone[0], gone[3])
    assert not by.differs(gone[3], gone[0])
    assert not by.differs(gone[3], gone[8])


def test_accuracies_are_compared_the_higher_the_better() -> None:
    sweep = SweepConfig(base=RunConfig(tasks=GlyphsConfig()), axes=(ALPHA,), num_seeds=3)
    random, results = np.random.default_rng(5), []
    for number, alpha in enumerate(ALPHA.values):
        lanes = []
        for seed in range(3):
            shares = np.clip(0.5 + 0.08 * number + random.normal(0.0, 0.05, 100) + random.normal(0.0, 0.005), 0.0, 1.0)
            mean = float(shares.mean())
            kept = shares.astype("<f4").tobytes()
            lanes.append(LaneResult(seed, "ok", 8, 1.0, 0.1, 1.6, mean, 0.01, 0.0, 0.0, math.nan, kept))
        results.append(result_of(sweep, Setting(number, {"alpha": alpha}), lanes, done=True))
    by = Comparison(sweep, results)
    assert by.differs(results[4], results[0])
    assert not by.differs(results[0], results[4])
    assert read(sweep, results)[0].startswith("The best of 5 settings is alpha = 0.3: held-out accuracy 8")


def test_the_same_results_are_read_the_same_again() -> None:
    case = Case((ALPHA, STEPS), 3)
    results = drawn(case, np.random.default_rng(6))
    found = [Comparison(sweep_of(case), results) for _ in range(2)]
    pairs = [[by.differs(one, other) for one in results for other in results] for by in found]
    assert pairs[0] == pairs[1]
    assert read(sweep_of(case), results) == read(sweep_of(case), results)


# --- Axes that change the held-out tasks ------------------------------------------------------------------------------

EXAMS = Axis(name="evaluation_tasks", values=(10, 100, 1000))


def judged_apart(case: Case, random: np.random.Generator) -> list[SettingResult]:
    """A table whose held-out tasks have losses of 1, 4 and 16 times as much, whatever the other axes."""
    sweep, found = sweep_of(case), []
    for one in drawn(case, random):
        factor = 4.0 ** EXAMS.values.index(one.values[EXAMS.name])
        lanes = [lane(each.seed, factor * each.by_task) for each in one.lanes]
        found.append(result_of(sweep, Setting(one.number, one.values), lanes, done=True))
    return found


def test_settings_that_are_judged_on_other_tasks_are_never_called_better() -> None:
    case, random = Case((EXAMS, ALPHA), 3), np.random.default_rng(0)
    sweep = sweep_of(case)
    for _ in range(20):
        results = judged_apart(case, random)
        first, *_, last = results
        by = Comparison(sweep, results)
        assert not by.are_judged_alike(first, last)
        assert by.difference(first, last) is None
        assert not by.differs(first, last)
        assert not by.trainings_differ(first, last)
        beside = Standings(sweep, results).against(first.number)
        assert {one.verdict for number, one in beside.items() if number >= len(ALPHA.values)} == {Verdict.OTHER_TASKS}
        assert all(math.isnan(beside[number].difference) for number in range(len(ALPHA.values), len(results)))
        sentences = read(sweep, results)
        assert sentences[0].startswith("Settings that differ in evaluation_tasks are judged on other held-out tasks")
        assert not any(
            " is better than " in one or "evaluation_tasks alone" in one or " at evaluation_tasks " in one
            for one in sentences
        )
        found = importance(sweep, results)
        assert found is not None
        assert [axis.axis for axis in found.axes] == ["alpha"]
        assert scores(sweep, results) is None


def test_among_those_that_have_their_tasks_in_common_an_effect_is_told_as_ever() -> None:
    """The tasks move the loss by a factor of 16, alpha by 2: importance is of what is left without the tasks."""
    case = Case((EXAMS, ALPHA), 3, effect=math.log(2.0))
    sweep = sweep_of(case)
    results = judged_apart(case, np.random.default_rng(1))
    best, worst_one = results[0], results[len(ALPHA.values) - 1]
    assert Comparison(sweep, results).differs(best, worst_one)
    sentences = read(sweep, results)
    assert [one.partition(":")[0] for one in sentences if one.startswith("With ")] == [
        f"With evaluation_tasks = {size} the best of 5 settings is alpha = 0.003" for size in EXAMS.values
    ]
    found = importance(sweep, results)
    assert found is not None
    (alpha,) = found.axes
    assert alpha.is_told
    assert alpha.share.value > 0.8
    assert not any(pair.is_told for pair in found.interactions)
    assert table(sweep, results)["not_told_from_best"].tolist()[:: len(ALPHA.values)] == [True] * 3


def test_of_tables_without_any_effect_but_the_tasks_few_make_a_claim() -> None:
    """As above: more than 6 of 40 would be chance once in 100 times."""
    case, random = Case((EXAMS, ALPHA), 3), np.random.default_rng(2)
    sweep = sweep_of(case)
    assert sum(claims(sweep, judged_apart(case, random)) for _ in range(40)) <= 6


def test_where_every_axis_changes_the_tasks_nothing_is_said_but_that() -> None:
    case = Case((EXAMS,), 3)
    sweep = sweep_of(case)
    results = judged_apart(case, np.random.default_rng(3))
    first, second = read(sweep, results)
    assert first.startswith("Settings that differ in evaluation_tasks are judged on other held-out tasks")
    assert second == "None of the 3 settings diverges."
    assert "how hard these are" in why_no_importance(sweep)
    assert "no best of all" in why_no_scores(sweep)
