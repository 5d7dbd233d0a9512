"""Hand-written characters of no script: a class is a program of pen strokes, a drawing is one hand's way of writing it.

A stroke is a chain of circular arcs (a straight line is an arc that does not bend) with corners between them, so that every point of it
has a closed form. A stroke begins at, crosses or stands beside an earlier one, as in handwriting (Lake et al. 2015, "Human-level concept
learning through probabilistic program induction"). A hand changes lengths, bends, corners, joints, slant, size and pen. Everything is
computed for all drawings at once; x runs to the right and y downwards, and angles are in radians.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

SIZE = 28
"""Height and width of a drawing in pixels."""
NUM_STROKES = 4
NUM_ARCS = 4
NUM_POINTS = 72
"""Points at which the pen touches the paper, spread evenly over all strokes of a character."""
_PAPER = np.float32(SIZE - 1 - 2 * 2)
"""Height and width in pixels of what the pen's centre may touch: two pixels stay free on every side."""
_FRACTIONS = ((np.arange(NUM_POINTS) + 0.5) / NUM_POINTS).astype(np.float32)
_TINY = np.float32(1e-6)

_Range = tuple[float, float]
_Arc = tuple[float, _Range, _Range]
"""Length, bend and the corner before it, the two angles as ranges in degrees."""
_STRAIGHT, _NONE = (-6.0, 6.0), (0.0, 0.0)

_SHAPES: tuple[tuple[tuple[float, float], tuple[_Arc, ...]], ...] = (
    # (how often in a character of one stroke and among several, arcs)
    ((0.3, 7.0), ((1.0, _STRAIGHT, _NONE),)),  # line
    ((0.5, 2.5), ((1.2, (60.0, 140.0), _NONE),)),  # arc
    ((1.0, 2.0), ((1.6, (150.0, 230.0), _NONE),)),  # bowl
    ((0.15, 1.0), ((2.0, (300.0, 380.0), _NONE),)),  # ring
    ((1.0, 2.0), ((1.0, _STRAIGHT, _NONE), (0.6, (120.0, 210.0), _NONE))),  # hook
    ((1.0, 0.7), ((0.8, _STRAIGHT, _NONE), (1.3, (240.0, 330.0), _NONE))),  # line into a loop
    ((1.0, 0.7), ((0.9, (90.0, 180.0), _NONE), (0.9, (-180.0, -90.0), _NONE))),  # S
    ((1.0, 2.0), ((1.0, _STRAIGHT, _NONE), (0.8, _STRAIGHT, (70.0, 135.0)))),  # corner
    (
        (1.0, 0.6),
        ((0.7, _STRAIGHT, _NONE), (0.9, _STRAIGHT, (105.0, 150.0)), (0.7, _STRAIGHT, (-150.0, -105.0))),
    ),  # zigzag
    ((1.0, 0.8), ((0.7, _STRAIGHT, _NONE), (0.8, _STRAIGHT, (80.0, 100.0)), (0.7, _STRAIGHT, (80.0, 100.0)))),  # box
    ((1.5, 0.5), ((0.9, (140.0, 220.0), _NONE), (0.9, (140.0, 220.0), (-180.0, -130.0)))),  # two bowls, as in 3
    ((1.0, 0.3), ((0.7, (100.0, 180.0), _NONE), (0.7, (-180.0, -100.0), _NONE), (0.7, (100.0, 180.0), _NONE))),  # wave
    ((1.0, 0.2), ((1.4, (180.0, 270.0), _NONE), (0.8, (180.0, 270.0), _NONE))),  # spiral
    (
        (2.0, 0.5),
        ((0.6, _STRAIGHT, _NONE), (0.9, (120.0, 200.0), _NONE), (0.6, _STRAIGHT, _NONE), (0.5, (-180.0, -60.0), _NONE)),
    ),  # cursive
    (
        (2.0, 0.4),
        ((0.7, (30.0, 90.0), _NONE), (0.8, (150.0, 250.0), (-150.0, -80.0)), (0.7, (-90.0, 30.0), _NONE)),
    ),  # flourish
)
_DIRECTIONS = ((6.0, 90.0), (5.0, 0.0), (2.0, 45.0), (2.0, 135.0), (0.7, 180.0), (0.7, -45.0))
"""How often a stroke's first arc leads which way, in degrees: mostly down and to the right."""


def _cumulative(weights: list[float]) -> Floats:
    return np.cumsum(np.array(weights, dtype=np.float32) / np.float32(sum(weights)))[:-1]


