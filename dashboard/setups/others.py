"""What a run can be compared with: the same set-up, with one thing changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from dashboard.setups import limits
from dashboard.setups.algorithms import NAMES, Choice, Chosen, choice_of, chosen, name_of, why_no_order
from maml_core.config import CHANGEABLE, RunConfig, changed, learns_rates, replace
from maml_core.errors import ConfigError

_Change = Callable[[RunConfig], Chosen]


class Other(NamedTuple):
    """A set-up beside that of a run."""

    name: str
    """What the page calls it."""
    beside: str
    """What it then calls the run itself."""
    config: RunConfig
    notes: tuple[str, ...] = ()
    """A sentence for each setting that had to change besides."""


def _jointly(config: RunConfig) -> Chosen:
    """Pretraining on all tasks jointly is MAML with an alpha of 0; held-out tasks adapt as they do in the run."""
    as_maml = chosen(config, "maml")
    changes = {"alpha": 0.0, "test_alpha": config.alpha_at_test, "order": "first"}
    return Chosen(replace(as_maml.config, changes), as_maml.notes)


def _algorithm(choice: Choice) -> _Change:
    return lambda config: chosen(config, choice)


def _setting(name: str, value: Callable[[Any], Any]) -> _Change:
    return lambda config: Chosen(replace(config, {name: value(getattr(config, name))}))


def _seeds(config: RunConfig) -> Chosen:
    return Chosen(replace(config, {name: getattr(config, name) + 1 for name in ("weights_seed", "tasks_seed")}))


def _first_order(config: RunConfig) -> Chosen:
    if why := why_no_order(config):
        raise ValueError(why)
    found = replace(config, {"order": "first"})
    if choice_of(found) != choice_of(config):
        raise ValueError(f"{name_of(config)} of first order is {name_of(found)}: choose that")
    return Chosen(found)


_JOINT = "joint"
_RUN = "this run"
_CHANGES: Mapping[str, tuple[str, _Change]] = {
    _JOINT: ("joint pretraining", _jointly),
    **{choice: (name, _algorithm(choice)) for choice, name in NAMES.items()},
    "alpha2": ("2 α", _setting("alpha", lambda alpha: 2.0 * alpha)),
    "alpha05": ("α / 2", _setting("alpha", lambda alpha: 0.5 * alpha)),
    "steps2": ("2 N", _setting("num_inner_steps", lambda count: 2 * count)),
    "first": ("first order", _first_order),
    "seed": ("another seed", _seeds),
}
"""By what an address calls them: the name, and what is changed."""


def named(key: str) -> str:
    """What the page calls the other run; empty where it does not know such a change."""
    return _CHANGES[key][0] if key in _CHANGES else ""


def called(config: RunConfig, key: str) -> str:
    """What the page then calls the run itself."""
    return name_of(config) if key == _JOINT or key in NAMES else _RUN


@lru_cache(maxsize=256)
def other(key: str, config: RunConfig) -> Other:
    """The set-up beside that of a run.

    >>> other("alpha2", RunConfig(alpha=0.1)).config.alpha
    0.2

    Args:
        key: What is changed, as an address calls it.
        config: The run's.

    Raises:
        ValueError: There is no such change, or it changes nothing; says so in a sentence.
    """
    if key not in _CHANGES:
        raise ValueError(f"compare with {key[:20]!r}: this page knows {', '.join(_CHANGES)}")
    if config.evaluation_tasks < 2:
        raise ValueError("a comparison needs at least two held-out tasks")
    name, change = _CHANGES[key]
    found, notes = change(config)
    alone = {"joint_baseline": False, "oracle_baseline": False}
    if found == config or (key in NAMES and choice_of(config) == key):
        raise ValueError(f"with {name} it would be the same run")
    if key == _JOINT and config.alpha == 0.0:
        raise ValueError("with α = 0 this run is joint pretraining itself")
    steps = max(config.evaluation_steps, found.num_inner_steps)
    return Other(name, called(config, key), limits.check(replace(found, {**alone, "evaluation_steps": steps})), notes)


@lru_cache(maxsize=64)
def others(config: RunConfig) -> tuple[tuple[str, str], ...]:
    """What a run of this set-up can be compared with: keys and names."""
    return tuple((key, name) for key, (name, _) in _CHANGES.items() if _is_possible(key, config))


def _is_possible(key: str, config: RunConfig) -> bool:
    try:
        other(key, config)
    except ValueError:
        return False
    return True


def followed(now: RunConfig, wanted: RunConfig) -> dict[str, Any]:
    """What a run that trains changes to become like another set-up, as far as it can.

    Args:
        now: Its set-up.
        wanted: The one to become like.
    """
    changes = {name: getattr(wanted, name) for name in CHANGEABLE if getattr(wanted, name) != getattr(now, name)}
    if learns_rates(now):
        changes.pop("alpha", None)
    try:
        changed(now, changes)
    except ConfigError:
        return {}
    return changes
