"""What a page may ask of a server that it shares: set-ups that it can show, whose single steps stay short and fit into memory.

The engine itself takes anything that a config can say.
"""

from __future__ import annotations

import os

from dashboard.setups.address import Address
from maml_core.config import (
    ConvConfig,
    FolderConfig,
    GlyphsConfig,
    ImageConfig,
    OmniglotConfig,
    PythonConfig,
    RunConfig,
    RunTasks,
    changed,
    replace,
)
from maml_core.datasets.omniglot import find_omniglot
from maml_core.errors import ConfigError
from maml_core.memory import is_small
from maml_core.presets import few_shot
from maml_core.sizes import network_size
from maml_core.traits import TRAITS

MAX_NUMBERS = 50_000_000
"""Parameters times tasks: one set of adapted parameters is 0.2 GB then, and a few are held at a time."""

MAX_OPERATIONS = 5e10
"""Multiplications of one outer step or one evaluation: about ten seconds of one processor."""

LONG_OPERATIONS = 2e9
"""From here on, about 0.4 s of one processor, a step or an evaluation is so long that others would wait for it."""

MAX_ACTIVATIONS, SMALL_MAX_ACTIVATIONS = 500_000_000, 125_000_000
"""Numbers that one outer step leaves behind for its way back: 2 GB; and on a small server 0.5 GB."""


def checked(opened: Address, default: RunConfig) -> Address:
    """What an address says, as far as a page may run it; the rest falls back, with a note."""
    config = opened.config
    try:
        check(config)
    except ConfigError as error:
        return Address(
            default,
            (),
            (*opened.notes, f"{error}. The default set-up is used."),
            look=opened.look,
            beside=opened.beside,
        )
    for count, entry in enumerate(opened.timeline):
        try:
            config = check(changed(config, entry.changes))
        except ConfigError as error:
            note = f"{error}. The changes from outer step {entry.step:,} on are left out."
            return opened._replace(timeline=opened.timeline[:count], notes=(*opened.notes, note), at=0)
    return opened


def without_images(opened: Address, reason: str) -> Address:
    """What an address says, with Glyphs in the place of images that are not there, as far as a page may run it.

    Args:
        opened: With tasks of images.
        reason: Why they are not there, in a sentence or two.
    """
    tasks = opened.config.tasks
    assert isinstance(tasks, ImageConfig)
    said = f"{reason} Until then Glyphs stand in, with all other settings of this address."
    try:
        config = replace(opened.config, {"tasks": GlyphsConfig(ways=tasks.ways, labels=tasks.labels)})
    except ConfigError:
        return Address(few_shot(GlyphsConfig()), (), (*opened.notes, reason), look=opened.look, beside=opened.beside)
    return checked(opened._replace(config=config, notes=(*opened.notes, said)), few_shot(GlyphsConfig()))


NO_OMNIGLOT = (
    "Omniglot, 1,623 hand-written characters, is not on this machine. Download it (16 MB) or name the folder that holds "
    "images_background.zip; Glyphs are much like it and need no data."
)
NO_SHARED_OMNIGLOT = (
    "Omniglot, 1,623 hand-written characters, is not on this server. Whoever runs it gets it with “maml data omniglot --download”; "
    "Glyphs are much like it and need no data."
)


def why_no_images(tasks: RunTasks, *, shared: bool) -> str:
    """Why a page cannot train on these tasks, in a sentence or two; empty where it can.

    Args:
        tasks: What the page asks for.
        shared: Whether others use the server too: it then reads no folders that a page names.
    """
    if isinstance(tasks, OmniglotConfig):
        return _why_no_omniglot(shared=shared)
    if not isinstance(tasks, FolderConfig):
        return ""
    if shared:
        return "This server is shared and reads no folders from its disk; take Glyphs or Omniglot, or run the page yourself."
    if not tasks.folder:
        return "Name a folder, or a zip file, that holds a folder of images for each class."
    if not os.path.exists(os.path.expanduser(tasks.folder)):  # unlike pathlib's, these never raise
        return f"There is no {tasks.folder!r} on this machine; name a folder, or a zip file, of images sorted into class folders."
    return ""


