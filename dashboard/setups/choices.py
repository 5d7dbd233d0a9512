"""Set-ups with other tasks or another network. Nothing here imports streamlit."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from dashboard.setups.algorithms import Chosen
from dashboard.setups.setting_names import symbol
from maml_core.config import (
    ConvConfig,
    ImageConfig,
    LinearConfig,
    MLPConfig,
    PythonConfig,
    RunConfig,
    RunTasks,
    TaskConfig,
    replace,
)
from maml_core.errors import ConfigError
from maml_core.presets import DEFAULT_PRESET, few_shot
from maml_core.settings import hints_of, members_of
from maml_core.values import parsed

FAMILIES: Mapping[str, type[Any]] = {
    family.__dataclass_fields__["kind"].default: family for family in members_of(TaskConfig)
}
FAMILY_NAMES: Mapping[str, str] = {kind: family.called for kind, family in FAMILIES.items()}


def with_tasks(config: RunConfig, tasks: RunTasks) -> Chosen:
    """The set-up with other tasks; where curves and images take each other's place, with the settings of a demo. Between two of a kind, a
    step size that nobody has chosen becomes that of the new ones' demo. To a problem of one's own, and back, the settings are those of a demo too.
    """
    demo, is_own = demo_of(tasks), isinstance(tasks, PythonConfig) or isinstance(config.tasks, PythonConfig)
    if isinstance(tasks, ImageConfig) == config.classifies and not is_own:
        before = demo_of(config.tasks)
        usual = {
            name: getattr(demo, name)
            for name in STEP_SIZES
            if getattr(config, name) == getattr(before, name) != getattr(demo, name)
        }
        notes = tuple(f"{symbol(name)} was set to {value:g}, for such tasks." for name, value in usual.items())
        return Chosen(replace(config, {**usual, "tasks": tasks}), notes)
    seeds = {name: getattr(config, name) for name in ("weights_seed", "tasks_seed", "evaluation_seed")}
    what = "with images" if isinstance(tasks, ImageConfig) else "with curves"
    what = ", and its network and loss your own" if isinstance(tasks, PythonConfig) else f" {what}"
    return Chosen(replace(demo, seeds), (f"The other settings are those of the fast demo{what}.",))


def demo_of(tasks: RunTasks) -> RunConfig:
    """The settings with which such tasks are learned in a demonstration. Lines are steep: with the outer step size of sinusoids their
    held-out loss jumps up tenfold now and then.
    """
    if isinstance(tasks, ImageConfig):
        return few_shot(tasks)
    own: dict[str, Any] = {"beta": 1e-3} if isinstance(tasks, LinearConfig) else {}
    if isinstance(tasks, PythonConfig):
        own = {"shots": tasks.shots, "num_query": tasks.num_query}
    return replace(DEFAULT_PRESET.config, {**own, "tasks": tasks})


STEP_SIZES = ("alpha", "beta")
"""The settings that follow the tasks."""


def limited_to(config: RunConfig, *, classes: int, images: int) -> Chosen:
    """The set-up with no more ways, shots and query images than there are.

    Args:
        config: Of image tasks.
        classes: Of the smallest split, at least 2.
        images: Of the smallest class, at least 2.
    """
    assert isinstance(config.tasks, ImageConfig)
    notes = []
    if config.tasks.ways > classes:
        config = replace(config, {"tasks": dataclasses.replace(config.tasks, ways=classes)})
        notes.append(f"The smallest split has {classes} classes: ways was set to {classes}.")
    if config.shots + config.num_query > images:
        shots = min(config.shots, images - 1)
        config = replace(config, {"shots": shots, "num_query": min(config.num_query, images - shots)})
        notes.append(
            f"The smallest class has {images} images: shots + query was set to {config.shots} + {config.num_query}."
        )
    return Chosen(config, tuple(notes))


def with_kind(config: RunConfig, kind: str) -> Chosen:
    """The other kind of network for images, as the papers have it; batch norm stays on or off."""
    if kind == config.model.kind:
        return Chosen(config)
    batch_norm = config.model.batch_norm
    if kind == "conv":
        return Chosen(replace(config, {"model": ConvConfig(num_filters=16, norm="batch" if batch_norm else "none")}))
    return Chosen(replace(config, {"model": MLPConfig(hidden_widths=(256, 128, 64, 64), batch_norm=batch_norm)}))


def with_widths(config: RunConfig, text: str) -> Chosen:
    """The fully connected network with these widths.

    Raises:
        ConfigError: They are no whole numbers.
    """
    assert isinstance(config.model, MLPConfig)
    widths = parsed(text, hints_of(MLPConfig)["hidden_widths"])
    if not all(isinstance(width, int) for width in widths):
        raise ConfigError("hidden_widths", text[:40], "whole numbers with commas between, for example 40,40")
    return Chosen(replace(config, {"model": dataclasses.replace(config.model, hidden_widths=tuple(widths))}))
