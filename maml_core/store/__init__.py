"""Run folders: a run kept on disk, and the folder of folders where runs are kept. Nothing here imports torch.

    run.json                       what the run is, and the name, size and sha256 of each other file
    curves-<sha256>.parquet        the training curves
    held_out-<sha256>.parquet      the held-out curves
    state-<sha256>.safetensors     parameters, optimiser moments and checkpoints, as `state_bytes.state_to_bytes` wrote them
    moments-<sha256>.safetensors   states of earlier outer steps, where any are kept
    measured-<sha256>.safetensors  what was measured of held-out tasks at these states, where anything was

Data files are named by their content and written before `run.json`, which takes its place in one step: whatever happens on the way, a
folder holds the save before or the save after. Everything is checked when it is read, and nothing that is read can execute.
"""

from __future__ import annotations

from maml_core.store.archive import Arrival, import_run, keep_run, read_run
from maml_core.store.document import DOCUMENT, FORMAT, MAX_DOCUMENT_BYTES, VERSION, SavedRun
from maml_core.store.folder import RunInfo, check_place, load_run, run_info, save_run, trained_alone
from maml_core.store.runs import RunStore, check_name, default_root, delete_run, rename_run, zip_run

__all__ = [
    "DOCUMENT",
    "FORMAT",
    "MAX_DOCUMENT_BYTES",
    "VERSION",
    "Arrival",
    "RunInfo",
    "RunStore",
    "SavedRun",
    "check_name",
    "check_place",
    "default_root",
    "delete_run",
    "import_run",
    "keep_run",
    "load_run",
    "read_run",
    "rename_run",
    "run_info",
    "save_run",
    "trained_alone",
    "zip_run",
]
