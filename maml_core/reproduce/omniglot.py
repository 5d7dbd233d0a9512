"""Few-shot classification of Omniglot's characters (Finn et al. 2017, section 5.2), on a laptop and as published.

The released code's loss is the sum over a task's classes of what we take the mean of, so its alpha of 0.4 (5 ways) and 0.1 (20 ways) are
2.0 here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from maml_core.config import ConvConfig, OmniglotConfig, RunConfig, replace
from maml_core.reproduce.cases import Case, Exam, Published, Setup
from maml_core.rng import Stream

NUM_TEST_TASKS = 1_000

OmniglotSplit = Literal["alphabets", "background", "random"]


class Scale(NamedTuple):
    """The set-ups of a size of the experiment, and what they have in common."""

    setups: tuple[Setup, ...]
    common: Mapping[str, Any]
    num_steps: Mapping[str, int]
    """Outer steps of each set-up."""
    result: Mapping[int, int]
    """Inner steps at the test, by ways."""
    split: OmniglotSplit
    """Which characters are held out, where nobody says so."""


def _classes(ways: int, **more: Any) -> dict[str, Any]:
    return {"tasks": OmniglotConfig(ways=ways), **more}


_ANNEALED = {"anneal_beta": True, "num_epochs": 100}

LAPTOP = Scale(
    setups=(
        Setup("5-way 1-shot", _classes(5, shots=1)),
        Setup("5-way 5-shot", _classes(5, shots=5)),
        Setup("20-way 1-shot", _classes(20, shots=1, alpha=1.6, num_query=3, meta_batch_size=4)),
        Setup("20-way 5-shot", _classes(20, shots=5, alpha=1.6, num_query=3, meta_batch_size=4)),
    ),
    common={
        **_ANNEALED,
        "model": ConvConfig(num_filters=32),
        "alpha": 0.4,
        "beta": 2e-3,
        "num_inner_steps": 1,
        "num_query": 5,
        "meta_batch_size": 8,
    },
    num_steps={"5-way 1-shot": 48_000, "5-way 5-shot": 20_000, "20-way 1-shot": 20_000, "20-way 5-shot": 10_000},
    result={5: 3, 20: 3},
    split="background",
)
"""What two processor cores train within hours, 5-way 1-shot within one: half of the filters, fewer tasks a step, more query images."""

PAPER = Scale(
    setups=(
        Setup("5-way 1-shot", _classes(5, shots=1, num_query=1)),
        Setup("5-way 5-shot", _classes(5, shots=5, num_query=5)),
        Setup("20-way 1-shot", _classes(20, shots=1, num_query=1, num_inner_steps=5, meta_batch_size=16)),
        Setup("20-way 5-shot", _classes(20, shots=5, num_query=5, num_inner_steps=5, meta_batch_size=16)),
        Setup(
            "MAML++, 20-way 1-shot",
            _classes(
                20,
                **_ANNEALED,
                model=ConvConfig(num_filters=64, downsample="max_pool"),
                shots=1,
                num_query=1,
                alpha=0.1,
                num_inner_steps=5,
                meta_batch_size=8,
                multi_step_loss=True,
                multi_step_epochs=10,
                per_step_rates=True,
                per_step_norm=True,
            ),
        ),
    ),
    common={"model": ConvConfig(num_filters=64), "alpha": 2.0, "num_inner_steps": 1, "meta_batch_size": 32},
    num_steps={
        "5-way 1-shot": 60_000,
        "5-way 5-shot": 60_000,
        "20-way 1-shot": 60_000,
        "20-way 5-shot": 60_000,
        "MAML++, 20-way 1-shot": 50_000,
    },
    result={5: 3, 20: 5},
    split="random",
)
"""Finn et al. 2017, appendix A.1, with the query images of its released code, as many as support images. MAML++ is as its released code
has it (Antoniou et al. 2018): second order throughout, and batch norm by the batch at hand, for its running statistics are never used.
"""

SCALES: Mapping[str, Scale] = {"laptop": LAPTOP, "paper": PAPER}

_FINN, _PLUS, _REPTILE, _IMAML, _ANIL = (
    "MAML (Finn et al. 2017)",
    "MAML++ (Antoniou et al. 2018, an ensemble of 3)",
    "Reptile (Nichol et al. 2018, transductive)",
    "iMAML (Rajeswaran et al. 2019, Hessian-free)",
    "ANIL (Raghu et al. 2019)",
)
_REPLICATED = "MAML rerun for MAML++ (Antoniou et al. 2018)"
_FOMAML = "FOMAML (Nichol et al. 2018, transductive)"
_MAML_OF_ANIL = "MAML rerun for ANIL (Raghu et al. 2019)"

PUBLISHED: Mapping[tuple[int, int], tuple[Published, ...]] = {
    (5, 1): (
        Published(0.987, 0.004, _FINN),
        Published(0.9947, None, _PLUS),
        Published(0.983, None, _FOMAML),
        Published(0.9768, None, _REPTILE),
        Published(0.995, None, _IMAML),
    ),
    (5, 5): (
        Published(0.999, 0.001, _FINN),
        Published(0.9993, None, _PLUS),
        Published(0.992, None, _FOMAML),
        Published(0.9948, None, _REPTILE),
        Published(0.9974, None, _IMAML),
    ),
    (20, 1): (
        Published(0.958, 0.003, _FINN),
        Published(0.9127, None, _REPLICATED),
        Published(0.937, None, _MAML_OF_ANIL),
        Published(0.9765, None, _PLUS),
        Published(0.894, None, _FOMAML),
        Published(0.8943, None, _REPTILE),
        Published(0.9618, None, _IMAML),
        Published(0.962, None, _ANIL),
    ),
    (20, 5): (
        Published(0.989, 0.002, _FINN),
        Published(0.9878, None, _REPLICATED),
        Published(0.964, None, _MAML_OF_ANIL),
        Published(0.9933, None, _PLUS),
        Published(0.979, None, _FOMAML),
        Published(0.9712, None, _REPTILE),
        Published(0.9914, None, _IMAML),
        Published(0.98, None, _ANIL),
    ),
}
"""Accuracy by ways and shots, on characters held out at random."""


def omniglot_cases(
    scale: Scale,
    setups: Sequence[Setup],
    *,
    seed: int,
    num_steps: int | None = None,
    split: OmniglotSplit | None = None,
) -> list[Case]:
    """The trainings of some set-ups of a scale. Where beta falls, it falls over the whole length of the training.

    Args:
        scale: Where the set-ups are from.
        setups: Some of them.
        seed: Of the weights and the training tasks.
        num_steps: Outer steps; None for the scale's.
        split: Which characters are held out; None for the scale's.
    """
    found = []
    for setup in setups:
        steps = num_steps or scale.num_steps[setup.name]
        settings = {**scale.common, **setup.settings}
        tasks = OmniglotConfig(ways=settings["tasks"].ways, split=split or scale.split)
        if settings.get("anneal_beta"):
            settings["epoch_steps"] = math.ceil(steps / settings["num_epochs"])
        config = replace(
            RunConfig(weights_seed=seed, tasks_seed=seed, joint_baseline=False, evaluate_every=500),
            settings | {"tasks": tasks},
        )
        compared = _PLUS if config.multi_step_loss else _FINN
        figures = sorted(PUBLISHED[tasks.ways, config.shots], key=lambda figure: figure.source != compared)
        found.append(
            Case(
                setup=setup,
                config=config,
                num_steps=steps,
                folder=setup.name.replace("+", "p"),
                exam=Exam(
                    (config.shots,),
                    Stream.TEST_TASKS,
                    num_steps=10,
                    reported=(0, 1, 3, 5, 10),
                    result=scale.result[tasks.ways],
                ),
                published={config.shots: tuple(figures)},
            )
        )
    return found
