"""The panel of saved runs: save the run, and list, open, rename, delete and download what was saved.

What is pressed is done at once, in the press's callback; how it went stands next to the button afterwards.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

import streamlit as st

from dashboard import saved, state
from dashboard.algorithms import NAMES, name_of
from dashboard.live.server import get_hub
from dashboard.saved import Workspace
from maml_core.config import RunConfig
from maml_core.errors import ConfigError, StoreError
from maml_core.exports import curves_csv, run_script
from maml_core.store import RunInfo, RunStore, SavedRun, check_name

_NAME, _CHOSEN, _NEW_NAME, _ROOM = "runs.name", "runs.chosen", "runs.new_name", "runs.workspace"
_SAID, _REPLACING = "runs.said", "runs.replacing"

_STYLE = """
<style>
/* Streamlit writes "Press Enter to submit form" over what stands in a narrow field. */
.st-key-runs-panel [data-testid="InputInstructions"] { display: none; }
.st-key-runs-panel hr { margin: 0.25rem 0; }
.st-key-runs-panel [data-testid="stAlertContainer"] { padding: 0.5rem 0.75rem; }
.st-key-runs-panel [data-testid="stDownloadButton"] button { padding: 0; }
</style>
"""

_NOTHING = "There is nothing to save yet: the run is being set up. Try again in a moment"

Place = Literal["save", "chosen", "workspace"]


class _Said(NamedTuple):
    """How something went, and next to what it is shown."""

    place: Place
    sentence: str
    is_error: bool = False


def runs(token: str) -> None:
    """Draw the button that opens the panel and, while it is open, the panel."""
    popover = st.popover("Runs", icon=":material/folder_open:", key="runs", on_change="rerun")
    if popover.open:
        with popover, st.container(key="runs-panel", width=400, gap="small"):
            st.html(_STYLE)
            _panel(token)


def default_name(config: RunConfig, step: int) -> str:
    """A name that says what a run is.

    >>> default_name(RunConfig(), 1200)
    'MAML a0.01 N1 step 1200'
    """
    algorithm = name_of(config).replace("+", "p")  # which no name of a run may have
    return f"{algorithm} a{config.alpha:g} N{config.num_inner_steps} step {step}"


def _panel(token: str) -> None:
    hub = get_hub()
    config = hub.config(token)
    if config is None:
        return
    workspace = _workspace(token)
    if workspace is None:
        st.caption("The page is still connecting; open this again in a moment.")
        return
    _save(token, workspace, config)
    try:
        infos, deleted = workspace.list(), workspace.deleted()
    except StoreError as error:
        st.error(f"{state.plain(str(error))}.")
        return
    st.divider()
    _saved_runs(token, workspace, infos, deleted)


def _workspace(token: str) -> Workspace | None:
    """Whose runs are shown; on a shared server also the field to choose it. None while the tab is not known."""
    hub = get_hub()
    if not state.is_shared():
        return saved.own_workspace()
    tab = hub.tab(token)
    if tab is None:
        return None
    if _ROOM not in st.session_state:
        st.session_state[_ROOM] = hub.workspace(token)

    def enter() -> None:
        st.session_state.pop(_REPLACING, None)
        name = str(st.session_state[_ROOM]).strip()
        if name:
            saved.named_workspace(name)
        hub.enter_workspace(token, name)

    st.text_input(
        "Workspace",
        key=_ROOM,
        max_chars=80,
        placeholder="this tab's own",
        on_change=_act("workspace", enter),
        help="Empty: only this browser tab sees its runs, and they are gone with it. With a name: whoever types the same name sees, "
        "changes and deletes the same runs. Choose one that nobody guesses, and note it.",
    )
    _show_said("workspace")
    name = hub.workspace(token)
    return saved.named_workspace(name) if name else saved.tab_workspace(tab)


def _save(token: str, workspace: Workspace, config: RunConfig) -> None:
    hub = get_hub()
    usual = default_name(config, hub.step(token))

    def save(name: str, *, replace: bool) -> str:
        st.session_state.pop(_REPLACING, None)
        run = hub.saved_run(token, check_name(name) if name else usual)
        if run is None:
            raise StoreError("missing", _NOTHING)
        if not name:  # it may have trained on since the panel was drawn
            run = dataclasses.replace(run, name=default_name(run.config, run.step))
        try:
            workspace.save(run, replace=replace)
        except StoreError as error:
            if error.kind != "taken":
                raise
            st.session_state[_REPLACING] = run.name
            return ""
        thinned = " Of its long curves, some steps were left out." if len(run.records.steps) < run.step else ""
        return f"Saved {run.name} at outer step {run.step:,}.{thinned}"

    with st.form("runs.save", border=False, clear_on_submit=True):
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        left.text_input("Save this run as", key=_NAME, max_chars=80, placeholder=usual)
        right.form_submit_button(
            "Save",
            type="primary",
            width="stretch",
            on_click=_act("save", lambda: save(str(st.session_state[_NAME]).strip(), replace=False)),
        )
    taken = st.session_state.get(_REPLACING)
    if taken is not None:
        left, right = st.columns([3, 1], vertical_alignment="center")
        left.warning(f"There is a run called {state.plain(taken)} already.")
        right.button(
            "Replace", key="runs.replace", width="stretch", on_click=_act("save", lambda: save(taken, replace=True))
        )
    _show_said("save")
    before = hub.before(token)
    if before is not None:
        st.button(
            f"Bring back the run before the restart: {state.plain(default_name(before.config, before.step))}",
            icon=":material/undo:",
            type="tertiary",
            key="runs.before",
            on_click=_act("save", lambda: _undo(token)),
            help="It is kept with this page only: bring it back to save it.",
        )

    def live() -> SavedRun:
        run = hub.saved_run(token, usual)
        if run is None:
            raise StoreError("missing", _NOTHING)
        return run

    _downloads("live", usual, live, lambda: _zipped(live()))


def _saved_runs(token: str, workspace: Workspace, infos: Sequence[RunInfo], deleted: str | None) -> None:
    names = [info.name for info in infos]
    if not names:
        _how_it_went(workspace, deleted)
        st.caption("No saved runs.")
        return
    if st.session_state.get(_CHOSEN) not in names:  # another tab may have deleted it
        st.session_state[_CHOSEN] = names[0]
    with st.container(height=min(220, 32 + 53 * len(names)), border=False):
        chosen = st.radio(
            "Saved runs",
            names,
            format_func=state.plain,
            captions=[_about(info) for info in infos],
            key=_CHOSEN,
        )
    _how_it_went(workspace, deleted)
    info = infos[names.index(chosen)]
    name = info.name
    left, right = st.columns(2)
    left.button(
        "Open",
        icon=":material/play_circle:",
        key="runs.open",
        width="stretch",
        disabled=info.problem is not None or info.own_problem,
        on_click=_act("chosen", lambda: _open(token, workspace, name)),
    )
    right.button(
        "Delete",
        icon=":material/delete:",
        key="runs.delete",
        width="stretch",
        on_click=_act("chosen", lambda: _delete(workspace, name)),
    )
    with st.form("runs.rename", border=False, clear_on_submit=True):
        left, right = st.columns([3, 1])
        left.text_input("New name", key=_NEW_NAME, max_chars=80, placeholder="New name", label_visibility="collapsed")
        right.form_submit_button(
            "Rename",
            width="stretch",
            on_click=_act("chosen", lambda: _rename(workspace, name, str(st.session_state[_NEW_NAME]).strip())),
        )
    if info.problem is None:
        _downloads(
            "saved",
            name,
            lambda: workspace.load(name),
            lambda: workspace.zip(name),
            has_script=not info.own_problem,
        )


def _how_it_went(workspace: Workspace, deleted: str | None) -> None:
    _show_said("chosen")
    if deleted is not None:
        st.button(
            f"Bring back {state.plain(deleted)}",
            icon=":material/undo:",
            type="tertiary",
            key="runs.restore",
            on_click=_act("chosen", lambda: _restore(workspace)),
        )


def _about(info: RunInfo) -> str:
    """What the list says about a run."""
    if info.problem is not None:
        return f":material/warning: {state.plain(info.problem)}"
    if info.own_problem:
        return ":material/lock: with a Problem of its own, from Python: it cannot be opened here"
    parts = [NAMES.get(info.algorithm, info.algorithm), f"outer step {info.step:,}"]
    if info.status.kind != "ok":
        parts.append(info.status.kind)
    return " · ".join([*parts, ago(info.saved, datetime.now(UTC))])


def ago(saved_at: str, now: datetime) -> str:
    """How long ago something was, in words.

    >>> ago("2026-07-01T10:00:00+00:00", datetime(2026, 7, 1, 12, 30, tzinfo=UTC))
    '2 h ago'
    """
    then = datetime.fromisoformat(saved_at)
    minutes = int((now - then.astimezone(UTC)).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 24 * 60 else f"{then:%Y-%m-%d}"


def _downloads(
    key: str, name: str, run: Callable[[], SavedRun], zipped: Callable[[], bytes], *, has_script: bool = True
) -> None:
    """A button a kind of file; nothing is computed before one is pressed."""

    def csv() -> bytes:
        return curves_csv(run().records).encode()

    def python() -> bytes:
        return run_script(run()).encode()

    kinds: list[tuple[str, str, str, Callable[[], bytes]]] = [
        ("Curves (CSV)", "csv", "text/csv", csv),
        ("Run folder (zip)", "zip", "application/zip", zipped),
        *([("Python script", "py", "text/x-python", python)] if has_script else []),
    ]
    with st.container(horizontal=True, gap="small"):
        for label, ending, mime, make in kinds:
            st.download_button(
                label,
                make,
                file_name=f"{name}.{ending}",
                mime=mime,
                key=f"runs.{key}.{ending}",
                icon=":material/download:",
                type="tertiary",
                on_click="ignore",
            )


def _zipped(run: SavedRun) -> bytes:
    """A run's folder as a ZIP archive, without saving it."""
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(folder)
        store.save(run)
        return store.zip(run.name)


