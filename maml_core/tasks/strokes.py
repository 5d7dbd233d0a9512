"""Hand-written characters of no script: a class is a program of pen strokes, a drawing is one hand's way of writing it.

A stroke is a chain of circular arcs (a straight line is an arc that does not bend) with corners between them, so that every point of it
has a closed form. A stroke begins at, crosses or stands beside an earlier one, as in handwriting (Lake et al. 2015, "Human-level concept
learning through probabilistic program induction"). A hand changes lengths, bends, corners, joints, slant, size and pen. Everything is
computed for all drawings at once; x runs to the right and y downwards, and angles are in radians.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

SIZE = 28
"""Height and width of a drawing in pixels."""
NUM_STROKES = 4
"""Most strokes of a character."""
NUM_ARCS = 4
"""Most arcs of a stroke."""
NUM_POINTS = 72
"""Points at which the pen touches the paper, spread evenly over all strokes of a character."""

_PAPER = np.float32(SIZE - 1 - 2 * 2)
"""Height and width in pixels of where a pen's centre may be: two pixels stay free on every side, and no pen reaches further."""
_SHIFT = np.float32(3.5)
"""Most pixels by which the middle of a character is off the middle of the paper."""
_FRACTIONS = ((np.arange(NUM_POINTS) + 0.5) / NUM_POINTS).astype(np.float32)
_NEARBY = np.arange(4, dtype=np.float32)
_AT_ONCE = 16
_TINY = np.float32(1e-6)

_Range = tuple[float, float]
_STRAIGHT: _Range = (-6.0, 6.0)


class _Arc(NamedTuple):
    """A piece of a stroke; angles in degrees, from and to."""

    length: float
    bend: _Range = _STRAIGHT
    corner: _Range = (0.0, 0.0)


_SHAPES: tuple[tuple[float, float, tuple[_Arc, ...]], ...] = (
    # how often it is a whole character, how often one stroke of several, and its arcs
    (0.3, 7.0, (_Arc(1.0),)),  # line
    (0.5, 2.5, (_Arc(1.2, (60.0, 140.0)),)),  # arc
    (1.0, 2.0, (_Arc(1.6, (150.0, 230.0)),)),  # bowl
    (0.15, 1.0, (_Arc(2.0, (300.0, 380.0)),)),  # ring
    (1.0, 2.0, (_Arc(1.0), _Arc(0.6, (120.0, 210.0)))),  # hook
    (1.0, 0.7, (_Arc(0.8), _Arc(1.3, (240.0, 330.0)))),  # line into a loop
    (1.0, 0.7, (_Arc(0.9, (90.0, 180.0)), _Arc(0.9, (-180.0, -90.0)))),  # S
    (1.0, 2.0, (_Arc(1.0), _Arc(0.8, corner=(70.0, 135.0)))),  # corner
    (1.0, 0.6, (_Arc(0.7), _Arc(0.9, corner=(105.0, 150.0)), _Arc(0.7, corner=(-150.0, -105.0)))),  # zigzag
    (1.0, 0.8, (_Arc(0.7), _Arc(0.8, corner=(80.0, 100.0)), _Arc(0.7, corner=(80.0, 100.0)))),  # three sides of a box
    (1.5, 0.5, (_Arc(0.9, (140.0, 220.0)), _Arc(0.9, (140.0, 220.0), (-180.0, -130.0)))),  # two bowls, as in 3
    (1.0, 0.3, (_Arc(0.7, (100.0, 180.0)), _Arc(0.7, (-180.0, -100.0)), _Arc(0.7, (100.0, 180.0)))),  # wave
    (1.0, 0.2, (_Arc(1.4, (180.0, 270.0)), _Arc(0.8, (180.0, 270.0)))),  # spiral
    (2.0, 0.5, (_Arc(0.6), _Arc(0.9, (120.0, 200.0)), _Arc(0.6), _Arc(0.5, (-180.0, -60.0)))),  # cursive
    (2.0, 0.4, (_Arc(0.7, (30.0, 90.0)), _Arc(0.8, (150.0, 250.0), (-150.0, -80.0)), _Arc(0.7, (-90.0, 30.0)))),
)
_DIRECTIONS = ((6.0, 90.0), (5.0, 0.0), (2.0, 45.0), (2.0, 135.0), (0.7, 180.0), (0.7, -45.0))
"""How often a stroke's first arc leads which way, in degrees: mostly down and to the right."""
_STROKES = (3.0, 4.0, 3.0, 1.5)
"""How often a character has 1, 2, 3 and 4 strokes."""


