"""Few-shot classification of Omniglot's characters (Finn et al. 2017, section 5.2), on a laptop and as published.

The released code's loss is the sum over a task's classes of what we take the mean of, so its alpha of 0.4 (5 ways) and 0.1 (20 ways) are
2.0 here.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from maml_core.config import ConvConfig, OmniglotConfig, RunConfig, replace
from maml_core.reproduce.cases import Case, Exam, Published, Setup, seeds_from
from maml_core.rng import Stream

NUM_TEST_TASKS, NUM_TEST_STEPS = 1_000, 10

OmniglotSplit = Literal["alphabets", "background", "random"]


class Scale(NamedTuple):
    """The set-ups of a size of the experiment, and what they have in common."""

    setups: tuple[Setup, ...]
    common: Mapping[str, Any]
    num_steps: Mapping[str, int]
    """Outer steps of each set-up."""
    result: Mapping[int, int]
    """Inner steps at the test, by ways; see `_result` for the algorithms that take others."""
    split: OmniglotSplit
    """Which characters are held out, where nobody says so."""
    test_shots: Mapping[str, int] = {}
    """Shots of the test, of the set-ups that are trained with others."""


def _classes(ways: int, **more: Any) -> dict[str, Any]:
    return {"tasks": OmniglotConfig(ways=ways), **more}


_ANNEALED = {"anneal_beta": True, "num_epochs": 100}
_MULTI_STEP: dict[str, Any] = {
    "multi_step_loss": True,
    "multi_step_epochs": 10,
    "per_step_rates": True,
    "per_step_norm": True,
}

_MAML = "MAML"
_LEARNERS: Mapping[str, Mapping[str, Any]] = {
    _MAML: {},
    "FOMAML": {"order": "first"},
    "ANIL": {"algorithm": "anil"},
    "Reptile": {"algorithm": "reptile", "num_inner_steps": 5},
    "MAML++": {"num_inner_steps": 3, **_MULTI_STEP},
}
"""What makes each algorithm at the laptop's scale, whatever the tasks."""

_TWENTY = {"alpha": 1.6, "num_query": 3, "meta_batch_size": 4}
_SIZES: Mapping[tuple[int, int], Mapping[str, Any]] = {(5, 1): {}, (5, 5): {}, (20, 1): _TWENTY, (20, 5): _TWENTY}
"""What differs by ways and shots."""

_OWN: Mapping[tuple[str, int], Mapping[str, Any]] = {
    ("FOMAML", 20): {"alpha": 0.4},
    ("Reptile", 5): {"meta_batch_size": 4, "alpha": 0.4},
    ("Reptile", 20): {"meta_batch_size": 2, "alpha": 0.4},
    ("MAML++", 5): {"meta_batch_size": 4},
    ("MAML++", 20): {"meta_batch_size": 2, "alpha": 0.4},
}
"""What an algorithm has otherwise than the rest of that many ways."""

_REPTILE_SHOTS = {1: 5, 5: 10}
"""Images per class that Reptile trains on, by shots of the test: it learns from how the gradients of a task's images agree, of which one has
none to agree with. Nichol et al. 2018 train with 10 and 15.
"""

_STEPS: Mapping[str, tuple[int, ...]] = {
    _MAML: (48_000, 20_000, 20_000, 10_000),
    "FOMAML": (30_000, 20_000, 20_000, 10_000),
    "ANIL": (30_000, 20_000, 20_000, 10_000),
    "Reptile": (20_000, 8_000, 8_000, 4_000),
    "MAML++": (30_000, 10_000, 24_000, 6_000),
}
"""Outer steps of each algorithm, in the order of the sizes."""


def _name(learner: str, ways: int, shots: int) -> str:
    """A set-up's name, which says its algorithm where that is not MAML.

    >>> _name("MAML", 5, 1), _name("ANIL", 20, 5)
    ('5-way 1-shot', 'ANIL, 20-way 5-shot')
    """
    size = f"{ways}-way {shots}-shot"
    return size if learner == _MAML else f"{learner}, {size}"


def _learner(setup: Setup) -> str:
    """The algorithm of a set-up, as its name says it."""
    return setup.name.rpartition(", ")[0] or _MAML


def _laptop_setups() -> Iterator[Setup]:
    for learner, settings in _LEARNERS.items():
        for (ways, shots), of_size in _SIZES.items():
            trained = _REPTILE_SHOTS[shots] if learner == "Reptile" else shots
            yield Setup(
                _name(learner, ways, shots),
                _classes(ways, **{"shots": trained, **of_size, **settings, **_OWN.get((learner, ways), {})}),
            )


