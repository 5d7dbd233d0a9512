"""A problem of one's own by the name of its Python code, for whoever has no Python call to give it to: the command line, and processes that compute.

The name is never kept: no run folder and no address holds one, so opening what came from elsewhere imports nothing. Who trains or judges such a run names
the code anew, each time.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from functools import lru_cache
from typing import Any

from maml_core.errors import ConfigError
from maml_core.problem import Problem

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def problem_named(name: str) -> Problem:
    """The `Problem` that ``module:attribute`` names: one, or a function without arguments that makes one, which is called once a process.

    The module is looked for where Python looks, and last in the current folder.

    Raises:
        ConfigError: This is a shared server (`MAML_SHARED`), the name is none, or what it names cannot be had or is no problem.

    >>> problem_named("maml_core.config:RunConfig")
    Traceback (most recent call last):
    maml_core.errors.ConfigError: problem = 'maml_core.config:RunConfig' is not accepted: it gives a RunConfig; name a Problem, or a function without \
arguments that makes one
    """
    if os.environ.get("MAML_SHARED", "0") not in ("", "0"):
        raise ConfigError(
            "problem", name, "a shared server (MAML_SHARED) runs nobody's own code; train on a machine of your own"
        )
    return _made(name)


@lru_cache(maxsize=16)
def _made(name: str) -> Problem:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            "problem", name, "module:attribute is expected, such as my_tasks:problem, of my_tasks.py in this folder"
        )
    module, _, attribute = name.partition(":")
    found = _attribute(name, module, attribute)
    if not isinstance(found, Problem) and callable(found):
        try:
            found = found()
        except Exception as error:
            raise ConfigError(
                "problem", name, f"calling it fails ({type(error).__name__}: {error}); correct it"
            ) from error
    if not isinstance(found, Problem):
        raise ConfigError(
            "problem",
            name,
            f"it gives a {type(found).__name__}; name a Problem, or a function without arguments that makes one",
        )
    return found


def _attribute(name: str, module: str, attribute: str) -> Any:
    here = os.getcwd()
    sys.path.append(here)
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name is not None and (module == error.name or module.startswith(f"{error.name}.")):
            accepted = (
                f"there is no module {error.name}, neither installed nor in {here}; go to its folder, or install it"
            )
        else:
            accepted = f"its module asks for {error.name}, which is not there; install that"
        raise ConfigError("problem", name, accepted) from error
    except AttributeError as error:
        raise ConfigError(
            "problem", name, f"its module cannot be used ({error}); correct the name, or the module"
        ) from error
    except Exception as error:
        raise ConfigError(
            "problem", name, f"importing its module fails ({type(error).__name__}: {error}); correct it"
        ) from error
    finally:
        sys.path.remove(here)
