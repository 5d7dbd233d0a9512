"""Valid input, spoiled."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from typing import Any

ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, -(2**63), 2**64, 10**400, 0.5, -0.0, 1e-320, 1e308, float("nan"), float("inf"), -float("inf"),
    "", " ", "α", "\x00", "\ud800", "../..", "/etc/passwd", "1e999", "nan", "a" * 10_000, [], {}, [[]], [{}], {"": None}, [0] * 5000, [[[[[[]]]]]],
)  # fmt: skip
"""What a program seldom thinks of."""

ODD_BYTES = (
    b"",
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\n",
    b"\r",
    b"%",
    b"..",
    b"/",
    b"-",
    b"e",
    b"=",
    b"&",
    b"[",
    b"{",
    b"\xe2\x80\xae",
)


def of_bytes(random_: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One of some valid inputs, with a few of its bytes changed, cut out, put twice, or taken from another."""
    data = bytearray(random_.choice(seeds))
    for _ in range(random_.choice((1, 1, 2, 4, 16))):
        at = random_.randrange(len(data) + 1)
        until = min(len(data), at + random_.choice((1, 2, 8, 64, 1000)))
        match random_.randrange(6):
            case 0 if at < len(data):
                data[at] = random_.randrange(256)
            case 1 if at < len(data):
                data[at] ^= 1 << random_.randrange(8)
            case 2:
                del data[at:until]
            case 3:
                data[at:at] = data[at:until]
            case 4:
                data[at:at] = random_.choice(ODD_BYTES)
            case 5:
                other = random_.choice(seeds)
                start = random_.randrange(len(other) + 1)
                data[at:until] = other[start : start + 64]
    return bytes(data)


def of_zip(random_: random.Random, data: bytes) -> bytes:
    """An archive in which some bytes are changed: anywhere, or in what it says of its members, where random places seldom lie."""
    if random_.random() < 0.5:
        return of_bytes(random_, [data])
    said = [at.start() for at in re.finditer(rb"PK(?:\x01\x02|\x03\x04|\x05\x06)", data)]
    changed = bytearray(data)
    for _ in range(random_.choice((1, 2, 4))):
        at = min(random_.choice(said) + random_.randrange(64), len(changed) - 1)
        changed[at] = random_.choice((random_.randrange(256), changed[at] ^ 1 << random_.randrange(8)))
    return bytes(changed)


def of_values(random_: random.Random, value: Any) -> Any:
    """A value of JSON with one of its parts changed, left out, or put twice."""
    if isinstance(value, dict) and value and random_.random() < 0.9:
        changed = dict(value)
        key = random_.choice(list(changed))
        match random_.randrange(8):
            case 0:
                del changed[key]
            case 1:
                changed[random_.choice((str(key) + "_", "", "type", "__class__"))] = random_.choice(ODD_VALUES)
            case 2:
                changed[key] = changed[random_.choice(list(changed))]
            case _:
                changed[key] = of_values(random_, changed[key])
        return changed
    if isinstance(value, list) and value and random_.random() < 0.9:
        changed_list = list(value)
        at = random_.randrange(len(changed_list))
        match random_.randrange(6):
            case 0:
                del changed_list[at]
            case 1:
                changed_list.insert(at, random_.choice(ODD_VALUES))
            case 2:
                changed_list *= random_.choice((2, 100))
            case _:
                changed_list[at] = of_values(random_, changed_list[at])
        return changed_list
    if isinstance(value, str) and value and random_.random() < 0.5:
        return of_bytes(random_, [value.encode(errors="surrogatepass")]).decode(errors="replace")
    if isinstance(value, int | float) and abs(value) < 1e300 and random_.random() < 0.5:
        return random_.choice((-value, value + 1, value * 10, value / 3, str(value)))
    return random_.choice(ODD_VALUES)


def of_json(random_: random.Random, values: Sequence[Any]) -> bytes:
    """One of some values as JSON, with its values changed, now and then its bytes too."""
    value = random_.choice(values)
    for _ in range(random_.choice((1, 1, 1, 2, 4))):
        value = of_values(random_, value)
    try:
        text = json.dumps(value, ensure_ascii=random_.random() < 0.5).encode(errors="replace")
    except (ValueError, RecursionError):
        text = b"{}"
    return of_bytes(random_, [text]) if random_.random() < 0.1 else text
