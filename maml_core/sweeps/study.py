"""A sweep's results in an Optuna study: one trial a setting; and its curves beside it as Parquet. Nothing here imports torch."""

from __future__ import annotations

from pathlib import Path

from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.space import Setting, SweepConfig

CAPPED = "a diverged setting is a COMPLETE trial with a capped value and the attribute `diverged`: FAIL would hide the unstable region"


class SweepStudy:
    """The study of one sweep. Several processes, on several machines, may have the same one open where its storage allows it."""

    @property
    def name(self) -> str:
        """Of the study."""
        raise NotImplementedError

    def take(self, count: int) -> list[Setting]:
        """Up to `count` settings that nobody else has; each is given out once. Empty where none is left for us."""
        raise NotImplementedError

    def give_back(self, number: int) -> None:
        """A setting that was taken and not finished."""
        raise NotImplementedError

    def put(self, result: SettingResult) -> None:
        """A setting's result."""
        raise NotImplementedError

    def results(self) -> tuple[SettingResult, ...]:
        """All settings, by number, as the storage knows them."""
        raise NotImplementedError


def open_study(sweep: SweepConfig, name: str, *, storage: str | Path | None = None) -> SweepStudy:
    """Open a sweep's study, or make it.

    Args:
        sweep: What it must be of.
        name: Of the study and its files.
        storage: A database by URL (``postgresql://...``), or a folder; None for `default_root`.

    Raises:
        StoreError: A study of another sweep has this name, or the storage cannot be reached or read; nothing was changed.
    """
    raise NotImplementedError
