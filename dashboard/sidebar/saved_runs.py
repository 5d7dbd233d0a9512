"""The panel of saved runs: save the run, and list, open, rename, delete and download what was saved."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import streamlit as st

from dashboard.charts.symbols import as_sentence, plain
from dashboard.server.start import get_hub
from dashboard.setups import workspaces
from dashboard.setups.algorithms import NAMES, name_of
from dashboard.setups.own_code import server_code, start_with
from dashboard.setups.workspaces import Workspace
from dashboard.sidebar import state
from dashboard.sidebar.opening import OPENED, find_images, open_run
from dashboard.sidebar.presses import act_on, close_said, forget_said, hear_late, show_said
from dashboard.sidebar.run_files import downloads, zipped_folder
from maml_core.config import PythonConfig, RunConfig
from maml_core.errors import ConfigError, StoreError
from maml_core.store import RunInfo, SavedRun, check_name

_NAME, _CHOSEN, _NEW_NAME, _ROOM = "runs.name", "runs.chosen", "runs.new_name", "runs.workspace"
_LEFT = "runs.left"
_FILE = "runs.file"
_REPLACING = "runs.replacing"
_PANEL = "runs"

_STYLE = """
<style>
/* Streamlit writes "Press Enter to submit form" over what stands in a narrow field. */
.st-key-runs-panel [data-testid="InputInstructions"] { display: none; }
.st-key-runs-panel hr { margin: 0.25rem 0; }
.st-key-runs-panel [data-testid="stAlertContainer"] { padding: 0.5rem 0.75rem; }
.st-key-runs-panel [data-testid="stDownloadButton"] button { padding: 0; min-height: 1.75rem; }
/* Why a file could not be made is said above; Streamlit's own words only say that it could not. */
.st-key-runs-panel [data-testid="stDownloadButtonError"] { display: none; }
/* All of it is on the smallest window, below its button. */
[data-testid="stPopoverBody"]:has(.st-key-runs-panel) { max-height: calc(100dvh - 7.25rem) !important; }
</style>
"""

_NOTHING = "There is nothing to save yet: the run is being set up. Try again in a moment"


def runs(token: str) -> None:
    """Draw the button that opens the panel and, while it is open, the panel."""
    if st.session_state.pop(OPENED, False):
        st.session_state[_PANEL] = False
    popover = st.popover("Runs", icon=":material/folder_open:", key=_PANEL, on_change="rerun")
    if popover.open:
        with popover, st.container(key="runs-panel", width=400, gap="small"):
            st.html(_STYLE)
            _panel(token)
    else:
        close_said()


def default_name(config: RunConfig, step: int) -> str:
    """A name that says what a run is.

    >>> default_name(RunConfig(), 1200)
    'MAML a0.01 N1 step 1200'
    """
    algorithm = name_of(config).replace("+", "p")  # which no name of a run may have
    return f"{algorithm} a{config.alpha:g} N{config.num_inner_steps} step {step}"


def _panel(token: str) -> None:
    hear_late()
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
        infos, deleted, left = workspace.list(), workspace.deleted(), workspace.before()
    except StoreError as error:
        st.error(plain(as_sentence(error)))
        return
    st.divider()
    _saved_runs(token, workspace, infos, deleted)
    _import(workspace)
    _left(token, workspace, left)


def _workspace(token: str) -> Workspace | None:
    """Whose runs are shown; on a shared server also the field to choose it. None while the tab is not known."""
    hub = get_hub()
    if not state.is_shared():
        return workspaces.own_workspace()
    tab = hub.tab(token)
    if tab is None:
        return None
    if _ROOM not in st.session_state:
        st.session_state[_ROOM] = hub.workspace(token)

    def enter() -> None:
        st.session_state.pop(_REPLACING, None)
        name = str(st.session_state[_ROOM]).strip()
        st.session_state[_ROOM] = hub.workspace(token)  # whose runs are shown, where the name is refused
        if name:
            workspaces.named_workspace(name)
        hub.enter_workspace(token, name)
        st.session_state[_ROOM] = name

    st.text_input(
        "Workspace",
        key=_ROOM,
        placeholder="this tab's own",
        on_change=act_on("workspace", enter),
        help="Empty: only this browser tab sees its runs, and they are gone with it. With a name: whoever types the same name sees, "
        "changes and deletes the same runs. Choose one that nobody guesses, and note it.",
    )
    if state.is_shared_by_proxy():
        st.caption(
            "You came by a proxy, so others may use this server too, and each tab has runs of its own. If it is yours alone, start it with MAML_SHARED=0."
        )
    show_said("workspace")
    return workspaces.workspace_of(tab, hub.workspace(token), shared=True)


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
            st.session_state[_CHOSEN] = run.name  # whoever downloads or renames next means this one
        except StoreError as error:
            if error.kind != "taken":
                raise
            if workspace.holds(run):  # pressed a second time, as with Enter and then the button
                st.session_state[_CHOSEN] = run.name
                return f"{run.name} is saved already, at outer step {run.step:,}."
            st.session_state[_REPLACING] = run.name
            return ""
        thinned = " Of its long curves, some steps were left out." if len(run.records.steps) < run.step else ""
        return f"Saved {run.name} at outer step {run.step:,}.{thinned}"

    # The name stays where it is typed: pressed again, it is the same run, and a refused one can be mended.
    with st.form("runs.save", border=False):
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        left.text_input("Save this run as", key=_NAME, placeholder=usual)
        right.form_submit_button(
            "Save",
            type="primary",
            width="stretch",
            on_click=act_on("save", lambda: save(str(st.session_state[_NAME]).strip(), replace=False)),
        )
    taken = st.session_state.get(_REPLACING)
    if taken is not None:
        left, right = st.columns([3, 1], vertical_alignment="center")
        left.warning(f"There is a run called {plain(taken)} already.")
        right.button(
            "Replace", key="runs.replace", width="stretch", on_click=act_on("save", lambda: save(taken, replace=True))
        )
    show_said("save")
    before = hub.before(token)
    if before is not None:
        st.button(
            f"Bring back the run before the restart: {plain(default_name(before.config, before.step))}",
            icon=":material/undo:",
            type="tertiary",
            key="runs.before",
            on_click=act_on("save", lambda: _undo(token)),
            help="It is kept below, too, for a week.",
        )

    def live() -> SavedRun:
        run = hub.saved_run(token, usual)
        if run is None:
            raise StoreError("missing", _NOTHING)
        return run

    is_own = isinstance(config.tasks, PythonConfig)
    downloads(
        "This run",
        "live",
        usual,
        live,
        lambda: zipped_folder(live()),
        token=token,
        place="save",
        has_script=not is_own,
    )


def _saved_runs(token: str, workspace: Workspace, infos: Sequence[RunInfo], deleted: str | None) -> None:
    names = [info.name for info in infos]
    if deleted in names:  # its name was given again, or it was imported: there is no place for it
        deleted = None
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
            format_func=plain,
            captions=[_about(info) for info in infos],
            key=_CHOSEN,
            on_change=forget_said,
        )
    _how_it_went(workspace, deleted)
    info = infos[names.index(chosen)]
    name = info.name
    if info.code and not can_open(info):
        st.caption(f"To open it, {plain(start_with(info.code))}.")
    _open_or_delete(
        "runs",
        act_on("chosen", lambda: open_run(token, "chosen", name, workspace.load(name))),
        act_on("chosen", lambda: _delete(workspace, name)),
        disabled=info.problem is not None or not can_open(info),
    )
    find_images(token, "chosen", name, lambda: workspace.load(name))
    with st.form("runs.rename", border=False):
        left, right = st.columns([3, 1])
        left.text_input("New name", key=_NEW_NAME, placeholder="New name", label_visibility="collapsed")
        right.form_submit_button(
            "Rename",
            width="stretch",
            on_click=act_on("chosen", lambda: _rename(workspace, name, str(st.session_state[_NEW_NAME]).strip())),
        )
    if info.problem is None:
        downloads(
            "Chosen run",
            "saved",
            name,
            lambda: workspace.load(name),
            lambda: workspace.zip(name),
            token=token,
            place="chosen",
            has_script=not info.own_problem,
        )


def _import(workspace: Workspace) -> None:
    """The field for a run folder that was downloaded before, here or elsewhere."""
    key = f"{_FILE}.{st.session_state.setdefault(_FILE, 0)}"

    def take_in() -> str | None:
        file = st.session_state.get(key)
        if file is None:
            return None
        st.session_state[_FILE] += 1  # an empty field: the next file may be the same one, mended
        run, was_here = workspace.take_in(file.name, file.getvalue())
        st.session_state[_CHOSEN] = run.name
        is_where = f"at outer step {run.step:,}"
        return f"{run.name} is here already, {is_where}." if was_here else f"Imported {run.name}, {is_where}."

    show_said("import")  # above it, since whoever chose a file may see nothing below it
    st.file_uploader(
        "Import a run folder (zip)",
        type="zip",
        key=key,
        on_change=act_on("import", take_in),
        help="What *Run folder (zip)* gave, or `maml runs export NAME --zip`. All of it is checked first. Where another run has its name, it gets a number.",
    )


def _open_or_delete(
    key: str, open_it: Callable[[], None], delete_it: Callable[[], None], *, disabled: bool = False
) -> None:
    """The two buttons for one run of a list; `disabled` is of the first."""
    left, right = st.columns(2)
    left.button(
        "Open",
        icon=":material/play_circle:",
        key=f"{key}.open",
        width="stretch",
        disabled=disabled,
        on_click=open_it,
    )
    right.button("Delete", icon=":material/delete:", key=f"{key}.delete", width="stretch", on_click=delete_it)


def _left(token: str, workspace: Workspace, infos: Sequence[RunInfo]) -> None:
    """The runs whose place another took, with what to do with one of them; nothing where there are none."""
    if infos:
        st.divider()
        names = {info.name: info for info in infos}
        if st.session_state.get(_LEFT) not in names:
            st.session_state[_LEFT] = infos[0].name
        chosen: str = st.selectbox(
            "Before a reset",
            list(names),
            format_func=lambda name: names[name].problem or _facts(names[name]),
            key=_LEFT,
            on_change=forget_said,
            help=f"Runs whose place another took: the newest {workspaces.MAX_BEFORE}, kept for a week. Open one and save it to keep it.",
        )
        _open_or_delete(
            "runs.before",
            act_on("before", lambda: open_run(token, "before", chosen, workspace.load_before(chosen))),
            act_on("before", lambda: _delete_left(workspace, chosen)),
        )
        find_images(token, "before", chosen, lambda: workspace.load_before(chosen))
    show_said("before")


def _how_it_went(workspace: Workspace, deleted: str | None) -> None:
    show_said("chosen")
    if deleted is not None:
        st.button(
            f"Bring back {plain(deleted)}",
            icon=":material/undo:",
            type="tertiary",
            key="runs.restore",
            on_click=act_on("chosen", lambda: _restore(workspace)),
        )


def _algorithm(name: str) -> str:
    """What an algorithm is called; one of a newer version keeps its own name."""
    return next((called for known, called in NAMES.items() if known == name), name)


def _about(info: RunInfo) -> str:
    """What the list says about a run."""
    if info.problem is not None:
        return f":material/warning: {plain(info.problem)}"
    lock = "" if can_open(info) else ":material/lock: "
    if info.own_problem and not info.code:
        return f"{lock}with a Problem of its own, from Python: it cannot be opened here"
    return lock + plain(_facts(info))


def _facts(info: RunInfo) -> str:
    """What a run is of, how far it came, and when it was saved."""
    parts = [_algorithm(info.algorithm), *([info.code] if info.code else []), f"outer step {info.step:,}"]
    if info.status.kind != "ok":
        parts.append(info.status.kind)
    return " · ".join([*parts, ago(info.saved, datetime.now(UTC))])


def can_open(info: RunInfo) -> bool:
    """Whether a run can be computed here: what it is of is in its settings, or is Python code, and the server was started with the name of some."""
    return not info.own_problem or bool(info.code and server_code())


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


def _delete_left(workspace: Workspace, name: str) -> str:
    workspace.delete_before(name)
    return "Deleted for good."


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
    if not new:
        raise ConfigError("name", new, f"write the new name of {old} first")
    workspace.rename(old, new)
    st.session_state[_CHOSEN], st.session_state[_NEW_NAME] = new, ""
    return f"{old} is now called {new}."


def _delete(workspace: Workspace, name: str) -> str:
    workspace.delete(name)
    return f"Deleted {name}."


def _restore(workspace: Workspace) -> str:
    name = workspace.restore()
    st.session_state[_CHOSEN] = name
    return f"{name} is back."