def _steps(weights: Sequence[float]) -> Floats:
    """Where a uniform number passes from one choice to the next."""
    return np.cumsum(np.array(weights, dtype=np.float32) / np.float32(sum(weights)))[:-1]


def _padded(number: Callable[[_Arc], float]) -> Floats:
    """One number of every arc of every shape, [shapes, arcs]; 0 where there is no arc."""
    rows = [[number(arc) for arc in arcs] + [0.0] * (NUM_ARCS - len(arcs)) for *_, arcs in _SHAPES]
    return np.array(rows, dtype=np.float32)


_ALONE_STEPS, _AMONG_STEPS = _steps([alone for alone, *_ in _SHAPES]), _steps([among for _, among, _ in _SHAPES])
_LENGTH = _padded(lambda arc: arc.length)
_BEND = _padded(lambda arc: math.radians(arc.bend[0])), _padded(lambda arc: math.radians(arc.bend[1]))
_CORNER = _padded(lambda arc: math.radians(arc.corner[0])), _padded(lambda arc: math.radians(arc.corner[1]))
_DIRECTION_STEPS = _steps([often for often, _ in _DIRECTIONS])
_DIRECTION = np.radians(np.array([angle for _, angle in _DIRECTIONS], dtype=np.float32))
_STROKE_STEPS = _steps(_STROKES)


class Program(NamedTuple):
    """How characters are written; the leading axis counts characters (classes, or drawings of them)."""

    heading: Floats
    """Where each stroke sets out to, [C, strokes]."""
    length: Floats
    """Length of each arc, [C, strokes, arcs]; 0 where there is none."""
    bend: Floats
    """By how much the heading turns within each arc, [C, strokes, arcs]."""
    corner: Floats
    """By how much it turns before each arc, [C, strokes, arcs]."""
    parent: Integers
    """The earlier stroke that each stroke joins, [C, strokes]."""
    joint: Floats
    """Where on the parent and where on the stroke itself they meet, as fractions of their lengths, [C, strokes, 2]."""
    gap: Floats
    """By how much the stroke is then moved, [C, strokes, 2]."""


STROKE_NUMBERS = 8 + 3 * NUM_ARCS
"""Uniform numbers that make a stroke."""
FORM = slice(5, None)
"""The numbers of a stroke that say what it looks like; the others say how large it is and how it joins the others."""
CLASS_NUMBERS = 1 + NUM_STROKES * STROKE_NUMBERS
"""Uniform numbers that make a class: the number of its strokes, then the strokes."""
_PLACE_NUMBERS = 7
DRAWING_NUMBERS = _PLACE_NUMBERS + NUM_STROKES * (5 + 3 * NUM_ARCS)
"""Standard normal numbers that make a drawing."""


def write_programs(uniform: Floats) -> Program:
    """Classes from uniform numbers [C, CLASS_NUMBERS] in 0..1."""
    strokes = uniform[:, 1:].reshape(-1, NUM_STROKES, STROKE_NUMBERS)
    size, older, at, by, aside, form, hand, way = np.moveaxis(strokes[..., :8], -1, 0)
    of_bend, of_corner, of_length = np.moveaxis(strokes[..., 8:].reshape(-1, NUM_STROKES, 3, NUM_ARCS), 2, 0)
    number = np.arange(NUM_STROKES)
    num_strokes = 1 + np.searchsorted(_STROKE_STEPS, uniform[:, :1])
    parent = (older * number).astype(np.int64)

    shape = np.where(num_strokes == 1, np.searchsorted(_ALONE_STEPS, form), np.searchsorted(_AMONG_STEPS, form))
    mirror = np.where(hand < 0.5, np.float32(-1.0), np.float32(1.0))[..., None]
    bend = mirror * (_BEND[0][shape] + (_BEND[1] - _BEND[0])[shape] * of_bend)
    corner = mirror * (_CORNER[0][shape] + (_CORNER[1] - _CORNER[0])[shape] * of_corner)
    scale = np.where(number == 0, np.float32(1.0), 0.5 + 0.6 * size) * (number < num_strokes)
    length = _LENGTH[shape] * (0.7 + 0.6 * of_length) * scale[..., None]

    # A stroke that touches one of the same direction would lie on it.
    direction = np.searchsorted(_DIRECTION_STEPS, way)
    apart = (aside > 0.8) & (number > 0)
    lies = (direction == np.take_along_axis(direction, parent, 1)) & (number > 0) & ~apart
    heading = _DIRECTION[direction] + np.float32(math.pi / 2.0) * lies - bend[..., 0] / 2.0

    # Strokes join at an end of the older one or anywhere between; they start there, or cross it with their middle.
    on_parent = np.where(at < 0.2, np.float32(0.0), np.where(at > 0.8, np.float32(1.0), 0.2 + 0.6 * at))
    on_itself = np.where(by < 0.6, np.float32(0.0), by - 0.3)
    beside = 10.0 * math.pi * aside
    return Program(
        heading=heading,
        length=length,
        bend=bend,
        corner=corner,
        parent=parent,
        joint=np.stack([on_parent, on_itself], axis=-1),
        gap=0.5 * apart.astype(np.float32)[..., None] * np.stack([np.cos(beside), np.sin(beside)], axis=-1),
    )


