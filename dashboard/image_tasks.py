"""The sidebar's part for few-shot images: how to get them where they are not there.

Glyphs need nothing. Omniglot is imported once; a folder of images is read from the server's own disk, so a server that is shared reads
none.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from dashboard import limits, state
from dashboard.algorithms import Chosen
from dashboard.limits import why_no_images
from dashboard.live.server import get_hub
from dashboard.setups import with_tasks, within
from maml_core.config import FolderConfig, OmniglotConfig, RunConfig
from maml_core.datasets.folder import folder_splits, load_folder
from maml_core.datasets.imageset import OnProgress
from maml_core.datasets.omniglot import download_omniglot, import_omniglot
from maml_core.errors import ConfigError, DataError

_PATH = "images.path"


def images_wanted(token: str, config: RunConfig) -> None:
    """Below the choice of tasks: what to do about images that were asked for and are not there.

    Args:
        token: Of the page.
        config: Of its run.
    """
    asked = state.asked_for_images()
    if asked:
        with st.container(border=True, key="images-wanted"):
            if asked == "omniglot":
                _omniglot(token, config)
            else:
                _folder(token, config)
            st.button("Not now", type="tertiary", on_click=state.ask_for_images)
    elif isinstance(config.tasks, FolderConfig):
        st.button(
            f"Another folder than {state.plain(Path(config.tasks.folder).name)} ...",
            type="tertiary",
            on_click=state.ask_for_images,
            args=("folder",),
        )


def _omniglot(token: str, config: RunConfig) -> None:
    st.markdown(why_no_images(OmniglotConfig(), shared=state.is_shared()))
    if state.is_shared():
        return

    def run() -> Chosen:
        if reason := why_no_images(OmniglotConfig(), shared=False):
            raise DataError("missing", reason.rstrip("."))
        return with_tasks(config, OmniglotConfig())

    def fetched(told: OnProgress) -> Chosen:
        download_omniglot(told)
        return run()

    def imported(told: OnProgress) -> Chosen:
        import_omniglot(_there(path), told)
        return run()

    if st.button("Download", icon=":material/download:", width="stretch"):
        _go_on(token, fetched)
    path = st.text_input("Or import from", key=_PATH, placeholder="folder with images_background.zip")
    if path and st.button("Import", icon=":material/folder_open:", width="stretch"):
        _go_on(token, imported)


def _folder(token: str, config: RunConfig) -> None:
    if state.is_shared():
        st.markdown(why_no_images(FolderConfig(), shared=True))
        return
    st.markdown("Images sorted into a folder for each class; four classes at least. Corrupt ones are skipped.")
    path = st.text_input("Folder or zip file", key=_PATH, placeholder="/home/me/birds")
    left, right = st.columns(2)
    size = left.number_input("Pixels", 8, 84, 28, help=_help("size"))
    color = right.selectbox("Colour", ["grey", "rgb"], help=_help("color"))
    left, right = st.columns(2)
    validation = left.number_input(
        "Validation classes", 2, value=None, placeholder="1 in 5", help=_help("validation_classes")
    )
    test = right.number_input("Test classes", 0, value=None, placeholder="1 in 5", help=_help("test_classes"))

    def read(told: OnProgress) -> Chosen:
        tasks = FolderConfig(
            folder=_there(path), size=int(size), color=color, validation_classes=validation, test_classes=test
        )
        images = load_folder(tasks.folder, size=tasks.size, color=tasks.color, on_progress=told)
        splits = folder_splits(images, seed=tasks.split_seed, num_validation=validation, num_test=test)
        if reason := splits.missing.get("meta_validation"):
            raise DataError("few", f"{images.name} has no classes for validation: {reason}")
        fewest = min(len(splits.classes["meta_train"]), len(splits.classes["meta_validation"]))
        chosen = with_tasks(config, tasks)
        fitting = within(chosen.config, classes=fewest, images=int(images.class_sizes.min()))
        notes = (*chosen.notes, *fitting.notes)
        if images.notes or any(images.published):
            notes += tuple(f"{state.plain(note[:1].upper() + note[1:])}." for note in (splits.note, *images.notes))
        if images.skipped:
            first, many = images.skipped[0], len(images.skipped)
            what = f"{many} files or folders were skipped, such as" if many > 1 else "One was skipped:"
            notes += (f"{what} {state.plain(f'{first.name} ({first.reason})')}.",)
        return Chosen(fitting.config, notes)

    if path and st.button("Use these images", icon=":material/image:", width="stretch"):
        _go_on(token, read)


def _there(path: str) -> str:
    """A path that somebody typed, without the quotes and spaces that come with a copy, and whole: wherever the server starts next, it holds.

    Raises:
        DataError: There is nothing.
    """
    path = path.strip().strip("\"'")
    if reason := why_no_images(FolderConfig(folder=path), shared=state.is_shared()):
        raise DataError("missing", reason.rstrip("."))
    return str(Path(path).expanduser().absolute())


def _go_on(token: str, fetch: Callable[[OnProgress], Chosen]) -> None:
    """Fetch images with a progress bar and start a run on them; what fails is said in a sentence, and the run stays."""
    bar = st.progress(0.0, "Starting ...")

    def told(what: str, done: int, whole: int) -> None:
        bar.progress(min(1.0, done / whole) if whole else 0.0, f"{what}: {done:,} of {whole:,}")

    try:
        new, notes = fetch(told)
        limits.check(new)
    except (DataError, ConfigError) as error:
        bar.empty()
        st.error(state.plain(f"{error}."))
        return
    get_hub().restart(token, lambda _: new)
    state.ask_for_images()
    for note in notes:
        state.note(note)
    st.rerun()


def _help(name: str) -> str:
    text: str = FolderConfig.__dataclass_fields__[name].metadata["help"]
    return text
