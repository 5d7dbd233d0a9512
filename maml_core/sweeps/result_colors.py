"""The colours of a sweep's results, the same on the page's maps and in figures: the better, the darker, on light and on dark."""

from __future__ import annotations

BEST_TO_WORST = ("#1f4aa0", "#2a6ba8", "#358ba9", "#55a79f", "#8cc59c", "#bedda0", "#e6eeb2")
"""A scale of results, evenly spaced; both ends can be told from a light page and from a dark one. Diverged is none of them."""


def ends_words(result: str, *, better_first: bool, ends: tuple[str, str] = ("better", "worse")) -> str:
    """What stands along a bar of these colours, with arrows to its ends.

    >>> ends_words("held-out loss", better_first=True)
    'better (dark) ← held-out loss → worse'
    >>> ends_words("held-out loss", better_first=True, ends=ends_of("loss", is_compared=False))
    'lower (dark) ← held-out loss → higher'

    Args:
        result: What the colours are of.
        better_first: Whether the words begin at the better end.
        ends: What the better and the worse end are called.
    """
    better, worse = ends
    return f"{better} (dark) ← {result} → {worse}" if better_first else f"{worse} ← {result} → {better} (dark)"


def ends_of(metric: str, *, is_compared: bool) -> tuple[str, str]:
    """What the dark and the bright end are called: values on different held-out tasks do not compare, and none of them is better."""
    if is_compared:
        return "better", "worse"
    return ("higher", "lower") if metric == "accuracy" else ("lower", "higher")
