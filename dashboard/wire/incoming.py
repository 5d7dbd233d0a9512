"""A page's message as it came over its socket, read; the same for every screen."""

from __future__ import annotations

import json
from typing import Any

MAX_MESSAGE = 800_000
"""Characters of a drawn task of 26 images of 84 x 84 pixels in three channels, as base64; everything else is far shorter."""


def message_of(text: str) -> dict[str, Any]:
    """What a message says. What is too long is not parsed; that and what is no JSON object become an empty one, which is refused with a sentence.

    >>> message_of('{"type": "play"}'), message_of("[1]")
    ({'type': 'play'}, {})
    """
    if len(text) > MAX_MESSAGE:
        return {}
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}
