"""The curves of a run as Parquet, and back. Nothing here imports torch."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from maml_core.records import Records

COLUMNS = {
    "curves": tuple(name for name in Records._fields if not name.startswith("held_out_") and name != "events"),
    "held_out": tuple(name for name in Records._fields if name.startswith("held_out_")),
}
"""The columns of each file."""

_YOUNGER = ({"accuracy", "held_out_accuracy_before", "held_out_accuracy_after"}, {"held_out_worse"})
"""Columns that files of earlier versions lack, in the order in which they came: nothing of the kind was measured."""


def _dtype(column: str) -> str:
    return "int64" if column.endswith("steps") else "float64"


NO_RECORDS = Records(**{name: np.empty(0, _dtype(name)) for names in COLUMNS.values() for name in names}, events=())
"""Records of a run that has not begun."""


def to_parquet(records: Records, columns: tuple[str, ...]) -> bytes:
    """Some columns of the records as a Parquet file."""
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    table = pa.table({name: np.asarray(getattr(records, name), dtype=_dtype(name)) for name in columns})
    target = io.BytesIO()
    # Plain and uncompressed: a file is never smaller than what it unpacks to, and losses hardly shrink anyway.
    pq.write_table(table, target, compression="none", use_dictionary=False)
    return target.getvalue()


def from_parquet(data: bytes, columns: tuple[str, ...]) -> dict[str, npt.NDArray[Any]]:
    """The columns of a file of `to_parquet`; NaN in those that came after it was written, and in `held_out_diverged` of files without
    `held_out_worse`: those counted each task against its own zero predictor, easy ones that had improved among them.

    Raises:
        ValueError: It is damaged, or has other columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # In memory and without threads: with one that reads, pyarrow now and then aborts a process that ends soon afterwards (exit code 134).
        file = pq.ParquetFile(pa.BufferReader(data))
        present = tuple(file.schema_arrow.names)
        layouts = [set().union(*_YOUNGER[since:]) for since in range(len(_YOUNGER) + 1)]
        if present not in [tuple(name for name in columns if name not in lacking) for lacking in layouts]:
            raise ValueError(f"the columns are {list(present)}, not {list(columns)}")
        if file.metadata.num_rows * 8 * len(present) > len(data):
            raise ValueError(f"{file.metadata.num_rows} rows are more than the file has room for")
        table = file.read(use_threads=False)
        found = {name: np.full(len(table), np.nan) for name in columns}
        for name in present:
            column = table.column(name)
            if column.type != pa.type_for_alias(_dtype(name)) or column.null_count:
                raise ValueError(f"{name} is {column.type} with {column.null_count} gaps")
            found[name] = column.to_numpy().copy()
        if "held_out_diverged" in found and "held_out_worse" not in present:
            found["held_out_diverged"] = np.full(len(table), np.nan)
        return found
    except (pa.ArrowException, OSError, KeyError, TypeError) as error:
        raise ValueError(str(error)) from error


def mismatch(records: Records, step: int) -> str | None:
    """What is wrong with records of a run that has taken `step` outer steps; None where nothing is."""
    for steps in (records.steps, records.held_out_steps):
        if len(steps) and (steps[0] < 0 or steps[-1] > step or (np.diff(steps) <= 0).any()):
            return f"their outer steps do not rise from 0 to {step}"
    return None