def _padded(column: int, end: int) -> Floats:
    """One number of every arc of every shape, [shapes, arcs]; angles in radians."""
    table = np.zeros((len(_SHAPES), NUM_ARCS), dtype=np.float32)
    for row, (_, arcs) in zip(table, _SHAPES):
        for index, arc in enumerate(arcs):
            entry = arc[column]
            row[index] = entry if isinstance(entry, float) else math.radians(entry[end])
    return table


_SHAPE_STEPS = [_cumulative([often[several] for often, _ in _SHAPES]) for several in (0, 1)]
_LENGTH = _padded(0, 0)
_BEND = _padded(1, 0), _padded(1, 1)
_CORNER = _padded(2, 0), _padded(2, 1)
_DIRECTION_STEPS = _cumulative([weight for weight, _ in _DIRECTIONS])
_DIRECTION = np.radians(np.array([angle for _, angle in _DIRECTIONS], dtype=np.float32))
_STROKE_STEPS = _cumulative([3.0, 4.0, 3.0, 1.5])


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
FORM = slice(5, None)
"""Which numbers of a stroke say what it looks like; those before say how it is joined."""
CLASS_NUMBERS = 1 + NUM_STROKES * STROKE_NUMBERS
"""Uniform numbers that make a class."""
DRAWING_NUMBERS = NUM_STROKES * (5 + 3 * NUM_ARCS) + 8
"""Standard normal numbers that make a drawing."""


def write_programs(uniform: Floats) -> Program:
    """Classes from uniform numbers [C, CLASS_NUMBERS] in 0..1."""
    count = len(uniform)
    strokes = uniform[:, 1:].reshape(count, NUM_STROKES, -1)
    arcs = strokes[..., 8:].reshape(count, NUM_STROKES, 3, NUM_ARCS)
    first = np.arange(NUM_STROKES) == 0

    num_strokes = 1 + np.searchsorted(_STROKE_STEPS, uniform[:, :1])
    alone, among = (np.searchsorted(steps, strokes[..., 5]) for steps in _SHAPE_STEPS)
    shape = np.where(num_strokes == 1, alone, among)
    hand = np.where(strokes[..., 6] < 0.5, np.float32(-1.0), np.float32(1.0))[..., None]
    bend = hand * (_BEND[0][shape] + (_BEND[1] - _BEND[0])[shape] * arcs[..., 0, :])
    corner = hand * (_CORNER[0][shape] + (_CORNER[1] - _CORNER[0])[shape] * arcs[..., 1, :])
    which = np.searchsorted(_DIRECTION_STEPS, strokes[..., 7])
    parent = (strokes[..., 1] * np.arange(NUM_STROKES)).astype(np.int64)
    apart = (strokes[..., 4] > 0.8) & ~first
    # A stroke that touches one of the same direction would lie on it.
    lies = (which == np.take_along_axis(which, parent, 1)) & ~first & ~apart
    direction = _DIRECTION[which] + np.float32(math.pi / 2.0) * lies
    size = np.where(first, np.float32(1.0), np.float32(0.5) + np.float32(0.6) * strokes[..., 0])
    exists = np.arange(NUM_STROKES) < num_strokes
    length = _LENGTH[shape] * (0.7 + 0.6 * arcs[..., 2, :]) * (size * exists)[..., None]

    # A stroke joins at an end, at the middle or anywhere of an earlier one; by its start, crossing it, or beside it.
    spread = 0.2 + 0.6 * strokes[..., 2]
    at = np.where(strokes[..., 2] < 0.2, np.float32(0.0), np.where(strokes[..., 2] > 0.8, np.float32(1.0), spread))
    by = np.where(strokes[..., 3] < 0.6, np.float32(0.0), np.float32(0.5) + (strokes[..., 3] - 0.8))
    beside = 10.0 * math.pi * strokes[..., 4]
    return Program(
        heading=direction - bend[..., 0] / 2.0,
        length=length,
        bend=bend,
        corner=corner,
        parent=parent,
        joint=np.stack([at, by], axis=-1),
        gap=np.float32(0.5) * apart[..., None] * np.stack([np.cos(beside), np.sin(beside)], axis=-1),
    )


