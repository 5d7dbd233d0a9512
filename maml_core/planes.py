"""A plane in the space of parameters, and where something lies in it: numpy alone."""

from __future__ import annotations

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
        finite = np.isfinite(numbers).all(axis=-1, keepdims=True)
        return np.where(finite, np.where(finite, numbers, 0.0) @ self.basis.T.astype(np.float64), np.nan)
