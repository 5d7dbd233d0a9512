"""The `maml` command: one file a group of commands, put together in `commands`.

Signals are listened to before anything else loads: Ctrl-C while Python still imports ends with a sentence as well.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from maml_core.cli.commands import app

__all__ = ["app", "main"]


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from maml_core.cli import commands

    return commands.app


def main() -> None:
    """Entry point of the `maml` command."""
    try:
        from maml_core.cli import signals, streams

        try:
            streams.prepare()
            signals.listen()

            from maml_core.cli import commands

            commands.main()
        except BaseException as error:
            signals.leave(error)
            raise
    except KeyboardInterrupt:  # before anybody listened
        import sys

        sys.stderr.write("maml: stopped by Ctrl-C.\n")
        raise SystemExit(130) from None