def vary(program: Program, normal: Floats, variation: float) -> Program:
    """Each character of [B, ...] as a hand happens to write it; `normal` [B, strokes * (5 + 3 * arcs)] is standard normal."""
    strokes = np.float32(variation) * normal.reshape(-1, NUM_STROKES, 5 + 3 * NUM_ARCS)
    of_length, of_bend, of_corner = np.moveaxis(strokes[..., 5:].reshape(-1, NUM_STROKES, 3, NUM_ARCS), 2, 0)
    return Program(
        heading=program.heading + 0.08 * strokes[..., 0],
        length=program.length * np.exp(0.18 * of_length),
        bend=program.bend * (1.0 + 0.15 * of_bend) + 0.1 * of_bend,
        corner=program.corner * (1.0 + 0.12 * of_corner),
        parent=program.parent,
        # Within the stroke: its very ends could be taken for its neighbours'.
        joint=np.clip(program.joint + 0.05 * strokes[..., 1:3], 0.01, 0.99),
        gap=program.gap + 0.05 * strokes[..., 3:5],
    )


def _chord(length: Floats, bend: Floats, heading: Floats) -> Floats:
    """From start to end of circular arcs, [B, 2, ...], given [B, ...] each."""
    half = bend / 2.0
    # sin(half) / half, and 1 for a straight line.
    straightness = np.sin(half + _TINY) / (half + _TINY)
    chord, middle = length * straightness, heading + half
    return np.stack([chord * np.cos(middle), chord * np.sin(middle)], axis=1)


