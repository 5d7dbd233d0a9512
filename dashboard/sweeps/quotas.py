"""How many sweeps the server computes of one visitor at a time, where several people share it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from dashboard.sweeps.job import SweepJob

MAX_AT_ONCE = 2
"""Sweeps of one visitor that are computed at a time."""


class JobKey(NamedTuple):
    """Where a sweep is kept, and its name."""

    place: str
    name: str


def why_no_more(
    jobs: Mapping[JobKey, SweepJob],
    owners: Mapping[JobKey, Collection[str]],
    visitor_of: Callable[[str], str | None],
    token: str,
) -> str:
    """Why the visitor of a page may have no other sweep computed now, in a sentence without a stop; empty where that is not so.

    Args:
        jobs: All sweeps.
        owners: Tokens of the pages that have watched each.
        visitor_of: Who sits at a page, by its token; None where nobody is to be told apart.
        token: Of the page.
    """
    visitor = visitor_of(token)
    if visitor is None:
        return ""
    running = [key for key, job in list(jobs.items()) if job.status == "running" and job.executor is None]
    own = [key.name for key in running if visitor in map(visitor_of, list(owners.get(key, ())))]
    if len(own) < MAX_AT_ONCE:
        return ""
    names = " and ".join(sorted(own))
    return f"this server computes {MAX_AT_ONCE} sweeps of a visitor at a time, and now {names}; cancel one, or wait until it is done"
