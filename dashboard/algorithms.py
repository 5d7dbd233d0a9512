"""The algorithms and switches that the page offers: what they are called, which of them contradict each other, what a choice resets.

The engine refuses a set-up whose switches cannot act together. Here every choice leads to one that it accepts, with a note on what had
to give way.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, NamedTuple

from maml_core.config import ConvConfig, ModelConfig, RunConfig, replace
from maml_core.presets import MAML_PLUS_PLUS

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
SWITCHES: dict[Switch, str] = {
    "multi_step_loss": "Multi-step loss",
    "per_step_rates": "Learned rates per tensor and step",
    "anneal_order": "Derivative-order annealing",
    "anneal_beta": "Cosine annealing of β",
}
NORM_SWITCHES: dict[NormSwitch, str] = {
    "per_step_norm": "Batch norm's scale and shift per step",
    "per_step_statistics": "Running averages per step",
}
"""MAML++'s switches for networks with batch norm; MAML++ as a choice leaves them as they are."""

NORMS: dict[Norm, str] = {
    "off": "Off",
    "batch": "By the batch (transductive)",
    "support": "By the support set (inductive)",
    "running": "Running averages (inductive)",
    "group": "Group norm (inductive)",
}
"""Group norm is for convolutional networks: each image by itself."""
_UNROLLED = ("maml", "anil", "meta_sgd", "meta_curvature")
"""What differentiates through the inner steps."""


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
    if config.algorithm not in _UNROLLED:
        return f"{name_of(config)} does not differentiate through inner steps, which this is about."
    if switch == "per_step_rates" and config.algorithm in ("meta_sgd", "meta_curvature"):
        return f"{name_of(config)} learns by itself how far each gradient goes."
    if switch == "anneal_order" and config.order == "first":
        return "The order is first throughout; choose Second for it."
    return ""


def why_no_order(config: RunConfig) -> str:
    """Why the order cannot be chosen, in a sentence; empty where it can."""
    if config.algorithm not in _UNROLLED:
        return f"{name_of(config)} has no second-order term to leave out."
    return "Derivative-order annealing decides it: first, then second." if config.anneal_order else ""


def chosen(config: RunConfig, choice: Choice) -> Chosen:
    """The set-up with another algorithm. Switches that can act with it stay, except that whoever leaves MAML++ leaves all four."""
    before = choice_of(config)
    changes: dict[str, Any] = {"algorithm": "maml" if choice in ("maml_plus_plus", "fomaml") else choice}
    if choice == "fomaml":
        changes["order"] = "first"
    elif choice not in ("anil", "meta_sgd", "meta_curvature") or before == "fomaml":
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
    for switch, label in NORM_SWITCHES.items():
        acts = norm == "running" or (switch == "per_step_norm" and by_batch)
        if getattr(config, switch) and not acts:
            changes[switch] = False
            notes.append(f"{label} cannot act then: it was switched off.")
    return Chosen(replace(config, changes), tuple(notes))


def switched(config: RunConfig, switch: Switch | NormSwitch, on: bool) -> Chosen:
    """The set-up with a switch on or off."""
    return _resolved(config, {switch: on})


def _resolved(config: RunConfig, changes: dict[str, Any]) -> Chosen:
    """The set-up with these changes and whatever else has to change with them."""
    after: dict[str, Any] = {
        name: changes.get(name, getattr(config, name))
        for name in ("algorithm", "order", "num_inner_steps", "alpha", *SWITCHES, *NORM_SWITCHES)
    }
    name = next(name for key, name in NAMES.items() if key == after["algorithm"])
    unrolled = after["algorithm"] in _UNROLLED
    fixed: dict[str, Any] = {}
    notes: list[str] = []
    for switch in ("multi_step_loss", "per_step_rates", "anneal_order"):
        contradicts = (
            not unrolled
            or (switch == "per_step_rates" and after["algorithm"] in ("meta_sgd", "meta_curvature"))
            or (switch == "anneal_order" and after["order"] == "first")
        )
        if after[switch] and contradicts:
            fixed[switch] = after[switch] = False
            with_what = "the order first throughout" if unrolled and switch == "anneal_order" else name
            notes.append(f"{SWITCHES[switch]} cannot act with {with_what}: it was switched off.")
    if config.recompute and not unrolled:
        fixed["recompute"] = False
        notes.append(f"{name} stores no inner gradients: recomputing them was switched off.")
    of_steps = ("multi_step_loss", "per_step_rates", *NORM_SWITCHES)
    needs_steps = after["algorithm"] != "maml" or any(after[switch] for switch in of_steps)
    if needs_steps and after["num_inner_steps"] == 0:
        fixed["num_inner_steps"] = 1
        notes.append("It needs at least one inner step: N was set to 1.")
    if after["alpha"] == 0.0 and after["algorithm"] in ("reptile", "imaml"):
        fixed["alpha"] = 0.01
        notes.append(f"{name} needs a step size above 0: alpha was set to 0.01.")
    return Chosen(replace(config, changes | fixed), tuple(notes))


def own_rule(config: RunConfig) -> str:
    """How the inner loop differs from plain gradient steps of alpha, which the baselines take; empty where it does not."""
    rules = []
    if config.algorithm == "anil":
        rules.append("only the head adapts")
    if config.algorithm == "meta_sgd":
        rules.append("one learned rate a parameter, at every step")
    if config.algorithm == "meta_curvature":
        rules.append("each gradient is turned by M")
    if config.per_step_rates:
        rules.append("after the trained ones the last rates repeat")
    if config.algorithm == "imaml":
        rules.append("each held near θ<sub>0</sub> by λ")
    return "; ".join(rules)
