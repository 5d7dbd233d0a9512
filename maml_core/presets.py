"""Named set-ups worth starting from, each with a sentence on what it shows. Nothing here imports torch."""

from __future__ import annotations

from typing import NamedTuple

from maml_core.config import RunConfig


class Preset(NamedTuple):
    """A config with a name."""

    name: str
    teaches: str
    """What to look for."""
    config: RunConfig


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
        "num_inner_steps": (0, max(20, config.num_inner_steps)),
    }
