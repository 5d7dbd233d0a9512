"""A run as a Python script that prints its training curve."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from string import Template

from maml_core.config import RunConfig, changed, located
from maml_core.exports.plain_script import is_plain, plain_script
from maml_core.exports.source import bracketed, differences, source
from maml_core.records import Entry
from maml_core.store import SavedRun


def script(start: RunConfig, timeline: Sequence[Entry], num_steps: int) -> str:
    """A Python script that prints a run's training curve: each outer step and its query loss.

    MAML and first-order MAML become plain PyTorch that needs no `maml_core`, written to be read, up to a roll-back, which it cannot
    follow. Everything else (other algorithms, MAML++'s switches, batch norm) becomes a script that calls `maml_core`.

    Args:
        start: The set-up at outer step 0.
        timeline: What was changed while the run trained, with the notes of its roll-backs.
        num_steps: Outer steps that the run has taken.

    Raises:
        ConfigError: The timeline changes a field that cannot change, or to a value that is not accepted.
        ValueError: A negative number of steps.

    >>> print(script(RunConfig(), [], 100).splitlines()[0])
    \"\"\"MAML (Finn et al. 2017), in plain PyTorch: the training curve of a run.
    """
    if num_steps < 0:
        raise ValueError(f"num_steps = {num_steps}: give a number from 0 on")
    entries = sorted(timeline, key=lambda entry: entry.step)
    return (plain_script if is_plain(start) else _calling)(start, entries, num_steps)


def run_script(run: SavedRun) -> str:
    """`script` of a run that was saved, or is to be.

    Raises:
        StoreError: It was trained with a `Problem` of its own, which no script can say.
    """
    run.need_settings("written as a script")
    return script(run.start, (*run.timeline, *run.records.events), run.step)


_CALLING = Template('''\
"""The training curve of a run, computed by maml_core.

Prints each outer step and its query loss: after adaptation, mean over the step's tasks.
"""

from maml_core import $names

config = $config
timeline = $timeline

_, state, records = replay(config, timeline, num_steps=$num_steps)
print("# outer step, query loss")
for step, query_loss in zip(records.steps, records.query_loss):
    print(step, query_loss)
if state.status.kind != "ok":
    print("#", state.status.sentence)
''')

_ALWAYS_SHOWN = ("alpha", "num_inner_steps", "beta")


def _calling(start: RunConfig, entries: Sequence[Entry], num_steps: int) -> str:
    start = located(start)
    settings = differences(start, also=_ALWAYS_SHOWN)
    classes = {type(value).__name__ for value in settings.values() if dataclasses.is_dataclass(value)}
    lines, config = [], start
    for entry in entries:
        if entry.kind == "change":
            config = changed(config, entry.changes)
            changes = ", ".join(f'"{name}": {source(getattr(config, name))}' for name in entry.changes)
            lines.append(f'Entry(step={entry.step}, kind="change", changes={{{changes}}})')
        elif entry.kind in ("resume", "branch"):  # roll-backs a replay makes by itself
            lines.append(f'Entry(step={entry.step}, kind="{entry.kind}")')
        elif entry.kind == "compiled":  # for the same bits where it was trained; elsewhere it says nothing
            lines.append(f'Entry(step={entry.step}, kind="compiled", changes={{"key": "{entry.changes["key"]}"}})')
    return _CALLING.substitute(
        names=", ".join([*(["Entry"] if lines else []), *sorted(classes | {"RunConfig"}), "replay"]),
        config=bracketed("RunConfig(", [f"{name}={source(value)}" for name, value in settings.items()], ")"),
        timeline=bracketed("[", lines, "]"),
        num_steps=num_steps,
    )
