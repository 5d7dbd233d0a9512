"""Set-ups with other tasks or another network. Nothing here imports streamlit."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from dashboard.algorithms import Chosen
from maml_core.config import (
    ConvConfig,
    FolderConfig,
    GlyphsConfig,
    ImageConfig,
    LinearConfig,
    MLPConfig,
    OmniglotConfig,
    RunConfig,
    SinusoidConfig,
    TaskConfig,
    replace,
)
from maml_core.errors import ConfigError
from maml_core.presets import DEFAULT_PRESET, few_shot

FAMILIES: Mapping[str, type[Any]] = {
    "sinusoid": SinusoidConfig,
    "linear": LinearConfig,
    "glyphs": GlyphsConfig,
    "omniglot": OmniglotConfig,
    "folder": FolderConfig,
}
FAMILY_NAMES = {
    "sinusoid": "Sinusoids",
    "linear": "Lines",
    "glyphs": "Glyphs (drawn, no data)",
    "omniglot": "Omniglot",
    "folder": "A folder of images",
}


def with_tasks(config: RunConfig, tasks: TaskConfig) -> Chosen:
    """The set-up with other tasks; where curves and images take each other's place, with the settings of a demo."""
    is_image = isinstance(tasks, ImageConfig)
    if is_image == config.classifies:
        return Chosen(replace(config, {"tasks": tasks}))
    seeds = {name: getattr(config, name) for name in ("weights_seed", "tasks_seed", "evaluation_seed")}
    demo = few_shot(tasks) if is_image else DEFAULT_PRESET.config
    what = "images" if is_image else "curves"
    return Chosen(
        replace(demo, {**seeds, "tasks": tasks}), (f"The other settings are those of the fast demo with {what}.",)
    )


def within(config: RunConfig, *, classes: int, images: int) -> Chosen:
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
    try:
        widths = tuple(int(part) for part in text.replace(";", ",").replace(" ", ",").split(",") if part)
    except ValueError:
        what = "whole numbers with commas between, for example 40, 40"
        raise ConfigError("hidden_widths", text[:40], what) from None
    return Chosen(replace(config, {"model": dataclasses.replace(config.model, hidden_widths=widths)}))
