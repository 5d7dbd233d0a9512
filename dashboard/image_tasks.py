"""The sidebar's part for few-shot images: what the tasks are, and how to get the images where they are not there.

Glyphs need nothing. Omniglot is imported once; a folder of images is read from the server's own disk, so a server that is shared reads
none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from dashboard import state
from dashboard.limits import NO_OMNIGLOT, why_no_images
from maml_core.config import FolderConfig, ImageConfig, OmniglotConfig
from maml_core.datasets.omniglot import download_omniglot, import_omniglot
from maml_core.errors import ConfigError, DataError

ASKED = "images.asked"
"""Key of the family that was chosen and whose images are not there yet."""

_PATH = "images.path"


def images_wanted(start: Callable[[ImageConfig], None]) -> None:
    """Below the choice of tasks: what to do about images that were asked for and are not there.

    Args:
        start: Begins a run with tasks whose images have come.
    """
    asked = st.session_state.get(ASKED)
    if asked == "omniglot":
        _omniglot(start)
    elif asked == "folder":
        _folder(start)


def _omniglot(start: Callable[[ImageConfig], None]) -> None:
    with st.container(border=True, key="images-wanted"):
        st.markdown(NO_OMNIGLOT)
        if state.is_shared():
            st.caption("Whoever runs this server gets it with `maml data omniglot --download`.")
            return
        if st.button("Download", icon=":material/download:", width="stretch"):
            _got(lambda told: download_omniglot(told), lambda: start(OmniglotConfig()))
        path = st.text_input("Or import from", key=_PATH, placeholder="folder with images_background.zip")
        if path and st.button("Import", icon=":material/folder_open:", width="stretch"):
            _got(lambda told: import_omniglot(path, told), lambda: start(OmniglotConfig()))


def _folder(start: Callable[[ImageConfig], None]) -> None:
    with st.container(border=True, key="images-wanted"):
        reason = why_no_images(FolderConfig(), shared=True) if state.is_shared() else ""
        st.markdown(
            reason or "Images sorted into a folder for each class; four classes at least. Corrupt ones are skipped."
        )
        if reason:
            return
        path = st.text_input("Folder or zip file", key=_PATH, placeholder="/home/me/birds")
        left, right = st.columns(2)
        size = left.number_input("Pixels", 8, 84, 28, help=_help("size"))
        color = right.selectbox("Colour", ["grey", "rgb"], help=_help("color"))
        if path and st.button("Use these images", icon=":material/image:", width="stretch"):
            tasks = FolderConfig(folder=path, size=int(size), color=color)
            _got(lambda told: _read(tasks, told), lambda: start(tasks))


def _read(tasks: FolderConfig, told: Callable[[str, int, int], None]) -> None:
    from maml_core.datasets.folder import folder_splits, load_folder

    if reason := why_no_images(tasks, shared=state.is_shared()):
        raise DataError("missing", reason.rstrip("."))
    images = load_folder(tasks.folder, size=tasks.size, color=tasks.color, on_progress=told)
    splits = folder_splits(images, seed=tasks.split_seed)
    classes = {name: len(found) for name, found in splits.classes.items()}
    fewest = min(classes["meta_train"], classes["meta_validation"])
    if fewest < 2:
        raise DataError(
            "few", f"{len(images.class_names)} classes are too few to train on some and be judged on others"
        )
    if images.skipped:
        first = images.skipped[0]
        state.note(f"{len(images.skipped)} files were skipped, such as {first.name}: {first.reason}.")


def _got(fetch: Callable[[Callable[[str, int, int], None]], Any], then: Callable[[], None]) -> None:
    """Fetch images with a progress bar and go on with them; what fails is said in a sentence."""
    bar = st.progress(0.0, "Starting ...")

    def told(what: str, done: int, whole: int) -> None:
        bar.progress(min(1.0, done / whole) if whole else 0.0, f"{what}: {done:,} of {whole:,}")

    try:
        fetch(told)
        then()
    except (DataError, ConfigError) as error:
        bar.empty()
        st.error(f"{error}.")
        return
    st.session_state[ASKED] = None
    st.rerun()


def _help(name: str) -> str:
    text: str = FolderConfig.__dataclass_fields__[name].metadata["help"]
    return text
