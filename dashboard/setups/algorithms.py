"""The algorithms and switches that the page offers: what they are called, which of them contradict each other, what a choice resets.

The engine refuses a set-up whose switches cannot act together. Here every choice leads to one that it accepts, with a note on what had
to give way.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, get_args

from dashboard.setups.setting_names import symbol, title
from maml_core.config import ConvConfig, ModelConfig, PythonConfig, RunConfig, replace
from maml_core.presets import MAML_PLUS_PLUS
from maml_core.traits import TRAITS

Choice = Literal["maml", "maml_plus_plus", "fomaml", "anil", "meta_sgd", "meta_curvature", "reptile", "imaml"]
Switch = Literal["multi_step_loss", "per_step_rates", "anneal_order", "anneal_beta"]
NormSwitch = Literal["per_step_norm", "per_step_statistics"]
Norm = Literal["off", "batch", "support", "running", "group"]

NAMES: dict[Choice, str] = {
    "maml": "MAML",
    "maml_plus_plus": "MAML++",
    "fomaml": "FOMAML",
    "anil": "ANIL",
    "meta_sgd": "Meta-SGD",
    "meta_curvature": "Meta-Curvature",
    "reptile": "Reptile",
    "imaml": "iMAML",
}
IDEAS: dict[Choice, str] = {
    "maml": "MAML looks for one start θ_0 from which a few gradient steps fit any task.",
    "maml_plus_plus": "MAML++ learns its rates, judges every inner step, and anneals order and β.",
    "fomaml": "FOMAML is MAML without second derivatives: inner gradients count as constants.",
    "anil": "ANIL adapts the head alone; the body of θ_0 is shared by all tasks.",
    "meta_sgd": "Meta-SGD learns θ_0 and, with it, one inner step size for each parameter.",
    "meta_curvature": "Meta-Curvature learns θ_0 and matrices M that turn every inner gradient.",
    "reptile": "Reptile moves θ_0 towards where the inner steps end, without a query gradient.",
    "imaml": "iMAML holds θ_N near θ_0 and differentiates at its end, not through the steps.",
}
SWITCHES: tuple[Switch, ...] = get_args(Switch)
NORM_SWITCHES: tuple[NormSwitch, ...] = get_args(NormSwitch)
"""MAML++'s switches for networks with batch norm; MAML++ as a choice leaves them as they are."""

HEADS: dict[str, str] = {"learned": "Learned", "shared": "Shared by the classes", "zeroed": "Zeroed"}

NORMS: dict[Norm, str] = {
    "off": "Off",
    "batch": "By the batch (transductive)",
    "support": "By the support set (inductive)",
    "running": "Running averages (inductive)",
    "group": "Group norm (inductive)",
}
"""Group norm is for convolutional networks: each image by itself."""


class Chosen(NamedTuple):
    """A set-up after a choice."""

    config: RunConfig
    notes: tuple[str, ...] = ()
    """A sentence for each setting that contradicted the choice and gave way."""


def choice_of(config: RunConfig) -> Choice:
    """The choice that a set-up stands for."""
    if config.algorithm != "maml":
        return config.algorithm
    if all(getattr(config, switch) for switch in SWITCHES):
        return "maml_plus_plus"
    return "fomaml" if config.order == "first" else "maml"


def name_of(config: RunConfig) -> str:
    """What a set-up's algorithm is called."""
    return NAMES[choice_of(config)]


def norm_of(config: RunConfig) -> Norm:
    """Whether the network has batch norm, and whose statistics it uses."""
    if isinstance(config.model, ConvConfig) and config.model.norm == "group":
        return "group"
    return config.batch_norm_treatment if config.model.batch_norm else "off"


def norms_of(config: RunConfig) -> list[Norm]:
    """What its network can be normalised by."""
    return [norm for norm in NORMS if norm != "group" or isinstance(config.model, ConvConfig)]


def heads_of(config: RunConfig) -> list[str]:
    """What the last layer of such a run may start as; one output has nothing to share."""
    return [head for head in HEADS if head != "shared" or config.classifies]


def why_not(config: RunConfig, switch: Switch | NormSwitch) -> str:
    """Why a switch cannot act in a set-up, in a sentence; empty where it can."""
    if switch in NORM_SWITCHES:
        if not config.model.batch_norm:
            return "The network has no batch norm; choose one in More settings."
        if switch == "per_step_statistics" and config.batch_norm_treatment != "running":
            return "Batch norm keeps no running averages; choose them in More settings."
        return ""
    if switch == "anneal_beta":
        return ""
    if not TRAITS[config.algorithm].unrolls:
        return f"{name_of(config)} does not differentiate through inner steps, which this is about."
    if switch == "per_step_rates" and TRAITS[config.algorithm].learns != "nothing":
        return f"{name_of(config)} learns by itself how far each gradient goes."
    if switch == "anneal_order" and config.order == "first":
        return "The order is first throughout; choose Second for it."
    return ""


