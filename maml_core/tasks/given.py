"""Tasks that one has: the rows of a table, a task for each group of them, or tasks that a function or a `DataLoader` gives one after the other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from maml_core.datasets.imageset import Split
from maml_core.errors import ConfigError
from maml_core.records import Ints
from maml_core.rng import Stream, generator
from maml_core.tasks.family import SPLITS, which_of
from maml_core.types import Examples, Tasks

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

Task = Sequence[Any]
"""Support x and y, query x and y, as four arrays or tensors or as two pairs: of one task x [points, inputs], of several at once x [tasks, points,
inputs]."""

_AT_LEAST = 3
"""Groups that a table needs: one for each split."""


class TableTasks:
    """A table as tasks: the rows of one group are a task. A draw of it takes support and query points from them, none of them twice.

    Three groups in five are for training, one in five for validation and one in five for the test, at least one for each, unless it is said
    which; all groups of a split come equally often.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> user, x = np.repeat(np.arange(10), 30), rng.normal(size=(300, 2))
    >>> family = TableTasks(x, x[:, 0] * user, user)
    >>> family.draw_tasks(seed=0, stream=Stream.TRAINING_TASKS, num_tasks=4, shots=5, num_query=10).support.x.shape
    torch.Size([4, 5, 2])

    Args:
        x: Inputs, [rows, inputs], or [rows] of one.
        y: Targets, [rows, outputs] or [rows]; with `classes` their numbers, from 0 on.
        groups: Which task each row is of, [rows]: numbers or names.
        classes: How many classes there are; None for numbers.
        validation: Groups of the meta-validation split, by name; None for one in five.
        test: Groups of the meta-test split, by name; None for one in five.
        split_seed: Seed of which groups are held out.

    Raises:
        ValueError: Columns of different lengths, values that are missing or no numbers, fewer than three groups, or a split that has none.
    """

    def __init__(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        groups: npt.ArrayLike,
        *,
        classes: int | None = None,
        validation: Collection[Hashable] | None = None,
        test: Collection[Hashable] | None = None,
        split_seed: int = 0,
    ) -> None:
        of, self._x = np.asarray(groups), _columns("x", np.asarray(x))
        self._y = _targets(np.asarray(y), classes)
        if not len(self._x) == len(self._y) == len(of) or of.ndim != 1:
            raise ValueError(
                f"x has {len(self._x)} rows, y {len(self._y)} and groups {list(of.shape)}: give one target and one group for each row"
            )
        names, which = np.unique(of, return_inverse=True)
        if len(names) < _AT_LEAST:
            raise ValueError(
                f"there are {len(names)} groups; training, validation and test need one each at least: name the column that says which task a row is of"
            )
        self.groups = tuple(names.tolist())
        self.num_inputs, self.num_outputs = self._x.shape[1], self._y.shape[1]
        self._classes = classes
        order = np.argsort(which, kind="stable")
        self._size = np.bincount(which)
        self._rows = [order[end - size : end] for end, size in zip(np.cumsum(self._size), self._size, strict=True)]
        self.splits = _split(self.groups, validation, test, split_seed)

    @staticmethod
    def of_frame(frame: pd.DataFrame, *, group: str, target: str | list[str], **about: Any) -> TableTasks:
        """The tasks of a table of pandas: every column but `group` and `target` is an input.

        Args:
            frame: A row a point.
            group: The column that says which task a row is of.
            target: The column, or columns, to predict.
            about: As of `TableTasks`: classes, validation, test, split_seed.

        Raises:
            KeyError: There is no such column; says which are there.
            ValueError: As of `TableTasks`.
        """
        for name, columns in (("group", [group]), ("target", [target] if isinstance(target, str) else target)):
            if missing := [column for column in columns if column not in frame.columns]:
                raise KeyError(
                    f"{name} = {missing[0]!r}: the table has the columns {', '.join(map(str, frame.columns))}"
                )
        inputs = frame.drop(columns=[group, *([target] if isinstance(target, str) else target)])
        return TableTasks(inputs.to_numpy(), frame[target].to_numpy(), frame[group].to_numpy(), **about)

    def draw_tasks(
        self,
        *,
        seed: int,
        stream: Stream,
        index: int = 0,
        num_tasks: int,
        shots: int,
        num_query: int,
        among: int | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Tasks:
        """Tasks as `TaskFamily` promises them: of `among` the first so many groups of the split, in an order that the seed gives.

        Raises:
            ConfigError: A group has fewer rows than `shots` and `num_query` ask for, or `among` is more than there are groups.
        """
        own = self.splits[SPLITS[stream]]
        if among is None:
            drawn = (generator(seed, stream, index).random(num_tasks) * len(own)).astype(np.int64)
        elif among > len(own):
            raise ConfigError(
                "num_training_tasks", among, f"at most {len(own)}, the groups of training; or none, for all"
            )
        else:
            own = own[generator(seed, stream).permutation(len(own))]
            drawn = which_of(among, seed=seed, stream=stream, index=index, num_tasks=num_tasks)
        drawn = own[drawn]
        least = int(own[np.argmin(self._size[own])])
        if shots + num_query > self._size[least]:
            raise ConfigError(
                "num_query",
                num_query,
                f"shots + num_query at most {self._size[least]}, the rows of group {self.groups[least]!r}; ask for fewer, or leave out groups so small",
            )
        keys = generator(seed, stream, index, 1).random((num_tasks, int(self._size.max())))
        orders = [self._rows[of][np.argsort(key[: self._size[of]])] for of, key in zip(drawn, keys, strict=True)]
        # From both ends, so that more shots leave the query points as they are.
        support = np.array([order[:shots] for order in orders])
        query = np.array([order[::-1][:num_query] for order in orders])
        return Tasks(self._points(support, dtype), self._points(query, dtype), torch.empty(num_tasks, 0, dtype=dtype))

    def _points(self, rows: Ints, dtype: torch.dtype) -> Examples:
        return Examples(torch.tensor(self._x[rows], dtype=dtype), torch.tensor(self._y[rows], dtype=dtype))

    def probe_inputs(self, num_points: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """A grid over the range of one input; of more, rows of the table, [1, num_points, inputs]."""
        if self.num_inputs == 1:
            return torch.linspace(float(self._x.min()), float(self._x.max()), num_points, dtype=dtype).view(1, -1, 1)
        rows = generator(0, Stream.PROBE).integers(0, len(self._x), num_points)
        return torch.tensor(self._x[rows], dtype=dtype).unsqueeze(0)

    def zero_level(self) -> float:
        """Squared error of always saying 0 on training groups, each as much as another; of classes the cross-entropy of guessing."""
        return self._level(np.zeros(self.num_outputs))

    def non_adapting_level(self) -> float:
        """Squared error of the best number that is the same everywhere, on training groups; a network without adaptation may do better. Of classes
        the cross-entropy of guessing.
        """
        return self._level(np.mean([self._y[self._rows[of]].mean(0) for of in self.splits["meta_train"]], axis=0))

    def _level(self, constant: Floats) -> float:
        if self._classes is not None:
            return math.log(self._classes)
        own = self.splits["meta_train"]
        return float(np.mean([np.square(self._y[self._rows[of]] - constant).mean() for of in own]))


class StreamTasks:
    """Tasks that come one after the other, from a function or from any iterable, such as a `torch.utils.data.DataLoader`.

    A **function** takes a `numpy.random.Generator` and yields tasks: every outer step has a generator of its own, of the seed and the step, so the
    run replays bit for bit, and held-out tasks are those of other seeds. An **iterable** gives the tasks of one outer step after those of another,
    and begins again at its end; what it gives is not part of the run, so a replay, or a run that is gone on with, sees what it gives then.

    >>> def lines(rng):
    ...     while True:
    ...         x, slope = rng.uniform(-1.0, 1.0, (15, 1)), rng.normal()
    ...         yield x[:5], slope * x[:5], x[5:], slope * x[5:]
    >>> family = StreamTasks(lines)
    >>> family.draw_tasks(seed=0, stream=Stream.TRAINING_TASKS, num_tasks=4, shots=5, num_query=10).query.y.shape
    torch.Size([4, 10, 1])

    Args:
        tasks: A function from a generator of random numbers to an iterable of tasks, or an iterable of tasks (`Task`).
        held_out: An iterable of the tasks on which the curves are measured, the first of them; an iterable of tasks needs it.
        test: An iterable of the tasks of the meta-test split.
        classes: How many classes there are, where targets are their numbers; None for numbers.

    Raises:
        TypeError: `tasks` is neither, or gives no tasks.
        ValueError: Tasks of shapes that are none, or no tasks at all.
    """

    def __init__(
        self,
        tasks: Callable[[np.random.Generator], Iterable[Task]] | Iterable[Task],
        *,
        held_out: Iterable[Task] | None = None,
        test: Iterable[Task] | None = None,
        classes: int | None = None,
    ) -> None:
        self._classes = classes
        self._function = tasks if callable(tasks) and not isinstance(tasks, Iterable) else None
        if self._function is None and not isinstance(tasks, Iterable):
            raise TypeError(
                f"tasks is a {type(tasks).__name__}: a function of a random generator, or an iterable of tasks, is expected"
            )
        if self._function is None and held_out is None:
            raise ValueError("held_out = None: give other tasks, held_out=..., on which the curves are measured")
        self._training = None if self._function is not None else _Endless(self._each, tasks)  # type: ignore[arg-type]
        self._kept = {
            name: None if given is None else _Kept(self._each(given))
            for name, given in (("meta_validation", held_out), ("meta_test", test))
        }
        first = self._peek()
        self.num_inputs, self.num_outputs = first.support.x.shape[2], first.support.y.shape[2]
        self._some = first

    def draw_tasks(
        self,
        *,
        seed: int,
        stream: Stream,
        index: int = 0,
        num_tasks: int,
        shots: int,
        num_query: int,
        dtype: torch.dtype = torch.float32,
    ) -> Tasks:
        """The next tasks, or those of (seed, stream, index); of each the first `shots` support and `num_query` query points.

        Raises:
            ConfigError: There are too few tasks, or a task has fewer points.
            ValueError: A task has values that are missing or infinite.
        """
        split = SPLITS[stream]
        found = list(itertools.islice(self._source(split, seed, stream, index, num_tasks), num_tasks))
        if len(found) < num_tasks:
            raise ConfigError(
                "tasks", len(found), f"{num_tasks} are asked for ({split}); give more of them, or ask for fewer"
            )
        for name, asked, has in (
            ("shots", shots, min(one.support.x.shape[1] for one in found)),
            ("num_query", num_query, min(one.query.x.shape[1] for one in found)),
        ):
            if asked > has:
                raise ConfigError(
                    name, asked, f"at most {has}, what a task has; ask for {name}={has}, or give tasks with more points"
                )
        support = (torch.cat([getattr(one.support, part)[:, :shots] for one in found]).to(dtype) for part in "xy")
        query = (torch.cat([getattr(one.query, part)[:, :num_query] for one in found]).to(dtype) for part in "xy")
        drawn = Tasks(Examples(*support), Examples(*query), torch.empty(num_tasks, 0, dtype=dtype))
        for side, examples in (("support", drawn.support), ("query", drawn.query)):
            for part, values in zip("xy", examples, strict=True):
                if not bool(torch.isfinite(values).all()):
                    raise ValueError(
                        f"the {side} {part} of a task has missing or infinite values ({split}); leave such tasks out"
                    )
        return drawn

    def _source(self, split: Split, seed: int, stream: Stream, index: int, num_tasks: int) -> Iterator[Tasks]:
        kept = self._kept.get(split)
        if kept is not None:
            return kept.from_on(index * num_tasks)
        if self._function is not None:
            return self._each(self._function(generator(seed, stream, index)))
        if split == "meta_train":
            assert self._training is not None
            return iter(self._training)
        raise ConfigError(
            "test", None, "these tasks have no test split; give StreamTasks(..., test=...) other tasks for it"
        )

    def _peek(self) -> Tasks:
        """A task, which is given again."""
        if self._function is not None:
            first = next(self._each(self._function(generator(0, Stream.PROBE))), None)
        else:
            kept = self._kept["meta_validation"]
            assert kept is not None
            first = next(kept.from_on(0), None)
        if first is None:
            raise ValueError("there is no task: the function, or the iterable, gives none")
        return first

    def _each(self, given: Iterable[Task]) -> Iterator[Tasks]:
        """One task after the other, [1, points, ...], of those that come alone or several at once."""
        for item in given:
            parts = _four(item)
            tensors = [torch.as_tensor(part) for part in parts]
            several = tensors[0].ndim == 3
            xs, ys = [], []
            for x, y in (tensors[:2], tensors[2:]):
                points, targets = (x, y) if several else (x.unsqueeze(0), y.unsqueeze(0))
                if points.ndim == 2:
                    points = points.unsqueeze(2)
                if points.ndim != 3 or targets.ndim not in (2, 3) or targets.shape[:2] != points.shape[:2]:
                    raise ValueError(
                        f"a task's x has shape {list(x.shape)} and its y {list(y.shape)}, where [points, inputs] and [points, outputs] are expected, "
                        "or [tasks, points, ...] of several; lay images flat"
                    )
                xs.append(points)
                ys.append(self._shaped(targets))
            for at in range(len(xs[0])):
                (support_x, query_x), (support_y, query_y) = ([part[at : at + 1] for part in side] for side in (xs, ys))
                yield Tasks(Examples(support_x, support_y), Examples(query_x, query_y), torch.empty(1, 0))

    def _shaped(self, targets: Tensor) -> Tensor:
        """[tasks, points, outputs]; numbers of classes as ones and zeros."""
        if self._classes is None or targets.is_floating_point():
            return targets.unsqueeze(2) if targets.ndim == 2 else targets
        flat = targets if targets.ndim == 2 else targets.squeeze(2)
        return torch.tensor(_targets(flat.flatten().numpy(), self._classes)).view(*flat.shape, self._classes)

    def probe_inputs(self, num_points: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """A grid over the inputs of some task, of one input; of more, points of that task, [1, num_points, inputs]."""
        x = torch.cat([self._some.support.x, self._some.query.x], dim=1).to(dtype)
        if self.num_inputs == 1:
            return torch.linspace(float(x.min()), float(x.max()), num_points, dtype=dtype).view(1, -1, 1)
        return x[:, torch.arange(num_points) % x.shape[1]]

    def zero_level(self) -> float:
        """Squared error of always saying 0, on a few tasks; of classes the cross-entropy of guessing."""
        return self._level(0.0)

    def non_adapting_level(self) -> float:
        """Squared error of the best number that is the same everywhere, on a few tasks; of classes the cross-entropy of guessing."""
        return self._level(torch.cat([one.query.y for one in self._few()], dim=1).double().mean(1, keepdim=True))

    def _level(self, constant: float | Tensor) -> float:
        if self._classes is not None:
            return math.log(self._classes)
        found = float(np.mean([float((one.query.y.double() - constant).square().mean()) for one in self._few()]))
        if not math.isfinite(found):
            raise ValueError("the query y of a task has missing or infinite values; leave such tasks out")
        return found

    def _few(self) -> list[Tasks]:
        kept = self._kept["meta_validation"]
        given = kept.from_on(0) if kept is not None else self._source("meta_train", 0, Stream.PROBE, 0, 1)
        return list(itertools.islice(given, 200))


class _Endless:
    """An iterable that begins again at its end."""

    def __init__(self, each: Callable[[Iterable[Task]], Iterator[Tasks]], given: Iterable[Task]) -> None:
        self._each, self._given = each, given
        self._now = each(given)

    def __iter__(self) -> Iterator[Tasks]:
        return self

    def __next__(self) -> Tasks:
        found = next(self._now, None)
        if found is None:
            self._now = self._each(self._given)
            found = next(self._now, None)
        if found is None:  # a generator, which gives everything once
            raise ConfigError(
                "tasks",
                "an iterable",
                "it has come to its end and does not begin again; give a DataLoader, a list or a function",
            )
        return found


class _Kept:
    """Tasks that are kept when they are first asked for, so that they are always the same."""

    def __init__(self, given: Iterator[Tasks]) -> None:
        self._given, self._tasks = given, list[Tasks]()

    def from_on(self, first: int) -> Iterator[Tasks]:
        """The tasks from one of them on; past the end, as for another draw, they begin again."""
        for at in itertools.count(first):
            self._tasks += itertools.islice(self._given, max(0, at + 1 - len(self._tasks)))
            if at - first >= len(self._tasks) or not self._tasks:
                return
            yield self._tasks[at % len(self._tasks)]


def _columns(name: str, values: npt.NDArray[Any]) -> Floats:
    """[rows, width] of finite numbers."""
    try:
        found = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} holds what is no number ({error}); turn words into numbers first") from None
    found = found[:, None] if found.ndim == 1 else found
    if found.ndim != 2:
        raise ValueError(f"{name} has shape {list(values.shape)}, where [rows, width] is expected")
    if not np.isfinite(found).all():
        raise ValueError(
            f"{name} has {int((~np.isfinite(found)).any(1).sum())} rows with missing or infinite values; leave them out"
        )
    return found


def _targets(values: npt.NDArray[Any], classes: int | None) -> Floats:
    """[rows, outputs]; numbers of classes as ones and zeros."""
    found = _columns("y", values)
    if classes is None:
        return found
    if found.shape[1] != 1 or (found != found.round()).any() or found.min() < 0 or found.max() >= classes:
        raise ValueError(
            f"y is from {found.min():g} to {found.max():g}: the numbers of {classes} classes are whole, from 0 to {classes - 1}"
        )
    return np.eye(classes)[found[:, 0].astype(np.int64)]


def _four(item: Task) -> Sequence[Any]:
    """Support x and y, query x and y of what people write for a task."""
    if isinstance(item, tuple | list):
        if len(item) == 4:
            return item
        if len(item) == 2 and all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in item):
            return [*item[0], *item[1]]
    raise TypeError(
        f"a task is a {type(item).__name__}: (support x, support y, query x, query y), of arrays or tensors, is expected"
    )


def _split(
    groups: Sequence[Hashable], validation: Collection[Hashable] | None, test: Collection[Hashable] | None, seed: int
) -> dict[Split, Ints]:
    """Which groups each split has, by number."""
    number = {name: at for at, name in enumerate(groups)}
    named = [name for name in (*(validation or ()), *(test or ())) if name not in number]
    if named:
        raise ValueError(
            f"there is no group {named[0]!r}; there are {', '.join(map(repr, groups[:8]))}{', ...' if len(groups) > 8 else ''}"
        )
    order = generator(seed, Stream.CLASSES).permutation(len(groups)).tolist()
    taken = {number[name] for name in (*(validation or ()), *(test or ()))}
    free = [at for at in order if at not in taken]
    found: dict[Split, list[int]] = {}
    splits: tuple[tuple[Split, Collection[Hashable] | None], ...] = (
        ("meta_validation", validation),
        ("meta_test", test),
    )
    for split, chosen in splits:
        if chosen is None:
            count = max(1, len(groups) // 5)
            found[split], free = free[:count], free[count:]
        else:
            found[split] = sorted({number[name] for name in chosen})
    found["meta_train"] = free
    if empty := [split for split, own in found.items() if not own]:
        raise ValueError(f"{empty[0]} has no group; leave some for it")
    if set(found["meta_validation"]) & set(found["meta_test"]):
        raise ValueError("a group is both of validation and of test; name it once")
    return {split: np.array(sorted(own), dtype=np.int64) for split, own in found.items()}
