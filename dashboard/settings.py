"""The settings that the sidebar offers: what each shows of a set-up, and the set-up that its choice leads to. Nothing here imports streamlit.

A setting knows itself alone: whatever it is given, the fields that it is not about stay as the run has them, but for what contradicts the
choice and says so in a note.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from dashboard.algorithms import NORM_SWITCHES, SWITCHES, Chosen, choice_of, chosen, norm_of, normalized, switched
from dashboard.setups import FAMILIES, with_kind, with_tasks, with_widths
from maml_core.config import CHANGEABLE, ConvConfig, RunConfig, replace
from maml_core.errors import ConfigError


class Setting(NamedTuple):
    """A widget's part in a set-up."""

    label: str
    shown: Callable[[RunConfig], Any]
    """What the widget shows for a set-up that has it."""
    chosen: Callable[[RunConfig, Any], Chosen]
    """The set-up after a choice. Raises ConfigError for what is not accepted."""
    restarts: bool = True
    """Whether a change starts the run again."""


def _of_run(name: str, label: str) -> Setting:
    return Setting(
        label,
        lambda config: getattr(config, name),
        lambda config, value: Chosen(replace(config, {name: value})),
        name not in CHANGEABLE,
    )


def _of_tasks(name: str, label: str) -> Setting:
    return Setting(
        label,
        lambda config: getattr(config.tasks, name),
        lambda config, value: with_tasks(config, dataclasses.replace(config.tasks, **{name: value})),
    )


def _of_model(name: str, label: str) -> Setting:
    return Setting(
        label,
        lambda config: getattr(config.model, name),
        lambda config, value: Chosen(replace(config, {"model": dataclasses.replace(config.model, **{name: value})})),
    )


def _switch(name: Any, label: str) -> Setting:
    return Setting(label, lambda config: getattr(config, name), lambda config, on: switched(config, name, on))


def _with_family(config: RunConfig, kind: str) -> Chosen:
    """Other tasks; what both families have stays."""
    if kind == config.tasks.kind:
        return Chosen(config)
    family = FAMILIES[kind]
    common = {f.name for f in dataclasses.fields(family)} & {"ways", "noise_std"}
    kept = {name: getattr(config.tasks, name) for name in common if hasattr(config.tasks, name)}
    return with_tasks(config, family(**kept))


def _number_text(value: float | None) -> str:
    return "" if value is None else repr(value).removesuffix(".0")


def _with_clip_norm(config: RunConfig, text: str) -> Chosen:
    """With the meta-gradient clipped there; not at all where nothing is written."""
    try:
        norm = float(text.strip().replace(",", ".")) if text.strip() else None
    except ValueError:
        raise ConfigError("clip_norm", text[:40], "a number above 0, or nothing for no clipping") from None
    return Chosen(replace(config, {"clip_norm": norm}))


