"""A sweep's chunk cut into pieces that are short enough to stand between two chunks of a live run.

To judge a whole batch on the held-out tasks takes as long as dozens of outer steps, and the executor's seam does it at once. Lanes are
independent, so it is the same to judge a few of them at a time: the batch's state with the others dropped, and no step to take.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import NamedTuple

import numpy as np

from maml_core.records import Summary
from maml_core.sweeps.chunks import LanesRequest, LanesResult
from maml_core.sweeps.driver import Ticket


class Piece(NamedTuple):
    """What is computed at a time."""

    ticket: Ticket
    request: LanesRequest
    lanes: tuple[int, ...] = ()
    """Those that are judged; empty for a piece that trains."""


class Work:
    """A ticket under way: first it trains, then its lanes are judged, a few at a time.

    Args:
        ticket: From the driver.
        at_a_time: Lanes that are judged in one piece.
    """

    def __init__(self, ticket: Ticket, at_a_time: int) -> None:
        self.ticket = ticket
        self._at_a_time = at_a_time
        self._trained: LanesResult | None = None
        self._waiting: list[Piece] = [Piece(ticket, dataclasses.replace(ticket.request, evaluate=False))]
        self._parts: list[LanesResult] = []
        self._num_parts = 0
        self._num_lost: Counter[tuple[int, ...]] = Counter()
        """How often each piece was lost, by its lanes."""

    def next_piece(self) -> Piece | None:
        """A piece to compute now; None where all are given out."""
        return self._waiting.pop(0) if self._waiting else None

    def again(self, piece: Piece) -> int:
        """Take back a piece that was lost with its worker, and say how often that one was by now."""
        self._waiting.insert(0, piece)
        self._num_lost[piece.lanes] += 1
        return self._num_lost[piece.lanes]

    def finished(self, piece: Piece, result: LanesResult) -> LanesResult | None:
        """Take in a piece's result; the ticket's, when it was the last."""
        if piece.lanes:
            self._parts.append(result)
        else:
            self._trained = result
            request = self.ticket.request
            if request.evaluate and result.step >= request.until and result.lanes:
                self._waiting = self._looks(result)
                self._num_parts = len(self._waiting)
                return None
        assert self._trained is not None
        return self._joined() if len(self._parts) == self._num_parts else None

    def _looks(self, trained: LanesResult) -> list[Piece]:
        lanes, size = trained.lanes, self._at_a_time
        return [self._look(trained, lanes[start : start + size]) for start in range(0, len(lanes), size)]

    def _look(self, trained: LanesResult, lanes: tuple[int, ...]) -> Piece:
        others = tuple(lane for lane in trained.lanes if lane not in lanes)
        request = dataclasses.replace(self.ticket.request, state=trained.state, drop=others, budget_s=None)
        return Piece(self.ticket, request, lanes)

    def _joined(self) -> LanesResult:
        """The training with the judgements of all its lanes, in the batch's order."""
        trained = self._trained
        assert trained is not None
        if not self._parts:
            return trained
        found: dict[int, tuple[Summary, float, bytes]] = {}
        for part in self._parts:
            assert part.summaries is not None
            assert part.curvatures is not None
            found |= {
                lane: (summary, float(curvature), values)
                for lane, summary, curvature, values in zip(
                    part.lanes, part.summaries, part.curvatures, part.by_task, strict=True
                )
            }
        lanes = tuple(lane for lane in trained.lanes if lane in found)
        return dataclasses.replace(
            trained,
            lanes=lanes,
            summaries=tuple(found[lane][0] for lane in lanes),
            curvatures=np.array([found[lane][1] for lane in lanes]),
            by_task=tuple(found[lane][2] for lane in lanes),
            cpu_s=trained.cpu_s + sum(part.cpu_s for part in self._parts),
            refused=(*trained.refused, *(one for part in self._parts for one in part.refused)),
        )
