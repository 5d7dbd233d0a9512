"""The only file that touches Streamlit's session state and the address.

The run's settings belong to the hub: widgets show what it has and send what changed, and remember nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from dashboard import address, limits, saved
from dashboard.live.server import get_hub
from dashboard.sweeps.form import Draft
from maml_core.config import GlyphsConfig, RunConfig
from maml_core.presets import DEFAULT_PRESET, few_shot

_TOKEN, _NOTES = "page.token", "page.notes"
_ASKED = "images.asked"
_PAGES = "page.pages"
_DRAFT = "page.draft"

Screen = Literal["live", "sensitivity"]

MAX_NOTES = 6
"""Sentences about an address that are shown at once."""


def page_token() -> str:
    """This session's page at the hub; opened from the address the first time, or when the hub has forgotten it."""
    hub = get_hub()
    token: str | None = st.session_state.get(_TOKEN)
    if token is None or not hub.knows(token):
        opened = limits.checked(address.read(dict(st.query_params), DEFAULT_PRESET.config), DEFAULT_PRESET.config)
        if reason := limits.why_no_images(opened.config.tasks, shared=is_shared()):
            ask_for_images(opened.config.tasks.kind)
            opened = address.Address(few_shot(GlyphsConfig()), (), (*opened.notes, reason))
        token = hub.open_page(opened.config, opened.timeline)
        st.session_state[_TOKEN] = token
        st.session_state[_NOTES] = [plain(sentence) for sentence in opened.notes[:MAX_NOTES]]
        if len(opened.notes) > MAX_NOTES:
            note(f"... and {len(opened.notes) - MAX_NOTES} more parts of the address that are not understood.")
    return token


def offer_screens(pages: Mapping[Screen, StreamlitPage]) -> None:
    """Remember the screens that this rerun may go to."""
    st.session_state[_PAGES] = pages


def screen(name: Screen) -> StreamlitPage:
    """A screen to link to."""
    found: StreamlitPage = st.session_state[_PAGES][name]
    return found


def open_live(config: RunConfig) -> None:
    """Put a new live run into the place of the page's own; the sweep that it shows goes along."""
    hub = get_hub()
    token = hub.open_page(config)
    hub.inherit_sweep(st.session_state[_TOKEN], token)
    st.session_state[_TOKEN] = token


def draft() -> Draft:
    """The form of the next sweep, as it was when it was last drawn."""
    found: Draft = st.session_state.get(_DRAFT, Draft())
    return found


def keep_draft(draft: Draft) -> None:
    """Remember the form: Streamlit forgets the widgets of a screen that is left."""
    st.session_state[_DRAFT] = draft


def is_shared() -> bool:
    """Whether others use this server too."""
    return saved.is_shared(st.get_option("server.address"))


def plain(sentence: str) -> str:
    """A sentence that may quote an address, so that none of it acts as Markdown."""
    return re.sub(r"([\\`*_{}\[\]()<>#+.!|~$:-])", r"\\\1", sentence)


def show_notes() -> None:
    """Show what was noted, once, in one box: boxes on top of each other would cover the charts."""
    if notes := st.session_state.pop(_NOTES, []):
        st.toast("\n\n".join(notes), icon=":material/info:", duration="long")


def note(sentence: str) -> None:
    """Show a sentence with the next drawing of the page."""
    st.session_state.setdefault(_NOTES, []).append(sentence)


def asked_for_images() -> str:
    """Kind of the tasks that were asked for and whose images are not there yet; empty for none."""
    kind: str = st.session_state.get(_ASKED, "")
    return kind


def ask_for_images(kind: str = "") -> None:
    """Have the page say how to get the images of these tasks, or no longer."""
    st.session_state[_ASKED] = kind


def holding(key: str, value: Any, *, default: str = "value") -> dict[str, Any]:
    """Options by which a widget shows a value, whether it is new on the screen or holds another one.

    A new widget, also one that comes back, begins with it: its browser side may mount it any number of reruns later, and would begin
    with Streamlit's default otherwise. One that holds another value is told; to one that holds it already nothing is said, so that
    whoever is typing or dragging is left alone.

    Args:
        key: Of the widget.
        value: What it shows.
        default: Name of the widget's option that says what it begins with.
    """
    if key in st.session_state and st.session_state[key] != value:
        st.session_state[key] = value
        return {}
    return {default: value}