def vary(program: Program, normal: Floats, variation: float) -> Program:
    """Each character of [B, ...] as a hand happens to write it; `normal` [B, strokes * (5 + 3 * arcs)] is standard normal."""
    strokes = np.float32(variation) * normal.reshape(len(normal), NUM_STROKES, -1)
    arcs = strokes[..., 5:].reshape(len(normal), NUM_STROKES, 3, NUM_ARCS)
    return Program(
        heading=program.heading + 0.08 * strokes[..., 0],
        length=program.length * np.exp(0.18 * arcs[..., 0, :]),
        bend=program.bend * (1.0 + 0.15 * arcs[..., 1, :]) + np.float32(0.1) * arcs[..., 1, :],
        corner=program.corner * (1.0 + 0.12 * arcs[..., 2, :]),
        parent=program.parent,
        # Strictly within the stroke: its very ends could be taken for a neighbour's.
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
    turned = np.cumsum(program.corner + program.bend, axis=-1)
    heading = (program.heading[..., None] + turned - program.bend).reshape(count, -1)
    chords = _chord(length, bend, heading).reshape(count, 2, NUM_STROKES, NUM_ARCS)
    corners = (np.cumsum(chords, axis=-1) - chords).reshape(count, 2, -1)
    curvature = bend / np.maximum(length, _TINY)

    # Points of three kinds: where each stroke meets its parent (on the parent, on itself), and where the pen touches.
    stroke_length, stroke_start = program.length.sum(axis=-1), starts[:, ::NUM_ARCS]
    on_parent = np.take_along_axis(stroke_start, program.parent, 1) + program.joint[..., 0] * np.take_along_axis(
        stroke_length, program.parent, 1
    )
    on_itself = stroke_start + program.joint[..., 1] * stroke_length
    touches = total[:, None] * _FRACTIONS
    distance = np.concatenate([on_parent, on_itself, touches], axis=1)
    arc = np.zeros(distance.shape, dtype=np.int64)
    for index in range(NUM_STROKES * NUM_ARCS - 1):
        arc += distance > ends[:, index, None]
    flat = arc + NUM_STROKES * NUM_ARCS * np.arange(count)[:, None]
    into = distance - starts.ravel()[flat]
    points = _chord(into, curvature.ravel()[flat] * into, heading.ravel()[flat])
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
        variation: 0 for one hand, 1 for very different ones.

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
    room = (_PAPER - (high - low) * scale[:, None]) / 2.0
    shift = np.clip(1.5 * varied[:, 4:6], -room, room)
    origin = (SIZE - 1.0) / 2.0 + shift - (low + high) / 2.0 * scale[:, None]
    return points * scale[:, None, None] + origin[..., None], length * scale / NUM_POINTS


def ink(points: Floats, spacing: Floats, pen: Floats) -> Floats:
    """Draw points [B, 2, NUM_POINTS] (pixels) with round soft pens: images [B, SIZE * SIZE] in 0..1, ink = 1.

    A Gaussian pen is separable, so a drawing is one product of [SIZE, points] and [points, SIZE]: 1 - exp(-sum_p gy(p) gx(p)).

    Args:
        points: Where the pens touch.
        spacing: Pixels between neighbouring points, [B]: close points share their ink.
        pen: Standard deviation of each pen, pixels, [B].
    """
    # torch's own memory: sums must not depend on where a buffer happens to lie.
    reach = torch.tensor(math.sqrt(0.125) / pen)[:, None, None, None]
    away = torch.tensor(points)[:, :, None, :] - torch.arange(SIZE, dtype=torch.float32)[:, None]
    # (1 - d^2 / 8 pen^2)^4, which is nearly exp(-d^2 / 2 pen^2), ends, and costs a tenth of it.
    touch = away.mul_(reach).square_().neg_().add_(1.0).clamp_(min=0.0).square_().square_()
    flow = touch[:, 1] * torch.tensor(1.5 * spacing / pen)[:, None, None]
    image: Floats = (1.0 - torch.bmm(flow, touch[:, 0].transpose(1, 2)).neg_().exp_()).flatten(1).numpy()
    return image


def draw(programs: Program, normal: Floats, variation: float) -> Floats:
    """A drawing of each program, [B, SIZE * SIZE] in 0..1, ink = 1; `normal` [B, DRAWING_NUMBERS] is standard normal."""
    points, length = trace(vary(programs, normal[:, 8:], variation))
    points, spacing = place(points, length, normal[:, :6], variation)
    pen = 0.46 * np.exp(0.12 * variation * np.clip(normal[:, 6], -2.0, 2.0))
    return ink(points, spacing, pen)
