"""How the command ends when it is asked to: by Ctrl-C, by SIGTERM, or by SIGHUP when its terminal has gone.

A first signal ends what is under way in good order: it raises `Stopped`, or, within `caught_signals`, is only noted. Whatever happens
on the way, the process has ended a few seconds later; a second signal ends it at once. In both cases a sentence is printed and no
worker stays. A thread of its own sees to that, because Python's handlers wait until the main thread is back from a long computation.

This is in place before anything else loads, so nothing here takes time to import.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

CALLED = {
    getattr(signal, name): words
    for name, words in (("SIGINT", "Ctrl-C"), ("SIGTERM", "SIGTERM"), ("SIGHUP", "the end of its terminal (SIGHUP)"))
    if hasattr(signal, name)
}
"""The signals that ask for the end, as people know them; Windows has no SIGHUP."""

EXIT = 128
"""Plus the number of the signal: the exit code."""

PATIENCE_S = 2.5
"""From the first signal to the end, at most, but for a last save."""

LAST_S = 0.5
"""For the last sentence."""


class Stopped(BaseException):
    """Somebody asked to stop. No `Exception`, so that nobody takes it for a failure of something smaller."""


class _Ending:
    """What is known about the end of this process."""

    def __init__(self) -> None:
        self.caught: list[int] = []
        self.words = ""
        """What is kept, and how to go on; said when the end cannot wait."""
        self.rescue: Callable[[], object] | None = None
        """What must not be lost where the main thread does not come back in time."""
        self.at_once: Callable[[], object] | None = None
        """What ends with this process, beside its workers."""
        self.is_noting = False
        self.is_leaving = False
        self.listens = False
        self.once = threading.Lock()


_ending = _Ending()


def listen() -> None:
    """From now on signals end this process as the module says."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    threading.Thread(target=_watch, args=(readable,), daemon=True, name="signals").start()
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    _ending.listens = True
    for number in CALLED:
        if not _is_ignored(number):
            signal.signal(number, _act)


@contextlib.contextmanager
def caught_signals(
    words: str = "", rescue: Callable[[], object] | None = None, at_once: Callable[[], object] | None = None
) -> Iterator[list[int]]:
    """Note a signal instead of raising it; the caller looks at the list and comes to a good end.

    Args:
        words: Said where it has to end at once: what is kept, and how to go on.
        rescue: Called in another thread where the main thread does not come to an end in time.
        at_once: Called, quickly done, where this process has to end at once: it ends what would outlive it.
    """
    if threading.current_thread() is not threading.main_thread():  # only there can they be asked for
        yield []
        return
    caught = _ending.caught if _ending.listens else []
    before = {number: signal.getsignal(number) for number in CALLED if not _is_ignored(number)}
    if not _ending.listens:
        for number in before:
            signal.signal(number, lambda number, _frame: caught.append(number))
    with last_words(words):
        _ending.is_noting, _ending.rescue, _ending.at_once = True, rescue, at_once
        try:
            yield caught
        finally:
            _ending.is_noting, _ending.rescue, _ending.at_once = False, None, None
            if not _ending.listens:
                for number, handler in before.items():
                    signal.signal(number, handler)


@contextlib.contextmanager
def last_words(words: str) -> Iterator[None]:
    """What a signal within it adds to the sentence: what is kept, and how to go on."""
    before, _ending.words = _ending.words, words
    yield
    _ending.words = before  # not where it was left by an error: that is said at the very end


def leave(error: BaseException | None) -> None:
    """End the process now if a signal asked for it; from here on another one ends it at once.

    Args:
        error: With what the command came back.
    """
    _ending.is_leaving = True
    if not _ending.caught:
        return
    number = _ending.caught[0]
    with contextlib.suppress(OSError):  # whoever read it may have gone
        sys.stdout.flush()
    if isinstance(error, SystemExit):  # it has said its sentence, unless there was no terminal any more to say it on
        has_code = isinstance(error.code, int) and not CALLED[number].endswith("(SIGHUP)")
        _end(error.code if has_code else EXIT + number, "")  # type: ignore[arg-type]  # a number where it has one
    _end(EXIT + number, _sentence(number))


def _is_ignored(number: int) -> bool:
    """Whether it is to be survived: `nohup` asks for that."""
    return CALLED[number].endswith("(SIGHUP)") and signal.getsignal(number) == signal.SIG_IGN


def _act(number: int, _frame: Any) -> None:
    _ending.caught.append(number)
    if _ending.is_leaving and not _ending.once.locked():
        _end(EXIT + number, "")
    if len(_ending.caught) == 1 and not _ending.is_noting:
        raise Stopped


def _watch(readable: int) -> None:
    """What Python's own handlers cannot: act while the main thread computes."""
    number = _next(readable)
    patience = threading.Timer(PATIENCE_S, _give_up, [number])
    patience.daemon = True
    patience.start()
    _next(readable)
    _end(EXIT + number, _sentence(number))


def _next(readable: int) -> int:
    while True:
        number = os.read(readable, 1)[0]
        if number in CALLED:
            return number


def _give_up(number: int) -> None:
    try:
        if _ending.rescue is not None:
            _ending.rescue()
    finally:
        _end(EXIT + number, _sentence(number))


def _sentence(number: int) -> str:
    return f"maml: stopped by {CALLED[number]}. {_ending.words}".rstrip()


def _end(code: int, sentence: str) -> None:
    """Print a sentence, end the workers, and end, whatever other threads do."""
    if not _ending.once.acquire(blocking=False):
        time.sleep(LAST_S)  # another thread is at it
        os._exit(code)
    with contextlib.suppress(Exception):
        if (execution := sys.modules.get("maml_core.execution")) is not None:
            execution.end_workers()
    with contextlib.suppress(Exception):
        if _ending.at_once is not None:
            _ending.at_once()
    show_cursor = "\x1b[?25h" if os.isatty(2) else ""  # a progress bar hides it
    text = show_cursor + (f"{sentence}\n" if sentence else "")
    if text:
        last = threading.Thread(target=_write, args=(text.encode(errors="replace"),), daemon=True)
        last.start()
        last.join(LAST_S)  # nobody may read it any more
    os._exit(code)


def _write(text: bytes) -> None:
    with contextlib.suppress(OSError):
        os.write(2, text)
