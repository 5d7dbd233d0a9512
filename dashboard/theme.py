"""One colour for each idea, the same on every chart, for a light and a dark page.

The hues are Okabe and Ito's ("Color Universal Design", 2008), shifted in lightness where a thin line or small text
would otherwise have too little contrast with the page. Lines that share a chart also differ in dash or in marker, for
those who see no colours (`tests/dashboard/charts/test_greys.py`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from maml_core.sweeps.result_colors import BEST_TO_WORST

Theme = Literal["light", "dark"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """Colours as CSS hex strings; a field is a meaning, never a place."""

    page: str
    """What lies behind the charts (for hover boxes and marker outlines; the charts themselves are transparent)."""
    text: str
    muted: str
    """Axis titles, reference levels and change marks."""
    grid: str
    support: str
    """The points a task adapts on."""
    query: str
    """The points a task is judged on, and the training loss on them."""
    query_pale: str
    """The raw training loss under the smoothed one."""
    theta_0: str
    """Before adaptation."""
    theta_N: str
    """After adaptation."""
    truth: str
    """The task's function without noise."""
    joint: str
    """The joint-pretraining baseline."""
    random: str
    """The random-start baseline."""
    oracle: str
    """The network that is told the task."""
    scratch: str
    """Training from scratch on each task."""
    beside: str
    """A second run that this one is compared with."""
    ghost: str
    """The run before the last reset."""
    stable: str
    """Step sizes at which gradient descent converges."""
    caution: str
    """Step sizes at which some tasks overshoot."""
    unstable: str
    """Step sizes at which gradient descent diverges."""
    negative: str
    """Weights below zero: darker than those above, also where no colours are seen."""
    positive: str
    """Weights above zero."""
    selected: str
    """Settings of a sweep that somebody selected: stands out from every result, and from `unstable`."""
    best_to_worst: tuple[str, ...]
    """A scale of results, evenly spaced: the better, the darker, on every page and in figures, so that a map means the same after a change of
    theme. Diverged (`unstable`) is none of them."""
    along: tuple[str, ...]
    """From one end of an axis to the other, for curves that are told apart by its values."""
    classes: tuple[str, ...]
    """Colours of the classes of an image task, A to T; the page writes their letters in the colour of the page on them."""


LIGHT = Palette(
    page="#ffffff",
    text="#1f2430",
    muted="#5c6370",
    grid="#e6e8ec",
    support="#e69f00",
    query="#009e73",
    query_pale="#a8d9c9",
    theta_0="#0072b2",
    theta_N="#d55e00",
    truth="#6b7280",
    joint="#7a3b8f",
    random="#8b909b",
    oracle="#5020df",
    scratch="#660019",
    beside="#0f0f3c",
    ghost="#b9bec8",
    stable="#009e73",
    caution="#e69f00",
    unstable="#d55e00",
    negative="#8e0f5c",
    positive="#4d9221",
    selected="#d1008f",
    best_to_worst=BEST_TO_WORST,
    along=("#3b0f70", "#641a80", "#8c2981", "#b73779", "#d3436e", "#e85a5f", "#b8762c"),
    classes=(
        *("#8e44ad", "#00808c", "#c2185b", "#7d7400", "#8a4b2a", "#26408f", "#2f6b2a", "#9c000d", "#790058", "#de06a5"),
        *("#008b14", "#367bbb", "#414000", "#731e2d", "#540da1", "#a86900", "#048768", "#5a8300", "#014829", "#835bee"),
    ),
)

DARK = Palette(
    page="#0e1117",
    text="#f1f3f7",
    muted="#aab1be",
    grid="#2a303b",
    support="#f5bd41",
    query="#2fc79a",
    query_pale="#235f50",
    theta_0="#56b4e9",
    theta_N="#ff8533",
    truth="#b4bac6",
    joint="#f2b8df",
    random="#7d8491",
    oracle="#7979ec",
    scratch="#dff2a6",
    beside="#fff000",
    ghost="#565d6b",
    stable="#2fc79a",
    caution="#f5bd41",
    unstable="#ff8533",
    negative="#dd3f97",
    positive="#9bd35a",
    selected="#ff3fb4",
    best_to_worst=BEST_TO_WORST,
    along=("#a05bd0", "#b73779", "#de4968", "#f7705c", "#fe9f6d", "#fecf92", "#fcfdbf"),
    classes=(
        *("#c58cf0", "#3cc8d4", "#ff6fa8", "#d3ca4e", "#e0a982", "#7f9bff", "#8fce6a", "#ff6d58", "#fd3ec1", "#fdafdd"),
        *("#5be153", "#a3c9fe", "#99934a", "#d4757d", "#b66dff", "#ffb964", "#10e0ae", "#9dd924", "#12a567", "#d4bbfe"),
    ),
)

PALETTES: dict[Theme, Palette] = {"light": LIGHT, "dark": DARK}


def css(palette: Palette) -> str:
    """The single colours of a palette as CSS variables, by the names that the scripts give them.

    >>> css(LIGHT)[:47]
    '--maml-page: #ffffff; --maml-text: #1f2430; --m'
    """
    return " ".join(
        f"--maml-{name.replace('_', '-').lower()}: {color};"
        for name, color in asdict(palette).items()
        if isinstance(color, str)
    )


def with_opacity(color: str, opacity: float) -> str:
    """A hex colour as a CSS ``rgba()`` of the given opacity.

    >>> with_opacity("#0072b2", 0.25)
    'rgba(0, 114, 178, 0.25)'
    """
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity:g})"