def why_no_order(config: RunConfig) -> str:
    """Why the order cannot be chosen, in a sentence; empty where it can."""
    if not TRAITS[config.algorithm].unrolls:
        return f"{name_of(config)} has no second-order term to leave out."
    return "Derivative-order annealing decides it: first, then second." if config.anneal_order else ""


def chosen(config: RunConfig, choice: Choice) -> Chosen:
    """The set-up with another algorithm, which learns with it. Switches that can act with it stay, except that whoever leaves MAML++ leaves
    all four.
    """
    before = choice_of(config)
    if choice == before:
        return Chosen(config)
    after = _with_algorithm(config, choice, before)
    learning = _learning(after.config, choice)
    return Chosen(replace(after.config, learning.changes), (*after.notes, *learning.notes))


class _Learning(NamedTuple):
    """Settings without which an algorithm would not learn, and what is said of them."""

    changes: Mapping[str, Any] = MappingProxyType({})
    notes: tuple[str, ...] = ()


def _learning(config: RunConfig, choice: Choice) -> _Learning:
    """What has to change where the algorithm before it learned."""
    if choice == "imaml":
        wanted = _IMAML_IMAGES if config.classifies else _IMAML_CURVES
        if config.num_inner_steps > 1:  # from the second on, a step moves alpha lambda of the way back to theta_0
            wanted = {**wanted, "alpha": min(wanted["alpha"], 1.0 / wanted["proximal"])}
        changes = {name: wanted[name] for name in ("proximal", "num_solver_steps")}
        changes |= {name: wanted[name] for name in ("alpha", "beta") if getattr(config, name) > wanted[name]}
        values = ", ".join(f"{symbol(name)} = {value:g}" for name, value in changes.items())
        return _Learning(changes, (f"For iMAML to learn, these were set: {values}.",))
    if choice == "maml_plus_plus" and config.clip_norm is None and not config.classifies:
        note = f"MAML++'s rates can run away: the meta-gradient is clipped at a norm of {_CLIP_NORM:g}."
        return _Learning({"clip_norm": _CLIP_NORM}, (note,))
    if choice == "meta_sgd" and config.num_inner_steps > 1 and not config.classifies:
        note = "Meta-SGD's learned rates make one inner step enough, and run away where there are more: N was set to 1."
        return _Learning({"num_inner_steps": 1}, (note,))
    if choice == "reptile" and config.num_inner_steps == 1:  # Nichol et al. 2018, section 3
        note = f"With one inner step Reptile would train on all tasks jointly: N was set to {_REPTILE_STEPS}."
        return _Learning({"num_inner_steps": _REPTILE_STEPS}, (note,))
    return _Learning()


_REPTILE_STEPS = 3
_CLIP_NORM = 10.0
"""It does not hold Meta-SGD's rates: with three steps of curves seven seeds of eight diverge before outer step 700."""
_IMAML_CURVES: dict[str, Any] = {"proximal": 20.0, "num_solver_steps": 10, "alpha": 0.01, "beta": 1.5e-3}
_IMAML_IMAGES: dict[str, Any] = {"proximal": 20.0, "num_solver_steps": 5, "alpha": 0.8, "beta": 4e-3}
"""With the engine's own lambda of 2 the solve at theta_N stays far from true: curves diverge from two seeds of three."""


def _with_algorithm(config: RunConfig, choice: Choice, before: Choice) -> Chosen:
    """The set-up with another algorithm and what contradicts it out of the way."""
    changes: dict[str, Any] = {"algorithm": "maml" if choice in ("maml_plus_plus", "fomaml") else choice}
    if choice == "fomaml":
        changes["order"] = "first"
    elif choice in ("maml", "maml_plus_plus") or not TRAITS[choice].unrolls or before == "fomaml":
        changes["order"] = "second"
    if choice == "maml_plus_plus":
        changes |= MAML_PLUS_PLUS
        if config.num_inner_steps < 2:
            after = _resolved(config, changes | {"num_inner_steps": 3})
            return after._replace(notes=(*after.notes, "MAML++ judges each of several inner steps: N was set to 3."))
    elif before == "maml_plus_plus" or (choice == "maml" and all(getattr(config, switch) for switch in SWITCHES)):
        changes |= dict.fromkeys(SWITCHES, False)
    return _resolved(config, changes)


