"""The palettes: readable on their page, and told apart by people who see fewer colours."""

from __future__ import annotations

from dataclasses import fields
from itertools import combinations

import numpy as np
import pytest

from dashboard.theme import DARK, LIGHT, PALETTES, Palette, with_opacity

# Machado, Oliveira and Fernandes (2009), severity 1: what deuteranopes, protanopes and tritanopes see of linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}

LEAST = {"tritanopia": 10}
"""Differences of colours that are enough where they are not 20: few see without blue, and dashes tell lines apart as well."""

# Ideas that share a chart as lines or points of the same kind.
TOGETHER = [
    ("query", "theta_0", "theta_N", "beside"),
    ("theta_0", "theta_N", "truth", "beside"),
    ("theta_N", "joint", "random", "oracle", "scratch", "beside"),
    ("support", "query"),
]


def linear_rgb(color: str) -> np.ndarray:
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def luminance(color: str) -> float:
    return float(np.array([0.2126, 0.7152, 0.0722]) @ linear_rgb(color))


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ np.clip(rgb, 0, 1)
    x, y, z = np.cbrt(xyz / np.array([0.9505, 1.0, 1.089]))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def lightness(color: str) -> float:
    """How light a colour is, which is what is left of it without colours: from 0 for black to 100."""
    return float(lab(linear_rgb(color))[0])


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_on_one_chart_are_told_apart(palette: Palette, sight: str) -> None:
    for names in TOGETHER:
        for one, other in combinations(names, 2):
            seen = [lab(SIGHT[sight] @ linear_rgb(getattr(palette, name))) for name in (one, other)]
            assert np.linalg.norm(seen[0] - seen[1]) > LEAST.get(sight, 20), f"{one} and {other} look alike"


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_lines_stand_out_from_the_page(palette: Palette) -> None:
    assert contrast(palette.text, palette.page) >= 7
    assert contrast(palette.muted, palette.page) >= 4.5
    for name in ("query", "theta_0", "theta_N", "truth", "joint", "random", "oracle", "scratch", "beside"):
        assert contrast(getattr(palette, name), palette.page) >= 3, name


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_what_is_background_stays_in_the_background(palette: Palette) -> None:
    assert (
        contrast(palette.grid, palette.page)
        < contrast(palette.ghost, palette.page)
        < contrast(palette.theta_N, palette.page)
    )
    assert contrast(palette.query_pale, palette.page) < contrast(palette.query, palette.page)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_twenty_classes_are_told_apart_by_colour_and_their_letters_are_read_on_it(palette: Palette) -> None:
    assert len(palette.classes) == 20
    for color in palette.classes:
        assert contrast(color, palette.page) >= 4
    for one, other in combinations(palette.classes, 2):
        assert np.linalg.norm(lab(linear_rgb(one)) - lab(linear_rgb(other))) > 20, f"{one} and {other} look alike"


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_weights_and_the_first_classes_are_told_apart_by_everybody(palette: Palette, sight: str) -> None:
    for colors in (palette.classes[:4], (palette.negative, palette.positive, palette.page)):
        for one, other in combinations(colors, 2):
            seen = [lab(SIGHT[sight] @ linear_rgb(color)) for color in (one, other)]
            assert np.linalg.norm(seen[0] - seen[1]) > 15, f"{one} and {other} look alike"


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_the_sign_of_a_weight_is_seen_without_colours(palette: Palette) -> None:
    assert lightness(palette.positive) - lightness(palette.negative) > 20


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_a_scale_of_results_goes_from_dark_to_pale_and_can_be_told_from_the_page(palette: Palette) -> None:
    light = [luminance(color) for color in palette.best_to_worst]
    assert light == sorted(light)
    assert min(contrast(color, palette.page) for color in palette.best_to_worst) > 1.2


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_diverged_is_no_result(palette: Palette, sight: str) -> None:
    diverged = lab(SIGHT[sight] @ linear_rgb(palette.unstable))
    for color in palette.best_to_worst:
        assert np.linalg.norm(diverged - lab(SIGHT[sight] @ linear_rgb(color))) > 20, color


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_what_is_selected_stands_out_from_every_cell(palette: Palette) -> None:  # by its shape too, a ring
    selected = lab(linear_rgb(palette.selected))
    for color in (*palette.best_to_worst, palette.unstable):
        assert np.linalg.norm(selected - lab(linear_rgb(color))) > 40, color


def test_every_colour_is_a_hex_string() -> None:
    for palette in PALETTES.values():
        values = [getattr(palette, field.name) for field in fields(palette)]
        for color in (color for value in values for color in (value if isinstance(value, tuple) else [value])):
            assert len(color) == 7
            assert color == f"#{int(color[1:], 16):06x}"


def test_with_opacity() -> None:
    assert with_opacity("#ff8000", 0.5) == "rgba(255, 128, 0, 0.5)"
