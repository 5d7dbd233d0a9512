"""One axis of a sweep: which field it is of, the values it takes, and how people write it down. Nothing here imports torch."""

from __future__ import annotations

import dataclasses
import re
import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from maml_core.config import ALIASES, SHORT_NAMES, PythonConfig, RunConfig, from_dict, to_dict
from maml_core.errors import ConfigError
from maml_core.field_names import field_name
from maml_core.plain import plain
from maml_core.settings import checked, hints_of, members_of
from maml_core.sweeps.number_lists import deeper, is_pair, pair_of, widths
from maml_core.traits import TRAITS
from maml_core.values import Span, parsed, shown, written
from maml_core.wording import one_of

Value = int | float | str | bool | None
"""What a field of a config is set to by an axis."""

MAX_VALUES = 10_000
"""Values of one axis."""

WIDTHS = "model.hidden_widths"
"""A whole number stands for every hidden layer of the base, a text such as ``40x20`` for the layers one by one."""

DEPTH = "model.depth"
"""How many hidden layers a fully connected network has, each of the width of the base's first, or of `WIDTHS`; no field of its own."""

NAMES = {**SHORT_NAMES, "width": WIDTHS, "depth": DEPTH, "meta_batch": "meta_batch_size"}
"""Short names of fields, as people write them; a field of the tasks or the model has its own without the dot too."""

