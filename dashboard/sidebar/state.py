"""The only file that touches Streamlit's session state and the address.

The run's settings belong to the hub: widgets show what it has and send what changed, and remember nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from dashboard.charts.symbols import in_markdown, plain
from dashboard.server.start import get_hub
from dashboard.setups import address, limits, workspaces
from dashboard.setups.choices import demo_of
from dashboard.setups.own_code import server_code
from dashboard.setups.sweep_draft import Draft, form_text, read_form
from maml_core.config import RunConfig
from maml_core.datasets.again import FileConfig
from maml_core.errors import ConfigError, StoreError
from maml_core.lessons.lesson import Lesson
from maml_core.presets import DEFAULT_PRESET

_TOKEN, _NOTES = "page.token", "page.notes"
_ASKED = "images.asked"
_PAGES = "page.pages"
_DRAFT, _FORM = "page.draft", "form"
_LESSON, _CLASS = "page.lesson", "page.class"
_TOLD, _COUNT, _OVERRULED = "page.told", "page.tellings", "page.overruled"
_SEEN = "page.seen"

SWEEP = "sweep"
"""What an address says of a sweep that is shown: its name."""

Screen = Literal["live", "sensitivity", "lessons"]

MAX_NOTES = 6
"""Sentences about an address that are shown at once."""


def page_token() -> str:
    """This session's page at the hub; opened from the address the first time, or when the hub has forgotten it."""
    hub = get_hub()
    token: str | None = st.session_state.get(_TOKEN)
    if token is None or not hub.knows(token):
        opened = limits.checked(_read_address(), DEFAULT_PRESET.config)
        tasks, stands_in_for = opened.config.tasks, None
        if reason := limits.why_no_images(tasks, shared=is_shared()):
            assert isinstance(tasks, FileConfig)
            st.session_state[_ASKED] = tasks.kind
            opened = limits.without_images(opened, reason)
            stands_in_for = None if is_shared() else tasks
        token = hub.open_page(
            opened.config,
            opened.timeline,
            at=opened.at,
            stands_in_for=stands_in_for,
            look=opened.look,
            beside=opened.beside,
        )
        if origin := st.context.headers.get("Origin"):
            hub.origins.add(origin)
        st.session_state[_TOKEN] = token
        st.session_state[_NOTES] = [plain(sentence) for sentence in opened.notes[:MAX_NOTES]]
        if len(opened.notes) > MAX_NOTES:
            note(f"... and {len(opened.notes) - MAX_NOTES} more parts of the address that are not understood.")
    return token


def _read_address() -> address.Address:
    """The run that the page's address names; where it names none, that of the problem of one's own with whose name the server was started, if any."""
    query, default, own = dict(st.query_params), DEFAULT_PRESET.config, None
    why = ""
    if server_code() and address.asks_for(query) != "named":
        try:
            own = get_hub().own_tasks.found()
        except (ConfigError, StoreError) as error:
            why = f"{error}. The default set-up is used."
    found = address.read(query, default if own is None else demo_of(own), own)
    return found._replace(notes=(why,)) if why else found


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


def let_page_be_seen() -> None:
    """Something was put on the page: where the sidebar lies over it, as on a phone, it folds."""
    st.session_state[_SEEN] = times_to_be_seen() + 1


def times_to_be_seen() -> int:
    """How often that was said in this session."""
    times: int = st.session_state.get(_SEEN, 0)
    return times


class _Attended(NamedTuple):
    """The lesson that this session has a page of."""

    name: str
    seed: int
    token: str


def lesson_token(lesson: Lesson, *, at: int, seed: int) -> str:
    """This session's page for a lesson at the hub; opened the first time, or when the hub has forgotten it.

    Args:
        lesson: Which.
        at: The step at which it begins if it is opened.
        seed: See `Sockets.open_lesson`; another one is another page.
    """
    hub = get_hub()
    known: _Attended | None = st.session_state.get(_LESSON)
    if known is None or known[:2] != (lesson.name, seed) or not hub.knows(known.token):
        token = hub.open_lesson(lesson, home=page_token(), at=at, seed=seed)
        st.session_state[_LESSON] = known = _Attended(lesson.name, seed, token)
    return known.token


def begin_anew(name: str) -> None:
    """A lesson that this session has gone through to its end begins at its first step when it is chosen from the list again."""
    known: _Attended | None = st.session_state.get(_LESSON)
    if known is not None and known.name == name and get_hub().leave_lesson_that_is_over(known.token):
        del st.session_state[_LESSON]


class _Followed(NamedTuple):
    """The class that this session has a page of."""

    code: str
    token: str


def class_token(code: str) -> str:
    """This session's page in a class at the hub; opened the first time, or when the hub has forgotten it.

    Args:
        code: As the address has it.

    Raises:
        ValueError: There is no such class, or no room in it; says so in a sentence.
    """
    hub = get_hub()
    known: _Followed | None = st.session_state.get(_CLASS)
    if known is None or known.code != code or not hub.knows(known.token):
        token = hub.join_class(code, home=page_token(), client=st.context.ip_address or "")
        st.session_state[_CLASS] = known = _Followed(code, token)
    return known.token


