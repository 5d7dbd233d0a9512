"""Every choice that a set-up has, each with a small run that makes it: kinds of tasks and networks, words and switches, from the config's
own annotations. A choice that is added to a config is here at once.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from maml_core.config import (
    ALIASES,
    FolderConfig,
    GlyphsConfig,
    MLPConfig,
    OmniglotConfig,
    RunConfig,
    TaskConfig,
    replace,
)
from maml_core.presets import PRESETS
from maml_core.settings import hints_of, members_of
from tests.maml_core.helpers import tiny
from tests.maml_core.members import FAMILIES, MODELS, family_run

NORMED = MLPConfig(hidden_widths=(6, 5), activation="tanh", batch_norm=True)
NEEDS: dict[str, dict[str, Any]] = {
    "batch_norm_treatment": {"model": NORMED},
    "per_step_norm": {"model": NORMED},
    "head": {"tasks": GlyphsConfig(ways=2), "shots": 1, "num_query": 2},
    "per_step_statistics": {"model": NORMED, "batch_norm_treatment": "running"},
}
"""What some fields need beside them, to act."""


def _of(owner: type[Any], prefix: str) -> list[str]:
    found = []
    for name, hint in hints_of(owner).items():  # type: ignore[arg-type]  # classes hash
        if name == "kind":
            continue
        if get_origin(hint) is Literal:
            found += [f"{prefix}{name}={choice}" for choice in get_args(hint)]
        elif hint is bool:
            found.append(f"{prefix}{name}={'off' if owner.__dataclass_fields__[name].default else 'on'}")
    return found


CHOICES = (
    *(f"tasks={kind}" for kind in FAMILIES),
    *(f"model={kind}" for kind in MODELS),
    *_of(RunConfig, ""),
    *(f"algorithm={alias}" for alias in ALIASES),
    *(text for model in members_of(hints_of(RunConfig)["model"]) for text in _of(model, "model.")),
    *(text for family in members_of(TaskConfig) for text in _of(family, "tasks.")),
)
"""``field=value``, as the command line has it."""


PRESETS_BY_NAME = {preset.name: preset.config for preset in PRESETS}
"""Presets that make a choice each, of several settings."""


def run_of(choice: str, pictures: Path) -> RunConfig:
    """A small run that makes a choice.

    Args:
        choice: One of `CHOICES`, or the name of a preset, which is run with fewer tasks.
        pictures: A folder of images, for tasks of them.
    """
    if choice in PRESETS_BY_NAME:
        return replace(PRESETS_BY_NAME[choice], {"meta_batch_size": 2, "evaluation_tasks": 4})
    field, _, word = choice.partition("=")
    value: Any = {"on": True, "off": False}.get(word, word)
    if field == "tasks":
        return family_run(word, pictures)
    if choice == "model=mlp":
        return tiny()
    group, _, name = field.rpartition(".")
    if word in ALIASES:
        return tiny(num_inner_steps=2, alpha=0.02, **ALIASES[word])
    if not group and field != "model":
        return tiny(**{"num_inner_steps": 2, "alpha": 0.02, **NEEDS.get(field, {}), field: value})
    if group == "tasks":
        owner = next(c for c in (GlyphsConfig, OmniglotConfig, FolderConfig) if name in hints_of(c))
        base = family_run(owner.__dataclass_fields__["kind"].default, pictures)
    else:
        base = tiny() if name in hints_of(MLPConfig) else family_run("glyphs", pictures)
    return (
        dataclasses.replace(base, **{group: dataclasses.replace(getattr(base, group), **{name: value})})
        if group
        else base
    )
