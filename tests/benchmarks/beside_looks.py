"""How much later a page sees its change when the page beside it has closer looks taken, or travels in time. Both are clients without a browser, and both
train.
"""

from __future__ import annotations

import random
import time
from itertools import product

from tests.benchmarks.crowd import WARM_UP_S, Client, page_tokens, watching
from tests.benchmarks.page import p95
from tests.browser.server import Server

LOOKS = ("directions", "arrows", "task_disk", "landscape", "spectrum", "features", "shifts")
"""Closer looks that take more of a processor than a frame does."""

PAIRS = ("landscape,directions", "spectrum,task_disk")
"""Two of them that one page has open."""

NUM_ROUNDS, CHANGES_A_ROUND = 4, 3


def later_ms() -> float:
    """95% of all changes beside looks, less 95% of as many without any, in ms; they take turns."""
    server = Server()
    try:
        one, other = page_tokens(server.host, 2)
        with watching(server.host, one) as changes, watching(server.host, other) as looks:
            time.sleep(WARM_UP_S)
            taken_s = _taken_s(changes, looks)
    finally:
        server.stop()
    return 1e3 * (p95(taken_s[True]) - p95(taken_s[False]))


def _taken_s(changes: Client, looks: Client) -> dict[bool, list[float]]:
    """How long the changes of one page take, by whether the other one looks."""
    draw, taken_s = random.Random(0), {True: [], False: []}
    number = 0
    for _ in range(NUM_ROUNDS):
        for look in (*LOOKS, *PAIRS, "travel"):
            for is_looking, _ in product((True, False), range(CHANGES_A_ROUND)):
                _ask(looks, look if is_looking else "path", draw)
                time.sleep(0.12 * draw.random())
                number += 1
                taken_s[is_looking].append(changes.change(number, 0.011 if number % 2 else 0.01))
                time.sleep(0.1 + 0.2 * draw.random())
    return taken_s


def _ask(page: Client, look: str, draw: random.Random) -> None:
    """Have a look taken anew, or go to some earlier outer step; "path" for neither."""
    if look == "travel":
        page.say(type="weights_chart", chart="path")
        page.say(type="travel", step=int(page.seen[-1][1] * draw.random()))
    else:
        chart, _, second = look.partition(",")
        page.say(type="travel", step=None)
        page.say(type="weights_chart", chart=chart)
        page.say(type="tasks_chart", chart=second or "adaptation")
