"""What `maml train` says of a run when it ends: to people, to programs, and how to go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from maml_core.cli.console import name_for_cli, percent
from maml_core.config import to_dict
from maml_core.store import SavedRun
from maml_core.wording import loss_said

DEFAULT_STEPS = 1000
"""Outer steps that a training takes where nobody says how many."""


def way_on(run: SavedRun, target: int, again: str) -> str:
    """What to do with a run that stopped by itself, after what its sentence says of the cause.

    Args:
        run: The one that stopped.
        target: The outer step that it was to be trained to.
        again: The command that goes on with it, without its steps.
    """
    said = run.status.sentence
    if "no setting mends" in said:
        return "It cannot go on like this: mend that, and train a new one, under another name or with --force."
    if "before any training" in said:
        return "It cannot go on like this: train a new one with such a change, under another name or with --force."
    steps = target if target > run.step else target + DEFAULT_STEPS
    option = "--beta" if "beta" in said else "--alpha"
    return f"Go on with a change, for example: {again} --steps {steps} {option} ..."


def _last(values: Any) -> float | None:
    return float(values[-1]) if len(values) else None


def as_plain(run: SavedRun) -> dict[str, Any]:
    """A run for programs: its settings, how it stands, and its newest losses."""
    records = run.records
    held_out_step = int(records.held_out_steps[-1]) if len(records.held_out_steps) else None
    accuracies = {
        "training": _last(records.accuracy),
        "held_out_before": _last(records.held_out_accuracy_before),
        "held_out_after": _last(records.held_out_accuracy_after),
    }
    return {
        "config": to_dict(run.config),
        "step": run.step,
        "status": run.status._asdict(),
        "losses": {
            "training": _last(records.query_loss),
            "joint": _last(records.joint_loss),
            "held_out_step": held_out_step,
            "held_out_before": _last(records.held_out_before),
            "held_out_after": _last(records.held_out_after),
            "held_out_diverged": _last(records.held_out_diverged),
            "held_out_worse": _last(records.held_out_worse),
        },
    } | ({"accuracies": accuracies} if run.config.classifies else {})


def print_report(run: SavedRun, folder: Path, *, saved: bool, options: str) -> None:
    """Say to people how a run stands.

    Args:
        run: The run.
        folder: Where it is.
        saved: Whether it is there as it is now.
        options: What a command needs besides its folder, with a space before it; empty for nothing.
    """
    records = run.records
    lines = [f"Outer step {run.step}."]
    if len(records.steps):
        right = f", {percent(records.accuracy[-1])} right" if run.config.classifies else ""
        lines.append(f"Training loss {loss_said(records.query_loss[-1])}{right}.")
    if len(records.held_out_steps):
        if run.config.classifies:
            before, after = records.held_out_accuracy_before[-1], records.held_out_accuracy_after[-1]
            lines.append(f"Held-out accuracy {percent(before)} before adaptation and {percent(after)} after N steps.")
        lines.append(
            f"Held-out loss {loss_said(records.held_out_before[-1])} before adaptation and {loss_said(records.held_out_after[-1])} after N steps, "
            f"measured at outer step {records.held_out_steps[-1]}."
        )
    if saved:
        lines.append(f"Saved in {folder}; look closer with: maml evaluate {name_for_cli(folder)}{options}")
    typer.echo("\n".join(lines))
