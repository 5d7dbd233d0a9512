"""Named set-ups worth starting from, each with a sentence on what it shows. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from maml_core.config import (
    ConvConfig,
    FolderConfig,
    GlyphsConfig,
    ImageConfig,
    OmniglotConfig,
    RunConfig,
)


class Preset(NamedTuple):
    """A config with a name."""

    name: str
    teaches: str
    """What to look for."""
    config: RunConfig
    horizon: int = 600
    """Outer steps within which it can be seen, whatever the seed."""
    diverges: bool = False
    """Whether it teaches what a divergence looks like."""


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

_FEW_SHOT: Mapping[str, Any] = MappingProxyType(
    {
        "model": ConvConfig(num_filters=16),
        "alpha": 0.8,
        "beta": 8e-3,
        "shots": 1,
        "num_query": 3,
        "meta_batch_size": 8,
        "evaluation_tasks": 20,
        "evaluation_steps": 3,
        "joint_baseline": False,
    }
)
"""Five classes, one image of each: with a small convolutional network a step of two dozen milliseconds."""

PRESETS: tuple[Preset, ...] = (
    Preset(
        "Fast demo",
        "Learns in seconds: watch the orange curve find a new sinusoid in a few inner steps.",
        RunConfig(alpha=0.02, num_inner_steps=3, beta=3e-3, meta_batch_size=10),
    ),
    Preset(
        "The paper's setting",
        "Finn et al. (2017): one inner step of 0.01, Adam with 0.001, 25 tasks. Slower and steadier: the published figures took 70,000 outer steps.",
        RunConfig(),
        horizon=1500,
    ),
    Preset(
        "Alpha too large",
        "alpha lies beyond 2 / lambda_max: inner steps overshoot and the run diverges. Watch the gauge, then lower alpha.",
        RunConfig(alpha=0.1, num_inner_steps=5),
        horizon=100,
        diverges=True,
    ),
    Preset(
        "Too many inner steps",
        "Twenty steps multiply twenty Hessian factors: with a step size that trains well at N = 1, the loss after twenty stays where it began.",
        RunConfig(alpha=0.04, num_inner_steps=20, evaluation_steps=20),  # with 0.05 one seed in ten diverges
        horizon=200,
    ),
    Preset(
        "MAML++",
        "Every inner step is judged until step 1,000, first order turns into second at step 500, and each layer learns its own rates.",
        RunConfig(alpha=0.02, num_inner_steps=3, beta=3e-3, meta_batch_size=10, clip_norm=10.0, **MAML_PLUS_PLUS),
        horizon=1200,  # the learned rates walk to the edge: without the clip, one seed in four diverges before it
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
        RunConfig(algorithm="reptile", alpha=0.01, num_inner_steps=10, beta=3e-3, meta_batch_size=10),
    ),
    Preset(
        "iMAML",
        "The gradient is solved for at the end of ten small steps. Watch the solver's residual; a smaller lambda leaves it unsolved.",
        RunConfig(
            algorithm="imaml",
            alpha=0.005,
            num_inner_steps=10,
            beta=1.5e-3,
            proximal=10.0,
            num_solver_steps=10,
            meta_batch_size=10,
        ),
        horizon=1000,  # by 600, on some processors, one seed of three gains a sixth only
    ),
    Preset(
        "Glyphs, fast demo",
        "Five unknown characters, one drawing of each. Before the inner step θ_0 guesses; after it most new drawings are named right.",
        RunConfig(tasks=GlyphsConfig(), **_FEW_SHOT),
        horizon=100,
    ),
    Preset(
        "Glyphs, ANIL",
        "Only the head adapts, so the body's features serve all characters as they are. Compare with the fast demo's ghost.",
        RunConfig(tasks=GlyphsConfig(), **{**_FEW_SHOT, "algorithm": "anil", "alpha": 1.0, "beta": 5e-3}),
        horizon=200,
    ),
    Preset(
        "Glyphs, inductive",
        "Batch norm by the support set alone: each drawing is named without a look at the others that wait. Harder than transductive.",
        RunConfig(tasks=GlyphsConfig(), **{**_FEW_SHOT, "batch_norm_treatment": "support", "alpha": 0.4, "beta": 5e-3}),
        horizon=100,
    ),
    Preset(
        "Glyphs, MAML++",
        "Three inner steps, each judged, with rates of their own and a scale and shift of batch norm's own for every step.",
        RunConfig(
            tasks=GlyphsConfig(),
            **{
                **_FEW_SHOT,
                **MAML_PLUS_PLUS,
                "alpha": 0.4,
                "beta": 5e-3,
                "num_inner_steps": 3,
                "per_step_norm": True,
            },
        ),
        horizon=100,
    ),
    Preset(
        "Glyphs, 20 ways",
        "Twenty characters at once: guessing is right once in twenty times.",
        RunConfig(
            tasks=GlyphsConfig(ways=20),
            **{**_FEW_SHOT, "num_query": 1, "meta_batch_size": 4, "alpha": 1.0, "beta": 5e-3},
        ),
        horizon=200,
    ),
    Preset(
        "Omniglot, fast demo",
        "Real handwriting of fifty alphabets (Lake et al. 2015). The page says how to get it where it is not there.",
        RunConfig(tasks=OmniglotConfig(), **_FEW_SHOT),
        horizon=100,
    ),
)

DEFAULT_PRESET = PRESETS[0]


def few_shot(tasks: ImageConfig) -> RunConfig:
    """The settings of the fast demos, for these image tasks. Images of a folder may be anything: an alpha of 0.8 is right for thin lines on
    white and overshoots on textures and photographs.
    """
    own = {"alpha": 0.1} if isinstance(tasks, FolderConfig) else {}
    return RunConfig(tasks=tasks, **{**_FEW_SHOT, **own})
