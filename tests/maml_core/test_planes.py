"""Where parameters lie in a plane, and a trail of them, of which each place is computed once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from maml_core.planes import Plane, Trail

PLANE = Plane(
    np.array([1.0, -1.0, 0.5], np.float32), np.array([[0.8, 0.6, 0.0], [0.0, 0.0, 1.0]], np.float32)
)  # the second direction does not see the first two numbers


@pytest.mark.parametrize("far", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("where", [0, 1, 2])
def test_what_is_not_finite_anywhere_lies_nowhere(far: float, where: int) -> None:
    rows = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    expected = (rows.astype(np.float64) - PLANE.origin) @ PLANE.basis.T.astype(np.float64)
    rows[1, 0, where], expected[1, 0] = far, np.nan
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(PLANE.place(rows), expected)
        assert np.isnan(PLANE.place(rows[1, 0])).all()


def far_and_wide(number: int) -> npt.NDArray[np.float32]:
    return np.array([number, -number, 0.1 * number], np.float32)


def test_a_trail_lies_where_each_of_its_places_does_in_whatever_plane_it_is_asked_for() -> None:
    other = PLANE._replace(origin=PLANE.origin + np.float32(1))
    trail = Trail()
    assert trail.seen_in(PLANE).shape == (0, 2)
    for number in range(40):
        trail.add(far_and_wide(number))
        trail.add(far_and_wide(number))  # which is no other place
        if number % 9 == 8:
            trail.thin()
        for plane in (PLANE, PLANE._replace(basis=PLANE.basis.copy()), other)[number % 3 :]:
            np.testing.assert_allclose(
                trail.seen_in(plane), plane.place(np.stack(trail.thetas)), rtol=1e-12, atol=1e-12
            )
    np.testing.assert_array_equal(trail.thetas[0], far_and_wide(0))
    np.testing.assert_array_equal(trail.thetas[-1], far_and_wide(39))


def test_of_a_trail_only_what_is_new_is_placed(monkeypatch: pytest.MonkeyPatch) -> None:
    placed: list[int] = []
    place = Plane.place

    def counted(plane: Plane, parameters: npt.NDArray[np.float32]) -> npt.NDArray[np.floating]:
        placed.append(len(parameters))
        return place(plane, parameters)

    monkeypatch.setattr(Plane, "place", counted)
    trail = Trail()
    for number in range(5):
        trail.add(far_and_wide(number))
        trail.seen_in(PLANE)
    trail.seen_in(PLANE._replace(basis=PLANE.basis.copy()))
    assert placed == [1] * 5
