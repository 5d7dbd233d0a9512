"""One torch thread for what must repeat to the bit: how a sum is divided among threads decides its last digits."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
T = TypeVar("T")


def single_threaded(function: Callable[P, T]) -> Callable[P, T]:
    """A function that computes with one torch thread, whatever torch is set to, and leaves torch as it was."""

    @wraps(function)
    def alone(*args: P.args, **kwargs: P.kwargs) -> T:
        before = torch.get_num_threads()
        if before == 1:
            return function(*args, **kwargs)
        torch.set_num_threads(1)
        try:
            return function(*args, **kwargs)
        finally:
            torch.set_num_threads(before)

    return alone
