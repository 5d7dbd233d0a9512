"""What a page asks of Streamlit's script, and how much of it is answered, as it goes over the wire.

The page itself says only whether the script runs now: between a press and the script's start that is no.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

if TYPE_CHECKING:
    from playwright.sync_api import Page, WebSocket

WHOLE = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
"""How a run of the script ends that took up all that was asked before it: one that another request cuts short ends otherwise."""


class Reruns:
    """Counts the requests of a page for a run of its script, and the last of them that a whole run has answered.

    Args:
        page: Its newest connection counts.
    """

    def __init__(self, page: Page) -> None:
        self._asked = self._begun = self._answered = 0
        page.on("websocket", self._opened)

    @property
    def all_answered(self) -> bool:
        """Whether the script has run, as a whole, since it was asked last."""
        return self._answered == self._asked

    def _opened(self, socket: WebSocket) -> None:
        if "/_stcore/stream" not in socket.url:
            return
        self._asked = self._begun = self._answered = 0
        socket.on("framesent", self._sent)
        socket.on("framereceived", self._received)

    def _sent(self, frame: bytes | str) -> None:
        if isinstance(frame, bytes) and BackMsg.FromString(frame).WhichOneof("type") == "rerun_script":
            self._asked += 1

    def _received(self, frame: bytes | str) -> None:
        if not isinstance(frame, bytes):
            return
        message = ForwardMsg.FromString(frame)
        match message.WhichOneof("type"):
            case "new_session":
                self._begun = self._asked
            case "script_finished" if message.script_finished in WHOLE:
                self._answered = self._begun
