"""A setting of one's own code that is refused only inside a step, or where it is judged, is left out of its sweep, and the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from maml_core.config import PythonConfig, RunConfig, replace
from maml_core.errors import ConfigError, DataError, StateError
from maml_core.families.own import OwnCode
from maml_core.own_code import tasks_named
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.budget import budget
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.driver import run_sweep
from maml_core.sweeps.lane_refusals import attempted, why_refused
from maml_core.sweeps.lanes import Batch, Lanes, initial_lanes
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.study import open_study
from tests.maml_core.helpers import tiny
from tests.maml_core.own_module import own_module
from tests.maml_core.sweeps.own_sweep import BEYOND, FINE, IN_A_STEP, STRICT, WHERE_JUDGED, Here


@pytest.fixture(name="strict")
def _strict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with own_module(tmp_path, monkeypatch, STRICT) as name:
        yield name


def sweep_of(module: str, *alphas: float, num_seeds: int = 1) -> SweepConfig:
    settings = {"meta_batch_size": 2, "evaluation_tasks": 4, "evaluation_steps": 5, "dtype": "float64"}
    base = replace(RunConfig(), {"tasks": tasks_named(f"{module}:problem"), **settings})
    return SweepConfig(
        base=base, axes=(Axis(name="alpha", values=alphas),), num_steps=4, num_rungs=2, num_seeds=num_seeds
    )


def swept(module: str, name: str, *alphas: float, num_seeds: int = 1) -> tuple[SettingResult, ...]:
    sweep = sweep_of(module, *alphas, num_seeds=num_seeds)
    with open_study(sweep, name) as study:
        return run_sweep(sweep, study, Here(), at_once=1, problem=f"{module}:problem")


def test_what_is_refused_in_a_step_or_where_it_is_judged_is_left_out_and_the_rest_is_computed(strict: str) -> None:
    found = swept(strict, "all", FINE, WHERE_JUDGED, IN_A_STEP, num_seeds=2)
    assert [one.status for one in found] == ["ok", "refused", "refused"]
    (alone,) = swept(strict, "alone", FINE, num_seeds=2)
    assert found[0].value == pytest.approx(alone.value, rel=1e-12)
    for one in found[1:]:
        assert one.refusal == f"its own code fails in {strict}.py, line 16 (ValueError: {BEYOND})"
        assert not one.lanes


def test_a_sweep_goes_on_with_what_was_left_out(strict: str) -> None:
    before = swept(strict, "twice", FINE, IN_A_STEP)
    again = swept(strict, "twice", FINE, IN_A_STEP)
    assert [(one.status, one.refusal) for one in again] == [(one.status, one.refusal) for one in before]
    assert [one.status for one in again] == ["ok", "refused"]


def test_the_budget_is_of_those_that_can_be_computed_whichever_comes_first(strict: str) -> None:
    need = budget(sweep_of(strict, IN_A_STEP, FINE), Here(), at_once=1, code=OwnCode(f"{strict}:problem"))
    assert need.num_lanes == 2
    assert need.seconds > 0.0


def own() -> RunConfig:
    return replace(RunConfig(), {"tasks": PythonConfig(problem="mine:problem")})


@pytest.mark.parametrize("error", [MemoryError(), StateError("damaged"), DataError("missing", "no images")])
def test_what_says_nothing_of_a_setting_refuses_none(error: Exception) -> None:
    assert why_refused(own(), error) == ""


def test_mistakes_of_the_engine_itself_refuse_nothing_of_built_in_tasks() -> None:
    assert why_refused(RunConfig(), RuntimeError("a mistake")) == ""
    assert why_refused(own(), RuntimeError("a\n  mistake")) == "it cannot be computed (RuntimeError: a mistake)"
    refused = ConfigError("shots", 3, "2 at most")
    assert why_refused(RunConfig(), refused) == str(refused)


@pytest.fixture(name="batch", scope="module")
def _batch() -> Batch:
    return Batch.from_configs(tuple(tiny(joint_baseline=False, alpha=alpha) for alpha in (0.1, 0.2, 0.3)))


def refusing(*, lanes: tuple[int, ...] = (), together: int = 9) -> Callable[[Lanes], tuple[int, ...]]:
    """Refuses these lanes, and so many together."""

    def act(some: Lanes) -> tuple[int, ...]:
        if {*lanes} & {*some.places}:
            raise ConfigError("alpha", some.places, "others")
        if len(some.places) >= together:
            raise ConfigError("alpha", "all", "fewer")
        return some.places

    return act


@pytest.mark.parametrize(("lanes", "left"), [((), (0, 1, 2)), ((1,), (0, 2)), ((0, 2), (1,))])
def test_the_others_are_computed_together(batch: Batch, lanes: tuple[int, ...], left: tuple[int, ...]) -> None:
    found, attempt = attempted(batch, initial_lanes(batch), refusing(lanes=lanes))
    assert found == attempt.lanes.places == left
    assert tuple(one.lane for one in attempt.refused) == lanes


@pytest.mark.parametrize("act", [refusing(lanes=(0, 1, 2)), refusing(together=2), refusing(lanes=(0,), together=2)])
def test_where_none_is_left_all_are_refused_with_a_sentence(
    batch: Batch, act: Callable[[Lanes], tuple[int, ...]]
) -> None:
    found, attempt = attempted(batch, initial_lanes(batch), act)
    assert (found, attempt.lanes.places) == (None, ())
    assert [one.lane for one in attempt.refused] == [0, 1, 2]
    assert all("is not accepted" in one.why for one in attempt.refused)


def test_what_says_nothing_of_the_lanes_is_raised(batch: Batch) -> None:
    def act(_: Lanes) -> None:
        raise RuntimeError("a mistake")

    with pytest.raises(RuntimeError, match="a mistake"):
        attempted(batch, initial_lanes(batch), act)
