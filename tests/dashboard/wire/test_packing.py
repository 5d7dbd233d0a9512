"""Frames as a browser reads them."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import numpy as np

from dashboard.wire.packing import Floats, packed


def header_of(frame: bytes) -> Any:
    """The header, read as strictly as a browser does."""
    (length,) = struct.unpack_from("<I", frame)

    def refuse(name: str) -> None:
        raise AssertionError(name)

    return json.loads(frame[4 : 4 + length], parse_constant=refuse)


def test_a_number_that_is_not_finite_is_null_in_a_header() -> None:
    header = {"step": 3, "ranges": {"loss": [0.5, math.nan]}, "found": (math.inf, True, "NaN", None)}
    body = Floats()
    offset = body.add([1.0, np.nan])
    assert header_of(packed(header | {"at": offset}, body)) == {
        "step": 3,
        "ranges": {"loss": [0.5, None]},
        "found": [None, True, "NaN", None],
        "at": 0,
    }
    assert np.isnan(np.frombuffer(packed(header, body)[-4:], "<f4")).all()  # numbers stay what they are
