"""The settings that the sidebar offers: what each shows of a set-up, and the set-up that its choice leads to. Nothing here imports streamlit.

A setting knows itself alone: whatever it is given, the fields that it is not about stay as the run has them, but for what contradicts the
choice and says so in a note.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from dashboard.setups.algorithms import (
    NORM_SWITCHES,
    SWITCHES,
    Chosen,
    choice_of,
    chosen,
    norm_of,
    normalized,
    switched,
)
from dashboard.setups.choices import FAMILIES, with_kind, with_tasks, with_widths
from dashboard.setups.setting_names import SETTING_NAMES, label
from maml_core.config import CHANGEABLE, PythonConfig, RunConfig, needs_inner_steps, replace
from maml_core.errors import ConfigError
from maml_core.settings import hints_of
from maml_core.traits import TRAITS
from maml_core.values import parsed, written


class Widget(NamedTuple):
    """A widget's part in a set-up."""

    shown: Callable[[RunConfig], Any]
    """What the widget shows for a set-up that has it."""
    chosen: Callable[[RunConfig, Any], Chosen]
    """The set-up after a choice. Raises ConfigError for what is not accepted."""
    restarts: bool = True
    """Whether a change starts the run again."""


def _of_run(name: str) -> Widget:
    return Widget(
        lambda config: getattr(config, name),
        lambda config, value: Chosen(replace(config, {name: value})),
        name not in CHANGEABLE,
    )


def _of_tasks(name: str) -> Widget:
    return Widget(
        lambda config: getattr(config.tasks, name),
        lambda config, value: with_tasks(config, dataclasses.replace(config.tasks, **{name: value})),
    )


def _written_of_tasks(name: str) -> Widget:
    """A number or the two ends of a range, written; or none, where the field accepts it."""

    def with_text(config: RunConfig, text: str) -> Chosen:
        value = parsed(text, hints_of(type(config.tasks))[name])  # type: ignore[arg-type]  # classes hash
        return with_tasks(config, dataclasses.replace(config.tasks, **{name: value}))

    return Widget(lambda config: written(getattr(config.tasks, name)), with_text)


def _of_model(name: str) -> Widget:
    return Widget(
        lambda config: getattr(config.model, name),
        lambda config, value: Chosen(replace(config, {"model": dataclasses.replace(config.model, **{name: value})})),
    )


def _switch(name: Any) -> Widget:
    return Widget(lambda config: getattr(config, name), lambda config, on: switched(config, name, on))


def _with_family(config: RunConfig, kind: str) -> Chosen:
    """Other tasks; what both families have stays."""
    if kind == config.tasks.kind:
        return Chosen(config)
    family = FAMILIES[kind]
    common = {f.name for f in dataclasses.fields(family)} & {"ways", "labels", "noise_std"}
    kept = {name: getattr(config.tasks, name) for name in common if hasattr(config.tasks, name)}
    return with_tasks(config, family(**kept))


def _or_none(name: str, accepted: str) -> Widget:
    """A number that is written, or none."""

    def with_number(config: RunConfig, text: str) -> Chosen:
        number = parsed(text.replace(",", "."), hints_of(RunConfig)[name])
        if isinstance(number, str):
            raise ConfigError(name, text[:40], accepted)
        return Chosen(replace(config, {name: number}))

    return Widget(lambda config: written(getattr(config, name)), with_number, name not in CHANGEABLE)


def _widths(config: RunConfig) -> str:
    """Widths of the hidden layers, with commas between; raises AttributeError for a network without."""
    model: Any = config.model
    return written(model.hidden_widths)


