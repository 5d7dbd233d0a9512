"""Options that contradict each other, or that say nothing without another: one table, so that none of them is ignored in silence.

Each line is looked at before a command begins; what depends on a saved run or on a file is refused by the command itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

Given = Collection[str]
"""The options of a command line, as ``--name``."""


class Refused(NamedTuple):
    """An option that is refused where some others are given, or are not."""

    option: str
    where: Callable[[Given], bool]
    words: str
    """What it is for, and what to leave out."""


def beside(*others: str) -> Callable[[Given], bool]:
    """Where one of these is given.

    >>> beside("--out")({"--out", "--json"}), beside("--out")({"--json"})
    (True, False)
    """
    return lambda given: any(other in given for other in others)


def without(*others: str) -> Callable[[Given], bool]:
    """Where none of these is given."""
    return lambda given: not any(other in given for other in others)


def beside_more_than(*others: str) -> Callable[[Given], bool]:
    """Where anything but these is given."""
    return lambda given: any(other not in others for other in given)


def beside_several_of(*others: str) -> Callable[[Given], bool]:
    """Where two or more of these are given."""
    return lambda given: sum(other in given for other in others) > 1


KINDS = ("--csv", "--zip", "--script", "--weights")
"""What a run is exported as, each a file."""

_OF_A_RESUMED_SWEEP = (
    *("--resume", "--folder", "--problem", "--storage"),
    *("--workers", "--scheduler", "--json", "--dry-run"),
)

TABLE: dict[str, tuple[Refused, ...]] = {
    "train": (
        Refused("--name", beside("--out"), "--out and --name are two places; give one of them"),
        Refused("--resume", beside("--config", "--preset"), "the run has its set-up; leave --config and --preset out"),
        Refused(
            "--force",
            without("--name", "--out"),
            "it takes the place of the run that --name or --out names; give one of these, or leave --force out",
        ),
        Refused(
            "--any-images",
            without("--resume"),
            "it is for a run that goes on; leave it out, or say which with --resume",
        ),
    ),
    "evaluate": (
        Refused(
            "--step",
            beside("--any-images"),
            "a state between two that are kept is trained anew, on the run's own images; leave --any-images out",
        ),
    ),
    "sweep": (
        Refused(
            "--resume",
            beside_more_than(*_OF_A_RESUMED_SWEEP),
            "the sweep has its set-up and its name; leave all other settings out",
        ),
    ),
    "runs export": (
        Refused("--out", beside_several_of(*KINDS), "it names one file; export one kind at a time"),
        Refused(
            "--out",
            without(*KINDS, "--tensorboard"),
            f"say what to write into it: {', '.join(KINDS[:-1])} or {KINDS[-1]}",
        ),
        Refused("--out", without(*KINDS), "it names a file, and --tensorboard a folder; leave it out"),
        Refused("--force", without(*KINDS), "it overwrites a file, and --tensorboard adds to a folder; leave it out"),
    ),
    "sweeps export": (
        Refused(
            "--out", beside_several_of("--csv", "--seeds", "--curves"), "it names one file; export one kind at a time"
        ),
    ),
    "data omniglot": (Refused("--download", beside("--from"), "say one of the two, --from or --download"),),
}
"""By command."""


def refusals(command: str, given: Given) -> Iterator[Refused]:
    """The lines of the table that a command line with these options runs into.

    >>> [line.option for line in refusals("train", {"--resume", "--force"})]
    ['--force']
    """
    return (line for line in TABLE.get(command, ()) if line.option in given and line.where(given))
