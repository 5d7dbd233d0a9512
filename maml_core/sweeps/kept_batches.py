"""Batches as they were at their last rung, beside a sweep's study: whoever goes on with the sweep goes on from there. Nothing here imports torch.

A file holds the states of all lanes of one batch, with what was measured of them, and is replaced at each rung, so that there are as many files as batches
under way. Lanes go on in the company that they had: how many are computed at once decides the last digits of a result, and a sweep that was interrupted
comes to the bits of one that was not. Of a sweep in a database, each machine keeps the batches that it computes, as it keeps their curves.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from maml_core.files import remove_leftovers, write_file
from maml_core.headers import digest_of, facts_of, whole
from maml_core.sweeps.definition import Setting, SweepConfig, fingerprint
from maml_core.sweeps.results import LaneResult, SettingResult, lanes_from_list, lanes_to_list

STATES = "states"
"""Name of the folder of the files."""

MAX_BYTES = 2**26
"""Size of a batch's states that are kept; larger ones begin anew."""

_FORMAT = 1
_ENDING = ".safetensors"

_log = logging.getLogger(__name__)


class KeptBatch(NamedTuple):
    """A batch at a rung, whose outcome was told to the study; the fields are those of `batch.RunningBatch`."""

    settings: tuple[Setting, ...]
    """All that it began with."""
    open: frozenset[int]
    """The numbers of those that were not complete before the rung."""
    step: int
    state: bytes
    """As of `LanesResult`."""
    alive: frozenset[int]
    dropped: frozenset[int]
    lanes: Mapping[int, LaneResult]
    rungs: Mapping[int, list[tuple[int, float]]]
    curvatures: Mapping[int, Mapping[int, float]]
    sums: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    form_changes: tuple[int, ...]


class KeptBatches:
    """The batches that a sweep keeps on this machine.

    Args:
        folder: Of the sweep.
        sweep: Which.
    """

    def __init__(self, folder: Path, sweep: SweepConfig) -> None:
        self._folder, self._sweep = folder / STATES, sweep
        self._is_full = False

    def keep(self, batch: KeptBatch) -> None:
        """Put a batch in the place of what was kept of it before. What cannot be written is said once, and begins anew when the sweep is interrupted."""
        if len(batch.state) > MAX_BYTES:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(self._folder, "*.part")
            write_file(self._path(batch.settings), to_bytes(batch, fingerprint(self._sweep)))
        except OSError as error:
            if not self._is_full:
                _log.warning("the states of unfinished settings cannot be kept in %s: %s", self._folder, error)
            self._is_full = True

    def drop(self, settings: Collection[Setting]) -> None:
        """Forget what was kept of the batch that began with these settings."""
        self._remove(self._path(settings))

    def found(self, known: Mapping[int, SettingResult], ours: Collection[int]) -> Iterator[KeptBatch]:
        """The batches that somebody has left. Damaged ones, those of values that TPE draws no more, and those of which nothing is left to do are removed.

        Args:
            known: The settings by their numbers, as far as they are known.
            ours: Numbers of those that are under way here.
        """
        for path in sorted(self._folder.glob(f"*{_ENDING}")):
            try:
                batch = from_bytes(path.read_bytes(), self._sweep)
            except FileNotFoundError:  # by now
                continue
            except (ValueError, OSError) as error:
                _log.warning("%s cannot be read (%s); its settings begin anew", path, error)
                self._remove(path)
                continue
            there = [known.get(one.number) for one in batch.settings]
            fits = all(
                one is not None and dict(one.values) == setting.values for one, setting in zip(there, batch.settings)
            )
            if not fits or all(one.is_done for one in there if one is not None and one.number in batch.open):
                self._remove(path)
            elif batch.open.isdisjoint(ours):
                yield batch

    def _path(self, settings: Collection[Setting]) -> Path:
        numbers = [one.number for one in settings]
        which = hashlib.sha256(json.dumps(numbers).encode()).hexdigest()[:8]
        return self._folder / f"{numbers[0]:06d}-{which}{_ENDING}"

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:  # whoever looks the next time sees that it is of no use
            _log.info("%s cannot be removed: %s", path, error)


def copy_states(folder: Path, other: Path) -> None:
    """Put the batches that a sweep keeps beside another one, too.

    Raises:
        OSError: They cannot be copied; some may be there.
    """
    for path in sorted((folder / STATES).glob(f"*{_ENDING}")):
        (other / STATES).mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, other / STATES)