SETTINGS: Mapping[str, Widget] = {
    "family": Widget(lambda config: config.tasks.kind, _with_family),
    "difficulty": _of_tasks("difficulty"),
    "split": _of_tasks("split"),
    "rotations": _of_tasks("rotations"),
    "ways": _of_tasks("ways"),
    "labels": _of_tasks("labels"),
    "frequency": _written_of_tasks("frequency"),
    "test_amplitude": _written_of_tasks("test_amplitude"),
    "test_phase_rad": _written_of_tasks("test_phase_rad"),
    "test_x": _written_of_tasks("test_x"),
    "test_difficulty": _written_of_tasks("test_difficulty"),
    "noise_std": _of_tasks("noise_std"),
    "test_alpha": _or_none("test_alpha", "a number, or none for that of training"),
    "num_training_tasks": _or_none(
        "num_training_tasks", "a whole number from 1 to 10,000, or none for tasks without end"
    ),
    "shots": _of_run("shots"),
    "num_query": _of_run("num_query"),
    "meta_batch_size": _of_run("meta_batch_size"),
    "algorithm": Widget(choice_of, chosen),
    "proximal": _of_run("proximal"),
    "num_solver_steps": _of_run("num_solver_steps"),
    **{name: _switch(name) for name in (*SWITCHES, *NORM_SWITCHES)},
    "multi_step_epochs": _of_run("multi_step_epochs"),
    "first_order_epochs": _of_run("first_order_epochs"),
    "num_epochs": _of_run("num_epochs"),
    "final_beta": _of_run("final_beta"),
    "epoch_steps": _of_run("epoch_steps"),
    "order": _of_run("order"),
    "outer_optimizer": _of_run("outer_optimizer"),
    "model": Widget(lambda config: config.model.kind, with_kind),
    "num_filters": _of_model("num_filters"),
    "num_layers": _of_model("num_layers"),
    "downsample": _of_model("downsample"),
    "hidden_widths": Widget(_widths, with_widths),
    "activation": _of_model("activation"),
    "seed": Widget(
        lambda config: config.weights_seed,
        lambda config, seed: Chosen(replace(config, {"weights_seed": seed, "tasks_seed": seed})),
    ),
    "norm": Widget(norm_of, normalized),
    "head": _of_run("head"),
    "recompute": _of_run("recompute"),
    "clip_norm": _or_none("clip_norm", "a number above 0, or none for no clipping"),
    "evaluation_steps": _of_run("evaluation_steps"),
    "joint_baseline": _of_run("joint_baseline"),
    "oracle_baseline": _of_run("oracle_baseline"),
}
"""By the name that its widget's key ends with."""

OF_NETWORK = frozenset({"hidden_widths", "activation", "norm", *NORM_SWITCHES})
"""Those of the engine's networks."""

_STAND_FOR = {"weights_seed": "seed", "tasks_seed": "seed", "batch_norm_treatment": "norm"}
"""The settings that stand for fields of other names."""


def refusal(error: ConfigError, config: RunConfig) -> str:
    """Why a choice is not accepted, with the setting called as on the page.

    >>> refusal(ConfigError("shots", 0, "a whole number from 1 to 100"), RunConfig())
    'Shots = 0 is not accepted: a whole number from 1 to 100.'
    """
    field = error.field.removeprefix("tasks.").removeprefix("model.")
    name = _STAND_FOR.get(field, field)
    called = label(name, config) if name in SETTING_NAMES else error.field
    typed = f"“{error.value}”" if "”" not in str(error.value) else repr(error.value)
    value = typed if isinstance(error.value, str) else written(error.value)
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
    lost_images: bool = False
    """The folder of its images is not there any more, or not what it was."""

    @property
    def values(self) -> dict[str, Any]:
        """All that can be read in the sidebar."""
        return {
            **on_the_page(self.config),
            "preset": self.preset,
            "scratch": self.scratch,
            "lost_images": self.lost_images,
        }


def on_the_page(config: RunConfig) -> dict[str, Any]:
    """What each setting that a set-up has shows for it, by name, in the order of the sidebar."""
    found = {}
    for name, setting in SETTINGS.items():
        if name in OF_NETWORK and isinstance(config.tasks, PythonConfig):  # its network is its own
            continue
        if name in ("proximal", "num_solver_steps") and not TRAITS[config.algorithm].is_proximal:
            continue
        if name in ("oracle_baseline", "model") and (config.classifies is (name == "oracle_baseline")):
            continue
        try:
            found[name] = setting.shown(config)
        except AttributeError:  # other tasks, or another network
            continue
    return found


def slider_ranges(config: RunConfig) -> dict[str, tuple[float, float]]:
    """Where the sliders of the live settings begin and end: the usual ranges, and as far as the value that is set now.

    Exact fields accept all that the config does.
    """

    def around(value: float, low: float, high: float) -> tuple[float, float]:
        return (min(low, value) if value > 0 else low, max(high, value))

    return {
        "alpha": around(config.alpha, 1e-4, 1.0),
        "beta": around(config.beta, 1e-5, 1.0 if config.outer_optimizer == "sgd" else 0.1),
        "num_inner_steps": (1 if needs_inner_steps(config) else 0, max(20, config.num_inner_steps)),
    }
