"""Claims of the literature on MAML, each with figures that decide on it: what is expected of them, and whether it holds at three seeds.

A claim holds if the 95% interval over seeds of every one of its figures lies within what is expected. Nothing here imports torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from maml_core.errors import ConfigError
from maml_core.intervals import half_width
from maml_core.wording import one_of

SEEDS = (0, 1, 2)
"""Seeds of the initial weights and of the training tasks."""


class Expectation(NamedTuple):
    """Where the interval of a figure has to lie."""

    figure: str
    low: float = -math.inf
    high: float = math.inf


class Claim(NamedTuple):
    """A claim, and what decides on it."""

    name: str
    sentence: str
    source: str
    setups: tuple[str, ...]
    """What is trained for it, by the names in `experiments.SETUPS`."""
    expected: tuple[Expectation, ...]


class Figure(NamedTuple):
    """A figure at every seed, beside what is expected of it."""

    name: str
    values: tuple[float, ...]
    mean: float
    ci95: float
    """Half-width of the 95% interval of the mean over seeds (Student's t)."""
    low: float
    high: float

    @property
    def holds(self) -> bool:
        """Whether the whole interval lies within; a figure that is not finite at some seed is nowhere."""
        return bool(self.mean - self.ci95 >= self.low and self.mean + self.ci95 <= self.high)


class Finding(NamedTuple):
    """A claim and its figures."""

    claim: Claim
    figures: tuple[Figure, ...]
    cpu_s: float
    """Processor time of its measurement, without the trainings, which claims share."""

    @property
    def holds(self) -> bool:
        """The verdict."""
        return all(figure.holds for figure in self.figures)


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "alpha-curvature",
        "Meta-training bends the loss to alpha: alpha lambda_max comes to lie between 0.8 and 3 for every alpha from 0.0003 to 0.03. "
        "It fails for an alpha of 0.00003, too small for its steps to matter.",
        "Measured here; nearest Cohen et al. 2021, Hiller et al. 2022",
        ("alphas",),
        (
            *(
                Expectation(f"alpha lambda_max at the start, alpha {alpha}", high=1.2)
                for alpha in (0.0003, 0.003, 0.03)
            ),
            *(Expectation(f"alpha lambda_max after, alpha {alpha}", 0.8, 3.0) for alpha in (0.0003, 0.003, 0.03)),
            Expectation("alpha lambda_max after, alpha 3e-05", high=0.8),
        ),
    ),
    Claim(
        "first-order",
        "First order points nearly where MAML does at the start, and further away from it once theta_0 is trained (N = 1, 200 tasks).",
        "Finn et al. 2017, section 5.2; Nichol et al. 2018",
        ("fast demo",),
        (
            Expectation("cosine of FOMAML and MAML at the start", low=0.85),
            Expectation("cosine lost in training", low=0.0),
        ),
    ),
    Claim(
        "reptile-one-step",
        "Reptile with one inner step is joint training, and with ten it is not.",
        "Nichol et al. 2018, section 5.1",
        ("reptile, N = 1", "reptile, N = 10", "joint"),
        (
            Expectation("median loss after 10 steps, N = 1 over joint training", 0.6, 1.5),
            Expectation("median loss after 10 steps, N = 1 over N = 10", low=2.0),
        ),
    ),
    Claim(
        "coherence",
        "Training brings the gradients on two halves of one task together, and leaves those of two tasks unrelated.",
        "Nichol et al. 2018, section 5; Guiroy et al. 2019",
        ("sinusoid",),
        (
            Expectation("cosine on one task gained in training", low=0.0),
            Expectation("cosine on two tasks after", -0.2, 0.2),
        ),
    ),
    Claim(
        "task-vectors",
        "Two principal components of theta_N - theta_0 tell a sinusoid's amplitude and phase.",
        "Tegner et al. 2022",
        ("sinusoid",),
        (
            Expectation("R² of the polar coordinates at the start", high=0.5),
            Expectation("R² of the polar coordinates after", low=0.85),
        ),
    ),
    Claim(
        "number-of-tasks",
        "Of three training tasks theta_0 learns these alone: after N inner steps the loss on new tasks is above that on new points of the "
        "training tasks, and of 300 tasks it hardly is.",
        "Yao et al. 2021",
        ("few tasks",),
        (
            Expectation("loss on new tasks minus on those of training, 3 tasks", low=0.1),
            Expectation("loss on new tasks minus on those of training, 300 tasks", -0.2, 0.2),
            Expectation("of that lost from 3 to 300 tasks", low=0.0),
        ),
    ),
    Claim(
        "label-orders",
        "What a classifier gets right depends on which class has which output, by a tenth or more between the best and the worst numbering; "
        "its head cannot be left out at test.",
        "Ye & Chao 2022; Kao et al. 2022",
        ("glyphs",),
        (
            Expectation("accuracy", low=0.7),
            Expectation("accuracy, best numbering minus worst", low=0.1),
            Expectation("accuracy, head zeroed at test", high=0.6),
        ),
    ),
    Claim(
        "memorisation",
        "Where labels never change, a network learns the classes of its training tasks by heart: it names them right though their support be "
        "numbered otherwise, and on new tasks its inner step reaches far less.",
        "Yin et al. 2020",
        ("fixed labels", "shuffled labels"),
        (
            Expectation("accuracy on training tasks, fixed labels", low=0.9),
            Expectation("the same with the support numbered otherwise", low=0.6),
            Expectation("the same, trained with shuffled labels", high=0.2),
            Expectation("accuracy on new tasks, shuffled minus fixed labels", low=0.2),
        ),
    ),
    Claim(
        "outside-the-range",
        "Adaptation fails outside the range of the training tasks: the median loss after ten steps is a multiple of that inside.",
        "Finn & Levine 2018, section 6.1",
        ("sinusoid",),
        (
            Expectation("phase beyond pi over inside", low=2.0),
            Expectation("amplitude beyond 5 over inside", low=5.0),
        ),
    ),
    Claim(
        "body-reuse",
        "On sinusoids the body's features are reused and the head changes (linear CKA before and after). On glyphs the last "
        "convolution changes as well.",
        "Raghu et al. 2020, section 3",
        ("sinusoid", "glyphs"),
        (
            Expectation("CKA, hidden 1", low=0.95),
            Expectation("CKA, hidden 2", low=0.8),
            Expectation("CKA, head", high=0.8),
            Expectation("CKA on glyphs, conv 1", low=0.95),
            Expectation("CKA on glyphs, conv 4", high=0.9),
        ),
    ),
    Claim(
        "batch-norm",
        "Batch norm by the batch at hand peeks at the other queries: asked one by one, far fewer are named right.",
        "Nichol et al. 2018, section 6.2; Bronskill et al. 2020",
        ("glyphs",),
        (Expectation("accuracy together minus one by one", low=0.1),),
    ),
    Claim(
        "more-steps",
        "More inner steps at test than in training help further: the median loss falls from step 3 to step 10.",
        "Finn et al. 2017, figure 3",
        ("sinusoid",),
        (Expectation("median loss after 10 steps over after 3", high=0.9),),
    ),
    Claim(
        "flat-ends",
        "Inner steps end where the support loss is flat: on glyphs one step takes lambda_max to less than a fifth.",
        "Guiroy et al. 2019",
        ("glyphs",),
        (Expectation("lambda_max at theta_N over theta_0", high=0.2),),
    ),
    Claim(
        "path-plane",
        "The meta-loss changes along the inner path and hardly across it: over a random plane of the same size it varies by less than a tenth.",
        "Li et al. 2018",
        ("sinusoid",),
        (
            Expectation("share of the path within its plane", low=0.95),
            Expectation("variation over a random plane over that over the path's", high=0.1),
        ),
    ),
)


