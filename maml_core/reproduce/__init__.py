"""Published protocols, trained and evaluated: what this engine reaches, beside what papers report.

`sinusoid` and `omniglot` say what is trained, `training` trains it and `estimates` how long that takes, `exams` evaluates what has come out, `tables` prints it,
and `seeds` the trainings of several seeds together. Each training is a run folder of its own, so a reproduction that was stopped goes on where it was, and every run can be opened afterwards.
`claims` says what the literature claims of MAML and when it holds, `experiments` trains and measures for it. `atlas` says what is swept for the
scores of sensitivity, and what comes of it.
Nothing here but `experiments` imports torch: training and evaluation are work for an executor.
"""

from __future__ import annotations

from maml_core.reproduce.cases import Case, Exam, Published, Setup, chosen
from maml_core.reproduce.exams import TEST_SEED
from maml_core.reproduce.omniglot import LAPTOP, PAPER, SCALES, omniglot_cases
from maml_core.reproduce.seeds import Spread, plain_spread, save_spreads, spread_markdown, spreads
from maml_core.reproduce.sinusoid import SINUSOID, cases_of_seeds, sinusoid_cases
from maml_core.reproduce.tables import Row, markdown, plain, save_table
from maml_core.reproduce.training import Reproduction, Update

__all__ = [
    "LAPTOP",
    "PAPER",
    "SCALES",
    "SINUSOID",
    "TEST_SEED",
    "Case",
    "Exam",
    "Published",
    "Reproduction",
    "Row",
    "Setup",
    "Spread",
    "Update",
    "cases_of_seeds",
    "chosen",
    "markdown",
    "omniglot_cases",
    "plain",
    "plain_spread",
    "save_spreads",
    "save_table",
    "sinusoid_cases",
    "spread_markdown",
    "spreads",
]
