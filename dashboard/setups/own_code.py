"""The Python code of a problem of one's own that whoever started this server has named; here it is not imported."""

from __future__ import annotations

import os

from maml_core.config import PythonConfig, RunConfig
from maml_core.families.own import VARIABLE, OwnCode


def server_code() -> str:
    """Its name, ``module:attribute``; empty where nobody has named any, as on a server that others reach (`server.start.forget_code_of_shared`)."""
    return os.environ.get(VARIABLE, "")


def named_code(config: RunConfig) -> OwnCode | None:
    """The code with which this server may compute a set-up; None where that is of no problem of one's own, or where nobody has named any."""
    name = server_code()
    return OwnCode(name) if name and isinstance(config.tasks, PythonConfig) else None


def start_with(name: str) -> str:
    """What to do so that a page runs code of this name, as a part of a sentence."""
    return f"start the page with: maml dashboard --problem {name}, in the folder of its module"


def why_not_opened(name: str) -> str:
    """Why a run of Python code does not open here, and how it may, without a stop.

    Args:
        name: Of the code, as the run says it.
    """
    return f"it is of Python code, {name}, which is run only where its owner names it. If it is yours, or you trust it, {start_with(name)}"


def in_place_of(name: str) -> str:
    """What to do where the code that this server was started with has another name than a run's, as a second half of a sentence; else empty.

    Args:
        name: Of the run's code, as the run says it.
    """
    here = server_code()
    return f". This page was started with {here}, the run is of {name}: {start_with(name)}" if here != name else ""