def chosen_claims(names: Sequence[str]) -> list[Claim]:
    """The claims of these names; all of them where no name is given.

    Raises:
        ConfigError: A name that is none of them.
    """
    by_name = {claim.name: claim for claim in CLAIMS}
    for name in names:
        if name not in by_name:
            raise ConfigError("only", name, one_of(by_name, name, most=99))
    return [by_name[name] for name in names] if names else list(CLAIMS)


def judged(claim: Claim, found: Mapping[str, Sequence[float]], cpu_s: float) -> Finding:
    """A claim beside what was measured: by figure its value at every seed."""
    return Finding(claim, tuple(_figure(expected, found[expected.figure]) for expected in claim.expected), cpu_s)


def _figure(expected: Expectation, values: Sequence[float]) -> Figure:
    numbers = np.array(values, dtype=np.float64)
    finite = bool(np.isfinite(numbers).all())
    mean = float(numbers.mean()) if finite else math.nan
    ci95 = float(half_width(numbers)) if finite else math.nan
    return Figure(expected.figure, tuple(numbers.tolist()), mean, ci95, expected.low, expected.high)


def claims_table(findings: Sequence[Finding]) -> str:
    """A table in Markdown, a row a figure."""
    lines = ["| claim | figure | three seeds | expected | |", "|---|---|---|---|---|"]
    for finding in findings:
        for at, figure in enumerate(finding.figures):
            name = finding.claim.name if at == 0 else ""
            value = f"{figure.mean:.3g} ± {figure.ci95:.2g}"
            verdict = "holds" if figure.holds else "does not hold"
            lines.append(f"| {name} | {figure.name} | {value} | {_bounds(figure)} | {verdict} |")
    return "\n".join(lines)


def _bounds(figure: Figure) -> str:
    if math.isinf(figure.low):
        return f"below {figure.high:g}"
    return f"above {figure.low:g}" if math.isinf(figure.high) else f"{figure.low:g} to {figure.high:g}"


def summary_line(findings: Sequence[Finding], elapsed_s: float) -> str:
    """How many hold, and which do not."""
    failed = [finding.claim.name for finding in findings if not finding.holds]
    not_held = f"; not: {', '.join(failed)}" if failed else ""
    held = len(findings) - len(failed)
    return f"{held} of {len(findings)} claims hold at seeds {', '.join(map(str, SEEDS))}{not_held} ({elapsed_s:.0f} s)."


def plain_finding(finding: Finding) -> dict[str, Any]:
    """A finding as plain JSON values."""
    claim = finding.claim
    return {
        "claim": claim.name,
        "sentence": claim.sentence,
        "source": claim.source,
        "holds": finding.holds,
        "seeds": list(SEEDS),
        "cpu_s": finding.cpu_s,
        "figures": [
            {**figure._asdict(), "values": list(figure.values), "holds": figure.holds} for figure in finding.figures
        ],
    }