WITHOUT_EFFECT = {
    "joint_baseline": "baselines are not trained in a sweep",
    "oracle_baseline": "baselines are not trained in a sweep",
    "evaluate_every": "a sweep measures at its rungs",
    "evaluation_steps": "a sweep judges after N inner steps; N_eval has a map of its own",
}
"""Fields that would change no setting's result, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One field of the base set-up and the values it takes.

    Either `values` are given (any order-able or categorical field), or `low` and `high` (numbers, for samplers that draw).
    """

    kind: Literal["axis"] = "axis"
    name: str
    """The field, dotted where it is of the tasks or the model: ``alpha``, ``tasks.difficulty``, ``model.num_filters``."""
    values: tuple[Value, ...] = ()
    """The values of a grid, each once; for a sampler that draws, the choices."""
    low: float | None = None
    """Where a sampler that draws begins, where there are no `values`; finite, and above 0 with `log`."""
    high: float | None = None
    """Where it ends: finite, above `low`."""
    log: bool = False
    """Draw on a logarithmic scale; the map shows it so."""
    only_with: str = ""
    """Another axis, for some of whose values alone this one counts; empty where it always does. Elsewhere there is one setting, with the base's
    value, which stands as None."""
    only_at: tuple[Value, ...] = ()
    """Those values."""

    def __post_init__(self) -> None:
        self._check_condition()
        values = plain(self.values)
        object.__setattr__(self, "values", tuple(map(plain, values)) if isinstance(values, tuple | list) else values)
        object.__setattr__(self, "low", plain(self.low))
        object.__setattr__(self, "high", plain(self.high))
        there = self.values if isinstance(self.values, tuple) else ()
        for value in there:
            if _is_beyond(value):
                raise ConfigError(self.name, value, "finite numbers; leave it out")
        if not isinstance(self.values, tuple) or not all(_is_value(value) for value in self.values):
            raise ConfigError(self.name, self.values, "a list of numbers, texts, true, false or none")
        if self.values and (self.low is not None or self.high is not None):
            raise ConfigError(self.name, self.values, "an axis has values or a range from low to high; leave one out")
        if not self.values:
            self._check_range()
        if len(self.values) > MAX_VALUES:
            raise ConfigError(self.name, f"{len(self.values):,} values", f"at most {MAX_VALUES:,} values; take fewer")
        seen: set[Value] = set()
        for value in self.values:
            if value in seen:
                raise ConfigError(self.name, value, "every value once; it is there twice")
            seen.add(value)
        if self.log and (wrong := [value for value in self.values if not (is_number(value) and value > 0)]):  # type: ignore[operator]
            raise ConfigError(self.name, wrong[0], "numbers above 0 on a logarithmic axis; leave log out, or the value")

    def _check_condition(self) -> None:
        only_at = plain(self.only_at)
        object.__setattr__(
            self, "only_at", tuple(map(plain, only_at)) if isinstance(only_at, tuple | list) else only_at
        )
        if not self.only_with:
            return
        if not self.only_at or not all(_is_value(value) for value in self.only_at):
            raise ConfigError(self.name, self.only_at, f"the values of {self.only_with} with which it counts")
        if not self.values or None in self.values:
            raise ConfigError(
                self.name, self.values, "values, none of them none, of an axis that counts for some values of another"
            )

    def _check_range(self) -> None:
        low, high = self.low, self.high
        if low is None and high is None:
            raise ConfigError(self.name, (), "an axis needs values, or low and high; give at least one value")
        if not (is_number(low) and is_number(high)) or not low < high:  # type: ignore[operator]
            raise ConfigError(self.name, Span(low, high), "two finite numbers, low below high")
        if self.log and low <= 0:  # type: ignore[operator]
            raise ConfigError(self.name, low, "a logarithmic axis begins above 0; leave log out, or begin later")
        if self.log and not is_number(high / low):  # type: ignore[operator]
            accepted = f"it is too small for a logarithmic axis that ends at {written(high)}; begin later"
            raise ConfigError(self.name, low, accepted)

    @property
    def ends(self) -> tuple[float, float]:
        """Low and high, of an axis without values."""
        if self.low is None or self.high is None:
            raise ValueError(f"{self.name} has values and no range")
        return self.low, self.high

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers, so that they have an order and distances; never where it does not count for every setting."""
        return not self.only_with and all(is_number(value) for value in self.values)

    def counts(self, values: Mapping[str, Value]) -> bool:
        """Whether it counts beside these values of the other axes."""
        return not self.only_with or values[self.only_with] in self.only_at


def _is_value(value: Any) -> bool:
    return value is None or isinstance(value, bool | str) or is_number(value)


def _is_beyond(value: Any) -> bool:
    """Whether a value is a number that no float holds, or none at all as a computer has it: infinity, nan."""
    return isinstance(value, int | float) and not isinstance(value, bool) and not is_number(value)


def is_number(value: Any) -> bool:
    """Whether a value is a finite number (true and false are none)."""
    # Not `math.isfinite`: it fails for a whole number beyond the largest float.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


class Field(NamedTuple):
    """Where a name of an axis points to in a set-up."""

    path: tuple[str, ...]
    hint: Any
    owner: type[Any]
    """The config class that has it."""


def field_of(base: RunConfig, name: str) -> Field:
    """The field that an axis is of.

    Raises:
        ConfigError: There is none of this name in the base's set-up, or it cannot vary along an axis.
    """
    if name == DEPTH and "model" in _parts(base) and hasattr(base.model, "hidden_widths"):
        return Field(("model", "depth"), int, type(base.model))
    path = tuple(name.split("."))
    owner: type[Any] = RunConfig
    for part in path[:-1]:
        member = getattr(base, part, None) if len(path) == 2 and part in _parts(base) else None
        if not dataclasses.is_dataclass(member):
            raise ConfigError(name, name, f"no such field; {_near(base, name)}")
        owner = type(member)
    if path[-1] not in owner.__dataclass_fields__:
        raise ConfigError(name, name, f"no such field; {_near(base, name)}")
    hint = hints_of(owner)[path[-1]]  # type: ignore[arg-type]  # classes hash
    if name in WITHOUT_EFFECT:
        raise ConfigError(name, name, f"it changes no result: {WITHOUT_EFFECT[name]}. Take another field")
    if not _can_vary(path[-1], hint):
        raise ConfigError(name, name, f"it stands for several fields, so it cannot be an axis; {_choices(base)}")
    return Field(path, hint, owner)


def _can_vary(name: str, hint: Any) -> bool:
    return name != "kind" and not any(dataclasses.is_dataclass(member) for member in members_of(hint))


def axis_names(base: RunConfig) -> tuple[str, ...]:
    """Every field that can be an axis of this set-up."""
    names = [f.name for f in dataclasses.fields(RunConfig) if _can_vary(f.name, hints_of(RunConfig)[f.name])]
    for part in _parts(base):
        cls = type(getattr(base, part))
        names += [f"{part}.{f.name}" for f in dataclasses.fields(cls) if _can_vary(f.name, hints_of(cls)[f.name])]  # type: ignore[arg-type]
    if "model" in _parts(base) and hasattr(base.model, "hidden_widths"):
        names.append(DEPTH)
    return tuple(name for name in names if name not in WITHOUT_EFFECT)


def _parts(base: RunConfig) -> tuple[str, ...]:
    """The configs within a set-up that have settings; the code of a problem of one's own has none."""
    return () if isinstance(base.tasks, PythonConfig) else ("tasks", "model")