LAPTOP = Scale(
    setups=tuple(_laptop_setups()),
    common={
        **_ANNEALED,
        "model": ConvConfig(num_filters=32),
        "alpha": 0.4,
        "beta": 2e-3,
        "num_inner_steps": 1,
        "num_query": 5,
        "meta_batch_size": 8,
    },
    num_steps={
        _name(learner, *size): steps
        for learner, of_learner in _STEPS.items()
        for size, steps in zip(_SIZES, of_learner, strict=True)
    },
    result={5: 3, 20: 3},
    split="background",
    test_shots={_name("Reptile", *size): size[1] for size in _SIZES},
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
                **_MULTI_STEP,
                model=ConvConfig(num_filters=64, downsample="max_pool"),
                shots=1,
                num_query=1,
                alpha=0.1,
                num_inner_steps=5,
                meta_batch_size=8,
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

_FINN = "MAML (Finn et al. 2017)"
_RERUN = "MAML rerun for MAML++ (Antoniou et al. 2018)"
_RERUN_OF_ANIL = "MAML rerun for ANIL (Raghu et al. 2019)"
_FOMAML = "FOMAML (Nichol et al. 2018, transductive)"
_REPTILE = "Reptile (Nichol et al. 2018, transductive)"
_ANIL = "ANIL (Raghu et al. 2019)"
_PLUS = "MAML++ (Antoniou et al. 2018, an ensemble of 3)"

PUBLISHED: Mapping[tuple[str, int, int], tuple[Published, ...]] = {
    ("MAML", 5, 1): (Published(0.987, 0.004, _FINN),),
    ("MAML", 5, 5): (Published(0.999, 0.001, _FINN),),
    ("MAML", 20, 1): (
        Published(0.958, 0.003, _FINN),
        Published(0.9127, None, _RERUN),
        Published(0.937, None, _RERUN_OF_ANIL),
    ),
    ("MAML", 20, 5): (
        Published(0.989, 0.002, _FINN),
        Published(0.9878, None, _RERUN),
        Published(0.964, None, _RERUN_OF_ANIL),
    ),
    ("FOMAML", 5, 1): (Published(0.983, None, _FOMAML),),
    ("FOMAML", 5, 5): (Published(0.992, None, _FOMAML),),
    ("FOMAML", 20, 1): (Published(0.894, None, _FOMAML),),
    ("FOMAML", 20, 5): (Published(0.979, None, _FOMAML),),
    ("ANIL", 20, 1): (Published(0.962, None, _ANIL),),
    ("ANIL", 20, 5): (Published(0.98, None, _ANIL),),
    ("Reptile", 5, 1): (Published(0.9768, None, _REPTILE),),
    ("Reptile", 5, 5): (Published(0.9948, None, _REPTILE),),
    ("Reptile", 20, 1): (Published(0.8943, None, _REPTILE),),
    ("Reptile", 20, 5): (Published(0.9712, None, _REPTILE),),
    ("MAML++", 5, 1): (Published(0.9947, None, _PLUS),),
    ("MAML++", 5, 5): (Published(0.9993, None, _PLUS),),
    ("MAML++", 20, 1): (Published(0.9765, None, _PLUS),),
    ("MAML++", 20, 5): (Published(0.9933, None, _PLUS),),
}
"""Accuracy by algorithm, ways and shots, on characters held out at random; nobody reports ANIL's of 5 ways."""


def omniglot_cases(
    scale: Scale,
    setups: Sequence[Setup],
    *,
    seed: int,
    num_seeds: int = 1,
    num_steps: int | None = None,
    split: OmniglotSplit | None = None,
) -> list[Case]:
    """The trainings of some set-ups of a scale, one seed after the other. Where beta falls, it falls over the whole length of the training.

    Args:
        scale: Where the set-ups are from.
        setups: Some of them.
        seed: The first of the seeds, each of which is of the weights and of the training tasks.
        num_seeds: How many, from `seed` on.
        num_steps: Outer steps; None for the scale's.
        split: Which characters are held out; None for the scale's.

    Raises:
        ConfigError: Fewer than one seed, or more than 20.
    """
    found = []
    for of, setup in itertools.product(seeds_from(seed, num_seeds), setups):
        steps = num_steps or scale.num_steps[setup.name]
        settings = {**scale.common, **setup.settings}
        tasks = OmniglotConfig(ways=settings["tasks"].ways, split=split or scale.split)
        if settings.get("anneal_beta"):
            settings["epoch_steps"] = math.ceil(steps / settings["num_epochs"])
        config = replace(
            RunConfig(weights_seed=of, tasks_seed=of, joint_baseline=False, evaluate_every=500),
            settings | {"tasks": tasks},
        )
        tested = scale.test_shots.get(setup.name, config.shots)
        found.append(
            Case(
                setup=setup,
                config=config,
                num_steps=steps,
                folder=f"{setup.name}{f', seed {of}' if of else ''}".replace("+", "p"),
                exam=Exam(
                    (tested,),
                    Stream.TEST_TASKS,
                    num_steps=NUM_TEST_STEPS,
                    reported=(0, 1, 3, 5, NUM_TEST_STEPS),
                    result=_result(scale, config),
                ),
                published={tested: PUBLISHED.get((_learner(setup), tasks.ways, tested), ())},
            )
        )
    return found


def _result(scale: Scale, config: RunConfig) -> int:
    """Inner steps after which the result is taken. Rates that were learned for each step are used as they were learned; Reptile, which
    is trained to be near what many steps lead to, takes as many as are looked at (Nichol et al. 2018 take 50).
    """
    if config.per_step_rates:
        return config.num_inner_steps
    return NUM_TEST_STEPS if config.algorithm == "reptile" else scale.result[config.num_outputs]
