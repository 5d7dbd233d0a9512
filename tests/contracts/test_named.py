"""What a lesson or the README tells people to press, choose or look at is there, by that name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dashboard.setups.algorithms import NAMES, NORMS
from dashboard.setups.choices import FAMILY_NAMES
from dashboard.setups.pretrained import pretrained
from dashboard.setups.setting_names import SETTING_NAMES, SWEEP_LABELS
from maml_core.lessons.reading import shipped
from maml_core.presets import PRESETS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE = (ROOT / "dashboard" / "README.md").read_text(encoding="utf-8")

TEXTS = {
    "README's lesson": README[README.index("## A first lesson") : README.index("## The same with images")],
    "README's lesson with images": README[README.index("## The same with images") : README.index("## Images")],
    "README's live screen": PAGE[PAGE.index("## The live screen") : PAGE.index("## The sensitivity screen")],
    "README's sensitivity": PAGE[PAGE.index("## The sensitivity screen") : PAGE.index("## Saved runs")],
}

SPOKEN = {
    "Before training": "when",
    "Click": "what to do with the map's cells",
    "Past one machine": "a part of the README",
    "The images card": "the card that is headed Images",
    "First order": "the choice First of the order",
    "Drag α (alpha) up": "the dial of alpha",
    "Drag alpha up": "the dial of alpha",
}
"""Emphasis that names no control by its own words, and what it is."""


def _written_on_the_page() -> set[str]:
    """Words of the sidebar's widgets, and all texts in what is drawn in the browser and by Streamlit's screens."""
    labels = {*(name.label for name in SETTING_NAMES.values()), *SWEEP_LABELS.values()}
    choices = {*NAMES.values(), *NORMS.values(), *FAMILY_NAMES.values()}
    runs = {*(preset.name for preset in PRESETS), *pretrained()}
    texts = set()
    sources = [*(ROOT / "dashboard" / "web").rglob("*.js"), *(ROOT / "dashboard").rglob("*.py")]
    for source in sources:
        for line in source.read_text(encoding="utf-8").splitlines():
            texts |= {
                text for pattern in (r'"([^"]+)"', r"`([^`]+)`", r">([^<>]+)<") for text in re.findall(pattern, line)
            }
    texts |= {text.partition("${")[0] for text in texts}  # what a number follows
    return {text.strip().casefold() for text in labels | choices | runs | texts}


WRITTEN = _written_on_the_page()


def named_in(text: str) -> list[str]:
    """The controls, charts and choices that a text emphasises, each by itself."""
    flat = re.sub(r"\s+", " ", text)
    found = re.findall(r"(?<!\*)\*{1,3}([^*]+)\*{1,3}(?!\*)", flat.replace("*Inner step* again", "Inner step"))
    names = []
    for phrase in found:
        whole = phrase.strip(" .")
        if whole in SPOKEN or whole.casefold() in WRITTEN:
            names.append(whole)
            continue
        _, colon, choice = whole.partition(": ")
        parts = [whole.partition(": ")[0], choice] if colon else re.split(r" \| |, then ", whole)
        names += parts
    return names


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_named_is_there(name: str) -> None:
    named = named_in(TEXTS[name])
    assert len(named) > 3
    assert [one for one in named if one not in SPOKEN and one.casefold() not in WRITTEN] == []


@pytest.mark.parametrize("name", shipped())
def test_what_a_lesson_names_is_there(name: str) -> None:
    steps = shipped()[name].steps
    texts = [text for step in steps for text in (step.text, *(case.says for case in step.verdict))]
    named = [one for text in texts for one in named_in(text)]
    assert [one for one in named if one not in SPOKEN and one.casefold() not in WRITTEN] == []


def test_a_name_that_is_nowhere_is_found() -> None:
    assert named_in("Press **Hop**, choose **Preset: Nowhere**.") == ["Hop", "Preset", "Nowhere"]
    assert "hop" not in WRITTEN
    assert "nowhere" not in WRITTEN