SETTINGS: Mapping[str, Setting] = {
    "family": Setting("Tasks", lambda config: config.tasks.kind, _with_family),
    "difficulty": _of_tasks("difficulty", "Difficulty"),
    "split": _of_tasks("split", "Held out"),
    "rotations": _of_tasks("rotations", "Rotations"),
    "ways": _of_tasks("ways", "Ways"),
    "noise_std": _of_tasks("noise_std", "Noise"),
    "shots": _of_run("shots", "Shots"),
    "num_query": _of_run("num_query", "Query points"),
    "meta_batch_size": _of_run("meta_batch_size", "Tasks / step"),
    "algorithm": Setting("Algorithm", choice_of, chosen),
    "proximal": _of_run("proximal", "λ (proximal)"),
    "num_solver_steps": _of_run("num_solver_steps", "Solver steps"),
    **{name: _switch(name, label) for name, label in {**SWITCHES, **NORM_SWITCHES}.items()},
    "multi_step_epochs": _of_run("multi_step_epochs", "Epochs until only the last step counts"),
    "first_order_epochs": _of_run("first_order_epochs", "Epochs of first order"),
    "num_epochs": _of_run("num_epochs", "Epochs until β has fallen"),
    "final_beta": _of_run("final_beta", "β at the end"),
    "epoch_steps": _of_run("epoch_steps", "Steps an epoch"),
    "order": _of_run("order", "Order"),
    "outer_optimizer": _of_run("outer_optimizer", "Outer optimiser"),
    "model": Setting("Network", lambda config: config.model.kind, with_kind),
    "num_filters": _of_model("num_filters", "Filters"),
    "num_layers": _of_model("num_layers", "Layers"),
    "downsample": _of_model("downsample", "Halving"),
    "hidden_widths": Setting(
        "Hidden widths", lambda config: ", ".join(str(width) for width in config.model.hidden_widths), with_widths
    ),
    "activation": _of_model("activation", "Activation"),
    "seed": Setting(
        "Seed",
        lambda config: config.weights_seed,
        lambda config, seed: Chosen(replace(config, {"weights_seed": seed, "tasks_seed": seed})),
    ),
    "norm": Setting("Batch norm", norm_of, normalized),
    "recompute": _of_run("recompute", "Recompute inner gradients"),
    "clip_norm": Setting("Clip norm", lambda config: _number_text(config.clip_norm), _with_clip_norm, False),
    "evaluation_steps": _of_run("evaluation_steps", "Inner steps at evaluation"),
    "joint_baseline": _of_run("joint_baseline", "Joint pretraining beside it"),
    "oracle_baseline": _of_run("oracle_baseline", "Oracle beside it"),
}
"""By the name that its widget's key ends with."""

_DIALS = {"alpha": "α (inner step size)", "beta": "β (outer step size)", "num_inner_steps": "N (inner steps)"}
_FIELDS = {"weights_seed": "seed", "tasks_seed": "seed", "batch_norm_treatment": "norm"}
"""Settings that go by another name than their field."""


def label(name: str, config: RunConfig) -> str:
    """What a setting is called beside its widget.

    >>> label("num_query", RunConfig()), label("norm", RunConfig())
    ('Query points', 'Batch norm')
    """
    if name == "num_query" and config.classifies:
        return "Query / class"
    if name == "norm" and isinstance(config.model, ConvConfig):
        return "Normalisation"
    return SETTINGS[name].label


def refusal(error: ConfigError, config: RunConfig) -> str:
    """Why a choice is not accepted, with the setting called as on the page.

    >>> refusal(ConfigError("shots", 0, "a whole number from 1 to 100"), RunConfig())
    'Shots = 0 is not accepted: a whole number from 1 to 100.'
    """
    field = error.field.removeprefix("tasks.").removeprefix("model.")
    name = _FIELDS.get(field, field)
    called = _DIALS.get(name) or (label(name, config) if name in SETTINGS else error.field)
    value = f"“{error.value}”" if isinstance(error.value, str) else str(error.value)
    return f"{called} = {value} is not accepted: {error.accepted}."


def differences(new: RunConfig, config: RunConfig) -> dict[str, Any]:
    """The fields in which a set-up differs from another, with their new values."""
    changes = {f.name: getattr(new, f.name) for f in dataclasses.fields(new)}
    return {name: value for name, value in changes.items() if value != getattr(config, name)}


class Shown(NamedTuple):
    """What the sidebar shows of a run."""

    config: RunConfig
    preset: str | None
    """The preset that it is, or the run opened from among them; None where one of its settings is another."""
    scratch: bool
    """Training from scratch on held-out tasks is asked for."""

    @property
    def values(self) -> dict[str, Any]:
        """All that can be read in the sidebar."""
        return {**on_the_page(self.config), "preset": self.preset, "scratch": self.scratch}


def on_the_page(config: RunConfig) -> dict[str, Any]:
    """What each setting that a set-up has shows for it, by name, in the order of the sidebar."""
    found = {}
    for name, setting in SETTINGS.items():
        if name in ("proximal", "num_solver_steps") and config.algorithm != "imaml":
            continue
        if name in ("oracle_baseline", "model") and (config.classifies is (name == "oracle_baseline")):
            continue
        try:
            found[name] = setting.shown(config)
        except AttributeError:  # other tasks, or another network
            continue
    return found
