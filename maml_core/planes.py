"""A plane in the space of parameters, where something lies in it, and a trail through that space: numpy alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.floating]


class Plane(NamedTuple):
    """A plane in parameter space."""

    origin: npt.NDArray[np.float32]
    """[D]"""
    basis: npt.NDArray[np.float32]
    """Two orthonormal directions, [2, D]."""

    def is_same(self, other: Plane) -> bool:
        """Whether everything lies in another plane as in this one."""
        return np.array_equal(self.origin, other.origin) and np.array_equal(self.basis, other.basis)

    def place(self, parameters: npt.ArrayLike) -> Numbers:
        """Coordinates of parameters [..., D]: [..., 2]; NaN where a parameter is not finite.

        >>> plane = Plane(np.zeros(3, np.float32), np.eye(2, 3, dtype=np.float32))
        >>> plane.place([[1.0, 2.0, 5.0], [1.0, np.inf, 0.0]]).tolist()
        [[1.0, 2.0], [nan, nan]]
        """
        return self.seen(np.asarray(parameters, dtype=np.float64) - self.origin)

    def seen(self, directions: npt.ArrayLike) -> Numbers:
        """What is seen of directions [..., D] in the plane, [..., 2]; NaN where one is not finite."""
        numbers = np.asarray(directions, dtype=np.float64)
        with np.errstate(invalid="ignore"):
            seen = numbers @ self.basis.T.astype(np.float64)
        # One number that is not finite is enough, also in a direction that is not seen: 0 times infinity is none either.
        if not np.isfinite(seen).all():
            seen[~np.isfinite(numbers).all(axis=-1)] = np.nan
        return seen


class Trail:
    """Where parameters have been, oldest first, and where that lies in the plane that was asked for last: of each it is computed once."""

    def __init__(self) -> None:
        self._thetas: list[npt.NDArray[np.float32]] = []
        self._plane: Plane | None = None
        self._places: Numbers = np.zeros((0, 2))
        """Where the first so many lie in this plane."""

    @property
    def thetas(self) -> Sequence[npt.NDArray[np.float32]]:
        """Each [D]."""
        return tuple(self._thetas)

    def __len__(self) -> int:
        return len(self._thetas)

    def add(self, theta: npt.NDArray[np.float32]) -> None:
        """Go on to new parameters [D]; those that are the newest already are no other place."""
        if not self._thetas or not np.array_equal(self._thetas[-1], theta):
            self._thetas.append(theta)

    def thin(self) -> None:
        """Leave every second place out, but for the newest.

        >>> trail = Trail()
        >>> for number in range(6):
        ...     trail.add(np.full(3, number, np.float32))
        >>> trail.thin()
        >>> [float(theta[0]) for theta in trail.thetas]
        [0.0, 2.0, 4.0, 5.0]
        """
        self._thetas = [*self._thetas[:-1:2], *self._thetas[-1:]]
        self._plane = None

    def seen_in(self, plane: Plane) -> Numbers:
        """Coordinates in a plane, [t, 2]."""
        if self._plane is None or not plane.is_same(self._plane):
            self._plane, self._places = plane, np.zeros((0, 2))
        if new := self._thetas[len(self._places) :]:
            self._places = np.concatenate([self._places, plane.place(np.stack(new))])
        return self._places
