"""What trainings reached on test tasks, kept beside them: a reproduction that is stopped while it evaluates goes on with what is left."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np

from maml_core.cluster import fingerprint
from maml_core.config import RunConfig, to_dict
from maml_core.files import write_file
from maml_core.headers import digest_of, facts_of
from maml_core.records import Summary
from maml_core.reproduce.cases import Exam
from maml_core.reproduce.exams import Judged

EVALUATED = "evaluated"
"""Name of the folder of the files, in that of a reproduction."""

_log = logging.getLogger(__name__)


class Work(NamedTuple):
    """What `judged` is called with."""

    learner: str
    config: RunConfig
    state: bytes | None
    exam: Exam
    shots: int
    num_tasks: int
    device: str

    @property
    def key(self) -> str:
        """What decides the result, and the code that computes it, as SHA-256 in hexadecimal."""
        state = hashlib.sha256(self.state or b"").hexdigest()
        facts = [self.learner, to_dict(self.config), state, self.exam, self.shots, self.num_tasks, self.device]
        return hashlib.sha256(json.dumps([*facts, fingerprint()]).encode()).hexdigest()


def kept(folder: Path, name: str, work: Work) -> Judged | None:
    """What was kept under a name, if it is of this work; None where nothing is, or something else, or a damaged file.

    Args:
        folder: Of the reproduction.
        name: Of the training.
        work: Whose result.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = _path(folder, name, work)
    try:
        data = path.read_bytes()
        facts = facts_of(data, "evaluation")
        if facts.get("key") != work.key:
            return None
        arrays = load(data)
        if facts.get("sha256") != digest_of(arrays):
            raise ValueError("its checksum does not fit")
        by_task = arrays.pop("by_task")
        return Judged(Summary(**arrays), by_task)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        _log.info("%s cannot be read (%s); it is evaluated again", path, error)
        return None


def keep(folder: Path, name: str, work: Work, found: Judged) -> None:
    """Keep a result under a training's name, in the place of what was there. What cannot be written is computed again the next time."""
    from safetensors.numpy import save

    known = {field: values for field, values in found.summary._asdict().items() if values is not None}
    arrays = {field: np.ascontiguousarray(values) for field, values in {**known, "by_task": found.by_task}.items()}
    facts = {"key": work.key, "sha256": digest_of(arrays)}
    path = _path(folder, name, work)
    try:
        path.parent.mkdir(exist_ok=True)
        write_file(path, save(arrays, metadata={"evaluation": json.dumps(facts)}))
    except OSError as error:
        _log.warning("what %s reached cannot be kept: %s", name, error)


def _path(folder: Path, name: str, work: Work) -> Path:
    return folder / EVALUATED / f"{name}, tested at {work.shots} shots.safetensors"
