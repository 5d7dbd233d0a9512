"""What stands in the header of bytes in safetensors' layout: states, and what is kept of sweeps and evaluations. Nothing here imports torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


def facts_of(data: bytes, name: str) -> Mapping[str, Any]:
    """The JSON under a name in the safetensors header: 8 bytes of length, then the header.

    Raises:
        ValueError: The header is none, or the JSON cannot be read.
        TypeError: The header, or the JSON, is no table.
        KeyError: There is nothing under this name.
    """
    length = int.from_bytes(data[:8], "little")
    if length > len(data):
        raise ValueError("the header is longer than the file")
    try:
        facts = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][name])
    except RecursionError:
        raise ValueError("the header is nested too deeply") from None
    if not isinstance(facts, dict):
        raise TypeError("the state's facts are not a table")
    return facts


def digest_of(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """SHA-256 of arrays with their names, types and shapes, in hexadecimal; safetensors has no checksum."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()


def whole(value: Any, name: str) -> int:
    """A whole number from 0 on, of a name that an error gives."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name} is {value!r}, not a whole number from 0 on")
    return value


def has_own_problem(state: bytes) -> bool:
    """Whether a run's state says that it was trained with a problem that no settings name; bytes that say nothing do not."""
    try:
        return facts_of(state, "run_state").get("own_problem") is True
    except (ValueError, KeyError, TypeError):
        return False
