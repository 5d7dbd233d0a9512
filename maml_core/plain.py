"""Numbers of numpy as Python's own, and a check of whole numbers. Nothing here imports numpy."""

from __future__ import annotations

import operator
from typing import Any


def plain(value: Any) -> Any:
    """A number, text or list of numpy as Python's own; everything else as it is.

    >>> import numpy as np
    >>> plain(np.int64(3)), plain(np.bool_(True)), plain(np.array([1.5, 2.0])), plain("3")
    (3, True, [1.5, 2.0], '3')
    """
    return value.tolist() if type(value).__module__ == "numpy" and hasattr(value, "tolist") else value


def whole_number(name: str, value: Any) -> int:
    """A whole number from 0 on, as Python's own.

    Raises:
        TypeError: It is no whole number; names it.
        ValueError: It is below 0.
    """
    try:
        if isinstance(plain(value), bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} = {value!r}: give a whole number from 0 on") from None
    if number < 0:
        raise ValueError(f"{name} = {number}: give a whole number from 0 on")
    return number
