"""Runs that come with the project, trained beforehand, so that a page can show adaptation at once."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parents[2] / "assets" / "pretrained"
"""A run folder each, as `maml train --out` leaves it; the README there says by which command."""


class Pretrained(NamedTuple):
    """A run folder with a name."""

    name: str
    teaches: str
    """What to look for."""
    folder: Path


_ALL = (
    Pretrained(
        "Sinusoids, pretrained θ₀",
        "Five examples, α 0.02, after 10,000 steps, paused: the start of the first minute. Press Inner step: three steps are enough for a new curve. "
        "Press Reset to compare with a fresh start.",
        FOLDER / "sinusoid",
    ),
    Pretrained(
        "Glyphs, pretrained θ₀",
        "The fast demo, at α 0.4, after 8,000 steps, paused. Press Inner step: one step names nearly every drawing right. Draw your own characters, "
        "or press Reset to compare with a fresh start.",
        FOLDER / "glyphs",
    ),
)


def pretrained() -> dict[str, Pretrained]:
    """Those that are there, by name: an installation may come without `assets/`."""
    return {run.name: run for run in _ALL if run.folder.is_dir()}
