"""A problem of one's own among the options of a command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maml_core.config import PythonConfig, RunConfig, from_dict, replace
from maml_core.errors import ConfigError
from maml_core.families.own import need_of_code


def of_problem(settings: Mapping[str, Any], given: Mapping[str, Any], own: PythonConfig | None) -> RunConfig:
    """The config of some settings; of a problem of one's own, with its tasks in place of theirs, and the network is its own too.

    Args:
        settings: Of presets, files and options.
        given: Those of them that are options.
        own: The tasks of the code that has been named on the command line; None where none has.

    Raises:
        ConfigError: A setting that is not accepted, or one of tasks or networks that the code takes the place of. Or settings that name code, which
            nobody has named on the command line.
    """
    if own is None:
        config = from_dict(settings)
        if isinstance(config.tasks, PythonConfig):
            raise ConfigError("problem", None, need_of_code(config.tasks))
        return config
    for part in ("tasks", "model"):
        if part in given:
            accepted = (
                "the tasks and the network are those of your own problem, which have no such settings; leave it out"
            )
            raise ConfigError(part, given[part], accepted)
    rest = {name: value for name, value in settings.items() if name not in ("tasks", "model")}
    return replace(from_dict(rest), {"tasks": own})
