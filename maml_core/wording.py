"""Numbers and guesses as sentences say them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches


def ratio(value: float, digits: int = 2) -> str:
    """How many times one number is another, to some significant digits, never as a power of ten.

    >>> [ratio(value) for value in (0.031, 1.04, 99.7, 221.3, 12_345_678.0, float("inf"))]
    ['0.031', '1', '100', '220', '12,000,000', 'infinitely many']
    """
    if value == float("inf"):
        return "infinitely many"
    rounded = float(f"{value:.{digits}g}")
    return f"{rounded:,.0f}" if rounded >= 10 ** (digits - 1) else f"{rounded:g}"


def with_minus(number: str) -> str:
    """A printed number with a minus sign in the place of the hyphen that it begins with.

    >>> with_minus(f"{-0.02:.2f}"), with_minus("-.5"), with_minus("1e-5"), with_minus("-name")
    ('−0.02', '−.5', '1e-5', '-name')
    """
    return re.sub(r"^-(?=\.?\d)", "−", number)


def loss_said(loss: float, digits: int = 4) -> str:
    """A loss to some significant digits. A mean that holds a task whose loss is no number is infinite, like one whose loss has overflowed: of neither
    more is known than that.

    >>> loss_said(0.519362), loss_said(-0.519362, 3), loss_said(math.inf), loss_said(math.nan)
    ('0.5194', '−0.519', 'not finite', 'not finite')
    """
    return with_minus(f"{loss:.{digits}g}") if math.isfinite(loss) else "not finite"


def counted(number: int, word: str) -> str:
    """How many there are of something whose plural ends with an s.

    >>> counted(1, "training"), counted(0, "lane"), counted(12_000, "shot")
    ('1 training', '0 lanes', '12,000 shots')
    """
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """A time as people say it.

    >>> duration(42.3), duration(400), duration(20_000)
    ('42 s', '7 minutes', '5.6 hours')
    """
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 6000 else f"{seconds / 3600:.2g} hours"


def listed(words: Sequence[str]) -> str:
    """Words one after the other, as in a sentence.

    >>> listed(["alpha"]), listed(["alpha", "beta", "N"])
    ('alpha', 'alpha, beta and N')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def one_of(known: Iterable[str], word: object, *, most: int = 10) -> str:
    """What can be said in the place of a word that is not known: the one that was probably meant, or some that there are.

    >>> names = ("alpha", "beta", "num_inner_steps")
    >>> one_of(names, "alhpa"), one_of(names, "gamma!"), one_of(names, 7, most=2)
    ("did you mean 'alpha'?", 'one of alpha, beta, num_inner_steps', 'one of alpha, beta, ... (3 in all)')
    >>> one_of(("Glyphs, ANIL", "MAML++"), "nope")  # names that hold commas are quoted
    "one of 'Glyphs, ANIL', 'MAML++'"
    """
    names = list(known)
    folded = {name.casefold(): name for name in reversed(names)}
    close = get_close_matches(str(word).casefold().replace("-", "_"), folded, n=1, cutoff=0.7)
    if close:
        return f"did you mean {folded[close[0]]!r}?"
    more = f", ... ({len(names):,} in all)" if len(names) > most else ""
    shown = [repr(name) for name in names] if any("," in name for name in names) else names
    return f"one of {', '.join(shown[:most])}{more}"