def _choices(base: RunConfig) -> str:
    return f"an axis is one of {', '.join(axis_names(base))}"


def _near(base: RunConfig, name: str) -> str:
    """What may have been meant by a name that no field has; by one that people write, and only a field's own will do, that."""
    if (full := full_name(base, name)) != name and full in axis_names(base):
        return f"did you mean {full!r}?"
    known = dict.fromkeys([*NAMES, *axis_names(base), *(full.rpartition(".")[2] for full in axis_names(base))])
    guess = one_of(known, name)
    return guess if guess.startswith("did you") else _choices(base)


def full_name(base: RunConfig, name: str) -> str:
    """The field's name of what people write: ``N``, ``num-filters``, ``difficulty``.

    >>> [full_name(RunConfig(), name) for name in ("N", "noise-std", "meta-batch", "α")]
    ['num_inner_steps', 'tasks.noise_std', 'meta_batch_size', 'alpha']
    """
    name = field_name(name.replace("-", "_"))
    if name in NAMES:
        return NAMES[name]
    if name in RunConfig.__dataclass_fields__:
        return name
    return next((full for full in axis_names(base) if full.endswith(f".{name}")), name)


def label(name: str) -> str:
    """A field's name as people read it.

    >>> label("num_inner_steps"), label("tasks.noise_std"), label("alpha")
    ('N', 'noise_std', 'alpha')
    """
    short = {full: short for short, full in NAMES.items()}
    return short.get(name, name.rsplit(".", 1)[-1])


_NAMED = frozenset(
    f"{part}.{field}"
    for part in ("tasks", "model")
    for member in members_of(hints_of(RunConfig)[part])
    for field, hint in hints_of(member).items()
    if hint is str
)
"""Fields whose values people name."""


def in_sentence(name: str, value: Value) -> str:
    """A field's value in a sentence: what people name stands in quotes, as any name does.

    >>> in_sentence("alpha", 0.00316227), in_sentence("algorithm", "anil"), in_sentence("tasks.folder", "/data/my alpha")
    ('0.003162', 'anil', "'/data/my alpha'")
    """
    return repr(value) if name in _NAMED else shown(value)


def setting_words(values: Mapping[str, Value]) -> str:
    """Fields and their values in a sentence.

    >>> setting_words({"alpha": 0.1, "num_inner_steps": 5})
    'alpha = 0.1, N = 5'
    """
    return ", ".join(f"{label(name)} = {in_sentence(name, value)}" for name, value in values.items())


def checked_axis(axis: Axis, base: RunConfig) -> Axis:
    """The axis with its values as the field holds them (an alpha of 1 is 1.0).

    Raises:
        ConfigError: No such field, or a value that it does not accept.
    """
    where = field_of(base, axis.name)
    if not axis.values:
        if _number_type(where.hint) is None:
            raise ConfigError(axis.name, Span(axis.low, axis.high), "only numbers have a range; give values")
        for end in (axis.low, axis.high):
            if end is None or (_number_type(where.hint) is int and not float(end).is_integer()):
                raise ConfigError(axis.name, end, "whole numbers as low and high")
            _held(axis.name, int(end) if _number_type(where.hint) is int else end, where)
        return axis
    clean = tuple(_held(axis.name, value, where) for value in axis.values)
    return axis if repr(clean) == repr(axis.values) else dataclasses.replace(axis, values=clean)  # 1 == 1.0


def whole_numbers(base: RunConfig, axis: Axis) -> bool:
    """Whether the field takes whole numbers only."""
    return _number_type(field_of(base, axis.name).hint) is int


def _number_type(hint: Any) -> type[Any] | None:
    if isinstance(hint, types.UnionType):
        hint = next(member for member in members_of(hint) if member is not type(None))
    if typing.get_origin(hint) is tuple:
        return None if is_pair(hint) else int
    return hint if hint in (int, float) else None