def check_states(folder: Path, sweep: SweepConfig) -> None:
    """See that all that is kept in a folder is of batches of this sweep.

    Raises:
        ValueError: It is not.
        OSError: It cannot be read.
    """
    for path in sorted((folder / STATES).iterdir()):
        if path.stat().st_size > 2 * MAX_BYTES:
            raise ValueError(f"{path.name} is larger than a batch may be")
        try:
            from_bytes(path.read_bytes(), sweep)
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from error


def to_bytes(batch: KeptBatch, sweep: str) -> bytes:
    """A batch as a file.

    Args:
        batch: Which.
        sweep: The fingerprint of its sweep.
    """
    from safetensors.numpy import save

    arrays: dict[str, npt.NDArray[Any]] = {
        "state": np.frombuffer(batch.state, np.uint8),
        "sums": batch.sums,
        "counts": batch.counts,
    }
    places = sorted(batch.lanes)
    facts = {
        "format": _FORMAT,
        "sweep": sweep,
        "sha256": digest_of(arrays),
        "settings": [[one.number, dict(one.values)] for one in batch.settings],
        "open": sorted(batch.open),
        "step": batch.step,
        "alive": sorted(batch.alive),
        "dropped": sorted(batch.dropped),
        "places": places,
        "lanes": lanes_to_list([batch.lanes[place] for place in places]),
        "rungs": [[number, pairs] for number, pairs in batch.rungs.items()],
        "curvatures": [[number, list(found.items())] for number, found in batch.curvatures.items()],
        "form_changes": batch.form_changes,
    }
    data: bytes = save(arrays, metadata={"batch": json.dumps(facts, allow_nan=False)})
    return data


def from_bytes(data: bytes, sweep: SweepConfig) -> KeptBatch:
    """The batch of `to_bytes`.

    Raises:
        ValueError: It is damaged, of another version or of another sweep.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        facts = facts_of(data, "batch")
        if (facts.get("format"), facts.get("sweep")) != (_FORMAT, fingerprint(sweep)):
            raise ValueError("it is of another version or of another sweep")
        arrays = load(data)
        if digest_of(arrays) != facts["sha256"]:
            raise ValueError("its checksum does not fit")
        batch = KeptBatch(
            settings=tuple(Setting(whole(number, "a setting"), dict(values)) for number, values in facts["settings"]),
            open=_numbers(facts["open"]),
            step=whole(facts["step"], "step"),
            state=arrays["state"].tobytes(),
            alive=_numbers(facts["alive"]),
            dropped=_numbers(facts["dropped"]),
            lanes=dict(zip(_numbers_in_order(facts["places"]), lanes_from_list(facts["lanes"]), strict=True)),
            rungs={
                number: [(whole(step, "a rung"), _finite(value)) for step, value in pairs]
                for number, pairs in facts["rungs"]
            },
            curvatures={
                number: {whole(step, "a rung"): _finite(value) for step, value in pairs}
                for number, pairs in facts["curvatures"]
            },
            sums=arrays["sums"].copy(),
            counts=arrays["counts"].copy(),
            form_changes=tuple(_numbers_in_order(facts["form_changes"])),
        )
    except (SafetensorError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is no batch of a sweep ({error})") from error
    _check(batch, sweep)
    return batch


def _check(batch: KeptBatch, sweep: SweepConfig) -> None:
    numbers = [one.number for one in batch.settings]
    num_lanes = len(numbers) * sweep.num_seeds
    fits = (
        len(set(numbers)) == len(numbers) > 0
        and batch.open <= set(numbers)
        and batch.step in sweep.rungs[:-1]
        and max([*batch.alive, *batch.dropped, *batch.lanes], default=0) < num_lanes
        and set(batch.rungs) == set(batch.curvatures) == set(numbers)
        and batch.sums.dtype == np.float64
        and batch.counts.dtype == np.int64
        and batch.sums.shape == (num_lanes, *batch.counts.shape)
    )
    if not fits:
        raise ValueError("its parts do not fit together")


def _numbers_in_order(values: Any) -> list[int]:
    return [whole(value, "a number") for value in values]


def _numbers(values: Any) -> frozenset[int]:
    return frozenset(_numbers_in_order(values))


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no value of a rung")
    return float(value)
