"""What a page may ask of a server that it shares: set-ups that it can show, whose single steps stay short and fit into memory.

The engine itself takes anything that a config can say.
"""

from __future__ import annotations

from itertools import pairwise

from dashboard.address import Address
from maml_core.config import RunConfig, changed
from maml_core.errors import ConfigError

MAX_NUMBERS = 50_000_000
"""Parameters times tasks: one set of adapted parameters is 0.2 GB then, and a few are held at a time."""

MAX_OPERATIONS = 5e10
"""Multiplications of one outer step or one evaluation: about ten seconds of one processor."""


def checked(opened: Address, default: RunConfig) -> Address:
    """What an address says, as far as a page may run it; the rest falls back, with a note."""
    config = opened.config
    try:
        check(config)
    except ConfigError as error:
        return Address(default, (), (*opened.notes, f"{error}. The default set-up is used."))
    for count, entry in enumerate(opened.timeline):
        try:
            config = check(changed(config, entry.changes))
        except ConfigError as error:
            note = f"{error}. The changes from outer step {entry.step} on are left out."
            return Address(opened.config, opened.timeline[:count], (*opened.notes, note))
    return opened


MAX_SCRATCH = 1e11
"""Multiplications of training on every held-out task from scratch, if each takes 5,000 steps; most take a tenth of that."""


def check(config: RunConfig) -> RunConfig:
    """The config, if a page may run it.

    Raises:
        ConfigError: It is too large to be trained live.
    """
    parameters = _num_parameters(config)
    tasks = max(config.meta_batch_size, min(config.evaluation_tasks, 1000))
    if parameters * tasks > MAX_NUMBERS:
        accepted = f"at most {MAX_NUMBERS:,} parameters times tasks on the live page, not {parameters:,} times {tasks:,}; use fewer or narrower layers"
        raise ConfigError("hidden_widths", list(config.model.hidden_widths), accepted)
    turning = _matrix_work(config) if config.algorithm == "meta_curvature" else 0
    training = config.meta_batch_size * (parameters * _points_of_a_step(config) + config.num_inner_steps * turning * 9)
    adapting = config.evaluation_steps * (parameters * (config.shots * 3 + config.num_query) + turning)
    for field, work in (("meta_batch_size", training), ("evaluation_tasks", config.evaluation_tasks * adapting)):
        if work > MAX_OPERATIONS:
            accepted = (
                "less work in one step on the live page: fewer tasks, points or inner steps, or a smaller network"
            )
            raise ConfigError(field, getattr(config, field), accepted)
    return config


def check_scratch(config: RunConfig) -> None:
    """See that training from scratch on every held-out task is short enough for a live page.

    Raises:
        ConfigError: It is not.
    """
    # Adam's own work on a parameter is about that of five points.
    work = 5_000 * _num_parameters(config) * config.evaluation_tasks * (config.shots * 3 + 5)
    if work > MAX_SCRATCH:
        accepted = "too much work to train from scratch beside a live run; use fewer shots or held-out tasks, or a smaller network"
        raise ConfigError("shots", config.shots, accepted)


def _layers(config: RunConfig) -> list[tuple[int, int]]:
    return list(pairwise((config.num_inputs, *config.model.hidden_widths, 1)))


def _num_parameters(config: RunConfig) -> int:
    return sum(fan_in * fan_out + fan_out for fan_in, fan_out in _layers(config))


def _matrix_work(config: RunConfig) -> int:
    """Multiplications of one inner step of one task that turn the gradient by learned matrices."""
    return sum(fan_in * fan_out * (fan_in + fan_out) for fan_in, fan_out in _layers(config))


def _points_of_a_step(config: RunConfig) -> int:
    """Points that pass the network for one task of one outer step; a gradient counts as three, one that is differentiated as nine."""
    inner, query = config.num_inner_steps * config.shots, config.num_query * 3
    match config.algorithm:
        case "reptile":
            return inner * 3 + config.num_query
        case "imaml":
            return inner * 3 + query + config.num_solver_steps * config.shots * 9
        case _:
            return inner * 9 + query * (config.num_inner_steps if config.multi_step_loss else 1)
