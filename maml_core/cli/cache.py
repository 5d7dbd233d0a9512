"""`maml cache`: the compiled outer steps that are kept, and how to be rid of them."""

from __future__ import annotations

from typing import Annotated

import typer

from maml_core.cli.console import PlainErrors, print_json
from maml_core.compiled import files
from maml_core.wording import counted

HELP = """Show and clear the compiled outer steps that are kept.

They are machine code that training makes by itself of set-ups that train for long, and makes again where one is missing. Only this user's
own folder is read; MAML_COMPILED names another one, and MAML_COMPILED=off computes every step eagerly.

\b
Examples:
  maml cache show
  maml cache clear
"""

app = typer.Typer(cls=PlainErrors, help=HELP, no_args_is_help=True)


@app.command()
def show(as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False) -> None:
    """Show how many there are, how much they take and where they lie."""
    place, kept = files.folder(), files.kept()
    if as_json:
        print_json({"folder": str(place) if place else None, **kept._asdict(), "max_bytes": files.MAX_BYTES})
        return
    if place is None:
        typer.echo("Compiled outer steps are switched off: MAML_COMPILED is off.")
        return
    typer.echo(
        f"{counted(kept.num_steps, 'compiled outer step')}, {kept.num_bytes / 1e6:.1f} of at most "
        f"{files.MAX_BYTES / 1e6:.0f} MB, in {place}."
    )


@app.command()
def clear() -> None:
    """Throw all of them away. What trains meanwhile goes on, eagerly where it must."""
    dropped = files.prune(0)
    files.forget_failure()
    typer.echo(f"Threw away {counted(dropped, 'compiled outer step')}.")
