"""Sinusoid regression (Finn et al. 2017, section 5.1): every algorithm and baseline, at 10 and at 5 shots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from maml_core.config import RunConfig, replace
from maml_core.reproduce.cases import Case, Exam, Published, Setup, seeds_from
from maml_core.rng import Stream

NUM_STEPS = 70_000
NUM_TEST_TASKS = 10_000

_PLUS = {
    "num_inner_steps": 3,
    "multi_step_loss": True,
    "per_step_rates": True,
    "anneal_order": True,
    "anneal_beta": True,
    "num_epochs": 140,
    "clip_norm": 10.0,
}

SINUSOID = (
    Setup("Random start", {}, "random"),
    Setup("From scratch", {}, "scratch"),
    Setup("Oracle", {"num_inner_steps": 0, "oracle_baseline": True}, "oracle"),
    Setup("Joint pretraining", {"num_inner_steps": 0}),
    Setup("MAML", {}),
    Setup("FOMAML", {"order": "first"}),
    Setup("Reptile", {"algorithm": "reptile", "num_inner_steps": 5}),
    Setup("ANIL", {"algorithm": "anil", "alpha": 0.03}),
    Setup("Meta-SGD", {"algorithm": "meta_sgd"}),
    Setup("MAML++", _PLUS),
    Setup("Meta-Curvature", {"algorithm": "meta_curvature"}),
)
"""Finn et al. 2017, section 5.1: alpha 0.01, N = 1, 10 query points, Adam with 0.001, 25 tasks a step; each set-up names what differs."""

_MAML, _RERUN = "Finn et al. 2017, table 2", "Park & Oliva 2019"
PUBLISHED: Mapping[tuple[str, int], tuple[Published, ...]] = {
    ("Joint pretraining", 5): (
        Published(2.41, None, _MAML, 1),
        Published(2.23, None, _MAML, 5),
        Published(2.19, None, _MAML, 10),
    ),
    ("MAML", 5): (
        Published(0.67, None, _MAML, 1),
        Published(0.38, None, _MAML, 5),
        Published(0.35, None, _MAML, 10),
    ),
    ("MAML", 10): (Published(0.44, 0.04, _RERUN, 1),),
    ("Meta-SGD", 5): (Published(0.48, 0.06, _RERUN, 1),),
    ("Meta-SGD", 10): (Published(0.26, 0.03, _RERUN, 1),),
    ("Meta-Curvature", 5): (Published(0.41, 0.05, _RERUN, 1),),
    ("Meta-Curvature", 10): (Published(0.20, 0.02, _RERUN, 1),),
}
"""By set-up and shots of the test tasks."""


def cases_of_seeds(setups: Sequence[Setup], *, seed: int, num_seeds: int, num_steps: int | None = None) -> list[Case]:
    """The trainings of some set-ups with `num_seeds` seeds from `seed` on, one seed after the other: whoever stops early has whole seeds.

    Raises:
        ConfigError: Fewer than one seed, or more than 20.
    """
    return [case for of in seeds_from(seed, num_seeds) for case in sinusoid_cases(setups, seed=of, num_steps=num_steps)]


def sinusoid_cases(setups: Sequence[Setup], *, seed: int, num_steps: int | None = None) -> list[Case]:
    """The trainings of some set-ups, at 10 and at 5 shots; one only where training looks at no support point, or there is none.

    One that is trained at 10 shots is judged at 5 as well.
    """
    found = []
    for setup in setups:
        for shots in (10, 5):
            config = replace(
                RunConfig(weights_seed=seed, tasks_seed=seed, joint_baseline=False, evaluate_every=1000),
                {"shots": shots, **setup.settings},
            )
            if shots == 5 and not (config.num_inner_steps > 0 and setup.is_trained):
                continue
            tested = tuple(test_shots for test_shots in (5, 10) if test_shots <= shots)
            found.append(
                Case(
                    setup=setup,
                    config=config,
                    num_steps=num_steps or NUM_STEPS,
                    folder=f"{setup.name}, {shots} shots{f', seed {seed}' if seed else ''}".replace("+", "p"),
                    exam=Exam(tested, Stream.HELD_OUT_TASKS, num_steps=10, reported=(1, 5, 10), result=1),
                    published={k: PUBLISHED[setup.name, k] for k in tested if (setup.name, k) in PUBLISHED},
                )
            )
    return found
