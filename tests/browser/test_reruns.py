"""When a page counts as answered: after a whole run of its script that began once it had asked."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.browser.reruns import Reruns

ASKS = BackMsg(rerun_script={}).SerializeToString()
BEGINS = ForwardMsg(new_session={}).SerializeToString()
ENDS = ForwardMsg(script_finished=ForwardMsg.FINISHED_SUCCESSFULLY).SerializeToString()
CUT_SHORT = ForwardMsg(script_finished=ForwardMsg.FINISHED_EARLY_FOR_RERUN).SerializeToString()


class Wire:
    """Stands for a page and its connection: says what goes over it."""

    url = "ws://127.0.0.1/_stcore/stream"

    def __init__(self) -> None:
        self._heard: dict[str, Callable[[object], None]] = {}

    def on(self, event: str, hear: Callable[[object], None]) -> None:
        self._heard[event] = hear

    def says(self, event: str, what: object) -> None:
        self._heard[event](what)


def test_a_request_is_answered_by_a_whole_run_that_began_after_it() -> None:
    page, socket = Wire(), Wire()
    reruns = Reruns(page)  # type: ignore[arg-type]
    page.says("websocket", socket)
    steps = [("framesent", ASKS, False), ("framereceived", BEGINS, False), ("framereceived", ENDS, True)]
    steps += [("framesent", ASKS, False), ("framereceived", ENDS, False)]  # that run had begun before
    steps += [("framereceived", BEGINS, False), ("framesent", ASKS, False), ("framereceived", CUT_SHORT, False)]
    steps += [("framereceived", BEGINS, False), ("framereceived", ENDS, True)]
    for event, frame, answered in steps:
        socket.says(event, frame)
        assert reruns.all_answered == answered, (event, frame)