def _why_no_omniglot(*, shared: bool) -> str:
    found = find_omniglot()
    if found.available:
        return ""
    if shared:
        return NO_SHARED_OMNIGLOT
    if found.state == "damaged" or os.environ.get("MAML_OMNIGLOT"):
        return f"Omniglot cannot be used: {found.advice}."
    return NO_OMNIGLOT


MAX_SCRATCH = 1e11
"""Multiplications of training on every held-out task from scratch, if each takes 5,000 steps; most take a tenth of that."""


def check(config: RunConfig) -> RunConfig:
    """The config, if a page may run it.

    Raises:
        ConfigError: It is too large to be trained live.
    """
    size = network_size(config)
    tasks = max(config.meta_batch_size, min(config.evaluation_tasks, 1000))
    if size.parameters * tasks > MAX_NUMBERS:
        what = (
            f"at most {MAX_NUMBERS:,} parameters times tasks on the live page, not {size.parameters:,} times {tasks:,}"
        )
        if isinstance(config.tasks, PythonConfig):
            raise ConfigError("problem", config.tasks.problem, f"{what}; take fewer tasks, or a smaller network")
        name = "num_filters" if isinstance(config.model, ConvConfig) else "hidden_widths"
        raise ConfigError(name, getattr(config.model, name), f"{what}; use fewer or narrower layers")
    kept = config.meta_batch_size * _points_of_a_step(config) * size.activations
    if kept > (SMALL_MAX_ACTIVATIONS if is_small() else MAX_ACTIVATIONS):
        accepted = f"too much for the memory of a live page; take {_LESS}"
        raise ConfigError("meta_batch_size", config.meta_batch_size, accepted)
    for field, work in zip(("meta_batch_size", "evaluation_tasks"), _work(config), strict=True):
        if work > MAX_OPERATIONS:
            accepted = f"too much work at once for the live page; take {_LESS}"
            raise ConfigError(field, getattr(config, field), accepted)
    return config


def is_long(config: RunConfig) -> bool:
    """Whether one outer step, or one evaluation, keeps a worker for so long that others would wait for it."""
    return max(_work(config)) > LONG_OPERATIONS


def _work(config: RunConfig) -> tuple[float, float]:
    """Multiplications of one outer step, and of one evaluation."""
    size = network_size(config)
    turning = size.turning if TRAITS[config.algorithm].learns == "matrices" else 0
    training = config.meta_batch_size * (
        size.operations * _points_of_a_step(config) + config.num_inner_steps * turning * 9
    )
    shots, num_query = _points(config)
    adapting = config.evaluation_steps * (size.operations * (shots * 3 + num_query) + turning)
    return training, config.evaluation_tasks * adapting


_LESS = "fewer tasks, points or inner steps, or a smaller network"


def check_scratch(config: RunConfig) -> None:
    """See that training from scratch on every held-out task is short enough for a live page.

    Raises:
        ConfigError: It is not.
    """
    size = network_size(config)
    # Adam's own work on a parameter is about that of five points.
    per_task = size.operations * _points(config)[0] * 3 + size.parameters * 5
    if 5_000 * config.evaluation_tasks * per_task > MAX_SCRATCH:
        accepted = "too much work to train from scratch beside a live run; use fewer shots or held-out tasks, or a smaller network"
        raise ConfigError("shots", config.shots, accepted)


def _points(config: RunConfig) -> tuple[int, int]:
    """Support and query points of a task."""
    per_shot = config.num_outputs if config.classifies else 1
    return config.shots * per_shot, config.num_query * per_shot


def _points_of_a_step(config: RunConfig) -> int:
    """Points that pass the network for one task of one outer step; a gradient counts as three, one that is differentiated as nine."""
    shots, num_query = _points(config)
    inner, query = config.num_inner_steps * shots, num_query * 3
    traits = TRAITS[config.algorithm]
    if traits.unrolls:
        return inner * 9 + query * (config.num_inner_steps if config.multi_step_loss else 1)
    solved = config.num_solver_steps * shots * 9 if traits.is_proximal else 0
    return inner * 3 + (query if traits.uses_query_gradient else num_query) + solved
