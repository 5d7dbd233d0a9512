"""Names of the settings, the one table of them: what the page calls each, in full and where there is little room, and its letter in addresses.

Nothing here imports streamlit or plotly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from maml_core.config import ConvConfig, RunConfig


class Name(NamedTuple):
    """What one setting is called."""

    label: str
    """Beside its widget, and where it is spoken of."""
    symbol: str = ""
    """Where there is little room: titles of axes, heads of tables; empty for the words of its field."""
    code: str = ""
    """Its letter in the timeline of an address; who may change while a run trains has one. People have shared addresses: no letter changes."""
    note: str = ""
    """Where the page notes what happens: on marks of the curve, whose Greek letters are set later, and on the row of what the switches do; empty
    for its symbol."""
    role: str = ""
    """What its symbol stands for, where both are written apart: of a dial."""


def _dial(symbol: str, role: str, code: str, note: str = "") -> Name:
    return Name(f"{symbol} ({role})", symbol, code, note, role)


SETTING_NAMES: Mapping[str, Name] = {
    "alpha": _dial("α", "inner step size", "a", "alpha"),
    "test_alpha": Name("α at test", code="t", note="α at test"),
    "beta": _dial("β", "outer step size", "b", "beta"),
    "num_inner_steps": _dial("N", "inner steps", "n"),
    "family": Name("Tasks"),
    "difficulty": Name("Difficulty"),
    "split": Name("Held out"),
    "rotations": Name("Rotations"),
    "ways": Name("Ways"),
    "labels": Name("Labels of training tasks", "labels"),
    "frequency": Name("Frequency"),
    "test_amplitude": Name("Amplitude at test"),
    "test_phase_rad": Name("Phase at test"),
    "test_x": Name("x at test"),
    "test_difficulty": Name("Difficulty at test"),
    "noise_std": Name("Noise", "noise"),
    "num_training_tasks": Name("Different training tasks", "training tasks"),
    "shots": Name("Shots", code="k"),
    "num_query": Name("Query points", code="q", note="query points"),
    "meta_batch_size": Name("Tasks / step", "tasks", "m", "tasks per step"),
    "algorithm": Name("Algorithm"),
    "proximal": Name("λ (proximal)", "λ"),
    "num_solver_steps": Name("Solver steps", "solver steps"),
    "multi_step_loss": Name("Multi-step loss", note="Multi-step loss"),
    "per_step_rates": Name("Learned rates per tensor and step", note="Learned rates"),
    "anneal_order": Name("Derivative-order annealing", note="Derivative order"),
    "anneal_beta": Name("Cosine annealing of β", note="β annealing"),
    "per_step_norm": Name("Batch norm's scale and shift per step"),
    "per_step_statistics": Name("Running averages per step"),
    "multi_step_epochs": Name("Epochs until only the last step counts"),
    "first_order_epochs": Name("Epochs of first order"),
    "num_epochs": Name("Epochs until β has fallen"),
    "final_beta": Name("β at the end"),
    "epoch_steps": Name("Steps an epoch"),
    "order": Name("Order", code="o"),
    "outer_optimizer": Name("Outer optimiser", "optimiser", "u"),
    "model": Name("Network"),
    "num_filters": Name("Filters", "filters"),
    "num_layers": Name("Layers"),
    "downsample": Name("Halving"),
    "hidden_widths": Name("Hidden widths", "widths"),
    "activation": Name("Activation"),
    "seed": Name("Seed"),
    "norm": Name("Batch norm", note="Batch norm"),
    "head": Name("Head", note="Head"),
    "recompute": Name("Recompute inner gradients", code="r", note="recomputing"),
    "clip_norm": Name("Clip norm", code="c"),
    "evaluation_steps": Name("Inner steps at evaluation", code="e"),
    "joint_baseline": Name("Joint pretraining beside it", code="j", note="joint"),
    "oracle_baseline": Name("Oracle beside it", code="y", note="oracle"),
}
"""By the names of the sidebar's widgets: a field of the set-up, of its tasks or its network, or what stands for several of them."""

SWEEP_LABELS: Mapping[str, str] = {
    "num_steps": "Outer steps",
    "num_seeds": "Seeds",
    "num_settings": "Settings to draw",
    "num_rungs": "Rungs",
    "sampler": "Sampler",
    "grid_order": "Order of the grid",
    "prune": "Prune at each rung",
}
"""What the fields of a sweep are called in its form."""

NO_FIELDS = frozenset({"family", "seed", "norm"})
"""Settings that stand for several fields, or for a kind."""


def name_of(field: str) -> Name | None:
    """The names of a field, dotted or not; None for one that the page does not name.

    >>> name_of("model.num_filters"), name_of("adam_eps")
    (Name(label='Filters', symbol='filters', code='', note='', role=''), None)
    """
    own = field.removeprefix("tasks.").removeprefix("model.")
    return None if own in NO_FIELDS else SETTING_NAMES.get(own)


def symbol(field: str) -> str:
    """How a field is called where there is little room; in its own words where it has no symbol.

    >>> symbol("alpha"), symbol("tasks.w_std")
    ('α', 'w std')
    """
    name = name_of(field)
    return (name.symbol if name is not None else "") or field.rpartition(".")[2].replace("_", " ")


def noted(setting: str) -> str:
    """How a setting is called where the page notes what happens.

    >>> noted("alpha"), noted("anneal_beta"), noted("shots")
    ('alpha', 'β annealing', 'shots')
    """
    return SETTING_NAMES[setting].note or symbol(setting)


def title(field: str) -> str:
    """How a field is called under a chart.

    >>> title("num_inner_steps"), title("tasks.w_std")
    ('N (inner steps)', 'w std')
    """
    name = name_of(field)
    return name.label if name is not None else symbol(field)


def label(field: str, config: RunConfig) -> str:
    """How a setting is called beside its widget.

    >>> label("num_query", RunConfig()), label("norm", RunConfig())
    ('Query points', 'Batch norm')
    """
    if field == "num_query" and config.classifies:
        return "Query / class"
    if field == "norm" and isinstance(config.model, ConvConfig):
        return "Normalisation"
    return SETTING_NAMES[field].label