def normalized(config: RunConfig, norm: Norm) -> Chosen:
    """The set-up with batch norm off, by this treatment, or with group norm. Switches that then cannot act give way."""
    by_batch = norm not in ("off", "group")
    if isinstance(config.model, ConvConfig):
        kind: Literal["batch", "group", "none"] = "batch" if by_batch else "group" if norm == "group" else "none"
        model: ModelConfig = dataclasses.replace(config.model, norm=kind)
    else:
        model = dataclasses.replace(config.model, batch_norm=by_batch)
    changes: dict[str, Any] = {"model": model, "batch_norm_treatment": norm if by_batch else "batch"}
    notes = []
    for switch in NORM_SWITCHES:
        acts = norm == "running" or (switch == "per_step_norm" and by_batch)
        if getattr(config, switch) and not acts:
            changes[switch] = False
            notes.append(f"{title(switch)} cannot act then: it was switched off.")
    return Chosen(replace(config, changes), tuple(notes))


HORIZONS: dict[str, tuple[str, ...]] = {
    "multi_step_loss": ("multi_step_epochs",),
    "anneal_order": ("first_order_epochs",),
    "anneal_beta": ("num_epochs", "final_beta"),
}
"""What says, in epochs, until when a switch acts, and where it ends."""


def switched(config: RunConfig, switch: Switch | NormSwitch, on: bool) -> Chosen:
    """The set-up with a switch on or off. One that goes on acts and ends within a demonstration, unless its horizon was chosen."""
    horizon = _demonstrated(config, switch) if on and not getattr(config, switch) else {}
    return _resolved(config, {switch: on, **horizon})


def _demonstrated(config: RunConfig, switch: str) -> dict[str, Any]:
    """A switch's horizon as the choice of MAML++ has it, where it still is that of the papers' long trainings."""
    names = HORIZONS.get(switch, ())
    if not any(getattr(config, other) for other in HORIZONS) and names:  # or another switch's end would move
        names = (*names, "epoch_steps")
    untouched = RunConfig()
    return {name: MAML_PLUS_PLUS[name] for name in names if getattr(config, name) == getattr(untouched, name)}


def _resolved(config: RunConfig, changes: dict[str, Any]) -> Chosen:
    """The set-up with these changes and whatever else has to change with them."""
    after: dict[str, Any] = {
        name: changes.get(name, getattr(config, name))
        for name in ("algorithm", "order", "num_inner_steps", "alpha", *SWITCHES, *NORM_SWITCHES)
    }
    name = next(name for key, name in NAMES.items() if key == after["algorithm"])
    traits = TRAITS[after["algorithm"]]
    unrolled = traits.unrolls
    fixed: dict[str, Any] = {}
    notes: list[str] = []
    for switch in ("multi_step_loss", "per_step_rates", "anneal_order"):
        contradicts = (
            not unrolled
            or (switch == "per_step_rates" and traits.learns != "nothing")
            or (switch == "anneal_order" and after["order"] == "first")
        )
        if after[switch] and contradicts:
            fixed[switch] = after[switch] = False
            with_what = "the order first throughout" if unrolled and switch == "anneal_order" else name
            notes.append(f"{title(switch)} cannot act with {with_what}: it was switched off.")
    if config.test_alpha is not None and (traits.learns == "rates" or after["per_step_rates"]):
        fixed["test_alpha"] = None
        notes.append("The inner step sizes are learned, at test too: α at test was left out.")
    if config.recompute and not unrolled:
        fixed["recompute"] = False
        notes.append(f"{name} stores no inner gradients: recomputing them was switched off.")
    of_steps = ("multi_step_loss", "per_step_rates", *NORM_SWITCHES)
    needs_steps = after["algorithm"] != "maml" or any(after[switch] for switch in of_steps)
    if needs_steps and after["num_inner_steps"] == 0:
        least = _REPTILE_STEPS if after["algorithm"] == "reptile" else 1
        fixed["num_inner_steps"] = least
        notes.append(f"It needs at least one inner step: N was set to {least}.")
    if after["alpha"] <= 0.0 and traits.needs_alpha:
        fixed["alpha"] = 0.01
        notes.append(f"{name} needs a step size above 0: alpha was set to 0.01.")
    return Chosen(replace(config, changes | fixed), tuple(notes))


def own_rule(config: RunConfig) -> str:
    """How the inner loop differs from plain gradient steps of alpha, which the baselines take; empty where it does not."""
    rules = []
    traits = TRAITS[config.algorithm]
    if traits.adapts_head_alone:
        rules.append("only the head adapts")
    if traits.learns == "rates":
        rules.append("one learned rate a parameter, at every step")
    if traits.learns == "matrices":
        rules.append("each gradient is turned by M")
    if config.per_step_rates:
        rules.append("after the trained ones the last rates repeat")
    if isinstance(config.tasks, PythonConfig) and config.tasks.inner_optimizer:
        rules.append("by your own inner optimizer")
    if traits.is_proximal:
        rules.append("each held near θ<sub>0</sub> by λ")
    return "; ".join(rules)
