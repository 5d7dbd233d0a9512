"""What the list of earlier sweeps offers besides opening and deleting one: another name, a file of it, and a sweep from such a file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import streamlit as st

from dashboard.server.start import get_hub
from dashboard.sidebar import state, sweep_actions
from dashboard.sidebar.presses import act_on, hear_late, made_for, show_said
from dashboard.sidebar.sweep_actions import Storage
from maml_core.errors import ConfigError, StoreError

CHOSEN = "sweep.chosen"
"""The sweep that is chosen in the list."""

_NEW_NAME, _FILE, _FILE_NAME = "sweep.new_name", "sweep.file", "sweep.file_name"

_STYLE = """
<style>
/* As in the panel of saved runs: Streamlit writes "Press Enter to submit form" over what stands in a narrow field. */
.st-key-sweep-panel [data-testid="InputInstructions"] { display: none; }
.st-key-sweep-panel hr { margin: 0.25rem 0; }
.st-key-sweep-panel [data-testid="stAlertContainer"] { padding: 0.5rem 0.75rem; }
.st-key-sweep-panel [data-testid="stDownloadButton"] button { padding: 0; min-height: 1.75rem; }
/* Why a file could not be made is said above; Streamlit's own words only say that it could not. */
.st-key-sweep-panel [data-testid="stDownloadButtonError"] { display: none; }
</style>
"""


@contextlib.contextmanager
def panel() -> Iterator[None]:
    """Where the list stands: as wide whatever is said in it."""
    with st.container(key="sweep-panel", width=320, gap="small"):
        st.html(_STYLE)
        hear_late()
        yield


def name_and_file(token: str, name: str, place: Storage) -> None:
    """A field for another name of the chosen sweep, and the sweep as a file."""
    show_said("sweep")
    with st.form("sweep.rename", border=False):
        left, right = st.columns([3, 2])
        left.text_input("New name", key=_NEW_NAME, placeholder="New name", label_visibility="collapsed")
        right.form_submit_button(
            "Rename",
            width="stretch",
            on_click=act_on("sweep", lambda: _rename(token, name, str(st.session_state[_NEW_NAME]).strip(), place)),
        )
    st.caption("**Chosen sweep** as a file")
    st.download_button(
        "Whole sweep (zip)",
        made_for(token, "sweep", lambda: sweep_actions.zipped(name, place)),
        file_name=f"{name}.zip",
        mime="application/zip",
        key="sweep.zip",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        help="Study, curves and what is under way, for Import on another page, or maml sweeps import.",
    )


def taking_in(place: Storage) -> None:
    """Fields for a sweep that was computed elsewhere."""
    with st.form("sweep.import", border=False):
        st.file_uploader(
            "Import a sweep (zip)",
            type="zip",
            key=_FILE,
            help="What *Whole sweep (zip)* gave, or `maml sweeps export NAME --zip`. All of it is checked first, and no code of it is run.",
        )
        left, right = st.columns([3, 2], vertical_alignment="bottom")
        left.text_input(
            "Name of the import",
            key=_FILE_NAME,
            placeholder="its own name",
            help="Empty: the name that the sweep has in the file. One that is taken here is refused.",
        )
        right.form_submit_button("Import", width="stretch", on_click=act_on("sweep file", lambda: _import(place)))
        show_said("sweep file")


def _rename(token: str, name: str, new: str, place: Storage) -> str:
    if not new:
        raise ConfigError("name", new, f"write the new name of {name} first")
    new = sweep_actions.rename(get_hub(), token, name, new, place)
    st.session_state[CHOSEN], st.session_state[_NEW_NAME] = new, ""
    if st.query_params.get(state.SWEEP) == name:
        st.query_params[state.SWEEP] = new  # it is opened again, under this name
    return f"{name} is now called {new}."


def _import(place: Storage) -> str:
    file = st.session_state[_FILE]
    if file is None:
        raise StoreError("missing", "choose the file of a sweep first")
    name = str(st.session_state[_FILE_NAME]).strip() or None
    kept = sweep_actions.take_in(file.getvalue(), file.name, name, place, is_limited=state.is_shared())
    st.session_state[CHOSEN], st.session_state[_FILE_NAME] = kept, ""
    return f"Imported {kept}: Open shows it."
