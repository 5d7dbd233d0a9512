"""What legends, tables and subtitles call things: in words first, with the symbol of the papers behind them.

Names of traces are as Plotly has them, with ``<sub>``. The page leaves the symbol out of a legend where it would cost a line (`card.js`). Nothing here
imports streamlit or plotly.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

THETA_0, THETA_K, THETA_N = "θ<sub>0</sub>", "θ<sub>k</sub>", "θ<sub>N</sub>"

BEFORE, AT_K, AFTER = f"before adapting ({THETA_0})", f"at k ({THETA_K})", f"after N steps ({THETA_N})"
"""What a network says of a task. The page puts the number in the place of N."""
START, ADAPTED = f"start ({THETA_0})", f"adapted ({THETA_N})"
"""The same weights as places, in pictures of the space of weights."""
HELD_OUT_BEFORE, HELD_OUT_AFTER = f"held-out before ({THETA_0})", f"held-out after ({THETA_N})"
SUPPORT, QUERY = "examples (support)", "test points (query)"
LIMIT, BOUND = "limit (2/λ<sub>max</sub>)", "limit (2/α)"
"""Names of the limits of step sizes, and of curvatures."""
MOVED = f"the steps' way ({THETA_0} − {THETA_N})"

SECOND = "second run"
"""One that is compared with the run, and in longer words what it has otherwise."""

_SYMBOL = re.compile(r" \((?:θ<sub>.*|2/.*|support|query)\)$")
_SHORTER: Mapping[str, tuple[str, ...]] = {BEFORE: ("before",), AFTER: ("after N steps", "after")}


def shorter(name: str) -> list[str]:
    """Forms of a name for ever less room: without its symbol, and with no more than the words that tell it apart.

    >>> shorter(SUPPORT), shorter(BEFORE), shorter("truth"), shorter("second run: 2 α")
    (['examples'], ['before adapting', 'before'], [], ['second run'])
    """
    if name.startswith(f"{SECOND}: "):
        return [SECOND]
    words = _SYMBOL.sub("", name)
    return [] if words == name else [words, *_SHORTER.get(name, ())]
