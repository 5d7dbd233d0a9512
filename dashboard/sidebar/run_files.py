"""Downloads of a run: its curves, its folder, a script."""

from __future__ import annotations

import tempfile
from collections.abc import Callable

import streamlit as st

from dashboard.sidebar.presses import Place, made_for
from maml_core.exports.curves import curves_csv
from maml_core.exports.script import run_script
from maml_core.store import RunStore, SavedRun


def downloads(
    heading: str,
    key: str,
    name: str,
    run: Callable[[], SavedRun],
    zipped: Callable[[], bytes],
    *,
    token: str,
    place: Place,
    has_script: bool = True,
) -> None:
    """A button a kind of file under a heading that says of which run; nothing is computed before one is pressed. Where there is no script it says why, and
    where there is no run any more when one is pressed, that is said in the panel.
    """

    def csv() -> bytes:
        return curves_csv(run().records).encode()

    def python() -> bytes:
        return run_script(run()).encode()

    kinds: list[tuple[str, str, str, Callable[[], bytes]]] = [
        ("Curves (CSV)", "csv", "text/csv", csv),
        ("Run folder (zip)", "zip", "application/zip", zipped),
        *([("Python script", "py", "text/x-python", python)] if has_script else []),
    ]
    st.caption(f"**{heading}** as a file")
    with st.container(horizontal=True, gap="small"):
        for label, ending, mime, make in kinds:
            st.download_button(
                label,
                made_for(token, place, make),
                file_name=f"{name}.{ending}",
                mime=mime,
                key=f"runs.{key}.{ending}",
                icon=":material/download:",
                type="tertiary",
                on_click="ignore",
            )
    if not has_script:
        st.caption("There is no script of it: its tasks, network and loss are in Python code of their own.")


def zipped_folder(run: SavedRun) -> bytes:
    """A run's folder as a ZIP archive, without saving it."""
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(folder)
        store.save(run)
        return store.zip(run.name)
