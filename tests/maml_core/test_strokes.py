"""The geometry of pen strokes, against plain arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from maml_core.tasks.strokes import (
    CLASS_NUMBERS,
    DRAWING_NUMBERS,
    NUM_ARCS,
    NUM_POINTS,
    NUM_STROKES,
    SIZE,
    Program,
    draw,
    ink,
    trace,
    vary,
    write_programs,
)

FRACTIONS = (np.arange(NUM_POINTS) + 0.5) / NUM_POINTS


def empty() -> Program:
    """One character without strokes."""
    arcs = np.zeros((1, NUM_STROKES, NUM_ARCS), dtype=np.float32)
    pairs = np.full((1, NUM_STROKES, 2), 0.5, dtype=np.float32)
    parent = np.zeros((1, NUM_STROKES), dtype=np.int64)
    return Program(arcs[..., 0], arcs, arcs, arcs, parent, pairs, np.zeros_like(pairs))


def of_strokes(*strokes: tuple[float, list[tuple[float, float, float]]]) -> Program:
    """One character of (heading, arcs of length, bend and corner) strokes, crossing in their middles."""
    program = empty()
    heading, length, bend, corner = (np.copy(field) for field in program[:4])
    for number, (direction, arcs) in enumerate(strokes):
        heading[0, number] = direction
        for index, (long, turn, before) in enumerate(arcs):
            length[0, number, index], bend[0, number, index], corner[0, number, index] = long, turn, before
    return program._replace(heading=heading, length=length, bend=bend, corner=corner)


def random_programs(count: int) -> Program:
    return write_programs(np.random.default_rng(0).random((count, CLASS_NUMBERS), dtype=np.float32))


def test_a_ring_is_a_circle() -> None:
    points, length = trace(of_strokes((0.3, [(2.0, 2.0 * np.pi, 0.0)])))
    assert length[0] == 2.0
    radius = np.linalg.norm(points[0] - points[0].mean(axis=1, keepdims=True), axis=0)
    assert np.allclose(radius, 1.0 / np.pi, atol=1e-4)


def test_an_arc_equals_many_short_lines() -> None:
    arcs = [(1.0, 1.2, 0.0), (0.5, -2.0, 0.7), (0.8, 0.0, -1.5)]
    points, _ = trace(of_strokes((0.4, arcs)))
    per_arc = 20_000
    headings, start = [], 0.4
    for long, turn, before in arcs:
        steps = (np.arange(per_arc) + 0.5) / per_arc
        headings.append(np.stack([np.full(per_arc, long / per_arc), start + before + turn * steps]))
        start += before + turn
    step, heading = np.concatenate(headings, axis=1)
    path = np.cumsum(step * np.stack([np.cos(heading), np.sin(heading)]), axis=1)
    expected = np.stack([np.interp(2.3 * FRACTIONS, np.cumsum(step), axis) for axis in path])
    assert np.allclose(points[0], expected, atol=1e-3)


def test_strokes_cross_where_they_are_joined() -> None:
    """A plus: a line down and a line to the right that meet in their middles."""
    points, length = trace(of_strokes((np.pi / 2.0, [(1.0, 0.0, 0.0)]), (0.0, [(1.0, 0.0, 0.0)])))
    assert length[0] == 2.0
    down, across = np.split(points[0] - np.array([[0.0], [0.5]]), 2, axis=1)
    along = FRACTIONS[: NUM_POINTS // 2] * 2.0 - 0.5
    assert np.allclose(down, [np.zeros_like(along), along], atol=1e-5)
    assert np.allclose(across, [along, np.zeros_like(along)], atol=1e-5)


def test_a_gap_moves_a_stroke_and_what_is_joined_to_it() -> None:
    program = of_strokes(*((0.0, [(1.0, 0.0, 0.0)]) for _ in range(3)))
    parent, gap = np.array([[0, 0, 1, 0]]), np.zeros((1, NUM_STROKES, 2), dtype=np.float32)
    gap[0, 1], gap[0, 2] = (0.0, 0.4), (0.0, 0.3)
    points, _ = trace(program._replace(parent=parent, gap=gap))
    assert np.allclose(points[0, 1].reshape(3, -1), np.array([[0.0], [0.4], [0.7]]), atol=1e-5)


@pytest.mark.parametrize("variation", [0.0, 1.0])
def test_strokes_without_a_gap_touch_in_every_drawing(variation: float) -> None:
    normal = np.random.default_rng(1).standard_normal((300, NUM_STROKES * (5 + 3 * NUM_ARCS)), dtype=np.float32)
    program = vary(random_programs(300), normal, variation)
    program = program._replace(gap=np.zeros_like(program.gap))
    points, length = trace(program)
    strokes = program.length.sum(-1)
    number = (FRACTIONS * length[:, None, None] > np.cumsum(strokes, axis=1)[..., None]).sum(1)
    for one, of, total, parent in zip(points, number, length, program.parent):
        for stroke in range(1, of.max() + 1):
            if (of == stroke).any():
                apart = one[:, of == stroke][:, :, None] - one[:, of == parent[stroke]][:, None]
                assert np.linalg.norm(apart, axis=0).min() < 1.5 * total / NUM_POINTS


def test_a_line_of_ink_is_dark_and_as_wide_as_its_pen() -> None:
    points = np.stack([np.linspace(4.0, 23.0, NUM_POINTS), np.full(NUM_POINTS, 13.0)])[None].astype(np.float32)
    spacing = np.array([19.0 / NUM_POINTS], dtype=np.float32)
    thin, thick = (ink(points, spacing, np.array([pen], dtype=np.float32)).reshape(SIZE, SIZE) for pen in (0.45, 0.65))
    assert thin[13, 6:22].min() > 0.95
    assert not thin[10].any()
    assert not thin[16].any()
    assert thick.sum() > 1.2 * thin.sum()
    assert np.allclose(thin[12], thin[14])


def test_how_closely_the_points_lie_does_not_change_the_ink() -> None:
    ends = np.array([[5.0, 20.0], [6.0, 21.0]])
    pen = np.array([0.5], dtype=np.float32)
    images = []
    for count in (NUM_POINTS, 4 * NUM_POINTS):
        along = (np.arange(count) + 0.5) / count
        points = (ends[:, :1] + (ends[:, 1:] - ends[:, :1]) * along)[None].astype(np.float32)
        images.append(ink(points, np.array([np.hypot(15.0, 15.0) / count], dtype=np.float32), pen))
    assert np.abs(images[0] - images[1]).max() < 0.02


def test_a_drawing_does_not_depend_on_its_batch() -> None:
    programs = random_programs(40)
    normal = np.random.default_rng(2).standard_normal((40, DRAWING_NUMBERS), dtype=np.float32)
    together = draw(programs, normal, 0.9)
    for index in (0, 17, 39):
        alone = draw(Program(*(field[index : index + 1] for field in programs)), normal[index : index + 1], 0.9)
        assert np.array_equal(alone[0], together[index])