def trace(program: Program) -> tuple[Floats, Floats]:
    """Where the pen touches the paper.

    Returns:
        Points [B, 2, NUM_POINTS] in arbitrary units and place, evenly spread, and the whole length of the strokes, [B].
    """
    count = len(program.heading)
    length, bend = program.length.reshape(count, -1), program.bend.reshape(count, -1)
    ends = np.cumsum(length, axis=1)
    starts, total = ends - length, ends[:, -1]
    heading = program.heading[..., None] + np.cumsum(program.corner + program.bend, axis=-1) - program.bend
    heading = heading.reshape(count, -1)
    chords = _chord(length, bend, heading).reshape(count, 2, NUM_STROKES, NUM_ARCS)
    corners = (np.cumsum(chords, axis=-1) - chords).reshape(
        count, 2, -1
    )  # where each arc begins, of strokes that begin at 0
    curvature = bend / np.maximum(length, _TINY)

    # Points of three kinds: where each stroke meets its parent (on the parent, on itself), and where the pen touches.
    stroke_starts, stroke_lengths = starts[:, ::NUM_ARCS], program.length.sum(axis=-1)
    parent_starts, parent_lengths = (
        np.take_along_axis(of, program.parent, 1) for of in (stroke_starts, stroke_lengths)
    )
    on_parent = parent_starts + program.joint[..., 0] * parent_lengths
    on_itself = stroke_starts + program.joint[..., 1] * stroke_lengths
    distance = np.concatenate([on_parent, on_itself, total[:, None] * _FRACTIONS], axis=1)
    passed = np.zeros(distance.shape, dtype=np.int8)
    for index in range(NUM_STROKES * NUM_ARCS - 1):
        passed += distance > ends[:, index, None]
    arc = passed.astype(np.int64)
    within = distance - np.take_along_axis(starts, arc, 1)
    turned = np.take_along_axis(curvature, arc, 1) * within
    points = _chord(within, turned, np.take_along_axis(heading, arc, 1))
    points += np.take_along_axis(corners, arc[:, None], axis=2)

    moved = np.zeros((count, 2, NUM_STROKES), dtype=np.float32)
    for stroke in range(1, NUM_STROKES):
        meet = points[..., stroke] - points[..., NUM_STROKES + stroke] + program.gap[:, stroke]
        moved[..., stroke] = meet + np.take_along_axis(moved, program.parent[:, None, stroke, None], axis=2)[..., 0]
    touching = slice(2 * NUM_STROKES, None)
    return points[..., touching] + np.take_along_axis(moved, arc[:, None, touching] // NUM_ARCS, axis=2), total


def place(points: Floats, length: Floats, normal: Floats, variation: float) -> tuple[Floats, Floats]:
    """Slant, stretch, turn, size and place as a hand happens to choose them, all of it on the paper.

    Args:
        points: [B, 2, NUM_POINTS], of any size and place.
        length: Whole length of the strokes, [B].
        normal: Standard normal, [B, 6].
        variation: 0 for one hand; at 1 hands differ as people's do.

    Returns:
        The points in pixels, and the pixels between neighbouring points, [B].
    """
    varied = np.float32(variation) * np.clip(normal, -2.5, 2.5)
    turn, slant, stretch = 0.1 * varied[:, :1], 0.12 * varied[:, 1:2], np.exp(0.12 * varied[:, 2:3])
    x = stretch * points[:, 0] + slant * points[:, 1]
    cos, sin = np.cos(turn), np.sin(turn)
    points = np.stack([cos * x - sin * points[:, 1], sin * x + cos * points[:, 1]], axis=1)
    low, high = points.min(axis=2), points.max(axis=2)
    size = np.minimum(19.5 * np.exp(0.13 * varied[:, 3]), _PAPER)
    scale = size / (high - low).max(axis=1)
    room = np.minimum((_PAPER - (high - low) * scale[:, None]) / 2.0, _SHIFT)
    shift = np.clip(1.5 * varied[:, 4:6], -room, room)
    origin = (SIZE - 1.0) / 2.0 + shift - (low + high) / 2.0 * scale[:, None]
    return points * scale[:, None, None] + origin[..., None], length * scale / NUM_POINTS


def ink(points: Floats, spacing: Floats, pen: Floats) -> Floats:
    """Draw points [B, 2, NUM_POINTS] (pixels) with round soft pens: images [B, SIZE * SIZE] in 0..1, ink = 1.

    Ink adds up as 1 - exp(-what flowed), with what flowed a sum over the points.

    Args:
        points: Where the pens touch.
        spacing: Pixels between neighbouring points, [B]: close points share their ink.
        pen: Standard deviation of each pen, pixels, [B].
    """
    images: Floats = np.empty((len(points), SIZE * SIZE), dtype=np.float32)
    # A few at a time, in memory that is used again: fresh memory would cost more than the drawing.
    for start in range(0, len(points), _AT_ONCE):
        few = slice(start, start + _AT_ONCE)
        images[few] = 1.0 - np.exp(-_flow(points[few], spacing[few], pen[few]).reshape(-1, SIZE * SIZE))
    return images


def _flow(points: Floats, spacing: Floats, pen: Floats) -> npt.NDArray[Any]:
    """How much ink the pens give to each pixel, [B * SIZE * SIZE]."""
    corner = np.floor(points) - 1.0
    away = (points - corner)[:, :, None] - _NEARBY[:, None]
    # (1 - d^2 / 8 pen^2)^4 is nearly exp(-d^2 / 2 pen^2), and ends within the four nearest rows and columns.
    touch = np.square(np.square(np.maximum(1.0 - np.square(away * (math.sqrt(0.125) / pen)[:, None, None, None]), 0.0)))
    down = touch[:, 1] * (1.5 * spacing / pen)[:, None, None]
    amount = down[:, :, None] * touch[:, 0][:, None]  # [B, 4 rows, 4 columns, NUM_POINTS]
    column, row = corner.astype(np.int64).transpose(1, 0, 2)
    first = (np.arange(len(points))[:, None] * SIZE + row) * SIZE + column
    pixels = first[:, None, None] + (SIZE * np.arange(4)[:, None] + np.arange(4))[..., None]
    return np.bincount(pixels.ravel(), amount.ravel(), minlength=len(points) * SIZE * SIZE)


def draw(programs: Program, normal: Floats, variation: float) -> Floats:
    """A drawing of each program, [B, SIZE * SIZE] in 0..1, ink = 1; `normal` [B, DRAWING_NUMBERS] is standard normal."""
    points, length = trace(vary(programs, normal[:, _PLACE_NUMBERS:], variation))
    points, spacing = place(points, length, normal[:, :6], variation)
    pen = 0.46 * np.exp(0.12 * variation * np.clip(normal[:, 6], -2.0, 2.0))
    return ink(points, spacing, pen)