def was_in_class(code: str) -> bool:
    """Whether this session was in a class that is no more; asked once."""
    known: _Followed | None = st.session_state.pop(_CLASS, None)
    return known is not None and known.code == code


def draft() -> Draft:
    """The form of the next sweep, as it was when it was last drawn; after a reload as the address says."""
    if _DRAFT not in st.session_state:
        st.session_state[_DRAFT] = read_form(st.query_params.get(_FORM, ""))
    found: Draft = st.session_state[_DRAFT]
    return found


def keep_draft(draft: Draft) -> None:
    """Remember the form: Streamlit forgets the widgets of a screen that is left."""
    st.session_state[_DRAFT] = draft


def show_draft_in_address() -> None:
    """Let a reload find the form."""
    text = form_text(draft())
    if text and st.query_params.get(_FORM) != text:
        st.query_params[_FORM] = text
    elif not text and _FORM in st.query_params:
        del st.query_params[_FORM]


def is_shared() -> bool:
    """Whether others use this server too, as far as this visitor's way to it tells."""
    return workspaces.is_shared(st.get_option("server.address"), headers=st.context.headers)


def is_shared_by_proxy() -> bool:
    """Whether that others use this server is only taken from the visitor's way to it."""
    return is_shared() and not workspaces.is_shared(st.get_option("server.address"))


def show_notes() -> None:
    """Show what was noted, once, in one box: boxes on top of each other would cover the charts."""
    if notes := st.session_state.pop(_NOTES, []):
        st.toast("\n\n".join(notes), icon=":material/info:", duration="long")


def note(sentence: str) -> None:
    """Show a sentence with the next drawing of the page."""
    st.session_state.setdefault(_NOTES, []).append(in_markdown(sentence))


def asked_for_images() -> str:
    """Kind of the tasks that were asked for and whose images are not there yet; empty for none."""
    kind: str = st.session_state.get(_ASKED, "")
    return kind


def ask_for_images(kind: str = "") -> None:
    """Have the page say how to get the images of these tasks, or no longer; those that its address asked for are waited for no longer."""
    if (token := st.session_state.get(_TOKEN)) is not None:
        get_hub().stop_waiting(token)
    st.session_state[_ASKED] = kind


def open_awaited(opened: address.Address) -> None:
    """Put the run that the page's address asked for, whose images are there now, into the place of the one that stood in for it."""
    hub = get_hub()
    st.session_state[_ASKED] = ""
    token = hub.open_page(opened.config, opened.timeline, at=opened.at, look=opened.look, beside=opened.beside)
    hub.inherit_sweep(st.session_state[_TOKEN], token)
    st.session_state[_TOKEN] = token


class _Overruled(NamedTuple):
    """What a widget held when it was told to hold something else."""

    value: Any
    at: int
    """Number of the telling."""


def holding(key: str, value: Any, on_change: Callable[..., None], *, default: str = "value") -> dict[str, Any]:
    """Options by which a widget shows a value, whether it is new on the screen or holds another one, and calls back when a person changes it.

    A new widget, also one that comes back, begins with it: its browser side may mount it any number of reruns later, and would begin
    with Streamlit's default otherwise. One that holds another value is told; to one that holds it already nothing is said, so that
    whoever is typing or dragging is left alone.

    A browser that has not heard yet that a widget was told goes on saying what it held before, with whatever else is pressed meanwhile, and
    Streamlit takes that for a change. Such an echo calls nobody back.

    Args:
        key: Of the widget.
        value: What it shows.
        on_change: Called with the widget's arguments.
        default: Name of the widget's option that says what it begins with.
    """

    def heard(*args: Any) -> None:
        if not _is_echo(key):
            on_change(*args)

    if key not in st.session_state or st.session_state[key] == value:
        return {default: value, "on_change": heard}
    st.session_state[_COUNT] = at = st.session_state.get(_COUNT, 0) + 1
    st.session_state.setdefault(_OVERRULED, {})[key] = [*_not_heard_of(key), _Overruled(st.session_state[key], at)]
    st.session_state[key] = value
    return {"on_change": heard}


def count_tellings() -> None:
    """Put how often widgets were told so far into a field that nobody sees: what comes back in it says how much of it the browser has heard.
    It is drawn behind all of them.
    """
    st.session_state[_TOLD] = str(st.session_state.get(_COUNT, 0))
    with st.container(key="told"):  # which the style sheet hides
        st.text_input("told", key=_TOLD, label_visibility="collapsed")


def _is_echo(key: str) -> bool:
    """Whether a widget holds what it held before it was told otherwise, in a browser that has not heard of that yet."""
    return any(one.value == st.session_state[key] for one in _not_heard_of(key))


def _not_heard_of(key: str) -> list[_Overruled]:
    heard = int(st.session_state.get(_TOLD) or 0)
    return [one for one in st.session_state.get(_OVERRULED, {}).get(key, []) if one.at > heard]
