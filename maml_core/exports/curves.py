"""A run's curves as CSV and for TensorBoard."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np

from maml_core.files import write_file
from maml_core.records import Records

COLUMNS = tuple(name for name in Records._fields if name not in ("steps", "held_out_steps", "events"))
"""The curves of a run."""

_ALWAYS_MEASURED = {"query_loss", "held_out_before", "held_out_after"}

EVENT_FILE = "events.out.tfevents.0.maml"
"""TensorBoard finds its files by this kind of name. It is always the same, so that a second export replaces the first."""


def curves_csv(records: Records) -> str:
    """The curves as CSV: a header, then one row an outer step; a number that was not measured is empty.

    Numbers are exact: as many digits as their bits need.

    >>> from maml_core import RunConfig, replay
    >>> _, _, records = replay(RunConfig(evaluation_tasks=2), [], num_steps=2)
    >>> [line.split(",")[0] for line in curves_csv(records).splitlines()]
    ['outer_step', '0', '1']
    """
    lines = [",".join(["outer_step", *COLUMNS])]
    for step, found in _measured(records):
        lines.append(",".join([str(step), *(repr(found[name]) if name in found else "" for name in COLUMNS)]))
    return "\n".join(lines) + "\n"


def write_tensorboard(records: Records, folder: Path | str, *, wall_time_s: float | None = None) -> Path:
    """The curves as an event file that TensorBoard opens: `tensorboard --logdir` on this folder or on one above it.

    Args:
        records: What was measured; TensorBoard keeps it as float32.
        folder: Made where it is missing. The folder's name is what TensorBoard calls the run.
        wall_time_s: Seconds since 1970, for every point: the records keep no clock. None is now.

    Returns:
        The event file, which replaces that of an earlier export.

    Raises:
        ImportError: TensorBoard is not installed.
    """
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError as error:
        raise ImportError("TensorBoard is not installed: pip install 'maml-live[tensorboard]'") from error

    wall_time = time.time() if wall_time_s is None else wall_time_s
    content = io.BytesIO()
    writer = RecordWriter(content)
    writer.write(Event(wall_time=wall_time, file_version="brain.Event:2").SerializeToString())
    for step, found in _measured(records):
        with np.errstate(over="ignore"):  # a loss beyond float32 is inf there
            values = [
                Summary.Value(tag=tag(name), simple_value=float(np.float32(value))) for name, value in found.items()
            ]
        writer.write(Event(wall_time=wall_time, step=step, summary=Summary(value=values)).SerializeToString())
    path = Path(folder) / EVENT_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, content.getvalue())
    return path


def tag(column: str) -> str:
    """What TensorBoard calls a curve; what stands before the bar groups the charts.

    >>> tag("query_loss"), tag("held_out_after")
    ('training/query_loss', 'held_out/after')
    """
    return f"held_out/{column.removeprefix('held_out_')}" if _is_held_out(column) else f"training/{column}"


def _is_held_out(column: str) -> bool:
    return column.startswith("held_out_")


def _measured(records: Records) -> list[tuple[int, dict[str, float]]]:
    """Each outer step with what was measured there, by column. A loss that is NaN was measured; what else is always NaN is off: a
    baseline, or the accuracy in regression.
    """
    rows: dict[int, dict[str, float]] = {}
    for name in COLUMNS:
        values = getattr(records, name)
        if name not in _ALWAYS_MEASURED and np.isnan(values).all():
            continue
        steps = records.held_out_steps if _is_held_out(name) else records.steps
        for step, value in zip(steps.tolist(), values.tolist(), strict=True):
            rows.setdefault(step, {})[name] = value
    return sorted(rows.items())
