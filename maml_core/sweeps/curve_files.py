"""Training curves of a sweep as Parquet, a file for each batch of settings that was finished together. Nothing here imports torch."""

from __future__ import annotations

import io
import logging
import os
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from maml_core.files import explained, write_file
from maml_core.records import Numbers
from maml_core.sweeps.results import SettingResult

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)

CURVES = "curves"
"""Name of the folder of the Parquet files; as a data set, other programs read it whole."""

COLUMNS = {"setting": "int32", "seed": "int16", "step": "int32", "training_loss": "float64"}


def write_curves(folder: Path, results: Sequence[SettingResult]) -> None:
    """Put the training curves of some settings beside the others.

    Raises:
        StoreError: It cannot be written; what was there is as it was.
    """
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    rows: dict[str, list[Numbers]] = {name: [] for name in COLUMNS}
    for result in results:
        if result.training is None or result.training_steps is None:
            continue
        for seed, losses in enumerate(result.training):
            columns = (np.full(len(losses), result.number), np.full(len(losses), seed), result.training_steps, losses)
            for name, column in zip(COLUMNS, columns):
                rows[name].append(column)
    if not rows["step"]:
        return
    table = pa.table({name: np.concatenate(parts).astype(COLUMNS[name]) for name, parts in rows.items()})
    target = io.BytesIO()
    pq.write_table(table, target)
    with explained(f"cannot save the curves of the sweep in {folder}"):
        place = folder / CURVES
        place.mkdir(parents=True, exist_ok=True)
        write_file(place / f"{results[0].number:06d}-{os.getpid()}-{uuid.uuid4().hex[:8]}.parquet", target.getvalue())


def copy_curves(folder: Path, other: Path) -> None:
    """Put the training curves of a sweep beside another one, too.

    Args:
        folder: Of the sweep.
        other: Of the one that gets them.

    Raises:
        OSError: They cannot be copied; some may be there.
    """
    for path in sorted((folder / CURVES).glob("*.parquet")):
        (other / CURVES).mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, other / CURVES)


def check_curves(folder: Path) -> None:
    """See that all files of curves in a folder can be read.

    Raises:
        ValueError: One cannot.
        OSError: The disk does not give it.
    """
    import pyarrow as pa

    for path in sorted((folder / CURVES).iterdir()):
        data = path.read_bytes()
        try:
            _frame(data)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{path.name} has no curves: {error}") from error


def read_curves(folder: Path) -> pd.DataFrame:
    """All training curves: a row a setting, seed and step. A file that is no Parquet is passed over: its settings have no curve here.

    A setting whose client was killed between its curve and its result was trained again: the same curve twice, of which one is given.

    Raises:
        StoreError: The disk does not give a file.
    """
    import pandas as pd
    import pyarrow as pa

    parts = []
    for path in sorted((folder / CURVES).glob("*.parquet")):
        with explained(f"cannot read {path}"):
            data = path.read_bytes()
        try:
            parts.append(_frame(data))
        except (pa.ArrowException, OSError) as error:
            _log.warning("%s cannot be read (%s); its settings have no curve", path, error)
    if not parts:
        return pd.DataFrame({name: np.empty(0, dtype) for name, dtype in COLUMNS.items()})
    whole = pd.concat(parts, ignore_index=True).drop_duplicates(["setting", "seed", "step"])
    return whole.sort_values(["setting", "seed", "step"], ignore_index=True)


def _frame(data: bytes) -> pd.DataFrame:
    """A file of curves, read from memory and without threads: with one that reads, pyarrow now and then aborts a process that ends soon
    afterwards.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(pa.BufferReader(data)) as file:
        frame: pd.DataFrame = file.read(columns=list(COLUMNS), use_threads=False).to_pandas(use_threads=False)
    return frame
