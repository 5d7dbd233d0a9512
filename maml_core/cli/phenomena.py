"""`maml reproduce phenomena`: claims of the literature, each an experiment with a verdict."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Future, as_completed
from typing import Any

import typer

from maml_core.cli.console import BAD_FOLDER, print_json, say
from maml_core.cli.signals import last_words
from maml_core.cli.workers import workers as computing
from maml_core.errors import ClusterError
from maml_core.execution import most_workers
from maml_core.reproduce.claims import (
    Claim,
    Finding,
    claims_table,
    judged,
    plain_finding,
    summary_line,
)
from maml_core.reproduce.measuring import measured, trained

NOT_HELD = 1
"""Exit code where a claim does not hold."""


def run_claims(
    claims: Sequence[Claim], *, num_steps: int | None, num_workers: int | None, scheduler: str | None, as_json: bool
) -> None:
    """Train what the claims need, measure, and print the verdicts; the last line is a summary.

    Raises:
        typer.Exit: A claim does not hold, or the workers were lost.
    """
    start = time.monotonic()
    words = "Nothing of it is kept; the same command begins anew."
    try:
        with last_words(words):
            findings = _findings(claims, num_steps=num_steps, num_workers=num_workers, scheduler=scheduler)
    except (BrokenExecutor, ClusterError) as error:
        say(f"maml: {str(error).rstrip('.')}. {words}")
        raise typer.Exit(BAD_FOLDER) from None
    summary = summary_line(findings, time.monotonic() - start)
    if as_json:
        print_json([plain_finding(finding) for finding in findings])
        say(summary)
    else:
        sentences = [
            f"{finding.claim.name}: {'holds' if finding.holds else 'does not hold'}. {finding.claim.sentence} ({finding.claim.source})"
            for finding in findings
        ]
        typer.echo("\n\n".join([claims_table(findings), "\n".join(sentences), summary]))
    if not all(finding.holds for finding in findings):
        raise typer.Exit(NOT_HELD)


def _findings(
    claims: Sequence[Claim], *, num_steps: int | None, num_workers: int | None, scheduler: str | None
) -> list[Finding]:
    """In the order of the claims."""
    needed = dict.fromkeys(setup for claim in claims for setup in claim.setups)
    if scheduler is None:
        num_workers = num_workers or min(most_workers(), max(len(needed), len(claims)))
    with computing(scheduler, num_workers) as pool:
        trainings: dict[Future[Any], str] = {pool.submit(trained, name, num_steps): name for name in needed}
        by_name: dict[str, Any] = {}
        measuring: dict[str, Future[Any]] = {}
        for done in as_completed(trainings):
            by_name[trainings[done]] = done.result()
            say(f"trained: {trainings[done]} ({len(by_name)} of {len(needed)})")
            for claim in claims:
                if claim.name not in measuring and all(name in by_name for name in claim.setups):
                    own = {name: by_name[name] for name in claim.setups}
                    measuring[claim.name] = pool.submit(measured, claim.name, own)
        return [judged(claim, *measuring[claim.name].result()) for claim in claims]
