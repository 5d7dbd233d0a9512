"""How numbers are said in the charts' sentences.

Sentences write theta as ``θ_0``, ``θ_N``, ``θ_5``; the page sets the index as a subscript.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from dashboard.charts.results import Metric
from maml_core.config import PythonConfig, RunConfig
from maml_core.wording import with_minus

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def loss_name(config: RunConfig) -> str:
    """What the loss of a set-up is called.

    >>> loss_name(RunConfig())
    'MSE'
    """
    if isinstance(config.tasks, PythonConfig) and config.tasks.loss:
        return config.tasks.loss
    return "cross-entropy" if config.classifies else "MSE"


def number(value: float) -> str:
    """Three significant digits, powers of ten as the axes write them, and words where there is no number.

    >>> [number(value) for value in (0.04321, 3.0, 1234.5, -70000, 1.2e-9, 4.5e12, float("inf"))]
    ['0.0432', '3', '1,230', '−70,000', '1.2 × 10⁻⁹', '4.5 × 10¹²', 'infinite']
    """
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "infinite"
    mantissa, exponent = f"{value:.2e}".split("e")
    if value and not -4 <= int(exponent) < 6:
        return with_minus(f"{float(mantissa):g} × 10{str(int(exponent)).translate(_RAISED)}")
    digits = float(f"{value:.3g}")
    return with_minus(f"{digits:,.0f}" if abs(digits) >= 1000.0 else f"{digits:g}")


def measured(value: float, metric: Metric) -> str:
    """A mean loss over tasks, or a mean accuracy in per cent. Where a task's loss is no number, the mean of all is kept as infinite, and curves have
    a gap for both: more than that it is not finite is not known.

    >>> measured(0.6125, "accuracy"), measured(0.6125, "loss")
    ('61.3%', '0.613')
    >>> measured(math.inf, "loss"), measured(math.nan, "accuracy")
    ('not finite', 'not finite')
    """
    if not math.isfinite(value):
        return "not finite"
    return f"{100.0 * value:.3g}%" if metric == "accuracy" else number(value)


def percent(share: float) -> str:
    """A share of tasks.

    >>> percent(0.25), percent(0.001)
    ('25%', 'less than 1%')
    """
    return "less than 1%" if 0 < share < 0.005 else f"{share:.0%}"


def steps(count: int) -> str:
    """A number of inner steps.

    >>> steps(1), steps(5)
    ('1 inner step', '5 inner steps')
    """
    return "1 inner step" if count == 1 else f"{count} inner steps"


def tasks(count: int) -> str:
    """A number of tasks.

    >>> tasks(1), tasks(25)
    ('1 task', '25 tasks')
    """
    return "1 task" if count == 1 else f"{count} tasks"


def right(accuracy: Sequence[float], loss: Sequence[float], count: int, second: float | None) -> str:
    """How much of a task's classes is right before and after so many inner steps.

    Args:
        accuracy: After 0, 1, ... inner steps.
        loss: The same of the query loss.
        count: N.
        second: What a second run gets right; None where there is none.

    >>> right([0.2, 0.8], [1.61, 0.523], 1, 0.6)
    '20% right before, 80% after 1 inner step, second run 60%. Loss 1.61 → 0.523.'
    """
    losses = f"Loss {number(loss[0])} → {number(loss[count])}."
    return f"{accuracy[0]:.0%} right before, {accuracy[count]:.0%} after {steps(count)}{second_run(second)}. {losses}"


def second_run(share: float | None) -> str:
    """What a second run gets right, as it follows what the first does; empty where there is none.

    >>> second_run(0.25), second_run(None)
    (', second run 25%', '')
    """
    return "" if share is None else f", second run {share:.0%}"


def dead(count: int) -> str:
    """What happened to a task whose theta_N says the same of every input."""
    return f"{steps(count).capitalize()} switched a whole hidden layer off: θ_N is dead and says the same everywhere."
