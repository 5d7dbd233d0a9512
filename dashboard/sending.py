"""What the sidebar's widgets do when they change: send a setting to the run, or start it again with another set-up."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from dashboard import limits, state
from dashboard.algorithms import NORM_SWITCHES, SWITCHES, Chosen
from dashboard.live.server import get_hub
from dashboard.setups import NETWORK_FIELDS, Values
from maml_core.config import CHANGEABLE, RunConfig, replace
from maml_core.errors import ConfigError

Build = Callable[[RunConfig, Values], RunConfig]
"""A set-up from the run's current one and the widgets."""

Choose = Callable[[RunConfig, Values], Chosen]
"""The same, with a note on what had to give way."""

_TASKS = ("family", "ways", "difficulty", "split", "rotations", "noise_std")


def sender(token: str, name: str) -> Callable[[], None]:
    """Send one setting to the run, while it trains."""

    def send() -> None:
        changes = {name: state.values()[name]}

        def act() -> None:
            config = get_hub().config(token)
            if config is not None:
                limits.check(replace(config, changes))  # what is not accepted is said here, beside the widget
                get_hub().change(token, changes)

        _attempt(act, name)

    return send


def scratch_sender(token: str) -> Callable[[], None]:
    """Show training from scratch, or no longer."""

    def send() -> None:
        wanted = state.wants_scratch()
        config = get_hub().config(token)
        try:
            if wanted and config is not None:
                limits.check_scratch(config)
        except ConfigError as error:
            state.note(f"{error}.")
            state.forget_scratch()
        else:
            get_hub().show_scratch(token, wanted)

    return send


def restarter(token: str, build: Build, *names: str) -> Callable[[], None]:
    """Restart the run with a set-up made from its current one and what the widgets say."""

    def restart() -> None:
        values = state.values()

        def act() -> None:
            config = get_hub().config(token)
            if config is not None:
                limits.check(build(config, values))  # what is not accepted is said here, beside the widget
                get_hub().restart(token, lambda current: build(current, values))

        _attempt(act, *names)

    return restart


def field_restarter(token: str, name: str) -> Callable[[], None]:
    """Restart the run with one field as its widget has it."""
    return restarter(token, lambda config, values: replace(config, {name: values[name]}), name)


def chooser(token: str, choose: Choose) -> Callable[[], None]:
    """Give the run another algorithm, order or switch: while it trains where that can be, else from outer step 0."""

    def send() -> None:
        values = state.values()

        def act() -> None:
            config = get_hub().config(token)
            if config is None:
                return
            new, notes = choose(config, values)
            limits.check(new)
            changes = {f.name: getattr(new, f.name) for f in dataclasses.fields(new)}
            changes = {name: value for name, value in changes.items() if value != getattr(config, name)}
            if changes.keys() <= CHANGEABLE:
                get_hub().change(token, changes)
            else:
                get_hub().restart(token, lambda current: choose(current, values).config)
            if new.classifies != config.classifies:
                state.show(new)
            else:  # other widgets may show what has not reached the run yet
                names = ["algorithm", "norm", "recompute", *state.algorithm_fields(new)]
                names += [*_TASKS, "oracle_baseline"] if new.tasks != config.tasks else []
                names += ["model", *NETWORK_FIELDS] if new.model.kind != config.model.kind else []
                state.show(new, names)
            for sentence in notes:
                state.note(sentence)

        _attempt(act, "algorithm", "order", "norm", "model", *SWITCHES, *NORM_SWITCHES, *_TASKS)

    return send


def _attempt(action: Callable[[], None], *names: str) -> None:
    """Do it; a value that is not accepted is named, and the widgets go back to what the run has."""
    try:
        action()
    except ConfigError as error:
        state.note(f"{error}.")
        state.follow_run(names)