def _open(token: str, workspace: Workspace, name: str) -> str:
    run = workspace.load(name)
    get_hub().open_run(token, run)
    return f"Opened {name}, paused at outer step {run.step:,}."


def _undo(token: str) -> str:
    hub = get_hub()
    try:
        hub.undo(token)
    except ConfigError:
        raise
    except ValueError:  # brought back on the page meanwhile
        return "It is back already."
    return f"It is back, paused at outer step {hub.step(token):,}."


def _rename(workspace: Workspace, old: str, new: str) -> str:
    workspace.rename(old, new)
    st.session_state[_CHOSEN] = new
    return f"{old} is now called {new}."


def _delete(workspace: Workspace, name: str) -> str:
    workspace.delete(name)
    return f"Deleted {name}."


def _restore(workspace: Workspace) -> str:
    name = workspace.restore()
    st.session_state[_CHOSEN] = name
    return f"{name} is back."


def _act(place: Place, action: Callable[[], str | None]) -> Callable[[], None]:
    """Do something when pressed, and say how it went."""

    def act() -> None:
        st.session_state.pop(_SAID, None)
        try:
            sentence = action()
        except (ConfigError, StoreError) as error:
            st.session_state[_SAID] = _Said(place, f"{error}.", is_error=True)
            return
        if sentence:
            st.session_state[_SAID] = _Said(place, sentence)

    return act


def _show_said(place: Place) -> None:
    said: _Said | None = st.session_state.get(_SAID)
    if said is not None and said.place == place:
        (st.error if said.is_error else st.success)(state.plain(said.sentence))
