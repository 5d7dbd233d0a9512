"""Tasks that one has, a table with a column of groups or tasks one after the other: drawn as a family promises, and refused with what to do."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from maml_core.errors import ConfigError
from maml_core.models import ModuleModel
from maml_core.problem import Problem, held_out_tasks, training_tasks
from maml_core.rng import Stream
from maml_core.runs import advance, init_run, replay
from maml_core.tasks import StreamTasks, TableTasks, TaskFamily
from maml_core.types import Tasks
from tests.maml_core.helpers import same, tiny

ROWS, GROUPS = 20, 10
ABOUT: dict[str, Any] = {"seed": 3, "stream": Stream.TRAINING_TASKS, "num_tasks": 4, "shots": 5, "num_query": 6}


def table(**about: Any) -> TableTasks:
    """A table whose every number is another one, so that rows are recognised by their x, and their group by the thousands."""
    x = np.arange(GROUPS * ROWS, dtype=float).reshape(GROUPS, ROWS) % ROWS + 1000.0 * np.arange(GROUPS)[:, None]
    order = np.random.default_rng(0).permutation(x.size)
    return TableTasks(x.flatten()[order], -x.flatten()[order], np.repeat(np.arange(GROUPS), ROWS)[order], **about)


def lines(rng: np.random.Generator) -> Iterator[tuple[npt.NDArray[Any], ...]]:
    while True:
        x, slope = rng.uniform(-1.0, 1.0, (15, 1)), rng.normal()
        yield x[:7], slope * x[:7], x[7:], slope * x[7:]


FAMILIES: dict[str, TaskFamily] = {"table": table(), "function": StreamTasks(lines)}


def drawn(family: TaskFamily, **changes: Any) -> Tasks:
    return family.draw_tasks(**{**ABOUT, **changes})


@pytest.mark.parametrize("name", FAMILIES)
def test_tasks_are_of_seed_stream_and_index_alone(name: str) -> None:
    family = FAMILIES[name]
    assert same(drawn(family), drawn(family))
    for other in ({"seed": 4}, {"index": 1}, {"stream": Stream.HELD_OUT_TASKS}):
        assert not torch.equal(drawn(family, **other).support.x, drawn(family).support.x)


@pytest.mark.parametrize("name", FAMILIES)
def test_fewer_are_a_prefix_of_more_and_support_leaves_query_alone(name: str) -> None:
    family, more = FAMILIES[name], drawn(FAMILIES[name])
    assert same(drawn(family, shots=2).query, more.query)
    assert torch.equal(drawn(family, shots=2).support.x, more.support.x[:, :2])
    assert torch.equal(drawn(family, num_query=2).query.x, more.query.x[:, :2])
    assert torch.equal(drawn(family, num_tasks=2).support.x, more.support.x[:2])


def test_a_task_of_a_table_has_rows_of_one_group_each_of_them_once() -> None:
    tasks = drawn(table(), num_tasks=50, shots=12, num_query=8)
    for x in torch.cat([tasks.support.x, tasks.query.x], dim=1)[..., 0]:
        assert sorted((x % 1000).tolist()) == list(range(20))
        assert len((x // 1000).unique()) == 1
    assert torch.equal(tasks.support.y, -tasks.support.x)


def test_groups_are_held_out() -> None:
    family = table()
    groups = {
        stream: set((drawn(family, stream=stream, num_tasks=300).support.x[:, 0, 0] // 1000).int().tolist())
        for stream in (Stream.TRAINING_TASKS, Stream.HELD_OUT_TASKS, Stream.TEST_TASKS)
    }
    assert [len(own) for own in groups.values()] == [6, 2, 2]
    assert set.union(*groups.values()) == set(range(GROUPS))
    assert table(split_seed=1).splits["meta_test"].tolist() != family.splits["meta_test"].tolist()


def test_groups_that_are_named_are_held_out() -> None:
    family = table(validation=[7], test=[1, 2])
    assert [family.splits[split].tolist() for split in ("meta_validation", "meta_test")] == [[7], [1, 2]]  # type: ignore[index]
    assert drawn(family, stream=Stream.HELD_OUT_TASKS).support.x.min() >= 7000


def test_a_fixed_number_of_training_tasks_is_so_many_groups() -> None:
    config = tiny(num_training_tasks=2, joint_baseline=False)
    problem = Problem(family=table(), model=ModuleModel(nn.Linear(1, 1)))
    seen = torch.cat([training_tasks(config, problem, step).support.x[:, 0, 0] // 1000 for step in range(20)])
    assert len(seen.unique()) == 2
    with pytest.raises(ConfigError, match="at most 6, the groups of training"):
        drawn(table(), among=7)


def test_levels_of_a_table() -> None:
    x = np.zeros((40, 2))
    y = np.repeat([1.0, 3.0, 100.0, 1000.0], 10)
    family = TableTasks(x, y, y, validation=[100.0], test=[1000.0])
    assert family.zero_level() == pytest.approx((1 + 9) / 2)
    assert family.non_adapting_level() == pytest.approx(1.0)
    assert TableTasks(x, y > 3, y, classes=2).zero_level() == pytest.approx(math.log(2))


def test_a_frame_is_its_columns() -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(40, 3)), columns=["a", "b", "y"]).assign(who=list("pqrs") * 10)
    one = TableTasks.of_frame(frame, group="who", target="y", split_seed=2)
    other = TableTasks(frame[["a", "b"]].to_numpy(), frame.y.to_numpy(), frame.who.to_numpy(), split_seed=2)
    assert one.groups == ("p", "q", "r", "s")
    assert same(drawn(one, shots=2, num_query=3), drawn(other, shots=2, num_query=3))
    for wrong in ({"group": "zz", "target": "y"}, {"group": "who", "target": ["y", "zz"]}):
        with pytest.raises(KeyError, match="= 'zz': the table has the columns a, b, y, who"):
            TableTasks.of_frame(frame, **wrong)  # type: ignore[arg-type]  # one of each kind


def test_classes_of_a_table_are_ones_and_zeros() -> None:
    family = TableTasks(np.zeros(30), np.arange(30) % 3, np.repeat(np.arange(3), 10), classes=3)
    y = drawn(family, shots=9, num_query=1).support.y
    assert y.shape == (4, 9, 3)
    assert y.sum(2).eq(1.0).all()


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"y": np.zeros(39)}, "x has 40 rows, y 39 and groups [40]"),
    ({"groups": np.zeros(40)}, "there are 1 groups; training, validation and test need one each at least"),
    ({"x": np.full((40, 2), np.nan)}, "x has 40 rows with missing or infinite values; leave them out"),
    ({"x": np.full(40, "red")}, "x holds what is no number"),
    ({"classes": 2, "y": np.arange(40)}, "the numbers of 2 classes are whole, from 0 to 1"),
    ({"validation": [9]}, "there is no group 9; there are 0, 1, 2, 3"),
    ({"validation": [0], "test": [0]}, "a group is both of validation and of test"),
    ({"validation": [0, 1], "test": [2, 3]}, "meta_train has no group"),
]


@pytest.mark.parametrize(("changes", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_a_table_that_is_none_is_refused(changes: dict[str, Any], said: str) -> None:
    whole = {"x": np.zeros((40, 2)), "y": np.zeros(40), "groups": np.arange(40) % 4}
    with pytest.raises(ValueError, match=said.replace("[", r"\[")):
        TableTasks(**{**whole, **changes})


def test_more_points_than_a_group_has_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"shots \+ num_query at most 20, the rows of group \d"):
        drawn(table(), shots=12, num_query=9)


def loaders(batch_size: int | None = 4) -> tuple[StreamTasks, torch.Tensor]:
    """Tasks whose every x is the number of the task: 40 of training, 20 held out."""
    x = torch.arange(60.0).view(60, 1, 1).expand(60, 15, 1)
    whole = TensorDataset(x[:, :7], -x[:, :7], x[:, 7:], -x[:, 7:])
    training = DataLoader(whole, batch_size=batch_size, sampler=range(40))
    return StreamTasks(training, held_out=DataLoader(whole, batch_size=3, sampler=range(40, 60))), x


@pytest.mark.parametrize("batch_size", [None, 1, 4, 7])
def test_a_loader_gives_its_tasks_in_order_and_begins_again(batch_size: int | None) -> None:
    family, _ = loaders(batch_size)
    seen = [int(of) for _ in range(15) for of in drawn(family).query.x[:, 0, 0]]
    assert seen == list(itertools.islice(itertools.cycle(range(40)), 60))
    assert drawn(family).query.x.shape == (4, 6, 1)


def test_held_out_tasks_of_a_loader_are_always_the_same() -> None:
    family, _ = loaders()
    for count in (5, 20, 5):
        held_out = drawn(family, stream=Stream.HELD_OUT_TASKS, num_tasks=count)
        assert held_out.support.x[:, 0, 0].tolist() == list(range(40, 40 + count))
        assert torch.equal(held_out.support.y, -held_out.support.x)


def test_what_a_stream_has_not_is_refused() -> None:
    family, _ = loaders()
    with pytest.raises(ConfigError, match=r"tasks = 20 .* 21 are asked for \(meta_validation\)"):
        drawn(family, stream=Stream.HELD_OUT_TASKS, num_tasks=21)
    with pytest.raises(ConfigError, match="these tasks have no test split"):
        drawn(family, stream=Stream.TEST_TASKS)
    with pytest.raises(ConfigError, match="shots = 8 is not accepted: at most 7"):
        drawn(family, shots=8)
    with pytest.raises(ValueError, match="held_out = None: give other tasks"):
        StreamTasks([])
    with pytest.raises(ValueError, match="there is no task"):
        StreamTasks([], held_out=[])
    with pytest.raises(TypeError, match="a function of a random generator, or an iterable"):
        StreamTasks(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a task is a int"):
        StreamTasks(lambda _: [3])  # type: ignore[arg-type, list-item]
    with pytest.raises(ValueError, match=r"a task's x has shape \[2, 3, 4, 5\]"):
        StreamTasks(lambda _: [(torch.zeros(2, 3, 4, 5), torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(2, 3))])


def test_a_generator_that_has_come_to_its_end_says_so() -> None:
    given = list(itertools.islice(lines(np.random.default_rng(0)), 6))
    family = StreamTasks((task for task in given), held_out=given)
    assert drawn(family).query.x.shape == (4, 6, 1)
    with pytest.raises(ConfigError, match="it has come to its end and does not begin again"):
        drawn(family)


def test_pairs_and_classes_are_tasks_too() -> None:
    x, y = torch.zeros(6, 2), torch.arange(6) % 3
    family = StreamTasks(lambda _: [((x, y), (x, y))] * 4, classes=3)
    tasks = drawn(family)
    assert tasks.support.y[0].tolist() == torch.eye(3)[y[:5]].tolist()
    assert family.zero_level() == pytest.approx(math.log(3))


def test_a_run_of_a_function_replays_bit_for_bit_however_it_is_cut() -> None:
    config = tiny(joint_baseline=False)
    problem = Problem(family=StreamTasks(lines), model=ModuleModel(nn.Linear(1, 1)))
    whole = replay(config, [], num_steps=9, problem=problem)[1]
    again = dataclasses.replace(problem, family=StreamTasks(lines))
    state, _ = advance(config, init_run(config, problem=again), num_steps=4, problem=again)
    state, _ = advance(config, state, num_steps=5, problem=again)
    assert same(state, whole)
    assert held_out_tasks(config, problem).support.x.shape == (4, 4, 1)
