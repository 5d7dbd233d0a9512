"""The sidebar's part for few-shot images: how to get them where they are not there.

Glyphs need nothing. Omniglot is imported once; a folder of images is read from the server's own disk, so a server that is shared reads
none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import streamlit as st

from dashboard.charts.symbols import as_sentence, literal, plain
from dashboard.server.start import get_hub
from dashboard.setups import limits
from dashboard.setups.algorithms import Chosen
from dashboard.setups.choices import limited_to, with_tasks
from dashboard.setups.limits import why_no_images
from dashboard.sidebar import state
from maml_core.config import FolderConfig, OmniglotConfig, RunConfig, replace
from maml_core.datasets.again import load_images_of
from maml_core.datasets.imageset import ImageSet, OnProgress
from maml_core.datasets.omniglot import download_omniglot, import_omniglot
from maml_core.datasets.splits import Splits
from maml_core.errors import ConfigError, DataError, StoreError
from maml_core.store.images import with_images

_PATH, _LOST_PATH = "images.path", "images.lost_path"


def images_wanted(token: str, config: RunConfig, *, lost: bool = False) -> None:
    """Below the choice of tasks: what to do about images that were asked for and are not there.

    Args:
        token: Of the page.
        config: Of its run.
        lost: The folder of the run's images is not there any more, or not what it was.
    """
    asked, awaited = state.asked_for_images(), get_hub().awaited(token)
    if asked:
        with st.container(border=True, key="images-wanted"):
            if asked == "omniglot":
                _omniglot(token, config)
            elif awaited is not None:
                _awaited_folder(token, awaited.config)
            else:
                _folder(token, config)
            st.button(
                "Stay with Glyphs" if awaited is not None else "Not now",
                type="tertiary",
                on_click=state.ask_for_images,
            )
        return
    if lost and isinstance(config.tasks, FolderConfig) and not state.is_shared():
        with st.container(border=True, key="images-lost"):
            _lost_folder(token, config.tasks)
    if isinstance(config.tasks, FolderConfig):
        st.button(
            f"Another folder than {plain(Path(config.tasks.folder).name)} ...",
            type="tertiary",
            on_click=state.ask_for_images,
            args=("folder",),
        )


def _omniglot(token: str, config: RunConfig) -> None:
    st.markdown(plain(why_no_images(OmniglotConfig(), shared=state.is_shared())))
    if state.is_shared():
        return

    def run() -> Chosen:
        if reason := why_no_images(OmniglotConfig(), shared=False):
            raise DataError("missing", reason.rstrip("."))
        awaited = get_hub().awaited(token)
        return Chosen(awaited.config) if awaited is not None else with_tasks(config, OmniglotConfig())

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
    color: Literal["grey", "rgb"] = right.selectbox("Colour", ["grey", "rgb"], help=_help("color"))
    left, right = st.columns(2)
    validation = left.number_input(
        "Validation classes", 2, value=None, placeholder="1 in 5", help=_help("validation_classes")
    )
    test = right.number_input("Test classes", 0, value=None, placeholder="1 in 5", help=_help("test_classes"))

    def read(told: OnProgress) -> Chosen:
        tasks = FolderConfig(
            folder=_there(path), size=int(size), color=color, validation_classes=validation, test_classes=test
        )
        images, splits = load_images_of(tasks, told)
        chosen = with_tasks(config, tasks)
        fitting = _fitted(chosen.config, images, splits)
        notes = (*chosen.notes, *fitting.notes)
        if images.notes or any(images.published):
            notes += tuple(f"{literal(note[:1].upper() + note[1:])}." for note in (splits.note, *images.notes))
        if images.skipped:
            first, many = images.skipped[0], len(images.skipped)
            what = f"{many} files or folders were skipped, such as" if many > 1 else "One was skipped:"
            notes += (f"{what} {literal(f'{first.name} ({first.reason})')}.",)
        return Chosen(fitting.config, notes)

    if path and st.button("Use these images", icon=":material/image:", width="stretch"):
        _go_on(token, read)


def _fitted(config: RunConfig, images: ImageSet, splits: Splits) -> Chosen:
    """A set-up of these images with no more ways and shots than they allow.

    Raises:
        DataError: No class is left for validation.
    """
    if reason := splits.missing.get("meta_validation"):
        raise DataError("few", f"{images.name} has no classes for validation: {reason}")
    fewest = min(len(splits.classes["meta_train"]), len(splits.classes["meta_validation"]))
    return limited_to(config, classes=fewest, images=int(images.class_sizes.min()))


def _awaited_folder(token: str, config: RunConfig) -> None:
    """The folder that the page's address names is not there: where it is, and the run begins with all that the address says."""
    assert isinstance(config.tasks, FolderConfig)
    tasks = config.tasks
    called = (
        f"names the folder {plain(tasks.folder)}, which is not on this machine" if tasks.folder else "names no folder"
    )
    st.markdown(
        f"The address {called}. Give its place now, and the run starts with all settings of the address; until then Glyphs "
        "stand in. Or choose other tasks above."
    )
    path = st.text_input("Where these images lie now", key=_PATH, placeholder="folder or zip file")

    def read(told: OnProgress) -> Chosen:
        there = dataclasses.replace(tasks, folder=_there(path))
        return _fitted(replace(config, {"tasks": there}), *load_images_of(there, told))

    if path and st.button("Start with these images", icon=":material/image:", width="stretch"):
        _go_on(token, read)


def _lost_folder(token: str, tasks: FolderConfig) -> None:
    """The folder of a run is not there any more: where it is, and the run goes on."""
    st.markdown(
        f"The images of this run were in {plain(tasks.folder)}, where they are no longer as they were. Give the place where they are "
        "now, and the run goes on at its step; or choose other tasks above."
    )
    with st.form("images.lost", border=False):
        path = st.text_input("Where the same images lie now", key=_LOST_PATH, placeholder="folder or zip file")
        pressed = st.form_submit_button("Find", width="stretch")
    if not pressed:
        return
    bar = st.progress(0.0, "Reading the images ...")

    def told(what: str, done: int, whole: int) -> None:
        bar.progress(min(1.0, done / whole) if whole else 0.0, f"{what}: {done:,} of {whole:,}")

    hub, note = get_hub(), ""
    try:
        folder = _there(path)
        run = hub.saved_run(token, "this run")
        if run is None:  # it had not begun
            there = dataclasses.replace(tasks, folder=folder)
            load_images_of(there, told)
            hub.restart(token, lambda config: replace(config, {"tasks": there}))
        else:
            run, note = with_images(run, folder=folder, on_progress=told)
            hub.open_run(token, run)
    except (ConfigError, DataError, StoreError) as error:
        bar.empty()
        st.error(plain(as_sentence(error)))
        return
    if note:
        state.note(literal(f"{note[:1].upper()}{note[1:]}."))
    state.note(literal(f"The images are found in {folder}: Play goes on at outer step {hub.step(token):,}."))
    st.rerun()


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
        if (awaited := get_hub().awaited(token)) is not None:
            state.open_awaited(awaited._replace(config=new))
        else:
            get_hub().restart(token, lambda _: new)
            state.ask_for_images()
    except (DataError, ConfigError, StoreError) as error:
        bar.empty()
        st.error(plain(as_sentence(error)))
        return
    for note in notes:
        state.note(note)
    st.rerun()


def _help(name: str) -> str:
    text: str = FolderConfig.__dataclass_fields__[name].metadata["help"]
    return text
