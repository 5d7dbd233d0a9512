"""Memory that pages have left behind: given back to the system a while after they are forgotten.

What a session leaves lies in circles, which Python looks for seldom; the sessions of the last pages that left stay where Streamlit keeps them until the
next one comes; and the C library keeps what was freed.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import itertools
import platform
from collections.abc import Callable

from streamlit import runtime

from maml_core.memory import give_back_freed_memory

LOOK_S = 30.0
"""Between two looks whether pages were forgotten."""

LOOKS = 10
"""After so many looks what is free is given back anyway: pages that train for hours leave holes."""


def settle() -> None:
    """Take what the server has loaded for what stays: to look for what pages leave then takes a few milliseconds instead of a hundred. What is freed
    from then on is given back."""
    give_back_freed_memory()
    gc.collect()
    gc.freeze()


async def give_back_what_pages_leave(num_forgotten: Callable[[], int]) -> None:
    """Give memory back whenever pages were forgotten, and what is free anyway now and then, until cancelled.

    Args:
        num_forgotten: How many pages were forgotten so far.
    """
    given = 0
    for look in itertools.count(1):
        await asyncio.sleep(LOOK_S)
        if (found := num_forgotten()) > given:
            given = found
            _forget_sessions()
            await asyncio.to_thread(_find_and_give_back)
        elif look % LOOKS == 0:
            await asyncio.to_thread(_give_back)


def _forget_sessions() -> None:
    """Have Streamlit let go of the sessions that nobody can come back to any more, as it does when another one ends; nothing public asks it for that."""
    if runtime.exists():
        with contextlib.suppress(AttributeError):
            len(runtime.get_instance()._session_mgr._session_storage._cache)  # type: ignore[attr-defined]


def _find_and_give_back() -> None:
    gc.collect()
    _give_back()


def _give_back() -> None:
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(ctypes.c_size_t(0))
