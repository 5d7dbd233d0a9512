"""Binary frames: float32 numbers behind a small JSON header.

Layout, little-endian: uint32 header length, the header as UTF-8 JSON, zeros up to a multiple of 4, then the floats that the header points
into. Pixels stand among them as bytes, with zeros up to a multiple of 4; every offset counts floats.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np


def packed(header: Mapping[str, Any], body: Floats) -> bytes:
    """A frame. In its header a number that is not finite is null: a browser reads no other JSON."""
    try:
        text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    except ValueError:
        text = json.dumps(_finite(header), separators=(",", ":"), allow_nan=False).encode()
    padding = b"\0" * (-(4 + len(text)) % 4)
    return struct.pack("<I", len(text)) + text + padding + body.bytes()


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {key: _finite(each) for key, each in value.items()}
        case list() | tuple():
            return [_finite(each) for each in value]
    return value


class Floats:
    """Float arrays one behind the other."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._count = 0

    def add(self, values: Any) -> int:
        """Append an array; returns its offset in floats."""
        offset = self._count
        array = np.ascontiguousarray(values, dtype="<f4")
        self._parts.append(array.tobytes())
        self._count += array.size
        return offset

    def add_bytes(self, data: bytes) -> int:
        """Append bytes, filled up to whole floats; returns their offset in floats."""
        offset = self._count
        padded = data + b"\0" * (-len(data) % 4)
        self._parts.append(padded)
        self._count += len(padded) // 4
        return offset

    def bytes(self) -> bytes:
        """All of them."""
        return b"".join(self._parts)
