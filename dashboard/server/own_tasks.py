"""The problem of one's own that whoever started this server has named: what a worker finds of it, once."""

from __future__ import annotations

import logging
from concurrent.futures import Executor

from dashboard.server.loop import ANSWER_S
from dashboard.setups.own_code import server_code
from maml_core.config import PythonConfig
from maml_core.errors import ConfigError, StoreError
from maml_core.sweeps.recognition import find_own

MAX_SAID = 300
"""Letters of what went wrong in code of the server's owner that are shown."""

_log = logging.getLogger(__name__)


class OwnTasks:
    """See the module.

    Args:
        executor: Whose workers may import the code: those that compute runs.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._found: PythonConfig | None = None

    def found(self) -> PythonConfig:
        """The tasks of a set-up of it. A worker imports the code the first time. Waits for it: for other threads than the loop's only.

        Raises:
            ConfigError: The code cannot be had, or there is none.
            StoreError: It fails where it is tried, or no worker answers.
        """
        name = server_code()
        if self._found is None or self._found.problem != name:
            try:
                self._found, _ = self._executor.submit(find_own, name).result(ANSWER_S)
            except ConfigError:
                raise
            except Exception as error:
                _log.exception("the problem of one's own could not be looked at")
                said = " ".join(str(error).split())[:MAX_SAID].removesuffix(".")
                why = f"{name} cannot be used ({type(error).__name__}{said and ': '}{said}; the server's log says more)"
                raise StoreError("refused", why) from error
        return self._found