def _held(name: str, value: Value, where: Field) -> Value:
    if where.path[-1] == "algorithm" and value in ALIASES:
        return value
    try:
        if name == DEPTH:
            checked("hidden_widths", (1,) * _layers(value), hints_of(where.owner)["hidden_widths"], where.owner)  # type: ignore[arg-type]
            return value
        if is_pair(where.hint) and value is not None:
            low, high = checked(where.path[-1], pair_of(value), where.hint, where.owner)
            return f"{written(low)}..{written(high)}"
        if name == WIDTHS:
            checked(where.path[-1], widths(value, 1), where.hint, where.owner)
            return value
        held: Value = checked(where.path[-1], value, where.hint, where.owner)
        return held
    except ConfigError as error:
        known = error.accepted
        if where.path[-1] == "algorithm":
            known = one_of((*typing.get_args(where.hint), *ALIASES), value)
        raise ConfigError(name, value, known) from None


MOST_LAYERS = 8
"""Hidden layers of a network on an axis."""


def _layers(value: Value) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_LAYERS:
        raise ConfigError(DEPTH, value, f"a whole number from 0 to {MOST_LAYERS}")
    return value


def with_values(base: RunConfig, values: Mapping[str, Value]) -> RunConfig:
    """The base set-up with the values of a setting.

    Raises:
        ConfigError: The set-up refuses them.
    """
    data = to_dict(base)
    for name, value in values.items():
        path = name.split(".")
        if name == DEPTH:
            continue  # it is of the widths, whichever come first
        hint = hints_of(RunConfig)[name] if len(path) == 1 else hints_of(type(getattr(base, path[0])))[path[1]]  # type: ignore[arg-type]
        if value is None and type(None) not in members_of(hint):
            continue  # an axis that does not count here
        if isinstance(value, str) and is_pair(hint):
            value = list(pair_of(value))  # type: ignore[assignment]
        if name == "algorithm" and isinstance(value, str):
            data |= ALIASES.get(value, {name: value})
        elif name == WIDTHS:
            data["model"]["hidden_widths"] = widths(value, len(data["model"]["hidden_widths"]) or 1)
        elif len(path) == 1:
            data[name] = value
        else:
            data[path[0]][path[1]] = value
    if (depth := values.get(DEPTH)) is not None:
        layers = deeper(data["model"]["hidden_widths"], _layers(depth))
        if layers is None:
            raise ConfigError(DEPTH, depth, "hidden layers of one width; take the widths one by one, or one width")
        data["model"]["hidden_widths"] = layers
    return from_dict(data)


def steps_by_alpha(base: RunConfig, values: Mapping[str, Value]) -> bool:
    """Whether alpha is the size of a setting's inner steps, so that the stability limit can be held against it: there are steps, and no rates are
    learned.

    >>> [steps_by_alpha(RunConfig(), values) for values in ({"alpha": 0.1}, {"algorithm": "meta_sgd"}, {"num_inner_steps": 0})]
    [True, False, False]
    """
    # Without the set-up, which takes 0.3 ms to check: every frame asks it of every setting.
    algorithm = values.get("algorithm") or base.algorithm
    named: Mapping[str, Any] = ALIASES.get(str(algorithm), {"algorithm": algorithm})

    def value(name: str) -> Any:
        found = values.get(name)
        return found if found is not None else named.get(name, getattr(base, name))

    learns = TRAITS[named["algorithm"]].learns == "rates" or value("per_step_rates")
    return not learns and value("num_inner_steps") > 0


_RANGE = re.compile(r"(?P<low>[^:,]+?)\.\.(?P<high>[^:,]+)(?P<rest>(:[^:,]*)*)")


