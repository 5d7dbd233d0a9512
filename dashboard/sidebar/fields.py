"""The sidebar's widgets: each shows what the run has, and gives the run what it is about and nothing else.

A widget's key is its setting's name behind ``set.``. What a widget that is not on the screen would say counts for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.charts.symbols import as_sentence, in_markdown, plain
from dashboard.server.start import get_hub
from dashboard.setups import limits
from dashboard.setups.setting_names import label
from dashboard.setups.settings import SETTINGS, Shown, differences, refusal
from dashboard.sidebar import state
from maml_core.config import CHANGEABLE
from maml_core.errors import ConfigError, StoreError

RESTARTS = " Changing it restarts the run from outer step 0."
SCRATCH = "view.scratch"
"""Key of the switch for training from scratch, which is no setting of the run."""


class Fields:
    """The widgets of one page.

    Args:
        token: Of the page.
        shown: What its run is now.
    """

    def __init__(self, token: str, shown: Shown) -> None:
        self.token = token
        self.config = shown.config
        self.lost_images = shown.lost_images
        self._scratch = shown.scratch

    def number(self, name: str, *, where: Any = st, help: str, **options: Any) -> None:
        """A number. It takes any, and the set-up refuses what it does not accept in a sentence: a field with bounds of its own would keep
        what it does not send.
        """
        where.number_input(**self._common(name, help, "value"), **options)

    def count(self, name: str, *, where: Any = st, help: str, **options: Any) -> None:
        """A whole number."""
        self.number(name, where=where, help=help, **{"step": 1, **options})

    def text(self, name: str, *, where: Any = st, help: str, placeholder: str = "", disabled: bool = False) -> None:
        """A line of text."""
        where.text_input(**self._common(name, help, "value"), placeholder=placeholder, disabled=disabled)

    def toggle(self, name: str, *, where: Any = st, help: str, disabled: bool = False) -> None:
        """On or off."""
        where.toggle(**self._common(name, help, "value"), disabled=disabled)

    def slider(self, name: str, *, where: Any = st, help: str, **options: Any) -> None:
        """A number within bounds."""
        where.slider(**self._common(name, help, "value"), **options)

    def select(
        self,
        name: str,
        options: Sequence[str],
        *,
        where: Any = st,
        help: str,
        names: Mapping[Any, str] | None = None,
        on_change: Callable[[str], None] | None = None,
    ) -> None:
        """One of a list. What is chosen goes into the run, or to `on_change`, which takes the name of the field."""
        common = self._common(name, help, "index", lambda value: options.index(value), on_change=on_change)
        where.selectbox(**common, options=options, format_func=_called(names))

    def segments(self, name: str, names: Mapping[Any, str], *, help: str, disabled: bool = False) -> None:
        """One of a few, side by side."""
        st.segmented_control(
            **self._common(name, help, "default"),
            options=list(names),
            format_func=_called(names),
            required=True,
            disabled=disabled,
            width="stretch",
        )

    def scratch(self) -> None:
        """The switch for training from scratch on held-out tasks."""
        st.toggle(
            "From scratch, to convergence",
            key=SCRATCH,
            **state.holding(SCRATCH, self._scratch, self._show_scratch),
            help="For each held-out task, train the initial weights on its support points alone until that stops helping. It takes a few "
            "seconds, again when shots or query points change, and is left out where the set-up is too large for that.",
        )

    def choose(self, name: str) -> None:
        """Give the run what the setting's widget says: while it trains where that can be, else from outer step 0."""
        choose, value = SETTINGS[name].chosen, st.session_state[f"set.{name}"]
        config = get_hub().config(self.token)
        if config is None:
            return
        try:
            new, notes = choose(config, value)
            limits.check(new)
            changes = differences(new, config)
            if changes.keys() <= CHANGEABLE:
                get_hub().change(self.token, changes)
            else:
                get_hub().restart(self.token, lambda current: choose(current, value).config)
        except ConfigError as error:
            state.note(plain(refusal(error, config)))
        except StoreError as error:
            state.note(plain(as_sentence(error)))
        else:
            for sentence in notes:
                state.note(sentence)

    def _common(
        self,
        name: str,
        help: str,
        default: str,
        as_default: Callable[[Any], Any] = lambda value: value,
        *,
        on_change: Callable[[str], None] | None = None,
    ) -> dict[str, Any]:
        key, setting = f"set.{name}", SETTINGS[name]
        held = state.holding(key, setting.shown(self.config), on_change or self.choose, default=default)
        if default in held:
            held[default] = as_default(held[default])
        return {
            "label": label(name, self.config),
            "key": key,
            "args": (name,),
            "help": in_markdown(help + (RESTARTS if setting.restarts else "")),
            **held,
        }

    def _show_scratch(self) -> None:
        wanted = bool(st.session_state[SCRATCH])
        try:
            get_hub().show_scratch(self.token, wanted)
        except (ConfigError, StoreError) as error:
            state.note(plain(as_sentence(error)))


def _called(names: Mapping[Any, str] | None) -> Callable[[str], str]:
    return names.__getitem__ if names is not None else str
