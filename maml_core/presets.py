"""Named set-ups worth starting from, each with a sentence on what it shows. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from maml_core.config import RunConfig, needs_inner_steps


class Preset(NamedTuple):
    """A config with a name."""

    name: str
    teaches: str
    """What to look for."""
    config: RunConfig


MAML_PLUS_PLUS: Mapping[str, Any] = MappingProxyType(
    {
        "multi_step_loss": True,
        "per_step_rates": True,
        "anneal_order": True,
        "anneal_beta": True,
        "epoch_steps": 50,
        "num_epochs": 60,
        "multi_step_epochs": 20,
        "first_order_epochs": 10,
        "final_beta": 1e-4,
    }
)
"""The switches of MAML++ (Antoniou et al. 2018), with horizons within which a demonstration sees each of them act and end."""

PRESETS: tuple[Preset, ...] = (
    Preset(
        "Fast demo",
        "Learns in seconds: watch the orange curve find a new sinusoid in a few inner steps.",
        RunConfig(alpha=0.02, num_inner_steps=3, beta=3e-3, meta_batch_size=10),
    ),
    Preset(
        "The paper's setting",
        "Finn et al. (2017): one inner step of 0.01, Adam with 0.001, 25 tasks. Slower, and better in the end.",
        RunConfig(),
    ),
    Preset(
        "Alpha too large",
        "alpha lies beyond 2 / lambda_max: inner steps overshoot and the run diverges. Watch the gauge, then lower alpha.",
        RunConfig(alpha=0.1, num_inner_steps=5),
    ),
    Preset(
        "Too many inner steps",
        "Twenty steps multiply twenty Hessian factors: a step size that one step forgives no longer trains well.",
        RunConfig(alpha=0.05, num_inner_steps=20),
    ),
    Preset(
        "MAML++",
        "Every inner step is judged until step 1,000, first order turns into second at step 500, and each layer learns its own rates.",
        RunConfig(alpha=0.02, num_inner_steps=3, beta=3e-3, meta_batch_size=10, **MAML_PLUS_PLUS),
    ),
    Preset(
        "ANIL",
        "Only the head adapts. Watch the loss after adaptation: reusing the body's features is nearly enough.",
        RunConfig(algorithm="anil", alpha=0.05, num_inner_steps=5, beta=3e-3, meta_batch_size=10),
    ),
    Preset(
        "Meta-SGD",
        "One inner step, with a step size learned for each parameter. Watch the rates spread from where they started.",
        RunConfig(algorithm="meta_sgd", alpha=0.02, num_inner_steps=1, beta=3e-3, meta_batch_size=10),
    ),
    Preset(
        "Meta-Curvature",
        "One inner step, its gradient turned by learned matrices. It adapts further in that step than MAML does in three.",
        RunConfig(algorithm="meta_curvature", alpha=0.02, num_inner_steps=1, beta=3e-3, meta_batch_size=10),
    ),
    Preset(
        "Reptile",
        "No second derivative and no query gradient: theta_0 follows where the inner steps end. Ten cheap steps make it work.",
        RunConfig(algorithm="reptile", alpha=0.02, num_inner_steps=10, beta=3e-3, meta_batch_size=10),
    ),
    Preset(
        "iMAML",
        "The gradient is solved for at the end of ten small steps. Watch the solver's residual; a smaller lambda leaves it unsolved.",
        RunConfig(
            algorithm="imaml",
            alpha=0.005,
            num_inner_steps=10,
            beta=1e-3,
            proximal=10.0,
            num_solver_steps=10,
            meta_batch_size=10,
        ),
    ),
)

DEFAULT_PRESET = PRESETS[0]


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