def axis_from_text(text: str, base: RunConfig) -> Axis:
    """An axis as people write it: ``alpha=0.001..1:log:8``, ``N=1,5,10``, ``beta=1e-4..1e-2:log``, ``algorithm=maml,fomaml``.

    A range with a number of values is those values, evenly spaced; one without is what samplers draw from, and of a field
    of whole numbers all of them. Of a field that holds the ends of a range each value is one: ``amplitude=0.1..5,0.1..1``. What follows ``if``
    says with which values of another axis it counts: ``proximal=0.1,1 if algorithm=imaml``.

    >>> axis_from_text("alpha=0.001..1:log:4", RunConfig()).values
    (0.001, 0.01, 0.1, 1.0)

    Raises:
        ConfigError: It says nothing that can be understood, or something that the field does not accept.
    """
    text, _, condition = text.partition(" if ")
    short, equals, spec = text.partition("=")
    name, spec = full_name(base, short.strip()), spec.strip()
    if not equals or not short.strip():
        example = "NAME=VALUES is expected, for example alpha=0.001..1:log:8 or N=1,5,10"
        raise ConfigError("axis", text, example)
    where = field_of(base, name)
    log = False
    if is_pair(where.hint):
        words = [word.strip() for word in spec.split(",")] if spec else []
        axis = Axis(name=name, values=tuple(None if word.lower() == "none" else word for word in words))
    elif match := _RANGE.fullmatch(spec):
        axis = _range(name, text, match, whole=_number_type(where.hint) is int)
    else:
        if spec.endswith(":log"):
            log, spec = True, spec.removesuffix(":log")
        words = [word.strip() for word in spec.split(",")] if spec else []
        axis = Axis(name=name, values=tuple(parsed(word, _one(where.hint)) for word in words), log=log)
    axis = checked_axis(axis, base)
    return _with_condition(axis, condition.strip(), base) if condition.strip() else axis


def _with_condition(axis: Axis, condition: str, base: RunConfig) -> Axis:
    short, equals, spec = condition.partition("=")
    name = full_name(base, short.strip())
    if not equals or not spec.strip() or not short.strip():
        accepted = "after if another axis and its values, for example proximal=0.1,1 if algorithm=imaml"
        raise ConfigError(axis.name, condition, accepted)
    other = axis_from_text(f"{name}={spec.strip()}", base)
    return dataclasses.replace(axis, only_with=name, only_at=other.values)


def axis_text(axis: Axis) -> str:
    """An axis as `axis_from_text` reads it.

    >>> axis_text(Axis(name="num_inner_steps", values=(1, 5))), axis_text(Axis(name="alpha", low=0.1, high=1.0, log=True))
    ('num_inner_steps=1,5', 'alpha=0.1..1:log')
    """
    if axis.values:
        what = ",".join(written(value) for value in axis.values)
    else:
        low, high = axis.ends
        what = f"{written(low)}..{written(high)}"
    text = f"{axis.name}={what}{':log' if axis.log else ''}"
    if not axis.only_with:
        return text
    return f"{text} if {axis.only_with}={','.join(written(value) for value in axis.only_at)}"


def _range(name: str, text: str, match: re.Match[str], *, whole: bool) -> Axis:
    try:
        low, high = float(match["low"]), float(match["high"])
        log, count = False, None
        for part in match["rest"].split(":")[1:]:
            if part == "log" and not log:
                log = True
            elif count is None:
                count = int(part)
            else:
                raise ValueError(part)
    except ValueError:
        raise ConfigError(name, text, "LOW..HIGH, with :log and the number of values where wanted") from None
    axis = Axis(name=name, low=low, high=high, log=log)
    if count is None:
        return axis
    if not 1 < count <= MAX_VALUES:
        raise ConfigError(name, count, f"from 2 to {MAX_VALUES:,} values in a range")
    return Axis(name=name, values=spaced(low, high, count, log=log, whole=whole), log=log)


def spaced(low: float, high: float, count: int, *, log: bool, whole: bool) -> tuple[int | float, ...]:
    """Evenly spaced values from low to high, to four digits where that tells them apart; whole ones may be fewer, each once.

    >>> spaced(1, 8, 4, log=True, whole=True)
    (1, 2, 4, 8)
    """
    shares = [index / (count - 1) for index in range(count)]
    inner = [low * (high / low) ** share if log else low + (high - low) * share for share in shares]
    if whole:
        return tuple(dict.fromkeys(round(value) for value in inner))
    short = dict.fromkeys((low, *(float(f"{value:.4g}") for value in inner[1:-1]), high))
    return tuple(short) if len(short) == count else (low, *inner[1:-1], high)


def _one(hint: Any) -> Any:
    """The type of one value of an axis: hidden widths are given as one number for all of them, or as a text."""
    return int if typing.get_origin(hint) is tuple else hint
