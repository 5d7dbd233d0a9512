"""When an outer step has gone wrong, in numbers and in a sentence: the one judgement of single runs and of a sweep's lanes."""

from __future__ import annotations

from collections.abc import Sequence

DIVERGED_FACTOR = 10.0
"""A task has diverged when its adapted loss is not finite, or above so many times the larger of the family's zero level and the task's
own loss before adaptation. Against a task's own zero predictor an easy task would count, however well it has adapted."""

CHECKPOINT_EVERY = 50
"""Outer steps between checkpoints; a roll-back goes to the last but one, so at least this far where there is so much."""

HIGH_LOSS = 10.0
"""A training loss above this many times the run's loss scale is high; `HIGH_LOSS_STEPS` of them in a row are divergence."""

HIGH_LOSS_STEPS = 50

EXPLODED_LOSS = 1000.0
"""One training loss above this many times the loss scale is divergence at once: its gradient alone would stall Adam for thousands of
steps."""


def loss_scale(zero_level: float, initial_loss: float) -> float:
    """What later losses are compared with, of a run or of one task: the zero predictor's level, or the loss at the start where that is
    larger.
    """
    return max(zero_level, initial_loss, 1e-12)


def high_loss_steps(before: int, query_loss: float, scale: float) -> int:
    """How many outer steps in a row had a high training loss, with this one. A NaN is high."""
    return before + 1 if not query_loss <= HIGH_LOSS * scale else 0


def fault(step: int, query_loss: float, *, scale: float, high_steps: int, not_finite: Sequence[str] = ()) -> str:
    """What went wrong in an outer step, in a sentence; empty where nothing did.

    Args:
        step: Outer steps before it.
        query_loss: Its training loss.
        scale: See `loss_scale`.
        high_steps: See `high_loss_steps`, this step counted.
        not_finite: Learners whose parameters or moments are not finite after it: "meta", or baselines by name.
    """
    if "meta" in not_finite:
        return f"The meta-gradient at outer step {step:,} is not finite."
    if not_finite:
        return f"The gradient of the {not_finite[0]} baseline at outer step {step:,} is not finite."
    if query_loss > EXPLODED_LOSS * scale:
        return f"The training loss at outer step {step:,} is {query_loss:.2g}, over {EXPLODED_LOSS:g} times the usual scale."
    if high_steps >= HIGH_LOSS_STEPS:
        return f"The training loss stayed above {HIGH_LOSS:g} times the usual scale for {high_steps} outer steps."
    return ""


def death(step: int) -> str:
    """What a dead network means, in a sentence."""
    return (
        f"The network of theta_0 is dead at outer step {step:,}: "
        "a whole hidden layer is off for every input, so no gradient reaches it."
    )
